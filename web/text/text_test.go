package text

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"satchel/money"
)

func TestRaw(t *testing.T) {
	for in, want := range map[string]string{
		"{\n\t\"a\": \"b\"\n}": "{\n\t\"a\": \"b\"\n}", "a\u202Eb\u2066c\u200F\u061C": `a\u202eb\u2066c\u200f\u061c`, "\x1b[2J\r\x00": `\u001b[2J\u000d\u0000`,
		"\U000E0041": `\udb40\udc41`, "👩‍👧 שלום": "👩‍👧 שלום", "\u2028": `\u2028`, "": "",
	} {
		if got := Raw(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"Tea": "Tea", "  a \t\n b  ": "a b", "a\x00b\x1b[2Jc": "ab[2Jc", "\u202Eevil\u2066x\uFEFF": "evilx", "\xff": "\uFFFD", "": "",
		"e\u0301": "e\u0301", "x" + strings.Repeat("\u0301", 50): "x" + strings.Repeat("\u0301", 4), strings.Repeat("a", 40): strings.Repeat("a", 20) + "…",
	} {
		if got := Clean(in, 20); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestCleanIsBoundedAndPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		got := Clean(rapid.String().Draw(t, "text"), 10)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, turns) || strings.ContainsAny(got, "\n\r\t\x00\x1b") || utf8.RuneCountInString(got) > 2+11*(1+maxMarks) {
			t.Fatalf("%q", got)
		}
	})
}

func TestLink(t *testing.T) {
	for in, want := range map[string]string{
		"https://tea.example/a?b=c": "https://tea.example/a?b=c", "http://tea.example": "http://tea.example", "javascript:alert(1)": "", "//tea.example": "",
		"https://user@tea.example": "", "data:text/html,x": "", "": "", "https://": "", "https://tea.example/" + strings.Repeat("a", 3000): "", "\x7f": "",
	} {
		if got := Link(in); got != want {
			t.Errorf("%.40q gives %q", in, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{"1": "1", "999": "999", "1000": "1,000", "-1234567.50": "-1,234,567.50", "0.00012345": "0.00012345", "-100": "-100"} {
		if got := Grouped(in); got != want {
			t.Errorf("%s gives %s", in, got)
		}
	}
	for want, f := range map[string]money.Fiat{"1,250.00 USD": {Minor: 125_000, Code: "USD"}, "0.0025 BTC": {Minor: 250_000, Code: "BTC"}, "1,500 JPY": {Minor: 1500, Code: "JPY"}} {
		if got := Price(f); got != want {
			t.Errorf("%+v gives %s", f, got)
		}
	}
	if got := Count(1, "day") + Count(12000, "day") + Count(0, "day"); got != "1 day12,000 days0 days" {
		t.Error(got)
	}
}

func TestFours(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "text")
		list := Fours(in)
		if strings.Join(list, "") != in {
			t.Fatalf("%q gives %q", in, list)
		}
		for _, part := range list {
			if len(part) > 4 {
				t.Fatalf("%q", part)
			}
		}
	})
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "less than a minute", 59 * time.Second: "less than a minute", time.Minute: "1 minute", 59 * time.Minute: "59 minutes",
		time.Hour: "1 hour", 47 * time.Hour: "47 hours", 48 * time.Hour: "2 days", 100 * 24 * time.Hour: "100 days",
	} {
		if got := Span(d); got != want {
			t.Errorf("%s is %q", d, got)
		}
	}
}
