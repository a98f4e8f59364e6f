package bitpay

import (
	"net/url"
	"strings"
	"time"

	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

// Bounds of what a new invoice may say, in characters (URLs and posData in bytes as well, since they are ASCII or
// opaque). BitPay's own were 100 for an order id and for posData; the clients in the field send more.
const (
	maxGUID    = 256
	maxOrderID = 256
	maxItem    = 256
	maxDesc    = 4096
	maxPosData = 10_240
	maxURL     = 2048
	maxEmail   = 254 // RFC 5321
	maxBuyer   = 255
	maxPrice   = 64 // money refuses more than 24; this only bounds what an error counts
)

// Bounds of the time to pay.
const (
	maxWindow = 15 * time.Minute // BitPay's 900,000 ms: more is cut, not refused, since plugins ask for more
	minAhead  = 30 * time.Second // an expirationTime nearer than this leaves nobody time to pay
)

// DecodeInvoice reads the body of POST /invoices (BitPay API, "Invoices"). What it gives has everything but the
// merchant, the creator and the caps, which follow from who asks. Errors are fault.Invalid and name the member.
func DecodeInvoice(b Body, now time.Time) (invoice.Request, error) {
	r := &reader{body: b}
	req := invoice.Request{Digest: b.Digest()}
	r.price(&req)
	r.order(&req.Order)
	r.extras(&req.Order, req.Currency)
	r.inform(&req)
	req.Window = r.window(now)
	r.coins()
	return req, r.err
}

// price reads the amount as the text it was sent as, whether number or string; no float is made of it.
func (r *reader) price(req *invoice.Request) {
	v := r.value([]string{"price"})
	code := r.text(rule{max: 16}, "currency")
	c, known := money.Lookup(code)
	switch {
	case v.kind == absent:
		r.fail("price", "is required")
	case v.kind != text && v.kind != number:
		r.fail("price", "must be a number")
	case len(v.src) > maxPrice:
		r.fail("price", "is too long for an amount")
	case code == "":
		r.fail("currency", "is required")
	case !known:
		r.fail("currency", "%q is not a currency we know", clip(code, 8))
	}
	if r.err != nil {
		return
	}
	price, err := money.ParseFiat(v.amountOf(c.Exponent), c)
	if err != nil {
		r.err = again("price", err)
	}
	req.Price, req.Currency = price, c
}

func (r *reader) order(o *invoice.Order) {
	o.GUID = r.text(rule{max: maxGUID}, "guid")
	o.OrderID = r.text(rule{max: maxOrderID, plain: true}, "orderId", "orderID")
	o.ItemDesc = r.text(rule{max: maxDesc, plain: true, lines: true}, "itemDesc")
	o.ItemCode = r.text(rule{max: maxItem, plain: true}, "itemCode")
	o.PosData = r.text(rule{max: maxPosData, lines: true}, "posData")
	o.NotificationURL = r.url("notificationURL", "notificationUrl")
	o.RedirectURL = r.url("redirectURL", "redirectUrl")
	o.CloseURL = r.url("closeURL", "closeUrl")
	o.NotificationEmail = r.email("notificationEmail")
	o.AutoRedirect = r.is("autoRedirect", "redirectAutomatically")
	o.Physical = r.is("physical")
	o.Buyer = r.buyer()
	if len(o.PosData) > maxPosData {
		r.fail("posData", "has %d bytes; the most is %d", len(o.PosData), maxPosData)
	}
}

// buyer reads the object of the newer API and the flat members of the older one; the object comes first.
func (r *reader) buyer() invoice.Buyer {
	in, to := r.inner("buyer"), rule{max: maxBuyer, plain: true}
	both := func(flat string, names ...string) string {
		if s := in.text(to, names...); s != "" {
			return s
		}
		return r.text(to, flat)
	}
	b := invoice.Buyer{
		Name:     both("buyerName", "name"),
		Email:    both("buyerEmail", "email"),
		Phone:    both("buyerPhone", "phone"),
		Address1: both("buyerAddress1", "address1"),
		Address2: both("buyerAddress2", "address2"),
		City:     both("buyerCity", "locality", "city"),
		State:    both("buyerState", "region", "state"),
		Zip:      both("buyerZip", "postalCode", "zip"),
		Country:  both("buyerCountry", "country"),
	}
	inner, flat := in.is("notify"), r.is("buyerNotify")
	b.Notify = inner || flat
	if r.err == nil {
		r.err = in.err
	}
	return b
}

// inform reads the speed and what is sent to the merchant.
func (r *reader) inform(req *invoice.Request) {
	speed := strings.ToLower(r.text(rule{max: 16}, "transactionSpeed"))
	if speed == "low-medium" { // two confirmations elsewhere; the next safer one that BitPay has
		speed = "low"
	}
	if speed != "" {
		s, ok := merchant.ParseSpeed(speed)
		if !ok {
			r.fail("transactionSpeed", "must be high, medium or low")
		}
		req.Speed = s
	}
	req.Full = r.flag("fullNotifications")
	req.Extended = r.is("extendedNotifications")
}

// window reads how long the quote shall hold; 0: as the merchant has it. A client says it as a span
// (acceptanceWindow) or, in the manner of BTCPay, as its end (expirationTime).
func (r *reader) window(now time.Time) time.Duration {
	if span, ok := r.millis("acceptanceWindow"); ok {
		return min(max(span, 0), maxWindow)
	}
	end, ok := r.time("expirationTime")
	if !ok {
		return 0
	}
	ahead := end.Sub(now)
	if ahead < minAhead {
		r.fail("expirationTime", "must be at least 30 seconds ahead")
	}
	return min(ahead, maxWindow)
}

// coins refuses an invoice that must not be paid in bitcoin: there is nothing else here.
func (r *reader) coins() {
	v := r.value([]string{"paymentCurrencies"})
	list := v.elements()
	for _, e := range list {
		if strings.EqualFold(e.src, "BTC") {
			return
		}
	}
	if len(list) > 0 {
		r.fail("paymentCurrencies", "must hold BTC: there is no other coin here")
	}
}

func (r *reader) url(names ...string) string {
	s := r.text(rule{max: maxURL}, names...)
	if s == "" {
		return ""
	}
	if why := badURL(s); why != "" {
		r.fail(names[0], "%s", why)
	}
	return s
}

// badURL tells why a text is not an absolute http or https URL with a host and nothing that hides another one. A
// browser reads backslashes as slashes and drops white space, so neither may be there.
func badURL(s string) string {
	if len(s) > maxURL {
		return "is longer than 2048 bytes"
	}
	if strings.ContainsAny(s, "\\ \u00a0\"<>^`{|}") || strings.ContainsFunc(s, isOverride) {
		return "holds a character that a URL must not have"
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "is not a URL"
	case u.Scheme != "http" && u.Scheme != "https":
		return "must begin with http:// or https://"
	case u.Opaque != "" || u.Hostname() == "":
		return "must have a host"
	case u.User != nil:
		return "must not hold a user name or password"
	}
	return ""
}

func (r *reader) email(names ...string) string {
	s := r.text(rule{max: maxEmail, ascii: true}, names...)
	user, domain, ok := strings.Cut(s, "@")
	bad := !ok || user == "" || domain == "" || strings.ContainsAny(s, " ,;:<>()[]\"\\") || strings.Contains(domain, "@")
	if s != "" && bad {
		r.fail(names[0], "is not an e-mail address")
	}
	return s
}
