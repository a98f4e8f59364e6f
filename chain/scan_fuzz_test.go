package chain

import (
	"bytes"
	"encoding/hex"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"satchel/money"
)

// FuzzScanTx: whatever the bytes, no panic; and what wire reads to the last byte, the scanner reads alike.
func FuzzScanTx(f *testing.F) {
	b := fullBlock(f, 1)
	for _, tx := range b.Transactions[:4] {
		f.Add(txBytes(f, tx))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m btcwire.MsgTx
		r := bytes.NewReader(raw)
		if err := m.Deserialize(r); err != nil || r.Len() > 0 {
			_, _, _ = watchMost(nil).ScanTx(raw)
			return
		}
		filter := watchMost(&m)
		tx, ours, err := filter.ScanTx(raw)
		compareWithWire(t, []*btcwire.MsgTx{&m}, asList(tx, ours), err)
	})
}

// FuzzScanBlock is the same for blocks.
func FuzzScanBlock(f *testing.F) {
	b := fullBlock(f, 1)
	b.Transactions = b.Transactions[:3]
	f.Add(blockBytes(f, b))
	raw, err := hex.DecodeString(genesis)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m btcwire.MsgBlock
		r := bytes.NewReader(raw)
		if err := m.Deserialize(r); err != nil || r.Len() > 0 {
			_, _, _ = watchMost(nil).ScanBlock(raw)
			return
		}
		head, txs, err := watchMost(m.Transactions...).ScanBlock(raw)
		if head.Hash != BlockHash(m.BlockHash()) {
			t.Errorf("header %+v", head)
		}
		compareWithWire(t, m.Transactions, txs, err)
	})
}

// watchMost watches every output script of some transactions, and one script that junk may hit.
func watchMost(txs ...*btcwire.MsgTx) *Filter {
	f := &Filter{Scripts: NewScripts(8), Spends: NewOutpoints()}
	f.Scripts.Add(nil)
	f.Spends.Add(Outpoint{})
	for _, tx := range txs {
		if tx == nil {
			continue
		}
		for _, out := range tx.TxOut {
			f.Scripts.Add(out.PkScript)
		}
	}
	return f
}

// compareWithWire allows one difference: an amount that cannot exist is an error of the scanner's.
func compareWithWire(t *testing.T, block []*btcwire.MsgTx, got []Tx, err error) {
	t.Helper()
	scripts := map[string]bool{"": true}
	for _, tx := range block {
		for _, out := range tx.TxOut {
			scripts[string(out.PkScript)] = true
			if out.Value < 0 || out.Value > int64(money.MaxSats) {
				if err == nil {
					t.Error("an impossible amount is not noticed")
				}
				return
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	want := expected(block, scripts, map[Outpoint]bool{{}: true})
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatal(diff)
	}
}

func asList(tx Tx, ours bool) []Tx {
	if !ours {
		return nil
	}
	return []Tx{tx}
}
