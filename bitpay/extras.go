package bitpay

import (
	"strconv"

	"satchel/invoice"
	"satchel/money"
)

// maxItems is how many lines a price may be made of.
const maxItems = 100

// extras reads what later versions of the API let a shop say about an invoice. Nothing here follows from it; the shop's
// client reads it back.
func (r *reader) extras(o *invoice.Order, c money.Currency) {
	o.PayProRequired = r.is("jsonPayProRequired")
	o.BitPayIDRequired = r.is("bitpayIdRequired")
	o.ForcedWallet = r.text(rule{max: maxBuyer, plain: true}, "forcedBuyerSelectedWallet")
	o.ForcedCurrency = r.text(rule{max: maxBuyer, plain: true}, "forcedBuyerSelectedTransactionCurrency")
	list := r.value([]string{"itemizedDetails"})
	if list.kind != absent && list.kind != array {
		r.fail("itemizedDetails", "must be a list")
		return
	}
	items := list.elements()
	if len(items) > maxItems {
		r.fail("itemizedDetails", "has %d lines; the most is %d", len(items), maxItems)
		return
	}
	for i, e := range items {
		o.Items = append(o.Items, r.item(i, e, c))
	}
}

// item reads one line of the price.
func (r *reader) item(i int, v value, c money.Currency) (item invoice.Item) {
	where := "itemizedDetails[" + strconv.Itoa(i) + "]"
	if v.kind != object {
		r.fail(where, "must be an object")
		return item
	}
	in := &reader{body: Body{v.members()}, prefix: r.prefix + where + "."}
	amount := in.text(rule{max: maxPrice}, "amount")
	item.Description = in.text(rule{max: maxDesc, plain: true, lines: true}, "description")
	item.Fee = in.is("isFee")
	item.Amount.Code = c.Code
	if in.err == nil && amount != "" {
		price, err := money.ParseFiat(in.value([]string{"amount"}).amountOf(c.Exponent), c)
		if err != nil {
			in.err = again(in.prefix+"amount", err)
		}
		item.Amount = price
	}
	if r.err == nil {
		r.err = in.err
	}
	return item
}

// extras writes them.
func (e *encoder) extras(o invoice.Order) {
	e.flag("jsonPayProRequired", o.PayProRequired)
	e.flag("bitpayIdRequired", o.BitPayIDRequired)
	e.opt("forcedBuyerSelectedWallet", o.ForcedWallet)
	e.opt("forcedBuyerSelectedTransactionCurrency", o.ForcedCurrency)
	if len(o.Items) == 0 {
		return
	}
	e.openList("itemizedDetails")
	for _, item := range o.Items {
		e.open()
		e.raw("amount", item.Amount.Number())
		e.text("description", item.Description)
		e.flag("isFee", item.Fee)
		e.close()
	}
	e.closeList()
}
