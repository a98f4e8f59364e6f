package chain

import "encoding/binary"

// The fixed sizes of a serialised transaction's parts, in bytes.
const (
	versionSize  = 4
	outpointSize = 36
	sequenceSize = 4
	valueSize    = 8
	lockTimeSize = 4
)

// watch is a Filter for the length of one scan: the tables are looked up once, and the set of outpoints stays locked
// for reading until done.
type watch struct {
	scripts *Scripts
	table   *scriptTable
	spends  *Outpoints // nil when none is watched
}

func (f *Filter) watch() watch {
	var w watch
	if f.Scripts != nil && f.Scripts.Len() > 0 {
		w.scripts, w.table = f.Scripts, f.Scripts.table.Load()
	}
	if f.Spends != nil && f.Spends.Len() > 0 {
		w.spends = f.Spends
		w.spends.mu.RLock()
	}
	return w
}

func (w *watch) done() {
	if w.spends != nil {
		w.spends.mu.RUnlock()
	}
}

func (w *watch) pays(script []byte) bool {
	return w.table != nil && w.table.has(w.scripts.fingerprint(script))
}

// span is where a transaction's parts lie in the bytes that were walked. It has four members so that it travels in
// registers: a fifth makes the walk half as fast.
type span struct {
	inputs  int // where the number of inputs is written
	witness int // where the witnesses begin; 0 for a transaction without
	end     int // one past the last byte; negative: the bytes are no transaction
	ours    bool
}

// walk finds the parts of the transaction at raw[p:]. In this and all functions below a negative position means that
// raw is cut off or a length in it is wrong; it is handed on, so that loops need no second result.
func (w *watch) walk(raw []byte, p int) span {
	s := span{end: -1}
	if len(raw)-p < versionSize+2 {
		return s
	}
	s.inputs = p + versionSize
	segwit := raw[s.inputs] == 0
	if segwit {
		if raw[s.inputs+1] != 1 { // the only flag there is (BIP 144)
			return s
		}
		s.inputs += 2
	}
	inputs, p := varint(raw, s.inputs)
	p, spends := w.walkInputs(raw, p, inputs)
	p, pays := w.walkOutputs(raw, p)
	if p < 0 {
		return s
	}
	if segwit {
		s.witness = p
		p = walkWitnesses(raw, p, inputs)
	}
	if p < 0 || len(raw)-p < lockTimeSize {
		return s
	}
	s.end = p + lockTimeSize
	s.ours = spends || pays
	return s
}

// The three loops below read the length of one byte in place, since a call per length would double their time.

func (w *watch) walkInputs(raw []byte, p int, count uint64) (next int, ours bool) {
	if p < 0 {
		return -1, false
	}
	for ; count > 0; count-- {
		q := p + outpointSize + 1
		if q > len(raw)-sequenceSize {
			return -1, false
		}
		if w.spends != nil && w.spends.hasRaw(raw[p:q-1]) {
			ours = true
		}
		if raw[q-1] == 0 { // a native segwit input
			p = q + sequenceSize
			continue
		}
		size := uint64(raw[q-1])
		if size >= 0xfd {
			if size, q = wideVarint(raw, q-1); q < 0 {
				return -1, false
			}
		}
		if size > uint64(len(raw)-q) { //nolint:gosec // q lies within raw
			return -1, false
		}
		p = q + int(size) + sequenceSize //nolint:gosec // just bounded; the next look at p bounds it again
	}
	return p, ours
}

func (w *watch) walkOutputs(raw []byte, p int) (next int, ours bool) {
	count, p := varint(raw, p)
	if p < 0 {
		return -1, false
	}
	for ; count > 0; count-- {
		q := p + valueSize + 1
		if q > len(raw) {
			return -1, false
		}
		size := uint64(raw[q-1])
		if size >= 0xfd {
			if size, q = wideVarint(raw, q-1); q < 0 {
				return -1, false
			}
		}
		if size > uint64(len(raw)-q) { //nolint:gosec // q lies within raw
			return -1, false
		}
		p = q + int(size) //nolint:gosec // just bounded
		if w.table != nil && w.table.has(w.scripts.fingerprint(raw[q:p])) {
			ours = true
		}
	}
	return p, ours
}

func walkWitnesses(raw []byte, p int, inputs uint64) int {
	for ; inputs > 0; inputs-- {
		if n := usualWitness(raw, p); n > 0 {
			p += n
			continue
		}
		var items uint64
		if items, p = varint(raw, p); p < 0 {
			return -1
		}
		for ; items > 0; items-- {
			if p >= len(raw) {
				return -1
			}
			size := uint64(raw[p])
			p++
			if size >= 0xfd {
				if size, p = wideVarint(raw, p-1); p < 0 {
					return -1
				}
			}
			if size > uint64(len(raw)-p) { //nolint:gosec // p lies within raw
				return -1
			}
			p += int(size) //nolint:gosec // just bounded
		}
	}
	return p
}

// usualWitness gives the size of the witnesses that nearly all inputs have, or 0: a signature and a key of 33 bytes
// (P2WPKH), or a signature of 64 bytes (P2TR). It asks questions that the processor guesses right, where walking length
// by length waits for each length before it can read the next.
func usualWitness(raw []byte, p int) int {
	if p < 0 || p > len(raw)-128 {
		return 0
	}
	w := (*[128]byte)(raw[p:])
	if w[0] == 1 && w[1] == 64 {
		return 2 + 64
	}
	if size := w[1]; w[0] == 2 && size <= 73 && w[2+size] == 33 {
		return 2 + int(size) + 1 + 33
	}
	return 0
}

// varint reads a CompactSize at raw[p:] and gives the position behind it.
func varint(raw []byte, p int) (value uint64, next int) {
	if uint(p) < uint(len(raw)) && raw[p] < 0xfd { // a negative p becomes a huge one
		return uint64(raw[p]), p + 1
	}
	return wideVarint(raw, p)
}

// wideVarint reads a CompactSize of more than one byte. One that would have fitted in fewer is wrong, as for the node.
func wideVarint(raw []byte, p int) (value uint64, next int) {
	if p < 0 || p >= len(raw) {
		return 0, -1
	}
	rest := raw[p+1:]
	switch kind := raw[p]; {
	case kind == 0xfd && len(rest) >= 2:
		value, next = uint64(binary.LittleEndian.Uint16(rest)), p+3
		return value, canonical(value >= 0xfd, next)
	case kind == 0xfe && len(rest) >= 4:
		value, next = uint64(binary.LittleEndian.Uint32(rest)), p+5
		return value, canonical(value > 0xffff, next)
	case kind == 0xff && len(rest) >= 8:
		value, next = binary.LittleEndian.Uint64(rest), p+9
		return value, canonical(value > 0xffffffff, next)
	}
	return 0, -1
}

func canonical(is bool, next int) int {
	if is {
		return next
	}
	return -1
}
