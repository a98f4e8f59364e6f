package bitpay

import (
	"strings"
	"time"

	"satchel/invoice"
	"satchel/merchant"
)

// Facts are what an invoice's document is made from.
type Facts struct {
	Invoice  invoice.Invoice
	Receipts []invoice.Receipt // in order of first sight; those that are gone are not shown
	Tip      int32
	Now      time.Time
	Base     string // of our URLs, without a slash at the end: "https://pay.example"
	Token    string // the invoice's own
	Merchant string // its name
}

// invoiceSize is what a document of an invoice usually takes, in bytes.
const invoiceSize = 4096

// InvoiceDocument is the answer that carries one invoice (BitPay API, "Invoices", with the deprecated members that old
// clients read without a check).
func InvoiceDocument(f Facts, v View) Raw {
	e := newEncoder(invoiceSize)
	e.open()
	e.text("facade", v.facade())
	e.name("data")
	e.invoice(f, v)
	e.close()
	return e.b
}

// BareInvoice is the same invoice with nothing around it, as it was answered before there were facades.
func BareInvoice(f Facts, v View) Raw {
	e := newEncoder(invoiceSize)
	e.invoice(f, v)
	return e.b
}

func (e *encoder) invoice(f Facts, v View) {
	inv := f.Invoice
	e.open()
	e.text("url", pageURL(f.Base, inv.ID))
	e.paymentURLs(f)
	e.opt("posData", inv.Order.PosData)
	e.text("status", inv.State.Status.String())
	e.oldAmounts(inv)
	e.price(inv)
	e.opt("itemDesc", inv.Order.ItemDesc)
	e.opt("itemCode", inv.Order.ItemCode)
	e.opt("orderId", inv.Order.OrderID)
	e.millis("invoiceTime", inv.Created)
	e.millis("expirationTime", inv.Expires)
	e.millis("currentTime", f.Now)
	e.text("id", string(inv.ID))
	e.payment(inv)
	e.transactions(f)
	e.settings(inv)
	e.opt("merchantName", strings.Map(legible, f.Merchant)) // others show it
	e.fixed(f)
	e.extras(inv.Order)
	buyer := inv.Order.Buyer
	if v < Merchant { // the members must be there all the same: clients look into them
		buyer = invoice.Buyer{}
	}
	e.buyer(buyer)
	e.provided(buyer)
	if v >= POS {
		e.told(inv)
	}
	if v >= Merchant {
		e.confidential(inv)
	}
	e.opt("token", f.Token)
	e.close()
}

// pageURL is where the invoice is paid in a browser.
func pageURL(base string, id invoice.ID) string { return base + "/invoice?id=" + string(id) }

// payURL is where a wallet asks how to pay (BIP 73).
func payURL(base string, id invoice.ID) string { return base + "/i/" + string(id) }

// bip21 is the address with what is still missing; without an amount where the first payment fixes the price.
func bip21(inv invoice.Invoice) string {
	amount := inv.Unpaid()
	if amount == 0 {
		amount = inv.Due()
	}
	if amount == 0 {
		return "bitcoin:" + inv.Address.Text
	}
	return string(appendBTC([]byte("bitcoin:"+inv.Address.Text+"?amount="), amount))
}

// paymentURLs writes exactly the four keys of the API: one Java client fails on a fifth. An invoice of nothing has no
// address, and no way to pay it.
func (e *encoder) paymentURLs(f Facts) {
	e.openIn("paymentUrls")
	if address := f.Invoice.Address.Text; address != "" {
		uri, pay := bip21(f.Invoice), payURL(f.Base, f.Invoice.ID)
		join := "&r="
		if len(uri) == len("bitcoin:")+len(address) {
			join = "?r="
		}
		e.text("BIP21", uri)
		e.text("BIP72", uri+join+pay)
		e.text("BIP72b", "bitcoin:?r="+pay)
		e.text("BIP73", pay)
	}
	e.close()
}

// oldAmounts writes what was deprecated in 2018 and is read to this day.
func (e *encoder) oldAmounts(inv invoice.Invoice) {
	e.btc("btcPrice", inv.Due())
	e.btc("btcDue", inv.Unpaid())
	e.btc("btcPaid", inv.Sums.In)
}

func (e *encoder) price(inv invoice.Invoice) {
	e.raw("price", inv.Quote.Price.Number())
	e.text("currency", inv.Quote.Price.Code)
}

// rateOf gives what one bitcoin costs in the currency of the price, as a number; "" where nothing was asked.
func rateOf(inv invoice.Invoice) string {
	switch {
	case inv.Quote.Price.Code == "BTC":
		return "1"
	case inv.Quote.Rate.IsZero():
		return ""
	}
	return inv.Quote.Rate.String()
}

// exchangeRates writes the rate of the quote, once by coin and once in the old way.
func (e *encoder) exchangeRates(inv invoice.Invoice, old bool) {
	r := rateOf(inv)
	pair := func() {
		if r != "" {
			e.raw(inv.Quote.Price.Code, r)
		}
	}
	e.openIn("exchangeRates")
	e.bitcoin("BTC", pair)
	e.close()
	if old {
		e.bitcoin("exRates", pair)
	}
	if r != "" {
		e.raw("rate", r)
	}
}

// totals writes what is due, without and with the cost of the network, which the payer bears alone.
func (e *encoder) totals(inv invoice.Invoice) {
	due := func() { e.sats("BTC", inv.Due()) }
	e.bitcoin("paymentSubtotals", due)
	e.bitcoin("paymentTotals", due)
}

// payment writes what is due and what came in.
func (e *encoder) payment(inv invoice.Invoice) {
	e.sats("amountPaid", inv.Sums.In)
	if inv.Sums.In == 0 {
		e.text("displayAmountPaid", "0")
	} else {
		e.btc("displayAmountPaid", inv.Sums.In)
	}
	e.exception(inv)
	e.totals(inv)
	shown := func() { e.btc("BTC", inv.Due()) }
	e.bitcoin("paymentDisplayTotals", shown)
	e.bitcoin("paymentDisplaySubTotals", shown)
	e.exchangeRates(inv, true)
	e.coin(inv)
	e.flag("isCancelled", inv.State.Cancelled)
	e.flag("lowFeeDetected", false)
	e.int("targetConfirmations", invoice.FinalConfirmations)
	e.address(inv)
}

// coin says what it was paid in; nobody knows before something came.
func (e *encoder) coin(inv invoice.Invoice) {
	if inv.Sums.Receipts > inv.Sums.Gone {
		e.text("transactionCurrency", "BTC")
	}
}

// exception writes what was unusual, false where nothing was, and by how many bitcoins it was too little or too much.
func (e *encoder) exception(inv invoice.Invoice) {
	switch inv.State.Exception {
	case invoice.None:
		e.flag("exceptionStatus", false)
		return
	case invoice.PaidPartial:
		if short := inv.Unpaid(); short > 0 {
			e.raw("underpaidAmount", short.Number())
		}
	case invoice.PaidOver:
		if over := inv.Sums.In - inv.Due(); over > 0 {
			e.raw("overpaidAmount", over.Number())
		}
	case invoice.PaidLate:
	}
	e.text("exceptionStatus", inv.State.Exception.String())
}

// address writes the address in the ways of 2017 and 2018, which some shops show themselves.
func (e *encoder) address(inv invoice.Invoice) {
	if inv.Address.Text == "" {
		return
	}
	e.text("bitcoinAddress", inv.Address.Text)
	e.bitcoin("addresses", func() { e.text("BTC", inv.Address.Text) })
	e.text("buyerPaidBtcMinerFee", "0.00000000")
	e.btc("buyerTotalBtcAmount", inv.Due())
}

// transactions writes every receipt that is not gone, with no other keys than these five: one Java client fails on a
// sixth. The time is that of the block.
func (e *encoder) transactions(f Facts) {
	e.openList("transactions")
	for i := range f.Receipts {
		r := &f.Receipts[i]
		if r.IsGone() {
			continue
		}
		e.open()
		e.sats("amount", r.Sats)
		e.int("confirmations", int64(r.Confirmations(f.Tip)))
		if r.Place.Where == invoice.InBlock {
			e.iso("time", r.Place.BlockTime)
		}
		e.iso("receivedTime", r.FirstSeen)
		e.text("txid", r.Outpoint.TxID.String())
		e.close()
	}
	e.closeList()
}

func (e *encoder) settings(inv invoice.Invoice) {
	e.text("transactionSpeed", speed(inv.Terms.Speed))
	e.opt("redirectURL", inv.Order.RedirectURL)
	e.opt("closeURL", inv.Order.CloseURL)
	e.flag("autoRedirect", inv.Order.AutoRedirect)
}

// speed never gives a word that a client does not know.
func speed(s merchant.Speed) string {
	if s == 0 {
		s = merchant.Medium
	}
	return s.String()
}

// fixed writes what clients read without a check and what is always the same where there is one coin, and no fee is put
// on top of the price. Objects are {} and lists are [], never the other way round.
func (e *encoder) fixed(f Facts) {
	pay := payURL(f.Base, f.Invoice.ID)
	e.raw("minerFees", `{"BTC":{"satoshisPerByte":0,"totalFee":0}}`)
	e.raw("supportedTransactionCurrencies", `{"BTC":{"enabled":true}}`)
	e.openIn("paymentCodes")
	if f.Invoice.Address.Text != "" {
		e.openIn("BTC")
		e.text("BIP72b", "bitcoin:?r="+pay)
		e.text("BIP73", pay)
		e.close()
	}
	e.close()
	e.openIn("universalCodes")
	if f.Invoice.Address.Text != "" {
		e.text("paymentString", pay)
	}
	e.close()
	e.raw("refundAddresses", "[]")
	e.flag("refundAddressRequestPending", false)
}

// told writes what only the till that made the invoice needs to see again.
func (e *encoder) told(inv invoice.Invoice) {
	e.opt("guid", inv.Order.GUID)
	e.flag("fullNotifications", inv.Terms.FullNotifications)
	e.flag("extendedNotifications", inv.Terms.Extended)
	e.flag("physical", inv.Order.Physical)
}
