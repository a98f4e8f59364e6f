package web

import (
	"bytes"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"satchel/fault"
	"satchel/invoice"
)

// policy lets in the page's own stylesheet, script, icon and stream, and nothing else. Any site may frame the page.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors *"

// frame is what every page needs.
type frame struct {
	CSS, JS, Icon string
	Banner        string // a warning that the money is not real
	Reload        int    // seconds after which a page without JavaScript loads again; 0: never
}

// checkout is the page of an invoice.
type checkout struct {
	frame
	view
	Shop     string // the merchant's name, or a stand-in
	Item     string
	Price    string
	BTC      string // the whole due sum; "" where the price already says it
	Rate     string
	Address  []string // in groups of four
	Link     template.URL
	Clock    string
	Share    int64  // of the window that is left, in thousandths
	Window   int64  // milliseconds
	Created  string // UTC
	Expires  string // UTC
	Back     string // where a payer goes after paying
	Leave    string // where a payer goes without paying; "" where it is the same
	Redirect bool   // go back without a click
	Stream   string
	Refresh  string
}

const (
	reloadAfter   = 15 // seconds, without JavaScript
	redirectAfter = 5  // seconds, without JavaScript
	maxItem       = 160
)

// RedirectAfter is how long a payer without JavaScript reads before going back, in seconds.
func (checkout) RedirectAfter() int { return redirectAfter }

func (w *Web) frame() frame {
	f := frame{CSS: w.assetURL("checkout.css"), JS: w.assetURL("checkout.js"), Icon: w.assetURL("icon.svg")}
	if w.cfg.Network != "mainnet" {
		f.Banner = clean(w.cfg.Network, 20) + " – not real money"
	}
	return f
}

func (w *Web) page(rw http.ResponseWriter, r *http.Request) {
	now := w.cfg.Now()
	p, err := w.find(r)
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	w.render(rw, r, sheet{status: http.StatusOK, page: "checkout.html", policy: policy, data: w.checkout(r, p, now)})
}

func (w *Web) checkout(r *http.Request, p invoice.Public, now time.Time) checkout {
	inv, id := p.Invoice, template.URLQueryEscaper(string(p.Invoice.ID))
	c := checkout{
		frame: w.frame(), view: look(p, now), Shop: shopName(p), Item: clean(inv.Order.ItemDesc, maxItem),
		Price: priceText(inv.Quote.Price), Address: fours(inv.Address.Text),
		Window: inv.Expires.Sub(inv.Created).Milliseconds(), Created: stamp(inv.Created), Expires: stamp(inv.Expires),
		Back: linkTo(inv.Order.RedirectURL), Leave: linkTo(inv.Order.CloseURL),
		Stream: w.prefix + "/invoice/stream?id=" + id, Refresh: w.prefix + "/invoice/view?id=" + id,
	}
	if inv.Due() > 0 && inv.Quote.Price.Code != "BTC" {
		c.BTC = inv.Due().Number()
	}
	if !inv.Quote.Rate.IsZero() {
		c.Rate = "1 BTC = " + grouped(inv.Quote.Rate.String()) + " " + inv.Quote.Price.Code
	}
	c.Link = template.URL(c.URI) //nolint:gosec // made of escaped parts by paymentURI; html/template does not know the scheme
	c.Clock = clock(time.Duration(c.Left) * time.Millisecond)
	if c.Window > 0 {
		c.Share = min(c.Left*1000/c.Window, 1000)
	}
	c.Redirect = inv.Order.AutoRedirect && c.Back != ""
	if !c.Final {
		c.Reload = reloadAfter
	}
	c.QR = w.code(r, c.view)
	return c
}

// code gives the QR code of a view, nil where there is none to show. A page without it still has the address.
func (w *Web) code(r *http.Request, v view) *code {
	if v.URI == "" {
		return nil
	}
	q, err := w.codes.get(v.URI)
	if err != nil {
		w.cfg.Log.WarnContext(r.Context(), "draw QR code", "invoice", v.ID, "err", err)
		return nil
	}
	return &q
}

func stamp(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// The answers of this package itself.
var (
	errNoInvoice = fault.New(fault.NotFound, "no such invoice")
	errNoPage    = fault.New(fault.NotFound, "no such page")
)

// trouble is the page that is shown instead of an invoice.
type trouble struct {
	frame
	Title, Note string
}

func (w *Web) problem(rw http.ResponseWriter, r *http.Request, err error) {
	t := trouble{frame: w.frame()}
	status := statusOf(err)
	switch status {
	case http.StatusNotFound:
		t.Title, t.Note = "No such invoice", "The link may be incomplete. Please go back to the shop and try again from there."
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		t.Title, t.Note = "One moment, please", "This page is busy and will try again by itself. A payment that you sent is not lost."
		t.Reload = reloadAfter
		rw.Header().Set("Retry-After", strconv.Itoa(reloadAfter))
	default:
		t.Title, t.Note = "Something went wrong", "The fault is on our side, and it was noted. A payment that you sent is not lost. Please load this page again in a minute."
		w.cfg.Log.ErrorContext(r.Context(), "show invoice", "err", err)
	}
	w.render(rw, r, sheet{status: status, page: "trouble.html", policy: policy, data: t})
}

// statusOf translates a kind for a payer, who can be wrong only about the id.
func statusOf(err error) int {
	switch fault.KindOf(err) {
	case fault.NotFound, fault.Invalid, fault.Unauthenticated, fault.Forbidden:
		return http.StatusNotFound
	case fault.TooMany:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Internal, fault.Conflict, fault.TooLarge, fault.Unsupported, fault.NotOffered:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// sheet is a page to be written.
type sheet struct {
	status int
	page   string // the template's name
	policy string // Content-Security-Policy
	data   any
}

// render writes a page in one piece, so that a fault in a template never leaves half of one.
func (w *Web) render(rw http.ResponseWriter, r *http.Request, s sheet) {
	var b bytes.Buffer
	if err := w.pages.ExecuteTemplate(&b, s.page, s.data); err != nil {
		w.cfg.Log.ErrorContext(r.Context(), "render page", "page", s.page, "err", err)
		http.Error(rw, "something went wrong on our side", http.StatusInternalServerError)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", s.policy)
	private(h)
	rw.WriteHeader(s.status)
	w.send(rw, r, b.Bytes())
}

// private sets the headers of every answer about an invoice.
func private(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

// send writes a body; a client that went away is no news.
func (w *Web) send(rw http.ResponseWriter, r *http.Request, body []byte) {
	if _, err := rw.Write(body); err != nil {
		w.cfg.Log.DebugContext(r.Context(), "client went away", "err", err)
	}
}
