package chaintest

import (
	"context"
	"slices"

	"satchel/chain"
	"satchel/money"
)

// enter starts a call: it takes the lock, and gives the failure that was asked for.
func (f *Fake) enter(ctx context.Context, method string) (leave func(), err error) {
	f.mu.Lock()
	fail := f.fail
	f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if fail != nil {
		if err := fail(method); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	return f.mu.Unlock, nil
}

// Info says where the node stands.
func (f *Fake) Info(ctx context.Context) (chain.Info, error) {
	leave, err := f.enter(ctx, "Info")
	if err != nil {
		return chain.Info{}, err
	}
	defer leave()
	tip := f.tip()
	return chain.Info{
		Best:            chain.Header{Hash: tip.Hash, Height: tip.Height, Work: tip.Work},
		Headers:         tip.Height,
		InitialDownload: f.syncing,
		Chain:           "regtest",
	}, nil
}

func (f *Fake) tip() chain.Header { return f.best[len(f.best)-1].header }

// Tip gives the best block's header.
func (f *Fake) Tip() chain.Header {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tip()
}

// Header gives a block's header; code -5 for one that never was.
func (f *Fake) Header(ctx context.Context, hash chain.BlockHash) (chain.Header, error) {
	leave, err := f.enter(ctx, "Header")
	if err != nil {
		return chain.Header{}, err
	}
	defer leave()
	if b := f.blocks[hash]; b != nil {
		return b.header, nil
	}
	return chain.Header{}, &chain.RPCError{Code: -5, Message: "Block not found"}
}

// HashAt gives the best chain's block at a height.
func (f *Fake) HashAt(ctx context.Context, height int32) (chain.BlockHash, bool, error) {
	leave, err := f.enter(ctx, "HashAt")
	if err != nil {
		return chain.BlockHash{}, false, err
	}
	defer leave()
	if height < 0 || int(height) >= len(f.best) {
		return chain.BlockHash{}, false, nil
	}
	return f.best[height].header.Hash, true, nil
}

// Steps gives the moves from our chain to the best one.
func (f *Fake) Steps(ctx context.Context, ours chain.OurChain, limit int) ([]chain.Step, error) {
	leave, err := f.enter(ctx, "Steps")
	if err != nil {
		return nil, err
	}
	defer leave()
	at, best := ours.Tip(), f.tip()
	if best.Hash == at.Hash {
		return nil, nil
	}
	if best.Work.Cmp(at.Work) < 0 {
		return nil, chain.ErrBehind
	}
	var steps []chain.Step
	for !f.isBest(at) {
		below, ok := ours.HeaderAt(at.Height - 1)
		if !ok {
			return nil, chain.ErrTooDeep
		}
		steps = append(steps, chain.Step{Op: chain.Disconnect, Header: at})
		at = below
	}
	above := f.best[at.Height+1:]
	for _, b := range above[:min(len(above), max(limit, 1))] {
		step := chain.Step{Op: chain.Connect, Header: b.header}
		for _, tx := range b.txs {
			if tx, ok := f.concerns(tx); ok {
				step.Txs = append(step.Txs, tx)
			}
		}
		steps = append(steps, step)
	}
	return steps, nil
}

func (f *Fake) isBest(h chain.Header) bool {
	return int(h.Height) < len(f.best) && f.best[h.Height].header.Hash == h.Hash
}

// Mempool gives the mempool's ids by time of arrival.
func (f *Fake) Mempool(ctx context.Context) (chain.Mempool, error) {
	leave, err := f.enter(ctx, "Mempool")
	if err != nil {
		return chain.Mempool{}, err
	}
	defer leave()
	if f.loading {
		return chain.Mempool{}, chain.ErrMempoolLoading
	}
	return chain.Mempool{IDs: slices.Clone(f.order), Tip: f.tip().Hash}, nil
}

// Loaded gives the best block of a node whose mempool is loaded.
func (f *Fake) Loaded(ctx context.Context) (chain.BlockHash, error) {
	leave, err := f.enter(ctx, "Loaded")
	if err != nil {
		return chain.BlockHash{}, err
	}
	defer leave()
	if f.loading {
		return chain.BlockHash{}, chain.ErrMempoolLoading
	}
	return f.tip().Hash, nil
}

// Entry gives what the mempool says of a transaction.
func (f *Fake) Entry(ctx context.Context, id chain.TxID) (chain.Entry, bool, error) {
	leave, err := f.enter(ctx, "Entry")
	if err != nil {
		return chain.Entry{}, false, err
	}
	defer leave()
	p := f.pool[id]
	if p == nil {
		return chain.Entry{}, false, nil
	}
	entry := p.entry
	entry.Ancestors = len(f.ancestors(p.tx, map[chain.TxID]bool{}))
	return entry, true, nil
}

func (f *Fake) ancestors(tx chain.Tx, seen map[chain.TxID]bool) map[chain.TxID]bool {
	for _, in := range tx.Inputs {
		if p := f.pool[in.TxID]; p != nil && !seen[in.TxID] {
			seen[in.TxID] = true
			f.ancestors(p.tx, seen)
		}
	}
	return seen
}

// Txs gives those of the mempool's transactions that concern us, and what is not in it.
func (f *Fake) Txs(ctx context.Context, ids []chain.TxID) (ours []chain.Tx, left []chain.TxID, err error) {
	leave, err := f.enter(ctx, "Txs")
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	for _, id := range ids {
		p := f.pool[id]
		if p == nil {
			left = append(left, id)
			continue
		}
		if tx, ok := f.concerns(p.tx); ok {
			ours = append(ours, tx)
		}
	}
	return ours, left, nil
}

// Spender finds who spends one of the outpoints in the mempool.
func (f *Fake) Spender(ctx context.Context, spent []chain.Outpoint) (chain.TxID, bool, error) {
	leave, err := f.enter(ctx, "Spender")
	if err != nil {
		return chain.TxID{}, false, err
	}
	defer leave()
	for _, out := range spent {
		for _, id := range f.order {
			if slices.Contains(f.pool[id].tx.Inputs, out) {
				return id, true, nil
			}
		}
	}
	return chain.TxID{}, false, nil
}

// FeeFloor gives what SetFeeFloor set.
func (f *Fake) FeeFloor(ctx context.Context) (money.SatPerVB, error) {
	leave, err := f.enter(ctx, "FeeFloor")
	if err != nil {
		return 0, err
	}
	defer leave()
	return f.floor, nil
}
