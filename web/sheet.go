package web

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"satchel/fault"
)

// policy lets in the page's own stylesheet, script, icon and stream, and nothing else. Any site may frame the page.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors *"

// frame is what every page needs.
type frame struct {
	Lang          *language
	CSS, JS, Icon string
	Banner        string // a warning that the money is not real
	Reload        int    // seconds after which a page without JavaScript loads again; 0: never
}

func (w *Web) frame(l *language) frame {
	f := frame{Lang: l, CSS: w.assetURL("checkout.css"), JS: w.assetURL("checkout.js"), Icon: w.assetURL("icon.svg")}
	if w.cfg.Network != "mainnet" {
		f.Banner = l.say("banner", "network", clean(w.cfg.Network, 20))
	}
	return f
}

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
	l := w.language(r)
	t := trouble{frame: w.frame(l)}
	status := statusOf(err)
	switch status {
	case http.StatusNotFound:
		t.Title, t.Note = l.say("none.title"), l.say("none.note")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		t.Title, t.Note = l.say("busy.title"), l.say("busy.note")
		t.Reload = reloadAfter
		rw.Header().Set("Retry-After", strconv.Itoa(reloadAfter))
	default:
		t.Title, t.Note = l.say("broken.title"), l.say("broken.note")
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
	status   int
	page     string // the template's name
	policy   string // Content-Security-Policy
	referrer string // Referrer-Policy; "": nobody learns where somebody comes from
	data     any
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
	h.Set("Vary", "Accept-Language")
	private(h)
	if s.referrer != "" {
		h.Set("Referrer-Policy", s.referrer)
	}
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

// stamp writes a time for the operator.
func stamp(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }
