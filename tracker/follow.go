package tracker

import (
	"context"
	"errors"
	"slices"
	"time"

	"satchel/chain"
	"satchel/invoice"
)

// batch is how many blocks share a commit during catch-up.
const batch = 64

// position is our chain as the node's answers are held against it: the tip in memory, older headers from the store.
type position struct {
	ctx   context.Context //nolint:containedctx // lives for one call of Steps, whose interface has no context
	store Store
	tip   chain.Header
	err   error
}

// Tip gives our best block.
func (p *position) Tip() chain.Header { return p.tip }

// HeaderAt reads an older header; a failure is kept, for "not found" would mean something else.
func (p *position) HeaderAt(height int32) (h chain.Header, ok bool) {
	err := p.store.ViewChain(p.ctx, func(tx Reader) error {
		h, ok = tx.HeaderAt(height)
		return nil
	})
	if err != nil {
		p.err = err
	}
	return h, ok
}

// movedTries is how often in a row the node's chain may move while it is read before that counts as lagging.
const movedTries = 5

// follow brings our chain to the node's best one.
func (t *Tracker) follow(ctx context.Context) error {
	info, err := t.cfg.Source.Info(ctx)
	if err != nil {
		return err
	}
	t.first = true
	t.sawNode(info.Best.Height)
	if info.InitialDownload {
		return syncing(info)
	}
	if t.tip.Hash == info.Best.Hash {
		return nil
	}
	if t.tip == (chain.Header{}) {
		if err := t.begin(ctx, info); err != nil {
			return err
		}
	}
	for {
		steps, err := t.steps(ctx)
		if err != nil || len(steps) == 0 {
			return err
		}
		more, err := t.loosen(ctx, steps)
		if err != nil {
			return err
		}
		if more {
			continue // and look at the blocks again
		}
		if err := t.apply(ctx, steps); err != nil {
			return err
		}
		if len(steps) >= batch {
			t.report(errLagging)
		}
	}
}

// steps gives the next moves towards the node's best block.
func (t *Tracker) steps(ctx context.Context) ([]chain.Step, error) {
	for moved := 0; ; moved++ {
		p := &position{ctx: ctx, store: t.cfg.Store, tip: t.tip}
		steps, err := t.cfg.Source.Steps(ctx, p, batch)
		switch {
		case p.err != nil:
			return nil, storeError{p.err}
		case errors.Is(err, chain.ErrPruned):
			return nil, prunedHelp(err, t.tip.Height)
		case !errors.Is(err, chain.ErrMoved) || moved == movedTries:
			return steps, err
		}
	}
}

// loosen makes known what the payments of a block spend that is about to go away, and tells whether anything was new:
// the blocks that follow may hold what takes their place. Settled payments are not watched otherwise.
func (t *Tracker) loosen(ctx context.Context, steps []chain.Step) (more bool, err error) {
	loose := map[invoice.TxID][]invoice.Outpoint{}
	err = t.cfg.Store.ViewChain(ctx, func(tx Reader) error {
		for _, s := range steps {
			if s.Op != chain.Disconnect {
				return nil
			}
			if err := t.unwatched(tx, s.Header.Hash, loose); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, storeError{err}
	}
	for id, spends := range loose {
		t.watchSpends(id, spends)
		more = more || len(spends) > 0
	}
	return more, nil
}

// unwatched collects what those payments spend that are not watched, of the invoices that a block holds something of:
// also what is gone may come back, or be taken for good.
func (t *Tracker) unwatched(tx Reader, block chain.BlockHash, spends map[invoice.TxID][]invoice.Outpoint) error {
	held, err := tx.ReceiptsIn(block)
	if err != nil {
		return err
	}
	done := map[invoice.Ref]bool{}
	for _, one := range held {
		if done[one.Ref] {
			continue
		}
		done[one.Ref] = true
		receipts, err := tx.Receipts(one.Ref)
		if err != nil {
			return err
		}
		for _, r := range receipts {
			id := r.Outpoint.TxID
			if t.follows(chain.TxID(id)) {
				continue
			}
			if spends[id], err = tx.Spends(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// history is how many headers below the first tip are taken with it: a reorg right after the start must find its fork.
// Blocks below the first tip need no look, for no address was issued yet, or the birthday says so.
const history = 144

// begin sets the first tip: the block before the birthday, or the node's best one.
func (t *Tracker) begin(ctx context.Context, info chain.Info) error {
	hash := info.Best.Hash
	if b := t.cfg.Birthday; b > 0 && b <= info.Best.Height {
		h, ok, err := t.cfg.Source.HashAt(ctx, b-1)
		if err != nil {
			return err
		}
		if ok {
			hash = h
		}
	}
	headers := make([]chain.Header, 0, history)
	for len(headers) < history {
		h, err := t.cfg.Source.Header(ctx, hash)
		if err != nil {
			return err
		}
		headers = append(headers, h)
		if hash = h.Prev; hash == (chain.BlockHash{}) {
			break
		}
	}
	err := t.commit(ctx, func(tx Tx) error {
		for _, h := range slices.Backward(headers) {
			if err := tx.SetTip(chain.Step{Op: chain.Connect, Header: h}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.tip = headers[0]
	return nil
}

// apply puts steps and all that they do to invoices into one commit. Invoices are looked at once, at the end: a payment
// that moves from one block to another in a reorg has not gone anywhere.
func (t *Tracker) apply(ctx context.Context, steps []chain.Step) error {
	var l *ledger
	err := t.commit(ctx, func(tx Tx) error {
		l = t.ledger(tx)
		for _, s := range steps {
			if err := l.step(s); err != nil {
				return err
			}
		}
		following, err := tx.Following()
		if err != nil {
			return err
		}
		for _, ref := range following {
			if _, err := l.book(ref); err != nil {
				return err
			}
		}
		return l.close()
	})
	if err != nil {
		return err
	}
	t.committed(l)
	for _, s := range steps {
		if s.Op == chain.Disconnect {
			t.pass.wanted = true
			t.cfg.Log.Info("block disconnected", "height", s.Header.Height, "hash", s.Header.Hash.String())
		}
	}
	return nil
}

// step applies one step of the chain.
func (l *ledger) step(s chain.Step) error {
	if err := l.tx.SetTip(s); err != nil {
		return err
	}
	if s.Op == chain.Connect {
		l.tip = s.Header
		for _, tx := range s.Txs {
			if err := l.mined(tx, s.Header); err != nil {
				return err
			}
		}
		return nil
	}
	l.tip = l.tx.Tip()
	receipts, err := l.tx.ReceiptsIn(s.Header.Hash)
	if err != nil {
		return err
	}
	for _, r := range receipts {
		b, err := l.book(r.Ref)
		if err != nil {
			return err
		}
		to := invoice.Place{Where: invoice.Unproved}
		if r.IsGone() { // the block held what took its place, which may be in the mempool now
			to = invoice.Place{Where: invoice.Gone, ReplacedBy: r.Place.ReplacedBy}
		}
		b.Move(r, to, invoice.BlockReorged, l.now)
	}
	return nil
}

// mined records what a transaction in a block pays us, and what it takes from us.
func (l *ledger) mined(tx chain.Tx, h chain.Header) error {
	place := invoice.Place{Where: invoice.InBlock, Block: h.Hash, Height: h.Height, BlockTime: h.Time}
	// What it takes the place of goes first: a fee bump must not count beside it, and inherits its first sight.
	taken := invoice.Place{Where: invoice.Gone, ConflictAt: h.Height, Block: h.Hash}
	if err := l.conflicts(tx, taken, invoice.ConflictMined); err != nil {
		return err
	}
	return l.credit(tx, place, l.now)
}

// conflicts records that a transaction spends the same coins as some of ours: a block or the mempool holds one of two
// such transactions, never both.
func (l *ledger) conflicts(tx chain.Tx, to invoice.Place, reason invoice.Reason) error {
	to.ReplacedBy = invoice.TxID(tx.ID)
	done := map[chain.TxID]bool{tx.ID: true}
	for _, in := range tx.Inputs {
		for _, loser := range l.t.spends[in] {
			if done[loser] {
				continue
			}
			done[loser] = true
			if err := l.replace(invoice.TxID(loser), to, reason); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *ledger) replace(loser invoice.TxID, to invoice.Place, reason invoice.Reason) error {
	receipts, err := l.tx.ReceiptsOf(loser)
	if err != nil {
		return err
	}
	l.gone = append(l.gone, loser)
	for _, r := range receipts {
		if r.Place.Where == invoice.InBlock && to.ConflictAt == 0 {
			continue
		}
		b, err := l.book(r.Ref)
		if err != nil {
			return err
		}
		b.Move(r, to, reason, l.now)
	}
	return nil
}

// holed tells whether nobody watched at some time while the invoice could be paid.
func (l *ledger) holed(inv invoice.Invoice) bool {
	return !l.t.hole.IsZero() && l.t.hole.Before(inv.Expires)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
