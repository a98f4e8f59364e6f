package bitpay

import (
	"strings"

	"satchel/invoice"
)

// maxPhone bounds a phone number: 15 digits (ITU-T E.164), with room for how people write them.
const maxPhone = 32

// DecodeContact reads the body of PUT /invoices/:id: buyerEmail or buyerSms, with autoVerify where the merchant vouches
// for the number. smsCode is accepted and has no meaning here, since no message is sent. Errors are fault.Invalid.
func DecodeContact(b Body) (invoice.Contact, error) {
	r := &reader{body: b}
	c := invoice.Contact{
		Email: r.email("buyerEmail", "buyer_email", "buyerProvidedEmail"),
		SMS:   r.text(rule{max: maxPhone, ascii: true}, "buyerSms", "buyer_sms"),
	}
	c.Verified = c.SMS != "" && r.is("autoVerify", "auto_verify")
	if c == (invoice.Contact{}) {
		r.fail("buyerEmail", "is required, or buyerSms")
	}
	return c, r.err
}

// DecodePayment reads the body of PUT /invoices/pay/:id: the state that the invoice shall reach, confirmed or complete.
// An older client says complete: true.
func DecodePayment(b Body) (invoice.Status, error) {
	r := &reader{body: b}
	to := invoice.Confirmed
	switch word := strings.ToLower(r.text(rule{max: 16}, "status")); word {
	case "", "confirmed":
	case "complete":
		to = invoice.Complete
	default:
		r.fail("status", "must be confirmed or complete")
	}
	if r.is("complete") {
		to = invoice.Complete
	}
	return to, r.err
}

// DecodeAdjustment reads the body of POST /invoices/:id/adjustments.
func DecodeAdjustment(b Body) (invoice.Adjustment, error) {
	r := &reader{body: b}
	a, ok := invoice.ParseAdjustment(r.text(rule{max: 32}, "type"))
	if !ok {
		r.fail("type", "must be acceptOverpayment, acceptUnderpayment or acceptLate")
	}
	return a, r.err
}

// Success is the answer of an act that has nothing to show; one client compares the word.
func Success() Raw { return Raw(`{"data":"Success"}`) }
