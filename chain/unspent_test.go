package chain_test

import (
	"net/http"
	"testing"

	"satchel/chain"
	"satchel/chain/chaintest"
)

// The node tells what can be spent, in the chain and in the mempool, and which transactions it would take.
func TestUnspentOutputsAndAcceptance(t *testing.T) {
	n := chaintest.Node(t)
	c := chaintest.Client(t, n, nil)
	ctx := t.Context()
	address, script := scriptOf(t, n)
	draft := value(n.Draft(ctx, address, 70_000, 2))(t)
	filter := watching(script)
	tx, ours, err := filter.ScanTx(draft.Signed)
	if err != nil || !ours {
		t.Fatalf("%v %v", ours, err)
	}
	inputs := tx.Inputs
	pays := chain.Outpoint{TxID: tx.ID, Vout: tx.Outputs[0].Vout}
	nowhere := chain.Outpoint{TxID: chain.TxID{1}, Vout: 7}
	look := func(mempool bool, o chain.Outpoint) chain.Unspent {
		t.Helper()
		return value(c.Unspent(ctx, []chain.Outpoint{nowhere, o}, mempool))(t)[1]
	}
	accepts := func(raw []byte, want bool, why string) {
		t.Helper()
		reason, ok, err := c.Accepts(ctx, raw)
		if err != nil || ok != want || reason != why {
			t.Errorf("%q %v %v, want %q %v", reason, ok, err, why, want)
		}
	}
	if u := look(false, inputs[0]); !u.Found || !u.Spendable() || u.Sats <= 0 || u.Confirmations < 1 {
		t.Errorf("%+v", u)
	}
	if u := look(true, pays); u.Found {
		t.Errorf("%+v is there before it was sent", u)
	}
	if reason, ok, err := c.Accepts(ctx, draft.Unsigned); err != nil || ok || reason == "" {
		t.Errorf("without signatures: %q %v %v", reason, ok, err)
	}
	accepts(draft.Signed, true, "")
	value(c.Broadcast(ctx, draft.Signed))(t)
	accepts(draft.Signed, false, "txn-already-in-mempool")
	if u := look(false, inputs[0]); !u.Spendable() {
		t.Errorf("the chain alone has it unspent: %+v", u)
	}
	if u := look(true, inputs[0]); u.Found {
		t.Errorf("%+v is spent in the mempool", u)
	}
	if u := look(true, pays); !u.Found || u.Spendable() || u.Sats != 70_000 {
		t.Errorf("%+v", u)
	}
	value(n.Mine(ctx, 1, address))(t)
	accepts(draft.Signed, false, "txn-already-known")
	if u := look(false, pays); !u.Spendable() || u.Confirmations != 1 {
		t.Errorf("%+v", u)
	}
	if u := value(c.Unspent(ctx, nil, false))(t); len(u) != 0 {
		t.Errorf("%+v", u)
	}
}

// A coinbase is spendable after a hundred blocks, and not before.
func TestACoinbaseMustRipen(t *testing.T) {
	for confirmations, want := range map[int32]bool{0: false, 1: false, 99: false, 100: true} {
		u := chain.Unspent{Found: true, Coinbase: true, Confirmations: confirmations}
		if u.Spendable() != want {
			t.Errorf("after %d blocks: %v", confirmations, !want)
		}
	}
}

// Answers that make no sense are errors, and never coins.
func TestOddAnswersAboutOutputs(t *testing.T) {
	for _, text := range []string{
		`[{"id":0,"result":{"value":"much","confirmations":1}}]`, `[{"id":0,"result":{"value":-1,"confirmations":1}}]`,
		`[{"id":0,"result":[]}]`, `[{"id":1,"result":null}]`, `[]`, `{}`,
	} {
		s := fake(t, func(w http.ResponseWriter, _ *http.Request, _ string) { answer(w, http.StatusOK, text) })
		if u, err := client(t, s).Unspent(t.Context(), []chain.Outpoint{{}}, true); err == nil {
			t.Errorf("%s: %+v", text, u)
		}
	}
	for _, text := range []string{`{"result":[],"id":1}`, `{"result":null,"id":1}`, `{"result":[{},{}],"id":1}`} {
		s := fake(t, func(w http.ResponseWriter, _ *http.Request, _ string) { answer(w, http.StatusOK, text) })
		if reason, ok, err := client(t, s).Accepts(t.Context(), []byte{1}); err == nil {
			t.Errorf("%s: %q %v", text, reason, ok)
		}
	}
}

// A transaction that we handed to the node ourselves is a hint at once, if it is ours.
func TestAnAnnouncedTransactionIsAHint(t *testing.T) {
	n := chaintest.Node(t)
	address, script := scriptOf(t, n)
	draft := value(n.Draft(t.Context(), address, 70_000, 2))(t)
	w := chain.NewWatcher(chain.WatcherConfig{Filter: watching(script)})
	if err := w.Announce(draft.Signed[:20]); err == nil {
		t.Error("half a transaction is none")
	}
	if err := w.Announce(draft.Signed); err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.Wake():
	default:
		t.Error("nobody is woken")
	}
	if hint := w.Take(); len(hint.Txs) != 1 || hint.Txs[0].Outputs[0].Sats != 70_000 || hint.Resync {
		t.Errorf("%+v", hint)
	}
	if err := chain.NewWatcher(chain.WatcherConfig{}).Announce(draft.Signed); err != nil {
		t.Errorf("a transaction of others: %v", err)
	}
}
