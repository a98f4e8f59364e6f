package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"satchel/fault"
	"satchel/invoice"
)

func benchAPI(tb testing.TB, f *fake) *API {
	tb.Helper()
	a, err := New(Config{
		Invoices: f, Store: f, Rates: f, Auth: authority(tb, f, func() time.Time { return f.now }), Secret: secret(), Tip: func() int32 { return 1 },
		Ready: func() ([]string, []string) { return nil, nil }, PublicURLs: []string{"https://pay.example"},
		Now: func() time.Time { return f.now }, Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(func() Gauges { return Gauges{} }),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func TestRateOfAnAddress(t *testing.T) {
	w := start(t, func(c *Config) { c.Limits.PerSecond, c.Limits.Burst = 1, 3 })
	from := func(addr string) reply { return w.send(http.MethodGet, "/rates", "", "X-Forwarded-For", addr) }
	for range 3 {
		if r := from("203.0.113.1"); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	r := from("203.0.113.1")
	if r.refused(t, http.StatusTooManyRequests); r.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
	}
	if r := from("203.0.113.2"); r.status != 200 {
		t.Errorf("another address: %d", r.status)
	}
	// What a client wrote itself before its proxy's word is not believed.
	if r := from("198.51.100.9, 203.0.113.1"); r.status != 429 {
		t.Errorf("with an invented address before its own: %d", r.status)
	}
	w.now = w.now.Add(time.Second)
	if r := from("203.0.113.1"); r.status != 200 {
		t.Errorf("a second later: %d", r.status)
	}
	// A valid token has its own caps; a bad one has none.
	for range 10 {
		if r := w.post(`{"price":1,"currency":"USD","token":"`+w.pos+`"}`, "X-Forwarded-For", "203.0.113.1"); r.status != 200 {
			t.Fatalf("with a token: %d %s", r.status, r.body)
		}
	}
	for i := range 5 {
		r := w.post(`{"price":1,"currency":"USD","token":"guess"}`, "X-Forwarded-For", "203.0.113.77")
		if want := map[bool]int{true: 401, false: 429}[i < 3]; r.status != want {
			t.Errorf("guess %d: %d, want %d", i, r.status, want)
		}
	}
	for range 50 { // the operator's own machine
		if r := w.send(http.MethodGet, "/rates", ""); r.status != 200 {
			t.Fatalf("from loopback: %d", r.status)
		}
	}
}

// Whoever guesses at the approval page is stopped before the page is asked; others are not.
func TestGuessesAtPagesAreLimited(t *testing.T) {
	asked := 0
	w := start(t, func(c *Config) {
		c.Limits.PerSecond, c.Limits.Burst = 1, 3
		c.Web = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.WriteHeader(http.StatusForbidden)
		})
	})
	for i := range 6 {
		r := w.send([]string{http.MethodGet, http.MethodPost}[i%2], "/api-access-request?pairingCode=aB3dE5g&key=guess", "", "X-Forwarded-For", "203.0.113.5")
		if want := map[bool]int{true: 403, false: 429}[i < 3]; r.status != want {
			t.Errorf("guess %d: %d, want %d", i, r.status, want)
		}
		if r.status == 429 && r.header.Get("Retry-After") == "" {
			t.Error("nobody is told when to come back")
		}
	}
	if asked != 3 {
		t.Errorf("the page was asked %d times", asked)
	}
	for _, path := range []string{"/api-tokens", "/dashboard/merchant/api-tokens", "/Dashboard/merchant/api-tokens/"} {
		if r := w.send(http.MethodGet, path, "", "X-Forwarded-For", "203.0.113.6"); r.status != 403 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

func TestCallers(t *testing.T) {
	for _, c := range []struct{ remote, forwarded, want string }{
		{"203.0.113.1:5", "", "203.0.113.1"},
		{"203.0.113.1:5", "198.51.100.9", "203.0.113.1"}, // only a proxy on loopback is believed
		{"127.0.0.1:5", "", "127.0.0.1"},
		{"127.0.0.1:5", "198.51.100.9", "198.51.100.9"},
		{"[::1]:5", "a, 198.51.100.9", "198.51.100.9"},
		{"127.0.0.1:5", "nonsense", "127.0.0.1"},
		{"[2001:db8:1:2:3:4:5:6]:5", "", "2001:db8:1:2::"},
		{"127.0.0.1:5", "2001:db8:1:2:ffff::1", "2001:db8:1:2::"},
		{"[::ffff:203.0.113.1]:5", "", "203.0.113.1"},
		{"[fe80::1%eth0]:5", "", "fe80::"},
		{"@", "", "invalid IP"}, // a Unix socket
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		req.RemoteAddr = c.remote
		if c.forwarded != "" {
			req.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := callerOf(req).String(); got != c.want {
			t.Errorf("%s for %q is %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}

// TestLimiterForgets: an attacker with many addresses costs a bounded amount of memory, and the busy ones are kept.
func TestLimiterForgets(t *testing.T) {
	now := time.Unix(1546300800, 0)
	l := newLimiter(Limits{PerSecond: 1, Burst: 1}.pace(), func() time.Time { return now })
	busy := caller{netip.MustParseAddr("203.0.113.1")}
	if err := l.take(busy); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxCallers {
		other := caller{netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}
		if err := l.take(other); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			if err := l.take(busy); !fault.Is(err, fault.TooMany) {
				t.Fatalf("after %d others the busy one was forgotten", i)
			}
		}
	}
	if len(l.of) != maxCallers || l.order.Len() != maxCallers {
		t.Fatalf("%d and %d addresses are kept", len(l.of), l.order.Len())
	}
	free := newLimiter(Limits{PerSecond: -1}.pace(), func() time.Time { return now })
	for range 1000 {
		if err := free.take(busy); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConnectionsOfAnAddress(t *testing.T) {
	c := newConnections(Limits{Connections: 100, PerAddress: 2})
	conn := func(addr string) *fakeConn { return &fakeConn{remote: addr} }
	a, b, over := conn("203.0.113.1:1"), conn("203.0.113.1:2"), conn("203.0.113.1:3")
	for _, x := range []*fakeConn{a, b, over} {
		c.state(x, http.StateNew)
		c.state(x, http.StateActive)
	}
	if a.closed || b.closed || !over.closed {
		t.Fatal("the wrong ones were closed")
	}
	c.state(over, http.StateClosed) // gives back nothing
	if x := conn("203.0.113.1:4"); true {
		if c.state(x, http.StateNew); !x.closed {
			t.Fatal("a refused connection gave a place back")
		}
	}
	c.state(a, http.StateHijacked)
	if x := conn("203.0.113.1:5"); true {
		if c.state(x, http.StateNew); x.closed {
			t.Fatal("the place was not given back")
		}
	}
	for i := range 50 {
		x := conn(fmt.Sprintf("127.0.0.1:%d", i+1))
		if c.state(x, http.StateNew); x.closed {
			t.Fatal("loopback is counted")
		}
	}
	c.state(b, http.StateClosed)
	if len(c.per) > 2 {
		t.Errorf("%d addresses are kept", len(c.per))
	}
}

type fakeConn struct {
	net.Conn
	remote string
	closed bool
}

func (c *fakeConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.remote))
}

func (c *fakeConn) Close() error {
	c.closed = true
	return nil
}

func TestEveryKindHasAStatus(t *testing.T) {
	want := map[fault.Kind]int{
		fault.Internal: 500, fault.Invalid: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404,
		fault.Conflict: 409, fault.TooLarge: 413, fault.Unsupported: 415, fault.TooMany: 429, fault.Unavailable: 503,
		fault.NotOffered: 501, fault.NotOffered + 1: 500,
	}
	for k, s := range want {
		if got := status(k); got != s {
			t.Errorf("kind %d is %d, want %d", k, got, s)
		}
	}
}

func TestHealth(t *testing.T) {
	w := start(t, nil)
	ops := httptest.NewServer(w.api.MetricsHandler())
	defer ops.Close()
	check := func(path string, status int, body string) {
		t.Helper()
		for _, base := range []string{w.url, ops.URL} {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, http.NoBody)
			r := w.do(req)
			if r.status != status || r.body != body || r.header.Get("Content-Type") != "application/json; charset=utf-8" {
				t.Errorf("%s: %d %s, want %d %s", path, r.status, r.body, status, body)
			}
			if (r.status == 503) != (r.header.Get("Retry-After") != "") {
				t.Errorf("%s: %d with Retry-After %q", path, r.status, r.header.Get("Retry-After"))
			}
		}
	}
	check("/healthz", 200, `{"ok":true}`)
	check("/readyz", 200, `{"ready":true}`)
	w.degrade = []string{"rates_unavailable"}
	check("/readyz", 200, `{"ready":true,"degraded":["rates_unavailable"]}`)
	w.reasons = []string{"node_unreachable", "tip_lagging"}
	check("/readyz", 503, `{"ready":false,"reasons":["node_unreachable","tip_lagging"],"degraded":["rates_unavailable"]}`)
	w.help = "mine a block"
	check("/readyz", 503, `{"ready":false,"reasons":["node_unreachable","tip_lagging"],"degraded":["rates_unavailable"],"help":"mine a block"}`)
	w.reasons = nil
	check("/readyz", 200, `{"ready":true,"degraded":["rates_unavailable"]}`)
	check("/healthz", 200, `{"ok":true}`)
}

func TestMetrics(t *testing.T) {
	m := NewMetrics(func() Gauges {
		return Gauges{
			Undelivered: 3, OldestUndelivered: 90 * time.Second, Tip: 800_000, Lag: 2, ZMQGaps: 5, Watched: 42,
			Invoices: map[invoice.Status]int{invoice.New: 7},
		}
	})
	w := start(t, func(c *Config) { c.Metrics = m })
	w.send(http.MethodGet, "/rates", "")
	w.send(http.MethodGet, "/some/path/of/a/scanner", "")
	w.send("BREW", "/rates", "")
	m.Detected(time.Millisecond)
	m.Delivered(200, time.Millisecond)
	m.Delivered(0, time.Second)
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	ops := httptest.NewServer(w.api.MetricsHandler())
	defer ops.Close()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, ops.URL+"/metrics", http.NoBody)
	text := w.do(req).body
	for _, line := range []string{
		"satchel_events_undelivered 3\n", "satchel_oldest_undelivered_seconds 90\n", "satchel_tip_height 800000\n",
		"satchel_node_lag_blocks 2\n", "satchel_zmq_gaps_total 5\n", "satchel_watched_scripts 42\n",
		`satchel_invoices{status="new"} 7` + "\n", `satchel_invoices{status="invalid"} 0` + "\n",
		"satchel_detect_latency_seconds_count 1\n",
		`satchel_http_request_seconds_count{method="GET",route="/rates",status="200"} 1` + "\n",
		`satchel_http_request_seconds_count{method="GET",route="none",status="404"} 1` + "\n",
		`satchel_http_request_seconds_count{method="other",route="none",status="405"} 1` + "\n",
		`satchel_delivery_seconds_count{outcome="2xx"} 1` + "\n", `satchel_delivery_seconds_count{outcome="none"} 1` + "\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	if strings.Contains(text, "scanner") {
		t.Error("a path became a label")
	}
	var none *Metrics // where nothing is measured
	none.Detected(1)
	none.Delivered(200, 1)
	none.request("GET", "/", 200, 1)
	if r := w.send(http.MethodGet, "/metrics", ""); r.status != 404 {
		t.Errorf("the metrics are public: %d", r.status)
	}
	srv := w.api.MetricsServer("127.0.0.1:8351")
	if srv.Addr != "127.0.0.1:8351" || srv.ReadTimeout == 0 {
		t.Errorf("%+v", srv)
	}
}

// TestReserve: a try that succeeded costs nothing, and no more can be under way than may fail.
func TestReserve(t *testing.T) {
	now := time.Unix(1546300800, 0)
	who, local := caller{netip.MustParseAddr("203.0.113.1")}, caller{netip.MustParseAddr("127.0.0.1")}
	l := newLimiter(pace{rate: 0.1, burst: 2}, func() time.Time { return now })
	for range 10 {
		giveBack, err := l.reserve(who)
		if err != nil {
			t.Fatal(err)
		}
		giveBack()
	}
	for i := range 3 {
		if _, err := l.reserve(who); (err != nil) != (i == 2) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	_, err := l.reserve(who)
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.TooMany || f.Retry != 10*time.Second {
		t.Fatalf("got %v, to be tried again in %v", err, f.Retry)
	}
	if now = now.Add(10 * time.Second); l.take(who) != nil {
		t.Error("ten seconds later there is nothing to take")
	}
	strict := newLimiter(pace{rate: 0.1, burst: 1, loopback: true}, l.now)
	for range 2 {
		if err := l.take(local); err != nil {
			t.Error("loopback is limited")
		}
		_ = strict.take(local)
	}
	if _, err := strict.reserve(local); !fault.Is(err, fault.TooMany) {
		t.Error("loopback is not limited where it should be")
	}
}

// TestAddressedResources: what a resource token must be of follows from the path.
func TestAddressedResources(t *testing.T) {
	table := newTable([]route{
		{method: http.MethodGet, path: "/invoices/:id/refunds/:rid"},
		{method: http.MethodPost, path: "/invoices/:id/notifications"},
		{method: http.MethodGet, path: "/invoices/guid/:guid"},
		{method: http.MethodGet, path: "/invoices"},
		{method: http.MethodPut, path: "/clients/:id"},
	})
	for _, c := range []struct {
		method, path, resource string
		unsigned               bool
	}{
		{http.MethodGet, "/invoices/x/refunds/y", "invoice", false},
		{http.MethodPost, "/Invoices/x/Notifications/", "invoice", true},
		{http.MethodGet, "/invoices/guid/x", "", false},
		{http.MethodGet, "/invoices", "", false},
		{http.MethodPut, "/clients/x", "client", false},
	} {
		f := table.find(c.method, c.path)
		if f.route == nil || f.route.resource != c.resource || f.route.unsigned != c.unsigned {
			t.Errorf("%s %s: %+v", c.method, c.path, f.route)
		}
	}
}
