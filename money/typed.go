package money

import (
	"fmt"
	"strings"

	"satchel/fault"
)

// ParseTyped reads an amount as people type it, with a point or a comma before the decimals; mark is the one that the
// page writes. What could be read in two ways is refused: a second mark, more decimals than the currency has, even where
// they are zeros, and three digits behind the other mark. "1.000" may be a thousand.
func ParseTyped(typed string, c Currency, mark string) (Fiat, error) {
	typed = strings.TrimSpace(typed)
	i := strings.IndexAny(typed, ".,")
	if i < 0 {
		return ParseFiat(typed, c)
	}
	whole, rest := typed[:i], typed[i+1:]
	other := typed[i:i+1] != mark
	switch {
	case strings.ContainsAny(rest, ".,"), len(rest) > c.Exponent, other && len(rest) == 3 && strings.Trim(whole, "0") != "", whole == "" && rest == "":
		return Fiat{}, fault.New(fault.Invalid, "%q is no clear amount; it is written like %s", clip(typed), c.Example(mark))
	case whole == "":
		whole = "0"
	}
	if rest != "" {
		whole += "." + rest
	}
	return ParseFiat(whole, c)
}

// Example is an amount in the currency, about as people pay it and as ParseTyped reads it: "12.50", "1250", "0.0025".
func (c Currency) Example(mark string) string {
	switch c.Exponent {
	case 0:
		return "1250"
	case BTC().Exponent:
		return "0" + mark + "0025"
	}
	return fmt.Sprintf("12%s5%0*d", mark, c.Exponent-1, 0)
}
