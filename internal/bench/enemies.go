package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// attack starts everything that comes over HTTP, and returns when it is there.
func (s *siege) attack(ctx context.Context) error {
	s.attacks.Go(func() { s.watch(ctx) })
	tokens := make([]string, listenedTo)
	for i := range tokens {
		var err error
		if tokens[i], err = s.busToken(); err != nil {
			return err
		}
	}
	var there atomic.Int64
	for i := range openStreams {
		s.attacks.Go(func() { s.listen(ctx, tokens[i%listenedTo], &there) })
	}
	for range slowClients {
		s.attacks.Go(func() { s.crawl(ctx) })
	}
	bodies, err := badBodies(s.d.token)
	if err != nil {
		return err
	}
	for i := range bodyClients {
		s.attacks.Go(func() { s.shove(ctx, bodies, i) })
	}
	for there.Load() < openStreams {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		if err := s.firstBad.Load(); err != nil {
			return *err
		}
	}
	return nil
}

// listen holds an event stream open and reads what comes.
func (s *siege) listen(ctx context.Context, token string, there *atomic.Int64) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.d.api+"/events?action=subscribe&token="+token, http.NoBody)
	if err != nil {
		s.fail(err)
		return
	}
	res, err := s.client.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			s.fail(err)
		}
		return
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		s.fail(fmt.Errorf("a stream: %s", res.Status))
		return
	}
	s.evil.streams.Add(1)
	there.Add(1)
	_, _ = io.Copy(io.Discard, res.Body)
}

// crawl sends a byte of a request now and then, from a new connection whenever the daemon has had enough.
func (s *siege) crawl(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		if err := s.crawlOnce(ctx); err != nil && ctx.Err() == nil {
			s.fail(err)
			return
		}
		if ctx.Err() != nil {
			return
		}
		s.evil.cut.Add(1)
		for took := int64(time.Since(began)); ; {
			was := s.evil.longest.Load()
			if took <= was || s.evil.longest.CompareAndSwap(was, took) {
				break
			}
		}
	}
}

// crawlOnce ends when the connection was closed.
func (s *siege) crawlOnce(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.d.api)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, conn)
	}()
	if _, err := conn.Write([]byte("POST /invoices HTTP/1.1\r\nHost: shop.example\r\nX-Slow: ")); err != nil {
		return nil // it was closed at once, which is what it is for
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-gone:
			return nil
		case <-tick.C:
			_, _ = conn.Write([]byte("a"))
		}
	}
}

// bad is a body that must be refused, and how.
type bad struct {
	body    []byte
	header  string // Content-Encoding
	chunked bool
	status  int
}

func badBodies(token string) ([]bad, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(make([]byte, 50<<20))
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return []bad{
		{body: bytes.Repeat([]byte(" "), 1<<20), status: http.StatusRequestEntityTooLarge},
		{body: bytes.Repeat([]byte(" "), 8<<20), chunked: true, status: http.StatusRequestEntityTooLarge},
		{body: packed.Bytes(), header: "gzip", status: http.StatusUnsupportedMediaType},
		{body: bytes.Repeat([]byte("["), 100<<10), status: http.StatusBadRequest},
		{body: []byte(`{"token":"` + token + `","currency":"USD","price":` + strings.Repeat("9", 100<<10) + `}`), status: http.StatusBadRequest},
		{body: []byte(`{"posData":"` + strings.Repeat(`\u0041`, 16<<10) + `"}`), status: http.StatusUnauthorized},
	}, nil
}

// shove sends bad bodies.
func (s *siege) shove(ctx context.Context, bodies []bad, from int) {
	for i := from; ctx.Err() == nil; i++ {
		b := bodies[i%len(bodies)]
		status, err := s.shoveOnce(ctx, b)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // the daemon may close on who goes on sending
		case status != b.status:
			s.fail(fmt.Errorf("body %d: status %d, want %d", i%len(bodies), status, b.status))
			return
		}
		s.evil.refused.Add(1)
	}
}

func (s *siege) shoveOnce(ctx context.Context, b bad) (int, error) {
	var body io.Reader = bytes.NewReader(b.body)
	if b.chunked {
		body = io.MultiReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.d.api+"/invoices", body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if b.header != "" {
		req.Header.Set("Content-Encoding", b.header)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}
