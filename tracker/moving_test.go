package tracker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"satchel/chain"
	"satchel/invoice"
	"satchel/merchant"
)

// Random lives in which the chain and the mempool change between any two questions of one look. What the tracker makes of
// the order is its own affair; but what is left is what the chain holds, nothing is left to do, and no payment was taken
// without a block against what was known of it.
func TestTheChainMovesDuringALook(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newMoving(t, rt)
		defer m.end()
		rt.Repeat(map[string]func(*rapid.T){
			"ask": m.ask, "move": m.move, "clock": m.later, "crash": func(*rapid.T) { m.restart() }, "look": m.glance, "look2": m.glance,
		})
		m.chain.Fail(nil)
		m.chain.Hint(chain.Hint{Resync: true})
		for range 3 {
			m.pass(3 * time.Second)
			m.round()
		}
		m.settled()
	})
}

type moving struct {
	*lives
	within bool // a change during a look is no look itself
}

func newMoving(t *testing.T, rt *rapid.T) *moving {
	w := newWorldIn(t, rt)
	m := &moving{lives: &lives{world: w, rt: rt, o: &oracle{w: w}}}
	m.ask(rt)
	return m
}

// glance lets the tracker look while things happen.
func (m *moving) glance(t *rapid.T) {
	m.pass(time.Second)
	m.chain.Fail(func(string) error {
		if m.within || rapid.IntRange(0, 4).Draw(t, "happens") > 0 {
			return nil
		}
		m.within = true
		m.move(t)
		m.within = false
		return nil
	})
	err := m.try()
	m.chain.Fail(nil)
	if err != nil && !errors.Is(err, chain.ErrMoved) && !errors.Is(err, chain.ErrBehind) {
		m.must(err)
	}
}

func (m *moving) later(t *rapid.T) {
	m.pass(rapid.SampledFrom([]time.Duration{time.Second, 2 * time.Second, time.Minute, 16 * time.Minute}).Draw(t, "later"))
}

func (m *moving) move(t *rapid.T) {
	moves := []func(*rapid.T){
		m.pay, m.payTwo, m.replace, m.replace, m.evict, m.rebroadcast, m.mineOnly, m.mineConflict,
		func(*rapid.T) { m.mine(1) }, func(*rapid.T) { m.chain.Reorg(rapid.IntRange(1, 2).Draw(t, "depth")) },
	}
	moves[rapid.IntRange(0, len(moves)-1).Draw(t, "move")](t)
}

// settled demands that another look would change nothing, and that no verdict was given against the policy.
func (m *moving) settled() {
	for _, n := range m.o.list {
		inv, receipts := m.read(n.inv), m.receipts(n.inv)
		b := invoice.Open(inv, func() ([]invoice.Receipt, error) { return receipts, nil })
		_, _, events, err := b.Close(invoice.View{Now: m.now, Tip: m.chain.Tip().Height, Synced: m.now})
		m.must(err)
		if len(events) > 0 {
			m.t.Errorf("%s is %s, and has yet to tell %s", inv.ID, inv.State.Status, events[0].Code.Name())
		}
		if inv.State.Reason != invoice.ZeroConfAccepted || inv.Terms.ZeroConf != merchant.Limited {
			continue
		}
		for _, r := range receipts {
			last := r.History[len(r.History)-1]
			if r.IsGone() && r.Place.ReplacedBy != (invoice.TxID{}) && !last.At.After(inv.State.Since) {
				m.t.Errorf("%s was taken without a block (%s) although %s was replaced", inv.ID, m.story(inv), r.Outpoint)
			}
			if _, in, err := m.chain.Entry(context.Background(), chain.TxID(r.Outpoint.TxID)); err != nil || r.Place.Where == invoice.InMempool && !in {
				m.t.Errorf("%s rests on %s, which is not in the mempool: %v", inv.ID, r.Outpoint, err)
			}
		}
	}
}
