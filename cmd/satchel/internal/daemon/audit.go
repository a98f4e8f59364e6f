package daemon

import (
	"bytes"
	"cmp"
	"context"
	"errors"

	"satchel/chain"
	"satchel/cmd/satchel/internal/keys"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/tracker"
)

// reconcile compares the records with the chain through a node of its own, whose filter holds every address that was
// recorded, every one that the keys derive up to the next index, and some beyond.
func (d *parts) reconcile(ctx context.Context, from int32, progress func(done, of int32)) (tracker.Balance, error) {
	scripts := chain.NewScripts(0)
	if _, err := d.db.LoadScripts(scripts.Add); err != nil {
		return tracker.Balance{}, err
	}
	err := d.eachDerived(ctx, true, func(script []byte, _ uint32, _ merchant.ID) bool {
		scripts.Add(script)
		return true
	})
	if err != nil {
		return tracker.Balance{}, err
	}
	if from == 0 {
		if from, err = d.watchedFrom(ctx); err != nil {
			return tracker.Balance{}, err
		}
	}
	cfg := d.set.Node
	cfg.Filter, cfg.Log = &chain.Filter{Scripts: scripts, Spends: chain.NewOutpoints()}, d.part("reconcile")
	node, err := chain.NewNode(cfg)
	if err != nil {
		return tracker.Balance{}, err
	}
	defer node.Close()
	b, err := tracker.Reconcile(ctx, tracker.Audit{Credits: d.db, Source: node, From: from, Progress: progress})
	switch {
	case errors.Is(err, tracker.ErrNoTip):
		return b, fault.New(fault.Unavailable, "%s: %s", tracker.ErrNoTip, cmp.Or(d.tracker.Health().Sentence, "try again shortly"))
	case errors.Is(err, chain.ErrPruned):
		return b, fault.New(fault.Unavailable, "the node pruned a block that is needed; name a later one with --from, or compare beside a node that has them all").Because(err)
	}
	return b, err
}

// watchedFrom is the first block in which a payment can be.
func (d *parts) watchedFrom(ctx context.Context) (int32, error) {
	from, err := d.db.Started(ctx)
	if err != nil {
		return 0, err
	}
	known, err := d.db.Keys(ctx)
	for _, k := range known {
		if k.Birthday > 0 {
			from = min(from, k.Birthday)
		}
	}
	return max(from, 1), err
}

// eachDerived derives some addresses of every key beyond what was issued, and before them what was issued if that is wanted,
// until fn has enough.
func (d *parts) eachDerived(ctx context.Context, issued bool, fn func(script []byte, index uint32, m merchant.ID) bool) error {
	known, err := d.db.Keys(ctx)
	if err != nil {
		return err
	}
	for _, k := range known {
		key := d.keys.WatchKey(k.Fingerprint)
		if key == nil {
			continue
		}
		span := keys.Span{From: k.Next, To: k.Next + keys.Beyond}
		if issued {
			span.From = 0
		}
		for a, err := range keys.Derived(ctx, key, keys.ByNode(d.node), span) {
			if err != nil {
				return err
			}
			if !fn(a.Script, a.Index, k.Merchant) {
				return nil
			}
		}
	}
	return nil
}

// beyond finds a script among the addresses of a merchant's keys that were not issued.
func (d *parts) beyond(ctx context.Context, m merchant.ID, script []byte) (index uint32, ok bool) {
	if index, ok, err := d.db.Skipped(ctx, m, script); err != nil || ok {
		return index, ok && err == nil
	}
	err := d.eachDerived(ctx, false, func(s []byte, i uint32, of merchant.ID) bool {
		if ok = of == m && bytes.Equal(s, script); ok {
			index = i
		}
		return !ok
	})
	return index, ok && err == nil
}

// known tells whether the node's mempool has a transaction.
func (d *parts) known(ctx context.Context, id invoice.TxID) (bool, error) {
	_, ok, err := d.node.Entry(ctx, chain.TxID(id))
	return ok, err
}

// changes wakes whoever follows the event log.
func (d *parts) changes() (wake <-chan struct{}, cancel func(), err error) {
	return d.hub.Subscribe("*")
}
