package tracker_test

import (
	"testing"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/store/storetest"
)

// What comes must not be added to what has left the mempool, also where nobody said that it left.
func TestSightDoesNotCountWhatIsGone(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	first := w.chain.Pay(inv.Address.Script, 600_000)
	w.later()
	w.is(inv, "new/paidPartial")
	w.chain.Mute(true)
	w.chain.Evict(first)
	w.chain.Mute(false)
	w.chain.Pay(inv.Address.Script, 600_000)
	w.later()
	w.is(inv, "new/paidPartial")
	w.events(inv, "created receivedPayment paymentReversed receivedPayment")
	w.chain.Pay(inv.Address.Script, 400_000)
	w.later()
	w.is(inv, "paid")
}

// A payment of a complete invoice is no longer watched after a restart. When its block goes away, what takes its place
// in the next one must be met all the same.
func TestSettledPaymentIsTakenAfterRestart(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	id := w.chain.Pay(inv.Address.Script, 1_000_000)
	w.later()
	w.mine(7)
	w.later()
	w.is(inv, "complete")
	paid, _ := w.chain.Tx(id)
	w.restart()
	w.chain.Rewind(7)
	_, thief := w.chain.MineTx(chain.Tx{Inputs: paid.Inputs, Outputs: []chain.Output{{Sats: 990_000, Script: chaintestScript()}}})
	w.mine(7)
	w.later()
	w.is(inv, "invalid")
	if r := w.receipts(inv)[0]; r.Place.ReplacedBy != invoice.TxID(thief) || r.Place.ConflictAt == 0 {
		t.Fatalf("receipt %+v", r)
	}
	w.events(inv, "created receivedPayment paidInFull confirmed completed paymentReversed paymentReversed markedInvalid")
}

// A conflict whose block went away is none, also of an invoice that was complete without the receipt it took.
func TestConflictGoesWithItsBlock(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	first := w.chain.Pay(inv.Address.Script, 1_000_000)
	w.later()
	paid, _ := w.chain.Tx(first)
	w.chain.MineTx(chain.Tx{Inputs: paid.Inputs, Outputs: []chain.Output{{Sats: 990_000, Script: chaintestScript()}}})
	second := w.chain.Pay(inv.Address.Script, 1_000_000)
	w.later()
	w.mine(6)
	w.later()
	w.is(inv, "complete")
	w.restart()
	w.chain.Reorg(7)
	w.later()
	w.is(inv, "complete")
	_, err := w.chain.Replace(second, chain.Output{Sats: 990_000, Script: chaintestScript()})
	w.must(err)
	w.later()
	w.is(inv, "complete") // what took the second one's place is in no block yet
	if s := w.read(inv); !s.State.Reorged || s.Sums.ConflictAt != 0 {
		t.Fatalf("state %+v, sums %+v", s.State, s.Sums)
	}
	w.mine(6)
	w.later()
	w.is(inv, "invalid")
}

// Money that came after the invoice was cancelled waits for a hand, each payment for its own, and a block changes nothing.
func TestMoneyAfterCancelWaitsForAHand(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.update(inv, func(b *invoice.Book) error { return b.Cancel(w.now) })
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.chain.Pay(inv.Address.Script, 300_000)
	w.later()
	w.is(inv, "expired")
	one := w.receipts(inv)[0]
	w.update(inv, func(b *invoice.Book) error { return b.Accept(one.Outpoint, w.now) })
	w.is(inv, "paid")
	w.mine(6)
	w.later()
	w.is(inv, "complete")
	if s := w.read(inv).Sums; s.In != 1_000_000 || s.Late != 300_000 {
		t.Fatalf("sums %+v", s)
	}
}

// zero_conf = "always" holds for money that a hand accepted, too.
func TestAlwaysTakesAcceptedMoneyAtOnce(t *testing.T) {
	w := newWorld(t)
	inv := w.ask(speed(merchant.High), func(i *invoice.Invoice) { i.Terms.ZeroConf = merchant.Always })
	w.pass(16 * time.Minute)
	w.later()
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.later()
	w.is(inv, "expired/paidLate")
	w.update(inv, func(b *invoice.Book) error { return b.Accept(w.receipts(inv)[0].Outpoint, w.now) })
	w.is(inv, "confirmed/paidLate")
}

func (w *world) update(inv invoice.Invoice, fn func(*invoice.Book) error) {
	w.t.Helper()
	_, err := w.db.Update(w.t.Context(), storetest.Shop, inv.ID, fn)
	w.must(err)
}

// A payment is given up only after a look that is newer than its deadline: what was evicted meanwhile, unnoticed, is not
// what waits.
func TestGivenUpOnlyAfterALook(t *testing.T) {
	w := newWorld(t)
	inv, other := w.ask(), w.ask()
	old := w.chain.Pay(inv.Address.Script, 1_000_000)
	both := w.chain.AddMempool(chain.Tx{Outputs: []chain.Output{
		{Sats: 1_000_000, Script: other.Address.Script}, {Sats: 100, Script: inv.Address.Script},
	}})
	w.later()
	for range 3 {
		w.pass(time.Second)
		w.chain.MineOnly()
	}
	w.later()
	w.chain.Pay(inv.Address.Script, 1_000_000) // pays it in full too, and no block has passed it by
	w.later()
	w.is(inv, "paid/paidOver")
	w.pass(61 * time.Minute)
	w.chain.Mute(true)
	w.chain.Evict(old)
	w.chain.Mute(false)
	_, err := w.chain.Replace(both, chain.Output{Sats: 1_000_000, Script: other.Address.Script}) // touches the invoice
	w.must(err)
	w.later()
	w.is(inv, "paid")
	w.pass(61 * time.Minute)
	w.chain.MineOnly()
	w.chain.MineOnly()
	w.chain.MineOnly()
	w.later()
	w.is(inv, "invalid")
}
