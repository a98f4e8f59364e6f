package bitpay

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"satchel/invoice"
	"satchel/money"
)

// Mail tells a merchant of an event in words.
type Mail struct {
	To      string // an e-mail address
	Subject string // one line
	Text    string // plain text, lines end with \n
}

// Shop is who is told: the merchant's name, and the base of our URLs.
type Shop struct{ Name, Base string }

// maxShown bounds what is shown of a merchant's text, in characters.
const maxShown = 60

// RenderMail gives the mail that an event causes, to the invoice's notificationEmail and of the same events as its
// callbacks (BitPay API, "Invoices"); false: none. Whatever the merchant or a buyer wrote is brought to one line, and
// nothing confidential goes in: mail is read on the way.
func RenderMail(ev invoice.Event, s Shop) (Mail, bool) {
	inv := ev.Invoice
	if inv.Order.NotificationEmail == "" || !announced(ev) {
		return Mail{}, false
	}
	w := wordsFor(ev)
	name := oneLine(inv.Order.OrderID)
	if name == "" {
		name = string(inv.ID)
	}
	return Mail{
		To: inv.Order.NotificationEmail, Subject: "Invoice " + name + ": " + w.subject + briefly(inv.State.Exception),
		Text: letter(ev, s, w),
	}, true
}

// letter is the text: what happened, the facts, and what it means.
func letter(ev invoice.Event, s Shop, w words) string {
	inv := ev.Invoice
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", w.sentence)
	for _, l := range [][2]string{
		{"Shop", oneLine(s.Name)},
		{"Order", oneLine(inv.Order.OrderID)},
		{"Item", oneLine(inv.Order.ItemDesc)},
		{"Invoice", string(inv.ID)},
		{"Status", inv.State.Status.String()},
		{"Why", why(ev)},
		{"Exception", spelled(inv)},
		{"Price", inv.Quote.Price.String()},
		{"Due", btc(inv.Due())},
		{"Received", btc(inv.Sums.In)},
		{"Late", some(inv.Sums.Late)},
		{"Time", ev.At.UTC().Format(time.DateTime) + " UTC"},
		{"Event", fmt.Sprintf("%s (%d)", ev.Code.Name(), ev.Code)},
		{"Page", pageURL(s.Base, inv.ID)},
	} {
		if l[1] != "" {
			fmt.Fprintf(&b, "%-10s %s\n", l[0]+":", l[1])
		}
	}
	if w.advice != "" {
		fmt.Fprintf(&b, "\n%s\n", w.advice)
	}
	b.WriteString("\nThe invoice names this address for notifications. Nobody reads replies.\n")
	return b.String()
}

func btc(s money.Sats) string { return s.BTC() + " BTC" }

func some(s money.Sats) string {
	if s == 0 {
		return ""
	}
	return btc(s)
}

// spelled says what was unusual about the payment, and by how much; "" for nothing.
func spelled(inv invoice.Invoice) string {
	switch inv.State.Exception {
	case invoice.None:
	case invoice.PaidPartial:
		return "paidPartial: " + btc(inv.Unpaid()) + " are missing"
	case invoice.PaidOver:
		return "paidOver: " + btc(max(inv.Sums.In-inv.Due(), 0)) + " more than due"
	case invoice.PaidLate:
		return "paidLate: paid after the invoice had expired"
	}
	return ""
}

// briefly is the exception as a subject has it.
func briefly(e invoice.Exception) string {
	switch e {
	case invoice.None:
	case invoice.PaidPartial:
		return " (underpaid)"
	case invoice.PaidOver:
		return " (overpaid)"
	case invoice.PaidLate:
		return " (paid late)"
	}
	return ""
}

// oneLine brings others' text to one line of characters that are seen, and not too long.
func oneLine(text string) string {
	fields := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	line := []rune(strings.Join(fields, " "))
	if len(line) > maxShown {
		line = append(line[:maxShown-1], '…')
	}
	return string(line)
}

// words say an event.
type words struct {
	code                      invoice.Code
	subject, sentence, advice string
}

// wordsFor finds an event's words. An operator's decision and an event without words of its own say the status.
func wordsFor(ev invoice.Event) words {
	st := ev.Invoice.State
	status := st.Status.String()
	switch byHand := st.Marked && ev.Reason == invoice.ByOperator; {
	case byHand && (ev.Code == invoice.Completed || ev.Code == invoice.MarkedInvalid):
		return words{ev.Code, status, "The invoice was marked " + status + " by hand.", ""}
	case ev.Code == invoice.ExpiredUnpaid && st.Cancelled:
		return words{ev.Code, "cancelled", "The invoice was cancelled.", "A payment that still comes needs your decision."}
	case ev.Code == invoice.ConfirmedEvent && ev.Reason == invoice.ZeroConfAccepted:
		return words{
			ev.Code, status, "The payment is accepted without a block, as your settings allow.",
			"You can deliver, at the risk that you chose: it can still be reversed.",
		}
	case ev.Code == invoice.LatePayment && ev.Reason == invoice.WithinGrace:
		return words{ev.Code, "late payment", "A payment came in after the invoice had expired, and was accepted.", ""}
	}
	for _, w := range vocabulary() {
		if w.code == ev.Code {
			return w
		}
	}
	return words{ev.Code, status, "The invoice is " + status + ".", ""}
}

// why gives the reason of the change, in the operator's words where one decided.
func why(ev invoice.Event) string {
	if detail := oneLine(ev.Detail); detail != "" && (ev.Reason == invoice.ByOperator || ev.Reason == invoice.ByMerchant) {
		return detail
	}
	return ev.Reason.Explain()
}

func vocabulary() []words {
	const wait = "Wait until it is confirmed before you deliver."
	const decide = "It needs your decision: `satchel attention` lists it."
	return []words{
		{invoice.ReceivedPayment, "payment received", "A payment came in.", wait},
		{invoice.PaidInFull, "paid", "The invoice was paid in full. The payment is not confirmed yet.", wait},
		{invoice.ConfirmedEvent, "confirmed", "The payment is confirmed as you asked for it.", "You can deliver."},
		{invoice.Completed, "complete", "The invoice is complete.", "Nothing is left to wait for."},
		{invoice.ExpiredUnpaid, "expired", "The invoice expired unpaid.", "A payment that still comes needs your decision."},
		{invoice.ExpiredPartial, "expired", "The invoice expired, and was paid only in part.", decide},
		{invoice.PaidAfterExpiration, "expired", "The invoice was paid, but only after it had expired.", decide},
		{invoice.LatePayment, "late payment", "A payment came in after the invoice had expired.", decide},
		{invoice.FailedToConfirm, "invalid", "The invoice is invalid: its payment is not confirmed.", "Do not deliver. Should it confirm after all, you are told."},
		{invoice.MarkedInvalid, "invalid", "The invoice is invalid: its payment was taken back for good.", "Do not deliver."},
		{
			invoice.PaymentReversed, "payment reversed", "A payment went away again, or lost its confirmation.",
			"Do not deliver before it is confirmed again.",
		},
		{invoice.StrayReceipt, "stray payment", "A payment came in after the invoice was settled.", decide},
		{invoice.ManuallyNotified, "notification", "You asked to be told of this invoice once more.", ""},
		{invoice.AdjustmentComplete, "adjusted", "An adjustment of the invoice is complete.", ""},
	}
}
