package invoice

import (
	"fmt"
	"time"

	"satchel/merchant"
)

// View is the chain as the machine sees it at one moment.
type View struct {
	Now    time.Time
	Tip    int32
	Synced time.Time // a look at chain and mempool that began at this time is complete
}

// machine walks an invoice to the state that follows from its sums, one transition at a time. A step that passes two
// states leaves an event for each, with its own snapshot.
type machine struct {
	inv    Invoice
	view   View
	events []Event
}

// Advance gives the invoice as time and tip alone make it, with the events of the change.
func (inv Invoice) Advance(v View) (Invoice, []Event) {
	m := &machine{inv: inv, view: v}
	m.run()
	return m.inv, m.events
}

// run takes transitions until none applies. Every transition goes forward or is caused by a reversal of this step, so
// that it ends; the bound is there to make a mistake visible.
func (m *machine) run() {
	if m.inv.State.Marked {
		m.inv.State.Tick = time.Time{}
		return
	}
	if m.inv.Sums.Unproved > 0 { // a block went away, and nobody looked yet what became of its transactions
		return
	}
	for range 8 {
		if !m.step() {
			break
		}
	}
	m.inv.State.Tick = m.nextTick()
}

// nextTick is when time alone may change the status.
func (m *machine) nextTick() time.Time {
	switch m.inv.State.Status {
	case New:
		return m.inv.Expires
	case Paid:
		return m.nextPaidTick()
	case Confirmed, Complete, Expired, Invalid, Declined:
		return time.Time{}
	}
	return time.Time{}
}

func (m *machine) nextPaidTick() time.Time {
	if m.inv.Sums.CoveredAt != 0 || m.inv.Sums.InBlocks >= m.inv.Needed() {
		return time.Time{}
	}
	if m.inv.Terms.Speed == merchant.High && !m.inv.State.Verdict.Final {
		return m.inv.Sums.FullAt.Add(m.inv.Terms.ZeroConfDwell)
	}
	if giveUp := m.inv.Sums.FullAt.Add(m.inv.Terms.InvalidAfter); m.view.Now.Before(giveUp) {
		return giveUp
	}
	return time.Time{} // only blocks are missing
}

// step takes at most one transition.
func (m *machine) step() bool {
	switch m.inv.State.Status {
	case New:
		return m.fromNew()
	case Paid:
		return m.fromPaid()
	case Confirmed:
		return m.fromConfirmed()
	case Complete:
		return m.fromComplete()
	case Expired:
		return m.fromExpired()
	case Invalid:
		return m.fromInvalid()
	case Declined:
		return false
	}
	return false
}

func (m *machine) fromNew() bool {
	m.inv.State.Exception = m.bySum()
	if m.inv.enough() {
		m.become(Paid, ReachedDue)
		m.emit(PaidInFull, ReachedDue, fmt.Sprintf("%s of %s BTC came in", m.inv.Sums.In.BTC(), m.inv.Due().BTC()))
		if !m.zeroConf() {
			m.flat()
		}
		return true
	}
	// Expired only after a look at the node that is newer than the deadline: "paid" and "expired" cannot race.
	if m.view.Now.Before(m.inv.Expires) || m.view.Synced.Before(m.inv.Expires) {
		return false
	}
	m.become(Expired, WindowOver)
	if m.inv.Sums.In > 0 {
		m.emit(ExpiredPartial, WindowOver, fmt.Sprintf("%s BTC are missing", m.inv.Unpaid().BTC()))
	} else {
		m.emit(ExpiredUnpaid, WindowOver, "nothing was paid in time")
	}
	return true
}

func (m *machine) fromPaid() bool {
	if !m.inv.enough() {
		return m.reverse()
	}
	m.inv.State.Exception = m.bySum()
	conf := m.inv.Confirmations(m.view.Tip)
	switch {
	case conf >= FinalConfirmations && m.inv.Terms.Speed == merchant.Low:
		m.sayConfirmed()
		m.complete(EnoughBlocks)
		return true
	case conf >= 1 && m.inv.Terms.Speed != merchant.Low:
		m.become(Confirmed, EnoughBlocks)
		m.confirm(EnoughBlocks, fmt.Sprintf("%d confirmations", conf))
		return true
	case m.zeroConf():
		m.become(Confirmed, ZeroConfAccepted)
		m.confirm(ZeroConfAccepted, "accepted without a block; it can still be reversed")
		return true
	case m.overdue(conf):
		m.become(Invalid, NotConfirmed)
		m.emit(FailedToConfirm, NotConfirmed, "in no block since "+m.inv.Sums.FullAt.UTC().Format(time.RFC3339))
		m.flat()
		return true
	}
	return false
}

// overdue tells that a payment waited too long for a block. One that is in a block and only matures is not waiting.
func (m *machine) overdue(conf int32) bool {
	return conf == 0 && m.inv.Sums.InBlocks < m.inv.Needed() &&
		!m.view.Now.Before(m.inv.Sums.FullAt.Add(m.inv.Terms.InvalidAfter)) && m.view.Tip-m.inv.Sums.FullTip >= InvalidBlocks
}

func (m *machine) zeroConf() bool {
	return m.inv.Terms.Speed == merchant.High && m.inv.State.Verdict.Yes
}

func (m *machine) fromConfirmed() bool {
	if !m.inv.enough() {
		return m.reverse()
	}
	m.inv.State.Exception = m.bySum()
	conf := m.inv.Confirmations(m.view.Tip)
	if conf >= FinalConfirmations {
		m.complete(EnoughBlocks)
		return true
	}
	if conf == 0 && m.inv.Sums.InBlocks < m.inv.Needed() && !m.zeroConf() {
		m.become(Paid, BlockReorged)
		return false
	}
	return false
}

// reverse undoes a paid or confirmed invoice whose receipts went away.
func (m *machine) reverse() bool {
	m.inv.State.Verdict = Verdict{}
	m.inv.State.Exception = m.bySum()
	if m.view.Now.Before(m.inv.Expires) {
		m.become(New, ReceiptsGone)
		return false
	}
	m.inv.State.Reversed = true
	m.become(Invalid, ReceiptsGone)
	m.emit(FailedToConfirm, ReceiptsGone, "the receipts that are left do not reach what is due")
	m.flat()
	return false
}

func (m *machine) fromComplete() bool {
	if m.inv.Quote.Due == 0 {
		return false
	}
	conf := m.inv.Confirmations(m.view.Tip)
	if m.inv.State.Reorged && conf >= FinalConfirmations {
		m.inv.State.Reorged, m.inv.State.Reason = false, ConfirmedLater
		return false
	}
	if conf == 0 && !m.inv.State.Reorged {
		m.inv.State.Reorged, m.inv.State.Reason = true, BlockReorged
	}
	c := m.inv.Sums.ConflictAt
	if m.inv.State.Reorged && !m.inv.enough() && c > 0 && m.view.Tip-c+1 >= FinalConfirmations {
		m.inv.State.Exception = m.bySum()
		m.inv.State.Reversed, m.inv.State.Reorged = true, false
		m.become(Invalid, ConflictFinal)
		m.emit(MarkedInvalid, ConflictFinal, fmt.Sprintf("a conflict is %d blocks deep", m.view.Tip-c+1))
		m.flat()
	}
	return false
}

func (m *machine) fromExpired() bool {
	if m.inv.State.Cancelled {
		return false
	}
	if m.inv.enough() {
		reason := InTimeAfterAll
		if m.inv.State.Said.PaidLate {
			reason = LateAccepted
		}
		m.inv.State.Exception = m.bySum()
		m.become(Paid, reason)
		m.emit(PaidInFull, reason, "")
		m.flat()
		return true
	}
	m.inv.State.Exception = m.bySum()
	if m.inv.reachedLate() {
		m.inv.State.Exception = PaidLate
		if !m.inv.State.Said.PaidLate {
			m.inv.State.Said.PaidLate = true
			m.emit(PaidAfterExpiration, AfterWindow, "the due sum was reached after the window")
		}
	}
	return false
}

func (m *machine) fromInvalid() bool {
	if m.inv.enough() && m.inv.Confirmations(m.view.Tip) >= FinalConfirmations {
		m.inv.State.Reversed = false
		m.inv.State.Exception = m.bySum()
		m.complete(ConfirmedLater)
		return true
	}
	return false
}

// reachedLate tells that late money fills what is missing of an unpaid invoice.
func (inv Invoice) reachedLate() bool {
	unpaid := inv.State.Status == New || inv.State.Status == Expired
	return unpaid && !inv.State.Cancelled && inv.priced() && !inv.enough() && inv.Sums.Late > 0 &&
		inv.Sums.In+inv.Sums.Late >= inv.Needed()
}

// bySum is the exception that the sums alone say.
func (m *machine) bySum() Exception {
	in, due := m.inv.Sums.In, m.inv.Due()
	switch {
	case m.lateKept():
		return PaidLate
	case in == 0 || due == 0:
		return None
	case in < m.inv.Needed():
		return PaidPartial
	case in > due+m.inv.Terms.Tolerance.For(due):
		return PaidOver
	}
	return None
}

// lateKept tells that the invoice was paid by accepting late money, which stays said.
func (m *machine) lateKept() bool { return m.inv.State.Said.PaidLate && m.inv.enough() }

func (m *machine) complete(reason Reason) {
	m.become(Complete, reason)
	m.emit(Completed, reason, fmt.Sprintf("%d confirmations", m.inv.Confirmations(m.view.Tip)))
	m.flat()
}

// confirm announces the confirmed state, once in the plain format.
func (m *machine) confirm(reason Reason, detail string) {
	m.inv.State.Said.Confirmed = true
	m.emit(ConfirmedEvent, reason, detail)
	m.flat()
}

// sayConfirmed writes the confirmed event of an invoice that passes from paid to complete at once.
func (m *machine) sayConfirmed() {
	if m.inv.State.Said.Confirmed {
		return
	}
	m.inv.State.Said.Confirmed = true
	was := m.inv.State.Status
	m.inv.State.Status = Confirmed
	m.emit(ConfirmedEvent, EnoughBlocks, "confirmed and complete in one step")
	m.inv.State.Status = was
}

func (m *machine) become(s Status, reason Reason) {
	m.inv.State.Status, m.inv.State.Reason, m.inv.State.Since = s, reason, m.view.Now
}

func (m *machine) emit(code Code, reason Reason, detail string) {
	m.events = append(m.events, Event{Code: code, At: m.view.Now, Reason: reason, Detail: detail, Invoice: m.inv, Extended: code != Created})
}

// flat marks the last event for the plain format. Plain callbacks go forward only, except invalid: a one-block reorg
// must not make a shop deliver twice.
func (m *machine) flat() {
	e, said := &m.events[len(m.events)-1], &m.inv.State.Said
	to := m.inv.State.Status
	if to != Invalid && to <= said.Flat && said.Flat != Invalid {
		return
	}
	said.Flat = to
	e.Flat = m.inv.wantsFlat(to)
	e.Invoice = m.inv
}

// wantsFlat applies fullNotifications: without it one callback tells, confirmed or, for speed low, complete.
func (inv Invoice) wantsFlat(s Status) bool {
	if inv.Terms.FullNotifications {
		return true
	}
	if inv.Terms.Speed == merchant.Low {
		return s == Complete
	}
	return s == Confirmed
}

// announce writes the events of what was received and reversed in the step, before the transitions that follow.
func (m *machine) announce(b *Book) {
	n := map[Disposition]int{}
	for _, o := range b.received {
		r := b.changed[o]
		dust := r.Sats < DustLimit && (r.Disposition == Late || r.Disposition == Stray)
		if !dust {
			n[r.Disposition]++
		}
	}
	if inTime := n[Credited] + n[Over]; inTime > 0 {
		m.emit(ReceivedPayment, b.changed[b.received[0]].History[0].Reason, fmt.Sprintf("%d receipts", inTime))
	}
	if n[Late]+n[Accepted] > 0 {
		m.announceLate(n[Accepted] > 0)
	}
	if n[Stray] > 0 {
		m.emit(StrayReceipt, AfterEnd, fmt.Sprintf("%d receipts after the end", n[Stray]))
	}
	m.announceReversal(b)
}

// announceLate says of a late payment that it came, unless it is the one that reaches the total after expiry: that one
// has an event of its own.
func (m *machine) announceLate(accepted bool) {
	switch {
	case accepted:
		m.inv.State.Said.PaidLate = true
		m.emit(LatePayment, WithinGrace, "a late payment within late_accept")
	case m.inv.reachedLate() && !m.inv.State.Said.PaidLate:
	default:
		m.emit(LatePayment, AfterWindow, "a payment after the window")
	}
}

// announceReversal says that receipts went away or lost their block, where the invoice stood on them.
func (m *machine) announceReversal(b *Book) {
	if len(b.reversed) == 0 {
		return
	}
	s := m.inv.State.Status
	gone := false
	for _, o := range b.reversed {
		gone = gone || b.changed[o].IsGone()
	}
	unconfirmed := (s == Confirmed || s == Complete) && m.inv.Sums.InBlocks < m.inv.Needed()
	if gone || unconfirmed {
		m.emit(PaymentReversed, b.why, b.detail)
	}
}
