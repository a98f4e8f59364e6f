package paypro

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"
	"pgregory.net/rapid"

	"satchel/money"
)

// drawTx makes any transaction that the protocols can meet, by another library's hand.
func drawTx(t *rapid.T) *wire.MsgTx {
	tx := wire.NewMsgTx(rapid.Int32().Draw(t, "version"))
	tx.LockTime = rapid.Uint32().Draw(t, "locktime")
	script := rapid.SliceOfN(rapid.Byte(), 0, 300)
	signed := rapid.Bool().Draw(t, "witness")
	for range rapid.IntRange(1, 5).Draw(t, "inputs") {
		in := &wire.TxIn{Sequence: rapid.Uint32().Draw(t, "sequence"), SignatureScript: script.Draw(t, "script")}
		copy(in.PreviousOutPoint.Hash[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "txid"))
		in.PreviousOutPoint.Index = rapid.Uint32().Draw(t, "vout")
		if signed {
			in.Witness = rapid.SliceOfN(script, 1, 3).Draw(t, "stack")
		}
		tx.AddTxIn(in)
	}
	for range rapid.IntRange(1, 5).Draw(t, "outputs") {
		tx.AddTxOut(wire.NewTxOut(rapid.Int64Range(0, int64(money.MaxSats)/5).Draw(t, "sats"), script.Draw(t, "script")))
	}
	return tx
}

func serialised(t interface{ Fatal(...any) }, tx *wire.MsgTx) []byte {
	var b bytes.Buffer
	if err := tx.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Another library and this one read the same in every transaction.
func TestTransactionsAreReadAsAnotherLibraryReadsThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawTx(t)
		raw := serialised(t, want)
		got, err := ParseTx(raw)
		if err != nil {
			t.Fatal(err)
		}
		size := int64(3*want.SerializeSizeStripped()+want.SerializeSize()+3) / 4
		if chainhash.Hash(got.ID) != want.TxHash() || got.VSize() != size || len(got.Inputs) != len(want.TxIn) {
			t.Fatalf("%x %d %d", got.ID, got.VSize(), len(got.Inputs))
		}
		for i, in := range want.TxIn {
			if chainhash.Hash(got.Inputs[i].TxID) != in.PreviousOutPoint.Hash || got.Inputs[i].Vout != in.PreviousOutPoint.Index {
				t.Fatalf("input %d is %+v", i, got.Inputs[i])
			}
		}
		for i, out := range want.TxOut {
			if int64(got.Outputs[i].Sats) != out.Value || !bytes.Equal(got.Outputs[i].Script, out.PkScript) {
				t.Fatalf("output %d is %+v", i, got.Outputs[i])
			}
		}
		// A byte more, or any less, is none.
		if _, err := ParseTx(append(bytes.Clone(raw), 0)); err == nil {
			t.Fatal("a byte more")
		}
		if _, err := ParseTx(raw[:rapid.IntRange(0, len(raw)-1).Draw(t, "cut")]); err == nil {
			t.Fatal("cut off")
		}
	})
}

func TestWhatIsNoTransaction(t *testing.T) {
	some := func(change func(*wire.MsgTx)) []byte {
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(&wire.TxIn{})
		tx.AddTxOut(wire.NewTxOut(1, []byte{0x51}))
		change(tx)
		return serialised(t, tx)
	}
	if _, err := ParseTx(some(func(*wire.MsgTx) {})); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"nothing":            {},
		"no inputs":          some(func(tx *wire.MsgTx) { tx.TxIn = nil }),
		"no outputs":         some(func(tx *wire.MsgTx) { tx.TxOut = nil }),
		"too much":           some(func(tx *wire.MsgTx) { tx.TxOut[0].Value = int64(money.MaxSats) + 1 }),
		"a negative amount":  some(func(tx *wire.MsgTx) { tx.TxOut[0].Value = -1 }),
		"too much together":  some(func(tx *wire.MsgTx) { tx.TxOut[0].Value = int64(money.MaxSats); tx.AddTxOut(wire.NewTxOut(1, nil)) }),
		"too large":          some(func(tx *wire.MsgTx) { tx.TxOut[0].PkScript = make([]byte, 100_000) }),
		"a promise of many":  {2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"a witness too many": append(some(func(tx *wire.MsgTx) { tx.TxIn[0].Witness = wire.TxWitness{{1}} }), 0, 0, 0, 0),
	} {
		if tx, err := ParseTx(raw); err == nil {
			t.Errorf("%s: %+v", name, tx)
		}
	}
}

func FuzzParseTx(f *testing.F) {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{Witness: wire.TxWitness{{1, 2}}})
	tx.AddTxOut(wire.NewTxOut(7, []byte{0x51}))
	f.Add(serialised(f, tx))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := ParseTx(raw)
		if err != nil {
			return
		}
		var want wire.MsgTx
		if err := want.Deserialize(bytes.NewReader(raw)); err != nil {
			return // it is stricter, and so is the node
		}
		if chainhash.Hash(got.ID) != want.TxHash() {
			t.Errorf("%x is %x", raw, got.ID)
		}
	})
}
