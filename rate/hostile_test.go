package rate

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"satchel/fault"
)

// TestOneBadSource is the heart: one source of three misbehaves in every way there is, after a good start and from the
// start, and a quote is either within 5 % of the honest price or refused; with five sources it is never refused.
func TestOneBadSource(t *testing.T) {
	var sent atomic.Int64
	bang := bomb(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, coinbaseBody) }))
	t.Cleanup(elsewhere.Close)
	for name, behave := range map[string]func(x *exchange) http.HandlerFunc{
		"down":      func(*exchange) http.HandlerFunc { return status(http.StatusInternalServerError) },
		"busy":      func(*exchange) http.HandlerFunc { return status(http.StatusTooManyRequests) },
		"zero":      func(x *exchange) http.HandlerFunc { return x.say("0") },
		"negative":  func(x *exchange) http.HandlerFunc { return x.say("-50000") },
		"NaN":       func(x *exchange) http.HandlerFunc { return x.say("NaN") },
		"exponent":  func(x *exchange) http.HandlerFunc { return x.say("5e4") },
		"inverted":  func(x *exchange) http.HandlerFunc { return x.say("0.00002") },
		"times 100": func(x *exchange) http.HandlerFunc { return x.say("5000000") },
		"by 100":    func(x *exchange) http.HandlerFunc { return x.say("500") },
		"a billion": func(x *exchange) http.HandlerFunc { return x.say("1000000000") },
		"7 % off":   func(x *exchange) http.HandlerFunc { return x.say("53500") },
		"6 % off":   func(x *exchange) http.HandlerFunc { return x.say("47000") },
		"empty":     func(*exchange) http.HandlerFunc { return func(http.ResponseWriter, *http.Request) {} },
		"garbage": func(*exchange) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }
		},
		"50 MB": func(*exchange) http.HandlerFunc { return flood(50, &sent) },
		"bomb":  func(*exchange) http.HandlerFunc { return bang },
		"drip":  func(*exchange) http.HandlerFunc { return drip },
		"reset": func(*exchange) http.HandlerFunc {
			return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		},
		"redirect": func(*exchange) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, sources := range [][]string{three(), five()} {
				var bad *exchange
				isBad := func(host string) bool { return bad.misbehaves(host) }
				w := newWorld(t, Config{Sources: sources, Client: &http.Client{Transport: impatient(t, isBad, 200*time.Millisecond)}})
				bad = w.exchanges["kraken"]
				bad.misbehave(behave(bad))
				w.round(t)
				holdHonest(t, w, len(sources) == 5)
				bad.misbehave(nil)
				w.round(t)
				holdHonest(t, w, true)
				bad.misbehave(behave(bad))
				w.round(t)
				holdHonest(t, w, true)
			}
		})
	}
	if got := sent.Load(); got > 6*(16<<20) {
		t.Errorf("%d MB were read of answers that are too large", got>>20)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// holdHonest asks for a quote where honest sources say 50000.
func holdHonest(t *testing.T, w *world, must bool) {
	t.Helper()
	q, err := w.Quote(usd(5_000_000))
	switch {
	case fault.Is(err, fault.Unavailable) && !must:
	case err != nil:
		t.Errorf("no quote: %v", err)
	case !q.Rate.Within(rateOf(t, "50000"), 50_000):
		t.Errorf("a quote at %s: %+v", q.Rate, q.Evidence.Observed)
	}
}

func TestTLSFailure(t *testing.T) {
	w := newWorld(t, Config{Sources: five()})
	imposter := httptest.NewUnstartedServer(w.exchanges["kraken"])
	imposter.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	imposter.StartTLS() // nobody we know has signed its certificate
	t.Cleanup(imposter.Close)
	w.exchanges["kraken"].set("USD", "99999")
	w.sources[1].base = imposter.URL
	w.round(t)
	holdHonest(t, w, true)
	if st := w.Status().Sources[1]; !strings.Contains(st.Error, "certificate") || st.Failures != 1 {
		t.Errorf("%+v", st)
	}
	if w.exchanges["kraken"].asked.Load() != 0 {
		t.Error("an imposter was asked")
	}
}

func TestRedirects(t *testing.T) {
	w := newWorld(t, Config{Sources: []string{"coinbase"}, MinSources: 1})
	x := w.exchanges["coinbase"]
	x.misbehave(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			x.say("50000")(rw, r)
			return
		}
		http.Redirect(rw, r, "/moved", http.StatusMovedPermanently)
	})
	w.round(t)
	holdHonest(t, w, true)
	x.misbehave(func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/again", http.StatusFound) })
	w.round(t)
	if st := w.Status().Sources[0]; st.Failures != 1 || !strings.Contains(st.Error, "redirect") {
		t.Errorf("a loop: %+v", st)
	}
}

// TestTooLargeIsRefused pads a good answer with white space, which JSON allows and we don't.
func TestTooLargeIsRefused(t *testing.T) {
	w := newWorld(t, Config{Sources: []string{"coinbase"}, MinSources: 1})
	x := w.exchanges["coinbase"]
	var sent atomic.Int64
	x.misbehave(func(rw http.ResponseWriter, r *http.Request) {
		x.say("50000")(rw, r)
		flood(50, &sent)(rw, r)
	})
	w.round(t)
	if st := w.Status(); st.Enough || st.Sources[0].Error != errTooLarge.Error() {
		t.Errorf("%+v", st)
	}
	x.misbehave(func(rw http.ResponseWriter, r *http.Request) {
		x.say("50000")(rw, r)
		flood(1, &sent)(rw, r)
	})
	w.round(t)
	holdHonest(t, w, true)
}

// TestRedirectElsewhere shows that another host or scheme is not even asked, whatever it would say.
func TestRedirectElsewhere(t *testing.T) {
	for from, tos := range map[string][]string{
		"https://a.example/x": {"https://b.example/x", "http://a.example/x", "https://a.example:8443/x", "https://a.example.b.example/"},
		"http://a.example/x":  {"https://a.example/x", "http://b.example/x"},
	} {
		for _, to := range tos {
			var asked []string
			net := wire(func(r *http.Request) (*http.Response, error) {
				asked = append(asked, r.URL.String())
				return reply(http.StatusFound, "", http.Header{"Location": {to}}), nil
			})
			src := source{base: strings.TrimSuffix(from, "/x"), paths: []string{"/x"}, parse: parseCoinbase}
			if _, err := src.ask(t.Context(), newClient(&http.Client{Transport: net})); err == nil || len(asked) != 1 || asked[0] != from {
				t.Errorf("%s to %s: asked %v, %v", from, to, asked, err)
			}
		}
	}
}

func TestDefaultClientHasLimits(t *testing.T) {
	c := newClient(nil)
	tr, ok := c.Transport.(*http.Transport)
	if !ok || c.Timeout != askTimeout || tr.MaxResponseHeaderBytes == 0 || tr.ResponseHeaderTimeout == 0 {
		t.Errorf("%+v", c)
	}
	if given := (&http.Client{Timeout: time.Second}); newClient(given).Timeout != time.Second || given.CheckRedirect != nil {
		t.Error("a given client keeps its limits, and is copied")
	}
}
