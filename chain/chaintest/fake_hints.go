package chaintest

import (
	"sync"

	"satchel/chain"
)

// fakeHints is the hint feed of a Fake. It has a lock of its own: the feed is read while the chain changes.
type fakeHints struct {
	wake chan struct{}

	mu      sync.Mutex
	pending chain.Hint
	live    bool
	muted   bool
}

// Wake gives a channel that has something in it when there are hints.
func (f *Fake) Wake() <-chan struct{} { return f.hints.wake }

// Take gives the hints since the last call and forgets them.
func (f *Fake) Take() chain.Hint {
	f.hints.mu.Lock()
	defer f.hints.mu.Unlock()
	taken := f.hints.pending
	f.hints.pending = chain.Hint{}
	return taken
}

// Live tells whether the links are up.
func (f *Fake) Live() bool {
	f.hints.mu.Lock()
	defer f.hints.mu.Unlock()
	return f.hints.live
}

// SetLive takes the links down, which loses hints, or brings them up again, which asks for a Resync as a real link does.
func (f *Fake) SetLive(live bool) {
	f.hints.mu.Lock()
	back := live && !f.hints.live
	f.hints.live, f.hints.muted = live, !live
	f.hints.mu.Unlock()
	if back {
		f.Hint(chain.Hint{Resync: true})
	}
}

// Mute loses hints without anybody noticing, as ZMQ does beyond its high-water mark.
func (f *Fake) Mute(muted bool) {
	f.hints.mu.Lock()
	defer f.hints.mu.Unlock()
	f.hints.muted = muted
}

// Hint feeds a hint by hand: a lie, a repetition, a Resync.
func (f *Fake) Hint(hint chain.Hint) { f.hints.feed(hint) }

func (h *fakeHints) feed(hint chain.Hint) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.muted {
		return
	}
	h.pending.Blocks = h.pending.Blocks || hint.Blocks
	h.pending.Resync = h.pending.Resync || hint.Resync
	h.pending.Joined = h.pending.Joined || hint.Joined
	h.pending.Txs = append(h.pending.Txs, hint.Txs...)
	h.pending.Removed = append(h.pending.Removed, hint.Removed...)
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *fakeHints) tx(tx chain.Tx)        { h.feed(chain.Hint{Txs: []chain.Tx{tx}}) }
func (h *fakeHints) removed(id chain.TxID) { h.feed(chain.Hint{Removed: []chain.TxID{id}}) }
func (h *fakeHints) block()                { h.feed(chain.Hint{Blocks: true}) }
