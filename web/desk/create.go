package desk

import (
	"cmp"
	"encoding/hex"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/rate"
	"satchel/web/text"
)

// newPage is the form of a new invoice, with what was typed.
type newPage struct {
	Typed      map[string]string
	Open       bool // the payer chooses the amount
	Currencies []choice
	Speeds     []choice
	Windows    []choice
	Callback   string // where callbacks go when the form does not say
	Rates      bool   // a price in another currency can be asked for now
	Problem    string
}

// Bounds of what the form takes in, in characters; a URL's in bytes.
const (
	maxOrder = 100
	maxItem  = 200
	maxURL   = 2048
)

// windows are how long a price may hold. The longer, the more the rate moves at the merchant's risk.
func windows() []time.Duration {
	return []time.Duration{15 * time.Minute, time.Hour, 4 * time.Hour, 24 * time.Hour}
}

func (v *visit) newPage() newPage {
	typed := map[string]string{}
	for _, name := range []string{"price", "currency", "order", "item", "buyer", "email", "redirect", "callback", "speed", "window"} {
		typed[name] = text.Clean(v.form(name), maxURL)
	}
	set := v.shop.Settings
	p := newPage{Typed: typed, Open: v.form("kind") == "open", Callback: text.Clean(set.NotificationURL, maxText)}
	rates := v.d.cfg.Rates.All()
	p.Rates = len(rates) > 1
	p.Currencies = currencies(rates, cmp.Or(typed["currency"], v.d.cfg.Rates.Status().Code))
	for _, s := range []merchant.Speed{merchant.High, merchant.Medium, merchant.Low} {
		name := map[merchant.Speed]string{merchant.High: "high: without a block, where the risk allows it", merchant.Medium: "medium: one confirmation", merchant.Low: "low: six confirmations"}[s]
		p.Speeds = append(p.Speeds, choice{Value: s.String(), Name: name, Picked: s.String() == typed["speed"] || typed["speed"] == "" && s == set.Speed})
	}
	p.Windows = append(p.Windows, choice{Name: "as set: " + spell(set.Window), Picked: typed["window"] == ""})
	for _, w := range windows() {
		p.Windows = append(p.Windows, choice{Value: w.String(), Name: spell(w), Picked: w.String() == typed["window"]})
	}
	return p
}

// currencies are those that have a rate now.
func currencies(rates []rate.Listed, picked string) (list []choice) {
	for _, r := range rates {
		code := r.Currency.Code
		list = append(list, choice{Value: code, Name: code, Picked: code == picked})
	}
	return list
}

// spell writes a duration without its zeros: "15m", "24h".
func spell(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (v *visit) showNew() error { return v.page("new", v.newPage()) }

// create makes the invoice. A form that is sent twice makes one.
func (v *visit) create() error {
	r, err := v.request()
	var inv invoice.Invoice
	if err == nil {
		inv, err = v.d.cfg.Invoices.Create(v.ctx(), r)
	}
	switch fault.KindOf(err) {
	case fault.Internal:
		if err != nil {
			return err
		}
		return v.changed(inv.ID, "created")
	case fault.Invalid, fault.Conflict, fault.Unavailable, fault.TooMany, fault.NotOffered:
		p := v.newPage()
		p.Problem = sentence(err)
		v.show(http.StatusUnprocessableEntity, "new", p)
		return nil
	case fault.Unauthenticated, fault.Forbidden, fault.NotFound, fault.TooLarge, fault.Unsupported:
	}
	return err
}

// request reads the form.
func (v *visit) request() (r invoice.Request, err error) {
	r.Merchant, r.Open = v.shop, v.form("kind") == "open"
	var ok bool
	if r.Currency, ok = money.Lookup(v.form("currency")); !ok {
		return r, fault.Field("currency", "is unknown")
	}
	if !r.Open {
		if r.Price, err = money.ParseTyped(v.form("price"), r.Currency, "."); err != nil {
			return r, fault.Field("price", "%s", sentence(err))
		}
		if r.Price.IsZero() {
			return r, fault.Field("price", "is more than nothing; where the payer chooses, say so")
		}
	}
	if s := v.form("speed"); s != "" {
		if r.Speed, ok = merchant.ParseSpeed(s); !ok {
			return r, fault.Field("speed", "is unknown")
		}
	}
	if r.Window, err = readWindow(v.form("window")); err != nil {
		return r, err
	}
	if r.Order, err = v.order(); err != nil {
		return r, err
	}
	if once := v.once(); once.GUID != "" { // with another text it is another invoice, whatever page it was typed on
		r.Order.GUID, r.Digest = once.GUID+"-"+hex.EncodeToString(once.Digest[:8]), once.Digest
	}
	return r, nil
}

func readWindow(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	for _, w := range windows() {
		if w.String() == s {
			return w, nil
		}
	}
	return 0, fault.Field("window", "is unknown")
}

func (v *visit) order() (o invoice.Order, err error) {
	o = invoice.Order{OrderID: text.Clean(v.form("order"), maxOrder), ItemDesc: text.Clean(v.form("item"), maxItem)}
	o.Buyer.Name = text.Clean(v.form("buyer"), maxOrder)
	if s := strings.TrimSpace(v.form("redirect")); s != "" {
		if o.RedirectURL = text.Link(s); o.RedirectURL == "" {
			return o, fault.Field("redirect", "is no address that begins with https:// or http://")
		}
	}
	if s := strings.TrimSpace(v.form("callback")); s != "" {
		if err := v.d.cfg.Callbacks.CheckURL(s); err != nil {
			return o, err
		}
		o.NotificationURL = s
	}
	if s := strings.TrimSpace(v.form("email")); s != "" {
		addr, err := mail.ParseAddress(s)
		if err != nil || addr.Address != s || len(s) > 254 {
			return o, fault.Field("email", "is no e-mail address")
		}
		o.NotificationEmail = s
	}
	return o, nil
}
