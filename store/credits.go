package store

import (
	"context"

	"satchel/invoice"
	"satchel/tracker"
)

// ViewCredits runs fn on a consistent view of what was recorded.
func (db *DB) ViewCredits(ctx context.Context, fn func(r tracker.CreditReader) error) error {
	return db.view(ctx, func(t *txn) error { return fn(creditView{chainTx{t}}) })
}

// creditView is the chain's side of a transaction, and all receipts.
type creditView struct{ chainTx }

var _ tracker.CreditReader = creditView{}

// PublicID names an invoice.
func (v creditView) PublicID(r invoice.Ref) (invoice.ID, error) {
	at, err := v.t.place(r)
	if err != nil {
		return "", err
	}
	rec, err := v.t.invoiceRecord(at)
	return rec.ID, err
}

// EachReceipt gives every receipt, by invoice and first sight.
func (v creditView) EachReceipt(fn func(invoice.Receipt) error) error {
	return v.t.scan(bReceipts, nil, nil, func(key, payload []byte) (bool, error) {
		var rec receiptRecord
		if err := decode(bReceipts, key, payload, &rec); err != nil {
			return false, err
		}
		at := parseReceiptKey(key)
		of, err := v.t.domainRef(at.ref)
		if err != nil {
			return false, err
		}
		return true, fn(rec.receipt(at, of))
	})
}

// Started is the height of the first block that was taken: from there on every payment was watched. 0: none was yet.
func (db *DB) Started(ctx context.Context) (height int32, err error) {
	err = db.view(ctx, func(t *txn) error {
		var first firstRecord
		_, err := t.load(bMeta, []byte(metaFirst), &first)
		height = first.Height
		return err
	})
	return height, err
}
