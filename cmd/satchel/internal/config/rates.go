package config

import (
	"time"

	"satchel/fault"
	"satchel/money"
	"satchel/rate"
)

// Rates is how prices are quoted.
type Rates struct {
	sources    []string
	minSources int
	maxAge     time.Duration
	spread     money.Percent
	fixed      map[string]money.Rate
}

// leastOnMainnet is how many sources must agree where money is real.
const leastOnMainnet = 3

func (r *Reader) rates(c ratesConfig, network string) Rates {
	s := Rates{
		sources: c.Sources, minSources: int(c.MinSources), maxAge: r.between("rates.max_age", c.MaxAge, time.Second, forever),
		spread: r.percent("rates.spread", c.Spread), fixed: map[string]money.Rate{},
	}
	for code, text := range c.Fixed {
		cur, ok := money.Lookup(code)
		rate, err := money.ParseRate(text)
		if !ok || err != nil {
			r.Problem("rates.fixed", "%s = %q: an ISO 4217 currency and a positive decimal are needed", code, text)
			continue
		}
		s.fixed[cur.Code] = rate
	}
	switch {
	case network == "mainnet" && len(c.Fixed) > 0:
		r.Problem("rates.fixed", "is refused on mainnet: a stale price there loses money")
	case len(c.Sources) == 0 && len(c.Fixed) == 0 && r.sound("rates.fixed"):
		r.Problem("rates.sources", "is empty, and so is rates.fixed: there would be no price")
	}
	switch {
	case c.MinSources < 1:
		r.Problem("rates.min_sources", "must be at least 1")
	case network == "mainnet" && c.MinSources < leastOnMainnet:
		r.Problem("rates.min_sources", "must be at least %d on mainnet", leastOnMainnet)
	}
	r.quotable(s)
	return s
}

// quotable asks the service that will quote whether it could. What was told of a key before is not told again, and how
// many sources there are is counted only where all of them are known.
func (r *Reader) quotable(s Rates) {
	told := map[string]bool{}
	for _, key := range []string{"rates.min_sources", "rates.max_age", "rates.spread", "rates.fixed"} {
		told[key] = r.has(key)
	}
	_, err := rate.New(s.Config())
	for _, f := range faults(err) {
		uncounted := f.Field == "rates.min_sources" && (r.has("rates.sources") || r.has("rates.fixed"))
		if !told[f.Field] && !uncounted {
			r.Problem(f.Field, "%s", f.Message)
		}
	}
}

// Config is what the service of rates is made with.
func (s Rates) Config() rate.Config {
	return rate.Config{Sources: s.sources, MinSources: s.minSources, MaxAge: s.maxAge, Spread: s.spread, Fixed: s.fixed, Now: time.Now}
}

// faults takes errors that were joined apart.
func faults(err error) []*fault.Error {
	switch e := err.(type) { //nolint:errorlint // what is joined is looked into, level by level
	case *fault.Error:
		return []*fault.Error{e}
	case interface{ Unwrap() []error }:
		var list []*fault.Error
		for _, one := range e.Unwrap() {
			list = append(list, faults(one)...)
		}
		return list
	}
	return nil
}
