package rate

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"satchel/money"
)

func TestDelay(t *testing.T) {
	for _, c := range []struct {
		slow, failures int
		retry          time.Duration
		want           time.Duration
	}{
		{1, 0, 0, 30 * time.Second},
		{2, 0, 0, time.Minute},
		{1, 0, time.Hour, 30 * time.Second},
		{1, 1, 0, 5 * time.Second},
		{1, 2, 0, 10 * time.Second},
		{1, 3, 0, 20 * time.Second},
		{1, 6, 0, 160 * time.Second},
		{1, 7, 0, 5 * time.Minute},
		{1, 32, 0, 5 * time.Minute}, // where a shift would have gone over
		{1, 1000, 0, 5 * time.Minute},
		{1, 1, time.Minute, time.Minute},
		{1, 1, time.Hour, 5 * time.Minute},
		{1, 7, time.Second, 5 * time.Minute},
	} {
		if got := delay(usual, c.slow, c.failures, c.retry); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestJitterStaysWithinATenth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(longest)).Draw(t, "d"))
		got := jitter(d, func(n int64) int64 { return rapid.Int64Range(0, n-1).Draw(t, "random") })
		if got < d-d/10 || got > d+d/10 {
			t.Fatalf("%s became %s", d, got)
		}
	})
	if got := jitter(100, func(int64) int64 { return 0 }); got != 90 {
		t.Errorf("%d", got)
	}
}

func TestPollEvery(t *testing.T) {
	for maxAge, want := range map[time.Duration]time.Duration{
		5 * time.Minute: 30 * time.Second, time.Hour: 30 * time.Second, time.Minute: 15 * time.Second, time.Second: 5 * time.Second,
	} {
		if got := pollEvery(maxAge); got != want {
			t.Errorf("%s: %s", maxAge, got)
		}
	}
}

// After a start it is known when the rates are as good as they get: the wanted ones are there, or every source was asked.
func TestSettled(t *testing.T) {
	settled := func(w *world) bool {
		select {
		case <-w.Settled():
			return true
		default:
			return false
		}
	}
	w := newWorld(t, Config{Sources: five(), MinSources: 3, Currencies: []string{"USD"}})
	for i := range 3 {
		if settled(w) {
			t.Fatalf("settled with %d sources", i)
		}
		w.poll(t.Context(), i)
	}
	if !settled(w) {
		t.Error("not settled with a rate")
	}
	w = newWorld(t, Config{Sources: three(), MinSources: 3, Currencies: []string{"USD"}})
	for _, x := range w.exchanges {
		x.misbehave(status(500))
	}
	for i := range 3 {
		w.poll(t.Context(), 0) // one source twice is not two
		if settled(w) {
			t.Fatalf("settled after %d failures", i+1)
		}
		w.poll(t.Context(), i)
	}
	if !settled(w) {
		t.Error("not settled though every source was asked")
	}
	w.round(t)
	fixed, err := New(Config{Fixed: map[string]money.Rate{"USD": rateOf(t, "50000")}, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	if w.Service = fixed; !settled(w) {
		t.Error("a fixed rate is not settled")
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "Wed, 21 Oct 2026 07:28:00 GMT": 0, "99999999": longest, "9999999999999999999999": 0,
	} {
		if got := retryAfter(value); got != want {
			t.Errorf("%q: %s", value, got)
		}
	}
}

// wire is the network without sockets, so that its time is the test's.
type wire func(*http.Request) (*http.Response, error)

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) { return w(r) }

func reply(code int, body string, header http.Header) *http.Response {
	return &http.Response{StatusCode: code, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// asks records when each host was asked.
type asks struct {
	mu sync.Mutex
	at map[string][]time.Duration
}

func (a *asks) note(host string, since time.Duration) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at == nil {
		a.at = map[string][]time.Duration{}
	}
	a.at[host] = append(a.at[host], since)
	return len(a.at[host])
}

func (a *asks) of(host string) []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at[host]
}

// TestRunKeepsEachSourceToItsOwnTime runs the daemon's loop for an hour of the bubble's time: one source answers, one
// hangs and one fails, and none of them delays another.
func TestRunKeepsEachSourceToItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var log asks
		net := wire(func(r *http.Request) (*http.Response, error) {
			log.note(r.URL.Host, time.Since(start))
			switch r.URL.Host {
			case "api.coinbase.com", "api.coingecko.com":
				name := map[string]string{"api.coinbase.com": "coinbase", "api.coingecko.com": "coingecko"}[r.URL.Host]
				return reply(http.StatusOK, document(name, "", map[string]string{"USD": "50000"}, time.Now()), nil), nil
			case "api-pub.bitfinex.com":
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return reply(http.StatusTooManyRequests, "", http.Header{"Retry-After": {"60"}}), nil
		})
		s, err := New(Config{
			Sources: []string{"coinbase", "bitfinex", "kraken", "coingecko"}, MinSources: 1, Now: time.Now, Client: &http.Client{Transport: net},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()

		synctest.Wait()
		if r, _, err := s.Rate("USD"); err != nil || r.String() != "50000" {
			t.Errorf("at once, while another source hangs: %s, %v", r, err)
		}
		time.Sleep(time.Hour) // the bubble's, which passes at once
		synctest.Wait()
		if st := s.Status(); !st.Enough || st.Age > 40*time.Second {
			t.Errorf("after an hour: %+v", st)
		}
		count := func(host string, low, high int) {
			t.Helper()
			if n := len(log.of(host)); n < low || n > high {
				t.Errorf("%s was asked %d times in an hour, want %d to %d", host, n, low, high)
			}
		}
		count("api.coinbase.com", 110, 134) // every 30 s
		count("api.coingecko.com", 55, 68)  // every minute
		count("api-pub.bitfinex.com", 13, 20)
		count("api.kraken.com", 2*13, 2*20) // two paths; 60 s where the server asked for it, then 5 min

		cancel()
		if err := <-done; err != nil {
			t.Errorf("a clean stop is no error: %v", err)
		}
	})
}

func TestBackOffGrowsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var log asks
		net := wire(func(r *http.Request) (*http.Response, error) {
			if log.note(r.URL.Host, time.Since(start)) <= 4 {
				return reply(http.StatusBadGateway, "", nil), nil
			}
			return reply(http.StatusOK, document("coinbase", "", map[string]string{"USD": "50000"}, time.Now()), nil), nil
		})
		s, err := New(Config{Sources: []string{"coinbase"}, MinSources: 1, Now: time.Now, Client: &http.Client{Transport: net}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		at := log.of("api.coinbase.com")
		for i, want := range []float64{5, 10, 20, 40, 30, 30} {
			pause := (at[i+1] - at[i]).Seconds()
			if pause < want*0.9 || pause > want*1.1 {
				t.Errorf("pause %d is %f s, want about %f s", i, pause, want)
			}
		}
	})
}

// TestRunOverSockets starts and stops the real thing; the leak check of the package sees what stays behind.
func TestRunOverSockets(t *testing.T) {
	w := newWorld(t, Config{Sources: five()})
	hit := make(chan string, 100)
	w.exchanges["kraken"].misbehave(func(rw http.ResponseWriter, r *http.Request) {
		hit <- "kraken"
		drip(rw, r) // and the stop comes while it hangs
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	<-hit
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Run does not stop")
	}
	if st := w.Status().Sources[1]; st.Failures != 0 {
		t.Errorf("our own stop is not the source's failure: %+v", st)
	}
}

func TestRunWithoutSourcesWaitsForTheEnd(t *testing.T) {
	s, err := New(Config{Now: newClock().now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
}

// TestReadersAndPollsTogether is for the race detector.
func TestReadersAndPollsTogether(t *testing.T) {
	w := newWorld(t, Config{Sources: three()})
	w.round(t)
	var wg sync.WaitGroup
	for i := range w.sources {
		wg.Go(func() {
			for range 20 {
				w.poll(t.Context(), i)
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if _, err := w.Quote(usd(100)); err != nil {
					t.Error(err)
				}
				if len(w.All()) != 4 || !w.Status().Enough {
					t.Error("rates went away")
				}
			}
		})
	}
	wg.Wait()
}
