package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// create measures invoices per second through HTTP with durable commits, beside the disk's own flush rate.
func (b *bench) create(ctx context.Context) error {
	_, d, end, err := b.young(ctx)
	if err != nil {
		return err
	}
	defer end()
	flushes, err := b.flushes()
	if err != nil {
		return err
	}
	for _, c := range []struct {
		clients int
		target  float64
	}{{1, 0.1}, {64, 0.3}} {
		rate, err := d.creates(ctx, c.clients)
		if err != nil {
			return err
		}
		name := "invoices created, 1 client"
		if c.clients > 1 {
			name = "invoices created, 64 clients"
		}
		b.atLeast(figure{Name: name, Value: rate, Unit: "/s", Beside: "4 KiB flushes, /s", Limit: flushes}, c.target)
	}
	return nil
}

func (d *daemon) creates(ctx context.Context, clients int) (float64, error) {
	const span = 4 * time.Second
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	var n atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, clients)
	start := time.Now()
	for i := range clients {
		wg.Go(func() {
			for time.Since(start) < span && ctx.Err() == nil {
				if _, errs[i] = d.post(client, "25"); errs[i] != nil {
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(start).Seconds(), errors.Join(errs...)
}

// flushes is how often a second this folder's disk makes a 4 KiB write durable.
func (b *bench) flushes() (float64, error) {
	f, err := os.Create(filepath.Join(b.dir, "flush"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	page := make([]byte, 4096)
	start, n := time.Now(), 0
	for ; time.Since(start) < time.Second; n++ {
		if _, err := f.WriteAt(page, 0); err != nil {
			return 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}
