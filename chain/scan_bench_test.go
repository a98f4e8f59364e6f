package chain

import (
	"bytes"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire"
)

// BenchmarkScanFloor reads every byte of the block once: what any scan costs at least.
func BenchmarkScanFloor(b *testing.B) {
	raw := blockBytes(b, fullBlock(b, 1))
	b.SetBytes(int64(len(raw)))
	var sum uint64
	for b.Loop() {
		sum += sumWords(raw)
	}
	_ = sum
}

// BenchmarkScanWalk walks the block and watches nothing. Target: at most 2.5 times the floor.
func BenchmarkScanWalk(b *testing.B) { benchmarkScan(b, &Filter{}) }

// BenchmarkScanMillion watches a million scripts. Target: at most 6 times the walk.
func BenchmarkScanMillion(b *testing.B) { benchmarkScan(b, &Filter{Scripts: manyScripts(1_000_000)}) }

// BenchmarkScanTenThousand watches ten thousand scripts.
func BenchmarkScanTenThousand(b *testing.B) { benchmarkScan(b, &Filter{Scripts: manyScripts(10_000)}) }

// BenchmarkScanSpends watches a million scripts and ten thousand outpoints.
func BenchmarkScanSpends(b *testing.B) {
	f := &Filter{Scripts: manyScripts(1_000_000), Spends: NewOutpoints()}
	r := scanRand(5)
	for range 10_000 {
		f.Spends.Add(Outpoint{TxID: TxID(randomBytes(r, 32))})
	}
	benchmarkScan(b, f)
}

func benchmarkScan(b *testing.B, f *Filter) {
	b.Helper()
	raw := blockBytes(b, fullBlock(b, 1))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, txs, err := f.ScanBlock(raw); err != nil || len(txs) != 0 {
			b.Fatal(len(txs), err)
		}
	}
}

// BenchmarkScanWire is the ordinary way, for comparison: decode with wire, then look into a Go map of a million.
func BenchmarkScanWire(b *testing.B) {
	raw := blockBytes(b, fullBlock(b, 1))
	r := scanRand(99)
	watched := make(map[string]uint32, 1_000_000)
	for i := range 1_000_000 {
		if i%3 == 0 {
			watched[string(trScript(r))] = 1
		} else {
			watched[string(wpkhScript(r))] = 1
		}
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		var block btcwire.MsgBlock
		if err := block.Deserialize(bytes.NewReader(raw)); err != nil {
			b.Fatal(err)
		}
		for _, tx := range block.Transactions {
			for _, out := range tx.TxOut {
				if watched[string(out.PkScript)] != 0 {
					b.Fatal("a foreign script was found")
				}
			}
		}
	}
}

// BenchmarkScanTx scans one small foreign transaction, as a rawtx message brings it.
func BenchmarkScanTx(b *testing.B) {
	raw := txBytes(b, fullBlock(b, 1).Transactions[1])
	f := &Filter{Scripts: manyScripts(1_000_000), Spends: NewOutpoints()}
	f.Spends.Add(Outpoint{Vout: 1})
	b.ReportAllocs()
	for b.Loop() {
		if _, ours, err := f.ScanTx(raw); ours || err != nil {
			b.Fatal(ours, err)
		}
	}
}
