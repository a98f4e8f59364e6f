package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"satchel/fault"
	"satchel/merchant"
	"satchel/money"
)

// linkRecord is a link of the point of sale; its id is its key.
type linkRecord struct {
	No      uint32     `json:"merchant"`
	Label   string     `json:"label,omitempty"`
	Price   fiatRecord `json:"price"`
	Created instant    `json:"created"`
	Revoked instant    `json:"revoked,omitempty"`
}

// facts of a link.
func (r *linkRecord) facts(id []byte) facts {
	var f facts
	f.row(bLinksOf, append(key32(nil, r.No), id...))
	if r.Revoked == 0 {
		f.count(countLinks, 1)
	}
	return f
}

// AddLink keeps a new link of the point of sale; fault.Conflict where its id is in use.
func (db *DB) AddLink(ctx context.Context, l merchant.Link) error {
	if l.ID == (merchant.LinkID{}) || l.Price.Code == "" {
		return errors.New("a link needs an id and a currency")
	}
	if err := db.Writable(); err != nil {
		return err
	}
	return db.update(ctx, func(t *txn) error {
		no, err := t.merchantNo(l.Merchant)
		if err != nil {
			return err
		}
		switch _, ok, err := t.get(bLinks, l.ID[:]); {
		case err != nil:
			return err
		case ok:
			return fault.New(fault.Conflict, "There is such a link already")
		}
		rec := linkRecord{No: no, Label: l.Label, Price: fiatRecord(l.Price), Created: toInstant(l.Created), Revoked: toInstant(l.Revoked)}
		return errors.Join(t.save(bLinks, l.ID[:], rec), t.reindex(facts{}, rec.facts(l.ID[:])))
	})
}

// Link finds a link, also one that was revoked.
func (db *DB) Link(ctx context.Context, id merchant.LinkID) (l merchant.Link, ok bool, err error) {
	err = db.view(ctx, func(t *txn) error {
		l, ok, err = t.link(id)
		return err
	})
	return l, ok && err == nil, err
}

// LinksOf lists a merchant's links, oldest first, revoked ones too.
func (db *DB) LinksOf(ctx context.Context, m merchant.ID) (list []merchant.Link, err error) {
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		return t.scan(bLinksOf, key32(nil, no), nil, func(key, _ []byte) (bool, error) {
			id := key[noLen:]
			l, ok, err := t.link(merchant.LinkID(id))
			list = append(list, l)
			return true, errors.Join(err, missing(err == nil && !ok, bLinks, id))
		})
	})
	slices.SortStableFunc(list, func(a, b merchant.Link) int { return a.Created.Compare(b.Created) })
	return list, err
}

// RevokeLink makes a merchant's link worthless; the second time changes nothing. fault.NotFound where he has none such.
func (db *DB) RevokeLink(ctx context.Context, m merchant.ID, id merchant.LinkID, at time.Time) error {
	return db.update(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		var rec linkRecord
		ok, err := t.load(bLinks, id[:], &rec)
		switch {
		case err != nil:
			return err
		case !ok || rec.No != no:
			return fault.New(fault.NotFound, "No such link")
		case rec.Revoked != 0:
			return nil
		}
		old := rec.facts(id[:])
		rec.Revoked = toInstant(at)
		return errors.Join(t.save(bLinks, id[:], rec), t.reindex(old, rec.facts(id[:])))
	})
}

func (t *txn) link(id merchant.LinkID) (merchant.Link, bool, error) {
	var rec linkRecord
	ok, err := t.load(bLinks, id[:], &rec)
	if err != nil || !ok {
		return merchant.Link{}, false, err
	}
	m, err := t.shop(rec.No)
	return merchant.Link{
		ID: id, Merchant: m.ID, Label: rec.Label, Price: money.Fiat(rec.Price), Created: rec.Created.time(), Revoked: rec.Revoked.time(),
	}, err == nil, err
}

// links checks each link with its merchant.
func (a *audit) links() error {
	return a.each(bLinks, func(key, payload []byte) error {
		var rec linkRecord
		if err := decode(bLinks, key, payload, &rec); err != nil {
			return err
		}
		a.expect(bLinks, key, rec.facts(key))
		if _, ok := money.Lookup(rec.Price.Code); !ok {
			return errors.New("its currency is none")
		}
		_, err := a.t.shop(rec.No)
		return err
	})
}
