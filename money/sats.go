// Package money holds every amount in Satchel as an integer of smallest units: satoshis for bitcoin, minor units of
// ISO 4217 for fiat. Rates are exact decimals. There is one rounding rule: what a payer owes is rounded up to the
// satoshi, once, when the quote is made. No float is exported, and none touches an amount inside.
package money

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"satchel/fault"
)

// Sats is an amount of bitcoin in satoshis.
type Sats int64

// Bitcoin in satoshis, and all there will ever be.
const (
	Bitcoin Sats = 100_000_000
	MaxSats      = 21_000_000 * Bitcoin
)

// BTC formats as bitcoin with eight decimals, as BitPay does: "0.00250000".
func (s Sats) BTC() string {
	sign, v := "", int64(s)
	if v < 0 {
		sign, v = "-", -v
	}
	return fmt.Sprintf("%s%d.%08d", sign, v/int64(Bitcoin), v%int64(Bitcoin))
}

// Number formats as bitcoin without trailing zeros: "0.0025", "0".
func (s Sats) Number() string { return trimZeros(s.BTC()) }

// ParseBTC reads a decimal amount of bitcoin, at most eight decimals.
func ParseBTC(text string) (Sats, error) {
	v, err := parseFixed(text, 8)
	if err != nil {
		return 0, err
	}
	if Sats(v) > MaxSats {
		return 0, fault.New(fault.Invalid, "more bitcoin than there will ever be")
	}
	return Sats(v), nil
}

// ParseSats reads an amount with its unit, as the configuration writes it: "1000 sat" or "0.01 BTC".
func ParseSats(text string) (Sats, error) {
	number, unit, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch strings.ToLower(strings.TrimSpace(unit)) {
	case "btc":
		return ParseBTC(number)
	case "sat", "sats":
		v, err := parseFixed(number, 0)
		if err != nil {
			return 0, err
		}
		if Sats(v) > MaxSats {
			return 0, fault.New(fault.Invalid, "more bitcoin than there will ever be")
		}
		return Sats(v), nil
	}
	return 0, fault.New(fault.Invalid, "%q has no unit: write \"1000 sat\" or \"0.01 BTC\"", clip(text))
}

// SatPerVB is a fee rate in satoshis per virtual byte, in thousandths so that it stays an integer.
type SatPerVB int64

// FeeRate computes a fee rate; vsize is in virtual bytes and positive.
func FeeRate(fee Sats, vsize int64) SatPerVB {
	if vsize <= 0 {
		return 0
	}
	return SatPerVB(int64(fee) * 1000 / vsize)
}

// String formats as sat/vB: "1.25 sat/vB".
func (f SatPerVB) String() string { return f.Number() + " sat/vB" }

// Number formats the satoshis per virtual byte without the unit: "1.25", "2".
func (f SatPerVB) Number() string {
	return trimZeros(fmt.Sprintf("%d.%03d", int64(f)/1000, int64(f)%1000))
}

// maxDigits bounds what is parsed at all, so that no text is expensive.
const maxDigits = 24

// parseFixed reads a plain non-negative decimal ("12", "0.5") with at most exp decimals into an integer of 10^-exp
// units. Trailing zeros beyond exp are allowed. Signs, exponents, spaces and separators are not.
func parseFixed(text string, exp int) (int64, error) {
	if len(text) > maxDigits {
		return 0, fault.New(fault.Invalid, "%q is too long for an amount", clip(text))
	}
	whole, frac, dotted := strings.Cut(text, ".")
	if !digits(whole) || dotted && !digits(frac) {
		if strings.HasPrefix(text, "-") && digits(strings.Replace(text[1:], ".", "", 1)) {
			return 0, fault.New(fault.Invalid, "must not be negative")
		}
		return 0, fault.New(fault.Invalid, "%q is not a plain decimal number", clip(text))
	}
	if len(frac) > exp {
		if strings.Trim(frac[exp:], "0") != "" {
			return 0, fault.New(fault.Invalid, "%q has more than %d decimals", clip(text), exp)
		}
		frac = frac[:exp]
	}
	frac += strings.Repeat("0", exp-len(frac))
	v, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil {
		return 0, fault.New(fault.Invalid, "%q is too large", clip(text))
	}
	return v, nil
}

func digits(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func trimZeros(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func clip(s string) string {
	if len(s) > 32 {
		return s[:32] + "…"
	}
	return s
}

// Percent is a share in parts per million, so that "0.5%" is exact.
type Percent int64

// ParsePercent reads "2%", "0.5 %" or "2"; four decimals and 100 at most.
func ParsePercent(text string) (Percent, error) {
	v, err := parseFixed(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "%")), 4)
	if err != nil {
		return 0, err
	}
	if v > 1_000_000 {
		return 0, fault.New(fault.Invalid, "%q is over 100 %%", clip(text))
	}
	return Percent(v), nil
}

// String formats as "0.5%".
func (p Percent) String() string {
	return trimZeros(fmt.Sprintf("%d.%04d", int64(p)/10_000, int64(p)%10_000)) + "%"
}

// Of gives the share of an amount, rounded down to the satoshi.
func (p Percent) Of(s Sats) Sats {
	whole, rest := int64(s)/1_000_000, int64(s)%1_000_000
	return Sats(whole*int64(p) + rest*int64(p)/1_000_000)
}

// Tolerance is by how much a payment may miss the due amount, either way: absolute, or a share of it.
type Tolerance struct {
	Sats  Sats
	Share Percent
}

// ParseTolerance reads "1000 sat", "0.0001 BTC" or "0.5%".
func ParseTolerance(text string) (Tolerance, error) {
	if strings.HasSuffix(strings.TrimSpace(text), "%") {
		p, err := ParsePercent(text)
		return Tolerance{Share: p}, err
	}
	s, err := ParseSats(text)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return Tolerance{}, fault.New(f.Kind, "%s; or a share, such as \"0.5%%\"", f.Message)
	}
	return Tolerance{Sats: s}, err
}

// For gives the tolerance of a due amount in satoshis.
func (t Tolerance) For(due Sats) Sats { return t.Sats + t.Share.Of(due) }

// String formats as the configuration writes it.
func (t Tolerance) String() string {
	if t.Share != 0 {
		return t.Share.String()
	}
	return fmt.Sprintf("%d sat", int64(t.Sats))
}
