package chain

import (
	"bytes"
	"encoding/binary"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire"
	"github.com/google/go-cmp/cmp"

	"satchel/money"
)

// TestScanBlockReadsOddButValidBlocks holds a payment of ours in the same block as the transactions that have stopped
// other decoders.
func TestScanBlockReadsOddButValidBlocks(t *testing.T) {
	r := scanRand(1)
	in := func(witness btcwire.TxWitness) *btcwire.TxIn {
		return btcwire.NewTxIn(&btcwire.OutPoint{Hash: [32]byte{1}}, nil, witness)
	}
	items := make(btcwire.TxWitness, 3_900_000)
	many := make([]*btcwire.TxOut, 100_000)
	for i := range many {
		many[i] = btcwire.NewTxOut(0, []byte{0x6a})
	}
	inputs := make([]*btcwire.TxIn, 80_000)
	for i := range inputs {
		inputs[i] = btcwire.NewTxIn(&btcwire.OutPoint{Index: uint32(i)}, nil, nil)
	}
	out := []*btcwire.TxOut{btcwire.NewTxOut(1, wpkhScript(r))}
	for name, odd := range map[string]*btcwire.MsgTx{
		"a witness item of 3.99 MB":   {TxIn: []*btcwire.TxIn{in(btcwire.TxWitness{make([]byte, 3_990_000)})}, TxOut: out},
		"3.9 million witness items":   {TxIn: []*btcwire.TxIn{in(items)}, TxOut: out},
		"100,000 outputs":             {TxIn: []*btcwire.TxIn{in(nil)}, TxOut: many},
		"80,000 inputs":               {TxIn: inputs, TxOut: out},
		"a script of 900 kB":          {TxIn: []*btcwire.TxIn{in(nil)}, TxOut: []*btcwire.TxOut{btcwire.NewTxOut(1, make([]byte, 900_000))}},
		"a signature script of 10 kB": {TxIn: []*btcwire.TxIn{{SignatureScript: make([]byte, 10_000)}}, TxOut: out},
		"an empty script":             {TxIn: []*btcwire.TxIn{in(nil)}, TxOut: []*btcwire.TxOut{btcwire.NewTxOut(0, nil)}},
		"a negative version":          {Version: -1, LockTime: 1<<32 - 1, TxIn: []*btcwire.TxIn{in(nil)}, TxOut: out},
	} {
		t.Run(name, func(t *testing.T) {
			ours := wpkhScript(r)
			pay := btcwire.NewMsgTx(2)
			pay.AddTxIn(in(btcwire.TxWitness{{1}, {2}}))
			pay.AddTxOut(btcwire.NewTxOut(5000, ours))
			block := &btcwire.MsgBlock{Transactions: []*btcwire.MsgTx{coinbaseTx(r, out[0].PkScript), odd, pay}}
			f := &Filter{Scripts: NewScripts(1)}
			f.Scripts.Add(ours)
			_, txs, err := f.ScanBlock(blockBytes(t, block))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(expected(block.Transactions, map[string]bool{string(ours): true}, nil), txs); diff != "" {
				t.Fatal(diff)
			}
			f.Scripts.Add(odd.TxOut[len(odd.TxOut)-1].PkScript) // the odd one itself is ours
			tx, is, err := f.ScanTx(txBytes(t, odd))
			if err != nil || !is || tx.ID != TxID(odd.TxHash()) || len(tx.Inputs) != len(odd.TxIn) {
				t.Fatalf("the odd transaction: %v, %v", is, err)
			}
		})
	}
}

func TestScanFindsCoinbasePayments(t *testing.T) {
	r := scanRand(4)
	ours := trScript(r)
	f := &Filter{Scripts: NewScripts(1)}
	f.Scripts.Add(ours)
	m := coinbaseTx(r, ours)
	tx, is, err := f.ScanTx(txBytes(t, m))
	if err != nil || !is || !tx.Coinbase || tx.Inputs != nil || tx.ID != TxID(m.TxHash()) {
		t.Fatalf("%+v, %v, %v", tx, is, err)
	}
}

// TestScanRefusesEveryTruncation cuts a block and a transaction at every byte, and adds one.
func TestScanRefusesEveryTruncation(t *testing.T) {
	r := scanRand(2)
	full := fullBlock(t, 2)
	block := &btcwire.MsgBlock{Header: full.Header, Transactions: full.Transactions[:12]}
	f := &Filter{Scripts: NewScripts(1)}
	f.Scripts.Add(full.Transactions[3].TxOut[0].PkScript)
	raw := append(blockBytes(t, block), randomBytes(r, 1)...)
	for n := range raw {
		_, txs, err := f.ScanBlock(raw[:n:n])
		if whole := n == len(raw)-1; (err == nil) != whole || whole != (len(txs) == 1) {
			t.Fatalf("%d of %d bytes: %d transactions, %v", n, len(raw)-1, len(txs), err)
		}
	}
	if _, _, err := f.ScanBlock(raw); err == nil {
		t.Error("a byte behind the block is not noticed")
	}
	one := append(txBytes(t, full.Transactions[3]), 0)
	for n := range one {
		if _, ours, err := f.ScanTx(one[:n:n]); (err == nil) != (n == len(one)-1) || ours != (err == nil) {
			t.Fatalf("%d of %d bytes: %v, %v", n, len(one)-1, ours, err)
		}
	}
	if _, _, err := f.ScanTx(one); err == nil {
		t.Error("a byte behind the transaction is not noticed")
	}
}

func TestScanRefusesLies(t *testing.T) {
	le := binary.LittleEndian
	huge := le.AppendUint64([]byte{0xff}, 1<<64-1)
	near := le.AppendUint64([]byte{0xff}, 1<<63-20)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	version, lock, point, sequence, value := make([]byte, 4), make([]byte, 4), make([]byte, 36), make([]byte, 4), make([]byte, 8)
	good := join(version, []byte{1}, point, []byte{0}, sequence, []byte{1}, value, []byte{1, 0x6a}, lock)
	f := &Filter{Scripts: NewScripts(1)}
	f.Scripts.Add([]byte{0x6a})
	if _, ours, err := f.ScanTx(good); err != nil || !ours {
		t.Fatalf("the honest transaction: %v, %v", ours, err)
	}
	for name, raw := range map[string][]byte{
		"nothing":                       nil,
		"input count":                   join(version, huge, point, []byte{0}, sequence, []byte{0}, lock),
		"signature script length":       join(version, []byte{1}, point, huge, sequence, []byte{0}, lock),
		"signature script length, near": join(version, []byte{1}, point, near, sequence, []byte{0}, lock),
		"signature script over the end": join(version, []byte{1}, point, []byte{6}, sequence, []byte{0, 0}),
		"output count":                  join(version, []byte{1}, point, []byte{0}, sequence, huge, value, []byte{0}, lock),
		"script length":                 join(version, []byte{1}, point, []byte{0}, sequence, []byte{1}, value, huge, lock),
		"script length, near":           join(version, []byte{1}, point, []byte{0}, sequence, []byte{1}, value, near, lock),
		"witness count":                 join(version, []byte{0, 1, 1}, point, []byte{0}, sequence, []byte{1}, value, []byte{0}, huge, lock),
		"witness length":                join(version, []byte{0, 1, 1}, point, []byte{0}, sequence, []byte{1}, value, []byte{0, 1}, huge, lock),
		"unknown flag":                  join(version, []byte{0, 2, 1}, point, []byte{0}, sequence, []byte{1}, value, []byte{0, 0}, lock),
		"padded length, 3 bytes":        join(version, []byte{0xfd, 1, 0}, point, []byte{0}, sequence, []byte{1}, value, []byte{1, 0x6a}, lock),
		"padded length, 5 bytes":        join(version, []byte{0xfe, 1, 0, 0, 0}, point, []byte{0}, sequence, []byte{1}, value, []byte{1, 0x6a}, lock),
		"padded length, 9 bytes":        join(version, []byte{0xff, 1, 0, 0, 0, 0, 0, 0, 0}, point, []byte{0}, sequence, []byte{1}, value, []byte{1, 0x6a}, lock),
		"more than all bitcoin":         join(version, []byte{1}, point, []byte{0}, sequence, []byte{1}, le.AppendUint64(nil, uint64(money.MaxSats)+1), []byte{1, 0x6a}, lock),
		"a negative amount":             join(version, []byte{1}, point, []byte{0}, sequence, []byte{1}, le.AppendUint64(nil, 1<<63), []byte{1, 0x6a}, lock),
	} {
		if tx, ours, err := f.ScanTx(raw); err == nil || ours {
			t.Errorf("%s: %+v, %v, %v", name, tx, ours, err)
		}
		if _, _, err := f.ScanBlock(join(make([]byte, 80), []byte{1}, raw)); err == nil {
			t.Errorf("%s in a block is not noticed", name)
		}
	}
	if _, _, err := f.ScanBlock(join(make([]byte, 80), huge, good)); err == nil {
		t.Error("a lie about the number of transactions is not noticed")
	}
}

func TestScanWithoutTables(t *testing.T) {
	raw := blockBytes(t, fullBlock(t, 3))
	for _, f := range []*Filter{{}, {Scripts: NewScripts(0)}, {Spends: NewOutpoints()}} {
		if _, txs, err := f.ScanBlock(raw); err != nil || len(txs) != 0 {
			t.Fatalf("%d transactions, %v", len(txs), err)
		}
	}
}
