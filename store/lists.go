package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	"satchel/invoice"
	"satchel/merchant"
)

// ListInvoices lists a merchant's invoices, newest first, at most f.Limit (1,000).
func (db *DB) ListInvoices(ctx context.Context, m merchant.ID, f invoice.Filter) (list []invoice.Invoice, err error) {
	err = db.view(ctx, func(t *txn) error {
		return t.list(ctx, m, &f, func(inv invoice.Invoice, _ ref) error {
			list = append(list, inv)
			return nil
		})
	})
	return list, err
}

// ShowInvoices is ListInvoices with the first receipts of each, at most each of them, all as of one moment.
func (db *DB) ShowInvoices(ctx context.Context, m merchant.ID, f invoice.Filter, each int) (list []invoice.Shown, err error) {
	err = db.view(ctx, func(t *txn) error {
		return t.list(ctx, m, &f, func(inv invoice.Invoice, at ref) error {
			s := invoice.Shown{Invoice: inv}
			var err error
			if inv.Sums.Receipts > 0 {
				s.Receipts, err = t.receipts(at, m, each)
			}
			list = append(list, s)
			return err
		})
	})
	return list, err
}

// list walks a merchant's invoices, newest first, at most f.Limit (1,000).
func (t *txn) list(ctx context.Context, m merchant.ID, f *invoice.Filter, fn func(invoice.Invoice, ref) error) error {
	limit, skip := bounded(f.Limit), max(f.Offset, 0)
	no, err := t.merchantNo(m)
	if err != nil {
		return err
	}
	in, prefix, exact := indexFor(f, no)
	var below []byte
	if !f.To.IsZero() {
		below = keyTime(bytes.Clone(prefix), f.To)
	}
	if at := key64(keyTime(bytes.Clone(prefix), f.Below.Created), f.Below.Seq); !f.Below.IsZero() && (below == nil || bytes.Compare(at, below) < 0) {
		below = at
	}
	return t.scanBack(in, prefix, below, func(key, _ []byte) (bool, error) {
		if !f.From.IsZero() && parseTime(key[len(prefix):]).Before(f.From) {
			return false, nil
		}
		if exact && skip > 0 { // nothing to look at in the record
			skip--
			return true, ctx.Err()
		}
		at := ref{no: no, seq: binary.BigEndian.Uint64(key[len(key)-seqLen:])}
		inv, err := t.invoice(at, m)
		switch {
		case err != nil:
			return false, err
		case !matches(f, &inv):
		case skip > 0:
			skip--
		default:
			limit--
			err = fn(inv, at)
		}
		return limit > 0, errors.Join(err, ctx.Err())
	})
}

// indexFor gives the narrowest index for a filter, and whether the index alone decides.
func indexFor(f *invoice.Filter, no uint32) (in bucket, prefix []byte, exact bool) {
	prefix = key32(nil, no)
	switch {
	case f.OrderID != "":
		return bByOrder, keyHash(prefix, f.OrderID), f.ItemCode == "" && f.Status == 0
	case f.ItemCode != "":
		return bByItem, keyHash(prefix, f.ItemCode), f.Status == 0
	case f.Status != 0:
		return bByStatus, append(prefix, byte(f.Status)), true
	}
	return bCreated, prefix, true
}

// matches compares what the index does not tell; a hash of a text is not the text.
func matches(f *invoice.Filter, inv *invoice.Invoice) bool {
	return (f.OrderID == "" || inv.Order.OrderID == f.OrderID) && (f.ItemCode == "" || inv.Order.ItemCode == f.ItemCode) &&
		(f.Status == 0 || inv.State.Status == f.Status)
}

// Attention lists what an operator must decide, newest invoices first, at most limit (1,000).
func (db *DB) Attention(ctx context.Context, m merchant.ID, limit int) (list []invoice.Need, err error) {
	limit = bounded(limit)
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		return t.scanBack(bAttention, key32(nil, no), nil, func(key, _ []byte) (bool, error) {
			n, err := t.need(key, m)
			list = append(list, n)
			return len(list) < limit, err
		})
	})
	return list, err
}

// need reads what a row of the attention index stands for.
func (t *txn) need(key []byte, m merchant.ID) (invoice.Need, error) {
	inv, err := t.invoice(parseRef(key), m)
	if err != nil {
		return invoice.Need{}, err
	}
	n := invoice.Need{Invoice: inv, Why: need(key[refLen]).String()}
	if inv.State.Lost && need(key[refLen]) == needLate {
		n.Why = "lost"
	}
	if out := key[refLen+1:]; len(out) == outpointLen {
		var ok bool
		n.Receipt, ok, err = t.receipt(parseOutpoint(out))
		if err == nil && !ok {
			err = damaged(bOutpoints, out, "a record is missing")
		}
	}
	return n, err
}

// FindReceipt finds a merchant's receipt and its invoice by the output that paid; fault.NotFound where there is none.
func (db *DB) FindReceipt(ctx context.Context, m merchant.ID, o invoice.Outpoint) (id invoice.ID, r invoice.Receipt, err error) {
	list, err := db.found(ctx, m, keyOutpoint(nil, o))
	if err != nil {
		return "", invoice.Receipt{}, err
	}
	if len(list) == 0 {
		return "", invoice.Receipt{}, noReceipt()
	}
	return list[0].Invoice, list[0].Receipt, nil
}

// ByTx lists a merchant's receipts of a transaction, by output.
func (db *DB) ByTx(ctx context.Context, m merchant.ID, id invoice.TxID) ([]invoice.Found, error) {
	return db.found(ctx, m, id[:])
}

func (db *DB) found(ctx context.Context, m merchant.ID, prefix []byte) (list []invoice.Found, err error) {
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		return t.scan(bOutpoints, prefix, nil, func(key, payload []byte) (bool, error) {
			at := parsePlace(payload, parseOutpoint(key))
			if at.ref.no != no {
				return true, nil
			}
			r, err := t.receiptAt(at)
			if err != nil {
				return false, err
			}
			inv, err := t.invoiceRecord(at.ref)
			list = append(list, invoice.Found{Invoice: inv.ID, Receipt: r})
			return true, err
		})
	})
	return list, err
}

// ByAddressScript finds a merchant's invoice by the script of its address; fault.NotFound where there is none.
func (db *DB) ByAddressScript(ctx context.Context, m merchant.ID, script []byte) (inv invoice.Invoice, err error) {
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		if len(script) == 0 {
			return noInvoice()
		}
		payload, ok, err := t.get(bScripts, script)
		if err != nil {
			return err
		}
		if !ok || parseRef(payload).no != no {
			return noInvoice()
		}
		inv, err = t.invoice(parseRef(payload), m)
		return err
	})
	return inv, err
}
