package money

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func anyCurrency() *rapid.Generator[Currency] { return rapid.SampledFrom(Currencies()) }

func TestCurrencyTable(t *testing.T) {
	list := Currencies()
	if len(list) < 150 || list[0] != BTC() {
		t.Fatalf("%d currencies, the first is %q", len(list), list[0].Code)
	}
	for i, c := range list {
		if i > 1 && c.Code <= list[i-1].Code {
			t.Errorf("%s is not in order, or twice", c.Code)
		}
		if len(c.Code) != 3 || strings.ToUpper(c.Code) != c.Code || c.Name == "" || c.Symbol == "" {
			t.Errorf("row %+v", c)
		}
	}
	list[1].Code = "XXX"
	if Currencies()[1].Code == "XXX" {
		t.Error("a caller can change the table")
	}
}

func TestEveryCurrencyIsFound(t *testing.T) {
	for _, c := range Currencies() {
		if !slices.Contains([]int{0, 2, 3, 4}, c.Exponent) && c.Code != "BTC" {
			t.Errorf("%s has %d decimals", c.Code, c.Exponent)
		}
		for _, code := range []string{c.Code, strings.ToLower(c.Code)} {
			if got, ok := Lookup(code); !ok || got != c {
				t.Errorf("Lookup(%q) gives %+v", code, got)
			}
		}
	}
}

func TestExponentsFollowISO4217(t *testing.T) {
	want := map[int]string{
		0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
		3: "BHD IQD JOD KWD LYD OMR TND",
		4: "CLF UYW",
	}
	got := map[int][]string{}
	for _, c := range Currencies()[1:] {
		got[c.Exponent] = append(got[c.Exponent], c.Code)
	}
	for exp, codes := range want {
		if strings.Join(got[exp], " ") != codes {
			t.Errorf("with %d decimals: %v, want %s", exp, got[exp], codes)
		}
	}
	for _, code := range []string{"HUF", "COP", "IDR", "PKR", "USD", "EUR"} {
		if c, ok := Lookup(code); !ok || c.Exponent != 2 {
			t.Errorf("%s: %+v", code, c)
		}
	}
}

func TestLookupRefuses(t *testing.T) {
	for _, code := range []string{"", "US", "USDT", "XXX", "ZZZ", "AAA", "U$D", "bt", "€€€", "\x00\x00\x00"} {
		if c, ok := Lookup(code); ok {
			t.Errorf("%q is %+v", code, c)
		}
	}
}

func TestParseFiat(t *testing.T) {
	for _, c := range []struct {
		text, code, fixed, number string
		minor                     int64
	}{
		{"10", "USD", "10.00", "10", 1000},
		{"10.5", "USD", "10.50", "10.5", 1050},
		{"0.01", "USD", "0.01", "0.01", 1},
		{"0", "USD", "0.00", "0", 0},
		{"007.10", "USD", "7.10", "7.1", 710},
		{"10.5000", "USD", "10.50", "10.5", 1050},
		{"1500", "JPY", "1500", "1500", 1500},
		{"1500.000", "JPY", "1500", "1500", 1500},
		{"1.234", "KWD", "1.234", "1.234", 1234},
		{"1.2345", "CLF", "1.2345", "1.2345", 12345},
		{"0.00000001", "BTC", "0.00000001", "0.00000001", 1},
		{"1000000000000", "USD", "1000000000000.00", "1000000000000", 100_000_000_000_000},
		{"1000000000000.00", "USD", "1000000000000.00", "1000000000000", 100_000_000_000_000},
	} {
		cur, _ := Lookup(c.code)
		f, err := ParseFiat(c.text, cur)
		if err != nil || f.Minor != c.minor || f.Code != c.code || f.Currency() != cur {
			t.Errorf("%s %s: %+v, %v", c.text, c.code, f, err)
			continue
		}
		if f.Fixed() != c.fixed || f.Number() != c.number || f.String() != c.fixed+" "+c.code {
			t.Errorf("%s %s: %q, %q, %q", c.text, c.code, f.Fixed(), f.Number(), f.String())
		}
		if f.IsZero() != (c.minor == 0) {
			t.Errorf("%s: IsZero is wrong", f)
		}
	}
}

func TestParseFiatRefuses(t *testing.T) {
	for _, c := range [][2]string{
		{"0.001", "USD"},
		{"0.5", "JPY"},
		{"1.00001", "CLF"},
		{"0.000000001", "BTC"},
		{"1000000000001", "USD"},
		{"1000000000000.01", "USD"},
		{"9223372036854775807", "JPY"},
		{"99999999999999999999", "USD"},
		{"1000000000000", "BTC"},
	} {
		cur, _ := Lookup(c[1])
		_, err := ParseFiat(c[0], cur)
		mustRefuse(t, "ParseFiat "+c[1], c[0], err)
	}
}

func TestNegativeFiatFormats(t *testing.T) {
	for want, f := range map[string]Fiat{
		"-0.05 USD": {Minor: -5, Code: "USD"}, "-12.34 USD": {Minor: -1234, Code: "USD"}, "-7 JPY": {Minor: -7, Code: "JPY"},
	} {
		if f.String() != want {
			t.Errorf("%+v: %q, want %q", f, f.String(), want)
		}
	}
}

func TestFiatRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCurrency().Draw(t, "currency")
		most := int64(MaxPrice)
		for range c.Exponent {
			if most > 1<<62/10 {
				break
			}
			most *= 10
		}
		want := Fiat{Minor: rapid.Int64Range(0, most).Draw(t, "minor"), Code: c.Code}
		for _, text := range []string{want.Fixed(), want.Number()} {
			if got, err := ParseFiat(text, c); err != nil || got != want {
				t.Fatalf("%q: %+v, %v; want %+v", text, got, err, want)
			}
		}
	})
}

func FuzzFiatNumber(f *testing.F) {
	for _, s := range append(badNumbers(), "0", "10.5", "1000000000000", "0.01", "00.10") {
		f.Add(s, "USD")
		f.Add(s, "JPY")
		f.Add(s, "BTC")
	}
	f.Fuzz(func(t *testing.T, text, code string) {
		c, ok := Lookup(code)
		if !ok {
			return
		}
		v, err := ParseFiat(text, c)
		if err != nil {
			mustRefuse(t, "ParseFiat", text, err)
			return
		}
		if v.Minor < 0 || v.Code != c.Code {
			t.Fatalf("%q is %+v", text, v)
		}
		if got := v.Number(); got != normal(text) {
			t.Fatalf("%q printed as %q", text, got)
		}
		if again, err := ParseFiat(v.Number(), c); err != nil || again != v {
			t.Fatalf("%q: %+v printed as %q", text, v, v.Number())
		}
	})
}
