package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"satchel/chain"
	"satchel/fault"
	"satchel/invoice"
	"satchel/wallet"
)

// deriver gives addresses to new invoices. Those of a key that only the node can derive are asked from it ahead of time
// and kept in the store, which serves them from there.
type deriver struct{ key *wallet.WatchKey }

// Key names the watch key.
func (d deriver) Key() string { return d.key.Fingerprint() }

// Address derives. It does no I/O: it is called inside a transaction.
func (d deriver) Address(index uint32) (invoice.Address, error) {
	if d.key.NeedsNode() {
		return invoice.Address{}, fault.New(fault.Unavailable, "No address is ready: the node must derive more of them.").After(time.Second)
	}
	a, err := d.key.Derive(index)
	if errors.Is(err, wallet.ErrSkip) {
		return invoice.Address{}, invoice.ErrSkip
	}
	return invoice.Address{Text: a.Text, Script: a.Script, Key: d.Key(), Index: index}, err
}

// lookahead keeps derived addresses that no invoice has yet.
type lookahead interface {
	Lookahead(ctx context.Context, key string) (next, have uint32, err error)
	PutLookahead(ctx context.Context, key string, list []invoice.Address) error
}

// lookAhead keeps enough derived addresses in the store, ahead of need.
func (d deriver) lookAhead(ctx context.Context, store lookahead, node wallet.NodeDeriver, log *slog.Logger) error {
	if !d.key.NeedsNode() {
		return nil
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := d.fill(ctx, store, node); err != nil && ctx.Err() == nil {
			log.Warn("addresses cannot be derived ahead", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (d deriver) fill(ctx context.Context, store lookahead, node wallet.NodeDeriver) error {
	next, have, err := store.Lookahead(ctx, d.Key())
	if err != nil {
		return err
	}
	from, to, need := d.key.Lookahead(next, have, lookAheadBy)
	if !need {
		return nil
	}
	derived, err := node.DeriveScripts(ctx, d.key.Descriptor(), from, to)
	if err != nil {
		return err
	}
	list := make([]invoice.Address, 0, len(derived))
	for _, a := range derived {
		list = append(list, invoice.Address{Text: a.Text, Script: a.Script, Key: d.Key(), Index: a.Index})
	}
	return store.PutLookahead(ctx, d.Key(), list)
}

// lookAheadBy is how many addresses that only the node derives wait for invoices.
const lookAheadBy = 1000

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
		list[i] = wallet.Address{Text: a.Address, Script: a.Script, Index: from + uint32(i)}
	}
	return list, nil
}
