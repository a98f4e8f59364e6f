package web

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"satchel/money"
)

// maxMarks is how many combining marks may stand on one character; living scripts need fewer, and piles of them cover
// the lines around.
const maxMarks = 4

// clean makes a text of others fit to be shown in one line: controls and what turns the direction of writing are
// dropped, white space is single, marks do not pile up, and at most limit characters are left.
func clean(text string, limit int) string {
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

// linkTo gives a URL that a payer may be sent to: absolute, http or https, with a host and without a user. Anything else
// gives "".
func linkTo(text string) string {
	const maxURL = 2048
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURL || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return ""
	}
	return u.String()
}

// priceText writes a price for people: "1,250.00 USD", "0.0025 BTC". Bitcoin has a point in every language, as wallets do.
func priceText(f money.Fiat, l *language) string {
	if f.Code == money.BTC().Code {
		return f.Number() + " BTC"
	}
	return l.number(f.Fixed()) + " " + f.Code
}

// grouped puts a mark before every three digits of the whole part, and another before the fraction.
func grouped(number, mark, point string) string {
	whole, rest, dotted := strings.Cut(number, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + mark + whole[i:]
	}
	if dotted {
		return whole + point + rest
	}
	return whole
}

// fours cuts an address into groups that an eye can compare.
func fours(text string) []string {
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

// clock writes what is left as minutes and seconds, begun seconds counting whole: "14:05", "1:02:03".
func clock(left time.Duration) string {
	s := int64((left + time.Second - 1) / time.Second)
	if h := s / 3600; h > 0 {
		return fmt.Sprintf("%d:%02d:%02d", h, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
