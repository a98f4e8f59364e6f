package invoice

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"satchel/merchant"
	"satchel/money"
)

// model drives a shop at random and holds every step against what the whole list of receipts says.
type model struct {
	*shop
	t     *rapid.T
	names []string
	flat  []Status // what plain callbacks said so far
}

func drawTerms(t *rapid.T) func(*Request) {
	return func(r *Request) {
		set := &r.Merchant.Settings
		set.Speed = rapid.SampledFrom([]merchant.Speed{merchant.High, merchant.Medium, merchant.Low}).Draw(t, "speed")
		set.ZeroConf = rapid.SampledFrom([]merchant.ZeroConf{merchant.Limited, merchant.Always, merchant.Never}).Draw(t, "zero_conf")
		set.FullNotifications = rapid.Bool().Draw(t, "full")
		r.Extended = rapid.Bool().Draw(t, "extended")
		r.Open = rapid.IntRange(0, 5).Draw(t, "open") == 0
		set.Tolerance = rapid.SampledFrom([]money.Tolerance{{}, {Sats: 1000}, {Share: 100_000}}).Draw(t, "tolerance")
		if rapid.Bool().Draw(t, "grace") {
			set.LateAccept = 10 * time.Minute
		}
	}
}

func TestRandomLives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{shop: open(t, drawTerms(t)), t: t}
		m.note(m.events)
		t.Repeat(map[string]func(*rapid.T){
			"see":     m.drawSee,
			"bump":    m.drawBump,
			"move":    m.drawMove,
			"block":   m.drawBlock,
			"reorg":   m.drawReorg,
			"time":    m.drawTime,
			"judge":   m.drawJudge,
			"act":     m.drawAct,
			"several": m.drawSeveral,
			"":        func(*rapid.T) {},
		})
	})
}

// run does one step and checks it.
func (m *model) run(f func(b *Book)) {
	before, events := m.inv, len(m.events)
	m.step(f)
	news := m.events[events:]
	m.holdPath(before, news)
	m.holdEvents(news)
	m.note(news)
	m.holdMoney()
	if !m.inv.State.Marked && m.inv.Sums.Unproved == 0 {
		m.holdStatus()
		m.holdException()
	}
	m.holdTick()
}

func (m *model) note(events []Event) {
	for _, e := range events {
		if !e.Flat {
			continue
		}
		to := e.Invoice.State.Status
		if n := len(m.flat); n > 0 && to != Invalid && m.flat[n-1] != Invalid && to <= m.flat[n-1] && !e.Invoice.State.Marked {
			m.t.Fatalf("plain callbacks went from %s to %s", m.flat[n-1], to)
		}
		m.flat = append(m.flat, to)
	}
	if t := m.inv.Terms; !t.FullNotifications {
		done := Confirmed
		if t.Speed == merchant.Low {
			done = Complete
		}
		for _, to := range m.flat {
			if to != done && !m.inv.State.Marked && m.count(MarkedInvalid) == 0 && to != Complete {
				m.t.Fatalf("without full notifications %s was sent", to)
			}
		}
	}
}

// edges are the transitions of the table.
func edges() map[[2]Status]bool {
	return map[[2]Status]bool{
		{New, Paid}: true, {New, Expired}: true,
		{Paid, Confirmed}: true, {Paid, Invalid}: true, {Paid, New}: true,
		{Confirmed, Complete}: true, {Confirmed, Paid}: true, {Confirmed, New}: true, {Confirmed, Invalid}: true,
		{Complete, Invalid}: true, {Invalid, Complete}: true, {Expired, Paid}: true,
	}
}

// holdPath follows the status through the snapshots: each step of the way is a row of the table, and none is silent.
func (m *model) holdPath(before Invoice, events []Event) {
	at := before.State.Status
	for _, e := range events {
		to := e.Invoice.State.Status
		marked := e.Reason == ByOperator && (e.Code == MarkedInvalid || e.Code == Completed)
		if to != at && !edges()[[2]Status{at, to}] && !marked {
			m.t.Fatalf("from %s to %s by %s", at, to, line(e))
		}
		at = to
	}
	if at != m.inv.State.Status {
		m.t.Fatalf("the last event says %s, the invoice is %s", at, m.inv.State.Status)
	}
	if n := len(events); n > 0 && before.State.Exception != m.inv.State.Exception && events[n-1].Invoice.State.Exception != m.inv.State.Exception {
		m.t.Fatalf("the last event says %s, the invoice is %s", stand(events[n-1].Invoice), stand(m.inv))
	}
}

func (m *model) holdEvents(events []Event) {
	codes := map[Code]int{}
	says := map[Code]Status{
		PaidInFull: Paid, ExpiredUnpaid: Expired, ExpiredPartial: Expired, ConfirmedEvent: Confirmed, Completed: Complete,
		MarkedInvalid: Invalid, FailedToConfirm: Invalid, PaidAfterExpiration: Expired,
	}
	for _, e := range events {
		codes[e.Code]++
		if want, ok := says[e.Code]; ok && e.Invoice.State.Status != want {
			m.t.Fatalf("%s: the snapshot should be %s", line(e), want)
		}
		if !e.At.Equal(m.now) || e.Reason == "" || e.Reason.Explain() == "unknown reason" || !e.Extended {
			m.t.Fatalf("%s: at %s for %q", line(e), e.At, e.Reason)
		}
		if e.Invoice.Sums.Receipts != m.inv.Sums.Receipts || e.Invoice.Sums.Gone != m.inv.Sums.Gone {
			m.t.Fatalf("%s: the snapshot is of another step", line(e))
		}
		if e.Flat && e.Invoice.State.Said.Flat != e.Invoice.State.Status {
			m.t.Fatalf("%s: the snapshot does not know that it was sent", line(e))
		}
	}
	if codes[ReceivedPayment] > 1 || codes[LatePayment] > 1 || codes[StrayReceipt] > 1 || m.count(PaidAfterExpiration) > 1 {
		m.t.Fatalf("too many events: %v", lines(events))
	}
}

// holdMoney balances the receipts against the sums: no satoshi is in two places, none is in none.
func (m *model) holdMoney() {
	var all, gone, returned, credited, over money.Sats
	for _, r := range m.receipts {
		all += r.Sats
		switch {
		case r.IsGone():
			gone += r.Sats
		case r.Disposition == Returned:
			returned += r.Sats
		case r.Disposition == Over:
			over += r.Sats
		case r.counts():
			credited += r.Sats
		}
	}
	if s := m.inv.Sums; all != s.In+s.Late+s.Stray+gone+returned {
		m.t.Fatalf("%d sat came, the sums know of %d", all, s.In+s.Late+s.Stray+gone+returned)
	}
	if over > 0 && credited < m.inv.ceiling() {
		m.t.Fatalf("%d sat are over, but only %d of %d are credited", over, credited, m.inv.ceiling())
	}
	if m.inv.Terms.Tolerance == (money.Tolerance{}) && credited > 0 {
		m.holdLabels(credited)
	}
}

// holdLabels: without a tolerance, only one credited receipt may reach beyond what is due. Which one it is among those
// of the same second depends on the order in which they were labelled, so the largest is given the benefit.
func (m *model) holdLabels(credited money.Sats) {
	var last Receipt
	for _, r := range m.receipts {
		if r.counts() && r.Disposition == Credited && r.Sats > last.Sats {
			last = r
		}
	}
	if accepted := m.inv.State.Short > 0 || slices.ContainsFunc(m.list(), func(r Receipt) bool { return r.Disposition == Accepted }); accepted {
		return
	}
	if credited-last.Sats >= m.inv.Quote.Due {
		m.t.Fatalf("%s is credited, but %d were there without it", last.Outpoint, credited-last.Sats)
	}
}

func (m *model) list() []Receipt {
	list, _ := m.load()
	slices.SortFunc(list, func(a, b Receipt) int { return slices.Compare(a.Outpoint.TxID[:], b.Outpoint.TxID[:]) })
	return list
}

// facts are what the status depends on, from the whole list.
type facts struct {
	in, inBlocks money.Sats
	need         money.Sats
	conf         int32
	sums         Sums
}

func (m *model) facts() facts {
	f := facts{need: max(m.inv.Quote.Due-m.inv.Terms.Tolerance.For(m.inv.Quote.Due), 1)}
	if m.inv.State.Short > 0 {
		f.need = m.inv.State.Short
	}
	f.sums = recount(m.inv, m.receipts)
	f.in, f.inBlocks = f.sums.In, f.sums.InBlocks
	if at := f.sums.CoveredAt; at > 0 && at <= m.tip {
		f.conf = m.tip - at + 1
	}
	return f
}

// holdStatus says for each status what must be true of the receipts.
func (m *model) holdStatus() {
	f, inv := m.facts(), m.inv
	full := inv.Quote.Due > 0 && f.in >= f.need
	yes := inv.Terms.Speed == merchant.High && inv.State.Verdict.Yes
	low := inv.Terms.Speed == merchant.Low
	fail := func(why string) { m.t.Fatalf("%s (%s): %s; %+v", stand(inv), inv.State.Reason, why, f) }
	switch inv.State.Status {
	case New:
		if full || !m.now.Before(inv.Expires) && !m.synced.Before(inv.Expires) {
			fail("it should have moved on")
		}
	case Paid:
		if !full || yes || f.conf >= 6 || f.conf >= 1 && !low {
			fail("it should have moved on")
		}
		if inv.State.Reason == ReachedDue && f.inBlocks < f.need && m.tip-f.sums.FullTip >= 3 &&
			m.now.Sub(f.sums.FullAt) >= time.Hour && m.synced.Sub(f.sums.FullAt) >= time.Hour {
			fail("it should be given up")
		}
	case Confirmed:
		if !full || f.conf >= 6 || low || f.conf == 0 && f.inBlocks < f.need && !yes {
			fail("it should not be confirmed")
		}
	case Complete:
		if !inv.State.Reorged && !inv.priced() {
			fail("nothing was paid")
		}
		if !inv.State.Reorged && f.conf == 0 && f.inBlocks < f.need {
			fail("its block is gone, and it says nothing")
		}
	case Expired:
		if full && !inv.State.Cancelled {
			fail("it is paid")
		}
	case Invalid:
		if full && f.conf >= 6 {
			fail("it is paid after all")
		}
	case Declined:
		fail("nothing declines")
	}
}

// holdException computes exceptionStatus from the list.
func (m *model) holdException() {
	f, inv := m.facts(), m.inv
	full := inv.Quote.Due > 0 && f.in >= f.need
	// Paid late: the due sum was reached with late money that was accepted.
	list, late := m.list(), false
	slices.SortFunc(list, bySight)
	var sum money.Sats
	for _, r := range list {
		if r.counts() && sum < f.need {
			sum += r.Sats
			late = late || r.Disposition == Accepted && r.FirstSeen.After(inv.Expires)
		}
	}
	want := None
	switch {
	case inv.State.Status == Complete:
		return // as it was
	case full && late:
		want = PaidLate
	case inv.State.Status == Expired && !inv.State.Cancelled && inv.Quote.Due > 0 && f.sums.Late > 0 && f.in+f.sums.Late >= f.need:
		want = PaidLate
	case f.in > 0 && f.in < f.need:
		want = PaidPartial
	case f.in > inv.Quote.Due+inv.Terms.Tolerance.For(inv.Quote.Due):
		want = PaidOver
	}
	if inv.State.Exception != want {
		m.t.Fatalf("%s should say %q: %d of %d in, %d late", stand(inv), want, f.in, f.need, f.sums.Late)
	}
}

// holdTick: time wakes the invoice when it is due, and never in vain.
func (m *model) holdTick() {
	s := m.inv.State
	waits := (s.Status == New || s.Status == Paid) && m.synced.Before(s.Tick) || m.inv.Sums.Unproved > 0 ||
		s.Status == Paid && m.inv.Terms.Speed == merchant.High && !s.Verdict.Final
	if !s.Tick.IsZero() && !s.Tick.After(m.now) && !waits {
		m.t.Fatalf("%s ticked at %s, and it is %s", stand(m.inv), s.Tick, m.now)
	}
	if s.Status == New && !s.Marked && s.Tick.IsZero() {
		m.t.Fatalf("a new invoice that never expires")
	}
}
