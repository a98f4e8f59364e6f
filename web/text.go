package web

import (
	"fmt"
	"time"

	"satchel/money"
	"satchel/web/text"
)

// clean makes a text of others fit to be shown in one line of at most limit characters.
func clean(s string, limit int) string { return text.Clean(s, limit) }

// linkTo gives a URL that a payer may be sent to; "" for anything else.
func linkTo(s string) string { return text.Link(s) }

// priceText writes a price for people: "1,250.00 USD", "0.0025 BTC". Bitcoin has a point in every language, as wallets do.
func priceText(f money.Fiat, l *language) string {
	if f.Code == money.BTC().Code {
		return f.Number() + " BTC"
	}
	return l.number(f.Fixed()) + " " + f.Code
}

// fours cuts an address into groups that an eye can compare.
func fours(s string) []string { return text.Fours(s) }

// clock writes what is left as minutes and seconds, begun seconds counting whole: "14:05", "1:02:03".
func clock(left time.Duration) string {
	s := int64((left + time.Second - 1) / time.Second)
	if h := s / 3600; h > 0 {
		return fmt.Sprintf("%d:%02d:%02d", h, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
