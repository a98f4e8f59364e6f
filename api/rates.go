package api

import (
	"context"

	"satchel/auth"
	"satchel/bitpay"
	"satchel/fault"
	"satchel/money"
	"satchel/rate"
)

// rates says what a bitcoin costs.
type rates interface {
	Rate(code string) (money.Rate, money.Evidence, error)
	All() []rate.Listed
}

// listRates is GET /rates: every currency that has a rate now.
func (a *API) listRates(context.Context, auth.Principal, *request) (bitpay.Raw, error) {
	return bitpay.RatesDocument(a.allRates(), false), nil
}

// bareRates is GET /api/rates: the same as a bare list.
func (a *API) bareRates(context.Context, auth.Principal, *request) (bitpay.Raw, error) {
	return bitpay.RatesDocument(a.allRates(), true), nil
}

func (a *API) allRates() []bitpay.Rate {
	all := a.cfg.Rates.All()
	list := make([]bitpay.Rate, len(all))
	for i, l := range all {
		list[i] = bitpay.Rate{Currency: l.Currency, Rate: l.Rate}
	}
	return list
}

// showRates is GET /rates/:base: the list where the base is the coin we know, and one rate where it is a currency, as
// before 2018.
func (a *API) showRates(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	if lower(r.vars[0]) == "btc" {
		return a.listRates(ctx, p, r)
	}
	return a.oneRate(r.vars[0])
}

// showRate is GET /rates/:base/:currency.
func (a *API) showRate(_ context.Context, _ auth.Principal, r *request) (bitpay.Raw, error) {
	if lower(r.vars[0]) != "btc" {
		return nil, fault.New(fault.NotFound, "There are rates for BTC only")
	}
	return a.oneRate(r.vars[1])
}

func (a *API) oneRate(code string) (bitpay.Raw, error) {
	c, ok := money.Lookup(code)
	if !ok {
		return nil, fault.New(fault.NotFound, "There is no such currency")
	}
	r, _, err := a.cfg.Rates.Rate(c.Code)
	if err != nil {
		return nil, err
	}
	return bitpay.RateDocument(bitpay.Rate{Currency: c, Rate: r}), nil
}

// listWallets is GET /supportedWallets.
func (a *API) listWallets(context.Context, auth.Principal, *request) (bitpay.Raw, error) {
	return bitpay.WalletsDocument(a.cfg.PayPro != nil), nil
}

// listCurrencies is GET /currencies.
func (a *API) listCurrencies(context.Context, auth.Principal, *request) (bitpay.Raw, error) {
	return a.currencies, nil
}
