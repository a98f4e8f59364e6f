package bitpay

import "satchel/invoice"

// confidential writes what nobody but the merchant may see: the buyer, and where callbacks go.
func (e *encoder) confidential(inv invoice.Invoice) {
	e.opt("notificationURL", inv.Order.NotificationURL)
	e.opt("notificationEmail", inv.Order.NotificationEmail)
	e.opt("buyerProvidedEmail", inv.Order.Buyer.Provided)
	e.buyerFields(inv.Order.Buyer)
	e.raw("shopper", "{}")
	e.raw("flags", `{"refundable":false}`)
	if kept := min(inv.State.Kept, inv.Surplus()); kept > 0 {
		e.bitcoin("creditedOverpaymentAmounts", func() { e.sats("BTC", kept) })
	}
}

// buyer writes the buyer as the newer API does.
func (e *encoder) buyer(b invoice.Buyer) {
	e.openIn("buyer")
	e.opt("name", b.Name)
	e.opt("address1", b.Address1)
	e.opt("address2", b.Address2)
	e.opt("locality", b.City)
	e.opt("region", b.State)
	e.opt("postalCode", b.Zip)
	e.opt("country", b.Country)
	e.opt("email", b.Email)
	e.opt("phone", b.Phone)
	if b.Notify {
		e.flag("notify", true)
	}
	e.close()
}

// buyerFields writes the buyer in the older, flat names, as callbacks carry it.
func (e *encoder) buyerFields(b invoice.Buyer) {
	e.openIn("buyerFields")
	e.opt("buyerName", b.Name)
	e.opt("buyerAddress1", b.Address1)
	e.opt("buyerAddress2", b.Address2)
	e.opt("buyerCity", b.City)
	e.opt("buyerState", b.State)
	e.opt("buyerZip", b.Zip)
	e.opt("buyerCountry", b.Country)
	e.opt("buyerEmail", b.Email)
	e.opt("buyerPhone", b.Phone)
	if b.Notify {
		e.flag("buyerNotify", true)
	}
	e.close()
}

// provided writes what the payer said of himself, which is nothing at first.
func (e *encoder) provided(b invoice.Buyer) {
	e.openIn("buyerProvidedInfo")
	e.opt("emailAddress", b.Provided)
	if b.SMS != "" {
		e.text("sms", b.SMS)
		e.flag("smsVerified", b.SMSVerified)
	}
	e.close()
}
