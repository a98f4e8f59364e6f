package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
)

// Grant finds what a token stands for, also what is not usable.
func (db *DB) Grant(ctx context.Context, id auth.TokenID) (g auth.Grant, ok bool, err error) {
	err = db.view(ctx, func(t *txn) error {
		g, ok, err = t.grant(id)
		return err
	})
	return g, ok && err == nil, err
}

// GrantsOf lists a merchant's grants, oldest first, revoked and offered ones too.
func (db *DB) GrantsOf(ctx context.Context, m merchant.ID) (list []auth.Grant, err error) {
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		list, err = t.grants(bGrantsOf, key32(nil, no), nil)
		return err
	})
	slices.SortStableFunc(list, func(a, b auth.Grant) int { return a.Created.Compare(b.Created) })
	return list, err
}

// ReadAuth runs fn on a consistent view of grants, clients and sessions.
func (db *DB) ReadAuth(ctx context.Context, fn func(auth.View) error) error {
	return db.view(ctx, func(t *txn) error { return fn(authTx{t}) })
}

// UpdateAuth runs fn, and commits what it wrote.
func (db *DB) UpdateAuth(ctx context.Context, fn func(auth.Tx) error) error {
	return db.update(ctx, func(t *txn) error { return fn(authTx{t}) })
}

// authTx is a transaction as package auth sees it.
type authTx struct{ t *txn }

// Grant implements auth.View.
func (x authTx) Grant(id auth.TokenID) (auth.Grant, bool, error) { return x.t.grant(id) }

// GrantByCode implements auth.View.
func (x authTx) GrantByCode(code string) (auth.Grant, bool, error) {
	payload, ok, err := x.t.get(bCodes, keyHash(nil, code))
	if err != nil || !ok {
		return auth.Grant{}, false, err
	}
	return x.t.known(payload)
}

// GrantsOfSIN implements auth.View.
func (x authTx) GrantsOfSIN(s auth.SIN) ([]auth.Grant, error) {
	return x.t.grants(bGrantsOfSIN, keyHash(nil, string(s)), nil)
}

// Pairings implements auth.View.
func (x authTx) Pairings() ([]auth.Grant, error) { return x.t.grants(bPairings, nil, nil) }

// Overdue implements auth.Tx.
func (x authTx) Overdue(now time.Time, limit int) ([]auth.Grant, error) {
	last := keyTime(nil, now)
	return x.t.grants(bPairings, nil, func(key []byte, n int) bool {
		return n < limit && bytes.Compare(key[:timeLen], last) <= 0
	})
}

// Made implements auth.Tx.
func (x authTx) Made(r auth.Request) (g auth.Grant, ok bool, err error) {
	if r.GUID == "" {
		return auth.Grant{}, false, nil
	}
	a := asked(&r)
	payload, ok, err := x.t.get(bAsked, append(bytes.Clone(a.Hash[:]), a.Digest[:]...))
	switch {
	case err != nil:
		return auth.Grant{}, false, err
	case ok:
		return x.t.known(payload)
	case numberLike(r.GUID):
		return auth.Grant{}, false, nil
	}
	other, err := x.t.last(bAsked, a.Hash[:])
	if err == nil && other != nil {
		err = guidUsed()
	}
	return auth.Grant{}, false, err
}

func asked(r *auth.Request) askedRecord {
	return askedRecord{Hash: sha256.Sum256([]byte(r.Scope + "\x00" + r.GUID)), Digest: r.Digest}
}

// PutGrant implements auth.Tx.
func (x authTx) PutGrant(g auth.Grant, by auth.Request) error {
	rec, no, err := grantRecord{}, uint32(0), error(nil)
	if g.Merchant != "" {
		if no, err = x.t.merchantNo(g.Merchant); err != nil {
			return err
		}
	}
	ok, err := x.t.load(bGrants, g.ID[:], &rec)
	if err != nil {
		return err
	}
	old := facts{}
	switch {
	case !ok:
		if err := x.t.db.Writable(); err != nil {
			return err
		}
	case rec.No != 0 && rec.No != no:
		return fault.New(fault.Conflict, "The token's id is in use")
	default:
		old = rec.facts(g.ID[:])
	}
	requests := rec.Asked
	if by.GUID != "" {
		if a := asked(&by); !slices.Contains(requests, a) {
			requests = append(slices.Clip(requests), a)
		}
	}
	rec = fromGrant(&g, no)
	rec.Asked = requests
	return errors.Join(x.t.save(bGrants, g.ID[:], rec), x.t.reindex(old, rec.facts(g.ID[:])))
}

// DropGrant implements auth.Tx.
func (x authTx) DropGrant(id auth.TokenID) error {
	var rec grantRecord
	ok, err := x.t.load(bGrants, id[:], &rec)
	if err != nil || !ok {
		return err
	}
	return errors.Join(x.t.remove(bGrants, id[:]), x.t.reindex(rec.facts(id[:]), facts{}))
}

// Counts implements auth.Tx.
func (x authTx) Counts(m merchant.ID) (c auth.Counts, err error) {
	offered := ""
	if m != "" {
		no, err := x.t.merchantNo(m)
		if err != nil {
			return c, err
		}
		offered = offeredCount(no)
	}
	for name, to := range map[string]*int64{
		countWaiting: &c.Waiting, offered: &c.Offered, countUnpaired: &c.Unpaired, countSessions: &c.Sessions, countAnswers: &c.Kept,
	} {
		if name == "" {
			continue
		}
		if *to, err = x.t.counted(name); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (t *txn) grant(id auth.TokenID) (auth.Grant, bool, error) {
	var rec grantRecord
	ok, err := t.load(bGrants, id[:], &rec)
	if err != nil || !ok {
		return auth.Grant{}, false, err
	}
	m := merchant.Merchant{}
	if rec.No != 0 {
		m, err = t.shop(rec.No)
	}
	return rec.grant(id, m.ID), err == nil, err
}

// known reads a grant that an index row leads to.
func (t *txn) known(id []byte) (auth.Grant, bool, error) {
	g, ok, err := t.grant(auth.TokenID(id))
	return g, ok, errors.Join(err, missing(err == nil && !ok, bGrants, id))
}

// grants reads what the rows of an index lead to, whose keys end with a token id, as long as more says so; nil: all.
func (t *txn) grants(in bucket, prefix []byte, more func(key []byte, n int) bool) (list []auth.Grant, err error) {
	err = t.scan(in, prefix, nil, func(key, _ []byte) (bool, error) {
		if more != nil && !more(key, len(list)) {
			return false, nil
		}
		g, _, err := t.known(key[len(key)-len(auth.TokenID{}):])
		list = append(list, g)
		return true, err
	})
	return list, err
}

// missing is the error of an index row that leads to nothing.
func missing(is bool, b bucket, key []byte) error {
	if is {
		return damaged(b, key, "a record is missing")
	}
	return nil
}
