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
	if endpoint == "" || !announced(ev) {
		return document, nil
	}
	body := document
	if ev.Invoice.Terms.Extended {
		body = wrap(ev.Code, document)
	}
	return document, []Callback{{Endpoint: endpoint, Body: body}}
}

// announced tells that the merchant is told of an event: in the plain format of a change of the status, in the extended
// one of everything.
func announced(ev invoice.Event) bool {
	if ev.Invoice.Terms.Extended {
		return ev.Extended
	}
	return ev.Flat
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
