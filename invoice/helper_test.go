package invoice

import (
	"crypto/sha256"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/merchant"
	"satchel/money"
)

const due = money.Bitcoin // 5000 USD at 5000 USD a bitcoin

// tester is what testing.TB and rapid.T have in common.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// shop keeps one invoice as a store would, and moves chain and clock under it. Every step is checked against sums that
// are computed from the whole list of receipts.
type shop struct {
	t        tester
	inv      Invoice
	receipts map[Outpoint]Receipt
	now      time.Time
	synced   time.Time
	tip      int32
	stale    bool // the last look is older than now
	events   []Event
	loads    int
}

func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func rate(text string) money.Rate {
	r, err := money.ParseRate(text)
	if err != nil {
		panic(err)
	}
	return r
}

// open makes a shop with one invoice over a bitcoin, changed by what the test needs.
func open(t tester, change ...func(*Request)) *shop {
	t.Helper()
	r := Request{
		Merchant: merchant.Merchant{ID: "M", Settings: merchant.Settings{
			Window: 15 * time.Minute, Speed: merchant.Medium, InvalidAfter: time.Hour, LateMaxMove: 20_000,
			ZeroConf: merchant.Limited, ZeroConfDwell: 2 * time.Second, FullNotifications: true,
		}},
		Price: money.Fiat{Minor: 500_000, Code: "USD"},
	}
	q := money.Quote{Price: r.Price, Rate: rate("5000"), Due: due}
	for _, f := range change {
		f(&r)
	}
	if r.Open {
		q.Due, q.Price.Minor = 0, 0
	} else if q.Price = r.Price; r.Price.IsZero() {
		q.Due, q.Rate = 0, money.Rate{}
	}
	s := &shop{t: t, receipts: map[Outpoint]Receipt{}, now: start(), synced: start(), tip: 1000}
	s.inv, s.events = build(r, q, Slot{Ref: Ref{Merchant: "M", Seq: 1}, Tip: s.tip}, s.now)
	return s
}

func speed(v merchant.Speed) func(*Request) { return func(r *Request) { r.Speed = v } }

func settings(f func(*merchant.Settings)) func(*Request) {
	return func(r *Request) { f(&r.Merchant.Settings) }
}

func txid(name string) TxID { return sha256.Sum256([]byte(name)) }

func outpoint(name string) Outpoint { return Outpoint{TxID: txid(name)} }

func block(height int32) Place {
	return Place{
		Where: InBlock, Block: sha256.Sum256([]byte{byte(height), byte(height >> 8)}), Height: height,
		BlockTime: start().Add(time.Duration(height-1000) * 10 * time.Minute),
	}
}

// step runs one commit and gives its events, each as a line: what happened, the snapshot's status, and whether it goes
// out in the plain format.
func (s *shop) step(f func(b *Book)) []string {
	s.t.Helper()
	b := Open(s.inv, s.load)
	f(b)
	return s.close(b)
}

func (s *shop) load() ([]Receipt, error) {
	s.loads++
	list := make([]Receipt, 0, len(s.receipts))
	for _, r := range s.receipts {
		list = append(list, r)
	}
	return list, nil
}

func (s *shop) view() View { return View{Now: s.now, Tip: s.tip, Synced: s.synced} }

func (s *shop) close(b *Book) []string {
	s.t.Helper()
	if !s.stale {
		s.synced = s.now
	}
	inv, receipts, events, err := b.Close(s.view())
	if err != nil {
		s.t.Fatalf("close: %v", err)
	}
	for _, r := range receipts {
		s.receipts[r.Outpoint] = r
	}
	inv.State.Revision += uint32(len(events))
	s.inv = inv
	s.events = append(s.events, events...)
	s.check()
	return lines(events)
}

func sameRate(a, b money.Rate) bool { return a.Cmp(b) == 0 }

func lines(events []Event) []string {
	list := []string{}
	for _, e := range events {
		list = append(list, line(e))
	}
	return list
}

func line(e Event) string {
	text := strings.TrimPrefix(e.Code.Name(), "invoice_") + " " + stand(e.Invoice)
	if e.Flat {
		text += " flat"
	}
	return text
}

func stand(inv Invoice) string {
	text := inv.State.Status.String()
	if e := inv.State.Exception.String(); e != "" {
		text += "/" + e
	}
	return text
}

// check holds the sums against the list, and closes again: a step without input changes nothing.
func (s *shop) check() {
	s.t.Helper()
	if want := recount(s.inv, s.receipts); want != s.inv.Sums {
		s.t.Fatalf("sums differ from the receipts (-receipts +invoice):\n%s", cmp.Diff(want, s.inv.Sums))
	}
	again, receipts, events, err := Open(s.inv, s.load).Close(s.view())
	if err != nil || len(receipts) != 0 || len(events) != 0 {
		s.t.Fatalf("closed again: %v, %d receipts, %v", err, len(receipts), lines(events))
	}
	if !reflect.DeepEqual(s.inv, again) {
		s.t.Fatalf("a step without input changed the invoice:\n%s", cmp.Diff(s.inv, again, cmp.Comparer(sameRate)))
	}
	if alone, events := s.inv.Advance(s.view()); len(events) != 0 || !reflect.DeepEqual(s.inv, alone) {
		s.t.Fatalf("time that did not pass changed the invoice: %v", lines(events))
	}
}

// see meets a payment now, in the mempool unless told otherwise.
func (s *shop) see(name string, sats money.Sats, change ...func(*Sight)) []string {
	s.t.Helper()
	return s.step(func(b *Book) { b.See(s.sight(name, sats, change...), s.now) })
}

func (s *shop) sight(name string, sats money.Sats, change ...func(*Sight)) Sight {
	v := Sight{Outpoint: outpoint(name), Sats: sats, Place: Place{Where: InMempool}, Seen: s.now, Tip: s.tip, Rate: rate("5000")}
	for _, f := range change {
		f(&v)
	}
	return v
}

// move puts receipts somewhere else.
func (s *shop) move(to Place, why Reason, names ...string) []string {
	s.t.Helper()
	return s.step(func(b *Book) {
		for _, n := range names {
			b.Move(s.receipt(n), to, why, s.now)
		}
	})
}

func (s *shop) receipt(name string) Receipt {
	r, ok := s.receipts[outpoint(name)]
	if !ok {
		s.t.Fatalf("no receipt %s", name)
	}
	return r
}

// mine connects a block that holds the receipts.
func (s *shop) mine(names ...string) []string {
	s.t.Helper()
	s.tip++
	s.now = s.now.Add(time.Second)
	return s.move(block(s.tip), Mined, names...)
}

// blocks connects empty blocks, one step each.
func (s *shop) blocks(n int) []string {
	s.t.Helper()
	list := []string{}
	for range n {
		list = append(list, s.mine()...)
	}
	return list
}

// orphan disconnects the tip, which held the receipts; nobody looked at the mempool yet.
func (s *shop) orphan(names ...string) []string {
	s.t.Helper()
	s.tip--
	return s.move(Place{Where: Unproved}, BlockReorged, names...)
}

// back is the look that finds the receipts in the mempool again.
func (s *shop) back(names ...string) []string {
	s.t.Helper()
	return s.move(Place{Where: InMempool}, BackInMempool, names...)
}

func (s *shop) gone(names ...string) []string {
	s.t.Helper()
	return s.move(Place{Where: Gone}, LeftMempool, names...)
}

// wait lets time pass, with a look at the node at its end.
func (s *shop) wait(d time.Duration) []string {
	s.t.Helper()
	s.now = s.now.Add(d)
	return s.step(func(*Book) {})
}

func (s *shop) judge(yes bool) []string {
	s.t.Helper()
	return s.step(func(b *Book) { b.Judge(Verdict{Yes: yes, Final: true, At: s.now}) })
}

func (s *shop) is(want string) {
	s.t.Helper()
	if got := stand(s.inv); got != want {
		s.t.Fatalf("the invoice is %s (%s), want %s", got, s.inv.State.Reason, want)
	}
}

// same compares a step's events with what the table says.
func same(t tester, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("events\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (s *shop) count(c Code) int {
	n := 0
	for _, e := range s.events {
		if e.Code == c {
			n++
		}
	}
	return n
}

// recount computes the sums from the whole list, in the most obvious way.
func recount(inv Invoice, receipts map[Outpoint]Receipt) Sums {
	var s Sums
	var counting []Receipt
	for _, r := range receipts {
		s.Receipts++
		s.ConflictAt = max(s.ConflictAt, r.Place.ConflictAt)
		if r.Place.Where == Gone {
			s.Gone++
			continue
		}
		if r.Place.Where == Unproved {
			s.Unproved++
		}
		switch r.Disposition {
		case Credited, Over, Accepted:
			s.In += r.Sats
			counting = append(counting, r)
			if r.Place.Where == InBlock {
				s.InBlocks += r.Sats
			}
		case Late:
			s.Late += r.Sats
		case Stray:
			s.Stray += r.Sats
		case Returned:
		}
	}
	if inv.Quote.Due == 0 {
		return s
	}
	need := inv.Needed()
	slices.SortFunc(counting, bySight)
	var sum money.Sats
	for _, r := range counting {
		if sum += r.Sats; sum >= need {
			s.FullAt, s.FullTip = r.FirstSeen, r.SeenTip
			break
		}
	}
	// By which height do mature receipts suffice? Try each in turn.
	for _, at := range counting {
		sum = 0
		h := usable(at)
		for _, r := range counting {
			if u := usable(r); u > 0 && u <= h {
				sum += r.Sats
			}
		}
		if h > 0 && sum >= need && (s.CoveredAt == 0 || h < s.CoveredAt) {
			s.CoveredAt = h
		}
	}
	return s
}

// usable is the height at which a receipt has its first confirmation that counts; 0: in no block.
func usable(r Receipt) int32 {
	switch {
	case r.Place.Where != InBlock:
		return 0
	case r.Coinbase:
		return r.Place.Height + 99
	}
	return r.Place.Height
}

func TestSetOfCodesIsNamed(t *testing.T) {
	seen := map[string]Code{}
	for _, c := range []Code{
		Created, ReceivedPayment, PaidInFull, ExpiredUnpaid, ConfirmedEvent, Completed, MarkedInvalid, PaidAfterExpiration,
		ExpiredPartial, ManuallyNotified, FailedToConfirm, LatePayment, AdjustmentComplete, PaymentReversed, StrayReceipt,
	} {
		name := c.Name()
		if other, ok := seen[name]; ok || !strings.HasPrefix(name, "invoice_") || name == "invoice_unknown" {
			t.Errorf("%d is named %q, as is %d", c, name, other)
		}
		seen[name] = c
	}
	if Code(4).Name() != "invoice_unknown" {
		t.Error("an unknown code has a name")
	}
}
