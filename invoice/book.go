package invoice

import (
	"cmp"
	"slices"
	"time"

	"satchel/money"
)

// Book keeps one invoice's accounts during one step: what was seen and moved goes in, and Close gives the invoice, the
// changed receipts and the events of the step, once, however much happened in it.
type Book struct {
	inv      Invoice
	load     func() ([]Receipt, error) // all receipts as stored
	changed  map[Outpoint]Receipt
	received []Outpoint
	reversed []Outpoint
	why      Reason // of the last reversal
	detail   string
	said     []Event // what an operator's decision announces
	stale    bool    // what covers the due sum must be computed anew
	err      error
}

// Open starts a step on an invoice. load gives all its receipts as stored; it is called only when they are needed.
func Open(inv Invoice, load func() ([]Receipt, error)) *Book {
	return &Book{inv: inv, load: load, changed: map[Outpoint]Receipt{}}
}

// Invoice gives the invoice as it stands in the step so far.
func (b *Book) Invoice() Invoice { return b.inv }

// Has tells whether the step itself has seen or moved the receipt.
func (b *Book) Has(o Outpoint) bool {
	_, ok := b.changed[o]
	return ok
}

// See records an output that pays the invoice, at its first sight. A repeated sight is a Move.
func (b *Book) See(s Sight, now time.Time) {
	r := Receipt{
		Outpoint: s.Outpoint, Ref: b.inv.Ref, Sats: s.Sats, Coinbase: s.Coinbase, FirstSeen: s.Seen, SeenTip: s.Tip,
		Place: s.Place, Rate: s.Rate,
	}
	if s.Rate.IsZero() {
		r.Rate = b.inv.Quote.Rate
	}
	if !r.Rate.IsZero() {
		r.Value = r.Rate.Value(r.Sats, b.inv.Quote.Price.Currency())
	}
	if r.FirstSeen.After(b.inv.Expires) {
		r = b.inherit(r, s.Shares)
	}
	if b.inv.Terms.OpenPrice && !b.inv.priced() {
		b.inv.Quote.Due = r.Sats
		b.inv.Quote.Price = r.Value
	}
	full := b.inv.enough()
	var reason Reason
	r.Disposition, reason = b.inv.dispose(r, s)
	b.put(r.note(now, reason, ""))
	b.inv.Sums.Receipts++
	b.account(r, +1)
	b.received = append(b.received, r.Outpoint)
	b.stale = b.stale || b.inv.enough() && b.inv.Sums.CoveredAt == 0 && (!full || r.Place.Where == InBlock)
}

// inherit gives a late receipt the first sight of one that it replaces: a fee bump is not late. A replacement is known
// by a shared input.
func (b *Book) inherit(r Receipt, shares func(TxID) bool) Receipt {
	if b.inv.Sums.Receipts == 0 || shares == nil {
		return r
	}
	for _, old := range b.all() {
		if old.FirstSeen.Before(r.FirstSeen) && shares(old.Outpoint.TxID) {
			r.FirstSeen = old.FirstSeen
		}
	}
	return r
}

// dispose decides what a new receipt's money is.
func (inv Invoice) dispose(r Receipt, s Sight) (Disposition, Reason) {
	if inv.final() {
		return Stray, AfterEnd
	}
	reason := SeenInMempool
	if s.Place.Where == InBlock {
		reason = SeenInBlock
	}
	inTime := !r.FirstSeen.After(inv.Expires) && !inv.State.Cancelled
	switch {
	case inTime:
	case inv.State.Cancelled:
		return Late, AfterWindow
	case inv.maybeInTime(s) && inv.rateMoved(s.Rate):
		return Late, RateMoved
	case inv.maybeInTime(s):
		reason = UnobservedWindow
	case inv.Terms.LateAccept > 0 && !r.FirstSeen.After(inv.Expires.Add(inv.Terms.LateAccept)) && !inv.rateMoved(s.Rate):
		return Accepted, WithinGrace
	default:
		return Late, AfterWindow
	}
	if inv.priced() && inv.Sums.In >= inv.ceiling() {
		return Over, BeyondDue
	}
	return Credited, reason
}

// maybeInTime tells whether a payment that was met late may have been sent in time while nobody watched. A block's
// header time bounds it: a payment that waited longer than InvalidAfter would have been given up anyway.
func (inv Invoice) maybeInTime(s Sight) bool {
	return s.Hole && s.Place.Where == InBlock && !s.Place.BlockTime.After(inv.Expires.Add(inv.Terms.InvalidAfter))
}

// rateMoved tells whether bitcoin lost more against the price's currency than the merchant agreed to bear. An unknown
// rate has not moved.
func (inv Invoice) rateMoved(current money.Rate) bool {
	if current.IsZero() || inv.Quote.Rate.IsZero() {
		return false
	}
	return current.Cmp(inv.Quote.Rate.Less(inv.Terms.LateMaxMove)) < 0
}

// Move records that a receipt's transaction is somewhere else now. A receipt that is already there is left alone.
func (b *Book) Move(r Receipt, to Place, reason Reason, now time.Time) {
	if c, ok := b.changed[r.Outpoint]; ok {
		r = c
	}
	if r.Place == to {
		return
	}
	was := r.Place
	b.account(r, -1)
	r.Place = to
	detail := ""
	if to.ReplacedBy != (TxID{}) {
		detail = "by " + to.ReplacedBy.String()
	}
	r = r.note(now, reason, detail)
	b.account(r, +1)
	b.put(r)
	b.stale = true
	if to.Where == Gone && was.Where != Gone || was.Where == Unproved && to.Where == InMempool {
		b.reversed = append(b.reversed, r.Outpoint)
		b.why, b.detail = reason, "receipt "+r.Outpoint.String()+" is "+to.Where.String()
		if detail != "" {
			b.detail += ", replaced " + detail
		}
	}
}

// Older takes an earlier first sight into account; it is never raised.
func (b *Book) Older(r Receipt, seen time.Time) {
	if c, ok := b.changed[r.Outpoint]; ok {
		r = c
	}
	if seen.Before(r.FirstSeen) {
		r.FirstSeen = seen
		b.put(r)
	}
}

// Judge gives the step what the zero-conf policy says of the payment.
func (b *Book) Judge(v Verdict) { b.inv.State.Verdict = v }

// account adds a receipt to the sums, or takes it out.
func (b *Book) account(r Receipt, sign int) {
	sats := r.Sats * money.Sats(sign)
	if r.IsGone() {
		b.inv.Sums.Gone += uint32(sign) //nolint:gosec // -1 wraps around on purpose, as unsigned subtraction
		return
	}
	if r.Place.Where == Unproved {
		b.inv.Sums.Unproved += uint32(sign) //nolint:gosec // as above
	}
	switch r.Disposition {
	case Credited, Over, Accepted:
		b.inv.Sums.In += sats
		if r.Place.Where == InBlock {
			b.inv.Sums.InBlocks += sats
		}
	case Late:
		b.inv.Sums.Late += sats
	case Stray:
		b.inv.Sums.Stray += sats
	case Returned:
	}
}

func (b *Book) put(r Receipt) { b.changed[r.Outpoint] = r }

// all gives every receipt with the step's changes, in order of first sight.
func (b *Book) all() []Receipt {
	stored, err := b.load()
	if err != nil {
		b.err = err
	}
	list := make([]Receipt, 0, len(stored)+len(b.changed))
	for _, r := range stored {
		if _, ok := b.changed[r.Outpoint]; !ok {
			list = append(list, r)
		}
	}
	for _, r := range b.changed {
		list = append(list, r)
	}
	slices.SortFunc(list, bySight)
	return list
}

func bySight(a, b Receipt) int {
	return cmp.Or(a.FirstSeen.Compare(b.FirstSeen), slices.Compare(a.Outpoint.TxID[:], b.Outpoint.TxID[:]),
		cmp.Compare(a.Outpoint.Vout, b.Outpoint.Vout))
}

// cover finds which receipts are needed to reach the due sum, since when they do, and by which block they are covered.
func (b *Book) cover(now time.Time) {
	list := b.all()
	s := &b.inv.Sums
	s.CoveredAt, s.ConflictAt, s.FullAt, s.FullTip = 0, 0, time.Time{}, 0
	need, sum := b.inv.Needed(), money.Sats(0)
	for _, r := range list {
		s.ConflictAt = max(s.ConflictAt, r.Place.ConflictAt)
		if !r.counts() {
			continue
		}
		b.relabel(r, sum < b.inv.ceiling(), now)
		if sum < need && sum+r.Sats >= need {
			s.FullAt, s.FullTip = r.FirstSeen, r.SeenTip
		}
		sum += r.Sats
	}
	slices.SortStableFunc(list, func(x, y Receipt) int { return cmp.Compare(x.maturesAt(), y.maturesAt()) })
	sum = 0
	for _, r := range list {
		if at := r.maturesAt(); r.counts() && at > 0 {
			if sum += r.Sats; sum >= need {
				s.CoveredAt = at
				break
			}
		}
	}
}

// relabel keeps the first receipts that reach the due sum as credited, and the rest as over.
func (b *Book) relabel(r Receipt, needed bool, now time.Time) {
	switch {
	case r.Disposition == Over && needed:
		r.Disposition = Credited
		b.put(r.note(now, SharesTotal, ""))
	case r.Disposition == Credited && !needed:
		r.Disposition = Over
		b.put(r.note(now, BeyondDue, ""))
	}
}

// Close ends the step: the invoice as it is now, the receipts that changed, and the events to announce.
func (b *Book) Close(v View) (Invoice, []Receipt, []Event, error) {
	if b.stale && b.inv.priced() {
		b.cover(v.Now)
	}
	if b.err != nil {
		return Invoice{}, nil, nil, b.err
	}
	m := &machine{inv: b.inv, view: v, events: b.said}
	m.announce(b)
	m.run()
	receipts := make([]Receipt, 0, len(b.changed))
	for _, r := range b.changed {
		receipts = append(receipts, r)
	}
	slices.SortFunc(receipts, bySight)
	return m.inv, receipts, m.events, nil
}
