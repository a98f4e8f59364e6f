package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/store"
)

const manyInvoices = 100_000

// restart measures the start of a daemon that watches a million scripts and keeps 100,000 invoices, until it is ready,
// beside reading its file once.
func (b *bench) restart(ctx context.Context) error {
	_, d, end, err := b.young(ctx)
	if err != nil {
		return err
	}
	defer end()
	d.stop()
	path := filepath.Join(d.dir, "satchel.db")
	if err := stuff(ctx, path); err != nil {
		return err
	}
	b.say("%d scripts and %d invoices are there", watched, manyInvoices)
	var starts []time.Duration
	for range 3 {
		took, err := timed(func() error { _, err := d.start(ctx); return err })
		if err != nil {
			return err
		}
		starts = append(starts, took)
		d.stop()
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	read, err := timed(func() error { _, err := io.Copy(io.Discard, onlyReader{file}); return err })
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	b.under(fmt.Sprintf("start to ready, 1,000,000 scripts, 100,000 invoices (%d MB)", info.Size()>>20), quantile(starts, 0.5), 2*ms(read)+1500, "ms")
	b.figures = append(b.figures, figure{
		Name: "  the same", Value: quantile(starts, 0.5), Unit: "ms", Beside: "reading the file once, ms", Limit: ms(read),
		Ratio: quantile(starts, 0.5) / ms(read), Target: "-", OK: true,
	})
	return nil
}

// onlyReader hides what else a file can do, so that its bytes really come here.
type onlyReader struct{ io.Reader }

// random gives addresses that nobody derived.
type random struct{ key string }

// Key is whose addresses they seem to be.
func (r random) Key() string { return r.key }

// For gives itself to every merchant.
func (r random) For(merchant.ID) (invoice.Deriver, bool) { return r, true }

// Address makes one up.
func (r random) Address(index uint32) (invoice.Address, error) {
	h := sha256.Sum256(binary.BigEndian.AppendUint32([]byte(r.key), index))
	return invoice.Address{Text: fmt.Sprintf("bench-%x", h[:16]), Script: append([]byte{0x00, 20}, h[:20]...), Key: r.key, Index: index}, nil
}

// stuff fills a daemon's database with invoices, and with addresses that a restore skipped.
func stuff(ctx context.Context, path string) error {
	names, err := store.Open(store.Config{Path: path})
	if err != nil {
		return err
	}
	keys, err := names.Keys(ctx)
	if err = errors.Join(err, names.Close()); err != nil || len(keys) == 0 {
		return errors.Join(errors.New("the database has no key"), err)
	}
	addresses := random{keys[0].Fingerprint}
	db, err := store.Open(store.Config{Path: path, Derivers: addresses})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	err = errors.Join(makeMany(ctx, db, keys[0].Merchant), skipMany(ctx, db, addresses))
	cancel()
	return errors.Join(err, <-done, db.Close())
}

func makeMany(ctx context.Context, db *store.DB, m merchant.ID) error {
	errs := make([]error, 256)
	now := time.Now().UTC()
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for i := w; i < manyInvoices && errs[w] == nil; i += len(errs) {
				id := invoice.NewID()
				_, errs[w] = db.Create(ctx, invoice.Creation{Merchant: m}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
					inv := invoice.Invoice{
						Ref: slot.Ref, ID: id, Address: slot.Address, Created: now, Expires: now.Add(15 * time.Minute),
						Quote: money.Quote{Price: money.Fiat{Minor: 2500, Code: "USD"}, Due: 50_000}, Order: invoice.Order{OrderID: "bench"},
						State: invoice.State{Status: invoice.Complete, Since: now},
					}
					return inv, []invoice.Event{{Code: invoice.Created, At: now, Invoice: inv}}, nil
				})
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func skipMany(ctx context.Context, db *store.DB, r random) error {
	const atOnce = 10_000
	for from := uint32(manyInvoices); from < watched; from += atOnce {
		list := make([]invoice.Address, atOnce)
		for i := range list {
			list[i], _ = r.Address(from + uint32(i))
		}
		if err := db.SkipAhead(ctx, r.key, from+atOnce, list); err != nil {
			return err
		}
	}
	return nil
}
