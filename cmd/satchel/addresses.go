package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"satchel/chain"
	"satchel/fault"
	"satchel/invoice"
	"satchel/wallet"
)

// deriver gives addresses to new invoices. Keys that only the node can derive are served from a window that was asked
// from it ahead of time; an empty window refuses the invoice.
type deriver struct {
	key    *wallet.WatchKey
	mu     sync.Mutex
	window map[uint32]invoice.Address
	low    chan struct{} // size 1: the window runs low
}

func newDeriver(key *wallet.WatchKey) *deriver {
	return &deriver{key: key, window: map[uint32]invoice.Address{}, low: make(chan struct{}, 1)}
}

// Key names the watch key.
func (d *deriver) Key() string { return d.key.Fingerprint() }

// Address derives, or looks into the window. It does no I/O: it is called inside a transaction.
func (d *deriver) Address(index uint32) (invoice.Address, error) {
	if d.key.NeedsNode() {
		return d.fromWindow(index)
	}
	a, err := d.key.Derive(index)
	if errors.Is(err, wallet.ErrSkip) {
		return invoice.Address{}, invoice.ErrSkip
	}
	return invoice.Address{Text: a.Text, Script: a.Script, Key: d.Key(), Index: index}, err
}

func (d *deriver) fromWindow(index uint32) (invoice.Address, error) {
	d.mu.Lock()
	a, ok := d.window[index]
	delete(d.window, index-windowKept) // one that may be asked for again after a rolled back commit stays
	d.mu.Unlock()
	select {
	case d.low <- struct{}{}:
	default:
	}
	if !ok {
		return a, fault.New(fault.Unavailable, "No address is ready: the node must derive more of them.").After(time.Second)
	}
	return a, nil
}

// windowKept is how many addresses behind the newest one stay in the window.
const windowKept = 10_000

// lookahead keeps derived addresses that no invoice has yet.
type lookahead interface {
	Lookahead(ctx context.Context, key string) ([]invoice.Address, error)
	PutLookahead(ctx context.Context, key string, list []invoice.Address) error
	NextIndex(ctx context.Context, key string) (uint32, error)
}

// Run fills the window from the store and, ahead of need, from the node.
func (d *deriver) Run(ctx context.Context, store lookahead, node wallet.NodeDeriver, log *slog.Logger) error {
	if !d.key.NeedsNode() {
		return nil
	}
	stored, err := store.Lookahead(ctx, d.Key())
	if err != nil {
		return fmt.Errorf("read the look-ahead: %w", err)
	}
	have := uint32(0)
	for _, a := range stored {
		d.put(a)
		have = max(have, a.Index+1)
	}
	for {
		next, err := store.NextIndex(ctx, d.Key())
		if err != nil {
			return fmt.Errorf("read the look-ahead: %w", err)
		}
		have = max(have, next)
		if from, to, need := d.key.Lookahead(next, have, 0); need {
			if err := d.fill(ctx, store, node, from, to); err != nil {
				log.Warn("addresses cannot be derived ahead", "err", err)
			} else {
				have = to
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.low:
		case <-time.After(time.Second):
		}
	}
}

func (d *deriver) fill(ctx context.Context, store lookahead, node wallet.NodeDeriver, from, to uint32) error {
	derived, err := node.DeriveScripts(ctx, d.key.Descriptor(), from, to)
	if err != nil {
		return err
	}
	list := make([]invoice.Address, 0, len(derived))
	for _, a := range derived {
		list = append(list, invoice.Address{Text: a.Text, Script: a.Script, Key: d.Key(), Index: a.Index})
	}
	if err := store.PutLookahead(ctx, d.Key(), list); err != nil {
		return err
	}
	for _, a := range list {
		d.put(a)
	}
	return nil
}

func (d *deriver) put(a invoice.Address) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.window[a.Index] = a
}

// nodeDeriver lets the wallet ask the node. The node's range includes its end, the wallet's does not.
type nodeDeriver struct{ node *chain.Node }

// DeriveScripts gives the addresses of the indexes from (included) to (excluded).
func (n nodeDeriver) DeriveScripts(ctx context.Context, descriptor string, from, to uint32) ([]wallet.Address, error) {
	derived, err := n.node.DeriveScripts(ctx, descriptor, from, to-1)
	if err != nil {
		return nil, err
	}
	list := make([]wallet.Address, len(derived))
	for i, a := range derived {
		list[i] = wallet.Address{Text: a.Address, Script: a.Script, Index: from + uint32(i)} //nolint:gosec // bounded by to
	}
	return list, nil
}
