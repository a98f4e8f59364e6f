package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"satchel/regtest"
)

// open is how many checkout pages are open at a time, of so many invoices, and each from an address of its own.
const (
	open     = 1000
	invoices = 20
)

// pages measures the checkout page: how many are served in a second, beside the daemon's smallest answer; what an open one
// costs; and how long a payment takes to all of them.
func (b *bench) pages(ctx context.Context) error {
	node, err := regtest.Start(ctx, regtest.Config{Dir: b.dir})
	if err != nil {
		return err
	}
	defer node.Stop()
	if err := node.Fund(ctx); err != nil {
		return err
	}
	d, err := b.newDaemon(ctx, node, "")
	if err != nil {
		return err
	}
	defer d.stop()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * open}}
	defer client.CloseIdleConnections()
	o, err := d.post(client, "25")
	if err != nil {
		return err
	}
	page, err := d.served(ctx, client, "/invoice?id="+o.ID)
	if err != nil {
		return err
	}
	least, err := d.served(ctx, client, "/healthz")
	if err != nil {
		return err
	}
	b.atLeast(figure{Name: "checkout pages, 16 clients", Value: page, Unit: "/s", Beside: "GET /healthz, /s", Limit: least}, 0.05)
	list := []order{o}
	for len(list) < invoices {
		if o, err = d.post(client, "25"); err != nil {
			return err
		}
		list = append(list, o)
	}
	return b.live(ctx, node, d, list)
}

// served is how often a second 16 clients get an answer.
func (d *daemon) served(ctx context.Context, client *http.Client, path string) (float64, error) {
	const span, clients = 3 * time.Second, 16
	var n atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, clients)
	start := time.Now()
	for i := range clients {
		wg.Go(func() {
			for time.Since(start) < span && ctx.Err() == nil {
				if errs[i] = fetch(client, "http://"+d.api+path); errs[i] != nil {
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(start).Seconds(), errors.Join(errs...)
}

func fetch(client *http.Client, url string) error {
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, res.Status)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// live opens the pages of some invoices and pays them with one transaction.
func (b *bench) live(ctx context.Context, node *regtest.Node, d *daemon, list []order) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	before, err := d.memory("RssAnon")
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	first, paid := make(chan error, open), make(chan time.Time, open)
	for n := range open {
		go func() {
			page := "http://" + d.api + "/invoice/stream?due=50000&id=" + list[n%len(list)].ID
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
			if err == nil {
				req.Header.Set("X-Forwarded-For", fmt.Sprintf("198.18.%d.%d", n>>8, n&0xFF)) // as a proxy on this machine says it
				err = follow(client, req, first, paid)
			}
			if err != nil {
				first <- err
			}
		}()
	}
	for range open {
		if err := <-first; err != nil {
			return fmt.Errorf("open a page: %w", err)
		}
	}
	after, err := d.memory("RssAnon")
	if err != nil {
		return err
	}
	b.under("anonymous memory per open page, 1,000 of them", (after-before)/open/1000, 64, "kB")
	start := time.Now()
	if _, err := node.PayMany(ctx, outputs(list)); err != nil {
		return err
	}
	var took []time.Duration
	for range open {
		select {
		case at := <-paid:
			took = append(took, at.Sub(start))
		case <-ctx.Done():
			return fmt.Errorf("a page was not told: %d of %d were", len(took), open)
		}
	}
	b.atMost(figure{
		Name: "a payment told to the last of 1,000 pages", Value: quantile(took, 1), Unit: "ms", Beside: "to the first of them", Limit: quantile(took, 0),
	}, 10)
	return nil
}

// outputs pay invoices in full.
func outputs(list []order) map[string]int64 {
	sats := make(map[string]int64, len(list))
	for _, o := range list {
		sats[o.Address] = 50_000
	}
	return sats
}

// follow reads a page's stream: opened is told when the first view came, paid when the payment did.
func follow(client *http.Client, req *http.Request, opened chan<- error, paid chan<- time.Time) error {
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<16)
	for lines.Scan() {
		switch text := lines.Text(); {
		case strings.Contains(text, `"status":"new"`):
			opened <- nil
		case strings.Contains(text, `"status":"paid"`):
			paid <- time.Now()
			return nil
		}
	}
	return errors.Join(lines.Err(), errors.New("the stream ended before the payment: "+res.Status))
}
