package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"satchel/auth"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/store"
	"satchel/tracker"
)

// What is deleted behind a long reader's back. A session is three rows, so that these are a million.
const (
	sessionsKept = 340_000
	sessionBytes = 200              // of the answer that a session keeps
	prunedAtOnce = 100              // in one commit, as the daemon does
	heldFor      = 60 * time.Second // until all is deleted
)

// aging is a database whose rows grow old.
type aging struct {
	*bench
	db   *store.DB
	path string
	old  time.Time // before it, everything is
}

// longReader measures commits while a reader holds an old view and 95 % of a million rows are deleted, beside the same
// commits when nothing else happens.
func (b *bench) longReader(ctx context.Context) error {
	a := &aging{bench: b, path: filepath.Join(b.dir, "aging.db"), old: time.Now()}
	if err := store.Create(a.path, "regtest", merchant.Merchant{ID: "shop", Name: "Shop"}); err != nil {
		return err
	}
	err := a.opened(ctx, func() error {
		if err := a.fill(ctx, sessionsKept); err != nil {
			return err
		}
		plain, err := a.commits(ctx, time.After(5*time.Second))
		if err != nil {
			return err
		}
		return a.behind(ctx, plain)
	})
	if err != nil {
		return err
	}
	before, after, err := store.Compact(ctx, a.path)
	if err != nil {
		return err
	}
	b.atMost(figure{
		Name: "the file after compaction", Value: mb(after), Unit: "MB", Beside: "before it, MB", Limit: mb(before),
	}, 0.5)
	return nil
}

// opened runs fn with the database open and its committer at work.
func (a *aging) opened(ctx context.Context, fn func() error) (err error) {
	addresses := random{"aging"}
	if a.db, err = store.Open(store.Config{Path: a.path, Derivers: addresses}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- a.db.Run(ctx) }()
	if err = a.db.RegisterKey(ctx, store.Key{Fingerprint: addresses.Key(), Merchant: "shop"}); err == nil {
		err = fn()
	}
	cancel()
	return errors.Join(err, <-done, a.db.Close())
}

// fill makes sessions that were used long ago.
func (a *aging) fill(ctx context.Context, sessions int) error {
	const atOnce = 5_000
	answer := make([]byte, sessionBytes)
	for from := 0; from < sessions; from += atOnce {
		err := a.db.UpdateAuth(ctx, func(tx auth.Tx) error {
			for i := from; i < min(from+atOnce, sessions); i++ {
				used := a.old.Add(-time.Duration(sessions-i) * time.Millisecond)
				if err := tx.PutSession(auth.Session{ID: fmt.Sprintf("session-%d", i), Next: 2, Used: used}, answer); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// commits makes one invoice after the other until the end, and gives how long each took.
func (a *aging) commits(ctx context.Context, end <-chan time.Time) (list []time.Duration, err error) {
	pace := time.NewTicker(5 * time.Millisecond) // a shop, not a flood: each finds the committer as it is
	defer pace.Stop()
	for {
		took, err := timed(func() error { return a.invoice(ctx) })
		if err != nil {
			return nil, err
		}
		list = append(list, took)
		select {
		case <-end:
			return list, nil
		case <-pace.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (a *aging) invoice(ctx context.Context) error {
	id, now := invoice.NewID(), time.Now().UTC()
	_, err := a.db.Create(ctx, invoice.Creation{Merchant: "shop"}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
		inv := invoice.Invoice{
			Ref: slot.Ref, ID: id, Address: slot.Address, Created: now, Expires: now.Add(15 * time.Minute),
			State: invoice.State{Status: invoice.New, Since: now},
		}
		return inv, []invoice.Event{{Code: invoice.Created, At: now, Invoice: inv}}, nil
	})
	return err
}

// behind deletes behind a reader's back while invoices are made.
func (a *aging) behind(ctx context.Context, plain []time.Duration) error {
	size, err := a.db.Size()
	if err != nil {
		return err
	}
	release := make(chan struct{})
	held := make(chan error, 1)
	began := make(chan struct{})
	go func() {
		held <- a.db.ViewChain(ctx, func(tracker.Reader) error {
			close(began)
			<-release
			return nil
		})
	}()
	<-began
	end, pruned := make(chan time.Time), make(chan error, 1)
	go func() {
		defer close(end)
		pruned <- a.prune(ctx, sessionsKept*95/100, heldFor)
	}()
	under, err := a.commits(ctx, end)
	err = errors.Join(err, <-pruned)
	close(release)
	if err = errors.Join(err, <-held); err != nil {
		return err
	}
	after, err := a.db.Size()
	if err != nil {
		return err
	}
	a.report(plain, under, size, after)
	return nil
}

func (a *aging) report(plain, under []time.Duration, size, after int64) {
	floor := quantile(plain, 0.99)
	a.say("commits alone: p50 %.1f, p99 %.1f, worst %.1f ms", quantile(plain, 0.5), floor, quantile(plain, 1))
	a.say("behind a reader: p50 %.1f, p99 %.1f, worst %.1f ms of %d", quantile(under, 0.5), quantile(under, 0.99), quantile(under, 1), len(under))
	a.atMost(figure{
		Name: "commit while a reader is held and rows are deleted, p99", Value: quantile(under, 0.99), Unit: "ms",
		Beside: "p99 of commits alone (at least 3.3), ms", Limit: max(floor, 3.3),
	}, 3)
	a.atMost(figure{
		Name: "  the worst", Value: quantile(under, 1), Unit: "ms", Beside: "worst of commits alone (at least 50), ms",
		Limit: max(quantile(plain, 1), 50),
	}, 2)
	a.figures = append(a.figures, figure{
		Name: "  the file, by then", Value: mb(after), Unit: "MB", Beside: "before, MB", Limit: mb(size),
		Ratio: float64(after) / float64(size), Target: "-", OK: true,
	})
}

// prune deletes the oldest sessions, a few in each commit as the daemon does, evenly over a span.
func (a *aging) prune(ctx context.Context, count int, span time.Duration) error {
	pace := time.NewTicker(span * prunedAtOnce / time.Duration(count))
	defer pace.Stop()
	for count > 0 {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		var n int
		err := a.db.UpdateAuth(ctx, func(tx auth.Tx) error {
			idle, err := tx.Idle(a.old, min(prunedAtOnce, count))
			n = len(idle)
			for _, id := range idle {
				err = errors.Join(err, tx.DropSession(id))
			}
			return err
		})
		if err != nil {
			return err
		}
		if n == 0 {
			return errors.New("there is nothing left to delete")
		}
		count -= n
	}
	return nil
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }
