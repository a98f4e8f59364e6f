package desk

import (
	"strings"
	"time"

	"satchel/money"
	"satchel/rate"
	"satchel/web/text"
)

// Rates tells what one bitcoin costs, and why.
type Rates interface {
	Status() rate.Status
	All() []rate.Listed
	Rate(code string) (money.Rate, money.Evidence, error)
}

// evidence is why a rate is what it is.
type evidence struct {
	At       time.Time
	Method   string
	Spread   string // "": none
	Observed []observation
}

type observation struct {
	Source, Rate, Note string
	At                 time.Time
	Used               bool
}

func evidenceOf(e money.Evidence) evidence {
	d := evidence{At: e.At, Method: e.Method}
	if e.Spread != 0 {
		d.Spread = e.Spread.String()
	}
	for _, o := range e.Observed {
		d.Observed = append(d.Observed, observation{
			Source: text.Clean(o.Source, maxCell), Rate: text.Grouped(o.Rate.String()), Note: text.Clean(o.Note, maxText), At: o.At, Used: o.Used,
		})
	}
	return d
}

// ratesPage is what quotes are made of now.
type ratesPage struct {
	Status   rate.Status
	Rate     string
	All      []listed
	Code     string
	Picked   string // the rate of the currency that was asked for
	Evidence evidence
	Problem  string
}

type listed struct{ Code, Name, Rate string }

func (v *visit) rates() error {
	p := ratesPage{Status: v.d.cfg.Rates.Status(), Code: strings.ToUpper(v.req.URL.Query().Get("code"))}
	if p.Code == "" {
		p.Code = p.Status.Code
	}
	for _, l := range v.d.cfg.Rates.All() {
		p.All = append(p.All, listed{l.Currency.Code, l.Currency.Name, text.Grouped(l.Rate.String())})
	}
	for i := range p.Status.Sources {
		p.Status.Sources[i].Error = text.Clean(p.Status.Sources[i].Error, maxText)
	}
	r, why, err := v.d.cfg.Rates.Rate(p.Code)
	if err != nil {
		p.Problem, p.Code = sentence(err), text.Clean(p.Code, 8)
	} else {
		p.Picked, p.Evidence = text.Grouped(r.String()), evidenceOf(why)
	}
	return v.page("rates", p)
}
