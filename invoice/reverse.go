package invoice

import "fmt"

// cause is why receipts went away or lost their block.
type cause struct {
	reason Reason
	detail string
}

// or gives the cause, or another where there is none in this step.
func (c cause) or(reason Reason, detail string) cause {
	if c.reason == "" {
		return cause{reason, detail}
	}
	return c
}

// fallBack takes the transition that undoes what receipts no longer carry, and announces it.
func (m *machine) fallBack(c cause) {
	switch m.inv.State.Status {
	case Paid, Confirmed:
		if !m.inv.enough() {
			m.reverse(c)
		} else if m.inv.State.Status == Confirmed {
			m.unconfirm(c)
		}
	case Complete:
		m.flag(c)
		m.undo()
	case New, Expired, Invalid, Declined:
	}
}

// unburied tells that what is needed is neither in blocks nor only maturing there.
func (m *machine) unburied() bool {
	return m.inv.Confirmations(m.view.Tip) == 0 && !m.inv.buried()
}

// reverse undoes a paid or confirmed invoice whose receipts went away.
func (m *machine) reverse(c cause) {
	c = c.or(ReceiptsGone, "receipts went away")
	m.inv.State.Verdict = Verdict{}
	if m.view.Now.Before(m.inv.Expires) {
		m.become(New, ReceiptsGone)
		m.emit(PaymentReversed, c.reason, c.detail)
		return
	}
	m.inv.State.Reversed = true
	m.become(Invalid, ReceiptsGone)
	m.emit(PaymentReversed, c.reason, c.detail)
	m.emit(FailedToConfirm, ReceiptsGone, "the receipts that are left do not reach what is due")
	m.flat()
}

// unconfirm takes a confirmed invoice back to paid when its receipts are in no block, and no verdict stands for them.
func (m *machine) unconfirm(c cause) {
	if !m.unburied() || m.zeroConf() {
		return
	}
	c = c.or(BlockReorged, "the receipts are in no block")
	m.become(Paid, c.reason)
	m.emit(PaymentReversed, c.reason, c.detail)
}

// flag notes on a complete invoice that its block went away; it stays complete, for it may be mined again. What becomes
// of its receipts after that is the reason why it still stands flagged.
func (m *machine) flag(c cause) {
	switch {
	case m.inv.Quote.Due == 0, !m.unburied():
		return
	case m.inv.State.Reorged:
		m.inv.State.Reason = c.or(m.inv.State.Reason, "").reason
		return
	}
	c = c.or(BlockReorged, "the receipts are in no block")
	m.inv.State.Reorged, m.inv.State.Reason = true, c.reason
	m.emit(PaymentReversed, c.reason, c.detail)
}

// undo makes a complete invoice invalid once transactions that took its receipts' coins are final, and what is left cannot
// make it whole.
func (m *machine) undo() {
	if !m.inv.State.Reorged || m.inv.enough() || m.inv.Sums.ConflictAt == 0 || m.hopeless == nil || !m.hopeless() {
		return
	}
	detail := fmt.Sprintf("conflicts are %d blocks deep", FinalConfirmations)
	m.inv.State.Reversed, m.inv.State.Reorged = true, false
	m.become(Invalid, ConflictFinal)
	m.settleException()
	m.emit(PaymentReversed, ConflictFinal, detail)
	m.emit(MarkedInvalid, ConflictFinal, detail)
	m.flat()
}
