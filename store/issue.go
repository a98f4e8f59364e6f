package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"satchel/fault"
	"satchel/invoice"
)

// ByGUID finds what an earlier guid made; fault.Conflict where it was used for another body.
func (db *DB) ByGUID(ctx context.Context, c invoice.Creation) (inv invoice.Invoice, ok bool, err error) {
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(c.Merchant)
		if err != nil {
			return err
		}
		inv, ok, err = t.replay(no, &c)
		return err
	})
	return inv, ok, err
}

// Create gives the builder the next index of the merchant's key and stores what it returns, with its events, its script
// and its guid, in one commit. An index that a commit took is never given again. A guid that was used for the same body
// gives the earlier invoice, also while the store is not writable.
func (db *DB) Create(
	ctx context.Context, c invoice.Creation, build func(invoice.Slot) (invoice.Invoice, []invoice.Event, error),
) (inv invoice.Invoice, err error) {
	if full := db.Writable(); full != nil {
		if c.GUID != "" {
			if inv, ok, err := db.ByGUID(ctx, c); err != nil || ok {
				return inv, err
			}
		}
		return invoice.Invoice{}, full
	}
	err = db.update(ctx, func(t *txn) error {
		inv, err = t.create(&c, build)
		return err
	})
	if err != nil {
		return invoice.Invoice{}, err
	}
	return inv, nil
}

// create checks first and writes last, so that a refusal costs the batch nothing.
func (t *txn) create(
	c *invoice.Creation, build func(invoice.Slot) (invoice.Invoice, []invoice.Event, error),
) (invoice.Invoice, error) {
	no, err := t.merchantNo(c.Merchant)
	if err != nil {
		return invoice.Invoice{}, err
	}
	if inv, ok, err := t.replay(no, c); err != nil || ok {
		return inv, err
	}
	if err := t.capped(c); err != nil {
		return invoice.Invoice{}, err
	}
	last, err := t.lastNumber(bInvoices, key32(nil, no))
	if err != nil {
		return invoice.Invoice{}, err
	}
	at := ref{no: no, seq: last + 1}
	slot := invoice.Slot{Ref: invoice.Ref{Merchant: c.Merchant, Seq: at.seq}, Tip: t.tip().Height}
	var key *keyRecord
	if !c.NoAddress {
		if slot.Address, key, err = t.nextAddress(at, c.Merchant); err != nil {
			return invoice.Invoice{}, err
		}
	}
	inv, events, err := build(slot)
	if err != nil {
		return invoice.Invoice{}, err
	}
	if err := t.fits(&inv, &slot); err != nil {
		return invoice.Invoice{}, err
	}
	return t.issue(at, c, inv, events, key)
}

// replay finds the invoice that the same request made before.
func (t *txn) replay(no uint32, c *invoice.Creation) (invoice.Invoice, bool, error) {
	at, ok, err := t.done(creation(no, c))
	if err != nil || !ok {
		return invoice.Invoice{}, false, err
	}
	inv, err := t.invoice(at, c.Merchant)
	return inv, err == nil, err
}

func creation(no uint32, c *invoice.Creation) *request {
	return &request{no: no, resource: resourceInvoice, guid: c.GUID, digest: c.Digest}
}

// capped refuses a creator, and a caller without a name, who holds too many unpaid invoices open.
func (t *txn) capped(c *invoice.Creation) error {
	for _, limit := range []struct {
		who string
		max int
	}{{c.Creator, c.MaxOpen}, {c.Origin, c.MaxFrom}} {
		if limit.who == "" || limit.max <= 0 {
			continue
		}
		n, err := t.counted(openCount(limit.who))
		if err != nil {
			return err
		}
		if n >= int64(limit.max) {
			return fault.New(fault.TooMany, "too many open invoices")
		}
	}
	return nil
}

// fits tells whether the builder made an invoice for the slot that it was given.
func (t *txn) fits(inv *invoice.Invoice, slot *invoice.Slot) error {
	if inv.ID == "" || inv.Ref != slot.Ref || !bytes.Equal(inv.Address.Script, slot.Address.Script) {
		return errors.New("the new invoice has no id, or another place or address than it was given")
	}
	if _, ok, err := t.refOf(inv.ID); err != nil || ok {
		return errors.Join(err, fmt.Errorf("the new invoice's id %s is in use", inv.ID))
	}
	return nil
}

// issue writes a new invoice. The watcher learns its script before the commit: a script too many costs a look.
func (t *txn) issue(
	at ref, c *invoice.Creation, inv invoice.Invoice, events []invoice.Event, key *keyRecord,
) (invoice.Invoice, error) {
	if key != nil {
		if err := t.advance(&inv.Address, key); err != nil {
			return inv, err
		}
		if t.db.cfg.Watch != nil {
			t.db.cfg.Watch.Add(bytes.Clone(inv.Address.Script))
		}
	}
	if err := t.did(creation(at.no, c), at); err != nil {
		return inv, err
	}
	inv.State.Revision = 0
	return t.writeInvoice(at, inv, facts{}, events)
}
