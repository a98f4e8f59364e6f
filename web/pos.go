package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

// POS is what the point of sale works with.
type POS struct {
	Store    POSStore
	Invoices Seller
	Tokens   Tokens
	Secret   auth.Secret                // makes the keys of links
	Caller   func(*http.Request) string // the address that caps are kept for; "": the operator's own machine has none
}

// POSStore is where the point of sale reads.
type POSStore interface {
	// Link finds a link, also one that was revoked.
	Link(ctx context.Context, id merchant.LinkID) (merchant.Link, bool, error)
	Merchant(ctx context.Context, id merchant.ID) (merchant.Merchant, error)
}

// Seller makes invoices.
type Seller interface {
	Create(ctx context.Context, r invoice.Request) (invoice.Invoice, error)
}

// Tokens proves tokens.
type Tokens interface {
	Authenticate(ctx context.Context, c auth.Call) (auth.Principal, error)
}

const (
	posPath = "/pos/"
	maxFrom = 20 // unpaid invoices of one address that needed no token
	// twice is how long a form that is sent again gives the invoice that it made. Later it is another customer's.
	twice = 30 * time.Second
)

// errNoTill is the answer to every key that opens nothing, whatever the reason.
var errNoTill = fault.New(fault.NotFound, "no such till")

func (w *Web) posRoutes() error {
	guard := http.NewCrossOriginProtection() // whoever has an address may use it; a page of somebody else may not do so for him
	base, err := url.Parse(w.base)
	if err != nil {
		return err
	}
	if err := guard.AddTrustedOrigin(base.Scheme + "://" + base.Host); err != nil {
		return err
	}
	guard.SetDenyHandler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.noTill(rw, r, errNoTill) }))
	for _, path := range []string{posPath + "{key}", posPath + "{key}/{$}"} {
		w.mux.HandleFunc("GET "+path, w.showTill)
		w.mux.Handle("POST "+path, guard.Handler(http.HandlerFunc(w.charge)))
	}
	w.mux.HandleFunc("GET "+posPath+"{key}/code.svg", w.tillCode)
	return nil
}

// till is a page of the point of sale that was opened.
type till struct {
	key      string // of its address; never a token, which opens more
	id       string // that the invoices remember
	link     bool   // anybody may have its address; else it is a token's
	merchant merchant.Merchant
	price    money.Fiat // the currency; and the amount, where it is fixed
	label    string
}

// till opens what the address leads to: a link, or the point of sale of a bearer token.
func (w *Web) till(r *http.Request) (till, error) {
	key := r.PathValue("key")
	if id, ok := w.cfg.POS.Secret.ReadPayLink(key); ok {
		return w.linkTill(r.Context(), key, id)
	}
	token := key
	if id, ok := w.cfg.POS.Secret.ReadTill(key); ok {
		token = w.cfg.POS.Secret.Token(id)
	}
	p, err := w.cfg.POS.Tokens.Authenticate(r.Context(), auth.Call{Token: token})
	switch {
	case errors.Is(err, auth.ErrToken), errors.Is(err, auth.ErrUnsigned), err == nil && p.Facade() != auth.POS:
		return till{}, errNoTill
	case err != nil:
		return till{}, err
	}
	m, err := w.cfg.POS.Store.Merchant(r.Context(), p.Merchant())
	if err != nil {
		return till{}, err
	}
	cur := m.Settings.PriceCurrency()
	if code := r.URL.Query().Get("currency"); code != "" {
		var ok bool
		if cur, ok = money.Lookup(code); !ok {
			return till{}, errNoTill // to fall back on another would charge something else
		}
	}
	id, err := auth.ParseTokenID(p.Token())
	return till{key: w.cfg.POS.Secret.Till(id), id: p.Token(), merchant: m, price: money.Fiat{Code: cur.Code}}, err
}

func (w *Web) linkTill(ctx context.Context, key string, id merchant.LinkID) (till, error) {
	l, ok, err := w.cfg.POS.Store.Link(ctx, id)
	if err != nil {
		return till{}, err
	}
	if !ok || !l.Revoked.IsZero() {
		return till{}, errNoTill
	}
	m, err := w.cfg.POS.Store.Merchant(ctx, l.Merchant)
	return till{key: key, id: "link:" + id.String(), link: true, merchant: m, price: l.Price, label: l.Label}, err
}

// free tells that the payer may leave the amount to his wallet.
func (t till) free() bool { return t.link && t.price.IsZero() }

// wish is what the form asks for.
type wish struct {
	price money.Fiat
	open  bool   // the first payment fixes the price
	once  string // the same for a form that is sent again
}

// wish reads the form, of a page that writes decimals behind a mark; false where the amount is none.
func (t till) wish(form url.Values, mark string) (wish, bool) {
	w := wish{price: t.price, once: form.Get("once")}
	if len(w.once) > 32 || strings.Trim(w.once, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		w.once = "" // not ours
	}
	if !t.price.IsZero() {
		return w, true
	}
	if w.open = t.free() && form.Get("open") != ""; w.open {
		return w, true
	}
	price, err := money.ParseTyped(form.Get("amount"), t.price.Currency(), mark)
	w.price = price
	return w, err == nil && !price.IsZero()
}

// errAmount is an amount that is none, or that could be read in two ways.
var errAmount = errors.New("not an amount")

// charge makes the invoice that the form asks for, and leads to its page.
func (w *Web) charge(rw http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(rw, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		w.noTill(rw, r, errNoTill)
		return
	}
	t, err := w.till(r)
	if err != nil {
		w.noTill(rw, r, err)
		return
	}
	asked, ok := t.wish(r.PostForm, w.language(r).text["decimal"])
	if !ok {
		w.renderTill(rw, r, t, errAmount)
		return
	}
	inv, err := w.sell(r, t, asked)
	if err != nil {
		w.renderTill(rw, r, t, err)
		return
	}
	w.cfg.Log.InfoContext(r.Context(), "invoice made at the point of sale", "invoice", string(inv.ID), "by", t.id)
	private(rw.Header())
	to := w.prefix + "/invoice?id=" + url.QueryEscape(string(inv.ID))
	if l, ok := w.languages.find(r.URL.Query().Get("lang")); ok {
		to += "&lang=" + l.Code
	}
	rw.Header().Set("Location", to)
	rw.WriteHeader(http.StatusSeeOther)
}

// sell makes the invoice, or gives the one that the same form just made.
func (w *Web) sell(r *http.Request, t till, asked wish) (invoice.Invoice, error) {
	req := w.order(t, asked)
	if t.link {
		if from := w.cfg.POS.Caller(r); from != "" {
			req.Order.Origin, req.CapFrom = w.cfg.POS.Secret.Origin(from), maxFrom
		}
	}
	for {
		req.Order.GUID = strings.Join([]string{"pos", t.id, asked.once, asked.price.Fixed()}, "/")
		if asked.once == "" {
			req.Order.GUID += "/" + rand.Text()
		}
		req.Digest = sha256.Sum256([]byte(req.Order.GUID))
		inv, err := w.cfg.POS.Invoices.Create(r.Context(), req)
		if err != nil || asked.once == "" || w.cfg.Now().Sub(inv.Created) < twice {
			return inv, err
		}
		asked.once = ""
	}
}

// order is the invoice, before it is known who asks for it.
func (w *Web) order(t till, asked wish) invoice.Request {
	req := invoice.Request{
		Merchant: t.merchant, Price: asked.price, Open: asked.open, Currency: t.price.Currency(), Capped: t.merchant.Settings.MaxOpen,
		Order: invoice.Order{ItemDesc: t.label, Creator: t.id},
	}
	if t.link {
		data, err := json.Marshal(map[string]string{"link": strings.TrimPrefix(t.id, "link:")})
		if err == nil { // a text cannot fail
			req.Order.PosData = string(data)
		}
		req.Order.RedirectURL = w.base + posPath + t.key // a token stays out of what payers see
	}
	return req
}
