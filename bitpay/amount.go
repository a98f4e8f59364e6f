package bitpay

import (
	"strconv"
	"strings"
)

// maxShift is by how many places an exponent moves the point at most. The largest price and the smallest coin are well
// within.
const maxShift = 20

// amount gives a value as the text of an amount. A number without a sign loses its exponent, digit by digit: clients that
// keep a price as a float write ten million as 1.0E7 and half a thousandth as 5.0E-4 (Java), or 5e-05 (Python, PHP, Ruby).
// Every other value is its own text, whoever reads it judges it.
func (v value) amount() string {
	at := strings.IndexAny(v.src, "eE")
	if v.kind != number || at < 0 || v.src[0] == '-' {
		return v.src
	}
	shift, err := strconv.Atoi(v.src[at+1:])
	if err != nil || shift < -maxShift || shift > maxShift {
		return v.src
	}
	whole, frac, _ := strings.Cut(v.src[:at], ".")
	digits, point := whole+frac, len(whole)+shift
	digits += strings.Repeat("0", max(point-len(digits), 0))
	if point < 1 {
		digits, point = strings.Repeat("0", 1-point)+digits, 1
	}
	whole, frac = digits[:point], strings.TrimRight(digits[point:], "0")
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if frac == "" {
		return whole
	}
	return whole + "." + frac
}
