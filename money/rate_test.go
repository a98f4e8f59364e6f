package money

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"satchel/fault"
)

func rateOf(t interface{ Fatal(args ...any) }, text string) Rate {
	r, err := ParseRate(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// anyRate draws what the market could be, and far beyond.
func anyRate() *rapid.Generator[Rate] {
	return rapid.Custom(func(t *rapid.T) Rate {
		whole := rapid.Int64Range(1, 10_000_000_000_000).Draw(t, "whole")
		frac := rapid.StringMatching(`(\.[0-9]{1,8})?`).Draw(t, "frac")
		return rateOf(t, strconv.FormatInt(whole, 10)+frac)
	})
}

func anyPrice() *rapid.Generator[Fiat] {
	return rapid.Custom(func(t *rapid.T) Fiat {
		c := anyCurrency().Draw(t, "currency")
		return Fiat{Minor: rapid.Int64Range(0, 1_000_000_000_000).Draw(t, "minor"), Code: c.Code}
	})
}

// exact is the rate as a fraction, independent of the decimals it is made of.
func exact(t interface{ Fatal(args ...any) }, r Rate) *big.Rat {
	v, ok := new(big.Rat).SetString(r.String())
	if !ok {
		t.Fatal("not a number: " + r.String())
	}
	return v
}

func TestRateFormats(t *testing.T) {
	for text, want := range map[string]string{
		"50000": "50000", "61234.56": "61234.56", "50000.00": "50000", "0.5": "0.5", "007": "7", "0.00000001": "0.00000001",
	} {
		if got := rateOf(t, text).String(); got != want {
			t.Errorf("%q printed as %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"0", "0.0", "0.00000000", "000"} {
		_, err := ParseRate(text)
		mustRefuse(t, "ParseRate", text, err)
	}
	if (Rate{}).String() != "0" || !(Rate{}).IsZero() || rateOf(t, "1").IsZero() {
		t.Error("the zero rate is none")
	}
}

func TestRateJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyRate().Draw(t, "rate")
		b, err := json.Marshal(want)
		if err != nil || b[0] != '"' {
			t.Fatalf("%s, %v", b, err)
		}
		var got Rate
		if err := json.Unmarshal(b, &got); err != nil || got.Cmp(want) != 0 {
			t.Fatalf("%s came back as %s: %v", b, got, err)
		}
	})
	r := rateOf(t, "5")
	if err := json.Unmarshal([]byte(`"0"`), &r); err != nil || !r.IsZero() {
		t.Errorf("none: %s, %v", r, err)
	}
	for _, bad := range []string{`1`, `1.5`, `"NaN"`, `"-1"`, `"1e5"`, `{}`, `""`, `["1"]`} {
		if err := json.Unmarshal([]byte(bad), new(Rate)); err == nil {
			t.Errorf("%s must be refused", bad)
		}
	}
}

func TestEvidenceSurvivesJSON(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want := Evidence{At: at, Method: "median", Spread: 5_000, Observed: []Observation{
		{Source: "kraken", Rate: rateOf(t, "50000.1"), At: at, Used: true},
		{Source: "bitstamp", Rate: rateOf(t, "99999"), At: at, Note: "outlier"},
	}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Evidence
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b Rate) bool { return a.Cmp(b) == 0 })); diff != "" {
		t.Error(diff)
	}
}

func TestDueTable(t *testing.T) {
	for _, c := range []struct {
		price, code, rate string
		want              Sats
	}{
		{"5000", "USD", "5000", Bitcoin},
		{"10", "USD", "4000", 250_000},
		{"0", "USD", "4000", 0},
		{"0.01", "USD", "60000", 17}, // 16.67
		{"1", "USD", "3", 33_333_334},
		{"2", "USD", "3", 66_666_667},
		{"1", "USD", "99999999.99999999", 2}, // a hair over one satoshi
		{"1500", "JPY", "15000000", 10_000},
		{"1.234", "KWD", "20000", 6_170},
		{"21000000", "USD", "1", MaxSats},
	} {
		cur, _ := Lookup(c.code)
		f, err := ParseFiat(c.price, cur)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := rateOf(t, c.rate).Due(f); err != nil || got != c.want {
			t.Errorf("%s at %s: %d, %v; want %d", f, c.rate, got, err, c.want)
		}
	}
	if _, err := (Rate{}).Due(Fiat{Minor: 1, Code: "USD"}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("without a rate: %v", err)
	}
	_, err := rateOf(t, "1").Due(Fiat{Minor: 2_100_000_001, Code: "USD"})
	mustRefuse(t, "Due", "21000000.01 USD at 1", err)
	_, err = rateOf(t, "0.0000000000000000000001").Due(Fiat{Minor: math.MaxInt64, Code: "JPY"})
	mustRefuse(t, "Due", "the absurd", err)
}

// TestDueRoundsUpByLessThanOneSatoshi is the one rounding rule: due is the smallest amount that covers the price.
func TestDueRoundsUpByLessThanOneSatoshi(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, price := anyRate().Draw(t, "rate"), anyPrice().Draw(t, "price")
		due, err := r.Due(price)
		asked, _ := new(big.Rat).SetString(price.Fixed())
		worth := func(s Sats) *big.Rat {
			return new(big.Rat).Mul(exact(t, r), big.NewRat(int64(s), int64(Bitcoin)))
		}
		if err != nil {
			if !fault.Is(err, fault.Invalid) || worth(MaxSats).Cmp(asked) >= 0 {
				t.Fatalf("%s at %s: %v", price, r, err)
			}
			return
		}
		if worth(due).Cmp(asked) < 0 {
			t.Fatalf("%s at %s: %d sat are too little", price, r, due)
		}
		if due > 0 && worth(due-1).Cmp(asked) >= 0 {
			t.Fatalf("%s at %s: %d sat are too much", price, r, due)
		}
		if due == 0 && !price.IsZero() {
			t.Fatalf("%s at %s costs nothing", price, r)
		}
	})
}

func TestValueIsWithinHalfAMinorUnit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, c := anyRate().Draw(t, "rate"), anyCurrency().Draw(t, "currency")
		s := Sats(rapid.Int64Range(0, 100_000_000).Draw(t, "sats"))
		got := r.Value(s, c)
		unit := big.NewRat(1, 1)
		for range c.Exponent {
			unit.Mul(unit, big.NewRat(10, 1))
		}
		want := new(big.Rat).Mul(exact(t, r), big.NewRat(int64(s), int64(Bitcoin)))
		want.Mul(want, unit)
		if want.Cmp(big.NewRat(math.MaxInt64, 1)) > 0 {
			if got.Minor != math.MaxInt64 {
				t.Fatalf("%d sat at %s wrapped to %d", s, r, got.Minor)
			}
			return
		}
		diff := new(big.Rat).Sub(want, big.NewRat(got.Minor, 1))
		if diff.Abs(diff).Cmp(big.NewRat(1, 2)) > 0 || got.Code != c.Code {
			t.Fatalf("%d sat at %s: %s", s, r, got)
		}
	})
}

func TestValueRoundsHalfAwayFromZeroAndNeverWraps(t *testing.T) {
	usd, _ := Lookup("USD")
	for _, c := range []struct {
		sats Sats
		rate string
		want int64
	}{
		{Bitcoin, "50000", 5_000_000},
		{1, "500000", 1},   // half a cent
		{1, "499999", 0},   // less
		{-1, "500000", -1}, // away from zero
		{0, "50000", 0},
		{MaxSats, "9999999999999", math.MaxInt64},
		{-MaxSats, "9999999999999", -math.MaxInt64},
	} {
		if got := rateOf(t, c.rate).Value(c.sats, usd); got.Minor != c.want {
			t.Errorf("%d sat at %s: %d, want %d", c.sats, c.rate, got.Minor, c.want)
		}
	}
}

func TestMidLiesBetween(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyRate().Draw(t, "a"), anyRate().Draw(t, "b")
		m := a.Mid(b)
		if b.Cmp(a) < 0 {
			a, b = b, a
		}
		// Eight decimals may round past an end that has as many.
		slack := rateOf(t, "0.00000001")
		if m.d.Add(slack.d).LessThan(a.d) || m.d.Sub(slack.d).GreaterThan(b.d) {
			t.Fatalf("the middle of %s and %s is %s", a, b, m)
		}
	})
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		a, b string
		p    Percent
		want bool
	}{
		{"105", "100", 50_000, true},
		{"95", "100", 50_000, true},
		{"105.00000001", "100", 50_000, false},
		{"94.99999999", "100", 50_000, false},
		{"100", "100", 0, true},
		{"100.1", "100", 0, false},
		{"1", "100000", 1_000_000, true},
	} {
		if got := rateOf(t, c.a).Within(rateOf(t, c.b), c.p); got != c.want {
			t.Errorf("%s within %s of %s: %v", c.a, c.p, c.b, got)
		}
	}
}

func TestLessAndInverse(t *testing.T) {
	r := rateOf(t, "50000")
	for p, want := range map[Percent]string{0: "50000", 10_000: "49500", 5_000: "49750", 1: "49999.95", 1_000_000: "0"} {
		if got := r.Less(p).String(); got != want {
			t.Errorf("%s less %s: %s, want %s", r, p, got, want)
		}
	}
	if got := r.Inverse().String(); got != "0.00002" {
		t.Errorf("inverse: %s", got)
	}
	if !(Rate{}).Inverse().IsZero() {
		t.Error("none has no inverse")
	}
}

// TestSpreadNeverHelpsThePayer holds Less against Due: a lower rate asks for no fewer satoshis.
func TestSpreadNeverHelpsThePayer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, price := anyRate().Draw(t, "rate"), anyPrice().Draw(t, "price")
		p := Percent(rapid.Int64Range(0, 500_000).Draw(t, "spread"))
		plain, err1 := r.Due(price)
		spread, err2 := r.Less(p).Due(price)
		if err1 == nil && err2 == nil && spread < plain {
			t.Fatalf("%s at %s less %s: %d < %d", price, r, p, spread, plain)
		}
	})
}

func BenchmarkDue(b *testing.B) {
	r, price := rateOf(b, "61234.56"), Fiat{Minor: 1999, Code: "USD"}
	for b.Loop() {
		if _, err := r.Due(price); err != nil {
			b.Fatal(err)
		}
	}
}
