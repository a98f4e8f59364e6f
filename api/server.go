package api

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"satchel/auth"
	"satchel/bitpay"
)

// Config is what an API works with. Everything is required but what says otherwise.
type Config struct {
	Invoices     invoiceService
	Store        invoiceStore
	Rates        rates
	Auth         *auth.Authority
	Secret       auth.Secret                         // what resource tokens are made with
	Tip          func() int32                        // the height of our best block
	Ready        func() (reasons, degraded []string) // why no invoice can be made, and what else is wrong
	Help         func() string                       // what anybody may be told to do about it; "" or nil: nothing
	PublicURLs   []string                            // as customers see us; the first is the one where nothing else tells
	AllowPrivate bool                                // callbacks may go to private networks
	Limits       Limits                              // zero values: sensible ones
	Now          func() time.Time
	Log          *slog.Logger
	Hub          waiter       // wakes who waits for a change of an invoice
	Payer        payer        // pays invoices by PUT /invoices/pay/:id; nil: nobody does, as on mainnet
	Metrics      *Metrics     // nil: nothing is measured
	Desk         http.Handler // the merchant's desk; nil: not served
	Web          http.Handler // the checkout page; nil: not served
	PayPro       *PayPro      // the payment protocols; nil: not served
}

// Limits bound what one caller, and all of them, may take.
type Limits struct {
	PerSecond   int // requests without a valid token of one address; 0: 20, negative: any
	Burst       int // so many of them at once; 0: 100
	Connections int // open at once; 0: 4096
	PerAddress  int // of one address; 0: 256, negative: any. Loopback is not counted: a proxy stands there
	Streams     int // of events, open at once; 0: 2500. More than five eighths of the connections they never are

	StreamsPerCaller  int // of one address, also behind a proxy on loopback; 0: 200, negative: any
	StreamsPerInvoice int // 0: 100, negative: any
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&l.PerSecond, 20)
	set(&l.Burst, 100)
	set(&l.Connections, 4096)
	set(&l.PerAddress, 256)
	set(&l.Streams, 2500)
	set(&l.StreamsPerCaller, 200)
	set(&l.StreamsPerInvoice, 100)
	l.Streams = min(l.Streams, l.Connections*5/8)
	return l
}

// API serves the routes. It is safe for concurrent use.
type API struct {
	cfg        Config
	log        *slog.Logger
	bases      []base
	routes     *table
	limiter    *limiter // of calls that prove nothing
	payers     *limiter // of looks at the checkout
	failures   *limiter // of proofs that fail
	claims     *limiter // of codes that fit nothing
	pairings   *limiter // of wishes to be paired
	sessions   *limiter // of sessions that are opened
	verifier   *auth.Verifier
	currencies bitpay.Raw
	documents  map[string]described        // of the API, by public URL
	paying     chan struct{}               // holds the one call that pays
	streams    *streams                    // of events that anybody may open
	desks      *streams                    // of the desk
	slots      [paymentSlots]chan struct{} // hold the calls that are at the node with a payment
	stopped    chan struct{}               // closed by Stop
	stopOnce   sync.Once
}

// base is one of our public URLs.
type base struct{ url, host string }

// New checks the configuration and starts nothing.
func New(cfg Config) (*API, error) {
	limits := cfg.Limits.withDefaults()
	a := &API{
		cfg: cfg, log: cfg.Log, currencies: bitpay.CurrenciesDocument(), paying: make(chan struct{}, 1),
		stopped: make(chan struct{}), streams: newStreams(limits),
		desks: newStreams(Limits{Streams: deskStreams, StreamsPerCaller: deskStreamsPerCaller, StreamsPerInvoice: -1}),
	}
	a.cfg.Limits = limits
	for i := range a.slots {
		a.slots[i] = make(chan struct{}, 1)
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	var err error
	if a.verifier, err = auth.NewVerifier(cfg.PublicURLs); err != nil {
		return nil, err
	}
	for _, text := range cfg.PublicURLs {
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("api: a public URL is not http:// or https:// with a host")
		}
		a.bases = append(a.bases, base{url: strings.TrimRight(text, "/"), host: strings.ToLower(u.Hostname())})
	}
	if a.documents, err = describe(a.bases); err != nil {
		return nil, err
	}
	a.limiter, a.failures = newLimiter(a.cfg.Limits.pace(), cfg.Now), newLimiter(a.cfg.Limits.pace(), cfg.Now)
	a.payers = newLimiter(a.cfg.Limits.pace().times(payersShare), cfg.Now)
	slow := pace{rate: rate.Every(pairingEvery), burst: pairingBurst}
	a.pairings = newLimiter(slow, cfg.Now)
	a.sessions = newLimiter(pace{rate: rate.Every(sessionEvery), burst: sessionBurst}, cfg.Now)
	slow.loopback = true
	a.claims = newLimiter(slow, cfg.Now)
	a.routes = newTable(a.table())
	return a, nil
}

func (c Config) check() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("api: no "+what))
		}
	}
	need(c.Invoices != nil, "invoice service")
	need(c.Store != nil, "store")
	need(c.Rates != nil, "rates")
	need(c.Auth != nil, "authority")
	need(c.Secret != auth.Secret{}, "server secret")
	need(c.Tip != nil, "tip")
	need(c.Hub != nil, "hub")
	need(c.Ready != nil, "readiness")
	need(len(c.PublicURLs) > 0, "public URL")
	need(c.Now != nil, "clock")
	need(c.Log != nil, "logger")
	return errors.Join(errs...)
}

// base gives the public URL under which the caller reached us, where that is one of ours; otherwise the first. A Host
// header decides nothing else: anybody can write one.
func (a *API) base(r *http.Request) string {
	host := hostname(r.Host)
	for _, b := range a.bases {
		if b.host == host {
			return b.url
		}
	}
	return a.bases[0].url
}

// hostname strips the port of a Host header; ports differ behind proxies.
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// Bounds of the server: a slow client costs itself its connection and nobody else anything.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 32 << 10
)

// Handler gives the API as an http.Handler.
func (a *API) Handler() http.Handler { return http.HandlerFunc(a.serve) }

// Server gives a server of the API for an address, with its limits, that was not started. Writing has a deadline for
// each answer instead of one for all, since a stream has none.
func (a *API) Server(listen string) *http.Server { return a.server(listen, a.Handler()) }

// MetricsServer gives a server of /metrics, /healthz and /readyz for an address, that was not started.
func (a *API) MetricsServer(listen string) *http.Server { return a.server(listen, a.MetricsHandler()) }

func (a *API) server(listen string, h http.Handler) *http.Server {
	conns := newConnections(a.cfg.Limits)
	return &http.Server{
		Addr:              listen,
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         conns.state,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
}
