package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"satchel/fault"
	"satchel/money"
)

// posPolicy lets in the page's own stylesheets, script and icon, and its form to where it came from. Nobody may frame it.
const posPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// posPage is the page of a till.
type posPage struct {
	frame
	Styles, Script string // beside those of the checkout page
	Shop, Label    string
	Price          string // the fixed one; "" where the payer says how much
	Currency       string
	Decimals       int
	Sign           string // between whole and decimals
	Amount         string // as it was typed
	Free           bool
	Action, Once   string
	Problem        string
	Wrong          bool // the problem is the amount
}

// Say gives a text in the page's language.
func (p posPage) Say(key string) string { return p.Lang.say(key) }

// Title names the page.
func (p posPage) Title() string { return p.Lang.say("pos.title", "shop", p.Shop) }

// Keys are the digits of the keypad but the last one.
func (posPage) Keys() []string { return strings.Split("123456789", "") }

// showTill shows the page. A token in the address is left behind at once: what the browser keeps, and sends from now on,
// is a key to the till alone.
func (w *Web) showTill(rw http.ResponseWriter, r *http.Request) {
	t, err := w.till(r)
	if err != nil {
		w.noTill(rw, r, err)
		return
	}
	if t.key != r.PathValue("key") {
		private(rw.Header())
		rw.Header().Set("Location", w.tillPath(r, t))
		rw.WriteHeader(http.StatusSeeOther)
		return
	}
	w.renderTill(rw, r, t, nil)
}

// renderTill shows the page, with what was wrong with the form, if it was sent.
func (w *Web) renderTill(rw http.ResponseWriter, r *http.Request, t till, err error) {
	l, cur := w.language(r), t.price.Currency()
	p := posPage{
		frame: w.frame(l), Styles: w.assetURL("pos.css"), Script: w.assetURL("pos.js"), Shop: clean(t.merchant.Name, maxName),
		Label: clean(t.label, maxItem), Currency: cur.Code, Decimals: cur.Exponent, Sign: l.text["decimal"],
		Amount: clean(r.PostForm.Get("amount"), maxTyped), Free: t.free(), Action: w.tillPath(r, t), Once: rand.Text(),
	}
	if p.Shop == "" {
		p.Shop = l.say("shop")
	}
	if !t.price.IsZero() {
		p.Price = priceText(t.price, l)
	}
	status := http.StatusOK
	if err != nil {
		if status, p.Problem = tillProblem(err, l, cur); status == http.StatusInternalServerError {
			w.noTill(rw, r, err)
			return
		}
		p.Wrong = status == http.StatusBadRequest
		if !p.Wrong {
			rw.Header().Set("Retry-After", strconv.Itoa(tillAfter))
		}
	}
	w.renderPOS(rw, r, sheet{status: status, page: "pos.html", data: p})
}

const (
	maxTyped  = 24 // characters of an amount that are shown again
	tillAfter = 60 // seconds
)

// tillPath is where the form goes: the page's own address, in its currency and language.
func (w *Web) tillPath(r *http.Request, t till) string {
	q := url.Values{}
	for _, name := range []string{"currency", "lang"} {
		if v := r.URL.Query().Get(name); v != "" {
			q.Set(name, clean(v, maxTyped))
		}
	}
	path := w.prefix + posPath + t.key // letters and digits: it opened the till
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

// tillProblem gives the status and the text of a refusal.
func tillProblem(err error, l *language, cur money.Currency) (int, string) {
	if errors.Is(err, errAmount) {
		return http.StatusBadRequest, l.say("pos.wrong", "example", cur.Example(l.text["decimal"]))
	}
	switch fault.KindOf(err) {
	case fault.Invalid:
		return http.StatusBadRequest, l.say("pos.refused")
	case fault.TooMany:
		return http.StatusTooManyRequests, l.say("pos.many")
	case fault.Unavailable:
		return http.StatusServiceUnavailable, l.say("pos.away")
	case fault.Internal, fault.Unauthenticated, fault.Forbidden, fault.NotFound, fault.Conflict, fault.TooLarge, fault.Unsupported, fault.NotOffered:
		return http.StatusInternalServerError, ""
	}
	return http.StatusInternalServerError, ""
}

// noTill is shown instead of a till.
func (w *Web) noTill(rw http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(err, errNoTill) {
		w.problem(rw, r, err)
		return
	}
	l := w.language(r)
	t := trouble{frame: w.frame(l), Title: l.say("pos.none.title"), Note: l.say("pos.none.note")}
	w.renderPOS(rw, r, sheet{status: http.StatusNotFound, page: "trouble.html", data: t})
}

// renderPOS writes a page of the point of sale. Its address is a capability: no other host learns it, and our own needs to
// see that a form comes from here.
func (w *Web) renderPOS(rw http.ResponseWriter, r *http.Request, s sheet) {
	s.policy, s.referrer = posPolicy, "same-origin"
	rw.Header().Set("X-Frame-Options", "DENY")
	w.render(rw, r, s)
}

// tillCode draws the address of a link, to be printed.
func (w *Web) tillCode(rw http.ResponseWriter, r *http.Request) {
	t, err := w.till(r)
	if err == nil && !t.link {
		err = errNoTill // a token is not for walls
	}
	var q code
	if err == nil {
		q, err = w.codes.get(w.base + posPath + t.key)
	}
	if err != nil {
		w.noTill(rw, r, err)
		return
	}
	h := rw.Header()
	private(h)
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.send(rw, r, fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -.5 %d %d" shape-rendering="crispEdges">`+
		`<path fill="#fff" d="M0-.5h%dv%dH0z"/><path stroke="#000" d="%s"/></svg>`+"\n", q.Size, q.Size, q.Size, q.Size, q.Path))
}
