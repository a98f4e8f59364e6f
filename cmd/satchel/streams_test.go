package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"satchel/internal/browser"
)

// watches opens the stream of an invoice's page for an address that a proxy on this machine names, holds it to the end of
// the test, and tells whether there was room for it.
func (s *shop) watches(o order, from string) bool {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.api+"/invoice/stream?id="+o.ID, http.NoBody)
	s.must(err)
	req.Header.Set("X-Forwarded-For", from)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	s.must(err)
	s.t.Cleanup(func() {
		cancel()
		_ = res.Body.Close()
	})
	switch {
	case res.StatusCode == http.StatusOK && res.Header.Get("Content-Type") == "text/event-stream":
	case res.StatusCode == http.StatusTooManyRequests && res.Header.Get("Retry-After") != "":
		return false
	default:
		s.t.Fatalf("%s: %s %v", from, res.Status, res.Header)
	}
	return true
}

// floods opens pages of an invoice until there is room for no more, from the addresses in turn, and tells how many there
// were.
func (s *shop) floods(o order, from ...string) (n int) {
	s.t.Helper()
	for s.watches(o, from[n%len(from)]) {
		n++
	}
	return n
}

// Behind a proxy one client opens all the streams he can, and then a crowd all of an invoice. Others have theirs, the API
// works, and a page without a stream shows what happens all the same.
func TestAFloodOfStreamsLeavesRoom(t *testing.T) {
	t.Parallel()
	s, b := newShop(t), browser.Start(t)
	first, second, third := s.invoice("25", "USD", "medium", nil), s.invoice("25", "USD", "medium", nil), s.invoice("25", "USD", "medium", nil)
	for _, o := range []order{first, second} {
		if n := s.floods(o, "198.18.0.0"); n != 100 {
			t.Errorf("one client holds %d streams of an invoice, want 100", n)
		}
	}
	if s.watches(third, "198.18.0.0") {
		t.Error("one client holds more than 200 streams")
	}
	if !s.watches(third, "198.18.0.1") {
		t.Error("another client has none")
	}
	if n := s.floods(third, "198.18.0.1", "198.18.0.2", "198.18.0.3"); n != 99 {
		t.Errorf("a crowd holds %d more streams, want 99", n)
	}
	s.invoice("25", "USD", "medium", nil)
	tab := s.open(b, third, browser.Phone())
	tab.UntilRequest("/invoice/view") // the stream was refused
	s.pay(third.Address, 50_000)
	tab.Says("#title", "Payment received")
	s.mine(1)
	tab.Says("#title", "Payment confirmed")
	if !browser.Eval[bool](tab, `window.opened === true && document.getElementById("lost").textContent === ""`) {
		t.Error("the page was loaded again, or calls itself lost")
	}
	for _, problem := range tab.Problems() {
		if !strings.Contains(problem, "429") {
			t.Error(problem)
		}
	}
}
