package invoice

import (
	"slices"
	"time"

	"satchel/merchant"
	"satchel/money"
)

// Book keeps one invoice's accounts during one step: what was seen and moved goes in, and Close gives the invoice, the
// changed receipts and the events of the step, once, however much happened in it.
type Book struct {
	inv     Invoice
	was     Sums                      // at the start of the step
	load    func() ([]Receipt, error) // all receipts as stored
	stored  []Receipt                 // what load gave
	loaded  bool
	changed map[Outpoint]Receipt
	before  map[Outpoint]Where // where each changed receipt was at the start of the step; 0: nowhere
	earlier map[Outpoint]bool  // what turned out to be in time in this step
	heirs   map[TxID]Receipt   // by the transaction that took its place in the step, the oldest such receipt
	said    []Event            // what an operator's decision announces
	stale   bool               // what covers the due sum must be computed anew
	late    bool               // the due sum is reached only with late money that was accepted; known after cover
	covered bool               // cover ran in this step
	err     error
}

// Open starts a step on an invoice. load gives all its receipts as stored; it is called at most once, and only when
// they are needed.
func Open(inv Invoice, load func() ([]Receipt, error)) *Book {
	return &Book{
		inv: inv, was: inv.Sums, load: load,
		changed: map[Outpoint]Receipt{}, before: map[Outpoint]Where{}, earlier: map[Outpoint]bool{}, heirs: map[TxID]Receipt{},
	}
}

// Invoice gives the invoice as it stands in the step so far.
func (b *Book) Invoice() Invoice { return b.inv }

// Has tells whether the step itself has seen or moved the receipt.
func (b *Book) Has(o Outpoint) bool {
	_, ok := b.changed[o]
	return ok
}

// Receipt gives a receipt as the step has left it so far; false where the step has not touched it.
func (b *Book) Receipt(o Outpoint) (Receipt, bool) {
	r, ok := b.changed[o]
	return r, ok
}

// See records an output that pays the invoice, at its first sight. A repeated sight is a Move; within one step, See
// makes it one.
func (b *Book) See(s Sight, now time.Time) {
	if again, ok := b.changed[s.Outpoint]; ok {
		b.Move(again, s.Place, seenIn(s.Place), now)
		return
	}
	b.before[s.Outpoint] = 0
	r := b.inherit(b.receipt(s), s.Shares)
	b.fixPrice(r)
	full := b.inv.enough()
	var reason Reason
	if r.Disposition, reason = b.inv.dispose(r, s); r.Disposition == Late {
		r.Disposition, reason = b.decided(reason, s.Shares)
	}
	b.inv.Sums.Receipts++
	r.No = b.inv.Sums.Receipts
	b.changed[r.Outpoint] = r.note(now, reason, "")
	b.account(r, +1)
	b.rejudge(r, full)
	b.stale = b.stale || r.counts() && b.inv.enough() && (!full || b.covers(r))
}

// covers tells whether a new receipt may change what an invoice rests on that is paid in full already.
func (b *Book) covers(r Receipt) bool {
	s, at := b.inv.Sums, r.maturesAt()
	return r.FirstSeen.Before(s.FullAt) || at > 0 && (s.CoveredAt == 0 || at < s.CoveredAt)
}

// receipt writes down a first sight, with what the money was worth then.
func (b *Book) receipt(s Sight) Receipt {
	r := Receipt{
		Outpoint: s.Outpoint, Ref: b.inv.Ref, Sats: s.Sats, Coinbase: s.Coinbase, FirstSeen: s.Seen, SeenTip: s.Tip,
		Place: s.Place, Rate: s.Rate,
	}
	if s.Rate.IsZero() {
		r.Rate = b.inv.Quote.Rate
	}
	r.Value = b.inv.value(r.Sats, r.Rate)
	return r
}

// fixPrice lets the first payment fix an open price, at the rate that was quoted. Where all earlier payments are gone,
// as after a fee bump, the next one is the first.
func (b *Book) fixPrice(r Receipt) {
	s := b.inv.Sums
	if !b.inv.Terms.OpenPrice || b.inv.final() || b.inv.State.Short > 0 || s.Gone != s.Receipts {
		return
	}
	b.inv.Quote.Due = r.Sats
	b.inv.Quote.Price = b.inv.value(r.Sats, b.inv.Quote.Rate)
}

// refixPrice lets a payment that came back fix an open price again, where one that took its place had fixed another.
func (b *Book) refixPrice(r Receipt, to Place) {
	if !b.inv.Terms.OpenPrice || b.inv.Sums.Gone != b.inv.Sums.Receipts || to.Where == Gone {
		return
	}
	var by uint32 // the receipt that fixed the price as it is
	for _, o := range b.all() {
		if o.Sats == b.inv.Quote.Due {
			by = max(by, o.No)
		}
	}
	if r.No < by {
		b.fixPrice(r)
	}
}

// value is what an amount is worth in the price's currency; bitcoin is worth itself.
func (inv Invoice) value(s money.Sats, at money.Rate) money.Fiat {
	switch c := inv.Quote.Price.Currency(); {
	case c.Code == "BTC":
		return money.Fiat{Minor: int64(s), Code: c.Code}
	case !at.IsZero():
		return at.Value(s, c)
	}
	return money.Fiat{}
}

// inherit gives a receipt the first sight of one that it replaces: a fee bump is not late. A replacement is known by
// what the step says of the receipt that went away, or by a shared input. Only a late receipt is worth a look at all the
// others, and only where some are gone: in a flood of dust none must cost as much as all.
func (b *Book) inherit(r Receipt, shares func(TxID) bool) Receipt {
	if old, ok := b.heirs[r.Outpoint.TxID]; ok {
		r = r.noYoungerThan(old)
	}
	if shares == nil || b.inv.Sums.Gone == 0 || !r.FirstSeen.After(b.inv.Expires) {
		return r
	}
	for _, old := range b.all() {
		if old.IsGone() && shares(old.Outpoint.TxID) {
			r = r.noYoungerThan(old)
		}
	}
	return r
}

// Move records that a receipt's transaction is somewhere else now. A receipt that is already there is left alone.
func (b *Book) Move(r Receipt, to Place, reason Reason, now time.Time) {
	r = b.current(r)
	if r.Place.same(to) {
		return
	}
	b.touch(r)
	b.refixPrice(r, to)
	was, full, buried := r, b.inv.enough(), b.inv.buried()
	b.account(r, -1)
	r.Place = to
	detail := ""
	if to.ReplacedBy != (TxID{}) {
		detail = "by " + to.ReplacedBy.String()
		b.bequeath(r)
	}
	r = r.note(now, reason, detail)
	b.account(r, +1)
	b.changed[r.Outpoint] = r
	b.inv.Sums.ConflictAt = max(b.inv.Sums.ConflictAt, to.ConflictAt)
	counts := was.counts() || r.counts()
	b.stale = b.stale || counts && (full || b.inv.enough() || r.Disposition == Over) || was.Place.ConflictAt > 0
	if was.counts() && !r.counts() || buried && !b.inv.buried() {
		b.unjudge()
	}
	b.rejudge(r, full || was.counts())
}

// rejudge forgets a verdict when a receipt comes, or comes back, that counts and was not judged: it was on less than this.
func (b *Book) rejudge(r Receipt, judged bool) {
	if r.counts() && !judged {
		b.inv.State.Verdict = Verdict{}
	}
}

// bequeath keeps the first sight of a replaced receipt for the transaction that took its place.
func (b *Book) bequeath(r Receipt) {
	heir := r.Place.ReplacedBy
	if old, ok := b.heirs[heir]; !ok || r.FirstSeen.Before(old.FirstSeen) {
		b.heirs[heir] = r
	}
}

// unjudge forgets a verdict on money that went away or lost its block.
func (b *Book) unjudge() {
	if s := b.inv.State.Status; s == Paid || s == Confirmed {
		b.inv.State.Verdict = Verdict{}
	}
}

// Older takes an earlier first sight into account; it is never raised. Close credits a late receipt that turns out to
// have been in time.
func (b *Book) Older(r Receipt, seen time.Time) {
	r = b.current(r)
	if !seen.Before(r.FirstSeen) {
		return
	}
	b.touch(r)
	b.earlier[r.Outpoint] = b.earlier[r.Outpoint] || b.entersWindow(r.FirstSeen, seen)
	r.FirstSeen = seen
	b.changed[r.Outpoint] = r
	b.stale = b.stale || r.counts() && b.inv.enough()
}

// entersWindow tells that a first sight which was after the window moves into it. What is late for another reason, as
// money to a cancelled invoice, waits for a hand.
func (b *Book) entersWindow(from, to time.Time) bool {
	return from.After(b.inv.Expires) && !to.After(b.inv.Expires)
}

// Judge gives the step what the zero-conf policy says of the payment as it stands in the step so far. Of money that is
// not there it says nothing.
func (b *Book) Judge(v Verdict) {
	if b.inv.enough() {
		b.inv.State.Verdict = v
	}
}

// prejudge gives the verdict that needs no look at the node, whoever made the payment complete: the chain or a hand.
func (b *Book) prejudge(now time.Time) {
	if b.inv.Terms.Speed != merchant.High || !b.inv.enough() || b.inv.State.Verdict.Final {
		return
	}
	switch b.inv.Terms.ZeroConf {
	case merchant.Always:
		b.Judge(Verdict{Yes: true, Final: true, At: now, Reasons: []string{"zero_conf = always"}})
	case merchant.Never:
		b.Judge(Verdict{Final: true, At: now, Reasons: []string{"zero_conf = never"}})
	case merchant.Limited:
	}
}

// Close ends the step: the invoice as it is now, the receipts that changed, and the events to announce.
func (b *Book) Close(v View) (Invoice, []Receipt, []Event, error) {
	b.reconsider(v.Now)
	if b.stale {
		b.cover(v.Now)
	}
	b.prejudge(v.Now)
	receipts := make([]Receipt, 0, len(b.changed))
	for _, r := range b.changed {
		receipts = append(receipts, r)
	}
	slices.SortFunc(receipts, bySight)
	m := &machine{
		inv: b.inv, view: v, events: b.said, late: b.late, covered: b.covered,
		hopeless: func() bool { return !b.mayReturn(v.Tip) },
	}
	m.settleException()
	m.announce(b.difference(receipts))
	m.run()
	if b.err != nil {
		return Invoice{}, nil, nil, b.err
	}
	return m.inv, receipts, m.events, nil
}

// reconsider credits late receipts that were in time after all: the node had them earlier than we thought, or they
// replace one that was in time. A block may be read before what it replaces is known to be gone.
func (b *Book) reconsider(now time.Time) {
	late := !b.inv.final() && !b.inv.State.Cancelled && !b.inv.State.Lost
	for o, r := range b.changed {
		if b.before[o] == 0 {
			if old := b.inherit(r, nil); old.FirstSeen.Before(r.FirstSeen) {
				b.earlier[o] = b.earlier[o] || b.entersWindow(r.FirstSeen, old.FirstSeen)
				r = old
				b.changed[o] = r
				b.stale = b.stale || r.counts() && b.inv.enough()
			}
		}
		if late && r.Disposition == Late && b.earlier[o] {
			b.redispose(r, Credited, Note{At: now, Reason: InTimeAfterAll})
		}
	}
}

// current gives a receipt as it stands in the step so far.
func (b *Book) current(r Receipt) Receipt {
	if c, ok := b.changed[r.Outpoint]; ok {
		return c
	}
	return r
}

// touch remembers where a receipt was before the step changed it.
func (b *Book) touch(r Receipt) {
	if _, ok := b.before[r.Outpoint]; !ok {
		b.before[r.Outpoint] = r.Place.Where
	}
}

// put keeps a receipt that changed without going anywhere.
func (b *Book) put(r Receipt) {
	b.touch(r)
	b.changed[r.Outpoint] = r
}

// redispose decides anew what a receipt's money is, with the time and reason of why.
func (b *Book) redispose(r Receipt, to Disposition, why Note) {
	b.account(r, -1)
	r.Disposition = to
	b.account(r, +1)
	b.put(r.note(why.At, why.Reason, why.Detail))
	b.stale = true
}
