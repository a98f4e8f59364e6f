package chain

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	btcwire "github.com/btcsuite/btcd/wire"

	"satchel/money"
)

// scanRand is a seeded source: the same block on every machine.
func scanRand(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// wpkhScript, trScript, pkhScript, shScript and wshScript make standard scripts around random programs.
func wpkhScript(r *rand.ChaCha8) []byte { return program(r, []byte{0x00, 20}, 20, nil) }
func trScript(r *rand.ChaCha8) []byte   { return program(r, []byte{0x51, 32}, 32, nil) }
func wshScript(r *rand.ChaCha8) []byte  { return program(r, []byte{0x00, 32}, 32, nil) }
func pkhScript(r *rand.ChaCha8) []byte {
	return program(r, []byte{0x76, 0xa9, 20}, 20, []byte{0x88, 0xac})
}
func shScript(r *rand.ChaCha8) []byte { return program(r, []byte{0xa9, 20}, 20, []byte{0x87}) }

func program(r *rand.ChaCha8, head []byte, size int, tail []byte) []byte {
	return append(append(head, randomBytes(r, size)...), tail...)
}

func randomBytes(r *rand.ChaCha8, n int) []byte {
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// fullBlock is shaped like a full mainnet block of our days: 5,104 transactions, 8,800 inputs, 10,900 outputs, 65 % of
// them P2WPKH and 35 % P2TR, 1.6 MB.
func fullBlock(tb testing.TB, seed byte) *btcwire.MsgBlock {
	tb.Helper()
	r := scanRand(seed)
	rnd := rand.New(r)
	b := &btcwire.MsgBlock{Header: btcwire.BlockHeader{Version: 0x20000000, Bits: 0x17034219, Nonce: 7}}
	_, _ = r.Read(b.Header.PrevBlock[:])
	b.Transactions = append(b.Transactions, coinbaseTx(r, wpkhScript(r)))
	for len(b.Transactions) < 5104 {
		tx := btcwire.NewMsgTx(2)
		inputs, outputs := 1, 2
		switch n := rnd.IntN(100); {
		case n < 5:
			inputs, outputs = 10, 1
		case n < 30:
			inputs = 2
		case n < 32:
			outputs = 12
		case n < 38:
			outputs = 1
		}
		for range inputs {
			in := btcwire.NewTxIn(&btcwire.OutPoint{Index: uint32(rnd.IntN(4))}, nil, nil)
			_, _ = r.Read(in.PreviousOutPoint.Hash[:])
			in.Witness = btcwire.TxWitness{randomBytes(r, 71), randomBytes(r, 33)}
			if rnd.IntN(100) < 35 {
				in.Witness = btcwire.TxWitness{randomBytes(r, 64)}
			}
			tx.AddTxIn(in)
		}
		for range outputs {
			script := wpkhScript(r)
			if rnd.IntN(100) < 35 {
				script = trScript(r)
			}
			tx.AddTxOut(btcwire.NewTxOut(int64(rnd.IntN(1e8)), script))
		}
		b.Transactions = append(b.Transactions, tx)
	}
	return b
}

func coinbaseTx(r *rand.ChaCha8, script []byte) *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(1)
	in := btcwire.NewTxIn(&btcwire.OutPoint{Index: btcwire.MaxPrevOutIndex}, append([]byte{3, 1, 2, 3}, randomBytes(r, 20)...), nil)
	in.Witness = btcwire.TxWitness{make([]byte, 32)}
	tx.AddTxIn(in)
	tx.AddTxOut(btcwire.NewTxOut(312_500_000, script))
	return tx
}

func blockBytes(tb testing.TB, b *btcwire.MsgBlock) []byte {
	tb.Helper()
	var buf bytes.Buffer
	if err := b.Serialize(&buf); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func txBytes(tb testing.TB, tx *btcwire.MsgTx) []byte {
	tb.Helper()
	var buf bytes.Buffer
	if err := tx.Serialize(&buf); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// manyScripts fills a table with n scripts of which none is in a fullBlock of another seed.
func manyScripts(n int) *Scripts {
	r := scanRand(99)
	s := NewScripts(n)
	for i := range n {
		if i%3 == 0 {
			s.Add(trScript(r))
		} else {
			s.Add(wpkhScript(r))
		}
	}
	return s
}

// expected is what a plain decoder with Go maps finds: the reference that the scanner must agree with.
func expected(b []*btcwire.MsgTx, scripts map[string]bool, spends map[Outpoint]bool) []Tx {
	var found []Tx
	for _, m := range b {
		tx := Tx{ID: TxID(m.TxHash())}
		ours := false
		for _, in := range m.TxIn {
			p := Outpoint{TxID: TxID(in.PreviousOutPoint.Hash), Vout: in.PreviousOutPoint.Index}
			ours = ours || spends[p]
			if len(m.TxIn) == 1 && in.PreviousOutPoint.Hash == (chainhash.Hash{}) && p.Vout == btcwire.MaxPrevOutIndex {
				tx.Coinbase = true
				continue
			}
			tx.Inputs = append(tx.Inputs, p)
		}
		for i, out := range m.TxOut {
			if scripts[string(out.PkScript)] {
				ours = true
				tx.Outputs = append(tx.Outputs, Output{Vout: uint32(i), Sats: money.Sats(out.Value), Script: out.PkScript})
			}
		}
		if ours {
			found = append(found, tx)
		}
	}
	return found
}

// sumWords is the floor of any scan: every byte is read once, eight at a time.
func sumWords(raw []byte) (sum uint64) {
	for i := 0; i+8 <= len(raw); i += 8 {
		sum += binary.LittleEndian.Uint64(raw[i:])
	}
	return sum
}
