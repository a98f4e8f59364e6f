package tracker_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/money"
	"satchel/store"
	"satchel/tracker"
)

// oracle follows the chain beside the tracker, from the fake's own blocks and mempool, and keeps a naive invoice for each
// real one. Of the tracker it takes only when it looked: which blocks a commit held, and whether the mempool was compared.
type oracle struct {
	w        *world
	tip      int32
	list     []*naive
	compared bool      // the mempool was asked for in this round
	lossy    bool      // hints are being lost
	deaf     bool      // hints were lost, so the mempool is known only after a comparison
	current  bool      // the last round saw all there is
	hole     time.Time // since when nobody watched; zero: somebody does
	synced   time.Time // the last comparison of this process
	observed time.Time // the last look that a crash does not forget
	looked   time.Time // the last look of this process
	cut      cut
}

// cut makes one of the next commits the last thing a process does.
type cut struct {
	in    int  // so many commits from now; 0: none
	after bool // the commit is on disk, and nobody is told
}

var errCut = errors.New("the process died in a commit")

// cutting is the tracker's store.
type cutting struct {
	*store.DB
	o *oracle
}

func (s cutting) UpdateChain(ctx context.Context, fn func(tracker.Tx) error) error {
	var steps []chain.Step
	dies := s.o.cut.in == 1
	s.o.cut.in = max(s.o.cut.in-1, 0)
	err := s.DB.UpdateChain(ctx, func(tx tracker.Tx) error {
		steps = nil
		if s.o.w.lack.tx != nil {
			tx = s.o.w.lack.tx(tx)
		}
		if err := fn(noting{tx, &steps}); err != nil {
			return err
		}
		if dies && !s.o.cut.after {
			return errCut
		}
		return nil
	})
	if err == nil {
		s.o.blocks(steps)
	}
	if err == nil && dies {
		return errCut
	}
	return err
}

// noting notes the steps of a commit.
type noting struct {
	tracker.Tx
	steps *[]chain.Step
}

func (n noting) SetTip(s chain.Step) error {
	*n.steps = append(*n.steps, s)
	return n.Tx.SetTip(s)
}

func (o *oracle) wrap(db *store.DB) tracker.Store {
	o.hole, o.synced, o.looked = o.observed, time.Time{}, time.Time{}
	if o.hole.IsZero() {
		o.hole = o.w.now
	}
	return cutting{db, o}
}

func (o *oracle) add(inv invoice.Invoice) {
	o.list = append(o.list, &naive{inv: inv, status: invoice.New, since: o.w.now})
}

// interrupted opens a hole from the last look on. Where the clock was set back, what was noted is yet to come.
func (o *oracle) interrupted() {
	if !o.hole.IsZero() {
		return
	}
	if o.hole = o.observed; !o.looked.IsZero() && o.looked.Before(o.hole) {
		o.hole = o.looked
	}
}

// call is told of every question to the node.
func (o *oracle) call(method string) error {
	if method == "Mempool" {
		o.compared = true
	}
	return nil
}

// round is told that the tracker did all that is due: blocks came with their commits, now the mempool and the time.
func (o *oracle) round(failed error) {
	compared := o.compared
	o.compared = false
	o.current = failed == nil && (compared || !o.deaf)
	if failed != nil {
		o.interrupted()
		return
	}
	if compared {
		o.synced = o.w.now
	}
	if o.current {
		o.mempool()
	}
	if compared {
		o.deaf = o.lossy
		if !o.hole.IsZero() {
			o.hole, o.observed = time.Time{}, o.w.now
		}
	}
	for _, n := range o.list {
		o.judge(n)
		n.settle(o.w.now, o.w.now, o.tip)
	}
	o.looked = o.w.now
	if since := o.w.now.Sub(o.observed); o.hole.IsZero() && (since < 0 || since >= 30*time.Second) {
		o.observed = o.w.now
	}
}

// blocks follows what one commit did to the chain, and looks at the invoices once, at its end.
func (o *oracle) blocks(steps []chain.Step) {
	if len(steps) == 0 {
		return
	}
	before := o.standing()
	for _, s := range steps {
		h := s.Header
		if s.Op == chain.Disconnect {
			o.tip = h.Height - 1
			o.disconnect(h)
			continue
		}
		o.tip = h.Height
		for _, tx := range o.w.chain.Block(h.Hash) {
			o.conflicts(tx, h.Height)
			for _, n := range o.list {
				o.pays(n, tx, place{where: invoice.InBlock, header: h}, o.w.now)
			}
		}
	}
	o.settle(before)
}

func (o *oracle) disconnect(h chain.Header) {
	for _, n := range o.list {
		for _, r := range n.receipts {
			if r.where == invoice.InBlock && r.block == h.Hash {
				r.where, r.block, r.height = invoice.Unproved, chain.BlockHash{}, 0
			}
			if r.conflict == h.Height {
				r.conflict = 0
			}
		}
	}
}

// mempool holds every receipt against the mempool as it is.
func (o *oracle) mempool() {
	before := o.standing()
	pool := o.w.chain.Pool()
	for _, tx := range pool {
		o.conflicts(tx, 0)
	}
	for _, n := range o.list {
		for _, tx := range o.met(n, pool) {
			entry, _, err := o.w.chain.Entry(context.Background(), tx.ID)
			o.w.must(err)
			o.pays(n, tx, place{where: invoice.InMempool}, entry.Time)
		}
		for _, r := range n.receipts {
			in := slices.ContainsFunc(pool, func(tx chain.Tx) bool { return invoice.TxID(tx.ID) == r.at.TxID })
			if (r.where == invoice.InMempool || r.where == invoice.Unproved) && !in {
				r.where = invoice.Gone
			}
		}
	}
	o.settle(before)
}

// met puts transactions that came together into the order in which the tracker met them: a reorg brings one back that
// was announced before another, and after it in the mempool.
func (o *oracle) met(n *naive, pool []chain.Tx) []chain.Tx {
	no := map[invoice.TxID]uint32{}
	for _, r := range slices.Backward(o.w.receipts(n.inv)) {
		no[r.Outpoint.TxID] = r.No
	}
	sorted := slices.Clone(pool)
	slices.SortStableFunc(sorted, func(a, b chain.Tx) int {
		return cmp.Compare(no[invoice.TxID(a.ID)], no[invoice.TxID(b.ID)])
	})
	return sorted
}

type place struct {
	where  invoice.Where
	header chain.Header
}

// pays notes where a transaction's outputs to an invoice are.
func (o *oracle) pays(n *naive, tx chain.Tx, p place, seen time.Time) {
	for _, out := range tx.Outputs {
		if string(n.inv.Address.Script) != string(out.Script) {
			continue
		}
		at := invoice.Outpoint{TxID: invoice.TxID(tx.ID), Vout: out.Vout}
		if i := slices.IndexFunc(n.receipts, func(r *output) bool { return r.at == at }); i >= 0 {
			if r := n.receipts[i]; p.where == invoice.InMempool && seen.Before(r.first) && o.noticed(n, at, since(seen)) {
				n.older(r, seen)
			}
			n.receipts[i].move(p)
		} else {
			o.see(n, tx, out, p, seen)
		}
	}
}

// noticed tells that the tracker holds something true of a payment that it need not know: only a clock that goes back
// makes a payment older, and what becomes of one that is gone is followed no longer once nothing hangs on it.
func (o *oracle) noticed(n *naive, at invoice.Outpoint, what func(invoice.Receipt) bool) bool {
	return slices.ContainsFunc(o.w.receipts(n.inv), func(r invoice.Receipt) bool { return r.Outpoint == at && what(r) })
}

func since(t time.Time) func(invoice.Receipt) bool {
	return func(r invoice.Receipt) bool { return r.FirstSeen.Equal(t) }
}

func (r *output) move(p place) {
	if p.where == invoice.InMempool && r.where == invoice.InBlock {
		return
	}
	r.where, r.block, r.height, r.by, r.conflict = p.where, p.header.Hash, p.header.Height, chain.TxID{}, 0
}

func (o *oracle) see(n *naive, tx chain.Tx, out chain.Output, p place, seen time.Time) {
	r := &output{
		at: invoice.Outpoint{TxID: invoice.TxID(tx.ID), Vout: out.Vout}, inputs: tx.Inputs, sats: out.Sats, coinbase: tx.Coinbase,
		first: earliest(seen, o.w.now), seenTip: o.tip, no: len(n.receipts), where: p.where, block: p.header.Hash, height: p.header.Height,
	}
	for _, old := range n.receipts { // a fee bump is not late
		replaced := old.where == invoice.Gone && sharesInput(old.inputs, tx.Inputs)
		if replaced && (r.first.After(n.inv.Expires) || o.noticed(n, r.at, since(old.first))) {
			r.first, r.seenTip = earliest(r.first, old.first), min(r.seenTip, old.seenTip)
		}
	}
	r.kind = o.kind(n, r, p)
	if r.counts() && !n.full() {
		n.verdict = unjudged
	}
	n.receipts = append(n.receipts, r)
}

// kind decides what new money is.
func (o *oracle) kind(n *naive, r *output, p place) kind {
	holed := !o.hole.IsZero() && o.hole.Before(n.inv.Expires)
	maybe := holed && p.where == invoice.InBlock && !p.header.Time.After(n.inv.Expires.Add(n.inv.Terms.InvalidAfter))
	moved := o.w.rate.Cmp(n.inv.Quote.Rate) < 0 // this world knows two rates, and they are far apart
	switch {
	case n.final():
		return stray
	case n.cancelled:
		return late
	case !r.first.After(n.inv.Expires):
		return inTime
	case maybe && !moved:
		return inTime
	case !maybe && !moved && n.inv.Terms.LateAccept > 0 && !r.first.After(n.inv.Expires.Add(n.inv.Terms.LateAccept)):
		if n.full() != n.wasFull { // it depends on which of those that came in this look came first
			if o.noticed(n, r.at, func(r invoice.Receipt) bool { return r.Disposition == invoice.Accepted }) {
				return taken
			}
		} else if !n.full() {
			return taken
		}
	}
	return late
}

// conflicts takes away what spends the same coins as a transaction of a block (or, height 0, of the mempool).
func (o *oracle) conflicts(tx chain.Tx, height int32) {
	for _, n := range o.list {
		for _, r := range n.receipts {
			if r.at.TxID == invoice.TxID(tx.ID) || !sharesInput(r.inputs, tx.Inputs) || r.where == invoice.InBlock && height == 0 {
				continue
			}
			idle := n.status == invoice.New || n.status == invoice.Expired || n.status == invoice.Invalid
			by := func(r invoice.Receipt) bool {
				return r.Place.ReplacedBy == invoice.TxID(tx.ID) && r.Place.ConflictAt == height
			}
			if idle && r.where == invoice.Gone && !o.noticed(n, r.at, by) {
				continue
			}
			r.where, r.by, r.conflict, r.block, r.height = invoice.Gone, tx.ID, height, chain.BlockHash{}, 0
		}
	}
}

// standing remembers what may take a verdict with it when it goes.
func (o *oracle) standing() map[*naive]func() {
	list := map[*naive]func(){}
	for _, n := range o.list {
		var counted []*output
		for _, r := range n.receipts {
			if r.counts() {
				counted = append(counted, r)
			}
		}
		buried := n.buried()
		n.wasFull = n.full()
		list[n] = func() {
			gone := slices.ContainsFunc(counted, func(r *output) bool { return !r.counts() })
			if (gone || buried && !n.buried()) && (n.status == invoice.Paid || n.status == invoice.Confirmed) {
				n.verdict = unjudged
			}
		}
	}
	return list
}

func (o *oracle) settle(before map[*naive]func()) {
	for _, n := range o.list {
		if check := before[n]; check != nil {
			check()
		}
		n.settle(o.w.now, o.synced, o.tip)
	}
}

// older lowers a first sight. Late money that was in time after all is in time.
func (n *naive) older(r *output, seen time.Time) {
	if !seen.Before(r.first) {
		return
	}
	wasLate := r.first.After(n.inv.Expires)
	r.first = seen
	if wasLate && !seen.After(n.inv.Expires) && r.kind == late && !n.final() && !n.cancelled {
		r.kind = inTime
	}
}

// judge is zero_conf = "limited" after its dwell.
func (o *oracle) judge(n *naive) {
	at, _, _ := n.filled()
	if n.marked || n.status != invoice.Paid || !n.high() || n.verdict != unjudged || n.buried() || o.w.now.Before(at.Add(n.inv.Terms.ZeroConfDwell)) {
		return
	}
	n.verdict = accepted
	for _, r := range n.receipts {
		entry, in, err := o.w.chain.Entry(context.Background(), chain.TxID(r.at.TxID))
		o.w.must(err)
		replaced := r.where == invoice.Gone && r.by != (chain.TxID{})
		if replaced || r.where == invoice.InMempool && (!in || entry.Ancestors > 0) {
			n.verdict = denied
		}
	}
}

// hold compares every invoice with its naive twin.
func (o *oracle) hold() {
	o.w.t.Helper()
	for _, n := range o.list {
		is := o.w.read(n.inv)
		type stand struct {
			status                      invoice.Status
			exception                   invoice.Exception
			reorged, marked             bool
			in, late, stray, short, due money.Sats
			confirmations               int32
		}
		conf := int32(0)
		if n.full() {
			conf = n.confirmations(o.tip)
		}
		want := stand{n.status, n.exception, n.reorged, n.marked, n.in(), n.late(), n.stray(), n.short, n.due(), conf}
		got := stand{
			is.State.Status, is.State.Exception, is.State.Reorged, is.State.Marked, is.Sums.In, is.Sums.Late, is.Sums.Stray, is.State.Short,
			is.Due(), is.Confirmations(o.tip),
		}
		if got != want {
			o.w.t.Fatalf("%s at %s is\n%+v, the chain says\n%+v\n%+v\n%s\n%s", is.ID, o.w.now, got, want, is.Sums, o.w.story(is), o.tale(n))
		}
	}
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func sharesInput(a, b []chain.Outpoint) bool {
	return slices.ContainsFunc(a, func(in chain.Outpoint) bool { return slices.Contains(b, in) })
}
