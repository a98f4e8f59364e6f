package tracker_test

import (
	"fmt"
	"testing"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/store/storetest"
	"satchel/tracker"
)

// The numbers are those of the list of scenarios that the daemon must pass.

func TestScenario01Exact(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.round()
	w.is(inv, "paid")
	w.mine(1)
	w.round()
	w.is(inv, "confirmed")
	w.mine(5)
	w.round()
	w.is(inv, "complete")
	w.events(inv, "created receivedPayment paidInFull confirmed completed")
	w.told(inv, "paid confirmed complete")
}

func TestScenario02TwoParts(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.chain.Pay(inv.Address.Script, 400_000)
	w.round()
	w.is(inv, "new/paidPartial")
	w.chain.Pay(inv.Address.Script, 600_000)
	w.round()
	w.is(inv, "paid")
	w.mine(6)
	w.round()
	w.is(inv, "complete")
	w.events(inv, "created receivedPayment receivedPayment paidInFull confirmed completed")
}

func TestScenario03Over(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.chain.Pay(inv.Address.Script, 3_000_000)
	w.round()
	w.is(inv, "paid/paidOver")
	w.mine(6)
	w.round()
	w.is(inv, "complete/paidOver")
}

func TestScenario05And06Tolerance(t *testing.T) {
	for name, c := range map[string]struct {
		tolerance string
		least     money.Sats
	}{"half": {"50%", 500_000}, "absolute": {"1000 sat", 999_000}, "none": {"0 sat", 1_000_000}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tolerance, err := money.ParseTolerance(c.tolerance)
			w.must(err)
			with := func(i *invoice.Invoice) { i.Terms.Tolerance = tolerance }
			under, exact := w.ask(with), w.ask(with)
			w.chain.Pay(under.Address.Script, c.least-1)
			w.chain.Pay(exact.Address.Script, c.least)
			w.round()
			w.is(under, "new/paidPartial")
			w.is(exact, "paid")
		})
	}
}

func TestScenario14And15OneTransaction(t *testing.T) {
	w := newWorld(t)
	a, b := w.ask(), w.ask()
	w.chain.AddMempool(chain.Tx{Outputs: []chain.Output{
		{Sats: 400_000, Script: a.Address.Script},
		{Sats: 600_000, Script: a.Address.Script},
		{Sats: 1_000_000, Script: b.Address.Script},
		{Sats: 5, Script: chaintestScript()},
	}})
	w.round()
	w.is(a, "paid")
	w.is(b, "paid")
	if n := len(w.receipts(a)); n != 2 {
		t.Fatalf("two outputs are %d receipts", n)
	}
	w.events(a, "created receivedPayment paidInFull")
	w.events(b, "created receivedPayment paidInFull")
}

func chaintestScript() []byte {
	return []byte{0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}
}

func TestScenario19To22Expiry(t *testing.T) {
	w := newWorld(t)
	unpaid, half, late := w.ask(), w.ask(), w.ask()
	w.chain.Pay(half.Address.Script, 400_000)
	w.chain.Pay(late.Address.Script, 400_000)
	w.round()
	w.pass(15*time.Minute - time.Millisecond)
	w.round()
	w.is(unpaid, "new")
	w.later()
	w.is(unpaid, "expired")
	w.is(half, "expired/paidPartial")
	w.pass(time.Second)
	w.chain.Pay(unpaid.Address.Script, 1_000_000)
	w.chain.Pay(late.Address.Script, 600_000)
	w.round()
	w.is(unpaid, "expired/paidLate")
	w.is(late, "expired/paidLate")
	w.events(unpaid, "created expired paidAfterExpiration")
	w.events(half, "created receivedPayment expiredPartial")
	w.told(unpaid, "")
	w.mine(6)
	w.round()
	w.is(unpaid, "expired/paidLate")
}

// The payment was with the node in time; that we came late is our own affair.
func TestScenario23SeenInTimeProcessedLater(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.chain.Mute(true)
	w.pass(15*time.Minute - time.Second)
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.pass(2 * time.Second)
	w.round()
	w.is(inv, "paid")
}

func TestScenario24NeverConfirms(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	id := w.chain.Pay(inv.Address.Script, 1_000_000)
	w.round()
	w.pass(time.Hour)
	w.round()
	w.is(inv, "paid") // three blocks are missing
	for range 3 {
		w.chain.MineOnly()
	}
	w.round()
	w.is(inv, "invalid")
	w.events(inv, "created receivedPayment paidInFull failedToConfirm")
	w.told(inv, "paid invalid")
	w.chain.MineOnly(id)
	w.mine(4)
	w.round()
	w.is(inv, "invalid")
	w.mine(1)
	w.round()
	w.is(inv, "complete")
	w.told(inv, "paid invalid complete")
}

func TestScenario28MuchLater(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.pass(30 * 24 * time.Hour)
	w.round()
	w.is(inv, "expired")
	w.chain.Pay(inv.Address.Script, 300_000)
	w.round()
	w.events(inv, "created expired latePayment")
	needs, err := w.db.Attention(t.Context(), storetest.Shop, 10)
	w.must(err)
	if len(needs) != 1 || needs[0].Why != "late" {
		t.Fatalf("needs %+v", needs)
	}
}

func TestScenario40Coinbase(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.chain.MineTo(inv.Address.Script, 1_000_000)
	w.round()
	w.is(inv, "paid")
	w.mine(98)
	w.pass(2 * time.Hour)
	w.round()
	w.is(inv, "paid")
	w.mine(1)
	w.round()
	w.is(inv, "confirmed")
	w.mine(5)
	w.round()
	w.is(inv, "complete")
}

func TestSpeeds(t *testing.T) {
	w := newWorld(t)
	low := w.ask(speed(merchant.Low))
	always := w.ask(speed(merchant.High), func(i *invoice.Invoice) { i.Terms.ZeroConf = merchant.Always })
	never := w.ask(speed(merchant.High), func(i *invoice.Invoice) { i.Terms.ZeroConf = merchant.Never })
	limited := w.ask(speed(merchant.High))
	for _, inv := range []invoice.Invoice{low, always, never, limited} {
		w.chain.Pay(inv.Address.Script, 1_000_000)
	}
	w.round()
	w.is(low, "paid")
	w.is(always, "confirmed")
	w.is(never, "paid")
	w.is(limited, "paid")
	w.told(always, "confirmed")
	w.pass(3 * time.Second)
	w.round()
	w.is(limited, "confirmed")
	w.is(never, "paid")
	w.mine(1)
	w.round()
	w.is(never, "confirmed")
	w.mine(5)
	w.round()
	for _, inv := range []invoice.Invoice{low, always, never, limited} {
		w.is(inv, "complete")
	}
	w.events(low, "created receivedPayment paidInFull confirmed completed")
	w.told(low, "paid complete")
	w.told(limited, "paid confirmed complete")
}

// Five thousand payments of dust to one invoice cost the same each.
func TestDustStaysLinear(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	script := inv.Address.Script
	for i := range 5000 {
		w.chain.Pay(script, money.Sats(100+i%7))
	}
	w.round()
	w.chain.Pay(script, 1_000_000)
	w.round()
	w.is(inv, "paid/paidOver")
	if n := w.read(inv).State.Revision; n > 10 {
		t.Fatalf("%d events for a flood of dust", n)
	}
	w.mine(6)
	w.round()
	w.is(inv, "complete/paidOver")
}

// A script that is ours by the table and not by the store is nobody's: a false positive costs a look and nothing else.
func TestForeignScriptInTheTable(t *testing.T) {
	w := newWorld(t)
	w.filter.Scripts.Add(chaintestScript())
	w.chain.Pay(chaintestScript(), 1_000_000)
	w.mine(1)
	w.round()
	w.must(w.db.ViewChain(t.Context(), func(tx tracker.Reader) error {
		pending, err := tx.Pending()
		if err != nil || len(pending) != 0 {
			return fmt.Errorf("pending %v %w", pending, err)
		}
		return nil
	}))
}

// One transaction may be announced many times before we look; it is one payment.
func TestSameTransactionTwiceInOneLook(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	id := w.chain.Pay(inv.Address.Script, 1_000_000)
	tx, _ := w.chain.Tx(id)
	w.chain.Hint(chain.Hint{Txs: []chain.Tx{tx, tx}})
	w.round()
	w.is(inv, "paid")
	if n := len(w.receipts(inv)); n != 1 || w.read(inv).Sums.In != 1_000_000 {
		t.Fatalf("%d receipts, %d sat", n, w.read(inv).Sums.In)
	}
	w.events(inv, "created receivedPayment paidInFull")
}
