package chain

import "sync"

// The bounds of what hints keep between two looks. Whoever can speak to the node's port can send us anything.
const (
	maxHintTxs   = 10_000
	maxHintParts = 500_000 // inputs and outputs of all the transactions together
)

// hints gathers what ZMQ says until somebody looks. It is bounded: what no longer fits becomes "compare everything".
type hints struct {
	wake chan struct{} // size 1: send or drop

	mu      sync.Mutex
	pending Hint
	parts   int
}

func newHints() *hints { return &hints{wake: make(chan struct{}, 1)} }

func (h *hints) take() Hint {
	h.mu.Lock()
	defer h.mu.Unlock()
	taken := h.pending
	h.pending, h.parts = Hint{}, 0
	return taken
}

func (h *hints) tx(tx Tx) {
	h.mu.Lock()
	h.parts += len(tx.Inputs) + len(tx.Outputs)
	if len(h.pending.Txs) < maxHintTxs && h.parts <= maxHintParts {
		h.pending.Txs = append(h.pending.Txs, tx)
	} else {
		h.pending.Resync = true
	}
	h.mu.Unlock()
	h.signal()
}

func (h *hints) removed(id TxID) {
	h.mu.Lock()
	if len(h.pending.Removed) < maxHintTxs {
		h.pending.Removed = append(h.pending.Removed, id)
	} else {
		h.pending.Resync = true
	}
	h.mu.Unlock()
	h.signal()
}

func (h *hints) block() {
	h.mu.Lock()
	h.pending.Blocks = true
	h.mu.Unlock()
	h.signal()
}

func (h *hints) resync() {
	h.mu.Lock()
	h.pending.Resync = true
	h.mu.Unlock()
	h.signal()
}

func (h *hints) joined() {
	h.mu.Lock()
	h.pending.Joined = true
	h.mu.Unlock()
	h.signal()
}

func (h *hints) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}
