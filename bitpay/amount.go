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

// What a float (IEEE 754, binary64) keeps of a decimal number: fifteen digits for certain. Written in full it has up to two
// more, which are noise.
const (
	certainDigits = 15
	floatDigits   = 17
)

// amountOf is amount, for a currency of so many decimals. Clients that add prices up as floats send 0.30000000000000004,
// and PHP, set up as it was for years, writes each 19.99 as 19.989999999999998: where a number has the digits of a float
// written in full, and decimals that the currency does not have, it is rounded to those that a float keeps. No decimal of
// the currency is lost by that, and a third decimal that somebody meant is refused as ever.
func (v value) amountOf(decimals int) string {
	s := v.amount()
	whole, frac, _ := strings.Cut(s, ".")
	significant := len(strings.TrimLeft(whole+frac, "0"))
	over := significant - certainDigits
	if v.kind != number || significant > floatDigits || over < 1 || len(frac)-over < decimals {
		return s
	}
	kept := []byte(whole + frac[:len(frac)-over])
	if frac[len(frac)-over] >= '5' {
		kept = increment(kept)
	}
	point := len(kept) - (len(frac) - over)
	return string(kept[:point]) + "." + string(kept[point:])
}

// increment adds one to a number of decimal digits.
func increment(digits []byte) []byte {
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i] != '9' {
			digits[i]++
			return digits
		}
		digits[i] = '0'
	}
	return append([]byte{'1'}, digits...)
}
