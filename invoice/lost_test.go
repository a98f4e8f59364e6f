package invoice

import (
	"strings"
	"testing"
	"time"

	"satchel/merchant"
)

// lost is a shop whose invoice was made for a payment to an address that only a lost database knew.
func lost(t *testing.T) *shop {
	t.Helper()
	s := open(t)
	s.inv, s.events = Lost(Slot{Ref: s.inv.Ref, Tip: s.tip}, merchant.Settings{Speed: merchant.Medium, InvalidAfter: time.Hour, FullNotifications: true}, "lost", s.now)
	return s
}

// A payment for a lost invoice is never credited by itself, whenever it was sent; accepted, it lives as any other.
func TestLostInvoiceNeedsAHand(t *testing.T) {
	for name, seen := range map[string]time.Duration{"before it was found": -24 * time.Hour, "at once": 0, "later": time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := lost(t)
			o := outpoint("a")
			s.step(func(b *Book) {
				b.See(Sight{Outpoint: o, Sats: 5000, Place: block(1001), Seen: s.now.Add(seen), Hole: true, Tip: s.tip}, s.now)
			})
			r := s.receipts[o]
			if r.Disposition != Late || r.History[0].Reason != ByRestore || s.inv.State.Status != Expired || s.inv.State.Exception != PaidLate || s.inv.Due() != 5000 {
				t.Fatalf("%+v\n%+v", r, s.inv)
			}
			s.step(func(b *Book) { b.Older(r, s.now.Add(-48*time.Hour)) })
			if got := s.receipts[o].Disposition; got != Late {
				t.Fatalf("an earlier sight made it %s", got)
			}
			said := strings.Join(s.step(func(b *Book) {
				if err := b.Accept(o, s.now); err != nil {
					t.Error(err)
				}
			}), "\n")
			s.tip += 10
			s.step(func(*Book) {})
			if s.inv.State.Status != Complete || s.inv.State.Exception != PaidLate {
				t.Fatalf("%+v after\n%s", s.inv.State, said)
			}
		})
	}
}

// Without the mark it would be taken as paid in time by nobody's decision: the test above sees the difference.
func TestInvoiceThatIsNotLostIsCredited(t *testing.T) {
	s := lost(t)
	s.inv.State.Lost = false
	s.step(func(b *Book) {
		b.See(Sight{Outpoint: outpoint("a"), Sats: 5000, Place: block(1001), Seen: s.now.Add(-time.Hour), Tip: s.tip}, s.now)
	})
	if r := s.receipts[outpoint("a")]; r.Disposition == Late {
		t.Fatalf("%+v", r)
	}
}
