package main

import (
	"context"
	"fmt"

	"satchel/chain"
)

// stage brings about one fee bump, one theft and one reorg for sure, while nobody mines and the daemon lives: a run in
// which chance left one of them out would prove less than it says.
func (w *world) stage(ctx context.Context) error {
	for _, act := range []struct {
		name string
		do   func(context.Context, chain.TxID) error
	}{{"bumped", w.bump}, {"stolen", w.steal}} {
		o, err := w.order(ctx, fmt.Sprintf("chaos-%d-%s", w.seed, act.name), 20, "medium")
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.issued[o.Address] = o.ID
		w.mu.Unlock()
		id, err := w.send(ctx, o, o.Due)
		if err == nil {
			err = act.do(ctx, id)
		}
		if err != nil {
			return fmt.Errorf("an invoice whose payment is %s: %w", act.name, err)
		}
	}
	if _, err := w.node.Mine(ctx, 1, ""); err != nil {
		return err
	}
	w.stats.blocks.Add(1)
	return w.reorg(ctx, 2)
}
