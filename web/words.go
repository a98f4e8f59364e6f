package web

import (
	"fmt"

	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

// maxName bounds a merchant's name on the page, in characters.
const maxName = 60

// shopName is the merchant's name as the sentences use it.
func shopName(p invoice.Public) string {
	if name := clean(p.Merchant, maxName); name != "" {
		return name
	}
	return "the shop"
}

// words say to the payer where the payment stands and what to do, if anything.
func words(p invoice.Public, v view) (title, note string) {
	shop, inv := shopName(p), p.Invoice
	switch v.State {
	case waiting:
		if inv.Due() == 0 {
			return "Waiting for your payment", "Send the amount you like."
		}
		return "Waiting for your payment", "Send the exact amount. Your wallet adds the network’s fee."
	case partial:
		return "A part has arrived", partialNote(inv)
	case closing:
		return "The time is up", "Looking for a payment sent at the last moment. Please do not pay any more."
	case seen:
		return "Payment received", seenNote(inv, v) + extra(inv, shop)
	case confirmed:
		return "Payment confirmed", progress(v) + " You can close this page." + extra(inv, shop)
	case complete:
		if inv.Due() == 0 {
			return "Nothing to pay", "There is nothing to pay for this order."
		}
		return "Payment complete", "Thank you! Your payment is final." + extra(inv, shop)
	case expired:
		return "This invoice has expired", "Please do not pay it any more: go back to " + shop + " and order again. A payment that you sent just now will still be shown here."
	case cancelled:
		return "This invoice was cancelled", "Please do not pay it any more. If you still want to buy, go back to " + shop + "."
	case short:
		return "Too little arrived in time", fmt.Sprintf("%s of %s BTC arrived before the time was up. Please contact %s, and do not send more.",
			inv.Sums.In.Number(), inv.Due().Number(), shop)
	case late:
		return "Your payment arrived late", fmt.Sprintf("%s BTC arrived after the time was up. %s can see it: please contact them to settle the order, and do not pay again.",
			(inv.Sums.In + inv.Sums.Late).Number(), capital(shop))
	case invalid:
		return "Payment not valid", invalidNote(inv, shop)
	case declined:
		return "Payment declined", "Please contact " + shop + "."
	}
	return "Unknown state", "Please contact " + shop + "."
}

func partialNote(inv invoice.Invoice) string {
	missing := inv.Unpaid()
	note := fmt.Sprintf("%s BTC came in, %s BTC are missing. Please send the rest to the same address.",
		inv.Sums.In.Number(), missing.Number())
	if toSend(inv) > missing {
		note += fmt.Sprintf(" The network carries no less than %s BTC at a time.", toSend(inv).Number())
	}
	return note
}

// seenNote: a slow invoice counts its confirmations here, because its status moves only at the last one.
func seenNote(inv invoice.Invoice, v view) string {
	if v.Confirmations > 0 {
		return progress(v) + " You can close this page."
	}
	if inv.Terms.Speed == merchant.Low {
		return fmt.Sprintf("The network has it. The shop waits for %d confirmations, about an hour. You can close this page.", invoice.FinalConfirmations)
	}
	return "The network has it. The first confirmation takes about ten minutes. You can close this page."
}

func progress(v view) string {
	if v.Confirmations == 0 {
		return "The shop accepts it, and the network will confirm it soon."
	}
	return fmt.Sprintf("%d of %d confirmations.", min(v.Confirmations, invoice.FinalConfirmations), invoice.FinalConfirmations)
}

func invalidNote(inv invoice.Invoice, shop string) string {
	switch {
	case inv.State.Marked:
		return capital(shop) + " marked this payment as not valid. Please contact them."
	case inv.State.Reversed:
		return "The transaction was withdrawn or replaced before it was final. If you still want to buy, please contact " + shop + "."
	}
	return "The network did not confirm the transaction in time. Should it confirm after all, it still counts. Please contact " + shop + "."
}

// extra names money beyond what was asked, so that nobody wonders where it went.
func extra(inv invoice.Invoice, shop string) string {
	var beyond money.Sats
	if inv.State.Exception == invoice.PaidOver {
		beyond = max(inv.Sums.In-inv.Due(), 0)
	}
	beyond += inv.Sums.Late + inv.Sums.Stray
	if beyond == 0 {
		return ""
	}
	return fmt.Sprintf(" %s BTC more than asked came in: please contact %s about it.", beyond.Number(), shop)
}

// capital begins a sentence with a name; only the stand-in for a name needs a capital.
func capital(shop string) string {
	if shop == "the shop" {
		return "The shop"
	}
	return shop
}
