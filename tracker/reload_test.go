package tracker_test

import (
	"errors"
	"testing"
	"time"

	"satchel/chain"
	"satchel/invoice"
)

// A node that was started again publishes its mempool piece by piece. What has not come yet has not left.
func TestAMempoolThatLoadsTakesNothingBack(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	first := w.chain.Pay(inv.Address.Script, 400_000)
	second := w.chain.Pay(inv.Address.Script, 600_000)
	w.later()
	w.is(inv, "paid")
	w.pass(20 * time.Minute)
	w.round()
	one, _ := w.chain.Tx(first)
	two, _ := w.chain.Tx(second)
	for _, told := range []bool{true, false} { // whether the links came up before the first transaction
		w.chain.Mute(true)
		w.chain.Evict(first, second)
		w.chain.SetLoading(true)
		w.chain.Mute(false)
		if told {
			w.chain.Hint(chain.Hint{Resync: true})
		}
		w.chain.AddMempool(two)
		w.pass(time.Second)
		if err := w.tracker.Round(t.Context()); err != nil && !errors.Is(err, chain.ErrMempoolLoading) {
			t.Fatal(err)
		}
		w.is(inv, "paid")
		w.chain.Mute(true)
		w.chain.AddMempool(one)
		w.chain.SetLoading(false)
		w.chain.Mute(false)
		w.chain.Hint(chain.Hint{Resync: true})
		w.later()
		w.is(inv, "paid")
		w.events(inv, "created receivedPayment paidInFull")
	}
}

// A transaction that left the mempool between two questions of a comparison, and came back without a word, is found by
// the next comparison.
func TestWhatCameBackIsFetchedAgain(t *testing.T) {
	for name, leaves := range map[string]string{"before it was read": "Txs", "before it was asked for": "Entry"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			inv := w.ask()
			w.chain.Mute(true)
			id := w.chain.Pay(inv.Address.Script, 1_000_000)
			paid, _ := w.chain.Tx(id)
			w.chain.Fail(func(method string) error {
				if method == leaves {
					w.chain.Evict(id)
				}
				return nil
			})
			w.pass(time.Minute)
			w.round()
			w.is(inv, "new")
			w.chain.Fail(nil)
			w.chain.AddMempool(paid)
			w.pass(time.Minute)
			w.round()
			w.is(inv, "paid")
		})
	}
}

// A payment that a block took the coins of may be in the mempool again as soon as that block is gone, without a word of
// it.
func TestBackWithTheBlockThatTookItGone(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	id := w.chain.Pay(inv.Address.Script, 1_000_000)
	w.later()
	w.is(inv, "paid")
	paid, _ := w.chain.Tx(id)
	w.pass(time.Minute)
	w.round()
	w.chain.Mute(true)
	w.chain.MineTx(chain.Tx{Inputs: paid.Inputs, Outputs: []chain.Output{{Sats: 1, Script: chaintestScript()}}})
	w.later()
	w.is(inv, "new")
	w.chain.Reorg(1)
	w.chain.AddMempool(paid) // in place of the thief
	w.later()
	w.is(inv, "paid")
	if r := w.receipts(inv)[0]; r.Place.Where != invoice.InMempool {
		t.Fatalf("the receipt is %s", r.Place.Where)
	}
}

// Two transactions that spend the same coin never count beside each other, also where both are found in one look: the
// one left the mempool after we asked for it.
func TestConflictsWithinOneLook(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.chain.Mute(true)
	first := w.chain.Pay(inv.Address.Script, 600_000)
	one, _ := w.chain.Tx(first)
	two := chain.Tx{ID: chain.TxID{7}, Inputs: one.Inputs, Outputs: []chain.Output{{Sats: 600_000, Script: inv.Address.Script}}}
	w.chain.Mute(false)
	asked := 0
	w.chain.Fail(func(method string) error {
		if method == "Entry" {
			if asked++; asked == 2 {
				w.chain.Mute(true)
				w.chain.AddMempool(two)
				w.chain.Mute(false)
			}
		}
		return nil
	})
	w.chain.Hint(chain.Hint{Txs: []chain.Tx{one, two}}) // the second one is what a wallet handed to us
	w.later()
	w.chain.Fail(nil)
	w.is(inv, "new/paidPartial")
	w.later()
	w.is(inv, "new/paidPartial")
}
