package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
)

// maxIndex is the first index that BIP32 does not allow for a public derivation.
const maxIndex = 1 << 31

// Key is a watch key as the store knows it: how far its addresses were issued, for whom.
type Key struct {
	Fingerprint string
	Merchant    merchant.ID
	Next        uint32 // the index that is issued next
	Birthday    int32  // height from which old receipts are looked for
}

// RegisterKey makes a key known before an address of it is issued. k.Next is the configured start index: it moves the
// next index up and never down. A key of one merchant is not accepted for another: fault.Conflict.
func (db *DB) RegisterKey(ctx context.Context, k Key) error {
	if k.Fingerprint == "" || k.Next > maxIndex {
		return fault.Field("key", "has no fingerprint, or an impossible start index")
	}
	return db.follow(ctx, func(t *txn) error {
		no, err := t.merchantNo(k.Merchant)
		if err != nil {
			return err
		}
		rec, ok, err := t.watchKey(k.Fingerprint)
		if err != nil {
			return err
		}
		if !ok {
			return t.newKey(&k, no)
		}
		if rec.No != no {
			return keyInUse()
		}
		rec.Next, rec.Birthday = max(rec.Next, k.Next), k.Birthday
		if err := t.dropAhead(rec); err != nil {
			return err
		}
		return t.save(bKeys, []byte(k.Fingerprint), rec)
	})
}

func keyInUse() error {
	return &fault.Error{
		Kind: fault.Conflict, Field: "key", Message: "belongs to another merchant; two merchants with one key would share addresses",
	}
}

// newKey adds a key that is not known yet.
func (t *txn) newKey(k *Key, no uint32) error {
	n, err := t.keyCount()
	if err != nil {
		return err
	}
	// What is below the first index was another wallet's, so it counts as paid.
	rec := keyRecord{Number: n + 1, No: no, Next: k.Next, Paid: k.Next, Birthday: k.Birthday}
	return t.save(bKeys, []byte(k.Fingerprint), rec)
}

// Keys lists the watch keys, by fingerprint.
func (db *DB) Keys(ctx context.Context) (list []Key, err error) {
	err = db.view(ctx, func(t *txn) error {
		return t.eachKey(func(fingerprint string, rec *keyRecord) error {
			m, err := t.shop(rec.No)
			list = append(list, Key{Fingerprint: fingerprint, Merchant: m.ID, Next: rec.Next, Birthday: rec.Birthday})
			return err
		})
	})
	return list, err
}

func (t *txn) eachKey(fn func(fingerprint string, rec *keyRecord) error) error {
	return t.scan(bKeys, nil, nil, func(key, payload []byte) (bool, error) {
		var rec keyRecord
		if err := decode(bKeys, key, payload, &rec); err != nil {
			return false, err
		}
		return true, fn(string(key), &rec)
	})
}

// keyCount is how many keys there are: they are numbered from 1 and never removed.
func (t *txn) keyCount() (n uint32, err error) {
	err = t.eachKey(func(string, *keyRecord) error { n++; return nil })
	return n, err
}

func (t *txn) watchKey(fingerprint string) (*keyRecord, bool, error) {
	var rec keyRecord
	ok, err := t.load(bKeys, []byte(fingerprint), &rec)
	return &rec, ok, err
}

// Lookahead tells of a key that only the node derives which index is issued next, and which is the first whose address
// is not known yet.
func (db *DB) Lookahead(ctx context.Context, key string) (next, have uint32, err error) {
	err = db.view(ctx, func(t *txn) error {
		rec, err := t.knownKey(key)
		if err != nil {
			return err
		}
		next, have = rec.Next, rec.Next
		last, err := t.last(bLookahead, key32(nil, rec.Number))
		if last != nil {
			have = max(have, binary.BigEndian.Uint32(last[4:])+1)
		}
		return err
	})
	return next, have, err
}

// PutLookahead keeps addresses that the node derived, for the indexes that are not issued yet.
func (db *DB) PutLookahead(ctx context.Context, key string, addresses []invoice.Address) error {
	return db.follow(ctx, func(t *txn) error {
		rec, err := t.knownKey(key)
		if err != nil {
			return err
		}
		for _, a := range addresses {
			if a.Index < rec.Next {
				continue
			}
			if a.Key != key || len(a.Script) == 0 {
				return errors.New("a look-ahead address has no script, or belongs to another key")
			}
			if err := t.save(bLookahead, aheadKey(rec, a.Index), addressRecord(a)); err != nil {
				return err
			}
		}
		return nil
	})
}

func aheadKey(rec *keyRecord, index uint32) []byte { return key32(key32(nil, rec.Number), index) }

func (t *txn) knownKey(fingerprint string) (*keyRecord, error) {
	rec, ok, err := t.watchKey(fingerprint)
	if err == nil && !ok {
		err = fmt.Errorf("watch key %s is not registered", fingerprint)
	}
	return rec, err
}

// nextAddress gives the next address of the merchant's key that nobody was ever shown. An index without an address, and
// one whose script was issued or skipped already (the same wallet under another description), are passed over.
func (t *txn) nextAddress(at ref, m merchant.ID) (invoice.Address, *keyRecord, error) {
	deriver, rec, err := t.deriver(at.no, m)
	if err != nil {
		return invoice.Address{}, nil, err
	}
	key := deriver.Key()
	for index := rec.Next; index < maxIndex; index++ {
		a, err := t.derive(deriver, rec, index)
		if errors.Is(err, invoice.ErrSkip) {
			continue
		}
		if err != nil {
			return invoice.Address{}, nil, fmt.Errorf("address %d: %w", index, err)
		}
		if len(a.Script) == 0 {
			return invoice.Address{}, nil, fmt.Errorf("address %d has no script", index)
		}
		a.Key, a.Index = key, index
		_, issued, err := t.get(bScripts, a.Script)
		if err != nil {
			return invoice.Address{}, nil, err
		}
		_, skipped, err := t.get(bSkipped, a.Script)
		if err != nil {
			return invoice.Address{}, nil, err
		}
		if !issued && !skipped {
			return a, rec, nil
		}
	}
	return invoice.Address{}, nil, fault.New(fault.Unavailable, "The wallet has no addresses left")
}

// deriver finds who gives a merchant's addresses, and how far they were issued.
func (t *txn) deriver(no uint32, m merchant.ID) (invoice.Deriver, *keyRecord, error) {
	none := fault.New(fault.Unavailable, "There is no wallet to take an address from")
	if t.db.cfg.Derivers == nil {
		return nil, nil, none
	}
	d, ok := t.db.cfg.Derivers.For(m)
	if !ok {
		return nil, nil, none
	}
	rec, err := t.knownKey(d.Key())
	if err == nil && rec.No != no {
		err = fmt.Errorf("watch key %s belongs to another merchant", d.Key())
	}
	return d, rec, err
}

// derive takes an address from the look-ahead window, or computes it.
func (t *txn) derive(deriver invoice.Deriver, rec *keyRecord, index uint32) (invoice.Address, error) {
	var ahead addressRecord
	if ok, err := t.load(bLookahead, aheadKey(rec, index), &ahead); err != nil || ok {
		return invoice.Address(ahead), err
	}
	return deriver.Address(index)
}

// advance takes an index, and what the look-ahead window has up to it.
func (t *txn) advance(a *invoice.Address, rec *keyRecord) error {
	rec.Next = a.Index + 1
	return errors.Join(t.dropAhead(rec), t.save(bKeys, []byte(a.Key), rec))
}
