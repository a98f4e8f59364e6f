package money

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"satchel/fault"
)

// Fiat is an amount in a currency's minor units (ISO 4217); for "BTC" the minor unit is the satoshi.
type Fiat struct {
	Minor int64  `json:"minor"`
	Code  string `json:"code"`
}

// MaxPrice bounds a price in major units; beyond it nothing is a price.
const MaxPrice = 1_000_000_000_000

// ParseFiat reads a plain non-negative decimal of a currency; more decimals than the currency has are refused.
func ParseFiat(text string, c Currency) (Fiat, error) {
	whole, frac, _ := strings.Cut(text, ".")
	if digits(whole) {
		v, err := strconv.ParseInt(whole, 10, 64)
		if err != nil || v > MaxPrice || v == MaxPrice && strings.Trim(frac, "0") != "" {
			return Fiat{}, fault.New(fault.Invalid, "%q is too large", clip(text))
		}
	}
	v, err := parseFixed(text, c.Exponent)
	if err != nil {
		return Fiat{}, err
	}
	return Fiat{Minor: v, Code: c.Code}, nil
}

// Currency gives the currency of the amount.
func (f Fiat) Currency() Currency {
	c, _ := Lookup(f.Code)
	return c
}

// IsZero tells that the amount is nothing.
func (f Fiat) IsZero() bool { return f.Minor == 0 }

// String formats with the currency's decimals and its code: "10.50 USD".
func (f Fiat) String() string { return f.Fixed() + " " + f.Code }

// Fixed formats with all of the currency's decimals: "10.50".
func (f Fiat) Fixed() string {
	exp := f.Currency().Exponent
	if exp == 0 {
		return strconv.FormatInt(f.Minor, 10)
	}
	unit := int64(1)
	for range exp {
		unit *= 10
	}
	sign, v := "", f.Minor
	if v < 0 {
		sign, v = "-", -v
	}
	return fmt.Sprintf("%s%d.%0*d", sign, v/unit, exp, v%unit)
}

// Number formats without trailing zeros, as a JSON number: "10.5".
func (f Fiat) Number() string { return trimZeros(f.Fixed()) }

func (f Fiat) decimal() decimal.Decimal {
	return decimal.New(f.Minor, -f.Currency().places())
}
