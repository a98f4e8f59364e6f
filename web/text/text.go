// Package text makes others' words and our amounts fit to be shown on a page. What it gives is plain text: whoever writes
// it into HTML still escapes it.
package text

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"satchel/money"
)

// maxMarks is how many combining marks may stand on one character; living scripts need fewer, and piles of them cover
// the lines around.
const maxMarks = 4

// Clean makes a text of others fit to be shown in one line: controls and what turns the direction of writing are
// dropped, white space is single, marks do not pile up, and at most limit characters are left.
func Clean(text string, limit int) string {
	var b strings.Builder
	n, marks, space := 0, 0, false
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			space = n > 0
			continue
		case unicode.IsControl(r), turns(r):
			continue
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; marks > maxMarks {
				continue
			}
		default:
			marks = 0
		}
		if n >= limit {
			b.WriteRune('…')
			break
		}
		if space {
			b.WriteByte(' ')
			n++
		}
		b.WriteRune(r) // an invalid byte arrives as U+FFFD
		n, space = n+1, false
	}
	return b.String()
}

// turns tells the characters that reorder the text around them (Unicode UAX 9), and the tags that nobody sees.
func turns(r rune) bool {
	return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r >= 0xE0000 && r <= 0xE007F ||
		r == 0x2028 || r == 0x2029 || r == 0xFEFF
}

// Raw makes a text of others fit to be shown as it is, line by line: what cannot be seen, or turns the direction of
// writing, is written in the way of JSON (RFC 8259, 7), so that the text reads in the order that it has.
func Raw(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\n' || r == '\t' || !unicode.IsControl(r) && !turns(r) && !marks(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// marks tells the characters without a width that say how their neighbours are ordered.
func marks(r rune) bool { return r == 0x061C || r == 0x200E || r == 0x200F }

// Link gives a URL that somebody may be sent to: absolute, http or https, with a host and without a user. Anything else
// gives "".
func Link(text string) string {
	const maxURL = 2048
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURL || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return ""
	}
	return u.String()
}

// Price writes a price for people: "1,250.00 USD", "0.0025 BTC".
func Price(f money.Fiat) string {
	if f.Code == money.BTC().Code {
		return f.Number() + " BTC"
	}
	return Grouped(f.Fixed()) + " " + f.Code
}

// Grouped puts a comma before every three digits of the whole part.
func Grouped(number string) string { return Group(number, ",", ".") }

// Group puts a mark before every three digits of the whole part, and another before the fraction.
func Group(number, mark, point string) string {
	whole, rest, dotted := strings.Cut(number, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + mark + whole[i:]
	}
	if dotted {
		return whole + point + rest
	}
	return whole
}

// Fours cuts an address into groups that an eye can compare.
func Fours(text string) []string {
	var list []string
	for len(text) > 4 {
		n := 4
		for !utf8.RuneStart(text[n]) && n > 1 {
			n--
		}
		list, text = append(list, text[:n]), text[n:]
	}
	return append(list, text)
}

// Span says a length of time in its largest whole unit: "less than a minute", "1 minute", "23 hours", "2 days".
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < time.Hour:
		return Count(int64(d/time.Minute), "minute")
	case d < 2*day:
		return Count(int64(d/time.Hour), "hour")
	}
	return Count(int64(d/day), "day")
}

// Count writes "1 hour" and "2 hours".
func Count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Grouped(strconv.FormatInt(n, 10)) + " " + noun + "s"
}
