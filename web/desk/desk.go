package desk

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"satchel/auth"
	"satchel/live"
	"satchel/merchant"
	"satchel/web/static"
)

// Config is what a Desk works with. Everything is required.
type Config struct {
	Store     Store
	Invoices  Invoices
	Staff     *auth.Staff
	Access    Access
	Secret    auth.Secret // makes the keys of forms and browsers, and shows a new token
	Rates     Rates
	Shops     Shops
	Callbacks Callbacks
	Health    func(ctx context.Context) (Health, error)
	Script    func(address string) ([]byte, error)   // of an address of this network
	Tip       func() int32                           // the height that confirmations are counted to
	Hub       *live.Hub                              // woken after each change
	Caller    func(*http.Request) (netip.Addr, bool) // where a call comes from; true: from this machine, or a proxy that named nobody
	Now       func() time.Time
	Base      string // the public URL, absolute http or https
	Trusted   []string
	Network   string // "mainnet"; any other shows that the money is not real
	Log       *slog.Logger
}

// Store is where the desk reads, and what it changes beside the domain's services.
type Store interface {
	shopStore
	listStore
	storyStore
	callbackStore
	logStore
	grantStore
	linkStore
}

type shopStore interface {
	Merchants(ctx context.Context) ([]merchant.Merchant, error)
	UpdateMerchant(ctx context.Context, m merchant.ID, fn func(*merchant.Merchant) error) (merchant.Merchant, error)
}

// Desk serves the pages below /dashboard. It holds nothing of a merchant: each answer reads the store.
type Desk struct {
	cfg    Config
	prefix string // the path of Base, without a slash at its end
	secure bool   // the public URL is https
	files  *static.Files
	pages  func() (map[string]*template.Template, error) // parsed when the first is asked for: a daemon without visitors saves the memory
	mux    *http.ServeMux
	routes []route
	origin *http.CrossOriginProtection
	door   door
	tally  *tallies

	far      int           // how many invoices a search by words looks at
	beat     time.Duration // between comments of a stream
	write    time.Duration // within which a client takes a piece of a stream
	stopOnce sync.Once
	stopped  chan struct{}
}

// home is where the desk begins; every path of it is below.
const home = "/dashboard"

const (
	heartbeat = 15 * time.Second
	writeWait = 15 * time.Second
)

// New makes a Desk; it starts nothing.
func New(cfg Config) (*Desk, error) {
	base, err := url.Parse(cfg.Base)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("public_url %q is not an absolute http or https URL", cfg.Base)
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	d := &Desk{
		cfg: cfg, prefix: strings.TrimRight(base.EscapedPath(), "/"), secure: base.Scheme == "https", mux: http.NewServeMux(),
		origin: http.NewCrossOriginProtection(), door: newDoor(), tally: newTallies(),
		far: searchFar, beat: heartbeat, write: writeWait, stopped: make(chan struct{}),
	}
	for _, text := range append([]string{cfg.Base}, cfg.Trusted...) {
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("public_url %q: %w", text, err)
		}
		if err := d.origin.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, fmt.Errorf("public_url %q: %w", text, err)
		}
	}
	if d.files, err = static.Load(embedded, "assets"); err != nil {
		return nil, fmt.Errorf("load the desk's assets: %w", err)
	}
	d.pages = sync.OnceValues(parsePages)
	d.routes = table()
	for _, r := range d.routes {
		d.mux.HandleFunc(r.method+" "+r.path, d.serve(r))
	}
	return d, nil
}

func (c Config) check() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("the desk has no "+what))
		}
	}
	need(c.Store != nil, "store")
	need(c.Invoices != nil, "invoices")
	need(c.Staff != nil, "staff")
	need(c.Access != nil, "access")
	need(c.Secret != auth.Secret{}, "secret")
	need(c.Rates != nil, "rates")
	need(c.Shops != nil, "shops")
	need(c.Callbacks != nil, "callbacks")
	need(c.Health != nil && c.Script != nil && c.Tip != nil && c.Caller != nil, "node, or no way to tell callers")
	need(c.Hub != nil, "hub")
	need(c.Now != nil, "clock")
	need(c.Log != nil, "log")
	return errors.Join(errs...)
}

// Handler gives the routes. The paths are those behind Base.
func (d *Desk) Handler() http.Handler { return d.mux }

// Stop ends the open streams; pages connect again by themselves after a restart. It is meant for
// http.Server.RegisterOnShutdown.
func (d *Desk) Stop() { d.stopOnce.Do(func() { close(d.stopped) }) }
