package chaintest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/chain"
	"satchel/money"
)

// Suite holds a chain against what its followers rely on. open makes one with the filter, which the suite fills.
func Suite(t *testing.T, open func(t *testing.T, filter *chain.Filter) Backend) {
	filter := &chain.Filter{Scripts: chain.NewScripts(0), Spends: chain.NewOutpoints()}
	s := &suite{Backend: open(t, filter), filter: filter}
	for _, test := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"a payment that is mined", s.mined},
		{"steps are cut at the limit", s.limit},
		{"reorg of 1", func(t *testing.T) { s.reorg(t, 1) }},
		{"reorg of 6", func(t *testing.T) { s.reorg(t, 6) }},
		{"reorg of 6, one connect at a time", s.slowReorg},
		{"fork below what is stored", s.tooDeep},
		{"a node that lost blocks is behind", s.behind},
		{"a coinbase", s.coinbase},
		{"what leaves the mempool by a block", s.minedOnly},
		{"a transaction that spends what we watch", s.spend},
		{"replacement", s.replaced},
		{"eviction", s.evicted}, // last: it plays with the clock
	} {
		t.Run(test.name, test.run)
	}
}

type suite struct {
	Backend
	filter *chain.Filter
}

// script makes a fresh watched script.
func (s *suite) script() []byte {
	script := RandomScript()
	s.filter.Scripts.Add(script)
	return script
}

// here starts to follow at the current tip, with all headers down to depth below it.
func (s *suite) here(t *testing.T, depth int32) *Chain {
	t.Helper()
	info := must(s.Info(t.Context()))(t)
	start, ok, err := s.HashAt(t.Context(), info.Best.Height-depth)
	if err != nil || !ok {
		t.Fatalf("no block %d below the tip: %v", depth, err)
	}
	ours := NewChain(must(s.Header(t.Context(), start))(t))
	if depth > 0 {
		s.follow(t, ours)
	}
	return ours
}

// follow applies steps until there are none and gives all of them.
func (s *suite) follow(t *testing.T, ours *Chain) []chain.Step {
	t.Helper()
	var all []chain.Step
	for {
		steps := must(s.Steps(t.Context(), ours, 1000))(t)
		if len(steps) == 0 {
			break
		}
		if err := ours.Apply(steps); err != nil {
			t.Fatal(err)
		}
		all = append(all, steps...)
	}
	s.checkTip(t, ours.Tip())
	return all
}

// checkTip compares a header that steps made up with what the node says of it.
func (s *suite) checkTip(t *testing.T, tip chain.Header) {
	t.Helper()
	info := must(s.Info(t.Context()))(t)
	if info.Best.Hash != tip.Hash || info.Best.Height != tip.Height || info.Best.Work != tip.Work {
		t.Fatalf("followed to %+v, the node is at %+v", tip, info.Best)
	}
	if diff := cmp.Diff(must(s.Header(t.Context(), tip.Hash))(t), tip); diff != "" {
		t.Fatalf("header (-node +steps):\n%s", diff)
	}
}

// must stops the test on an error: must(f())(t).
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ops writes steps as "DDC".
func ops(steps []chain.Step) string {
	var text []byte
	for _, s := range steps {
		switch s.Op {
		case chain.Disconnect:
			text = append(text, 'D')
		case chain.Connect:
			text = append(text, 'C')
		}
	}
	return string(text)
}

// paid checks that exactly one of the transactions pays the script, as given.
func paid(t *testing.T, txs []chain.Tx, id chain.TxID, script []byte, sats money.Sats) {
	t.Helper()
	at := slices.IndexFunc(txs, func(tx chain.Tx) bool { return tx.ID == id })
	if at < 0 {
		t.Fatalf("%v is not among %d transactions", id, len(txs))
	}
	tx := txs[at]
	if len(tx.Outputs) != 1 || string(tx.Outputs[0].Script) != string(script) || tx.Outputs[0].Sats != sats {
		t.Fatalf("%v has watched outputs %+v, want %d sat to %x alone", id, tx.Outputs, sats, script)
	}
	if tx.Coinbase || len(tx.Inputs) == 0 {
		t.Fatalf("%v: coinbase %v, %d inputs", id, tx.Coinbase, len(tx.Inputs))
	}
}

func (s *suite) mined(t *testing.T) {
	ctx := t.Context()
	ours, script := s.here(t, 0), s.script()
	if steps := must(s.Steps(ctx, ours, 10))(t); steps != nil {
		t.Fatalf("steps %s at the tip", ops(steps))
	}
	before := time.Now().Add(-2 * time.Second)
	id := must(s.Pay(ctx, script, 12_345))(t)
	s.inMempool(t, id, true)
	txs, left, err := s.Txs(ctx, []chain.TxID{id, {1}})
	if paid(t, txs, id, script, 12_345); err != nil || len(left) != 1 || left[0] != (chain.TxID{1}) {
		t.Fatalf("what is not in the mempool: %v, %v", left, err)
	}
	entry, found, err := s.Entry(ctx, id)
	if err != nil || !found {
		t.Fatalf("entry: %v, %v", found, err)
	}
	if entry.Time.Before(before) || entry.Time.After(time.Now().Add(2*time.Second)) || entry.FeeRate <= 0 || entry.Ancestors != 0 {
		t.Fatalf("entry %+v", entry)
	}
	if floor := must(s.FeeFloor(ctx))(t); floor <= 0 {
		t.Fatalf("fee floor %v", floor)
	}
	ok(t, s.Mine(ctx))
	steps := s.follow(t, ours)
	if ops(steps) != "C" {
		t.Fatalf("steps %s after one block", ops(steps))
	}
	paid(t, steps[0].Txs, id, script, 12_345)
	s.inMempool(t, id, false)
	if _, found, err := s.Entry(ctx, id); found || err != nil {
		t.Fatalf("an entry of a mined transaction: %v, %v", found, err)
	}
	if txs, left, err := s.Txs(ctx, []chain.TxID{id}); err != nil || len(txs) != 0 || len(left) != 1 || left[0] != id {
		t.Fatalf("the mempool gives a mined transaction: %+v, %v, %v", txs, left, err)
	}
}

// inMempool checks a snapshot, and that it was taken at the tip.
func (s *suite) inMempool(t *testing.T, id chain.TxID, want bool) {
	t.Helper()
	snapshot := must(s.Mempool(t.Context()))(t)
	if got := slices.Contains(snapshot.IDs, id); got != want {
		t.Fatalf("%v in the mempool: %v, want %v", id, got, want)
	}
	if tip := must(s.Info(t.Context()))(t).Best.Hash; snapshot.Tip != tip {
		t.Fatalf("snapshot at %v, the tip is %v", snapshot.Tip, tip)
	}
	if tip := must(s.Loaded(t.Context()))(t); tip != snapshot.Tip {
		t.Fatalf("a mempool that is loaded at %v, and a snapshot at %v", tip, snapshot.Tip)
	}
}

func (s *suite) limit(t *testing.T) {
	ours := s.here(t, 0)
	for range 5 {
		ok(t, s.MineOnly(t.Context()))
	}
	for _, want := range []string{"CC", "CC", "C", ""} {
		steps := must(s.Steps(t.Context(), ours, 2))(t)
		if ops(steps) != want {
			t.Fatalf("steps %q, want %q", ops(steps), want)
		}
		ok(t, ours.Apply(steps))
	}
	s.checkTip(t, ours.Tip())
}

func (s *suite) reorg(t *testing.T, depth int) {
	ctx := t.Context()
	ours, script := s.here(t, 3), s.script()
	id := must(s.Pay(ctx, script, 777))(t)
	for range depth {
		ok(t, s.Mine(ctx))
	}
	s.follow(t, ours)
	ok(t, s.Reorg(ctx, depth))
	steps := s.follow(t, ours)
	want := ""
	for range depth {
		want = "D" + want + "C"
	}
	if want += "C"; ops(steps) != want {
		t.Fatalf("steps %s, want %s", ops(steps), want)
	}
	s.inMempool(t, id, true)
	ok(t, s.Mine(ctx))
	paid(t, s.follow(t, ours)[0].Txs, id, script, 777)
}

func (s *suite) slowReorg(t *testing.T) {
	ctx := t.Context()
	ours := s.here(t, 8)
	ok(t, s.Reorg(ctx, 6))
	for _, want := range []string{"DDDDDDC", "C", "C", "C", "C", "C", "C", ""} {
		steps := must(s.Steps(ctx, ours, 1))(t)
		if ops(steps) != want {
			t.Fatalf("steps %q, want %q", ops(steps), want)
		}
		ok(t, ours.Apply(steps))
	}
	s.checkTip(t, ours.Tip())
}

func (s *suite) tooDeep(t *testing.T) {
	ours := s.here(t, 2)
	ok(t, s.Reorg(t.Context(), 3))
	steps, err := s.Steps(t.Context(), ours, 100)
	if !errors.Is(err, chain.ErrTooDeep) || steps != nil {
		t.Fatalf("steps %s, error %v", ops(steps), err)
	}
}

func (s *suite) behind(t *testing.T) {
	ctx := t.Context()
	ours := s.here(t, 4)
	tip := ours.Tip()
	restore, err := s.Lose(ctx, 2)
	ok(t, err)
	stillBehind := func() {
		t.Helper()
		if steps, err := s.Steps(ctx, ours, 100); !errors.Is(err, chain.ErrBehind) || steps != nil {
			t.Fatalf("steps %s, error %v", ops(steps), err)
		}
	}
	stillBehind()
	ok(t, s.MineOnly(ctx)) // another block than the one it lost, and still less work
	stillBehind()
	ok(t, restore())
	// Equal work would be first come, first served; the lost branch is longer.
	if info := must(s.Info(ctx))(t); info.Best.Hash != tip.Hash {
		t.Fatalf("restored to %v, was %v", info.Best.Hash, tip.Hash)
	}
	if steps := must(s.Steps(ctx, ours, 100))(t); steps != nil {
		t.Fatalf("steps %s after the blocks came back", ops(steps))
	}
}

func (s *suite) coinbase(t *testing.T) {
	ok(t, s.Mine(t.Context())) // what earlier tests left
	ours, script := s.here(t, 0), s.script()
	ok(t, s.MineTo(t.Context(), script))
	steps := s.follow(t, ours)
	if len(steps) != 1 || len(steps[0].Txs) != 1 {
		t.Fatalf("steps %+v", steps)
	}
	tx := steps[0].Txs[0]
	if !tx.Coinbase || len(tx.Inputs) != 0 || len(tx.Outputs) != 1 || tx.Outputs[0].Sats <= 0 {
		t.Fatalf("coinbase %+v", tx)
	}
	s.inMempool(t, tx.ID, false)
}

func (s *suite) minedOnly(t *testing.T) {
	ctx := t.Context()
	first := must(s.Pay(ctx, s.script(), 1_000))(t)
	ok(t, s.Mine(ctx))
	ours, script := s.here(t, 0), s.script()
	second := must(s.Pay(ctx, script, 2_000))(t)
	ok(t, s.MineOnly(ctx))
	if steps := s.follow(t, ours); len(steps) != 1 || len(steps[0].Txs) != 0 {
		t.Fatalf("an empty block gave %+v", steps)
	}
	s.inMempool(t, second, true)
	ok(t, s.MineOnly(ctx, second))
	paid(t, s.follow(t, ours)[0].Txs, second, script, 2_000)
	s.inMempool(t, first, false)
}

// inputs gives what a mempool transaction that pays a watched script spends.
func (s *suite) inputs(ctx context.Context, t *testing.T, id chain.TxID) []chain.Outpoint {
	t.Helper()
	txs, _, err := s.Txs(ctx, []chain.TxID{id})
	if err != nil || len(txs) != 1 {
		t.Fatalf("%d transactions for %v: %v", len(txs), id, err)
	}
	return txs[0].Inputs
}

func (s *suite) spend(t *testing.T) {
	ctx := t.Context()
	id := must(s.Pay(ctx, s.script(), 5_000))(t)
	inputs := s.inputs(ctx, t, id)
	spender, found, err := s.Spender(ctx, inputs)
	if err != nil || !found || spender != id {
		t.Fatalf("spender %v, %v, %v; want %v", spender, found, err, id)
	}
	for _, in := range inputs {
		s.filter.Spends.Add(in)
	}
	// Whoever takes the coins away from us is seen, though it pays nobody that we watch.
	thief := must(s.Replace(ctx, id, RandomScript()))(t)
	txs, _, err := s.Txs(ctx, []chain.TxID{thief})
	if err != nil || len(txs) != 1 || txs[0].ID != thief || len(txs[0].Outputs) != 0 {
		t.Fatalf("the double spend reads as %+v, %v", txs, err)
	}
	ours := s.here(t, 0)
	ok(t, s.Mine(ctx))
	if steps := s.follow(t, ours); len(steps[0].Txs) != 1 || steps[0].Txs[0].ID != thief {
		t.Fatalf("the block with the double spend reads as %+v", steps)
	}
	for _, in := range inputs {
		s.filter.Spends.Remove(in)
	}
	if _, found, err := s.Spender(ctx, inputs); found || err != nil {
		t.Fatalf("the mempool spends what a block spent: %v, %v", found, err)
	}
}

func (s *suite) replaced(t *testing.T) {
	ctx := t.Context()
	id := must(s.Pay(ctx, s.script(), 6_000))(t)
	inputs := s.inputs(ctx, t, id)
	script := s.script()
	newer := must(s.Replace(ctx, id, script))(t)
	s.inMempool(t, id, false)
	s.inMempool(t, newer, true)
	if _, found, err := s.Entry(ctx, id); found || err != nil {
		t.Fatalf("an entry of a replaced transaction: %v, %v", found, err)
	}
	if got := s.inputs(ctx, t, newer); !slices.Equal(got, inputs) {
		t.Fatalf("the replacement spends %v, want %v", got, inputs)
	}
	spender, found, err := s.Spender(ctx, inputs)
	if err != nil || !found || spender != newer {
		t.Fatalf("spender %v, %v, %v; want %v", spender, found, err, newer)
	}
	ok(t, s.Mine(ctx))
}

func (s *suite) evicted(t *testing.T) {
	ctx := t.Context()
	id := must(s.Pay(ctx, s.script(), 7_000))(t)
	inputs := s.inputs(ctx, t, id)
	ok(t, s.Evict(ctx, id))
	s.inMempool(t, id, false)
	if _, found, err := s.Spender(ctx, inputs); found || err != nil {
		t.Fatalf("something spends the coins of an evicted payment: %v, %v", found, err)
	}
}
