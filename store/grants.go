package store

import (
	"context"
	"errors"
	"slices"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
)

// Grant finds what a token stands for, also a revoked one.
func (db *DB) Grant(ctx context.Context, id auth.TokenID) (g auth.Grant, ok bool, err error) {
	err = db.view(ctx, func(t *txn) error {
		var rec grantRecord
		if ok, err = t.load(bGrants, id[:], &rec); err != nil || !ok {
			return err
		}
		m, err := t.shop(rec.No)
		g = rec.grant(id, m.ID)
		return err
	})
	return g, ok && err == nil, err
}

// GrantsOf lists a merchant's grants, oldest first, revoked ones too.
func (db *DB) GrantsOf(ctx context.Context, m merchant.ID) (list []auth.Grant, err error) {
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		return t.scan(bGrantsOf, key32(nil, no), nil, func(key, _ []byte) (bool, error) {
			id, rec := auth.TokenID(key[noLen:]), grantRecord{}
			if ok, err := t.load(bGrants, id[:], &rec); err != nil || !ok {
				return false, errors.Join(err, missing(err == nil, bGrants, id[:]))
			}
			list = append(list, rec.grant(id, m))
			return true, nil
		})
	})
	slices.SortStableFunc(list, func(a, b auth.Grant) int { return a.Created.Compare(b.Created) })
	return list, err
}

// PutGrant adds a grant, or replaces the merchant's own one with that id.
func (db *DB) PutGrant(ctx context.Context, g auth.Grant) error {
	return db.update(ctx, func(t *txn) error {
		no, err := t.merchantNo(g.Merchant)
		if err != nil {
			return err
		}
		return t.putGrant(g.ID, fromGrant(&g, no))
	})
}

// RevokeGrant ends a grant now; one that is revoked already stays as it is.
func (db *DB) RevokeGrant(ctx context.Context, m merchant.ID, id auth.TokenID) error {
	return db.update(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		var rec grantRecord
		ok, err := t.load(bGrants, id[:], &rec)
		if err != nil {
			return err
		}
		if !ok || rec.No != no {
			return fault.New(fault.NotFound, "No such token")
		}
		if rec.Revoked == 0 {
			rec.Revoked = toInstant(db.cfg.Now())
		}
		return t.putGrant(id, rec)
	})
}

func (t *txn) putGrant(id auth.TokenID, rec grantRecord) error {
	var was grantRecord
	ok, err := t.load(bGrants, id[:], &was)
	if err != nil {
		return err
	}
	old := facts{}
	if ok {
		if was.No != rec.No {
			return fault.New(fault.Conflict, "The token's id is in use")
		}
		old = was.facts(id[:])
	}
	return errors.Join(t.save(bGrants, id[:], rec), t.reindex(old, rec.facts(id[:])))
}

// missing is the error of an index row that leads to nothing.
func missing(is bool, b bucket, key []byte) error {
	if is {
		return damaged(b, key, "a record is missing")
	}
	return nil
}
