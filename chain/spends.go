package chain

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// Outpoints is the set of outputs whose spending we want to hear of: the inputs of payments that are not settled yet.
// It counts references, since two payments may share an input (a replacement does). It is exact, and meant to be small:
// thousands, not millions.
type Outpoints struct {
	mu    sync.RWMutex
	refs  map[Outpoint]int
	marks [1 << 16]uint32 // how many members share the first 16 bits of their txid: most lookups end here
	size  atomic.Int64    // len(refs), so that an empty set costs a scan nothing
}

// NewOutpoints makes an empty set.
func NewOutpoints() *Outpoints {
	return &Outpoints{refs: make(map[Outpoint]int)}
}

// Add watches an outpoint once more.
func (o *Outpoints) Add(p Outpoint) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refs[p]++
	if o.refs[p] == 1 {
		o.marks[mark(p.TxID[:])]++
		o.size.Store(int64(len(o.refs)))
	}
}

// Remove watches an outpoint once less. Removing what was not added does nothing.
func (o *Outpoints) Remove(p Outpoint) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch o.refs[p] {
	case 0:
		return
	case 1:
		delete(o.refs, p)
		o.marks[mark(p.TxID[:])]--
		o.size.Store(int64(len(o.refs)))
	default:
		o.refs[p]--
	}
}

// Has tells whether the outpoint is watched.
func (o *Outpoints) Has(p Outpoint) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.refs[p] > 0
}

// Len is the number of different outpoints.
func (o *Outpoints) Len() int { return int(o.size.Load()) }

// mark is the set's coarse key: a txid is a hash, so its first bytes will do.
func mark(txid []byte) uint16 { return binary.LittleEndian.Uint16(txid) }

// hasRaw looks a serialised outpoint of 36 bytes up. The caller holds the read lock.
func (o *Outpoints) hasRaw(raw []byte) bool {
	return o.marks[mark(raw)] != 0 && o.refs[outpoint(raw)] > 0
}

// outpoint reads 36 bytes: the txid in internal order, and the index, little endian.
func outpoint(raw []byte) Outpoint {
	return Outpoint{TxID: TxID(raw[:32]), Vout: binary.LittleEndian.Uint32(raw[32:36])}
}
