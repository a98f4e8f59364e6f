package tracker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"satchel/chain"
	"satchel/chain/chaintest"
	"satchel/invoice"
	"satchel/money"
	"satchel/store"
	"satchel/tracker"
)

// twice runs every change once for nothing and once for good, as a store does when another change of the same commit
// failed.
type twice struct {
	*store.DB
	runs int
}

var errRollback = errors.New("rolled back on purpose")

func (s *twice) UpdateChain(ctx context.Context, fn func(tracker.Tx) error) error {
	err := s.DB.UpdateChain(ctx, func(tx tracker.Tx) error { return errors.Join(fn(tx), errRollback) })
	if !errors.Is(err, errRollback) {
		return err
	}
	s.runs++
	return s.DB.UpdateChain(ctx, fn)
}

// A change that is rolled back and run again has the same effect as one that runs once.
func TestChangesMayRunAgain(t *testing.T) {
	w := newWorld(t)
	s := &twice{DB: w.db}
	w.tracker = w.newTracker(s)
	w.must(w.tracker.Load(t.Context()))
	inv := w.ask()
	id := w.chain.Pay(inv.Address.Script, 400_000)
	w.later()
	w.chain.Pay(inv.Address.Script, 600_000)
	w.later()
	w.is(inv, "paid")
	_, err := w.chain.Replace(id, chain.Output{Sats: 400_000, Script: inv.Address.Script})
	w.must(err)
	w.mine(1)
	w.later()
	w.chain.Reorg(1)
	w.later()
	w.mine(6)
	w.later()
	w.is(inv, "complete")
	w.told(inv, "paid confirmed complete")
	if s.runs < 5 {
		t.Fatalf("only %d changes ran twice", s.runs)
	}
}

// mortal is a store that takes no change after a certain one, as when the power goes.
type mortal struct {
	*store.DB
	last func() bool
	dead bool
}

var errDead = errors.New("dead")

func (s *mortal) UpdateChain(ctx context.Context, fn func(tracker.Tx) error) error {
	if s.dead {
		return errDead
	}
	err := s.DB.UpdateChain(ctx, fn)
	s.dead = s.last()
	return err
}

// A quote ended, and in that moment the power goes: it was watched until its end, and what comes later is late.
func TestPowerCutInTheMomentOfTheEnd(t *testing.T) {
	w := newWorld(t)
	inv := w.ask()
	w.later()
	s := &mortal{DB: w.db, last: func() bool { return w.read(inv).State.Status == invoice.Expired }}
	w.tracker = w.newTracker(s)
	w.must(w.tracker.Load(t.Context()))
	w.round()
	w.pass(16 * time.Minute)
	_ = w.tracker.Round(t.Context())
	if !s.dead {
		t.Fatal("the invoice did not expire")
	}
	w.crash()
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.mine(1)
	w.start()
	w.is(inv, "expired/paidLate")
}

// Random lives of a chain: whatever happens, in the end exactly what the chain holds is credited, every index is sound,
// and each invoice stands where its receipts put it.
func TestRandomChains(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorldIn(t, rt)
		defer w.end()
		invoices := []invoice.Invoice{w.ask(), w.ask()}
		var paid []chain.TxID
		pick := func(what string) chain.TxID { return rapid.SampledFrom(paid).Draw(rt, what) }
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			switch act := rapid.IntRange(0, 9).Draw(rt, "act"); {
			case act <= 2:
				inv := rapid.SampledFrom(invoices).Draw(rt, "invoice")
				sats := rapid.SampledFrom([]money.Sats{100, 400_000, 600_000, 1_000_000}).Draw(rt, "sats")
				paid = append(paid, w.chain.Pay(inv.Address.Script, sats))
			case act == 3:
				w.mine(rapid.IntRange(1, 3).Draw(rt, "blocks"))
			case act == 4 && w.chain.Tip().Height > 8:
				w.chain.Reorg(rapid.IntRange(1, 4).Draw(rt, "depth"))
			case act == 5 && len(paid) > 0:
				script := rapid.SampledFrom([][]byte{invoices[0].Address.Script, chaintestScript()}).Draw(rt, "to")
				if id, err := w.chain.Replace(pick("replace"), chain.Output{Sats: 700_000, Script: script}); err == nil {
					paid = append(paid, id)
				}
			case act == 6 && len(paid) > 0:
				w.chain.Evict(pick("evict"))
			case act == 7:
				w.restart()
			case act == 8:
				w.pass(time10m)
			case act == 9:
				w.chain.Mute(rapid.Bool().Draw(rt, "mute"))
			}
			if rapid.Bool().Draw(rt, "look") {
				w.later()
			}
		}
		w.chain.Mute(false)
		w.chain.Hint(chain.Hint{Resync: true})
		w.later()
		w.later()
		w.balance()
		if w.tracker.Health().Tip != w.chain.Tip() {
			rt.Fatal("the tip was not followed")
		}
	})
}

var _ tracker.Source = (*chaintest.Fake)(nil)
