package rate

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"satchel/money"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that only the test moves.
type clock struct{ t atomic.Pointer[time.Time] }

func newClock() *clock {
	c := &clock{}
	start := noon()
	c.t.Store(&start)
	return c
}

func (c *clock) now() time.Time { return *c.t.Load() }

func (c *clock) advance(d time.Duration) {
	t := c.now().Add(d)
	c.t.Store(&t)
}

// document writes prices in the shape of a source, for one of its paths.
func document(name, path string, prices map[string]string, now time.Time) string {
	var rows []string
	for code, value := range prices {
		switch name {
		case "coinbase":
			rows = append(rows, fmt.Sprintf(`%q:%q`, code, value))
		case "kraken":
			if strings.Contains(path, code) {
				rows = append(rows, fmt.Sprintf(`"XXBTZ%s":{"a":["1","1","1"],"c":[%q,"0.1"]}`, code, value))
			}
		case "bitfinex":
			rows = append(rows, fmt.Sprintf(`["tBTC%s",1,1,1,1,1,1,%s,1,1,1]`, code, value))
		case "coingecko":
			rows = append(rows, fmt.Sprintf(`%q:{"name":"","unit":"","value":%s,"type":"fiat"}`, strings.ToLower(code), value))
		}
	}
	list := strings.Join(rows, ",")
	switch name {
	case "coinbase":
		return `{"data":{"currency":"BTC","rates":{` + list + `}}}`
	case "kraken":
		return `{"error":[],"result":{` + list + `}}`
	case "bitfinex":
		return `[` + list + `]`
	case "coingecko":
		return `{"rates":{"btc":{"name":"Bitcoin","unit":"BTC","value":1.0,"type":"crypto"},` + list + `}}`
	}
	code := strings.ToUpper(strings.Trim(strings.TrimPrefix(path, bitstampPath), "/"))
	return fmt.Sprintf(`{"timestamp":"%d","last":%q}`, now.Unix(), prices[code])
}

// exchange is a source as a real server on a socket, that a test can make misbehave.
type exchange struct {
	*httptest.Server
	name  string
	clock *clock
	asked atomic.Int64
	agent atomic.Value // the User-Agent it last saw

	mu     sync.Mutex
	prices map[string]string
	behave http.HandlerFunc // instead of answering
}

func (x *exchange) set(code, value string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.prices[code] = value
}

// misbehaves tells that the exchange is at this address and does not do as it should.
func (x *exchange) misbehaves(host string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.behave != nil && x.Listener.Addr().String() == host
}

func (x *exchange) misbehave(h http.HandlerFunc) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.behave = h
}

func (x *exchange) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x.asked.Add(1)
	x.agent.Store(r.UserAgent())
	x.mu.Lock()
	behave := x.behave
	body := document(x.name, r.URL.RequestURI(), x.prices, x.clock.now())
	x.mu.Unlock()
	if behave != nil {
		behave(w, r)
		return
	}
	_, _ = io.WriteString(w, body)
}

// world is a service and the exchanges it asks.
type world struct {
	*Service
	clock     *clock
	exchanges map[string]*exchange
}

func newWorld(t *testing.T, cfg Config) *world {
	t.Helper()
	w := &world{clock: newClock(), exchanges: map[string]*exchange{}}
	cfg.BaseURLs = map[string]string{}
	for _, name := range cfg.Sources {
		x := &exchange{name: name, clock: w.clock, prices: map[string]string{"USD": "50000", "EUR": "45000", "GBP": "40000"}}
		x.Server = httptest.NewServer(x)
		t.Cleanup(x.Close)
		w.exchanges[name], cfg.BaseURLs[name] = x, x.URL
	}
	cfg.Now = w.clock.now
	var err error
	if w.Service, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.CloseIdleConnections)
	return w
}

// round polls every source once.
func (w *world) round(t *testing.T) {
	t.Helper()
	for i := range w.sources {
		w.poll(t.Context(), i)
	}
}

func usd(cents int64) money.Fiat { return money.Fiat{Minor: cents, Code: "USD"} }

func five() []string { return []string{"coinbase", "kraken", "bitstamp", "bitfinex", "coingecko"} }

func three() []string { return []string{"coinbase", "kraken", "bitstamp"} }

// say answers with the usual document, with its dollar price changed.
func (x *exchange) say(value string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		prices := map[string]string{"USD": value, "EUR": value, "GBP": value}
		_, _ = io.WriteString(w, document(x.name, r.URL.RequestURI(), prices, x.clock.now()))
	}
}

// flood writes megabytes, and counts in sent what it got rid of.
func flood(megabytes int, sent *atomic.Int64) http.HandlerFunc {
	chunk := []byte(strings.Repeat(" ", 1<<20))
	return func(w http.ResponseWriter, _ *http.Request) {
		for range megabytes {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
}

// bomb is small on the wire and 50 MB when it is unpacked.
func bomb(t *testing.T) http.HandlerFunc {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	for range 50 {
		if _, err := z.Write(bytes.Repeat([]byte(" "), 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}
}

// impatient is a network that waits for a misbehaving server only so long, so that a test need not wait ten seconds.
func impatient(t *testing.T, misbehaves func(host string) bool, limit time.Duration) http.RoundTripper {
	return wire(func(r *http.Request) (*http.Response, error) {
		if misbehaves(r.URL.Host) {
			ctx, cancel := context.WithTimeout(r.Context(), limit)
			t.Cleanup(cancel)
			r = r.WithContext(ctx)
		}
		return http.DefaultTransport.RoundTrip(r)
	})
}

// drip sends a byte and then nothing until the client goes.
func drip(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "{")
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	<-r.Context().Done()
}
