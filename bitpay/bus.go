package bitpay

import "bytes"

// BusDocument is the answer to GET /invoices/:id/events: where the invoice's events are streamed, and with which token.
func BusDocument(base, token string) Raw {
	e := newEncoder(256)
	e.open()
	e.text("facade", Public.facade())
	e.openIn("data")
	e.text("url", base+"/events")
	e.text("token", token)
	e.raw("events", `["payment","confirmation"]`)
	e.raw("actions", `["subscribe","unsubscribe"]`)
	e.close()
	e.close()
	return e.b
}

// maxBlock is how large a block of the stream may be. The server writes 4,096 bytes at once, and the one client that
// reads the stream takes each piece that arrives for whole blocks.
const maxBlock = 4000

// BusBlock is one Server-Sent Event that carries an invoice in its public view. That client splits lines at every ": ",
// so the document has none. Where it would be too large, transactions and long texts are left out: GET has them.
func BusBlock(event string, f Facts) []byte {
	block := busBlock(event, f)
	if len(block) > maxBlock {
		f.Receipts = nil
		block = busBlock(event, f)
	}
	if len(block) > maxBlock {
		o := &f.Invoice.Order
		o.PosData, o.ItemDesc = "", ""
		block = busBlock(event, f)
	}
	if len(block) > maxBlock {
		f.Invoice.Order.RedirectURL, f.Invoice.Order.CloseURL = "", ""
		block = busBlock(event, f)
	}
	return block
}

func busBlock(event string, f Facts) []byte {
	e := newEncoder(invoiceSize)
	e.invoice(f, Public)
	document := bytes.ReplaceAll(e.b, []byte(": "), []byte(`\u003a `))
	block := make([]byte, 0, len(document)+32)
	block = append(append(block, "event: "...), event...)
	block = append(append(block, "\ndata: "...), document...)
	return append(block, "\n\n"...)
}
