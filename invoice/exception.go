package invoice

// settleException brings exceptionStatus in line with the sums, where the status still follows them.
func (m *machine) settleException() { m.inv.State.Exception = m.exception() }

func (m *machine) exception() Exception {
	s := m.inv.State
	if s.Marked {
		return s.Exception
	}
	switch s.Status {
	case New, Paid, Confirmed, Invalid:
		return m.bySum()
	case Expired:
		if m.inv.reachedLate() {
			return PaidLate
		}
		return m.bySum()
	case Complete, Declined:
		return s.Exception
	}
	return s.Exception
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

// lateKept tells that the invoice was paid by accepting late money, which stays said for as long as it is paid. A step
// that did not look at the receipts keeps what was said.
func (m *machine) lateKept() bool {
	if m.covered {
		return m.inv.enough() && m.late
	}
	return m.inv.enough() && m.inv.State.Exception == PaidLate
}

// reachedLate tells that late money fills what is missing of an unpaid invoice.
func (inv Invoice) reachedLate() bool {
	unpaid := inv.State.Status == New || inv.State.Status == Expired
	return unpaid && !inv.State.Cancelled && inv.priced() && !inv.enough() && inv.Sums.Late > 0 &&
		inv.Sums.In+inv.Sums.Late >= inv.Needed()
}
