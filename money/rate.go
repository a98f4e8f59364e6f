package money

import (
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"satchel/fault"
)

// Rate is the price of one bitcoin in a currency's major unit, an exact positive decimal. The zero Rate means none.
type Rate struct{ d decimal.Decimal }

// ParseRate reads a plain positive decimal such as "50000" or "61234.56".
func ParseRate(text string) (Rate, error) {
	whole, frac, dotted := strings.Cut(text, ".")
	if len(text) > maxDigits || !digits(whole) || dotted && !digits(frac) {
		return Rate{}, fault.New(fault.Invalid, "%q is not a rate", clip(text))
	}
	d, err := decimal.NewFromString(text)
	if err != nil || !d.IsPositive() {
		return Rate{}, fault.New(fault.Invalid, "%q is not a positive rate", clip(text))
	}
	return Rate{d}, nil
}

// String formats without trailing zeros: "50000", "61234.56"; "0" for none.
func (r Rate) String() string { return r.d.String() }

// IsZero tells that there is no rate.
func (r Rate) IsZero() bool { return r.d.IsZero() }

// Cmp orders two rates: -1, 0 or 1.
func (r Rate) Cmp(o Rate) int { return r.d.Cmp(o.d) }

// Mid gives the arithmetic mean of two rates, rounded to eight decimals.
func (r Rate) Mid(o Rate) Rate {
	return Rate{r.d.Add(o.d).DivRound(decimal.NewFromInt(2), 8)}
}

// Within tells whether r differs from o by no more than the share p of o.
func (r Rate) Within(o Rate, p Percent) bool {
	limit := o.d.Mul(decimal.New(int64(p), -6))
	return r.d.Sub(o.d).Abs().Cmp(limit) <= 0
}

// Less gives the rate lowered by a share: with a merchant's spread a payer owes a little more.
func (r Rate) Less(p Percent) Rate {
	if p == 0 {
		return r
	}
	return Rate{r.d.Mul(decimal.New(1_000_000-int64(p), -6)).Round(8)}
}

// Inverse gives one over the rate, rounded to eight decimals.
func (r Rate) Inverse() Rate {
	if r.IsZero() {
		return Rate{}
	}
	return Rate{decimal.NewFromInt(1).DivRound(r.d, 8)}
}

// Due gives what a price costs in satoshis, rounded up.
func (r Rate) Due(price Fiat) (Sats, error) {
	if r.IsZero() {
		return 0, fault.New(fault.Unavailable, "no rate for %s", price.Code)
	}
	sats := price.decimal().Mul(decimal.NewFromInt(int64(Bitcoin)))
	q, rest := sats.QuoRem(r.d, 0)
	if rest.IsPositive() {
		q = q.Add(decimal.NewFromInt(1))
	}
	if q.GreaterThan(decimal.NewFromInt(int64(MaxSats))) {
		return 0, fault.New(fault.Invalid, "more bitcoin than there will ever be")
	}
	return Sats(q.IntPart()), nil
}

// Value gives what an amount of bitcoin is worth, rounded to the nearest minor unit (half away from zero). It is for
// show and for comparing, so what does not fit is capped at the largest amount and never wraps round.
func (r Rate) Value(s Sats, c Currency) Fiat {
	v := decimal.New(int64(s), -8).Mul(r.d).Shift(c.places()).Round(0)
	if v.Abs().GreaterThan(decimal.NewFromInt(math.MaxInt64)) {
		return Fiat{Minor: int64(v.Sign()) * math.MaxInt64, Code: c.Code}
	}
	return Fiat{Minor: v.IntPart(), Code: c.Code}
}

// MarshalJSON writes the decimal as a string, so that nothing reads it as a float by accident.
func (r Rate) MarshalJSON() ([]byte, error) { return json.Marshal(r.d.String()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Rate) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if text == "0" {
		*r = Rate{}
		return nil
	}
	v, err := ParseRate(text)
	if err != nil {
		return err
	}
	*r = v
	return nil
}

// Quote is a price fixed in bitcoin, with what it was computed from.
type Quote struct {
	Price    Fiat
	Rate     Rate // price currency per bitcoin; none for prices in bitcoin and for zero prices
	Due      Sats // rounded up to the satoshi
	Evidence Evidence
}

// Evidence is why a rate is what it is.
type Evidence struct {
	At       time.Time     `json:"at"`
	Method   string        `json:"method"` // "median", "fixed", "par" (priced in bitcoin), "none" (zero price)
	Spread   Percent       `json:"spread,omitempty"`
	Observed []Observation `json:"observed,omitempty"`
}

// Observation is what one source said, and what became of it.
type Observation struct {
	Source string    `json:"source"`
	Rate   Rate      `json:"rate"`
	At     time.Time `json:"at"`
	Used   bool      `json:"used"`
	Note   string    `json:"note,omitempty"` // why it was not used
}
