package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"satchel/invoice"
	"satchel/store/storetest"
	"satchel/tracker"
)

// BenchmarkFdatasync is the floor under every durable commit: a 4 KiB write in place, made durable.
func BenchmarkFdatasync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for b.Loop() {
		if _, err := f.WriteAt(page, 0); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommitAlone(b *testing.B) {
	db := open(b, config(create(b)))
	at := storetest.Noon()
	for b.Loop() {
		at = at.Add(time.Second)
		if err := db.UpdateChain(context.Background(), func(tx tracker.Tx) error { return tx.SetObserved(at) }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreateWith100Writers(b *testing.B) {
	db := open(b, config(create(b)))
	b.SetParallelism(50)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := invoice.NewID()
			_, err := db.Create(context.Background(), invoice.Creation{Merchant: storetest.Shop}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
				inv := invoice.Invoice{Ref: slot.Ref, ID: id, Address: slot.Address, Created: storetest.Noon(), State: invoice.State{Status: invoice.New}}
				return inv, []invoice.Event{{Code: invoice.Created, At: storetest.Noon(), Invoice: inv}}, nil
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkBatchWith100Writers is what bbolt's own batching does with one small row.
func BenchmarkBatchWith100Writers(b *testing.B) {
	raw, err := bolt.Open(filepath.Join(b.TempDir(), "raw.db"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer raw.Close()
	b.SetParallelism(50)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			err := raw.Batch(func(tx *bolt.Tx) error {
				in, err := tx.CreateBucketIfNotExists([]byte("b"))
				if err != nil {
					return err
				}
				return in.Put([]byte(invoice.NewID()), make([]byte, 1000))
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}
