package chain

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"
)

// The topics that we listen to.
const (
	rawTx = iota
	sequence
	hashBlock
	topicCount
)

//nolint:gochecknoglobals // a constant in all but name
var topicNames = [topicCount]string{rawTx: "rawtx", sequence: "sequence", hashBlock: "hashblock"}

// message is one ZMQ message: topic, body, and the topic's counter in 4 bytes, little endian.
type message struct {
	frames [3][]byte
	count  int // frames there were
}

// counter gives the message's number; false for one that is not of bitcoind's form.
func (m *message) counter() (uint32, bool) {
	if m.count != 3 || len(m.frames[2]) != 4 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(m.frames[2]), true
}

// handle takes one message of a link. It runs in the link's goroutine, which is why the scan is done here: nothing
// stands between a payment's message and the wake-up.
func (w *Watcher) handle(l *zmqLink, m message) {
	i := slices.IndexFunc(l.topics, func(t *topic) bool { return t.name == string(m.frames[0]) })
	if i < 0 {
		l.topics[0].junk() // a topic that only begins like one of ours
		return
	}
	t := l.topics[i]
	number, ok := m.counter()
	if !ok {
		t.junk()
		return
	}
	lost, first := t.step(number)
	if lost {
		w.hints.resync()
	}
	if first {
		w.hints.joined()
	}
	switch body := m.frames[1]; t.name {
	case topicNames[rawTx]:
		w.handleTx(t, body)
	case topicNames[sequence]:
		w.handleSequence(t, body)
	case topicNames[hashBlock]:
		w.handleHash(t, body)
	}
}

func (w *Watcher) handleTx(t *topic, raw []byte) {
	tx, ours, err := w.cfg.Filter.ScanTx(raw)
	if err != nil {
		t.junk()
		return
	}
	t.message(w.cfg.Now())
	if ours {
		w.hints.tx(tx)
	}
}

// handleSequence reads a hash in display order and what happened to it: C or D, a block came or went; or A or R and
// eight bytes, a transaction came into the mempool or left it. A is left to rawtx.
func (w *Watcher) handleSequence(t *topic, body []byte) {
	var label byte
	if len(body) == 33 || len(body) == 41 {
		label = body[32]
	}
	block := len(body) == 33 && (label == 'C' || label == 'D')
	if !block && (len(body) != 41 || label != 'A' && label != 'R') {
		t.junk()
		return
	}
	t.message(w.cfg.Now())
	switch {
	case block:
		w.hints.block()
	case label == 'R':
		id := TxID(body[:32])
		slices.Reverse(id[:])
		if w.cfg.Tracked(id) {
			w.hints.removed(id)
		}
	}
}

func (w *Watcher) handleHash(t *topic, body []byte) {
	if len(body) != len(BlockHash{}) {
		t.junk()
		return
	}
	t.message(w.cfg.Now())
	w.hints.block()
}

// topic is the state of one topic. Its link's goroutine writes it, anybody may ask for its health.
type topic struct {
	name string

	mu      sync.Mutex
	state   TopicHealth
	counter uint32 // of the last message
	counted bool   // there was one since the address was assigned
	joining bool   // there was none since the link came up
}

func (t *topic) health() TopicHealth {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.state
	h.Topic = t.name
	return h
}

func (t *topic) assign(address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.Address, t.state.Connected, t.counted = address, false, false
}

func (t *topic) connected(up bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.Connected, t.joining = up, up
}

// step notes a message's number and tells whether messages were lost before it, and whether it is the first one of its
// link: nobody knows what was said before that. The numbers wrap at 2^32 and start again at 0 with the node, which counts
// as a loss.
func (t *topic) step(number uint32) (lost, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lost, first = t.counted && number != t.counter+1, t.joining
	t.counter, t.counted, t.joining = number, true, false
	if lost {
		t.state.Gaps++
	}
	return lost, first
}

func (t *topic) message(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.Messages++
	t.state.Last = now
}

func (t *topic) junk() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.Junk++
}
