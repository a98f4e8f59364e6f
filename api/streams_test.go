package api

import (
	"context"
	"net/http"
	"strconv"
	"testing"
)

// watched is a page that streams until its reader goes.
func watched(w http.ResponseWriter, req *http.Request) {
	w.WriteHeader(http.StatusOK)
	if req.URL.Query().Get("short") == "" && http.NewResponseController(w).Flush() == nil {
		<-req.Context().Done()
	}
}

// hold opens a stream for an address behind a proxy, "" for one that the proxy did not name, and holds it to the end of
// the test where it is let in.
func (w *world) hold(path, from string) (int, http.Header) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+path, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	if from != "" {
		req.Header.Set("X-Forwarded-For", from)
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		cancel()
		_ = res.Body.Close()
	})
	return res.StatusCode, res.Header
}

// full opens streams until one is refused, and tells how many there were.
func (w *world) full(from string, path func(n int) string) int {
	w.t.Helper()
	for n := range 50 {
		status, h := w.hold(path(n), from)
		switch {
		case status == http.StatusTooManyRequests && h.Get("Retry-After") != "":
			return n
		case status != http.StatusOK:
			w.t.Fatalf("stream %d: %d %v", n, status, h)
		}
	}
	w.t.Fatal("nobody is refused")
	return 0
}

func (w *world) let(path, from string) {
	w.t.Helper()
	if status, _ := w.hold(path, from); status != http.StatusOK {
		w.t.Errorf("%s from %q: %d", path, from, status)
	}
}

// One client behind the proxy takes all he can, of the pages and of the bus: another one, the desk and the API have theirs.
func TestOneCallerCannotTakeAllStreams(t *testing.T) {
	s := newShop(t, func(_ *shop, c *Config) {
		c.Limits = Limits{PerSecond: -1, Connections: 32, Streams: 100, StreamsPerCaller: 6, StreamsPerInvoice: 9}
		c.Web, c.Desk = http.HandlerFunc(watched), http.HandlerFunc(watched)
	})
	page := func(n int) string { return "/invoice/stream?id=" + strconv.Itoa(n) }
	one := func(int) string { return page(1000) }
	bus := s.bus(s.make(""), "")
	s.let(bus, "203.0.113.1")
	if n := s.full("203.0.113.1", page); n != 5 {
		t.Errorf("one caller has %d pages beside the bus, want 5", n)
	}
	if status, _ := s.hold(bus, "203.0.113.1"); status != http.StatusTooManyRequests {
		t.Errorf("the bus lets him in: %d", status)
	}
	if status, _ := s.hold("/Invoice/%73tream?id=7", "203.0.113.1"); status != http.StatusTooManyRequests {
		t.Errorf("another way to write it lets him in: %d", status)
	}
	s.let(bus, "203.0.113.2")
	// A proxy that names nobody: an invoice has its share, and others have theirs.
	if n := s.full("", one); n != 9 {
		t.Errorf("one invoice has %d streams, want 9", n)
	}
	s.let(page(1), "")
	// All of them together leave room for what is not a stream.
	if n := s.full("", func(n int) string { return page(2000 + n) }); n != 20-6-1-9-1 {
		t.Errorf("then come %d more", n)
	}
	s.let("/dashboard/m/x/live", "203.0.113.1")
	s.make("")
	if r := s.send(http.MethodGet, "/invoice/view?id=7&short=1", "", "X-Forwarded-For", "203.0.113.1"); r.status != http.StatusOK {
		t.Errorf("a page that looks by itself: %d", r.status)
	}
}

func TestTheDesksStreamsAreCounted(t *testing.T) {
	w := start(t, func(c *Config) { c.Desk = http.HandlerFunc(watched) })
	w.api.desks.perCaller = 3
	if n := w.full("203.0.113.1", func(int) string { return "/dashboard/m/x/live" }); n != 3 {
		t.Errorf("one operator has %d", n)
	}
	w.let("/dashboard/m/x/live", "203.0.113.2")
	w.let("/dashboard/m/x/invoices", "203.0.113.1")
}

// What ends gives its place back, and nothing is kept of it.
func TestStreamsGiveTheirPlacesBack(t *testing.T) {
	w := start(t, func(c *Config) {
		c.Limits = Limits{Streams: 1, StreamsPerCaller: 1, StreamsPerInvoice: 1}
		c.Web = http.HandlerFunc(watched)
	})
	for n := range 10 {
		if r := w.send(http.MethodGet, "/invoice/stream?short=1&id="+strconv.Itoa(n%2), "", "X-Forwarded-For", "203.0.113.1"); r.status != http.StatusOK {
			t.Fatalf("stream %d: %d", n, r.status)
		}
	}
	if s := w.api.streams; s.open != 0 || len(s.callers) != 0 || len(s.invoices) != 0 {
		t.Errorf("left: %d, %v, %v", s.open, s.callers, s.invoices)
	}
}

// The checkout is limited, with more room than where somebody could guess.
func TestPayersHaveAPace(t *testing.T) {
	w := start(t, func(c *Config) {
		c.Limits.PerSecond, c.Limits.Burst = 1, 3
		c.Web = http.HandlerFunc(watched)
	})
	for i := range 3*payersShare + 2 {
		path := [...]string{"/invoice?id=x&short=1", "/invoice/view?id=x&short=1", "/invoice/stream?id=x&short=1"}[i%3]
		r := w.send(http.MethodGet, path, "", "X-Forwarded-For", "203.0.113.5")
		if want := map[bool]int{true: 200, false: 429}[i < 3*payersShare]; r.status != want {
			t.Errorf("look %d: %d, want %d", i, r.status, want)
		}
	}
	if r := w.send(http.MethodGet, "/rates", "", "X-Forwarded-For", "203.0.113.5"); r.status != 200 {
		t.Errorf("the API: %d", r.status)
	}
	if r := w.send(http.MethodGet, "/invoice?id=x&short=1", "", "X-Forwarded-For", "203.0.113.6"); r.status != 200 {
		t.Errorf("another payer: %d", r.status)
	}
}
