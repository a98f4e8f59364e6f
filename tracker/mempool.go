package tracker

import (
	"context"
	"errors"
	"slices"
	"time"

	"satchel/chain"
	"satchel/invoice"
)

// sight credits raw transactions that ZMQ showed us, once the node confirms that it has them, with the node's time.
func (t *Tracker) sight(ctx context.Context, txs []chain.Tx) error {
	var found []chain.Tx
	var times []time.Time
	for _, tx := range txs {
		if tx.Coinbase {
			continue
		}
		e, ok, err := t.cfg.Source.Entry(ctx, tx.ID)
		if err != nil {
			return err
		}
		if ok {
			found, times = append(found, tx), append(times, e.Time)
		}
	}
	if len(found) == 0 {
		return nil
	}
	lost, err := t.companions(ctx, found)
	if err != nil {
		return err
	}
	for len(found) > 0 {
		n := apart(found)
		if err := t.record(ctx, found[:n], times[:n], func(l *ledger) error { return l.lose(lost) }); err != nil {
			return err
		}
		found, times = found[n:], times[n:]
	}
	t.cfg.Detected(time.Since(t.woken))
	return nil
}

// apart tells how many transactions, from the first on, spend no coin twice. One may have taken the place of another
// while we asked; what is in one commit is not held against itself.
func apart(txs []chain.Tx) int {
	by := map[chain.Outpoint]chain.TxID{}
	for i, tx := range txs {
		for _, in := range tx.Inputs {
			if other, taken := by[in]; taken && other != tx.ID {
				return i
			}
			by[in] = tx.ID
		}
	}
	return len(txs)
}

// companionsAtMost bounds how many receipts of an invoice are asked for at a sight; with more, the next comparison tells.
const companionsAtMost = 100

// companions finds which earlier payments to the same invoices have left the mempool unnoticed: what comes must not
// be added to what is gone. Of a mempool that loads nobody knows what has left it. Where the node's best block is not ours,
// what we hold for mined may be gone as well, which is chain.ErrMoved.
func (t *Tracker) companions(ctx context.Context, found []chain.Tx) (map[invoice.TxID]invoice.TxID, error) {
	spends, some, err := t.beside(ctx, found)
	if err != nil || !some {
		return nil, err
	}
	if err := t.current(ctx); err != nil {
		return nil, err
	}
	if len(spends) == 0 {
		return nil, nil //nolint:nilnil // nothing is lost
	}
	if whole, err := t.whole(ctx); err != nil || !whole {
		return nil, err
	}
	if err := t.absent(ctx, spends); err != nil || len(spends) == 0 {
		return nil, err
	}
	lost, err := t.takers(ctx, spends)
	if err != nil {
		return nil, err
	}
	if whole, err := t.whole(ctx); err != nil || !whole {
		return nil, err
	}
	return lost, nil
}

// beside collects what the unconfirmed payments to the same invoices spend, and tells whether these have any payments.
func (t *Tracker) beside(ctx context.Context, found []chain.Tx) (spends map[invoice.TxID][]invoice.Outpoint, some bool, err error) {
	spends = map[invoice.TxID][]invoice.Outpoint{}
	err = t.cfg.Store.ViewChain(ctx, func(tx Reader) error {
		for _, f := range found {
			for _, out := range f.Outputs {
				more, err := pendingBeside(tx, out.Script, spends)
				if err != nil {
					return err
				}
				some = some || more
			}
		}
		return nil
	})
	if err != nil {
		return nil, false, storeError{err}
	}
	return spends, some, nil
}

// current is chain.ErrMoved where the node's best block is not ours.
func (t *Tracker) current(ctx context.Context) error {
	info, err := t.cfg.Source.Info(ctx)
	if err == nil && info.Best.Hash != t.tip.Hash {
		err = chain.ErrMoved
	}
	return err
}

// whole tells that the node's mempool is loaded, and that no block which we have not read may hold what is not in it.
func (t *Tracker) whole(ctx context.Context) (bool, error) {
	tip, err := t.cfg.Source.Loaded(ctx)
	if errors.Is(err, chain.ErrMempoolLoading) {
		return false, nil
	}
	return tip == t.tip.Hash, err
}

// absent leaves those payments that are not in the mempool.
func (t *Tracker) absent(ctx context.Context, spends map[invoice.TxID][]invoice.Outpoint) error {
	for id := range spends {
		_, in, err := t.cfg.Source.Entry(ctx, chain.TxID(id))
		if err != nil {
			return err
		}
		if in {
			delete(spends, id)
		}
	}
	return nil
}

// pendingBeside collects what the unconfirmed payments to a script's invoice spend, and tells whether it has any payments.
func pendingBeside(tx Reader, script []byte, spends map[invoice.TxID][]invoice.Outpoint) (some bool, err error) {
	ref, ok := tx.Owner(script)
	if !ok {
		return false, nil
	}
	inv, err := tx.Invoice(ref)
	if err != nil || inv.Sums.Receipts == inv.Sums.Gone {
		return false, err
	}
	if inv.Sums.Receipts > companionsAtMost {
		return true, nil
	}
	receipts, err := tx.Receipts(ref)
	if err != nil {
		return false, err
	}
	for _, r := range receipts {
		if r.Place.Where != invoice.InMempool {
			continue
		}
		if spends[r.Outpoint.TxID], err = tx.Spends(r.Outpoint.TxID); err != nil {
			return false, err
		}
	}
	return true, nil
}

// record commits transactions that are in the mempool, and what a comparison found to be gone or back.
func (t *Tracker) record(ctx context.Context, found []chain.Tx, times []time.Time, more func(*ledger) error) error {
	if len(found) == 0 && more == nil {
		return nil
	}
	var l *ledger
	err := t.commit(ctx, func(tx Tx) error {
		l = t.ledger(tx)
		for i, f := range found {
			if err := l.credit(f, invoice.Place{Where: invoice.InMempool}, times[i]); err != nil {
				return err
			}
		}
		if more != nil {
			if err := more(l); err != nil {
				return err
			}
		}
		return l.close()
	})
	if err != nil {
		return err
	}
	t.committed(l)
	return nil
}

// due tells whether the mempool must be compared now. A pass costs the node time in proportion to its mempool, so
// unless something asks for one, it takes at most a small share of the time.
func (t *Tracker) due(now time.Time) bool {
	if t.pass.began.IsZero() {
		return true
	}
	age := now.Sub(t.pass.began)
	if t.pass.wanted || !t.hole.IsZero() {
		return age >= 3*t.pass.cost || age < 0
	}
	every := min(max(300*t.pass.cost, 30*time.Second), 5*time.Minute)
	if !t.cfg.Hints.Live() {
		every = min(max(20*t.pass.cost, time.Second), 30*time.Second)
	}
	return age >= every || age < 0
}

// compare holds our view of the mempool against the node's, where that is due.
func (t *Tracker) compare(ctx context.Context) error {
	if !t.due(t.cfg.Now()) {
		return nil
	}
	return t.reconcile(ctx)
}

// reconcile fetches what we have not seen of the node's mempool, credits it, and finds which unsettled payments are no
// longer there. It ends a hole in our observation.
func (t *Tracker) reconcile(ctx context.Context) error {
	began, started := t.cfg.Now(), time.Now() //nolint:forbidigo // what a pass costs is measured in real time
	snap, err := t.cfg.Source.Mempool(ctx)
	if err != nil {
		return err
	}
	if snap.Tip != t.tip.Hash {
		t.pass.wanted = true
		return chain.ErrMoved
	}
	present := make(map[chain.TxID]struct{}, len(snap.IDs))
	var unseen []chain.TxID
	for _, id := range snap.IDs {
		present[id] = struct{}{}
		if _, ok := t.seen[id]; !ok {
			unseen = append(unseen, id)
		}
	}
	news, err := t.fetch(ctx, unseen)
	if err != nil {
		return err
	}
	lost, err := t.lost(ctx, present)
	if err != nil {
		return err
	}
	wasHole := !t.hole.IsZero()
	err = t.record(ctx, news.txs, news.times, func(l *ledger) error {
		l.synced = began
		if err := l.prove(present, lost); err != nil {
			return err
		}
		if wasHole {
			return l.tx.SetObserved(began)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range news.left {
		delete(present, id)
	}
	t.seen = present
	t.pass = pass{began: began, cost: time.Since(started)}
	t.hole = time.Time{}
	if wasHole {
		t.feed.observed = began
	}
	return nil
}

// fetched is what a comparison read of the mempool.
type fetched struct {
	txs   []chain.Tx // those that pay us, or take a payment's place
	times []time.Time
	left  []chain.TxID // what left the mempool before it was read: if it comes back, it was not seen
}

// fetch reads transactions of the mempool that we have not seen.
func (t *Tracker) fetch(ctx context.Context, ids []chain.TxID) (f fetched, err error) {
	const chunk = 2000
	for part := range slices.Chunk(ids, chunk) {
		txs, left, err := t.cfg.Source.Txs(ctx, part)
		if err != nil {
			return f, err
		}
		f.left = append(f.left, left...)
		for _, tx := range txs {
			e, ok, err := t.cfg.Source.Entry(ctx, tx.ID)
			if err != nil {
				return f, err
			}
			if ok {
				f.txs, f.times = append(f.txs, tx), append(f.times, e.Time)
			} else {
				f.left = append(f.left, tx.ID)
			}
		}
	}
	return f, nil
}

// lost asks who took the place of each unsettled payment that is not in the mempool; the zero id where nobody is known.
func (t *Tracker) lost(ctx context.Context, present map[chain.TxID]struct{}) (map[invoice.TxID]invoice.TxID, error) {
	spends := map[invoice.TxID][]invoice.Outpoint{}
	err := t.cfg.Store.ViewChain(ctx, func(tx Reader) error {
		all, err := unsettled(tx)
		if err != nil {
			return err
		}
		t.unwatch(all)
		receipts, err := tx.Pending()
		for _, r := range receipts {
			if _, ok := present[chain.TxID(r.Outpoint.TxID)]; !ok {
				spends[r.Outpoint.TxID] = all[r.Outpoint.TxID]
			}
		}
		return err
	})
	if err != nil {
		return nil, storeError{err}
	}
	return t.takers(ctx, spends)
}

// takers asks who spends what payments spent that are not in the mempool; the zero id where nobody is known.
func (t *Tracker) takers(ctx context.Context, spends map[invoice.TxID][]invoice.Outpoint) (map[invoice.TxID]invoice.TxID, error) {
	lost := make(map[invoice.TxID]invoice.TxID, len(spends))
	for id, outs := range spends {
		list := make([]chain.Outpoint, len(outs))
		for i, o := range outs {
			list[i] = chain.Outpoint{TxID: chain.TxID(o.TxID), Vout: o.Vout}
		}
		by, ok, err := t.cfg.Source.Spender(ctx, list)
		if err != nil {
			return nil, err
		}
		if lost[id] = (invoice.TxID{}); ok && by != chain.TxID(id) {
			lost[id] = invoice.TxID(by)
		}
	}
	return lost, nil
}

// lose records which payments left the mempool.
func (l *ledger) lose(lost map[invoice.TxID]invoice.TxID) error {
	if len(lost) == 0 {
		return nil
	}
	return l.prove(nil, lost)
}

// prove moves unsettled payments to where the mempool shows them: back in it, replaced, or gone.
func (l *ledger) prove(present map[chain.TxID]struct{}, lost map[invoice.TxID]invoice.TxID) error {
	receipts, err := l.tx.Pending()
	if err != nil {
		return err
	}
	for _, r := range receipts {
		b, err := l.book(r.Ref)
		if err != nil {
			return err
		}
		if _, ok := present[chain.TxID(r.Outpoint.TxID)]; ok {
			b.Move(r, invoice.Place{Where: invoice.InMempool}, invoice.BackInMempool, l.now)
			continue
		}
		by, ok := lost[r.Outpoint.TxID]
		if !ok { // it came with this very pass
			continue
		}
		reason := invoice.LeftMempool
		if by != (invoice.TxID{}) {
			reason = invoice.Replaced
		}
		b.Move(r, invoice.Place{Where: invoice.Gone, ReplacedBy: by}, reason, l.now)
		l.gone = append(l.gone, r.Outpoint.TxID)
	}
	return nil
}
