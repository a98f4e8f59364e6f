package main

import (
	"regexp"
	"strings"
	"testing"

	"satchel/admin"
)

// Whoever names the wrong output, or none, is told the right ones.
func TestAcceptNamesWhatCanBeAccepted(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	inv := s.invoice("10", "USD", "medium", nil)
	foreign := strings.Repeat("00", 32)
	s.refuses(foreign+":0 pays no invoice of this merchant; no output waits for a decision", "invoice", "accept", foreign+":0")
	s.pay(inv.Address, sats(t, inv.Due))
	s.becomes(inv.ID, "paid", false)
	second := s.pay(inv.Address, 7_000)
	var needs []admin.Need
	s.eventually("the second payment needs a hand", func() bool {
		s.run(&needs, "attention")
		return len(needs) == 1
	})
	over := needs[0].Outpoint
	for _, wrong := range []string{foreign + ":0", "abc", foreign} {
		s.refuses("these wait for a decision: "+over+" (over)", "invoice", "accept", wrong)
		s.refuses("these wait for a decision: "+over+" (over)", "invoice", "return", wrong, "--txid", foreign)
	}
	for _, near := range []string{second, second + ":99"} {
		s.refuses("this transaction paid with "+over+" (over)", "invoice", "accept", near)
	}
	for _, paid := range []string{inv.ID, inv.Address} {
		s.refuses("this invoice was paid with ", "invoice", "accept", paid)
		s.refuses(over+" (over)", "invoice", "accept", paid)
	}
	s.run(nil, "invoice", "accept", over)
	s.refuses("the receipt is accepted already; no output waits for a decision", "invoice", "accept", over)

	s.refuses("Invoice not found; `satchel invoice list`", "invoice", "show", "nothing")
	s.refuses("Invoice not found; `satchel invoice list`", "invoice", "mark", "nothing", "invalid", "--reason", "a whim")
	s.refuses("No such delivery; `satchel delivery list`", "delivery", "resend", "999999")
}

// What was paid of an underpaid invoice is listed with its sum and what to do about it, and the words can be typed.
func TestAttentionTellsWhatToDoAboutAPart(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	parts := func(paid ...int64) admin.Need {
		t.Helper()
		inv := s.invoice("10", "USD", "medium", nil)
		for _, sats := range paid {
			s.pay(inv.Address, sats)
		}
		s.eventually("the parts are seen", func() bool { return len(s.document(inv.ID)["transactions"].([]any)) == len(paid) })
		s.run(nil, "clock", "advance", "16m")
		var needs []admin.Need
		s.eventually("the part needs a hand", func() bool {
			s.run(&needs, "attention")
			return len(needs) > 0 && needs[0].Invoice == inv.ID
		})
		return needs[0]
	}
	if n := parts(3_000, 2_000); n.Sats != 5_000 || n.Outpoint != "" || n.Next != "satchel invoice show "+n.Invoice {
		t.Errorf("of two parts: %+v", n)
	}
	n := parts(3_000)
	accept, giveBack, both := strings.Cut(n.Next, " | ")
	if n.Sats != 3_000 || n.Value != "1.50 USD" || !both || giveBack != "satchel invoice return "+n.Outpoint+" --txid T" {
		t.Fatalf("of one part: %+v", n)
	}
	s.run(nil, strings.Fields(accept)[1:]...)
	s.becomes(n.Invoice, "paid", false)
}

// Of a payment that came too late the story says how much it was, and where it is, in words.
func TestStoryOfALatePayment(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	inv := s.invoice("10", "USD", "medium", nil)
	s.run(nil, "clock", "advance", "16m")
	s.becomes(inv.ID, "expired", false)
	s.pay(inv.Address, 20_000)
	s.becomes(inv.ID, "expired", "paidLate")
	if text := s.says("why", inv.ID); !strings.Contains(text, "due 0.00020000 BTC, paid in time 0.00000000 BTC, late 0.00020000 BTC\n") {
		t.Error(text)
	}
	shows := func(place string) {
		t.Helper()
		s.eventually("the payment is "+place, func() bool {
			return regexp.MustCompile(`(?m)^payment .*: 20000 sat, late, ` + place + `$`).MatchString(s.says("invoice", "show", inv.ID))
		})
	}
	shows("in the mempool")
	s.mine(1)
	shows("in a block, confirmations: 1")
	var needs []admin.Need
	s.run(&needs, "attention")
	s.run(nil, "invoice", "accept", needs[0].Outpoint)
	s.becomes(inv.ID, "confirmed", "paidLate")
	if text := s.says("events"); !strings.Contains(text, "  1 confirmation [enough_confirmations]\n") {
		t.Error(text)
	}
}

func TestAPaymentThatIsGoneIsNowhere(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	showInvoice(&text, admin.Invoice{Payments: []admin.Payment{{Outpoint: "X:0", Sats: 7, Disposition: "credited", Where: "gone"}}})
	if !strings.Contains(text.String(), "\npayment X:0: 7 sat, credited, gone\n") {
		t.Error(text.String())
	}
}
