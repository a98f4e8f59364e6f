package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"satchel/money"
)

// Filter says which transactions concern us: those that pay a watched script, and those that spend a watched outpoint.
// Either part may be nil. A Filter is safe for concurrent use.
type Filter struct {
	Scripts *Scripts
	Spends  *Outpoints
}

// RawHeader is what a block's 80 bytes say of themselves. Height and work are not among it.
type RawHeader struct {
	Hash BlockHash
	Prev BlockHash
	Time time.Time // the miner's, which may lie by hours
	Bits uint32    // the compact target
}

const headerSize = 80

var (
	errCut   = errors.New("cut off, or a length in it is wrong")
	errTail  = errors.New("followed by bytes that do not belong to it")
	errValue = errors.New("pays an impossible amount")
)

// ScanBlock walks a serialised block (BIP 144) and returns its header and the transactions that concern us, in block
// order. It reads lengths and compares scripts in place; only what concerns us is hashed and copied. There is no limit
// on the size or number of anything but the block's own bytes. It checks form, not proof of work nor the merkle root:
// the node did that.
func (f *Filter) ScanBlock(raw []byte) (RawHeader, []Tx, error) {
	if len(raw) < headerSize {
		return RawHeader{}, nil, fmt.Errorf("block header: %w", errCut)
	}
	head := readHeader(raw[:headerSize])
	count, p := varint(raw, headerSize)
	if p < 0 {
		return head, nil, fmt.Errorf("block %v: transaction count: %w", head.Hash, errCut)
	}
	w := f.watch()
	defer w.done()
	var txs []Tx
	for i := range count {
		s := w.walk(raw, p)
		if s.end < 0 {
			return head, nil, fmt.Errorf("block %v: transaction %d of %d: %w", head.Hash, i, count, errCut)
		}
		if s.ours {
			tx, err := w.read(raw, p, s)
			if err != nil {
				return head, nil, fmt.Errorf("block %v: transaction %d of %d: %w", head.Hash, i, count, err)
			}
			txs = append(txs, tx)
		}
		p = s.end
	}
	if p != len(raw) {
		return head, nil, fmt.Errorf("block %v: %w", head.Hash, errTail)
	}
	return head, txs, nil
}

// ScanTx walks one serialised transaction, with or without witness, and tells whether it concerns us. The transaction
// is returned only if it does.
func (f *Filter) ScanTx(raw []byte) (Tx, bool, error) {
	w := f.watch()
	defer w.done()
	s := w.walk(raw, 0)
	if s.end < 0 {
		return Tx{}, false, fmt.Errorf("transaction: %w", errCut)
	}
	if s.end != len(raw) {
		return Tx{}, false, fmt.Errorf("transaction: %w", errTail)
	}
	if !s.ours {
		return Tx{}, false, nil
	}
	tx, err := w.read(raw, 0, s)
	if err != nil {
		return Tx{}, false, fmt.Errorf("transaction: %w", err)
	}
	return tx, true, nil
}

func readHeader(raw []byte) RawHeader {
	return RawHeader{
		Hash: doubleHash(raw),
		Prev: BlockHash(raw[4:36]),
		Time: time.Unix(int64(binary.LittleEndian.Uint32(raw[68:72])), 0).UTC(),
		Bits: binary.LittleEndian.Uint32(raw[72:76]),
	}
}

// read copies a walked transaction that concerns us out of raw.
func (w *watch) read(raw []byte, start int, s span) (Tx, error) {
	tx := Tx{ID: s.txid(raw, start)}
	inputs, p := varint(raw, s.inputs)
	for range inputs {
		in := raw[p : p+outpointSize]
		if inputs == 1 && isNull(in) {
			tx.Coinbase = true
		} else {
			if tx.Inputs == nil {
				tx.Inputs = make([]Outpoint, 0, inputs)
			}
			tx.Inputs = append(tx.Inputs, outpoint(in))
		}
		size, q := varint(raw, p+outpointSize)
		p = q + int(size) + sequenceSize //nolint:gosec // walked: it lies within raw
	}
	outputs, p := varint(raw, p)
	for i := range outputs {
		size, q := varint(raw, p+valueSize)
		script := raw[q : q+int(size)] //nolint:gosec // walked: it lies within raw
		if w.pays(script) {
			value := binary.LittleEndian.Uint64(raw[p : p+valueSize])
			if value > uint64(money.MaxSats) {
				return Tx{}, errValue
			}
			tx.Outputs = append(tx.Outputs, Output{
				Vout:   uint32(i),
				Sats:   money.Sats(value),
				Script: bytes.Clone(script),
			})
		}
		p = q + len(script)
	}
	return tx, nil
}

// txid hashes the transaction without marker, flag and witness (BIP 144).
func (s span) txid(raw []byte, start int) TxID {
	if s.witness == 0 {
		return doubleHash(raw[start:s.end])
	}
	h := sha256.New()
	h.Write(raw[start : start+versionSize])
	h.Write(raw[s.inputs:s.witness])
	h.Write(raw[s.end-lockTimeSize : s.end])
	var first [sha256.Size]byte
	return sha256.Sum256(h.Sum(first[:0]))
}

func doubleHash(raw []byte) [32]byte {
	first := sha256.Sum256(raw)
	return sha256.Sum256(first[:])
}

// isNull tells a coinbase's outpoint: no txid, the highest index.
func isNull(in []byte) bool {
	p := outpoint(in)
	return p.TxID == TxID{} && p.Vout == 1<<32-1
}
