package store

import (
	"errors"
	"fmt"

	"satchel/invoice"
	"satchel/merchant"
)

// receipts reads an invoice's receipts in order of first sight, at most limit (0: all).
func (t *txn) receipts(at ref, m merchant.ID, limit int) (list []invoice.Receipt, err error) {
	of := invoice.Ref{Merchant: m, Seq: at.seq}
	err = t.scan(bReceipts, at.key(), nil, func(key, payload []byte) (bool, error) {
		var rec receiptRecord
		if err := decode(bReceipts, key, payload, &rec); err != nil {
			return false, err
		}
		list = append(list, rec.receipt(parseReceiptKey(key), of))
		return limit <= 0 || len(list) < limit, nil
	})
	return list, err
}

// receiptPlace finds where a receipt is kept.
func (t *txn) receiptPlace(o invoice.Outpoint) (receiptAt, bool, error) {
	payload, ok, err := t.get(bOutpoints, keyOutpoint(nil, o))
	if err != nil || !ok {
		return receiptAt{}, false, err
	}
	return parsePlace(payload, o), true, nil
}

// parsePlace reads a row of the outpoints.
func parsePlace(payload []byte, o invoice.Outpoint) receiptAt {
	return receiptAt{ref: parseRef(payload), seen: toInstant(parseTime(payload[refLen:])), outpoint: o}
}

// receipt reads a receipt by its outpoint.
func (t *txn) receipt(o invoice.Outpoint) (invoice.Receipt, bool, error) {
	at, ok, err := t.receiptPlace(o)
	if err != nil || !ok {
		return invoice.Receipt{}, false, err
	}
	r, err := t.receiptAt(at)
	return r, err == nil, err
}

// receiptAt reads a receipt that must be there.
func (t *txn) receiptAt(at receiptAt) (invoice.Receipt, error) {
	var rec receiptRecord
	if ok, err := t.load(bReceipts, at.key(), &rec); err != nil || !ok {
		return invoice.Receipt{}, errors.Join(err, missing(err == nil, bReceipts, at.key()))
	}
	of, err := t.domainRef(at.ref)
	return rec.receipt(at, of), err
}

// putReceipt writes a receipt of an invoice. An earlier first sight moves its row.
func (t *txn) putReceipt(of ref, r *invoice.Receipt, inv *invoiceRecord) error {
	was, known, err := t.receiptPlace(r.Outpoint)
	if err != nil {
		return err
	}
	old := facts{}
	if known {
		if was.ref != of {
			return fmt.Errorf("receipt %s belongs to another invoice", r.Outpoint)
		}
		var rec receiptRecord
		ok, err := t.load(bReceipts, was.key(), &rec)
		if err != nil || !ok {
			return errors.Join(err, missing(err == nil, bReceipts, was.key()))
		}
		old = rec.facts(was)
	} else if err := t.paid(&inv.Address); err != nil {
		return err
	}
	at := receiptAt{ref: of, seen: toInstant(r.FirstSeen), outpoint: r.Outpoint}
	if known && at != was {
		if err := t.remove(bReceipts, was.key()); err != nil {
			return err
		}
	}
	rec := fromReceipt(r)
	return errors.Join(t.save(bReceipts, at.key(), &rec), t.reindex(old, rec.facts(at)))
}

// paid keeps how far the key's addresses were paid: what follows is a gap that other wallets may not look beyond.
func (t *txn) paid(a *addressRecord) error {
	if a.Key == "" {
		return nil
	}
	key, ok, err := t.watchKey(a.Key)
	if err != nil || !ok || a.Index < key.Paid {
		return err
	}
	key.Paid = a.Index + 1
	return t.save(bKeys, []byte(a.Key), key)
}
