package rate

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/fault"
	"satchel/money"
)

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
	w := newWorld(t, Config{Sources: three(), Currencies: []string{"EUR", "USD"}})
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
	if w.clock.advance(time.Hour); w.Status().Enough || w.Status().Sources[1].Currencies != 0 {
		t.Error("old prices are not enough")
	}
}

func TestStatusOfASourceThatFails(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, Config{Sources: three(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	w.round(t)
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
