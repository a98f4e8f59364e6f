package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"satchel/bitpay"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/notify"
	"satchel/store"
)

const queued = 10_000

// callbacks measures how fast a backlog drains, each delivery recorded durably, beside a bare client.
func (b *bench) callbacks(ctx context.Context) error {
	for _, receivers := range []int{1, 100} {
		rate, err := b.drain(ctx, receivers)
		if err != nil {
			return err
		}
		bare, err := bareClient(ctx, receivers)
		if err != nil {
			return err
		}
		b.atLeast(figure{
			Name: fmt.Sprintf("callbacks to %d receiver(s)", receivers), Value: rate, Unit: "/s",
			Beside: "bare POSTs by 8 clients, /s", Limit: bare,
		}, 0.5)
	}
	return nil
}

// receivers counts what arrives at a number of local servers; done is closed at the last one.
func receivers(n int) (urls []string, count *atomic.Int64, done chan struct{}, stop func()) {
	count, done = &atomic.Int64{}, make(chan struct{})
	var servers []*httptest.Server
	for range n {
		s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if count.Add(1) == queued {
				close(done)
			}
		}))
		servers, urls = append(servers, s), append(urls, s.URL)
	}
	return urls, count, done, func() {
		for _, s := range servers {
			s.Close()
		}
	}
}

func (b *bench) drain(ctx context.Context, n int) (float64, error) {
	urls, count, done, stop := receivers(n)
	defer stop()
	var notifier *notify.Notifier
	db, closeDB, err := b.openStore(ctx, func(c *store.Config) {
		c.Render = func(ev invoice.Event, _ merchant.Merchant) ([]byte, []notify.Outgoing, error) {
			doc, out := bitpay.Render(ev, "https://pay.example")
			list := make([]notify.Outgoing, len(out))
			for i, o := range out {
				list[i] = notify.Outgoing{Channel: notify.IPN, Endpoint: o.Endpoint, Body: o.Body}
			}
			return doc, list, nil
		}
		c.AfterCommit = func(t store.Touched) {
			if t.Deliveries {
				notifier.Wake()
			}
		}
	})
	if err != nil {
		return 0, err
	}
	defer closeDB()
	if notifier, err = notify.New(notify.Config{Store: db, AllowPrivate: true}); err != nil {
		return 0, err
	}
	if err := fill(ctx, db, urls); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopped := make(chan error, 1)
	start := time.Now()
	go func() { stopped <- notifier.Run(ctx) }()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		return 0, fmt.Errorf("only %d of %d callbacks arrived", count.Load(), queued)
	}
	took := time.Since(start).Seconds()
	cancel()
	return queued / took, <-stopped
}

// fill queues a callback for each of many invoices of price zero, which are complete at once.
func fill(ctx context.Context, db *store.DB, urls []string) error {
	now := time.Now().UTC()
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < queued; i += 64 {
				id := invoice.NewID()
				_, err := db.Create(ctx, invoice.Creation{Merchant: shop, NoAddress: true}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
					inv := invoice.Invoice{
						Ref: slot.Ref, ID: id, Created: now, Expires: now.Add(15 * time.Minute),
						Quote: money.Quote{Price: money.Fiat{Code: "USD"}}, Order: invoice.Order{NotificationURL: urls[i%len(urls)], OrderID: "bench"},
						State: invoice.State{Status: invoice.Complete, Since: now},
					}
					return inv, []invoice.Event{{Code: invoice.Completed, At: now, Invoice: inv, Flat: true}}, nil
				})
				if err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// bareClient posts as fast as eight clients with kept connections can, and records nothing.
func bareClient(ctx context.Context, n int) (float64, error) {
	urls, _, done, stop := receivers(n)
	defer stop()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, MaxIdleConns: 8 * n}}
	defer client.CloseIdleConnections()
	body := bytes.Repeat([]byte("x"), 900)
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	start := time.Now()
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < queued && ctx.Err() == nil; i += 8 {
				res, err := client.Post(urls[i%n], "application/json", bytes.NewReader(body))
				if err != nil {
					failed.Store(&err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
	wg.Wait()
	took := time.Since(start).Seconds()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	<-done
	return queued / took, nil
}
