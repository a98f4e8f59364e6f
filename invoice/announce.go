package invoice

import "fmt"

// difference is what a step's receipts came to between its start and its end, whatever happened in between.
type difference struct {
	came     map[Disposition]int // receipts that came or came back, but for dust that has no event
	first    Reason              // of the first that came in time
	lost     bool                // receipts went away, and no payment to the same invoice took their place
	unburied bool                // a receipt lost its block and is in the mempool
	cause    cause               // of the loss
}

// difference compares the changed receipts, in order of first sight, with where they were.
func (b *Book) difference(receipts []Receipt) difference {
	d := difference{came: map[Disposition]int{}}
	arrived := map[TxID]bool{}
	for _, r := range receipts {
		if was := b.before[r.Outpoint]; !r.IsGone() && (was == 0 || was == Gone) {
			arrived[r.Outpoint.TxID] = true
			d.arrive(r, was)
		}
	}
	less := b.inv.Sums.In < b.was.In
	for _, r := range receipts {
		switch was := b.before[r.Outpoint]; {
		case was == 0 || was == Gone || r.quiet():
		case r.IsGone():
			d.lost = d.lost || less || !arrived[r.Place.ReplacedBy]
			d.because(r)
		case r.Place.Where == InMempool && was != InMempool:
			d.unburied = true
			d.because(r)
		}
	}
	return d
}

// arrive counts a receipt that came, or came back.
func (d *difference) arrive(r Receipt, was Where) {
	if !r.quiet() {
		d.came[r.Disposition]++
	}
	if d.first != "" || r.Disposition != Credited && r.Disposition != Over {
		return
	}
	switch began := r.History[0].Reason; {
	case was == Gone:
		d.first = r.moved().Reason
	case began == UnobservedWindow:
		d.first = began
	default:
		d.first = seenIn(r.Place)
	}
}

func (d *difference) because(r Receipt) {
	n := r.moved()
	d.cause = cause{n.Reason, "receipt " + r.Outpoint.String() + " is " + r.Place.Where.String()}
	if n.Detail != "" {
		d.cause.detail += ", replaced " + n.Detail
	}
}

// quiet tells that a receipt is dust after the end: it is recorded, and has no event of its own.
func (r Receipt) quiet() bool {
	return r.Sats < DustLimit && (r.Disposition == Late || r.Disposition == Stray)
}

// moved is the last change of where the receipt is.
func (r Receipt) moved() Note {
	for i := len(r.History) - 1; i > 0; i-- {
		if n, was := r.History[i], r.History[i-1]; n.Where != was.Where || n.Height != was.Height {
			return n
		}
	}
	return r.History[0]
}

// announce takes back what no longer holds and writes the events of what was received and reversed in the step, before
// the transitions that follow.
func (m *machine) announce(d difference) {
	before := len(m.events)
	if !m.held() && !m.inv.State.Marked {
		m.fallBack(d.cause)
	}
	// Of several receipts that lost one block, the last that is found again speaks for all.
	stood := (m.inv.State.Status == Confirmed || m.inv.State.Status == Complete) && !m.inv.buried() && !m.held()
	if len(m.events) == before && (d.lost || d.unburied && stood) {
		m.emit(PaymentReversed, d.cause.reason, d.cause.detail)
	}
	if inTime := d.came[Credited] + d.came[Over]; inTime > 0 {
		if m.inv.State.Reorged {
			m.inv.State.Reason = d.first
		}
		m.emit(ReceivedPayment, d.first, plural(inTime, "receipt"))
	}
	if d.came[Late]+d.came[Accepted] > 0 {
		m.announceLate(d.came[Accepted] > 0)
	}
	if n := d.came[Stray]; n > 0 {
		m.emit(StrayReceipt, AfterEnd, plural(n, "receipt")+" after the end")
	}
}

// announceLate says of a late payment that it came, unless it is the one that reaches the total after expiry: that one
// has an event of its own.
func (m *machine) announceLate(accepted bool) {
	switch {
	case accepted:
		m.emit(LatePayment, WithinGrace, "a late payment within late_accept")
	case m.inv.reachedLate() && !m.inv.State.Said.PaidLate:
	default:
		m.emit(LatePayment, AfterWindow, "a payment after the window")
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
