package rate

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
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
}

func TestEvidenceNamesEverySource(t *testing.T) {
	w := newWorld(t, Config{Sources: five()})
	for i, name := range five() {
		w.exchanges[name].set("USD", fmt.Sprint(50000+i*100))
	}
	w.round(t)
	_, e, err := w.Rate("USD")
	if err != nil || len(e.Observed) != 5 {
		t.Fatalf("%+v, %v", e, err)
	}
	for i, o := range e.Observed {
		if o.Source != five()[i] || !o.Used || o.Note != "" || o.Rate.String() != fmt.Sprint(50000+i*100) || !o.At.Equal(noon()) {
			t.Errorf("%+v", o)
		}
	}
}

func TestRateIsWhatAQuoteIsMadeWith(t *testing.T) {
	w := newWorld(t, Config{Sources: five(), Spread: 10_000})
	w.round(t)
	r, evidence, err := w.Rate("usd")
	if err != nil || r.String() != "49500" || len(evidence.Observed) != 5 {
		t.Errorf("%s, %v", r, err)
	}
	for name, x := range w.exchanges {
		if x.agent.Load() != "satchel" {
			t.Errorf("%s saw agent %v", name, x.agent.Load())
		}
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
		prices := map[string]string{"USD": fmt.Sprint(50000 + w.clock.now().Second())}
		_, _ = io.WriteString(rw, document(x.name, r.URL.RequestURI(), prices, stopped))
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
