package money

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"satchel/fault"
)

func TestAmountsAsPeopleTypeThem(t *testing.T) {
	for _, c := range []struct {
		typed, code, mark string
		want              int64 // minor units; -1: refused
	}{
		{"12.50", "USD", ".", 1250},
		{"12,50", "USD", ".", 1250},
		{"12,5", "USD", ".", 1250},
		{" 7 ", "USD", ".", 700},
		{".5", "USD", ".", 50},
		{",05", "USD", ".", 5},
		{"5.", "USD", ".", 500},
		{"0005", "USD", ".", 500},
		{"1.000", "USD", ".", -1},
		{"1.000", "USD", ",", -1},
		{"1,000", "USD", ".", -1},
		{"1.000,00", "USD", ".", -1},
		{"1,000.00", "USD", ".", -1},
		{"1.2,5", "USD", ".", -1},
		{"1,2.5", "USD", ".", -1},
		{"1..5", "USD", ".", -1},
		{"12.500", "USD", ".", -1},
		{"12.50", "USD", ",", 1250},
		{"1 000", "USD", ".", -1},
		{"1'000", "USD", ".", -1},
		{"1.5e3", "USD", ".", -1},
		{"+5", "USD", ".", -1},
		{"-5", "USD", ".", -1},
		{"٣", "USD", ".", -1},
		{"", "USD", ".", -1},
		{".", "USD", ".", -1},
		{",", "USD", ".", -1},
		{"1500", "JPY", ".", 1500},
		{"1500.", "JPY", ".", 1500},
		{"1.500", "JPY", ".", -1},
		{"1,500", "JPY", ",", -1},
		{"1500.0", "JPY", ".", -1},
		{"1.500", "KWD", ".", 1500},
		{"1,500", "KWD", ",", 1500},
		{"1,500", "KWD", ".", -1},
		{"1.500", "KWD", ",", -1},
		{"1,50", "KWD", ".", 1500},
		{"0,500", "KWD", ".", 500},
		{",500", "KWD", ".", 500},
		{"1.2345", "CLF", ".", 12345},
		{"1,2345", "CLF", ".", 12345},
		{"1,234", "CLF", ".", -1},
		{"1.500", "BTC", ".", 150_000_000},
		{"1,500", "BTC", ".", -1},
		{"1.500", "BTC", ",", -1},
		{"0,001", "BTC", ".", 100_000},
		{"0.00012345", "BTC", ".", 12_345},
		{"0.000123450", "BTC", ".", -1},
		{"1000000000001", "USD", ".", -1},
		{strings.Repeat("9", 3000), "USD", ".", -1},
		{"." + strings.Repeat("9", 3000), "USD", ".", -1},
	} {
		cur, _ := Lookup(c.code)
		got, err := ParseTyped(c.typed, cur, c.mark)
		switch {
		case c.want < 0:
			mustRefuse(t, "ParseTyped "+c.code, c.typed, err)
		case err != nil || got != Fiat{Minor: c.want, Code: c.code}:
			t.Errorf("%q %s behind %q: %+v, %v", c.typed, c.code, c.mark, got, err)
		}
	}
}

// A refusal shows how it is written, and that is taken.
func TestExamplesAreAmounts(t *testing.T) {
	for _, c := range Currencies() {
		for _, mark := range []string{".", ","} {
			if v, err := ParseTyped(c.Example(mark), c, mark); err != nil || v.IsZero() {
				t.Errorf("%s: %q is %+v, %v", c.Code, c.Example(mark), v, err)
			}
			_, err := ParseTyped("1,2.3", c, mark)
			if err == nil || fault.KindOf(err) != fault.Invalid || !strings.HasSuffix(err.Error(), "it is written like "+c.Example(mark)) {
				t.Errorf("%s: %v", c.Code, err)
			}
		}
	}
}

// Every amount, written in full behind the page's mark, is read as what it is; with a decimal more it is refused.
func TestTypedAmountsAreReadExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, mark := anyCurrency().Draw(t, "currency"), rapid.SampledFrom([]string{".", ","}).Draw(t, "mark")
		want := Fiat{Minor: rapid.Int64Range(0, 1e12).Draw(t, "minor"), Code: c.Code}
		typed := strings.Replace(want.Fixed(), ".", mark, 1)
		if got, err := ParseTyped(typed, c, mark); err != nil || got != want {
			t.Fatalf("%s: %v %v", typed, got, err)
		}
		if _, err := ParseTyped(typed+"0", c, mark); c.Exponent > 0 && err == nil {
			t.Fatalf("%s has a decimal too many", typed+"0")
		}
	})
}
