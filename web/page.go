package web

import (
	"html/template"
	"net/http"
	"strconv"
	"time"

	"satchel/invoice"
	"satchel/money"
)

// checkout is the page of an invoice.
type checkout struct {
	frame
	view
	Shop       string // the merchant's name, or a stand-in
	Item       string
	Items      []line // what the price is made of, where the shop said
	Order      string
	Price      string
	BTC        string // the whole due sum; "" where the price already says it
	Rate       string
	Address    []string // in groups of four
	Link       template.URL
	Protocol   template.URL // BIP72 without an address; "" where the payment protocol is not served
	ProtocolQR *code
	Clock      string
	Share      int64 // of the window that is left, in thousandths
	Window     int64 // milliseconds
	Created    moment
	Expires    moment
	Back       string // where a payer goes after paying
	Leave      string // where a payer goes without paying; "" where it is the same
	Redirect   bool   // go back without a click
	Stream     string
	Refresh    string
	Languages  []tongue
}

// line is a part of the price.
type line struct{ Name, Amount string }

// moment is a time, for programs (RFC 3339) and for people without JavaScript; with it they see their own zone's.
type moment struct{ Machine, Human string }

// tongue is a language to change to.
type tongue struct {
	*language
	URL  string
	Here bool
}

const (
	reloadAfter   = 15 // seconds, without JavaScript
	redirectAfter = 5  // seconds, without JavaScript
	maxItem       = 160
	maxItems      = 12
	maxOrder      = 60
)

// Say gives a text in the page's language.
func (c checkout) Say(key string) string { return c.Lang.say(key) }

// Around gives a text before and after the shop's name.
func (c checkout) Around(key string) [2]string { return c.Lang.around(key) }

// Noscript tells a payer without JavaScript that the page keeps itself up to date.
func (c checkout) Noscript() string { return c.Lang.say("noscript", "n", strconv.Itoa(c.Reload)) }

// RedirectAfter is how long a payer without JavaScript reads before going back, in seconds.
func (checkout) RedirectAfter() int { return redirectAfter }

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
	inv, l := p.Invoice, w.language(r)
	c := checkout{
		frame: w.frame(l), view: look(p, l, now), Shop: shopName(p, l), Item: clean(inv.Order.ItemDesc, maxItem), Items: items(inv, l),
		Order: clean(inv.Order.OrderID, maxOrder), Price: priceText(inv.Quote.Price, l), Address: fours(inv.Address.Text),
		Window: inv.Expires.Sub(inv.Created).Milliseconds(), Created: momentOf(inv.Created), Expires: momentOf(inv.Expires),
		Back: linkTo(inv.Order.RedirectURL), Leave: linkTo(inv.Order.CloseURL),
	}
	w.addresses(&c)
	if inv.Due() > 0 && inv.Quote.Price.Code != money.BTC().Code {
		c.BTC = inv.Due().Number()
	}
	if !inv.Quote.Rate.IsZero() {
		c.Rate = "1 BTC = " + l.number(inv.Quote.Rate.String()) + " " + inv.Quote.Price.Code
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
	c.QR = w.code(r, c.ID, c.URI)
	if w.cfg.Protocol && c.Payable && c.DueSats == int64(inv.Unpaid()) && c.DueSats > 0 { // the protocols ask for no other amount
		uri := protocolURI(w.base, inv.ID)
		c.Protocol = template.URL(uri) //nolint:gosec // the operator's own address and our own id
		c.ProtocolQR = w.code(r, c.ID, uri)
	}
	return c
}

// addresses tells where the page finds itself: its views, and itself in other languages.
func (w *Web) addresses(c *checkout) {
	query := "?id=" + template.URLQueryEscaper(c.ID) + "&lang="
	c.Stream, c.Refresh = w.prefix+"/invoice/stream"+query+c.Lang.Code, w.prefix+"/invoice/view"+query+c.Lang.Code
	for _, l := range w.languages {
		c.Languages = append(c.Languages, tongue{language: l, URL: w.prefix + "/invoice" + query + l.Code, Here: l == c.Lang})
	}
}

// language is the one to answer a request in.
func (w *Web) language(r *http.Request) *language {
	return w.languages.choose(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))
}

// items lists what the shop said the price is made of.
func items(inv invoice.Invoice, l *language) []line {
	var list []line
	for _, it := range inv.Order.Items[:min(len(inv.Order.Items), maxItems)] {
		list = append(list, line{Name: clean(it.Description, maxItem), Amount: priceText(it.Amount, l)})
	}
	return list
}

// code gives the QR code of a payment request, nil where there is none to show. A page without it still has the address.
func (w *Web) code(r *http.Request, id, uri string) *code {
	if uri == "" {
		return nil
	}
	q, err := w.codes.get(uri)
	if err != nil {
		w.cfg.Log.WarnContext(r.Context(), "draw QR code", "invoice", id, "err", err)
		return nil
	}
	return &q
}

func momentOf(t time.Time) moment {
	t = t.UTC()
	return moment{Machine: t.Format(time.RFC3339), Human: t.Format("2006-01-02 15:04 UTC")}
}
