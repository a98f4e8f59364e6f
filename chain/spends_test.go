package chain

import (
	"encoding/binary"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func TestOutpointsCountReferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, model := NewOutpoints(), map[Outpoint]int{}
		point := rapid.Custom(func(t *rapid.T) Outpoint {
			var p Outpoint
			p.TxID[0], p.TxID[31] = rapid.ByteRange(0, 1).Draw(t, "first"), rapid.ByteRange(0, 1).Draw(t, "last")
			p.Vout = rapid.Uint32Range(0, 1).Draw(t, "vout")
			return p
		})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				p := point.Draw(t, "p")
				o.Add(p)
				model[p]++
			},
			"remove": func(t *rapid.T) {
				p := point.Draw(t, "p")
				o.Remove(p)
				if model[p]--; model[p] <= 0 {
					delete(model, p)
				}
			},
			"": func(t *rapid.T) {
				p := point.Draw(t, "p")
				raw := binary.LittleEndian.AppendUint32(append([]byte(nil), p.TxID[:]...), p.Vout)
				want := model[p] > 0
				if o.Has(p) != want || o.hasRaw(raw) != want {
					t.Fatalf("Has(%v) is %v and %v, want %v", p, o.Has(p), o.hasRaw(raw), want)
				}
				if o.Len() != len(model) {
					t.Fatalf("Len is %d, want %d", o.Len(), len(model))
				}
			},
		})
	})
}

func TestOutpointsTakeManyHands(t *testing.T) {
	o := NewOutpoints()
	f := &Filter{Spends: o}
	raw := txBytes(t, fullBlock(t, 1).Transactions[1])
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			p := Outpoint{Vout: 1}
			for range 2_000 {
				o.Add(p)
				if !o.Has(p) {
					t.Error("an outpoint that was added is gone")
				}
				if _, ours, err := f.ScanTx(raw); ours || err != nil {
					t.Errorf("a foreign transaction: %v, %v", ours, err)
				}
				o.Remove(p)
			}
		})
	}
	wg.Wait()
	if o.Len() != 0 {
		t.Fatalf("%d outpoints are left", o.Len())
	}
	for i, n := range o.marks {
		if n != 0 {
			t.Fatalf("mark %d is left", i)
		}
	}
}
