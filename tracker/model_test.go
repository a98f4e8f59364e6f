package tracker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"satchel/chain"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/store/storetest"
)

// lives drives the real tracker on the real store and a chain in memory, with all that happens to a shop.
type lives struct {
	*world
	o    *oracle
	rt   *rapid.T
	paid []chain.Tx // every transaction that ever paid us
	back bool       // the clock was set back since the last look
}

// Random lives of shops, 200 of them (rapid.checks is 100 by itself, and `make ci-long` raises it): after every look each invoice stands exactly where the naive table puts it, whatever the chain,
// the clock, the operator and the power supply did.
func TestModel(t *testing.T) {
	for _, half := range []string{"one", "two"} {
		t.Run(half, func(t *testing.T) { rapid.Check(t, func(rt *rapid.T) { live(t, rt, without{}) }) })
	}
}

func live(t *testing.T, rt *rapid.T, lack without) {
	m := newLives(t, rt, lack)
	defer m.end()
	rt.Repeat(map[string]func(*rapid.T){
		"ask":     m.ask,
		"pay":     m.pay,
		"pay2":    m.payTwo,
		"mine":    m.mineAll,
		"only":    m.mineOnly,
		"theft":   m.mineConflict,
		"coin":    m.mineCoin,
		"reorg":   m.reorg,
		"replace": m.replace,
		"evict":   m.evict,
		"again":   m.rebroadcast,
		"clock":   m.clock,
		"crash":   m.crash,
		"cut":     m.cutCommit,
		"links":   m.links,
		"rate":    m.rates,
		"act":     m.act,
		"look":    m.look,
	})
	m.calm()
}

func newLives(t *testing.T, rt *rapid.T, lack without) *lives {
	w := newWorldIn(t, rt)
	w.stop()
	w.lack = lack
	m := &lives{world: w, rt: rt, o: &oracle{w: w, tip: w.chain.Tip().Height, observed: w.now}}
	w.wrap, w.looked = m.o.wrap, m.o.round
	w.chain.Fail(m.o.call)
	w.start()
	m.ask(rt)
	return m
}

func (m *lives) ask(t *rapid.T) {
	if len(m.o.list) >= 6 {
		return
	}
	speed := rapid.SampledFrom([]merchant.Speed{merchant.Medium, merchant.High, merchant.Low}).Draw(t, "speed")
	zeroConf := rapid.SampledFrom([]merchant.ZeroConf{merchant.Limited, merchant.Always, merchant.Never}).Draw(t, "zero_conf")
	tolerance := rapid.SampledFrom([]money.Sats{0, 1000}).Draw(t, "tolerance")
	grace := rapid.SampledFrom([]time.Duration{0, 10 * time.Minute}).Draw(t, "grace")
	m.o.add(m.world.ask(func(i *invoice.Invoice) {
		i.Terms.Speed, i.Terms.ZeroConf, i.Terms.Tolerance.Sats, i.Terms.LateAccept = speed, zeroConf, tolerance, grace
	}))
}

func (m *lives) drawInvoice(t *rapid.T) *naive {
	return m.o.list[rapid.IntRange(0, len(m.o.list)-1).Draw(t, "invoice")]
}

func (m *lives) drawOutput(t *rapid.T) chain.Output {
	sats := rapid.SampledFrom([]money.Sats{1_000_000, 600_000, 400_000, 100, 999_500, 1_500_000}).Draw(t, "sats")
	return chain.Output{Sats: sats, Script: m.drawInvoice(t).inv.Address.Script}
}

func (m *lives) send(tx chain.Tx) {
	id := m.chain.AddMempool(tx)
	if sent, ok := m.chain.Tx(id); ok {
		m.paid = append(m.paid, sent)
	}
}

func (m *lives) pay(t *rapid.T) { m.send(chain.Tx{Outputs: []chain.Output{m.drawOutput(t)}}) }

func (m *lives) payTwo(t *rapid.T) {
	m.send(chain.Tx{Outputs: []chain.Output{m.drawOutput(t), m.drawOutput(t)}})
}

func (m *lives) drawPaid(t *rapid.T) (chain.Tx, bool) {
	if len(m.paid) == 0 {
		return chain.Tx{}, false
	}
	return m.paid[rapid.IntRange(0, len(m.paid)-1).Draw(t, "tx")], true
}

func (m *lives) pooled(tx chain.Tx) bool {
	return slices.ContainsFunc(m.chain.Pool(), func(p chain.Tx) bool { return p.ID == tx.ID })
}

func (m *lives) mineAll(t *rapid.T) {
	m.mine(rapid.SampledFrom([]int{1, 1, 2, 6, 100}).Draw(t, "blocks"))
}

func (m *lives) mineOnly(t *rapid.T) {
	m.pass(time.Second)
	if tx, ok := m.drawPaid(t); ok && m.pooled(tx) {
		m.chain.MineOnly(tx.ID)
		return
	}
	m.chain.MineOnly()
}

// mineConflict mines a theft that the mempool never saw.
func (m *lives) mineConflict(t *rapid.T) {
	if tx, ok := m.drawPaid(t); ok && m.pooled(tx) {
		m.pass(time.Second)
		m.chain.MineTx(chain.Tx{Inputs: tx.Inputs, Outputs: []chain.Output{{Sats: 900_000, Script: chaintestScript()}}})
	}
}

func (m *lives) mineCoin(t *rapid.T) {
	out := m.drawOutput(t)
	m.pass(time.Second)
	m.chain.MineTo(out.Script, out.Sats)
}

func (m *lives) reorg(t *rapid.T) {
	depth := rapid.SampledFrom([]int{1, 2, 3, 7}).Draw(t, "depth")
	if m.chain.Tip().Height > int32(depth) {
		m.chain.Reorg(depth)
	}
}

// replace pays the same script again, another one, or less.
func (m *lives) replace(t *rapid.T) {
	tx, ok := m.drawPaid(t)
	if !ok || !m.pooled(tx) {
		return
	}
	out := tx.Outputs[0]
	switch rapid.SampledFrom([]string{"bump", "steal", "less", "other"}).Draw(t, "kind") {
	case "steal":
		out.Script = chaintestScript()
	case "less":
		out.Sats = max(out.Sats/2, 1)
	case "other":
		out = m.drawOutput(t)
	}
	m.send(chain.Tx{Inputs: tx.Inputs, Outputs: []chain.Output{out}})
}

func (m *lives) evict(t *rapid.T) {
	if tx, ok := m.drawPaid(t); ok {
		m.chain.Evict(tx.ID)
	}
}

// rebroadcast sends a transaction again that is nowhere, unless its coins are spent.
func (m *lives) rebroadcast(t *rapid.T) {
	tx, ok := m.drawPaid(t)
	if !ok || slices.ContainsFunc(m.chain.All(), func(o chain.Tx) bool { return sharesInput(o.Inputs, tx.Inputs) }) {
		return
	}
	m.chain.AddMempool(tx)
}

func (m *lives) clock(t *rapid.T) {
	by := rapid.SampledFrom([]time.Duration{
		time.Second, time.Minute, 16 * time.Minute, 61 * time.Minute, -time.Second, -5 * time.Minute, -time.Hour,
	}).Draw(t, "clock")
	m.back = m.back || by < 0
	m.pass(by)
}

func (m *lives) crash(*rapid.T) {
	m.o.cut = cut{}
	m.restart()
}

// cutCommit lets the process die in one of the next commits.
func (m *lives) cutCommit(t *rapid.T) {
	m.o.cut = cut{in: rapid.IntRange(1, 4).Draw(t, "commit"), after: rapid.Bool().Draw(t, "after")}
}

// links loses hints, noticed or not.
func (m *lives) links(t *rapid.T) {
	m.look(t) // so that no hint is under way
	switch rapid.SampledFrom([]string{"down", "mute", "up"}).Draw(t, "links") {
	case "down":
		m.chain.SetLive(false)
		m.o.lossy, m.o.deaf = true, true
	case "mute":
		m.chain.Mute(true)
		m.o.lossy, m.o.deaf = true, true
	case "up":
		m.up()
	}
}

func (m *lives) up() {
	m.chain.SetLive(true)
	m.chain.Mute(false)
	m.chain.Hint(chain.Hint{Resync: true}) // the next message shows the gap
	m.o.lossy = false
	m.o.interrupted()
}

func (m *lives) rates(t *rapid.T) {
	m.rate, _ = money.ParseRate(rapid.SampledFrom([]string{"50000", "40000"}).Draw(t, "rate"))
}

// look lets the tracker look, and compares. A process that dies meanwhile is started again.
func (m *lives) look(*rapid.T) {
	m.pass(time.Second)
	err := m.try()
	if err == nil && m.back { // by this clock the last look may be no poll ago: a payment was all that was looked at
		err, m.back = m.try(), false
	}
	if errors.Is(err, errCut) {
		m.o.cut = cut{}
		m.restart()
	} else {
		m.must(err)
	}
	if m.o.current {
		m.o.hold()
	}
}

// calm ends all faults, looks, and compares.
func (m *lives) calm() {
	m.o.cut = cut{}
	m.up()
	m.look(m.rt)
	m.pass(3 * time.Second)
	m.look(m.rt)
}

// act is an operator's or a merchant's decision. What must be refused is refused.
func (m *lives) act(t *rapid.T) {
	n := m.drawInvoice(t)
	m.calm() // a decision is made on what the shop sees
	receipts := m.receipts(n.inv)
	if kind := rapid.SampledFrom([]string{"accept", "return", "mark", "cancel"}).Draw(t, "act"); kind == "mark" || kind == "cancel" || len(receipts) == 0 {
		m.decide(n, kind == "mark", rapid.SampledFrom([]invoice.Status{invoice.Invalid, invoice.Complete}).Draw(t, "to"))
	} else {
		r := receipts[rapid.IntRange(0, len(receipts)-1).Draw(t, "receipt")]
		m.settleReceipt(n, r, kind == "accept")
	}
	m.o.hold()
}

func (m *lives) decide(n *naive, mark bool, to invoice.Status) {
	if mark {
		m.expect(n, n.status != to, func(b *invoice.Book) error { return b.Mark(to, "because", m.now) })
		if n.status != to {
			n.status, n.marked, n.reorged = to, true, false
		}
		return
	}
	may := n.status == invoice.New && n.in() == 0
	m.expect(n, may, func(b *invoice.Book) error { return b.Cancel(m.now) })
	if may {
		n.cancelled = true
		n.become(invoice.Expired, m.now)
	}
}

func (m *lives) settleReceipt(n *naive, r invoice.Receipt, accept bool) {
	o := n.receipts[slices.IndexFunc(n.receipts, func(o *output) bool { return o.at == r.Outpoint })]
	over := n.status == invoice.Expired || n.status == invoice.Invalid
	free := o.kind == late || o.kind == stray || r.Disposition == invoice.Over
	may := o.where != invoice.Gone && o.kind != returned && (free || over)
	if !accept {
		m.expect(n, may, func(b *invoice.Book) error { return b.Return(r.Outpoint, invoice.TxID{1}, m.now) })
		if may {
			o.kind = returned
		}
	} else {
		may = may && o.kind != taken
		m.expect(n, may, func(b *invoice.Book) error { return b.Accept(r.Outpoint, m.now) })
		if may {
			o.kind, n.cancelled = taken, false
			if over && !n.final() && !n.full() {
				n.short = n.in()
			}
		}
	}
	n.settle(m.now, time.Time{}, m.o.tip)
}

func (m *lives) expect(n *naive, may bool, change func(*invoice.Book) error) {
	m.t.Helper()
	_, err := m.db.Update(context.Background(), storetest.Shop, n.inv.ID, change)
	if (err == nil) != may {
		m.t.Fatalf("the decision on %s: %v, and it may be made: %t\n%s", n.inv.ID, err, may, m.o.tale(n))
	}
}

// tale tells what the oracle knows of an invoice.
func (o *oracle) tale(n *naive) string {
	var b strings.Builder
	fmt.Fprintf(&b, "expires %s, %v, verdict %d, again %t, cancelled %t, tip %d, hole %s", n.inv.Expires, n.inv.Terms, n.verdict, n.again, n.cancelled, o.tip, o.hole)
	real := o.w.receipts(n.inv)
	for _, r := range n.receipts {
		fmt.Fprintf(&b, "\n%s: %d sat, kind %d, first seen %s at tip %d, %s %d, by %x, conflict %d", r.at, r.sats, r.kind, r.first, r.seenTip, r.where, r.height, r.by[:2], r.conflict)
		for _, is := range real {
			if is.Outpoint == r.at {
				fmt.Fprintf(&b, "\n    recorded: %s, first seen %s at tip %d, %s %d, by %x, conflict %d", is.Disposition, is.FirstSeen, is.SeenTip, is.Place.Where, is.Place.Height, is.Place.ReplacedBy[:2], is.Place.ConflictAt)
			}
		}
	}
	return b.String()
}
