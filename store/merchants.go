package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"satchel/fault"
	"satchel/merchant"
)

func noMerchant() error { return fault.New(fault.NotFound, "No such merchant") }

// Merchants lists all, in order of creation.
func (db *DB) Merchants(ctx context.Context) (list []merchant.Merchant, err error) {
	err = db.view(ctx, func(t *txn) error {
		return t.scan(bMerchants, nil, nil, func(key, payload []byte) (bool, error) {
			var rec merchantRecord
			if err := decode(bMerchants, key, payload, &rec); err != nil {
				return false, err
			}
			list = append(list, rec.merchant())
			return true, nil
		})
	})
	return list, err
}

// Merchant reads one; fault.NotFound where there is none.
func (db *DB) Merchant(ctx context.Context, id merchant.ID) (m merchant.Merchant, err error) {
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(id)
		if err != nil {
			return err
		}
		m, err = t.shop(no)
		return err
	})
	return m, err
}

// PutMerchant adds a merchant or replaces the one with its id.
func (db *DB) PutMerchant(ctx context.Context, m merchant.Merchant) error {
	if m.ID == "" {
		return errors.New("a merchant needs an id")
	}
	return db.update(ctx, func(t *txn) error { return t.putMerchant(&m) })
}

// AddMerchant adds a merchant and its watch key in one commit. fault.Conflict where the name or the key is in use.
func (db *DB) AddMerchant(ctx context.Context, m merchant.Merchant, k Key) error {
	if m.ID == "" || k.Fingerprint == "" || k.Next > maxIndex || m.Watch.Fingerprint != k.Fingerprint {
		return errors.New("a new merchant needs an id, and a watch key with a possible start index")
	}
	return db.update(ctx, func(t *txn) error {
		if _, err := t.merchantNo(m.ID); !fault.Is(err, fault.NotFound) {
			return errors.Join(err, fmt.Errorf("the merchant's id %s is in use", m.ID))
		}
		if err := t.nameFree(m.Name); err != nil {
			return err
		}
		if _, ok, err := t.watchKey(k.Fingerprint); err != nil || ok {
			return cmp.Or(err, keyInUse())
		}
		if err := t.putMerchant(&m); err != nil {
			return err
		}
		no, err := t.merchantNo(m.ID)
		if err != nil {
			return err
		}
		return t.newKey(&k, no)
	})
}

// UpdateMerchant changes a merchant within one commit. fn may run again; the id stays what it is.
func (db *DB) UpdateMerchant(ctx context.Context, id merchant.ID, fn func(*merchant.Merchant) error) (m merchant.Merchant, err error) {
	err = db.follow(ctx, func(t *txn) error { // the start does it, too
		no, err := t.merchantNo(id)
		if err != nil {
			return err
		}
		if m, err = t.shop(no); err != nil {
			return err
		}
		m.Secrets.Previous = slices.Clone(m.Secrets.Previous)
		if err := fn(&m); err != nil {
			return err
		}
		m.ID = id
		return t.putMerchant(&m)
	})
	if err != nil {
		return merchant.Merchant{}, err
	}
	return m, nil
}

// nameFree refuses a name that another merchant has: an operator names merchants by it.
func (t *txn) nameFree(name string) error {
	return t.scan(bMerchants, nil, nil, func(key, payload []byte) (bool, error) {
		var rec merchantRecord
		if err := decode(bMerchants, key, payload, &rec); err != nil {
			return false, err
		}
		if rec.Name == name {
			return false, &fault.Error{Kind: fault.Conflict, Field: "name", Message: "is another merchant's"}
		}
		return true, nil
	})
}

// Secrets gives what signs a merchant's callbacks.
func (db *DB) Secrets(ctx context.Context, id merchant.ID) (merchant.Secrets, error) {
	m, err := db.Merchant(ctx, id)
	return m.Secrets, err
}

func (t *txn) putMerchant(m *merchant.Merchant) error {
	no, err := t.merchantNo(m.ID)
	if fault.Is(err, fault.NotFound) {
		key, last := []byte(nil), uint32(0)
		if key, err = t.last(bMerchants, nil); key != nil {
			last = binary.BigEndian.Uint32(key)
		}
		no = last + 1
	}
	if err != nil {
		return err
	}
	delete(t.shops, no)
	return errors.Join(
		t.put(bMerchantIDs, []byte(m.ID), key32(nil, no)),
		t.save(bMerchants, key32(nil, no), fromMerchant(m)),
	)
}

// merchantNo finds a merchant's number; fault.NotFound where there is none.
func (t *txn) merchantNo(id merchant.ID) (uint32, error) {
	if id == "" {
		return 0, noMerchant()
	}
	payload, ok, err := t.get(bMerchantIDs, []byte(id))
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, noMerchant()
	}
	return binary.BigEndian.Uint32(payload), nil
}

// shop reads a merchant by number, once in a transaction.
func (t *txn) shop(no uint32) (merchant.Merchant, error) {
	if m, ok := t.shops[no]; ok {
		return m, nil
	}
	key, rec := key32(nil, no), merchantRecord{}
	ok, err := t.load(bMerchants, key, &rec)
	if err != nil {
		return merchant.Merchant{}, err
	}
	if !ok {
		return merchant.Merchant{}, damaged(bMerchants, key, "a merchant is missing")
	}
	m := rec.merchant()
	t.shops[no] = m
	return m, nil
}
