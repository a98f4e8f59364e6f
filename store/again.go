package store

import (
	"context"
	"encoding/binary"
	"errors"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
)

// UpdateOnce is Update for a request that is known again by its guid: the change and the note that it was made are one
// commit, and a repetition gives the invoice as it is.
func (db *DB) UpdateOnce(
	ctx context.Context, m merchant.ID, id invoice.ID, once invoice.Once, fn func(*invoice.Book) error,
) (inv invoice.Invoice, err error) {
	err = db.update(ctx, func(t *txn) error {
		was, at, err := t.byID(m, id)
		if err != nil {
			return err
		}
		if _, done, err := t.done(onInvoice(at, id, &once)); err != nil || done {
			inv = was
			return err
		}
		if inv, err = t.change(was, at, fn); err != nil {
			return err
		}
		return t.did(onInvoice(at, id, &once), at)
	})
	if err != nil {
		return invoice.Invoice{}, err
	}
	return inv, nil
}

// change runs fn on an invoice's book and stores what the book says.
func (t *txn) change(was invoice.Invoice, at ref, fn func(*invoice.Book) error) (invoice.Invoice, error) {
	book := invoice.Open(was, func() ([]invoice.Receipt, error) { return t.receipts(at, was.Ref.Merchant, 0) })
	if err := fn(book); err != nil {
		return invoice.Invoice{}, err
	}
	is, receipts, events, err := book.Close(invoice.View{Now: t.db.cfg.Now(), Tip: t.tip().Height})
	if err != nil {
		return invoice.Invoice{}, err
	}
	return t.putInvoice(is, receipts, events)
}

// Renotify queues the invoice's last callback again, with the same event and body under a new number, and logs the event
// that notice gives. It refuses an invoice that has no endpoint.
func (db *DB) Renotify(
	ctx context.Context, m merchant.ID, id invoice.ID, once invoice.Once,
	notice func(inv invoice.Invoice, repeated bool) (invoice.Event, bool),
) error {
	return db.update(ctx, func(t *txn) error {
		inv, at, err := t.byID(m, id)
		if err != nil {
			return err
		}
		if _, done, err := t.done(onInvoice(at, id, &once)); err != nil || done {
			return err
		}
		if inv.Order.NotificationURL == "" {
			return fault.New(fault.Conflict, "The invoice has no notificationURL to notify")
		}
		last, err := t.lastCallback(at)
		if err != nil {
			return err
		}
		if last != nil {
			if err := t.again(last); err != nil {
				return err
			}
		}
		if ev, ok := notice(inv, last != nil); ok {
			if _, err := t.putInvoice(inv, nil, []invoice.Event{ev}); err != nil {
				return err
			}
		}
		return t.did(onInvoice(at, id, &once), at)
	})
}

// lastCallback finds the newest callback of an invoice, resends included; nil: there was none.
func (t *txn) lastCallback(at ref) (last *deliveryRecord, err error) {
	err = t.scanBack(bDeliveriesOf, at.key(), nil, func(key, _ []byte) (bool, error) {
		rec, ok, err := t.deliveryRecord(binary.BigEndian.Uint64(key[refLen:]))
		if err != nil || !ok {
			return false, errors.Join(err, missing(err == nil, bDeliveries, key[refLen:]))
		}
		if rec.Channel != notify.IPN {
			return true, nil
		}
		last = rec
		return false, nil
	})
	return last, err
}

// again queues a delivery again: the same event and body under a new number, due now.
func (t *txn) again(was *deliveryRecord) error {
	last, err := t.lastNumber(bDeliveries, nil)
	if err != nil {
		return err
	}
	rec := was.renewed(toInstant(t.db.cfg.Now()))
	return t.queueUp(last+1, &rec)
}

// onInvoice is a request on one invoice.
func onInvoice(at ref, id invoice.ID, once *invoice.Once) *request {
	return &request{no: at.no, resource: once.Resource + "/" + string(id), guid: once.GUID, digest: once.Digest}
}
