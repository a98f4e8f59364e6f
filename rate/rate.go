package rate

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"satchel/fault"
	"satchel/money"
)

// Config is what a Service is made from. Now is required; everything else has a sensible zero.
type Config struct {
	Sources    []string              // names out of Sources(); none: only fixed rates
	MinSources int                   // how many must be fresh for a rate; 0: 3
	MaxAge     time.Duration         // how old a price may be; 0: 5 minutes
	Spread     money.Percent         // by how much a rate is lowered for the merchant; under 50 %
	Fixed      map[string]money.Rate // by ISO 4217 code; exclusive for its currency. Not for mainnet: the caller refuses that
	Currencies []string              // what Status.Enough asks for; none: any one
	BaseURLs   map[string]string     // by source, instead of the public one; scheme and host
	Client     *http.Client          // nil: one with limits; it never follows a redirect to another host
	Now        func() time.Time
	Log        *slog.Logger // nil: silence
}

// Service holds the last price of every source. It is safe for concurrent use.
type Service struct {
	sources []source
	judge   judge
	spread  money.Percent
	fixed   map[string]money.Rate
	wanted  []string
	par     money.Rate
	client  *http.Client
	now     func() time.Time
	log     *slog.Logger

	mu   sync.RWMutex
	said []memory            // by index of sources
	last map[string]accepted // by currency

	settled chan struct{} // see Settled
	waiting int           // sources that were not asked yet
}

// memory is what one source said last, by currency, and how it is.
type memory struct {
	health health
	ticks  map[string]tick
}

// New checks the configuration and starts nothing. It names every problem at once, each with its key.
func New(cfg Config) (*Service, error) {
	cfg = cfg.withDefaults()
	par, err := money.ParseRate("1")
	if err != nil {
		return nil, err
	}
	s := &Service{
		judge:  judge{min: cfg.MinSources, maxAge: cfg.MaxAge},
		spread: cfg.Spread,
		fixed:  make(map[string]money.Rate, len(cfg.Fixed)),
		par:    par,
		client: newClient(cfg.Client),
		now:    cfg.Now,
		log:    cfg.Log,
		last:   make(map[string]accepted),

		settled: make(chan struct{}),
	}
	err = errors.Join(cfg.check(), s.takeSources(cfg), s.takeFixed(cfg), s.takeWanted(cfg))
	if err != nil {
		return nil, err
	}
	s.said = make([]memory, len(s.sources))
	for i := range s.said {
		s.said[i].ticks = make(map[string]tick)
	}
	if s.waiting = len(s.sources); s.waiting == 0 {
		close(s.settled)
	}
	return s, nil
}

// Settled is closed once the wanted currencies have a rate after the start, or every source was asked for one, which
// takes ten seconds at most: from then on a rate that is unknown is not about to come.
func (s *Service) Settled() <-chan struct{} { return s.settled }

// settle closes Settled where it is time. The lock is held.
func (s *Service) settle(now time.Time) {
	select {
	case <-s.settled:
	default:
		if s.waiting == 0 || s.enough(s.list(now)) {
			close(s.settled)
		}
	}
}

func (c Config) withDefaults() Config {
	if c.MinSources == 0 {
		c.MinSources = 3
	}
	if c.MaxAge == 0 {
		c.MaxAge = 5 * time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// maxSpread is where a spread is surely a slip of the pen.
const maxSpread money.Percent = 500_000

func (c Config) check() error {
	var errs []error
	if c.Now == nil {
		errs = append(errs, errors.New("rate: no clock"))
	}
	if c.MinSources < 0 {
		errs = append(errs, fault.Field("rates.min_sources", "must be at least 1"))
	}
	if c.MaxAge < 0 {
		errs = append(errs, fault.Field("rates.max_age", "must be positive"))
	}
	if c.Spread < 0 || c.Spread >= maxSpread {
		errs = append(errs, fault.Field("rates.spread", "must be from 0 %% to under 50 %%"))
	}
	return errors.Join(errs...)
}

// takeSources resolves the names. Fewer sources than min_sources can never give a rate, which is refused here and not
// found out by the first customer; fixed rates alone are fine.
func (s *Service) takeSources(cfg Config) error {
	var errs []error
	exchanges := 0
	for i, name := range cfg.Sources {
		src, ok := find(name)
		switch {
		case slices.Contains(cfg.Sources[:i], name):
			errs = append(errs, fault.Field("rates.sources", "%q is listed twice", name))
		case ok:
			base, err := baseURL(cfg.BaseURLs[name], src.base)
			errs = append(errs, err)
			src.base = base
			s.sources = append(s.sources, src)
			if !src.aggregate {
				exchanges++
			}
		case name != Fixed:
			errs = append(errs, fault.Field("rates.sources", "%q is unknown: use %s", name, strings.Join(Sources(), ", ")))
		}
	}
	votes := len(s.sources)
	if exchanges < 2 {
		votes = exchanges
	}
	if len(s.sources) > 0 && len(cfg.Fixed) == 0 && votes < cfg.MinSources {
		errs = append(errs, fault.Field("rates.min_sources",
			"%d can never be met: the sources have %d votes (an aggregate has one beside two exchanges)", cfg.MinSources, votes))
	}
	return errors.Join(errs...)
}

func baseURL(given, public string) (string, error) {
	if given == "" {
		return public, nil
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fault.Field("rates", "a base URL is not http:// or https:// with a host")
	}
	return strings.TrimSuffix(given, "/"), nil
}

func (s *Service) takeFixed(cfg Config) error {
	var errs []error
	for code, r := range cfg.Fixed {
		c, ok := money.Lookup(code)
		if !ok || c.Code == "BTC" {
			errs = append(errs, fault.Field("rates.fixed", "%q is no currency that can have a rate", code))
			continue
		}
		// What cannot be written down and read again could not be kept with an invoice.
		if _, err := money.ParseRate(r.Less(cfg.Spread).String()); err != nil {
			errs = append(errs, fault.Field("rates.fixed", "the rate of %s is not usable", c.Code))
			continue
		}
		s.fixed[c.Code] = r
	}
	return errors.Join(errs...)
}

func (s *Service) takeWanted(cfg Config) error {
	var errs []error
	for _, code := range cfg.Currencies {
		c, ok := money.Lookup(code)
		if !ok {
			errs = append(errs, fault.Field("rates.currencies", "%q is unknown", code))
			continue
		}
		s.wanted = append(s.wanted, c.Code)
	}
	return errors.Join(errs...)
}

// Quote fixes a price in bitcoin, rounded up to the satoshi. A price in bitcoin ("par") and a price of nothing ("none")
// need no rate. An unknown currency is the client's mistake (fault.Invalid, field "currency"); a known one without a
// rate now is fault.Unavailable with the time after which to try again.
func (s *Service) Quote(price money.Fiat) (money.Quote, error) {
	c, ok := money.Lookup(price.Code)
	switch {
	case !ok:
		return money.Quote{}, unknown(price.Code)
	case price.Minor < 0:
		return money.Quote{}, fault.Field("price", "must not be negative")
	}
	q := money.Quote{Price: money.Fiat{Minor: price.Minor, Code: c.Code}}
	switch {
	case price.IsZero():
		q.Evidence = money.Evidence{At: s.wall(), Method: "none"}
		return q, nil
	case c.Code == "BTC":
		if price.Minor > int64(money.MaxSats) {
			return money.Quote{}, fault.Field("price", "more bitcoin than there will ever be")
		}
		q.Due = money.Sats(price.Minor)
		q.Evidence = money.Evidence{At: s.wall(), Method: "par"}
		return q, nil
	}
	var err error
	if q.Rate, q.Evidence, err = s.Rate(c.Code); err != nil {
		return money.Quote{}, err
	}
	if q.Due, err = q.Rate.Due(q.Price); err != nil {
		return money.Quote{}, err
	}
	return q, nil
}

// Rate gives what one bitcoin costs in a currency, as a quote would use it: the spread is applied, and the evidence says
// how large it was and what the sources said before it. Bitcoin itself is 1, with method "par".
func (s *Service) Rate(code string) (money.Rate, money.Evidence, error) {
	c, ok := money.Lookup(code)
	if !ok {
		return money.Rate{}, money.Evidence{}, unknown(code)
	}
	now := s.now()
	if c.Code == "BTC" {
		return s.par, money.Evidence{At: now.Round(0), Method: "par"}, nil
	}
	s.mu.RLock()
	v, method := s.verdict(c.Code, now)
	s.mu.RUnlock()
	if v.rate.IsZero() {
		return money.Rate{}, money.Evidence{}, fault.New(fault.Unavailable, "there is no exchange rate for %s now", c.Code).
			Because(errors.New(v.why)).After(pollEvery(s.judge.maxAge))
	}
	evidence := money.Evidence{At: now.Round(0), Method: method, Spread: s.spread, Observed: v.observed}
	return v.rate.Less(s.spread), evidence, nil
}

// Listed is a currency that can be priced in now.
type Listed struct {
	Currency money.Currency
	Rate     money.Rate // per bitcoin, as a quote would use it
}

// All lists every currency that has a rate now, bitcoin at 1 first, then by code.
func (s *Service) All() []Listed {
	now := s.now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.list(now)
}

// list is All at a time. The lock is held.
func (s *Service) list(now time.Time) []Listed {
	list := []Listed{{Currency: money.BTC(), Rate: s.par}}
	for _, c := range money.Currencies()[1:] {
		if v, _ := s.verdict(c.Code, now); !v.rate.IsZero() {
			list = append(list, Listed{Currency: c, Rate: v.rate.Less(s.spread)})
		}
	}
	return list
}

// verdict judges a fiat currency before the spread. The lock is held.
func (s *Service) verdict(code string, now time.Time) (v verdict, method string) {
	if r, ok := s.fixed[code]; ok {
		said := money.Observation{Source: Fixed, Rate: r, At: now.Round(0), Used: true}
		return verdict{rate: r, observed: []money.Observation{said}}, "fixed"
	}
	seen := make([]sighting, 0, len(s.sources))
	for i, src := range s.sources {
		if t, ok := s.said[i].ticks[code]; ok {
			seen = append(seen, sighting{source: src.name, aggregate: src.aggregate, tick: t})
		}
	}
	return s.judge.decide(seen, s.last[code], now), "median"
}

// wall is the time as it is written down.
func (s *Service) wall() time.Time { return s.now().Round(0) }

func unknown(code string) error {
	return fault.Field("currency", "%q is not a currency we know", clip(code, 8))
}
