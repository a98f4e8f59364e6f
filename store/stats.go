package store

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

func noReceipt() error { return fault.New(fault.NotFound, "No such receipt") }

// Exposure is what is open on invoices that were confirmed without a block.
func (c chainTx) Exposure() (money.Sats, error) {
	n, err := c.t.counted(countExposed)
	return money.Sats(n), err
}

// Stats gives totals over the store, from the counts: it costs the same with a million invoices.
func (db *DB) Stats(ctx context.Context) (s invoice.Stats, err error) {
	err = db.view(ctx, func(t *txn) error {
		s = invoice.Stats{ByStatus: map[invoice.Status]uint64{}}
		for _, status := range invoice.Statuses() {
			n, err := t.counted(statusCount(status))
			if err != nil {
				return err
			}
			s.ByStatus[status] = uint64(max(n, 0))
		}
		scripts, err := t.counted(countScripts)
		if err != nil {
			return err
		}
		s.Scripts = uint64(max(scripts, 0))
		if s.Events, err = t.lastNumber(bEvents, nil); err != nil {
			return err
		}
		if s.Undelivered, s.Oldest, err = t.undelivered(); err != nil {
			return err
		}
		return t.eachKey(func(fingerprint string, rec *keyRecord) error {
			m, err := t.shop(rec.No)
			s.Keys = append(s.Keys, invoice.KeyStats{
				Merchant: m.ID, Key: fingerprint, Next: rec.Next, Gap: rec.Next - min(rec.Paid, rec.Next),
			})
			return err
		})
	})
	if err != nil {
		return invoice.Stats{}, err
	}
	s.FileSize, err = db.Size()
	return s, err
}

// OpenInvoices counts a merchant's invoices that are on their way: new, paid or confirmed. It costs as many rows.
func (db *DB) OpenInvoices(ctx context.Context, m merchant.ID) (n int, err error) {
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		for _, status := range []invoice.Status{invoice.New, invoice.Paid, invoice.Confirmed} {
			err := t.scan(bByStatus, append(key32(nil, no), byte(status)), nil, func(_, _ []byte) (bool, error) {
				n++
				return true, ctx.Err()
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// LoadScripts gives every script that was ever issued, or skipped by a restore, each only until add returns, and how many
// there are. The memory that reading them took is given back.
func (db *DB) LoadScripts(add func(script []byte)) (n int, err error) {
	err = db.view(context.Background(), func(t *txn) error {
		defer t.giveBack()
		each := func(key, _ []byte) (bool, error) {
			add(key)
			n++
			return true, nil
		}
		return errors.Join(t.scan(bScripts, nil, nil, each), t.scan(bSkipped, nil, nil, each))
	})
	return n, err
}

// giveBack tells the system that the pages read through the map are not needed for now. They stay in its cache, and a
// later read maps them again. It is a hint: an error means nothing. The open transaction keeps the map where it is.
func (t *txn) giveBack() {
	info := t.db.bolt.Info()
	size := uintptr(t.bolt.Size()) //nolint:gosec // a file's size is positive
	if info.Data != 0 && size > 0 {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, info.Data, size, unix.MADV_DONTNEED)
	}
}
