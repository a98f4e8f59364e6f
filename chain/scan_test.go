package chain

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"testing"
	"time"

	btcwire "github.com/btcsuite/btcd/wire"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// genesis is the first block of the main chain.
const genesis = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c0101000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000"

func TestScanBlockReadsGenesis(t *testing.T) {
	raw, err := hex.DecodeString(genesis)
	if err != nil {
		t.Fatal(err)
	}
	script := raw[len(raw)-4-67 : len(raw)-4]
	f := &Filter{Scripts: NewScripts(1)}
	f.Scripts.Add(script)
	head, txs, err := f.ScanBlock(raw)
	if err != nil {
		t.Fatal(err)
	}
	hash, _ := ParseBlockHash("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f")
	id, _ := ParseTxID("4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")
	if want := (RawHeader{Hash: hash, Time: time.Date(2009, 1, 3, 18, 15, 5, 0, time.UTC), Bits: 0x1d00ffff}); head != want {
		t.Errorf("header %+v, want %+v", head, want)
	}
	want := []Tx{{ID: id, Coinbase: true, Outputs: []Output{{Sats: 50_0000_0000, Script: bytes.Clone(script)}}}}
	if diff := cmp.Diff(want, txs); diff != "" {
		t.Error(diff)
	}
	clear(raw)
	if bytes.Equal(txs[0].Outputs[0].Script, script) {
		t.Error("the script in the result is the block's own memory")
	}
}

// TestScanBlockAgreesWithWire compares with an ordinary decoder on full blocks, a part of whose scripts and inputs are
// watched.
func TestScanBlockAgreesWithWire(t *testing.T) {
	for seed := range byte(5) {
		block := fullBlock(t, seed)
		rnd := rand.New(scanRand(seed + 100))
		f := &Filter{Scripts: NewScripts(100), Spends: NewOutpoints()}
		scripts, spends := map[string]bool{}, map[Outpoint]bool{}
		for _, tx := range block.Transactions {
			if script := tx.TxOut[rnd.IntN(len(tx.TxOut))].PkScript; rnd.IntN(50) == 0 {
				f.Scripts.Add(script)
				scripts[string(script)] = true
			}
			if in := tx.TxIn[rnd.IntN(len(tx.TxIn))].PreviousOutPoint; rnd.IntN(50) == 0 {
				p := Outpoint{TxID: TxID(in.Hash), Vout: in.Index}
				f.Spends.Add(p)
				spends[p] = true
			}
		}
		head, txs, err := f.ScanBlock(blockBytes(t, block))
		if err != nil {
			t.Fatal(err)
		}
		if head.Hash != BlockHash(block.BlockHash()) || head.Prev != BlockHash(block.Header.PrevBlock) {
			t.Errorf("header %+v", head)
		}
		want := expected(block.Transactions, scripts, spends)
		if len(want) < 100 {
			t.Fatalf("only %d transactions are ours", len(want))
		}
		if diff := cmp.Diff(want, txs); diff != "" {
			t.Fatal(diff)
		}
		for _, tx := range block.Transactions {
			sameTx(t, f, tx, expected([]*btcwire.MsgTx{tx}, scripts, spends))
		}
	}
}

func sameTx(t *testing.T, f *Filter, tx *btcwire.MsgTx, want []Tx) {
	t.Helper()
	got, ours, err := f.ScanTx(txBytes(t, tx))
	if err != nil {
		t.Fatal(err)
	}
	if ours != (len(want) == 1) || ours && !cmp.Equal(want[0], got) {
		t.Fatalf("got %+v, %v, want %+v", got, ours, want)
	}
}

// TestScanBlockAgreesWithWireOnAnything draws small blocks of every shape that serialises.
func TestScanBlockAgreesWithWireOnAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := &Filter{Scripts: NewScripts(4), Spends: NewOutpoints()}
		scripts, spends := map[string]bool{}, map[Outpoint]bool{}
		block := &btcwire.MsgBlock{}
		for range rapid.IntRange(0, 4).Draw(rt, "txs") {
			tx := anyTx(rt)
			block.Transactions = append(block.Transactions, tx)
			for _, out := range tx.TxOut {
				if rapid.IntRange(0, 3).Draw(rt, "watch") == 0 {
					f.Scripts.Add(out.PkScript)
					scripts[string(out.PkScript)] = true
				}
			}
			for _, in := range tx.TxIn {
				if rapid.IntRange(0, 7).Draw(rt, "spend") == 0 {
					p := Outpoint{TxID: TxID(in.PreviousOutPoint.Hash), Vout: in.PreviousOutPoint.Index}
					f.Spends.Add(p)
					spends[p] = true
				}
			}
		}
		_, txs, err := f.ScanBlock(blockBytes(t, block))
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(expected(block.Transactions, scripts, spends), txs); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// anyTx draws a transaction with at least one input; scripts and witnesses have lengths around every limit of the
// encoding, and shapes around those that the walk treats apart.
func anyTx(t *rapid.T) *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(rapid.Int32().Draw(t, "version"))
	tx.LockTime = rapid.Uint32().Draw(t, "locktime")
	size := rapid.SampledFrom([]int{0, 1, 22, 23, 25, 32, 33, 34, 64, 65, 71, 72, 73, 74, 110, 252, 253, 254, 65535, 65536})
	fill := func(label string) []byte {
		b := make([]byte, size.Draw(t, label))
		_, _ = scanRand(rapid.Byte().Draw(t, label+" seed")).Read(b)
		return b
	}
	segwit := rapid.Bool().Draw(t, "segwit")
	for i := range rapid.SampledFrom([]int{1, 1, 2, 3, 253}).Draw(t, "inputs") {
		in := btcwire.NewTxIn(&btcwire.OutPoint{Index: rapid.SampledFrom([]uint32{0, 1, 1<<32 - 1}).Draw(t, "index")}, nil, nil)
		in.PreviousOutPoint.Hash[31] = rapid.ByteRange(0, 1).Draw(t, "hash")
		if i < 3 {
			in.SignatureScript = fill("sigScript")
		}
		for j := range rapid.IntRange(0, 3).Draw(t, "witness") {
			if segwit && i < 3 {
				in.Witness = append(in.Witness, fill("item"))
			} else if segwit && j == 0 {
				in.Witness = btcwire.TxWitness{{1}}
			}
		}
		if segwit && i == 0 && len(in.Witness) == 0 {
			in.Witness = btcwire.TxWitness{{}}
		}
		tx.AddTxIn(in)
	}
	for range rapid.IntRange(0, 4).Draw(t, "outputs") {
		tx.AddTxOut(btcwire.NewTxOut(rapid.Int64Range(0, 21e14).Draw(t, "value"), fill("script")))
	}
	return tx
}

func TestScanAllocatesNothingForOthers(t *testing.T) {
	raw := blockBytes(t, fullBlock(t, 1))
	tx := txBytes(t, fullBlock(t, 1).Transactions[7])
	f := &Filter{Scripts: manyScripts(1000), Spends: NewOutpoints()}
	f.Spends.Add(Outpoint{})
	if n := testing.AllocsPerRun(10, func() {
		_, _, _ = f.ScanBlock(raw)
		_, _, _ = f.ScanTx(tx)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
