package invoice

import (
	"time"

	"satchel/money"
)

// dispose decides what a new receipt's money is.
func (inv Invoice) dispose(r Receipt, s Sight) (Disposition, Reason) {
	if inv.final() {
		return Stray, AfterEnd
	}
	if inv.State.Lost {
		return Late, ByRestore
	}
	if inv.State.Cancelled {
		return Late, AfterWindow
	}
	reason := seenIn(s.Place)
	if r.FirstSeen.After(inv.Expires) {
		switch maybe := inv.maybeInTime(s); {
		case maybe && !inv.rateMoved(s.Rate):
			reason = UnobservedWindow
		case maybe:
			return Late, RateMoved
		case inv.grace(r.FirstSeen) && !inv.rateMoved(s.Rate):
			return Accepted, WithinGrace
		default:
			return Late, AfterWindow
		}
	}
	if inv.priced() && inv.Sums.In >= inv.ceiling() {
		return Over, BeyondDue
	}
	return Credited, reason
}

// decided gives a late receipt what was decided of one that it replaces: where that was taken although it was late, at a
// rate that was good then, a fee bump is taken too. why is the reason to be late.
func (b *Book) decided(why Reason, shares func(TxID) bool) (Disposition, Reason) {
	if shares == nil || b.inv.Sums.Gone == 0 || b.inv.State.Lost || b.inv.State.Cancelled {
		return Late, why
	}
	for _, old := range b.all() {
		stood := old
		stood.Place.Where = InMempool
		if !old.IsGone() || !stood.counts() || !shares(old.Outpoint.TxID) {
			continue
		}
		switch began := old.History[0].Reason; {
		case began == WithinGrace && !b.inv.enough():
			return Accepted, began
		case began == UnobservedWindow && b.inv.Sums.In < b.inv.ceiling():
			return Credited, began
		case began == UnobservedWindow:
			return Over, BeyondDue
		}
	}
	return Late, why
}

// Minds tells whether the rate may decide what a new receipt's money is.
func (inv Invoice) Minds(s Sight) bool {
	late := s.Seen.After(inv.Expires) && !inv.final() && !inv.State.Lost && !inv.State.Cancelled
	return late && !inv.Quote.Rate.IsZero() && (inv.maybeInTime(s) || inv.grace(s.Seen))
}

func seenIn(p Place) Reason {
	if p.Where == InBlock {
		return SeenInBlock
	}
	return SeenInMempool
}

// maybeInTime tells whether a payment that was met late may have been sent in time while nobody watched. A block's
// header time bounds it: a payment that waited longer than InvalidAfter would have been given up anyway.
func (inv Invoice) maybeInTime(s Sight) bool {
	return s.Hole && s.Place.Where == InBlock && !s.Place.BlockTime.After(inv.Expires.Add(inv.Terms.InvalidAfter))
}

// grace tells whether late_accept credits a late receipt. It helps an invoice that is not paid yet; a second payment is
// not taken by it.
func (inv Invoice) grace(seen time.Time) bool {
	return inv.Terms.LateAccept > 0 && !seen.After(inv.Expires.Add(inv.Terms.LateAccept)) && !inv.enough()
}

// rateMoved tells whether bitcoin lost more against the price's currency than the merchant agreed to bear. An unknown
// rate has not moved.
func (inv Invoice) rateMoved(current money.Rate) bool {
	if current.IsZero() || inv.Quote.Rate.IsZero() {
		return false
	}
	return current.Cmp(inv.Quote.Rate.Less(inv.Terms.LateMaxMove)) < 0
}
