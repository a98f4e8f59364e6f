package chain

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHintsAreBounded(t *testing.T) {
	h := newHints()
	for i := range maxHintTxs {
		h.tx(Tx{ID: TxID{byte(i)}})
		h.removed(TxID{byte(i)})
	}
	got := h.take()
	if len(got.Txs) != maxHintTxs || len(got.Removed) != maxHintTxs || got.Resync {
		t.Fatalf("%d transactions, %d removals, Resync is %v", len(got.Txs), len(got.Removed), got.Resync)
	}
	if diff := cmp.Diff(Hint{}, h.take()); diff != "" {
		t.Fatal(diff)
	}
	for name, flood := range map[string]func(){
		"transactions": func() {
			for range maxHintTxs + 1 {
				h.tx(Tx{})
			}
		},
		"removals": func() {
			for range maxHintTxs + 1 {
				h.removed(TxID{})
			}
		},
		"inputs":  func() { h.tx(Tx{Inputs: make([]Outpoint, maxHintParts+1)}) },
		"outputs": func() { h.tx(Tx{Inputs: make([]Outpoint, 1)}); h.tx(Tx{Outputs: make([]Output, maxHintParts)}) },
	} {
		flood()
		got := h.take()
		if !got.Resync || len(got.Txs) > maxHintTxs || len(got.Removed) > maxHintTxs {
			t.Errorf("too many %s: %d transactions, %d removals, Resync is %v", name, len(got.Txs), len(got.Removed), got.Resync)
		}
	}
	h.tx(Tx{}) // there is room again
	if got := h.take(); got.Resync || len(got.Txs) != 1 {
		t.Errorf("after the flood: %+v", got)
	}
}

func TestHintsWakeOnceAndLoseNothing(t *testing.T) {
	h := newHints()
	h.block()
	h.resync()
	<-h.wake
	select {
	case <-h.wake:
		t.Fatal("two wake-ups for one look")
	default:
	}
	if diff := cmp.Diff(Hint{Blocks: true, Resync: true}, h.take()); diff != "" {
		t.Fatal(diff)
	}

	const each, hands = 1000, 4
	var wg sync.WaitGroup
	for range hands {
		wg.Go(func() {
			for range each {
				h.tx(Tx{})
			}
		})
	}
	seen := 0
	for seen < each*hands { // whoever waits for Wake before each Take sees everything
		<-h.wake
		seen += len(h.take().Txs)
	}
	wg.Wait()
}
