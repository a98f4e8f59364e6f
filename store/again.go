package store

import (
	"bytes"
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
		if done, err := t.doneBefore(at, id, &once); err != nil || done {
			inv = was
			return err
		}
		if inv, err = t.change(was, at, fn); err != nil {
			return err
		}
		return t.noteDone(at, id, &once)
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
		if done, err := t.doneBefore(at, id, &once); err != nil || done {
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
		return t.noteDone(at, id, &once)
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

// resource names a request on one invoice, for its guid.
func resource(id invoice.ID, once *invoice.Once) string { return once.Resource + "/" + string(id) }

// doneBefore tells whether the request was done before; fault.Conflict where its guid was used for another body.
func (t *txn) doneBefore(at ref, id invoice.ID, once *invoice.Once) (bool, error) {
	if once.GUID == "" {
		return false, nil
	}
	payload, ok, err := t.get(bGUIDs, guidKey(at.no, resource(id, once), once.GUID))
	if err != nil || !ok {
		return false, err
	}
	if !bytes.Equal(payload[:len(once.Digest)], once.Digest[:]) {
		return false, fault.New(fault.Conflict, "guid already used")
	}
	return true, nil
}

// noteDone notes that the request was done.
func (t *txn) noteDone(at ref, id invoice.ID, once *invoice.Once) error {
	if once.GUID == "" {
		return nil
	}
	return t.put(bGUIDs, guidKey(at.no, resource(id, once), once.GUID), once.Digest[:], at.key())
}

// InvoiceByGUID finds the invoice that was made with a guid.
func (db *DB) InvoiceByGUID(ctx context.Context, m merchant.ID, guid string) (inv invoice.Invoice, err error) {
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		payload, ok, err := t.get(bGUIDs, guidKey(no, resourceInvoice, guid))
		if err != nil {
			return err
		}
		if guid == "" || !ok {
			return noInvoice()
		}
		inv, err = t.invoice(parseRef(payload[32:]), m)
		return err
	})
	return inv, err
}
