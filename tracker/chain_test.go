package tracker_test

import (
	"testing"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/merchant"
)

func TestScenario29FeeBump(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	id := w.chain.Pay(inv.Address.Script, 1_000_000)
	w.round()
	w.pass(20 * time.Minute) // the bump comes after the window, and is not late
	_, err := w.chain.Replace(id, chain.Output{Sats: 1_000_000, Script: inv.Address.Script})
	w.must(err)
	w.round()
	w.is(inv, "paid")
	r := w.receipts(inv)
	if len(r) != 2 || !r[0].IsGone() && !r[1].IsGone() || w.read(inv).Sums.In != 1_000_000 {
		t.Fatalf("receipts %+v", r)
	}
	w.mine(6)
	w.round()
	w.is(inv, "complete")
	w.told(inv, "paid confirmed complete")
}

func TestScenario30BumpLowersOverpayment(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	id := w.chain.Pay(inv.Address.Script, 1_500_000)
	w.round()
	w.is(inv, "paid/paidOver")
	_, err := w.chain.Replace(id, chain.Output{Sats: 1_000_000, Script: inv.Address.Script})
	w.must(err)
	w.round()
	w.is(inv, "paid")
}

// A double spend is seen when it is in the mempool, not at the next block.
func TestScenario31And32DoubleSpend(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	id := w.chain.Pay(inv.Address.Script, 1_000_000)
	w.round()
	thief, err := w.chain.Replace(id, chain.Output{Sats: 990_000, Script: chaintestScript()})
	w.must(err)
	w.round()
	w.is(inv, "new")
	w.events(inv, "created receivedPayment paidInFull paymentReversed")
	r := w.receipts(inv)[0]
	if !r.IsGone() || r.Place.ReplacedBy != invoice.TxID(thief) {
		t.Fatalf("receipt %+v", r)
	}
	w.mine(6)
	w.round()
	w.is(inv, "new")
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.round()
	w.is(inv, "paid")
	w.told(inv, "paid")
}

// Accepted without a block and then taken away: the reversal is announced.
func TestScenario33ZeroConfTakenAway(t *testing.T) {
	w := newWorld(t)
	inv := w.ask(speed(merchant.High), func(i *invoice.Invoice) { i.Terms.ZeroConf = merchant.Always })
	id := w.chain.Pay(inv.Address.Script, 1_000_000)
	w.round()
	w.is(inv, "confirmed")
	w.pass(20 * time.Minute)
	_, err := w.chain.Replace(id, chain.Output{Sats: 990_000, Script: chaintestScript()})
	w.must(err)
	w.round()
	w.is(inv, "invalid")
	w.events(inv, "created receivedPayment paidInFull confirmed paymentReversed failedToConfirm")
	w.told(inv, "confirmed invalid")
}

func TestScenario34ReorgBackToTheMempool(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.mine(1)
	w.round()
	w.is(inv, "confirmed")
	w.chain.Reorg(1)
	w.round()
	w.is(inv, "paid")
	w.mine(1)
	w.round()
	w.is(inv, "confirmed")
	w.mine(5)
	w.round()
	w.is(inv, "complete")
	w.told(inv, "paid confirmed complete") // a shop must not deliver twice
}

// A payment that moves to another block in a reorg has not gone anywhere.
func TestReorgIntoAnotherBlock(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.mine(2)
	w.round()
	w.chain.Reorg(2)
	w.mine(1)
	w.round()
	w.is(inv, "confirmed")
	w.events(inv, "created receivedPayment paidInFull confirmed")
}

func TestScenario35ReorgByAConflict(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	id := w.chain.Pay(inv.Address.Script, 1_000_000)
	w.mine(1)
	w.round()
	w.is(inv, "confirmed")
	w.pass(20 * time.Minute)
	w.round()
	paid, _ := w.chain.Tx(id)
	w.chain.Rewind(1)
	w.chain.MineTx(chain.Tx{Inputs: paid.Inputs, Outputs: []chain.Output{{Sats: 990_000, Script: chaintestScript()}}})
	w.mine(1)
	w.round()
	w.is(inv, "invalid")
	if r := w.receipts(inv)[0]; !r.IsGone() || r.Place.ConflictAt == 0 {
		t.Fatalf("receipt %+v", r)
	}
}

// A complete invoice is flagged when its block goes, and undone only when a conflict is final.
func TestCompleteThenConflict(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	id := w.chain.Pay(inv.Address.Script, 1_000_000)
	w.mine(6)
	w.round()
	w.is(inv, "complete")
	paid, _ := w.chain.Tx(id)
	w.chain.Rewind(6)
	w.chain.MineTx(chain.Tx{Inputs: paid.Inputs, Outputs: []chain.Output{{Sats: 990_000, Script: chaintestScript()}}})
	w.mine(6)
	w.round()
	w.is(inv, "invalid")
	w.events(inv, "created receivedPayment paidInFull confirmed completed paymentReversed paymentReversed markedInvalid")
	w.told(inv, "paid confirmed complete invalid")
}

func TestCompleteAndBack(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.mine(6)
	w.round()
	w.chain.Reorg(6)
	w.round()
	w.is(inv, "complete")
	if !w.read(inv).State.Reorged {
		t.Fatal("a complete invoice without its block is not flagged")
	}
	w.mine(6)
	w.round()
	if s := w.read(inv).State; s.Reorged || s.Status != invoice.Complete {
		t.Fatalf("state %+v", s)
	}
	w.told(inv, "paid confirmed complete")
}

func TestScenario36And37DeepReorgs(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.mine(1)
	w.round()
	w.mine(99)
	w.round()
	w.is(inv, "complete")
	w.chain.Reorg(100)
	w.round()
	w.mine(10)
	w.round()
	w.is(inv, "complete")
	if w.tracker.Health().Tip != w.chain.Tip() {
		t.Fatal("the tip was not followed")
	}
}

// The chain reorganises below the very first block that we took: there is nothing to give back, and nothing to fear.
func TestReorgRightAfterTheFirstStart(t *testing.T) {
	w := newWorld(t)
	w.chain.Reorg(3)
	w.later()
	inv := w.ask()
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.mine(1)
	w.later()
	w.is(inv, "confirmed")
}

func TestScenario38EvictionAndReturn(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	id := w.chain.Pay(inv.Address.Script, 1_000_000)
	w.round()
	tx, _ := w.chain.Tx(id)
	w.chain.Evict(id)
	w.later()
	w.is(inv, "new")
	if r := w.receipts(inv)[0]; !r.IsGone() || r.Place.ReplacedBy != (invoice.TxID{}) {
		t.Fatalf("receipt %+v", r)
	}
	w.chain.AddMempool(tx)
	w.later()
	w.is(inv, "paid")
	if n := len(w.receipts(inv)); n != 1 {
		t.Fatalf("%d receipts of one output", n)
	}
}

func TestScenario39ParentDropped(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	parent := w.chain.Pay(chaintestScript(), 2_000_000)
	w.chain.AddMempool(chain.Tx{Inputs: []chain.Outpoint{{TxID: parent}}, Outputs: []chain.Output{{Sats: 1_000_000, Script: inv.Address.Script}}})
	w.round()
	w.is(inv, "paid")
	w.chain.Evict(parent)
	w.later()
	w.is(inv, "new")
}
