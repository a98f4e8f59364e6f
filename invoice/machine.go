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

	late     bool        // the due sum is reached only with late money that was accepted
	covered  bool        // late is known; otherwise what was said before stands
	hopeless func() bool // what is missing of a complete invoice cannot come back; nil: not known
}

// Advance gives the invoice as time and tip alone make it, with the events of the change. It knows no receipts, so a
// conflict that became final is left to a Book.
func (inv Invoice) Advance(v View) (Invoice, []Event) {
	m := &machine{inv: inv, view: v}
	m.run()
	return m.inv, m.events
}

// run takes transitions until none applies. First those that undo, then those that go forward, so that it ends; the
// bound is there to make a mistake visible.
func (m *machine) run() {
	if m.inv.State.Marked {
		m.inv.State.Tick = time.Time{}
		return
	}
	if m.held() {
		return
	}
	m.fallBack(cause{})
	for range 8 {
		if !m.step() {
			break
		}
	}
	m.inv.State.Tick = m.nextTick()
}

// held tells that a block went away, and nobody looked yet what became of its transactions.
func (m *machine) held() bool { return m.inv.Sums.Unproved > 0 }

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
	if m.inv.Sums.CoveredAt != 0 || m.inv.buried() {
		return time.Time{}
	}
	t := m.inv.Terms
	if t.Speed == merchant.High && t.ZeroConf != merchant.Never && !m.inv.State.Verdict.Final {
		return m.inv.Sums.FullAt.Add(t.ZeroConfDwell)
	}
	giveUp, looked := m.giveUp(), !m.view.Synced.Before(m.giveUp())
	if m.view.Now.Before(giveUp) || !looked && m.oldEnough() {
		return giveUp
	}
	return time.Time{} // only blocks are missing
}

// giveUp is when a payment has waited too long for a block. One that was in a block already, or that an operator took
// as it is, waits from the day it became paid again: it must not be given up in the step that says so.
func (m *machine) giveUp() time.Time {
	since := m.inv.Sums.FullAt
	if s := m.inv.State; s.Reason != ReachedDue && s.Reason != InTimeAfterAll && s.Since.After(since) {
		since = s.Since
	}
	return since.Add(m.inv.Terms.InvalidAfter)
}

// step takes at most one transition forward.
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
	if m.inv.enough() {
		m.payInFull(ReachedDue)
		return true
	}
	// Expired only after a look at the node that is not older than the deadline: "paid" and "expired" cannot race.
	if m.view.Now.Before(m.inv.Expires) || m.view.Synced.Before(m.inv.Expires) {
		return false
	}
	m.become(Expired, WindowOver)
	if m.inv.Sums.In > 0 {
		m.emit(ExpiredPartial, WindowOver, m.inv.Unpaid().BTC()+" BTC are missing")
	} else {
		m.emit(ExpiredUnpaid, WindowOver, "nothing was paid in time")
	}
	return true
}

func (m *machine) fromExpired() bool {
	if m.inv.State.Cancelled {
		return false
	}
	if m.inv.enough() {
		reason := InTimeAfterAll
		switch {
		case m.inv.State.Lost:
			reason = LostAccepted
		case m.lateKept():
			reason = LateAccepted
		case m.inv.State.Short > 0:
			reason = ByOperator
		}
		m.payInFull(reason)
		return true
	}
	m.settleException()
	if m.inv.reachedLate() && !m.inv.State.Said.PaidLate {
		m.inv.State.Said.PaidLate = true
		m.emit(PaidAfterExpiration, AfterWindow, "the due sum was reached after the window")
	}
	return false
}

// payInFull makes the invoice paid. Where no block is needed the plain callback leaves it to the confirmed one.
func (m *machine) payInFull(reason Reason) {
	m.inv.State.Exception = m.bySum()
	m.become(Paid, reason)
	m.emit(PaidInFull, reason, fmt.Sprintf("%s of %s BTC came in", m.inv.Sums.In.BTC(), m.inv.Due().BTC()))
	if !m.zeroConf() {
		m.flat()
	}
}

func (m *machine) fromPaid() bool {
	conf := m.inv.Confirmations(m.view.Tip)
	switch {
	case conf >= FinalConfirmations && m.inv.Terms.Speed == merchant.Low:
		m.sayConfirmed()
		m.complete(EnoughBlocks)
		return true
	case conf >= 1 && m.inv.Terms.Speed != merchant.Low:
		m.become(Confirmed, EnoughBlocks)
		m.confirm(EnoughBlocks, plural(int(conf), "confirmation"))
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

// overdue tells that a payment waited too long for a block. One that is in a block and only matures is not waiting. As
// for an expiry, the look at the node must not be older than the deadline: what was replaced meanwhile waits no longer.
func (m *machine) overdue(conf int32) bool {
	giveUp := m.giveUp()
	return conf == 0 && !m.inv.buried() && !m.view.Now.Before(giveUp) && !m.view.Synced.Before(giveUp) && m.oldEnough()
}

// oldEnough tells that so many blocks have passed a payment by.
func (m *machine) oldEnough() bool { return m.view.Tip-m.inv.Sums.FullTip >= InvalidBlocks }

func (m *machine) zeroConf() bool {
	return m.inv.Terms.Speed == merchant.High && m.inv.State.Verdict.Yes
}

func (m *machine) fromConfirmed() bool {
	if m.inv.Confirmations(m.view.Tip) < FinalConfirmations {
		return false
	}
	m.complete(EnoughBlocks)
	return true
}

func (m *machine) fromComplete() bool {
	if m.inv.State.Reorged && m.inv.enough() && m.inv.Confirmations(m.view.Tip) >= FinalConfirmations {
		m.inv.State.Reorged, m.inv.State.Reason = false, ConfirmedLater
	}
	return false
}

func (m *machine) fromInvalid() bool {
	if !m.inv.enough() || m.inv.Confirmations(m.view.Tip) < FinalConfirmations {
		return false
	}
	m.inv.State.Reversed = false
	m.complete(ConfirmedLater)
	return true
}

func (m *machine) complete(reason Reason) {
	m.become(Complete, reason)
	m.emit(Completed, reason, plural(int(m.inv.Confirmations(m.view.Tip)), "confirmation"))
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
	was := m.inv.State
	m.become(Confirmed, EnoughBlocks)
	m.emit(ConfirmedEvent, EnoughBlocks, "confirmed and complete in one step")
	m.inv.State = was
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
	if !m.inv.wantsFlat(to) || to != Invalid && to <= said.Flat && said.Flat != Invalid {
		return
	}
	said.Flat, e.Flat = to, true
	e.Invoice = m.inv
}

// wantsFlat applies fullNotifications: without it one callback tells, confirmed or, for speed low, complete. An invoice
// that is complete without ever having been confirmed, as one of price zero, tells that instead.
func (inv Invoice) wantsFlat(s Status) bool {
	if inv.Terms.FullNotifications {
		return true
	}
	if inv.Terms.Speed == merchant.Low {
		return s == Complete
	}
	return s == Confirmed || s == Complete && !inv.State.Said.Confirmed
}
