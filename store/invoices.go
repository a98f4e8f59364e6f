package store

import (
	"context"
	"errors"
	"fmt"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
)

func noInvoice() error { return fault.New(fault.NotFound, "Invoice not found") }

// Invoice reads one; fault.NotFound for an unknown id and for another merchant's.
func (db *DB) Invoice(ctx context.Context, m merchant.ID, id invoice.ID) (inv invoice.Invoice, err error) {
	err = db.view(ctx, func(t *txn) error {
		inv, _, err = t.byID(m, id)
		return err
	})
	return inv, err
}

// Receipts reads an invoice's receipts in order of first sight, at most limit (0: all).
func (db *DB) Receipts(ctx context.Context, m merchant.ID, id invoice.ID, limit int) (list []invoice.Receipt, err error) {
	err = db.view(ctx, func(t *txn) error {
		_, at, err := t.byID(m, id)
		if err != nil {
			return err
		}
		list, err = t.receipts(at, m, limit)
		return err
	})
	return list, err
}

// publicReceipts is how many receipts a payer is shown.
const publicReceipts = 100

// PublicInvoice reads what a payer may see.
func (db *DB) PublicInvoice(ctx context.Context, id invoice.ID) (p invoice.Public, err error) {
	err = db.view(ctx, func(t *txn) error {
		at, ok, err := t.refOf(id)
		if err != nil {
			return err
		}
		if !ok {
			return noInvoice()
		}
		m, err := t.shop(at.no)
		if err != nil {
			return err
		}
		inv, err := t.invoice(at, m.ID)
		if err != nil {
			return err
		}
		o := &inv.Order
		o.Buyer, o.NotificationURL, o.NotificationEmail, o.Creator, o.Origin, o.GUID = invoice.Buyer{}, "", "", "", "", ""
		p = invoice.Public{Invoice: inv, Merchant: m.Name, Tip: t.tip().Height}
		p.Receipts, err = t.receipts(at, m.ID, publicReceipts)
		return err
	})
	return p, err
}

// Update runs fn on the invoice within one commit and stores what its book says. Time alone does not expire an invoice
// here: that is the tracker's, which knows when the node was looked at.
func (db *DB) Update(
	ctx context.Context, m merchant.ID, id invoice.ID, fn func(*invoice.Book) error,
) (inv invoice.Invoice, err error) {
	err = db.update(ctx, func(t *txn) error {
		was, at, err := t.byID(m, id)
		if err != nil {
			return err
		}
		inv, err = t.change(was, at, fn)
		return err
	})
	if err != nil {
		return invoice.Invoice{}, err
	}
	return inv, nil
}

// refOf finds an invoice's place by its public id.
func (t *txn) refOf(id invoice.ID) (ref, bool, error) {
	if id == "" {
		return ref{}, false, nil
	}
	payload, ok, err := t.get(bIDs, []byte(id))
	if err != nil || !ok {
		return ref{}, false, err
	}
	return parseRef(payload), true, nil
}

// byID reads a merchant's invoice.
func (t *txn) byID(m merchant.ID, id invoice.ID) (invoice.Invoice, ref, error) {
	no, err := t.merchantNo(m)
	if fault.Is(err, fault.NotFound) {
		return invoice.Invoice{}, ref{}, noInvoice()
	}
	if err != nil {
		return invoice.Invoice{}, ref{}, err
	}
	at, ok, err := t.refOf(id)
	if err != nil {
		return invoice.Invoice{}, ref{}, err
	}
	if !ok || at.no != no {
		return invoice.Invoice{}, ref{}, noInvoice()
	}
	inv, err := t.invoice(at, m)
	return inv, at, err
}

// invoice reads an invoice that must be there.
func (t *txn) invoice(at ref, m merchant.ID) (invoice.Invoice, error) {
	rec, err := t.invoiceRecord(at)
	if err != nil {
		return invoice.Invoice{}, err
	}
	return rec.invoice(invoice.Ref{Merchant: m, Seq: at.seq}), nil
}

func (t *txn) invoiceRecord(at ref) (*invoiceRecord, error) {
	var rec invoiceRecord
	ok, err := t.load(bInvoices, at.key(), &rec)
	if err == nil && !ok {
		err = damaged(bInvoices, at.key(), "an invoice is missing")
	}
	return &rec, err
}

// place turns the domain's reference into ours.
func (t *txn) place(r invoice.Ref) (ref, error) {
	no, err := t.merchantNo(r.Merchant)
	return ref{no: no, seq: r.Seq}, err
}

// domainRef turns our reference into the domain's.
func (t *txn) domainRef(at ref) (invoice.Ref, error) {
	m, err := t.shop(at.no)
	return invoice.Ref{Merchant: m.ID, Seq: at.seq}, err
}

// putInvoice writes an invoice that is there already, the receipts that changed, and the events. It gives the invoice
// with its new revision.
func (t *txn) putInvoice(inv invoice.Invoice, receipts []invoice.Receipt, events []invoice.Event) (invoice.Invoice, error) {
	at, err := t.place(inv.Ref)
	if err != nil {
		return inv, err
	}
	was, err := t.invoiceRecord(at)
	if err != nil {
		return inv, err
	}
	if was.ID != inv.ID || was.Address.Text != inv.Address.Text {
		return inv, fmt.Errorf("invoice %s was to be written over invoice %s", inv.ID, was.ID)
	}
	for i := range receipts {
		if err := t.putReceipt(at, &receipts[i], was); err != nil {
			return inv, err
		}
	}
	inv.State.Revision = was.State.Revision
	return t.writeInvoice(at, inv, was.facts(at), events)
}

// writeInvoice logs the events and writes the invoice with the revision that they lead to.
func (t *txn) writeInvoice(at ref, inv invoice.Invoice, was facts, events []invoice.Event) (invoice.Invoice, error) {
	revision, err := t.log(at, inv.State.Revision, events)
	if err != nil {
		return inv, err
	}
	inv.State.Revision = revision
	rec := fromInvoice(&inv)
	if err := errors.Join(t.save(bInvoices, at.key(), &rec), t.reindex(was, rec.facts(at))); err != nil {
		return inv, err
	}
	if t.dirty {
		t.touched.Invoices = append(t.touched.Invoices, inv.ID)
	}
	return inv, nil
}
