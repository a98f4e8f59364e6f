package tracker

import (
	"errors"
	"fmt"
	"time"

	"satchel/chain"
	"satchel/fault"
)

// Reason says why new payments would not be seen, in the words of /readyz; "" when they would.
type Reason string

// The reasons.
const (
	NodeUnreachable  Reason = "node_unreachable"
	NodeSyncing      Reason = "node_syncing"
	NodeBehind       Reason = "node_behind"
	NodePrunedGap    Reason = "node_pruned_gap"
	NodeWrongNetwork Reason = "node_wrong_network"
	NodeForked       Reason = "node_forked"
	TipLagging       Reason = "tip_lagging"
)

// Health is how the tracker sees itself and the node.
type Health struct {
	Reason   Reason // "": all is well
	Sentence string // what an operator can do about it
	Help     string // what anybody may be told to do about it; "": to try again
	Since    time.Time
	Tip      chain.Header
	NodeTip  int32
	Synced   time.Time // the last complete look at chain and mempool
	Mempool  int       // transactions in the node's mempool then
}

// Health gives the present state; safe for any goroutine.
func (t *Tracker) Health() Health {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.health
}

// Ready is nil when a new invoice would be watched (invoice.Gate).
func (t *Tracker) Ready() error {
	h := t.Health()
	if h.Reason == "" {
		return nil
	}
	if h.Help != "" {
		return fault.New(fault.Unavailable, "The bitcoin node is not available (%s): %s.", h.Reason, h.Help).After(retryAfter)
	}
	return fault.New(fault.Unavailable, "The bitcoin node is not available (%s). Try again shortly.", h.Reason).After(retryAfter)
}

const retryAfter = 5 * time.Second

// errSyncing and errLagging are states of a node that answers.
var (
	errSyncing = errors.New("the node is still downloading or verifying the chain")
	errUnmined = fmt.Errorf("%w: %s", errSyncing, mineOne)
	errLagging = errors.New("blocks of the node are not processed yet")
)

// mineOne is what to do about a regtest node that believes it is behind: its clock alone tells it so, for it has no peers.
const mineOne = "a regtest node says so until it has a block of the last 24 hours; mine one with `bitcoin-cli -regtest -generate 1`"

// seeLogin is where an operator finds what the node refuses.
const seeLogin = "; see cookie_file, or user and password, under [node] of the configuration"

// syncing tells how far a node is that says it is not at the chain's end.
func syncing(info chain.Info) error {
	if info.Chain == "regtest" {
		return errUnmined
	}
	return fmt.Errorf("%w: it has block %d, and knows of block %d", errSyncing, info.Best.Height, info.Headers)
}

// report keeps what a round came to, and logs a change of state once.
func (t *Tracker) report(err error) {
	reason := classify(err)
	if reason == TipLagging && t.recent() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	h := &t.health
	h.Tip, h.Synced, h.Mempool = t.tip, t.pass.began, len(t.seen)
	h.NodeTip = max(h.NodeTip, t.tip.Height)
	h.Sentence, h.Help = "", ""
	if err != nil {
		h.Sentence = err.Error()
	}
	if errors.Is(err, chain.ErrRefused) {
		h.Sentence += seeLogin
	}
	if errors.Is(err, errUnmined) {
		h.Help = mineOne
	}
	if t.told && reason == h.Reason {
		return
	}
	if reason != h.Reason {
		h.Since = t.cfg.Now()
	}
	t.told, h.Reason = true, reason
	if reason == "" {
		t.cfg.Log.Info("watching", "height", t.tip.Height, "tip", t.tip.Hash.String())
		return
	}
	t.cfg.Log.Warn("not watching", "reason", string(reason), "err", h.Sentence)
}

// lagPatience is how old the last whole look may be while blocks come that we have not read.
const lagPatience = 10 * time.Second

// recent tells that all was well a moment ago: blocks that come faster than they are read are no reason yet to refuse a shop.
func (t *Tracker) recent() bool {
	age := t.cfg.Now().Sub(t.feed.looked)
	return t.Health().Reason == "" && age >= 0 && age < lagPatience
}

func classify(err error) Reason {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, chain.ErrBehind):
		return NodeBehind
	case errors.Is(err, chain.ErrPruned):
		return NodePrunedGap
	case errors.Is(err, chain.ErrWrongNetwork):
		return NodeWrongNetwork
	case errors.Is(err, chain.ErrTooDeep):
		return NodeForked
	case errors.Is(err, errSyncing), errors.Is(err, chain.ErrNotReady), errors.Is(err, chain.ErrMempoolLoading):
		return NodeSyncing
	case errors.Is(err, errLagging), errors.Is(err, chain.ErrMoved):
		return TipLagging
	}
	return NodeUnreachable
}

func (t *Tracker) sawNode(height int32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.health.NodeTip = height
}

// prunedHelp adds to an error of a pruned block how to get it back.
func prunedHelp(err error, tip int32) error {
	return fmt.Errorf("%w: blocks after %d are missing; raise prune= or set prune=0 in bitcoin.conf, restart the node with -reindex, and Satchel goes on by itself", err, tip)
}
