package tracker_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/tracker"
)

func TestScenario42StaysInTheMempoolWhileWeAreDown(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.crash()
	w.pass(10 * time.Minute)
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.pass(time.Minute)
	w.start()
	w.is(inv, "paid")
}

// Paid in time, mined and expired while nobody watched: the customer is credited.
func TestScenario43DownOverTheDeadline(t *testing.T) {
	w := newWorld(t)
	inMempool, inBlock, tooLate := w.ask(), w.ask(), w.ask()
	w.crash()
	w.pass(14 * time.Minute)
	w.chain.Pay(inBlock.Address.Script, 1_000_000)
	w.mine(1)
	w.chain.Pay(inMempool.Address.Script, 1_000_000)
	w.pass(3 * time.Hour)
	w.chain.Pay(tooLate.Address.Script, 1_000_000)
	w.chain.MineOnly(mustTx(w, tooLate))
	w.start()
	w.is(inMempool, "paid")
	w.is(inBlock, "confirmed")
	if got := w.receipts(inBlock)[0].History[0].Reason; got != invoice.UnobservedWindow && got != invoice.SeenInBlock {
		t.Fatalf("the reason is %s", got)
	}
	w.is(tooLate, "expired/paidLate")
}

// mustTx finds the mempool transaction that pays an invoice.
func mustTx(w *world, inv invoice.Invoice) chain.TxID {
	w.t.Helper()
	for o := range w.truth(inv.Address.Script) {
		return chain.TxID(o.TxID)
	}
	w.t.Fatal("no such payment")
	return chain.TxID{}
}

// A rate that fell while nobody watched is the merchant's loss only as far as he agreed.
func TestUnobservedWindowWithAMovedRate(t *testing.T) {
	for text, want := range map[string]string{"49500": "confirmed", "48000": "expired/paidLate"} {
		w := newWorld(t)
		inv := w.ask()
		w.crash()
		w.pass(14 * time.Minute)
		w.chain.Pay(inv.Address.Script, 1_000_000)
		w.pass(2 * time.Minute)
		w.mine(1)
		w.rate, _ = money.ParseRate(text)
		w.start()
		w.is(inv, want)
	}
}

// At a start rates come a moment after the node. What depends on one waits for it, and nothing else does.
func TestStartBeforeRatesAreKnown(t *testing.T) {
	graceful := func(i *invoice.Invoice) { i.Terms.LateAccept = time.Hour }
	for name, c := range map[string]struct {
		ask  option
		mine bool
		rate string
		want string
	}{
		"in the unobserved window, moved": {ask: speed(merchant.Medium), mine: true, rate: "48000", want: "expired/paidLate"},
		"in the unobserved window":        {ask: speed(merchant.Medium), mine: true, rate: "49500", want: "confirmed"},
		"within late_accept, moved":       {ask: graceful, rate: "48000", want: "expired/paidLate"},
		"within late_accept":              {ask: graceful, rate: "49500", want: "paid/paidLate"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			inv := w.ask(c.ask)
			w.crash()
			if !c.mine {
				w.pass(16 * time.Minute)
			}
			w.chain.Pay(inv.Address.Script, 1_000_000)
			if c.mine {
				w.pass(16 * time.Minute)
				w.mine(1)
			}
			w.rate, _ = money.ParseRate(c.rate)
			w.comeLater()
			w.start()
			w.is(inv, c.want)
		})
	}
}

// A window may end, and late_accept begin, before the rates are there, long after the first look.
func TestLateAcceptBeforeRatesAreKnown(t *testing.T) {
	w := newWorld(t)
	inv := w.ask(func(i *invoice.Invoice) { i.Terms.LateAccept = time.Hour })
	w.pass(15*time.Minute - time.Second)
	w.comeLater()
	w.restart()
	w.later()
	w.is(inv, "expired")
	w.rate, _ = money.ParseRate("48000")
	w.pass(time.Second)
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.round()
	w.is(inv, "expired/paidLate")
}

func TestAStartThatNeedsNoRateWaitsForNone(t *testing.T) {
	w := newWorld(t)
	inv, unpaid := w.ask(), w.ask()
	w.crash()
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.pass(16 * time.Minute)
	w.priced = make(chan struct{})
	w.open()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	w.must(w.tracker.Load(ctx))
	if err := w.tracker.Round(ctx); err != nil {
		t.Fatalf("a start that needs no rate waits for one: %v", err)
	}
	w.is(inv, "paid")
	w.is(unpaid, "expired")
}

// comeLater lets rates be known only after the first question for one.
func (w *world) comeLater() {
	w.priced = make(chan struct{})
	w.asked = func() { close(w.priced) }
}

func TestScenario44LateAndSpentAlready(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.pass(16 * time.Minute)
	w.round()
	w.crash()
	id := w.chain.Pay(inv.Address.Script, 1_000_000)
	w.mine(1)
	w.chain.AddMempool(chain.Tx{Inputs: []chain.Outpoint{{TxID: id}}, Outputs: []chain.Output{{Sats: 1, Script: chaintestScript()}}})
	w.mine(5)
	w.start()
	w.is(inv, "expired/paidLate")
}

// Whatever the node cannot tell surely decides nothing.
func TestScenario45To48NodeTroubles(t *testing.T) {
	for name, c := range map[string]struct {
		reason tracker.Reason
		stage  func(w *world)
		mend   func(w *world)
	}{
		"unreachable": {
			tracker.NodeUnreachable,
			func(w *world) { w.chain.Fail(func(string) error { return chain.ErrUnreachable }) },
			func(w *world) { w.chain.Fail(nil) },
		},
		"refused": {
			tracker.NodeUnreachable,
			func(w *world) { w.chain.Fail(func(string) error { return chain.ErrRefused }) },
			func(w *world) { w.chain.Fail(nil) },
		},
		"warming up": {
			tracker.NodeSyncing,
			func(w *world) { w.chain.Fail(func(string) error { return chain.ErrNotReady }) },
			func(w *world) { w.chain.Fail(nil) },
		},
		"syncing":         {tracker.NodeSyncing, func(w *world) { w.chain.SetSyncing(true) }, func(w *world) { w.chain.SetSyncing(false) }},
		"mempool loading": {tracker.NodeSyncing, func(w *world) { w.chain.SetLoading(true) }, func(w *world) { w.chain.SetLoading(false) }},
		"pruned": {
			tracker.NodePrunedGap,
			func(w *world) {
				w.chain.MineOnly()
				w.chain.Fail(func(method string) error {
					if method == "Steps" {
						return chain.ErrPruned
					}
					return nil
				})
			},
			func(w *world) { w.chain.Fail(nil) },
		},
		"half an answer": {
			tracker.NodeUnreachable,
			func(w *world) {
				w.chain.Fail(func(method string) error {
					if method == "Mempool" {
						return errors.New("unexpected end of an answer")
					}
					return nil
				})
			},
			func(w *world) { w.chain.Fail(nil) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			open, paid := w.ask(), w.ask()
			w.chain.Pay(paid.Address.Script, 1_000_000)
			w.round()
			c.stage(w)
			w.pass(2 * time.Hour)
			w.chain.Hint(chain.Hint{Resync: true})
			w.fails(c.reason)
			w.is(open, "new") // no expiry without a look
			w.is(paid, "paid")
			c.mend(w)
			w.round()
			w.is(open, "expired")
			w.is(paid, "paid")
			if w.tracker.Ready() != nil {
				t.Fatal("the gate stays shut")
			}
		})
	}
}

// A node with less work than we have seen lost data. Nothing is taken back.
func TestNodeBehind(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.mine(3)
	w.round()
	w.is(inv, "confirmed")
	tip := w.chain.Tip()
	w.chain.Rewind(3)
	w.fails(tracker.NodeBehind)
	w.pass(time.Hour)
	w.fails(tracker.NodeBehind)
	w.is(inv, "confirmed")
	w.chain.Restore(tip.Hash)
	w.round()
	w.is(inv, "confirmed")
	w.events(inv, "created receivedPayment paidInFull confirmed")
}

// Lost hints lose nothing: the next comparison finds what they announced.
func TestScenario46LostHints(t *testing.T) {
	w := newWorld(t)
	inv, other := w.ask(), w.ask()
	w.chain.Mute(true)
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.round()
	w.is(inv, "new") // nobody knows yet
	w.chain.Mute(false)
	w.chain.Hint(chain.Hint{Resync: true})
	w.later()
	w.is(inv, "paid")
	w.chain.Mute(true)
	w.chain.Pay(other.Address.Script, 1_000_000)
	w.pass(time.Minute) // or the time of a regular comparison comes
	w.round()
	w.is(other, "paid")
	third := w.ask()
	w.chain.Pay(third.Address.Script, 1_000_000)
	w.chain.Mute(false)
	w.chain.Hint(chain.Hint{Joined: true}) // or a link is surely subscribed at last
	w.later()
	w.is(third, "paid")
}

// A forged or stale announcement credits nothing: the node is asked.
func TestForgedAnnouncements(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.chain.Hint(chain.Hint{Txs: []chain.Tx{{
		ID: chain.TxID{9}, Inputs: []chain.Outpoint{{Vout: 1}}, Outputs: []chain.Output{{Sats: 1_000_000, Script: inv.Address.Script}},
	}}, Removed: []chain.TxID{{8}}})
	w.round()
	w.is(inv, "new")
	if len(w.receipts(inv)) != 0 {
		t.Fatal("a forged payment was written down")
	}
}

// A crash between any two rounds changes nothing in the end.
func TestRestartsBetweenAllSteps(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	id := w.chain.Pay(inv.Address.Script, 400_000)
	w.restart()
	w.is(inv, "new/paidPartial")
	_, err := w.chain.Replace(id, chain.Output{Sats: 1_000_000, Script: inv.Address.Script})
	w.must(err)
	w.restart()
	w.is(inv, "paid")
	w.mine(1)
	w.restart()
	w.is(inv, "confirmed")
	w.chain.Reorg(1)
	w.restart()
	w.is(inv, "paid")
	w.mine(6)
	w.restart()
	w.is(inv, "complete")
	w.told(inv, "paid confirmed complete")
	w.restart()
	if n := w.tracker.Watched(); n != 0 {
		t.Errorf("%d settled payments are still watched after a restart", n)
	}
}

// A block that comes while the chain is read is no reason to refuse a shop; one after the other without an end is.
func TestAMovingChainIsReadAgain(t *testing.T) {
	w := newWorld(t)
	moves := 0
	w.chain.Fail(func(method string) error {
		if method != "Steps" || moves == 0 {
			return nil
		}
		moves--
		return chain.ErrMoved
	})
	w.mine(1)
	moves = 3
	w.later()
	if w.tracker.Ready() != nil || w.tracker.Health().Tip != w.chain.Tip() {
		t.Fatalf("three moves: %+v", w.tracker.Health())
	}
	// The same between the blocks and the mempool.
	w.chain.Fail(nil)
	between := 2
	w.chain.Fail(func(method string) error {
		if method == "Mempool" && between > 0 {
			between--
			return chain.ErrMoved
		}
		if method != "Steps" || moves == 0 {
			return nil
		}
		moves--
		return chain.ErrMoved
	})
	w.chain.Hint(chain.Hint{Resync: true})
	w.later()
	if w.tracker.Ready() != nil || between > 0 {
		t.Fatalf("a move between the looks: %+v, %d left", w.tracker.Health(), between)
	}
	w.mine(1)
	moves = 1000
	w.pass(time.Second)
	if err := w.tracker.Round(t.Context()); err == nil || w.tracker.Ready() != nil {
		t.Fatalf("refused for a moment's move: %v, %v", err, w.tracker.Ready())
	}
	w.pass(10 * time.Second)
	w.fails(tracker.TipLagging)
	moves = 0
	w.later()
	if w.tracker.Ready() != nil {
		t.Fatalf("recovered: %+v", w.tracker.Health())
	}
}

// A hundred blocks at once, as on a test network, are read in a moment: nobody is refused for it. After an outage they
// are what stands between us and a payment that may be in the last of them.
func TestManyBlocksAtOnce(t *testing.T) {
	w := newWorld(t)
	mine := func() {
		for range 200 {
			w.chain.Mine()
		}
		w.chain.Hint(chain.Hint{Blocks: true})
	}
	var meanwhile []tracker.Reason
	w.chain.Fail(func(method string) error {
		if method == "Steps" {
			meanwhile = append(meanwhile, w.tracker.Health().Reason)
		}
		return nil
	})
	mine()
	w.later()
	if !slices.Equal(meanwhile, []tracker.Reason{"", "", "", "", ""}) {
		t.Fatalf("all was well a second ago, and then: %q", meanwhile)
	}
	mine()
	meanwhile = nil
	w.pass(11 * time.Second)
	w.round()
	if !slices.Contains(meanwhile, tracker.TipLagging) || w.tracker.Ready() != nil {
		t.Fatalf("blind for eleven seconds, and then: %q", meanwhile)
	}
}

// A clock that was set back does not make us believe that we watch until the time it showed before.
func TestAHoleAfterTheClockWentBack(t *testing.T) {
	for name, outage := range map[string]func(w *world, during func()){
		"a crash": func(w *world, during func()) {
			w.crash()
			during()
			w.start()
		},
		"a node that is away": func(w *world, during func()) {
			w.chain.Fail(func(string) error { return chain.ErrUnreachable })
			w.pass(time.Second)
			if w.try() == nil {
				w.t.Fatal("the node is not away")
			}
			during()
			w.chain.Fail(nil)
			w.round()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.pass(time.Hour)
			w.round()
			w.pass(-time.Hour)
			w.later()
			inv := w.ask()
			w.later()
			outage(w, func() {
				w.pass(10 * time.Minute)
				w.chain.Pay(inv.Address.Script, 1_000_000)
				w.mine(1)
				w.pass(10 * time.Minute)
			})
			w.is(inv, "confirmed")
		})
	}
}
