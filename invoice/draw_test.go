package invoice

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"satchel/merchant"
	"satchel/money"
)

func (m *model) drawName() string {
	name := fmt.Sprintf("%d", len(m.names))
	m.names = append(m.names, name)
	return name
}

func drawSats(t *rapid.T) money.Sats {
	return rapid.OneOf(
		rapid.SampledFrom([]money.Sats{1, DustLimit - 1, DustLimit, due / 4, due / 2, due - 1000, due - 1, due, due + 1, 2 * due}),
		rapid.Map(rapid.Int64Range(1, int64(due)), func(v int64) money.Sats { return money.Sats(v) }),
	).Draw(t, "sats")
}

func (m *model) drawSight(t *rapid.T) Sight {
	v := m.sight(m.drawName(), drawSats(t))
	v.Rate = rapid.SampledFrom([]money.Rate{{}, rate("5000"), rate("4000")}).Draw(t, "rate")
	v.Hole = rapid.Bool().Draw(t, "hole")
	if rapid.Bool().Draw(t, "block") {
		m.tip++
		v.Place, v.Tip = block(m.tip), m.tip
		v.Coinbase = rapid.IntRange(0, 9).Draw(t, "coinbase") == 0
	} else {
		v.Seen = v.Seen.Add(-rapid.SampledFrom([]time.Duration{0, time.Second, 20 * time.Minute}).Draw(t, "ago"))
	}
	return v
}

func (m *model) drawSee(t *rapid.T) {
	v := m.drawSight(t)
	m.run(func(b *Book) { b.See(v, m.now) })
}

// drawBump replaces a payment, in either order.
func (m *model) drawBump(t *rapid.T) {
	old, ok := m.drawReceipt(t)
	if !ok || old.Place.Where == InBlock {
		return
	}
	v := m.drawSight(t)
	v.Shares = func(id TxID) bool { return id == old.Outpoint.TxID }
	to := Place{Where: Gone, ReplacedBy: v.Outpoint.TxID}
	if v.Place.Where == InBlock {
		to.ConflictAt = v.Place.Height
	}
	first := rapid.Bool().Draw(t, "seen first")
	m.run(func(b *Book) {
		if first {
			b.See(v, m.now)
		}
		b.Move(old, to, Replaced, m.now)
		if !first {
			b.See(v, m.now)
		}
	})
	if heir := m.receipts[v.Outpoint]; heir.FirstSeen.After(old.FirstSeen) {
		t.Fatalf("a fee bump is younger than what it replaced: %s, %s", heir.FirstSeen, old.FirstSeen)
	}
}

func (m *model) drawReceipt(t *rapid.T) (Receipt, bool) {
	if len(m.names) == 0 {
		return Receipt{}, false
	}
	return m.receipt(rapid.SampledFrom(m.names).Draw(t, "receipt")), true
}

func (m *model) drawMove(t *rapid.T) {
	r, ok := m.drawReceipt(t)
	if !ok {
		return
	}
	to, why := m.drawPlace(t, r)
	m.run(func(b *Book) { b.Move(r, to, why, m.now) })
	if got := m.receipts[r.Outpoint]; got.FirstSeen.After(r.FirstSeen) || len(got.History) < len(r.History) && len(r.History) < maxNotes {
		t.Fatalf("first sight or history was lost")
	}
}

func (m *model) drawPlace(t *rapid.T, r Receipt) (Place, Reason) {
	switch rapid.IntRange(0, 4).Draw(t, "place") {
	case 0:
		if !r.Coinbase {
			return Place{Where: InMempool}, BackInMempool
		}
		return Place{Where: Gone}, BlockReorged
	case 1:
		return Place{Where: Gone, ReplacedBy: txid("thief")}, Replaced
	case 2:
		return Place{Where: Gone, ReplacedBy: txid("thief"), ConflictAt: m.tip}, ConflictMined
	case 3:
		return Place{Where: Gone}, LeftMempool
	}
	return block(m.tip), Mined
}

// drawBlock connects blocks; the first may hold all that waits.
func (m *model) drawBlock(t *rapid.T) {
	n := rapid.SampledFrom([]int{1, 1, 1, 2, 5, 100}).Draw(t, "blocks")
	m.tip++
	m.now = m.now.Add(time.Duration(n) * time.Minute)
	take := rapid.Bool().Draw(t, "take")
	m.run(func(b *Book) {
		for _, r := range m.list() {
			if take && (r.Place.Where == InMempool || r.Place.Where == Unproved && rapid.Bool().Draw(t, "again")) {
				b.Move(r, block(m.tip), Mined, m.now)
			}
		}
		m.tip += int32(n - 1)
	})
}

// drawReorg disconnects blocks; the look at the mempool may follow at once, or with another step.
func (m *model) drawReorg(t *rapid.T) {
	depth := int32(rapid.SampledFrom([]int{1, 1, 3, 7}).Draw(t, "depth"))
	m.tip -= depth
	m.run(func(b *Book) {
		for _, r := range m.list() {
			switch {
			case r.Place.Where == InBlock && r.Place.Height > m.tip:
				b.Move(r, Place{Where: Unproved}, BlockReorged, m.now)
			case r.Place.ConflictAt > m.tip:
				b.Move(r, Place{Where: Gone, ReplacedBy: r.Place.ReplacedBy}, BlockReorged, m.now)
			}
		}
	})
	if rapid.Bool().Draw(t, "look") {
		m.look(t)
	}
}

func (m *model) look(t *rapid.T) {
	m.run(func(b *Book) {
		for _, r := range m.list() {
			if r.Place.Where != Unproved {
				continue
			}
			if r.Coinbase || rapid.IntRange(0, 3).Draw(t, "lost") == 0 {
				b.Move(r, Place{Where: Gone}, LeftMempool, m.now)
			} else {
				b.Move(r, Place{Where: InMempool}, BackInMempool, m.now)
			}
		}
	})
}

func (m *model) drawTime(t *rapid.T) {
	m.now = m.now.Add(rapid.SampledFrom([]time.Duration{
		0, time.Second, 2 * time.Second, time.Minute, 15 * time.Minute, time.Hour, 48 * time.Hour,
	}).Draw(t, "time"))
	m.stale = rapid.IntRange(0, 4).Draw(t, "no look") == 0
	m.run(func(*Book) {})
}

func (m *model) drawJudge(t *rapid.T) {
	if m.inv.Terms.Speed != merchant.High || m.inv.Terms.ZeroConf != merchant.Limited || m.inv.State.Status != Paid {
		return
	}
	yes := rapid.Bool().Draw(t, "yes")
	m.run(func(b *Book) { b.Judge(Verdict{Yes: yes, Final: true, At: m.now}) })
}

func (m *model) drawAct(t *rapid.T) {
	r, ok := m.drawReceipt(t)
	act := rapid.IntRange(0, 27).Draw(t, "act")
	m.run(func(*Book) {}) // what time and tip alone do is not the act's doing
	before := m.inv
	var refused error
	m.run(func(b *Book) {
		switch {
		case act == 0:
			refused = b.Mark(rapid.SampledFrom([]Status{Invalid, Complete, New}).Draw(t, "to"), "because", m.now)
		case act <= 2:
			refused = b.Cancel(m.now)
		case act > 19:
			refused = b.Adjust(rapid.SampledFrom([]Adjustment{AcceptOverpayment, AcceptUnderpayment, AcceptLate}).Draw(t, "kind"), m.now)
		case ok && act <= 10:
			refused = b.Accept(r.Outpoint, m.now)
		case ok:
			refused = b.Return(r.Outpoint, txid("refund"), m.now)
		}
	})
	if refused != nil && (before.Sums != m.inv.Sums || before.State.Revision != m.inv.State.Revision) {
		t.Fatalf("refused (%v), and yet it changed", refused)
	}
}

// drawSeveral lets many things happen in one step.
func (m *model) drawSeveral(t *rapid.T) {
	var sights []Sight
	for range rapid.IntRange(1, 4).Draw(t, "sights") {
		sights = append(sights, m.drawSight(t))
	}
	m.run(func(b *Book) {
		for _, v := range sights {
			b.See(v, m.now)
			if rapid.Bool().Draw(t, "twice") {
				b.See(v, m.now)
			}
		}
		for _, r := range m.list() {
			if rapid.IntRange(0, 3).Draw(t, "moves") > 0 {
				continue
			}
			to, why := m.drawPlace(t, r)
			b.Move(r, to, why, m.now)
			b.Older(r, r.FirstSeen.Add(-time.Duration(rapid.IntRange(-1, 1).Draw(t, "older"))*time.Minute))
		}
	})
}
