package store

import (
	"testing"
	"testing/synctest"
	"time"

	"satchel/invoice"
	"satchel/notify"
	"satchel/store/storetest"
	"satchel/tracker"
)

// withDeliveries makes a file in which that many callbacks are due.
func withDeliveries(t *testing.T, n int) string {
	t.Helper()
	path := create(t)
	db, err := Open(config(path))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = db.Run(t.Context()) }()
	for range n {
		_, err := db.Create(t.Context(), invoice.Creation{Merchant: storetest.Shop, NoAddress: true}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
			inv := invoice.Invoice{
				Ref: slot.Ref, ID: invoice.NewID(), Created: storetest.Noon(),
				Order: invoice.Order{NotificationURL: "https://shop.example/ipn"}, State: invoice.State{Status: invoice.Complete},
			}
			return inv, []invoice.Event{{Code: invoice.Completed, At: storetest.Noon(), Invoice: inv, Flat: true}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// tries is a store at work in a bubble, where time passes only when everybody waits.
type tries struct {
	t       *testing.T
	db      *DB
	due     []notify.Delivery
	commits int // of the committer's goroutine; read when it rests
}

// tried records an attempt of the next delivery; the channel is closed when that is on the disk.
func (r *tries) tried() <-chan struct{} {
	d, done := r.due[0], make(chan struct{})
	r.due = r.due[1:]
	d.State, d.Progress.Attempts = notify.Delivered, 1
	go func() {
		defer close(done)
		if err := r.db.RecordAttempt(r.t.Context(), d, notify.Attempt{At: storetest.Noon(), Status: 200}); err != nil {
			r.t.Error(err)
		}
	}()
	return done
}

// expect tells how long fn may take, in how many commits.
func (r *tries) expect(what string, took time.Duration, commits int, fn func()) {
	r.t.Helper()
	synctest.Wait()
	began, before := time.Now(), r.commits
	fn()
	passed := time.Since(began)
	if synctest.Wait(); passed != took || r.commits-before != commits {
		r.t.Errorf("%s: took %s in %d commits, want %s in %d", what, passed, r.commits-before, took, commits)
	}
}

// Records of attempts wait for each other where many come, a lone one and every other write does not.
func TestRecordsOfAttemptsShareCommits(t *testing.T) {
	path := withDeliveries(t, lingerMost+6)
	synctest.Test(t, func(t *testing.T) {
		r := &tries{t: t}
		cfg := config(path)
		cfg.hook = func(s step) {
			if s.kind == beforeCommit {
				r.commits++
			}
		}
		var err error
		if r.db, err = Open(cfg); err != nil {
			t.Fatal(err)
		}
		defer r.db.Close()
		if r.due, _, err = r.db.DueDeliveries(t.Context(), notify.Due{Now: storetest.Noon(), Limit: 1000}); err != nil {
			t.Fatal(err)
		}
		one, other := r.tried(), r.tried()
		r.expect("two that came together", 0, 1, func() {
			go func() { _ = r.db.Run(t.Context()) }()
			<-one
			<-other
		})
		late := r.tried()
		r.expect("one that waits, and a look at the chain", 0, 1, func() {
			if err := r.db.UpdateChain(t.Context(), func(tx tracker.Tx) error { return tx.SetObserved(storetest.Noon()) }); err != nil {
				t.Error(err)
			}
			<-late
		})
		r.expect("as many as may wait", 0, 1, func() {
			for range lingerMost - 1 {
				r.tried()
			}
			<-r.tried()
		})
		r.expect("one that waits in vain", lingerFor, 1, func() { <-r.tried() })
		r.expect("one after a lone one", 0, 1, func() { <-r.tried() })
	})
}
