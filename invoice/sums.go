package invoice

import (
	"cmp"
	"slices"
	"time"

	"satchel/money"
)

// account adds a receipt to the sums, or takes it out.
func (b *Book) account(r Receipt, sign int) {
	sats, s := r.Sats*money.Sats(sign), &b.inv.Sums
	if r.IsGone() {
		s.Gone += uint32(sign) //nolint:gosec // -1 wraps around on purpose, as unsigned subtraction
		return
	}
	if r.Place.Where == Unproved {
		s.Unproved += uint32(sign) //nolint:gosec // as above
	}
	switch r.Disposition {
	case Credited, Over, Accepted:
		s.In += sats
		if r.Place.Where == InBlock {
			s.InBlocks += sats
		}
	case Late:
		s.Late += sats
	case Stray:
		s.Stray += sats
	case Returned:
	}
}

// all gives every receipt with the step's changes, in order of first sight.
func (b *Book) all() []Receipt {
	if !b.loaded {
		b.loaded = true
		b.stored, b.err = b.load()
	}
	list := make([]Receipt, 0, len(b.stored)+len(b.changed))
	for _, r := range b.stored {
		if !b.Has(r.Outpoint) {
			list = append(list, r)
		}
	}
	for _, r := range b.changed {
		list = append(list, r)
	}
	slices.SortFunc(list, bySight)
	return list
}

// bySight is the order in which receipts fill the due sum: the first seen first, and of those seen in the same second,
// as the node counts, the first that we met. It does not depend on what became of them, so that it stays the same.
func bySight(a, b Receipt) int {
	return cmp.Or(a.FirstSeen.Compare(b.FirstSeen), cmp.Compare(a.No, b.No))
}

// cover finds which receipts are needed to reach the due sum, since when they do, and by which block they are covered.
func (b *Book) cover(now time.Time) {
	s := &b.inv.Sums
	s.CoveredAt, s.ConflictAt, s.FullAt, s.FullTip = 0, 0, time.Time{}, 0
	b.stale, b.covered, b.late = false, true, false
	need, sum := b.inv.Needed(), money.Sats(0)
	list, mature := b.all(), []Receipt(nil)
	for _, r := range list {
		s.ConflictAt = max(s.ConflictAt, r.Place.ConflictAt)
		if !r.counts() || !b.inv.priced() {
			continue
		}
		b.relabel(r, sum < b.inv.ceiling(), now)
		if sum < need {
			b.late = b.late || r.Disposition == Accepted && (r.FirstSeen.After(b.inv.Expires) || b.inv.State.Lost)
			if sum+r.Sats >= need {
				s.FullAt, s.FullTip = r.FirstSeen, r.SeenTip
			}
		}
		sum += r.Sats
		if r.maturesAt() > 0 {
			mature = append(mature, r)
		}
	}
	slices.SortStableFunc(mature, func(x, y Receipt) int { return cmp.Compare(x.maturesAt(), y.maturesAt()) })
	sum = 0
	for _, r := range mature {
		if sum += r.Sats; sum >= need {
			s.CoveredAt = r.maturesAt()
			return
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

// mayReturn tells whether receipts that left could still make the due sum whole: they may be mined again for as long as
// no final transaction has taken their coins.
func (b *Book) mayReturn(tip int32) bool {
	sum := b.inv.Sums.In
	for _, r := range b.all() {
		back := r
		back.Place.Where = InMempool
		taken := r.Place.ConflictAt > 0 && tip-r.Place.ConflictAt+1 >= FinalConfirmations
		if r.IsGone() && back.counts() && !taken {
			sum += r.Sats
		}
	}
	return sum >= b.inv.Needed()
}
