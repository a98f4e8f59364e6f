package bitpay

import "satchel/money"

// Rate is what one bitcoin costs in a currency.
type Rate struct {
	Currency money.Currency
	Rate     money.Rate
}

// RatesDocument is the answer to GET /rates: a list in data, or the bare list of GET /api/rates.
func RatesDocument(list []Rate, bare bool) Raw {
	e := newEncoder(64 * (len(list) + 1))
	if bare {
		e.b = append(e.b, '[')
	} else {
		e.open()
		e.openList("data")
	}
	for _, r := range list {
		e.open()
		e.rate(r)
		e.close()
	}
	e.closeList()
	if !bare {
		e.close()
	}
	return e.b
}

// RateDocument is the answer that carries one rate.
func RateDocument(r Rate) Raw {
	e := newEncoder(128)
	e.open()
	e.openIn("data")
	e.rate(r)
	e.close()
	e.close()
	return e.b
}

// rate writes exactly these three keys: one Java client fails on a fourth. The number is the rate's exact decimal.
func (e *encoder) rate(r Rate) {
	e.text("code", r.Currency.Code)
	e.text("name", r.Currency.Name)
	e.raw("rate", r.Rate.String())
}
