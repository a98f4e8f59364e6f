package money

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"satchel/fault"
)

// badNumbers are texts that are no plain decimal, whatever the unit.
func badNumbers() []string {
	return []string{
		"", " ", " 1", "1 ", "1\n", "+1", "-1", "-0", "--1", "1,0", "1.000,00", "1_000", "1'000", "1e5", "1E5", "1e308", "1.e1",
		".5", "5.", ".", "..", "1..2", "1.2.3", "0x10", "0b1", "NaN", "nan", "Inf", "-Inf", "Infinity", "null", "true", "$1",
		"1$", "¹", "١٢٣", "１", "1\x00", "\x001", "1.-5", "1.+5", "1. 5", "one", "1234567890123456789012345",
		"0.00000000000000000000001", strings.Repeat("9", 1000), strings.Repeat("0", 25),
	}
}

func mustRefuse(t *testing.T, what, text string, err error) {
	t.Helper()
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("%s(%.40q) must be refused as invalid, got %v", what, text, err)
	}
}

func TestBadNumbersAreRefused(t *testing.T) {
	usd, _ := Lookup("USD")
	for _, text := range badNumbers() {
		_, err := ParseBTC(text)
		mustRefuse(t, "ParseBTC", text, err)
		_, err = ParseFiat(text, usd)
		mustRefuse(t, "ParseFiat", text, err)
		_, err = ParseRate(text)
		mustRefuse(t, "ParseRate", text, err)
		_, err = ParseSats("x" + text + " sat")
		mustRefuse(t, "ParseSats", text, err)
		if strings.TrimSpace(text) == text { // the configuration may have spaces around
			_, err = ParsePercent(text + "%")
			mustRefuse(t, "ParsePercent", text, err)
		}
	}
}

func TestErrorsAreShort(t *testing.T) {
	_, err := ParseBTC(strings.Repeat("9", 1<<20))
	if err == nil || len(err.Error()) > 120 {
		t.Fatalf("an error must not repeat a megabyte: %d bytes", len(err.Error()))
	}
}

func TestNegativeIsNamed(t *testing.T) {
	for _, text := range []string{"-1", "-0.5", "-100.00"} {
		if _, err := ParseBTC(text); err == nil || err.Error() != "must not be negative" {
			t.Errorf("ParseBTC(%q): %v", text, err)
		}
	}
}

func TestSatsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Sats(rapid.Int64Range(0, int64(MaxSats)).Draw(t, "sats"))
		for _, text := range []string{want.BTC(), want.Number(), want.BTC() + "000"} {
			got, err := ParseBTC(text)
			if err != nil || got != want {
				t.Fatalf("%q: got %d, %v; want %d", text, got, err, want)
			}
		}
		if got, err := ParseSats(want.Number() + " BTC"); err != nil || got != want {
			t.Fatalf("with unit: %d, %v", got, err)
		}
	})
}

func TestBTCFormats(t *testing.T) {
	for s, want := range map[Sats][2]string{
		0:       {"0.00000000", "0"},
		1:       {"0.00000001", "0.00000001"},
		250_000: {"0.00250000", "0.0025"},
		Bitcoin: {"1.00000000", "1"},
		MaxSats: {"21000000.00000000", "21000000"},
		-1:      {"-0.00000001", "-0.00000001"},
		-Bitcoin - Bitcoin/2: {
			"-1.50000000", "-1.5",
		},
		100 * Bitcoin: {"100.00000000", "100"},
	} {
		if s.BTC() != want[0] || s.Number() != want[1] {
			t.Errorf("%d: %q and %q, want %q", int64(s), s.BTC(), s.Number(), want)
		}
	}
}

func TestBTCBounds(t *testing.T) {
	for _, text := range []string{"21000000.00000001", "99999999999", "0.000000001", "92233720368547758.08"} {
		_, err := ParseBTC(text)
		mustRefuse(t, "ParseBTC", text, err)
	}
	if s, err := ParseBTC("21000000"); err != nil || s != MaxSats {
		t.Errorf("all bitcoin: %d, %v", s, err)
	}
}

func TestParseSats(t *testing.T) {
	for text, want := range map[string]Sats{
		"1000 sat": 1000, "1 sats": 1, " 0.01 BTC ": 1_000_000, "0.1 btc": 10_000_000, "0 sat": 0, "5  SAT": 5,
		"2100000000000000 sat": MaxSats,
	} {
		if got, err := ParseSats(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"1000", "1 mBTC", "1.5 sat", "2100000000000001 sat", "sat", "", "BTC 1", "1 BTC 2", "-1 sat"} {
		_, err := ParseSats(text)
		mustRefuse(t, "ParseSats", text, err)
	}
}

func TestFeeRate(t *testing.T) {
	for _, c := range []struct {
		fee   Sats
		vsize int64
		want  string
	}{
		{141, 141, "1 sat/vB"},
		{1, 3, "0.333 sat/vB"},
		{176, 141, "1.248 sat/vB"},
		{0, 141, "0 sat/vB"},
		{100, 0, "0 sat/vB"},
		{100, -1, "0 sat/vB"},
		{MaxSats, 1, "2100000000000000 sat/vB"},
	} {
		if got := FeeRate(c.fee, c.vsize).String(); got != c.want {
			t.Errorf("%d over %d: %q, want %q", c.fee, c.vsize, got, c.want)
		}
	}
}

func TestPercent(t *testing.T) {
	for text, want := range map[string]Percent{
		"0 %": 0, "0%": 0, "2%": 20_000, "0.5 %": 5_000, "2": 20_000, "100%": 1_000_000, "0.0001%": 1, " 1.5 % ": 15_000,
	} {
		if got, err := ParsePercent(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"100.0001%", "101", "-1%", "0.00001%", "%", "1%%", "half"} {
		_, err := ParsePercent(text)
		mustRefuse(t, "ParsePercent", text, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		want := Percent(rapid.Int64Range(0, 1_000_000).Draw(t, "ppm"))
		if got, err := ParsePercent(want.String()); err != nil || got != want {
			t.Fatalf("%q: %d, %v", want.String(), got, err)
		}
	})
}

func TestPercentOfRoundsDownAndNeverOverflows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.Int64Range(0, int64(MaxSats)).Draw(t, "sats")
		p := rapid.Int64Range(0, 1_000_000).Draw(t, "ppm")
		got := int64(Percent(p).Of(Sats(s)))
		if got < 0 || got > s {
			t.Fatalf("%d ppm of %d is %d", p, s, got)
		}
		// got is the floor of s*p/1e6: compared without the product that would not fit.
		whole, rest := s/1_000_000, s%1_000_000
		if want := whole*p + (rest*p-rest*p%1_000_000)/1_000_000; got != want {
			t.Fatalf("%d ppm of %d is %d, want %d", p, s, got, want)
		}
	})
	if got := Percent(5_000).Of(199); got != 0 {
		t.Errorf("0.5%% of 199 sat must round down to 0, got %d", got)
	}
	if got := Percent(1_000_000).Of(MaxSats); got != MaxSats {
		t.Errorf("all of it is %d", got)
	}
}

func TestTolerance(t *testing.T) {
	for text, want := range map[string]Tolerance{
		"1000 sat": {Sats: 1000}, "0 sat": {}, "0.0001 BTC": {Sats: 10_000}, "0.5%": {Share: 5_000}, "0.5 %": {Share: 5_000},
	} {
		got, err := ParseTolerance(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
		if again, err := ParseTolerance(got.String()); err != nil || again != got {
			t.Errorf("%q came back as %q", text, got.String())
		}
	}
	for _, text := range []string{"", "5", "101%", "-1 sat", "1e3 sat"} {
		_, err := ParseTolerance(text)
		mustRefuse(t, "ParseTolerance", text, err)
	}
	if got := (Tolerance{Sats: 1000}).For(Bitcoin); got != 1000 {
		t.Errorf("absolute: %d", got)
	}
	if got := (Tolerance{Share: 500_000}).For(Bitcoin); got != Bitcoin/2 {
		t.Errorf("share: %d", got)
	}
}

func FuzzParseBTC(f *testing.F) {
	for _, s := range append(badNumbers(), "0", "1", "0.00000001", "21000000", "0001.50") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseBTC(text)
		if err != nil {
			mustRefuse(t, "ParseBTC", text, err)
			return
		}
		if s < 0 || s > MaxSats {
			t.Fatalf("%q is %d", text, s)
		}
		if again, err := ParseBTC(s.Number()); err != nil || again != s {
			t.Fatalf("%q: %d printed as %q", text, s, s.Number())
		}
		if want := normal(text); s.Number() != want {
			t.Fatalf("%q printed as %q, want %q", text, s.Number(), want)
		}
	})
}

// normal strips what does not change a plain decimal's value: leading and trailing zeros.
func normal(text string) string {
	whole, frac, _ := strings.Cut(text, ".")
	whole, frac = strings.TrimLeft(whole, "0"), strings.TrimRight(frac, "0")
	if whole == "" {
		whole = "0"
	}
	if frac != "" {
		whole += "." + frac
	}
	return whole
}

func TestMaxSatsFitsManyTimes(t *testing.T) {
	if int64(MaxSats) > math.MaxInt64/1000 {
		t.Fatal("fee rates multiply by a thousand")
	}
}
