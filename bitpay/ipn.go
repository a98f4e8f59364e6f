package bitpay

import "satchel/invoice"

// Callback is a body on its way to an endpoint.
type Callback struct {
	Endpoint string // a URL
	Body     []byte
}

// callbackSize is what the body of a callback usually takes, in bytes.
const callbackSize = 1024

// Render gives the invoice as a callback carries it, which is kept with the event, and the callbacks that the event
// causes (BitPay API, "Instant payment notifications"). An invoice has one format: the plain one, or the extended one
// that says which event it is. Everything comes from the event's own snapshot and time, so that a body is the same
// whenever it is made; base is that of our URLs.
func Render(ev invoice.Event, base string) (document []byte, out []Callback) {
	e := newEncoder(callbackSize)
	e.notice(ev, base)
	document = e.b
	endpoint := ev.Invoice.Order.NotificationURL
	if endpoint == "" {
		return document, nil
	}
	switch extended := ev.Invoice.Terms.Extended; {
	case extended && ev.Extended:
		return document, []Callback{{Endpoint: endpoint, Body: wrap(ev.Code, document)}}
	case !extended && ev.Flat:
		return document, []Callback{{Endpoint: endpoint, Body: document}}
	}
	return document, nil
}

// wrap is the extended body.
func wrap(code invoice.Code, document []byte) []byte {
	e := newEncoder(len(document) + 96)
	e.open()
	e.openIn("event")
	e.int("code", int64(code))
	e.text("name", code.Name())
	e.close()
	e.name("data")
	e.b = append(e.b, document...)
	e.close()
	return e.b
}

// notice writes the plain body.
func (e *encoder) notice(ev invoice.Event, base string) {
	inv := ev.Invoice
	e.open()
	e.text("id", string(inv.ID))
	e.text("url", pageURL(base, inv.ID))
	e.opt("posData", inv.Order.PosData)
	e.text("status", inv.State.Status.String())
	e.price(inv)
	e.millis("invoiceTime", inv.Created)
	e.millis("expirationTime", inv.Expires)
	e.millis("currentTime", ev.At)
	e.exception(inv)
	e.buyerFields(inv.Order.Buyer)
	e.totals(inv)
	e.exchangeRates(inv, false)
	e.sats("amountPaid", inv.Sums.In)
	e.opt("orderId", inv.Order.OrderID)
	e.coin(inv)
	e.oldAmounts(inv)
	e.close()
}
