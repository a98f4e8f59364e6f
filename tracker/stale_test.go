package tracker_test

import (
	"testing"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/money"
)

// A block goes away, and another transaction takes the place of the payment that it held, before anybody told us of the
// block. The two never count beside each other.
func TestReplacedAfterABlockThatWeStillBelieveIn(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	first := w.chain.Pay(inv.Address.Script, 600_000)
	w.mine(1)
	w.later()
	w.is(inv, "new/paidPartial")
	w.chain.Mute(true)
	w.chain.Reorg(1)
	second, err := w.chain.Replace(first, chain.Output{Sats: 600_000, Script: inv.Address.Script})
	w.must(err)
	w.chain.Mute(false)
	tx, _ := w.chain.Tx(second)
	w.chain.Hint(chain.Hint{Txs: []chain.Tx{tx}})
	w.round()
	w.is(inv, "new/paidPartial")
	w.later()
	w.is(inv, "new/paidPartial")
	w.events(inv, "created receivedPayment receivedPayment")
}

// The price of an open invoice is what was paid: also where a payment was replaced by one of another amount, and a block
// took it all the same.
func TestAnOpenPriceFollowsThePaymentThatCameBack(t *testing.T) {
	w := newWorld(t)
	inv := w.ask(func(i *invoice.Invoice) {
		i.Terms.OpenPrice, i.Quote.Due, i.Quote.Price = true, 0, money.Fiat{Code: "USD"}
	})
	first := w.chain.Pay(inv.Address.Script, 1_000_000)
	paid, _ := w.chain.Tx(first)
	w.later()
	w.is(inv, "paid")
	_, err := w.chain.Replace(first, chain.Output{Sats: 2_000_000, Script: inv.Address.Script})
	w.must(err)
	w.later()
	w.is(inv, "paid")
	w.chain.MineTx(paid)
	w.later()
	w.is(inv, "confirmed")
	if q := w.read(inv).Quote; q.Due != 1_000_000 || q.Price.Minor != 50_000 {
		t.Fatalf("the price is %+v", q)
	}
}

// Payments that were dropped for a while come back in any order, and the first of them keeps the price.
func TestAnOpenPriceStaysWithTheFirstPayment(t *testing.T) {
	w := newWorld(t)
	inv := w.ask(func(i *invoice.Invoice) {
		i.Terms.OpenPrice, i.Quote.Due, i.Quote.Price = true, 0, money.Fiat{Code: "USD"}
	})
	first := w.chain.Pay(inv.Address.Script, 1_000_000)
	w.later()
	second := w.chain.Pay(inv.Address.Script, 400_000)
	w.later()
	w.is(inv, "paid/paidOver")
	one, _ := w.chain.Tx(first)
	two, _ := w.chain.Tx(second)
	w.chain.Evict(first, second)
	w.later()
	w.is(inv, "new")
	w.chain.AddMempool(two)
	w.later()
	w.is(inv, "new/paidPartial")
	w.chain.AddMempool(one)
	w.later()
	w.is(inv, "paid/paidOver")
}

// A fee bump is no new payment: what was taken late, or as sent in a window that nobody watched, at a rate that was good
// then, stays taken when it is bumped after the rate has moved.
func TestABumpKeepsWhatWasDecidedOfThePayment(t *testing.T) {
	t.Run("within late_accept", func(t *testing.T) {
		w := newWorld(t)
		inv := w.ask(func(i *invoice.Invoice) { i.Terms.LateAccept = time.Hour })
		w.pass(20 * time.Minute)
		w.round()
		id := w.chain.Pay(inv.Address.Script, 1_000_000)
		w.later()
		w.is(inv, "paid/paidLate")
		w.rate, _ = money.ParseRate("40000")
		_, err := w.chain.Replace(id, chain.Output{Sats: 1_000_000, Script: inv.Address.Script})
		w.must(err)
		w.later()
		w.is(inv, "paid/paidLate")
	})
	t.Run("in the unobserved window", func(t *testing.T) {
		w := newWorld(t)
		inv := w.ask()
		w.crash()
		id := w.chain.Pay(inv.Address.Script, 1_000_000)
		w.pass(20 * time.Minute)
		w.mine(1)
		w.start()
		w.is(inv, "confirmed")
		w.rate, _ = money.ParseRate("40000")
		w.chain.Reorg(1)
		_, err := w.chain.Replace(id, chain.Output{Sats: 1_000_000, Script: inv.Address.Script})
		w.must(err)
		w.later()
		w.is(inv, "paid")
	})
}
