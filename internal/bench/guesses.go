package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"satchel/auth"
	"satchel/regtest"
)

const (
	badRuns     = 2_000
	guessers    = 8 // callers at once whose signatures are wrong
	goodCalls   = 400
	worstBody   = 16 << 10
	worstTarget = "/invoices?orderId=o%271+%2A~"
)

// guesses measures what the dearest bad signature costs beside a good one, and what a flood of bad signatures costs a
// client whose own are good.
func (b *bench) guesses(ctx context.Context) error {
	node, err := regtest.Start(ctx, regtest.Config{Dir: b.dir})
	if err != nil {
		return err
	}
	defer node.Stop()
	if _, err := node.Mine(ctx, 10, ""); err != nil {
		return err
	}
	d, err := b.newDaemon(ctx, node, "")
	if err != nil {
		return err
	}
	defer d.stop()
	s, err := d.newSigner(ctx)
	if err != nil {
		return err
	}
	good, bad, err := s.verifications()
	if err != nil {
		return err
	}
	b.atMost(figure{Name: "a bad signature, 16 URLs and a body of 16 KB", Value: bad, Unit: "us", Beside: "a good one, us", Limit: good}, 24)
	inv, err := d.post(http.DefaultClient, "25")
	if err != nil {
		return err
	}
	ask := s.sign(http.MethodGet, "/invoices/"+inv.ID+"?token="+s.token, "")
	alone, err := s.latencies(ctx, ask)
	if err != nil {
		return err
	}
	flood, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for range guessers {
		wg.Go(func() { s.guess(flood) })
	}
	beside, err := s.latencies(ctx, ask)
	stop()
	wg.Wait()
	if err != nil {
		return err
	}
	turn := quantile(alone, 0.5) + guessers*bad/1000/float64(runtime.NumCPU())
	b.atMost(figure{
		Name: fmt.Sprintf("signed GET beside %d callers who guess, p50", guessers), Value: quantile(beside, 0.5), Unit: "ms",
		Beside: "alone, and each guess first, ms", Limit: turn,
	}, 2)
	b.under("  p99", quantile(beside, 0.99), 250, "ms")
	return nil
}

// verifications gives the time of one good verification and of the dearest bad one, in microseconds.
func (s *signer) verifications() (good, bad float64, err error) {
	v, err := auth.NewVerifier([]string{"https://pay.example:8443/shop", "http://localhost:8350", "https://www.pay.example"})
	if err != nil {
		return 0, 0, err
	}
	right := s.sign(http.MethodGet, worstTarget, "")
	r := auth.Signed{Identity: s.identity, Signature: right.signature, Scheme: "http", Host: strings.TrimPrefix(s.public, "http://"), Target: worstTarget}
	own, err := auth.NewVerifier([]string{s.public})
	if err != nil {
		return 0, 0, err
	}
	if good, err = each(badRuns, func() error { _, err := own.Verify(r); return err }); err != nil {
		return 0, 0, err
	}
	r.Host, r.Body = "pay.example", []byte(`{"d":"`+strings.Repeat("ü", worstBody/2)+`"}`)
	bad, err = each(badRuns/10, func() error {
		if _, err := v.Verify(r); err == nil {
			return errors.New("a bad signature is good")
		}
		return nil
	})
	return good, bad, err
}

// each gives the mean time of fn, in microseconds.
func each(n int, fn func() error) (float64, error) {
	start := time.Now()
	for range n {
		if err := fn(); err != nil {
			return 0, err
		}
	}
	return float64(time.Since(start).Microseconds()) / float64(n), nil
}

// latencies makes a call again and again.
func (s *signer) latencies(ctx context.Context, c call) ([]time.Duration, error) {
	list := make([]time.Duration, 0, goodCalls)
	for range goodCalls {
		start := time.Now()
		status, err := s.send(ctx, c)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("a good call is answered with %d", status)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, time.Since(start))
	}
	return list, nil
}

// guess sends bad signatures until ctx ends.
func (s *signer) guess(ctx context.Context) {
	body := `{"d":"` + strings.Repeat("ü", worstBody/2) + `"}`
	c := s.sign(http.MethodPost, "/invoices", "another body")
	c.target, c.body = worstTarget, body
	for ctx.Err() == nil {
		_, _ = s.send(ctx, c)
	}
}

// send makes a signed call and gives the answer's status.
func (s *signer) send(ctx context.Context, c call) (int, error) {
	req, err := http.NewRequestWithContext(ctx, c.method, s.api+c.target, strings.NewReader(c.body))
	if err != nil {
		return 0, err
	}
	req.Host = strings.TrimPrefix(s.public, "http://")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Identity", s.identity)
	req.Header.Set("X-Signature", c.signature)
	res, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}
