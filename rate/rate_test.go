package rate

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/fault"
	"satchel/money"
)

func TestQuoteFromFiveSources(t *testing.T) {
	w := newWorld(t, Config{Sources: five(), Spread: 10_000})
	for i, name := range five() {
		w.exchanges[name].set("USD", fmt.Sprint(50000+i*100))
	}
	w.round(t)
	q, err := w.Quote(usd(49698))
	if err != nil {
		t.Fatal(err)
	}
	// The median is 50200; 1 % less is 49698.
	if q.Rate.String() != "49698" || q.Due != money.Bitcoin/100 || q.Price != usd(49698) {
		t.Errorf("%+v", q)
	}
	e := q.Evidence
	if e.Method != "median" || e.Spread != 10_000 || len(e.Observed) != 5 || !e.At.Equal(noon()) {
		t.Errorf("%+v", e)
	}
	for i, o := range e.Observed {
		if o.Source != five()[i] || !o.Used || o.Note != "" || o.Rate.String() != fmt.Sprint(50000+i*100) || !o.At.Equal(noon()) {
			t.Errorf("%+v", o)
		}
	}
	for name, x := range w.exchanges {
		if x.agent.Load() != "satchel" {
			t.Errorf("%s saw agent %v", name, x.agent.Load())
		}
	}
	r, evidence, err := w.Rate("usd")
	if err != nil || r.Cmp(q.Rate) != 0 || len(evidence.Observed) != 5 {
		t.Errorf("a rate is what a quote is made with: %s, %v", r, err)
	}
}

func TestQuotesThatNeedNoRate(t *testing.T) {
	s, err := New(Config{Now: newClock().now})
	if err != nil {
		t.Fatal(err)
	}
	q, err := s.Quote(money.Fiat{Minor: 123, Code: "BTC"})
	if err != nil || q.Due != 123 || q.Evidence.Method != "par" || !q.Rate.IsZero() || q.Price.Code != "BTC" {
		t.Errorf("in bitcoin: %+v, %v", q, err)
	}
	for _, code := range []string{"USD", "BTC", "KZT"} {
		q, err = s.Quote(money.Fiat{Code: code})
		if err != nil || q.Due != 0 || q.Evidence.Method != "none" || !q.Rate.IsZero() {
			t.Errorf("nothing in %s: %+v, %v", code, q, err)
		}
	}
	r, evidence, err := s.Rate("BTC")
	if err != nil || r.String() != "1" || evidence.Method != "par" {
		t.Errorf("bitcoin is 1: %s, %+v, %v", r, evidence, err)
	}
}

func TestQuotesThatAreRefused(t *testing.T) {
	s, err := New(Config{Now: newClock().now, Fixed: map[string]money.Rate{"USD": rateOf(t, "0.0001")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		price money.Fiat
		kind  fault.Kind
		field string
	}{
		{money.Fiat{Minor: 1, Code: "XXX"}, fault.Invalid, "currency"},
		{money.Fiat{Minor: 0, Code: "XXX"}, fault.Invalid, "currency"},
		{money.Fiat{Minor: 1, Code: ""}, fault.Invalid, "currency"},
		{money.Fiat{Minor: 1, Code: strings.Repeat("A", 1000)}, fault.Invalid, "currency"},
		{usd(-1), fault.Invalid, "price"},
		{money.Fiat{Minor: -1, Code: "BTC"}, fault.Invalid, "price"},
		{money.Fiat{Minor: int64(money.MaxSats) + 1, Code: "BTC"}, fault.Invalid, "price"},
		{usd(1_000_000), fault.Invalid, ""}, // more than all bitcoin at that rate
		{money.Fiat{Minor: 1, Code: "EUR"}, fault.Unavailable, ""},
	} {
		q, err := s.Quote(c.price)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != c.kind || f.Field != c.field || q.Due != 0 || len(f.Message) > 80 {
			t.Errorf("%+v: %+v, %v", c.price, q, err)
		}
		if c.kind == fault.Unavailable && f.Retry != 30*time.Second {
			t.Errorf("%+v: retry after %s", c.price, f.Retry)
		}
	}
	if _, _, err := s.Rate("XXX"); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

func TestFixedRatesAreExclusive(t *testing.T) {
	w := newWorld(t, Config{Sources: three(), Fixed: map[string]money.Rate{"usd": rateOf(t, "5000")}, Spread: 20_000})
	w.round(t)
	q, err := w.Quote(usd(490_000))
	if err != nil || q.Due != money.Bitcoin || q.Rate.String() != "4900" {
		t.Errorf("%+v, %v", q, err)
	}
	want := money.Evidence{At: noon(), Method: "fixed", Spread: 20_000, Observed: []money.Observation{
		{Source: "fixed", Rate: rateOf(t, "5000"), At: noon(), Used: true},
	}}
	if diff := cmp.Diff(want, q.Evidence, cmp.Comparer(func(a, b money.Rate) bool { return a.Cmp(b) == 0 })); diff != "" {
		t.Error(diff)
	}
	if r, e, err := w.Rate("EUR"); err != nil || r.String() != "44100" || e.Method != "median" {
		t.Errorf("the others still come from the sources: %s, %s, %v", r, e.Method, err)
	}
	if _, _, err := w.Rate("SEK"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a currency nobody quotes: %v", err)
	}
}

// TestOneBadSource is the heart: one source of three misbehaves in every way there is, after a good start and from the
// start, and a quote is either within 5 % of the honest price or refused; with five sources it is never refused.
func TestOneBadSource(t *testing.T) {
	var sent atomic.Int64
	bang := bomb(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, coinbaseBody) }))
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
			return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }
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
				host := func() string { return bad.Listener.Addr().String() }
				w := newWorld(t, Config{Sources: sources, Client: &http.Client{Transport: impatient(t, host, 300*time.Millisecond)}})
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

func TestRefusalAfterMaxAge(t *testing.T) {
	w := newWorld(t, Config{Sources: three(), MaxAge: time.Minute})
	w.round(t)
	for _, x := range w.exchanges {
		x.misbehave(status(http.StatusBadGateway))
	}
	w.clock.advance(time.Minute)
	w.round(t)
	holdHonest(t, w, true) // the last good prices serve until they are too old
	w.clock.advance(time.Nanosecond)
	_, err := w.Quote(usd(100))
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Unavailable || f.Retry != 15*time.Second {
		t.Fatalf("%v", err)
	}
	if strings.Contains(f.Message, "127.0.0.1") || !strings.Contains(f.Message, "USD") {
		t.Errorf("for the client: %q", f.Message)
	}
	if st := w.Status(); st.Enough || !st.Rate.IsZero() || st.Age != time.Minute+time.Nanosecond {
		t.Errorf("%+v", st)
	}
	for _, x := range w.exchanges {
		x.misbehave(nil)
	}
	w.round(t)
	holdHonest(t, w, true)
}

func TestTooFewSources(t *testing.T) {
	w := newWorld(t, Config{Sources: three()})
	w.exchanges["kraken"].misbehave(status(http.StatusServiceUnavailable))
	w.round(t)
	if _, err := w.Quote(usd(100)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("two of three must not do: %v", err)
	}
	if got := len(w.All()); got != 1 {
		t.Errorf("%d currencies are listed, want bitcoin alone", got)
	}
}

func TestFrozenSourceLosesItsVote(t *testing.T) {
	w := newWorld(t, Config{Sources: five()})
	for i := range frozenPolls + 1 {
		w.clock.advance(30 * time.Second)
		for name, x := range w.exchanges {
			if name != "kraken" {
				x.set("USD", fmt.Sprint(50000+i*10))
			}
		}
		w.round(t)
	}
	_, evidence, err := w.Rate("USD")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range evidence.Observed {
		if (o.Source == "kraken") == o.Used || o.Source == "kraken" && o.Note != "frozen" {
			t.Errorf("%+v", o)
		}
	}
}

func TestFrozenTimeOfAnExchange(t *testing.T) {
	w := newWorld(t, Config{Sources: five(), MaxAge: time.Minute})
	x, stopped := w.exchanges["bitstamp"], noon()
	x.misbehave(func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprint(rw, document(x.name, r.URL.RequestURI(), map[string]string{"USD": fmt.Sprint(50000 + w.clock.now().Second())}, stopped))
	})
	for range 4 {
		w.round(t)
		w.clock.advance(20 * time.Second)
	}
	_, evidence, err := w.Rate("USD")
	if err != nil || evidence.Observed[2].Used || evidence.Observed[2].Note != "stale" {
		t.Errorf("%+v, %v", evidence.Observed, err)
	}
}

func TestJumpNeedsAgreementOfTheService(t *testing.T) {
	w := newWorld(t, Config{Sources: []string{"coinbase"}, MinSources: 1})
	w.round(t)
	w.exchanges["coinbase"].set("USD", "61000")
	w.round(t)
	if _, err := w.Quote(usd(100)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a lone jump: %v", err)
	}
	w.round(t)
	if _, err := w.Quote(usd(100)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("saying it twice makes it no truer: %v", err)
	}
	w.exchanges["coinbase"].set("USD", "59000")
	w.round(t)
	if r, _, err := w.Rate("USD"); err != nil || r.String() != "59000" {
		t.Errorf("%s, %v", r, err)
	}
	w.exchanges["coinbase"].set("USD", "70000") // within 20 % of what was accepted since
	w.round(t)
	if r, _, err := w.Rate("USD"); err != nil || r.String() != "70000" {
		t.Errorf("%s, %v", r, err)
	}
}

func TestAll(t *testing.T) {
	w := newWorld(t, Config{Sources: three(), Fixed: map[string]money.Rate{"JPY": rateOf(t, "7500000")}, Spread: 100_000})
	w.round(t)
	var got []string
	for _, l := range w.All() {
		got = append(got, l.Currency.Code+" "+l.Rate.String())
	}
	if diff := cmp.Diff([]string{"BTC 1", "EUR 40500", "GBP 36000", "JPY 6750000", "USD 45000"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestNewNamesEveryProblem(t *testing.T) {
	_, err := New(Config{
		Sources: []string{"kraken", "mtgox", "kraken", "bitstamp"}, MinSources: -1, MaxAge: -1, Spread: 500_000,
		Fixed: map[string]money.Rate{"XXX": rateOf(t, "1"), "BTC": rateOf(t, "1"), "EUR": {}}, Currencies: []string{"QQQ"},
		BaseURLs: map[string]string{"bitstamp": "ftp://files.example"},
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"no clock", "rates.min_sources", "rates.max_age", "rates.spread", `"mtgox" is unknown`, `"kraken" is listed twice`, `"XXX"`, `"BTC"`,
		"rate of EUR", `"QQQ"`, "base URL",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing about %s in:\n%v", want, err)
		}
	}
}

func TestMinSourcesThatCannotBeMet(t *testing.T) {
	usdFixed := map[string]money.Rate{"USD": rateOf(t, "50000")}
	for _, c := range []struct {
		sources []string
		min     int
		fixed   map[string]money.Rate
		ok      bool
	}{
		{three(), 0, nil, true},
		{[]string{"coinbase", "kraken"}, 0, nil, false},
		{[]string{"coinbase", "kraken", "coingecko"}, 3, nil, true},
		{[]string{"coinbase", "coingecko"}, 2, nil, false},
		{[]string{"coingecko"}, 1, nil, false},
		{[]string{"coinbase"}, 1, nil, true},
		{five(), 6, nil, false},
		{nil, 3, nil, true},
		{[]string{"fixed"}, 3, usdFixed, true},
		{[]string{"coinbase"}, 3, usdFixed, true},
	} {
		if _, err := New(Config{Sources: c.sources, MinSources: c.min, Fixed: c.fixed, Now: newClock().now}); (err == nil) != c.ok {
			t.Errorf("%v with %d: %v", c.sources, c.min, err)
		}
	}
}

func TestFixedRateThatVanishesUnderTheSpread(t *testing.T) {
	_, err := New(Config{Now: newClock().now, Spread: 490_000, Fixed: map[string]money.Rate{"USD": rateOf(t, "0.000000001")}})
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}

func TestStatus(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, Config{
		Sources: three(), Currencies: []string{"EUR", "USD"}, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if st := w.Status(); st.Enough || st.Code != "EUR" || !st.Last.IsZero() || len(st.Sources) != 3 || !st.Sources[0].Success.IsZero() {
		t.Errorf("before anything: %+v", st)
	}
	w.round(t)
	w.clock.advance(20 * time.Second)
	st := w.Status()
	if !st.Enough || st.Rate.String() != "45000" || !st.Last.Equal(noon()) || st.Age != 20*time.Second {
		t.Errorf("%+v", st)
	}
	want := SourceStatus{Name: "kraken", Success: noon(), Age: 20 * time.Second, Currencies: 3}
	got := st.Sources[1]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	w.exchanges["kraken"].misbehave(status(http.StatusTeapot))
	w.round(t)
	w.round(t)
	if s := w.Status().Sources[1]; s.Failures != 2 || s.Error != "HTTP status 418" || !s.Success.Equal(noon()) {
		t.Errorf("%+v", s)
	}
	w.exchanges["kraken"].misbehave(nil)
	w.exchanges["kraken"].set("EUR", "nonsense")
	w.round(t)
	if s := w.Status().Sources[1]; s.Failures != 0 || s.Refused != 1 || !strings.Contains(s.Error, "EUR") {
		t.Errorf("%+v", s)
	}
	if got := strings.Count(log.String(), "price source fails"); got != 1 {
		t.Errorf("a failure is logged once, not %d times:\n%s", got, log.String())
	}
	if got := strings.Count(log.String(), "price source is back"); got != 1 {
		t.Errorf("so is the recovery:\n%s", log.String())
	}
	if w.clock.advance(time.Hour); w.Status().Enough || w.Status().Sources[1].Currencies != 0 {
		t.Error("old prices are not enough")
	}
}

func TestStatusWithoutWantedCurrencies(t *testing.T) {
	s, err := New(Config{Now: newClock().now})
	if err != nil {
		t.Fatal(err)
	}
	if st := s.Status(); st.Enough || st.Code != "USD" || !st.Rate.IsZero() {
		t.Errorf("%+v", st)
	}
	s, err = New(Config{Now: newClock().now, Sources: []string{"fixed"}, Fixed: map[string]money.Rate{"EUR": rateOf(t, "5000")}})
	if err != nil {
		t.Fatal(err)
	}
	if st := s.Status(); !st.Enough || st.Code != "EUR" || st.Rate.String() != "5000" || !st.Last.Equal(noon()) || len(st.Sources) != 0 {
		t.Errorf("%+v", st)
	}
}

func BenchmarkQuote(b *testing.B) {
	s := loaded(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Quote(usd(1999)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAll(b *testing.B) {
	s := loaded(b)
	b.ReportAllocs()
	for b.Loop() {
		if len(s.All()) < 150 {
			b.Fatal("too few")
		}
	}
}

// loaded is a service whose five sources all quote every currency.
func loaded(b *testing.B) *Service {
	s, err := New(Config{Sources: five(), Now: newClock().now})
	if err != nil {
		b.Fatal(err)
	}
	for i := range s.sources {
		var a answer
		for _, c := range money.Currencies()[1:] {
			a.prices = append(a.prices, price{code: c.Code, rate: rateOf(b, fmt.Sprintf("%d.%d", 50000+i, 10+i))})
		}
		s.keep(i, a, nil, noon())
	}
	return s
}
