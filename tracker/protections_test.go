package tracker_test

import (
	"context"
	"flag"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"

	"satchel/chain"
	"satchel/tracker"
)

// without is a tracker that lacks a protection.
type without struct {
	source func(tracker.Source, func() time.Time) tracker.Source
	tx     func(tracker.Tx) tracker.Tx
	hints  func(tracker.Hints) tracker.Hints
}

// Without any one of its protections the tracker does not hold in random lives: the naive table finds out.
func TestModelMissesEachProtection(t *testing.T) {
	set(t, "rapid.shrinktime", "0s")
	set(t, "rapid.nofailfile", "true")
	set(t, "rapid.checks", "1000") // the first that fails ends it
	set(t, "rapid.seed", "5")      // where that is early
	for name, lack := range map[string]without{
		"the node is asked before a payment is credited": {source: func(s tracker.Source, _ func() time.Time) tracker.Source { return credulous{s} }},
		"what left the mempool is noticed": {source: func(s tracker.Source, _ func() time.Time) tracker.Source {
			return &forgetful{Source: s, ids: map[chain.TxID]bool{}}
		}},
		"the node's time of first sight counts":             {source: func(s tracker.Source, now func() time.Time) tracker.Source { return unpunctual{s, now} }},
		"a verdict is on what the node says of the payment": {source: func(s tracker.Source, _ func() time.Time) tracker.Source { return slanderer{s} }},
		"a reorg takes back what the block gave":            {source: func(s tracker.Source, _ func() time.Time) tracker.Source { return stubborn{s} }},
		"a hole in our watch is remembered across a crash":  {tx: func(tx tracker.Tx) tracker.Tx { return amnesic{tx} }},
		"after lost messages everything is compared":        {hints: func(h tracker.Hints) tracker.Hints { return deafened{h} }},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				rapid.Check(r, func(rt *rapid.T) { live(t, rt, lack) })
			}()
			<-done
			if !r.failed {
				t.Error("nobody finds out")
			}
		})
	}
}

func set(t *testing.T, name, value string) {
	t.Helper()
	was := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, was) })
}

// recorder is a test whose failure is what is hoped for.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Failed() bool          { return r.failed }
func (r *recorder) Fail()                 { r.failed = true }
func (r *recorder) FailNow()              { r.failed = true; runtime.Goexit() }
func (r *recorder) Error(...any)          { r.Fail() }
func (r *recorder) Errorf(string, ...any) { r.Fail() }
func (r *recorder) Fatal(...any)          { r.FailNow() }
func (r *recorder) Fatalf(string, ...any) { r.FailNow() }
func (r *recorder) Log(...any)            {}
func (r *recorder) Logf(string, ...any)   {}

// credulous believes every announcement.
type credulous struct{ tracker.Source }

func (s credulous) Entry(ctx context.Context, id chain.TxID) (chain.Entry, bool, error) {
	e, _, err := s.Source.Entry(ctx, id)
	return e, true, err
}

// forgetful never sees a transaction leave the mempool.
type forgetful struct {
	tracker.Source
	ids map[chain.TxID]bool
}

func (s *forgetful) Mempool(ctx context.Context) (chain.Mempool, error) {
	m, err := s.Source.Mempool(ctx)
	for _, id := range m.IDs {
		s.ids[id] = true
	}
	m.IDs = nil
	for id := range s.ids {
		m.IDs = append(m.IDs, id)
	}
	return m, err
}

// unpunctual takes its own time for the node's.
type unpunctual struct {
	tracker.Source
	now func() time.Time
}

func (s unpunctual) Entry(ctx context.Context, id chain.TxID) (chain.Entry, bool, error) {
	e, ok, err := s.Source.Entry(ctx, id)
	e.Time = s.now()
	return e, ok, err
}

// slanderer says of every payment that its parents are unconfirmed.
type slanderer struct{ tracker.Source }

func (s slanderer) Entry(ctx context.Context, id chain.TxID) (chain.Entry, bool, error) {
	e, ok, err := s.Source.Entry(ctx, id)
	e.Ancestors = 5
	return e, ok, err
}

// stubborn keeps what reorganised blocks held.
type stubborn struct{ tracker.Source }

func (s stubborn) Steps(ctx context.Context, ours chain.OurChain, limit int) ([]chain.Step, error) {
	steps, err := s.Source.Steps(ctx, ours, limit)
	if len(steps) > 0 && steps[0].Op == chain.Disconnect {
		return nil, nil
	}
	return steps, err
}

// amnesic forgets until when it watched.
type amnesic struct{ tracker.Tx }

func (amnesic) SetObserved(time.Time) error { return nil }

// deafened does not hear that messages were lost.
type deafened struct{ tracker.Hints }

func (h deafened) Take() chain.Hint {
	hint := h.Hints.Take()
	hint.Resync = false
	return hint
}

func (deafened) Live() bool { return true }
