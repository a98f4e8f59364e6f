package chain

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
)

// Scripts is the set of scripts we watch, kept as 64-bit fingerprints in an open-addressing table with a Bloom filter in
// front: a lookup that misses, as nearly all do, reads one word.
//
// A script that was added is always found. A script that was not added may be found, too, when it shares the first and
// the last eight bytes of its program with a watched one: whoever acts on a match looks the whole script up first.
//
// Readers take no lock. A script costs 10 to 21 bytes, 19 at a million. The table doubles when it is full to seven
// eighths; the old one lives on beside the new one until it is collected, at most 31 bytes per script together. A table
// made for the right number never grows.
type Scripts struct {
	seed  maphash.Seed
	mu    sync.Mutex // held by writers only
	used  atomic.Int64
	table atomic.Pointer[scriptTable]
}

// scriptTable is one generation of the set. A slot is written once, and 0 means empty.
type scriptTable struct {
	shift uint     // fingerprint >> shift is the home slot
	slots []uint64 // a power of two of them
	marks []uint64 // the filter: one word for eight home slots, three bits in it for each fingerprint
}

const minScriptSlots = 1 << 6

// NewScripts makes a table that takes the expected number of scripts without growing.
func NewScripts(expected int) *Scripts {
	size := minScriptSlots
	for size/8*7 < expected {
		size *= 2
	}
	s := &Scripts{seed: maphash.MakeSeed()}
	s.table.Store(newScriptTable(size))
	return s
}

// Add starts watching a script. Every scan that starts after Add returns finds it.
func (s *Scripts) Add(script []byte) {
	fp := s.fingerprint(script)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table.Load()
	if t.has(fp) {
		return
	}
	used := int(s.used.Load()) + 1
	if used > len(t.slots)/8*7 {
		t = t.doubled()
		t.put(fp)
		s.table.Store(t)
	} else {
		t.put(fp)
	}
	s.used.Store(int64(used))
}

// Has tells whether the script may be one of ours. No means no.
func (s *Scripts) Has(script []byte) bool {
	return s.table.Load().has(s.fingerprint(script))
}

// Len is the number of different fingerprints, which is the number of different scripts for all we know.
func (s *Scripts) Len() int { return int(s.used.Load()) }

// programScripts has a bit for each length of a standard script: P2WPKH 22, P2SH 23, P2PKH 25, P2WSH and P2TR 34. In
// all of them bytes 3 to 10 and the last eight bytes belong to a hash or a key, which is as random as a hash of it.
const programScripts = 1<<22 | 1<<23 | 1<<25 | 1<<34

// fingerprint is never 0. Scripts of a standard length need no hash; a script of such a length that is not a standard
// one takes the same way, and finds itself as well.
func (s *Scripts) fingerprint(script []byte) uint64 {
	if n := len(script); n < 64 && programScripts>>n&1 == 1 {
		head := binary.LittleEndian.Uint64(script[3:11])
		tail := binary.LittleEndian.Uint64(script[n-8:])
		kind := uint64(n)<<8 | uint64(script[0])
		hi, lo := bits.Mul64(head^0x9e3779b97f4a7c15, tail^kind*0xd6e8feb86659fd93)
		return max(hi^lo, 1)
	}
	return max(maphash.Bytes(s.seed, script), 1)
}

func newScriptTable(size int) *scriptTable {
	return &scriptTable{
		shift: 64 - uint(bits.TrailingZeros(uint(size))),
		slots: make([]uint64, size),
		marks: make([]uint64, size/8),
	}
}

// mark gives the word of the filter and the bits in it that stand for a fingerprint. The word comes from the high bits
// and the bits from the low ones.
func (t *scriptTable) mark(fp uint64) (word *uint64, set uint64) {
	return &t.marks[fp>>(t.shift+3)], 1<<(fp&63) | 1<<(fp>>6&63) | 1<<(fp>>12&63)
}

func (t *scriptTable) has(fp uint64) bool {
	word, set := t.mark(fp)
	return atomic.LoadUint64(word)&set == set && t.find(fp)
}

func (t *scriptTable) find(fp uint64) bool {
	mask := uint(len(t.slots)) - 1
	for i := uint(fp >> t.shift); ; i++ {
		switch atomic.LoadUint64(&t.slots[i&mask]) {
		case fp:
			return true
		case 0:
			return false
		}
	}
}

// put writes a fingerprint that is not there yet. There is always room: an eighth of the slots stays empty.
func (t *scriptTable) put(fp uint64) {
	mask := uint(len(t.slots)) - 1
	i := uint(fp >> t.shift)
	for t.slots[i&mask] != 0 {
		i++
	}
	atomic.StoreUint64(&t.slots[i&mask], fp)
	word, set := t.mark(fp)
	atomic.OrUint64(word, set)
}

func (t *scriptTable) doubled() *scriptTable {
	bigger := newScriptTable(2 * len(t.slots))
	for _, fp := range t.slots {
		if fp != 0 {
			bigger.put(fp)
		}
	}
	return bigger
}
