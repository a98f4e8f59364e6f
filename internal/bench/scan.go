package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"

	"github.com/btcsuite/btcd/wire"

	"satchel/chain"
)

const (
	watched = 1_000_000
	scans   = 101
)

// scan measures a full block against a million scripts, beside hashing and merely summing its bytes.
func (b *bench) scan(context.Context) error {
	r := rand.NewChaCha8([32]byte{1})
	raw, err := fullBlock(r)
	if err != nil {
		return err
	}
	scripts := chain.NewScripts(watched)
	table := make(map[string]struct{}, watched)
	for range watched {
		s := script(r)
		scripts.Add(s)
		table[string(s)] = struct{}{}
	}
	var sum uint64
	floor, _ := median(scans, func() error {
		for i := 0; i+8 <= len(raw); i += 8 {
			sum += binary.LittleEndian.Uint64(raw[i:])
		}
		return nil
	})
	hash, _ := median(scans, func() error {
		h := sha256.Sum256(raw)
		sum += uint64(h[0])
		return nil
	})
	walk, err := median(scans, scanWith(&chain.Filter{}, raw))
	if err != nil {
		return err
	}
	full, err := median(scans, scanWith(&chain.Filter{Scripts: scripts}, raw))
	if err != nil {
		return err
	}
	ordinary, err := median(11, func() error { return wireScan(raw, table) })
	if err != nil {
		return err
	}
	if sum == 0 {
		return errors.New("nothing was read")
	}
	b.atMost(figure{Name: "full block scanned, 1,000,000 scripts", Value: full, Unit: "ms", Beside: "one SHA-256 of its bytes, ms", Limit: hash}, 1)
	b.atMost(figure{Name: "  the same", Value: full, Unit: "ms", Beside: "the walk alone, ms", Limit: walk}, 6)
	b.atMost(figure{Name: "full block walked", Value: walk, Unit: "ms", Beside: "summing its bytes, ms", Limit: floor}, 2.5)
	b.atLeast(figure{Name: "decoding it and a Go map", Value: ordinary, Unit: "ms", Beside: "our scan, ms", Limit: full}, 5)
	return nil
}

func scanWith(f *chain.Filter, raw []byte) func() error {
	return func() error {
		_, txs, err := f.ScanBlock(raw)
		if len(txs) > 0 {
			return errors.New("a foreign script was found")
		}
		return err
	}
}

func wireScan(raw []byte, table map[string]struct{}) error {
	var block wire.MsgBlock
	if err := block.Deserialize(bytes.NewReader(raw)); err != nil {
		return err
	}
	for _, tx := range block.Transactions {
		for _, out := range tx.TxOut {
			if _, ok := table[string(out.PkScript)]; ok {
				return errors.New("a foreign script was found")
			}
		}
	}
	return nil
}

func script(r *rand.ChaCha8) []byte {
	head, size := []byte{0x00, 20}, 20
	if r.Uint64()%3 == 0 {
		head, size = []byte{0x51, 32}, 32
	}
	s := make([]byte, size)
	_, _ = r.Read(s)
	return append(head, s...)
}

// fullBlock is shaped like one of mainnet: 1.6 MB, about 5,000 transactions with witnesses.
func fullBlock(r *rand.ChaCha8) ([]byte, error) {
	block := wire.MsgBlock{}
	for i := range 5_000 {
		tx := wire.NewMsgTx(2)
		for range 1 + i%3 {
			in := wire.NewTxIn(&wire.OutPoint{Index: uint32(i % 4)}, nil, nil)
			_, _ = r.Read(in.PreviousOutPoint.Hash[:])
			witness := make([]byte, 104)
			_, _ = r.Read(witness)
			in.Witness = wire.TxWitness{witness[:71], witness[71:]}
			tx.AddTxIn(in)
		}
		for range 2 {
			tx.AddTxOut(wire.NewTxOut(int64(i), script(r)))
		}
		block.Transactions = append(block.Transactions, tx)
	}
	var raw bytes.Buffer
	err := block.Serialize(&raw)
	return raw.Bytes(), err
}
