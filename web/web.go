package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"satchel/invoice"
	"satchel/live"
	"satchel/web/static"
)

// Store is where the page reads what it shows.
type Store interface {
	// PublicInvoice reads what a payer may see; fault.NotFound for an unknown id.
	PublicInvoice(ctx context.Context, id invoice.ID) (invoice.Public, error)
}

// Config is what a Web works with.
type Config struct {
	Store    Store
	Hub      *live.Hub        // woken with the invoice's id after each change
	Now      func() time.Time // the daemon's clock
	Base     string           // the public URL, absolute http or https; its path goes before every path of the page
	Protocol bool             // /i/ID speaks the payment protocols: the page offers a code for them
	Network  string           // "mainnet"; any other shows that the money is not real
	Log      *slog.Logger
	Access   *Access      // nil: the approval page is not served
	POS      *POS         // nil: the point of sale is not served
	Docs     http.Handler // what is at /docs and below; nil: nothing
}

// Web serves the checkout page and the approval page. It holds no state of an invoice: each answer reads the store.
type Web struct {
	cfg       Config
	base      string // Base without a slash at its end
	prefix    string // the path of it
	assets    *static.Files
	languages languages

	shopScript script // bitpay.js
	pages      *template.Template
	codes      codes
	mux        *http.ServeMux

	beat  time.Duration // between comments, and between looks without a wake
	write time.Duration // within which a client takes an event

	stopOnce sync.Once
	stopped  chan struct{}
}

const (
	heartbeat = 15 * time.Second
	writeWait = 10 * time.Second
)

// New makes a Web; it starts nothing.
func New(cfg Config) (*Web, error) {
	if cfg.Store == nil || cfg.Hub == nil || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("the checkout page needs a store, a hub, a clock and a log")
	}
	base, err := url.Parse(cfg.Base)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("public_url %q is not an absolute http or https URL", cfg.Base)
	}
	files, err := static.Load(embedded, "assets")
	if err != nil {
		return nil, fmt.Errorf("load assets: %w", err)
	}
	shopScript, err := shopScriptFor(files, strings.TrimRight(base.String(), "/"))
	if err != nil {
		return nil, err
	}
	tongues, err := loadLanguages()
	if err != nil {
		return nil, fmt.Errorf("load languages: %w", err)
	}
	pages, err := template.ParseFS(embedded, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse pages: %w", err)
	}
	w := &Web{
		cfg: cfg, base: strings.TrimRight(base.String(), "/"), prefix: strings.TrimRight(base.EscapedPath(), "/"),
		assets: files, shopScript: shopScript, languages: tongues, pages: pages,
		mux: http.NewServeMux(), beat: heartbeat, write: writeWait, stopped: make(chan struct{}),
	}
	w.mux.HandleFunc("GET /invoice", w.page)
	w.mux.HandleFunc("GET /invoice/{$}", w.page)
	w.mux.HandleFunc("GET /invoice/stream", w.stream)
	w.mux.HandleFunc("GET /invoice/view", w.view)
	w.mux.HandleFunc("GET /assets/{file}", w.asset)
	w.mux.HandleFunc("GET /bitpay.js", w.modal)
	w.mux.HandleFunc("GET /bitpay.min.js", w.modal)
	return w, w.more()
}

// more adds what is there only where it was configured.
func (w *Web) more() error {
	if w.cfg.Access != nil {
		w.accessRoutes()
	}
	if w.cfg.Docs != nil {
		w.mux.Handle("GET /docs", w.cfg.Docs)
		w.mux.Handle("GET /docs/", w.cfg.Docs)
	}
	if w.cfg.POS != nil {
		return w.posRoutes()
	}
	return nil
}

// Handler gives the routes: /invoice, what is below it, /assets/, /bitpay.js, the approval page's, /pos/ and /docs. The paths are those behind Base.
func (w *Web) Handler() http.Handler { return w.mux }

// Stop ends the open streams and refuses new ones; pages connect again by themselves after a restart. It is meant for
// http.Server.RegisterOnShutdown, which would otherwise wait for every open page.
func (w *Web) Stop() { w.stopOnce.Do(func() { close(w.stopped) }) }

// find reads the invoice that the request names.
func (w *Web) find(r *http.Request) (invoice.Public, error) {
	id := r.URL.Query().Get("id")
	if id == "" || len(id) > maxID {
		return invoice.Public{}, errNoInvoice
	}
	return w.cfg.Store.PublicInvoice(r.Context(), invoice.ID(id))
}

// maxID bounds what is asked of the store; ids have 22 characters.
const maxID = 64
