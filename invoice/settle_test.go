package invoice

import (
	"errors"
	"testing"
	"time"

	"satchel/fault"
	"satchel/merchant"
)

// refused runs an operator's act that must fail as a conflict, and change nothing.
func (s *shop) refused(f func(b *Book) error) {
	s.t.Helper()
	s.refusedAs(fault.Conflict, f)
}

func (s *shop) refusedAs(kind fault.Kind, f func(b *Book) error) {
	s.t.Helper()
	before := s.inv
	got := s.step(func(b *Book) {
		if err := f(b); !fault.Is(err, kind) {
			s.t.Fatalf("got %v, want kind %d", err, kind)
		}
	})
	same(s.t, got)
	if before.Sums != s.inv.Sums || before.State.Status != s.inv.State.Status || before.State.Marked != s.inv.State.Marked {
		s.t.Fatalf("a refusal changed the invoice")
	}
}

func accepting(s *shop, name string) func(*Book) error {
	return func(b *Book) error { return b.Accept(outpoint(name), s.now) }
}

func returning(s *shop, name string) func(*Book) error {
	return func(b *Book) error { return b.Return(outpoint(name), txid("refund"), s.now) }
}

func TestAcceptRefuses(t *testing.T) {
	s := paid(t)
	s.refused(accepting(s, "a"))
	s.refusedAs(fault.NotFound, accepting(s, "nothing"))
	s.see("b", due)
	s.accept("b") // over
	s.refused(accepting(s, "b"))
	s.see("c", due)
	s.gone("c")
	s.refused(accepting(s, "c"))
	s.see("d", due)
	s.giveBack("d")
	s.refused(accepting(s, "d"))
	s.refused(returning(s, "d"))
}

func TestAcceptOverKeepsTheSums(t *testing.T) {
	s := paid(t)
	s.see("b", due)
	s.is("paid/paidOver")
	before := s.inv.Sums
	same(t, s.accept("b"), "adjustmentComplete paid/paidOver")
	if s.inv.Sums != before || s.receipt("b").Disposition != Accepted {
		t.Errorf("%+v", s.inv.Sums)
	}
}

func TestAcceptLateOnAPaidInvoiceIsOverNotLate(t *testing.T) {
	s := confirmed(t)
	s.wait(time.Hour)
	same(t, s.see("b", due), "latePayment confirmed")
	same(t, s.accept("b"), "latePayment confirmed/paidOver")
	s.is("confirmed/paidOver")
}

func TestAcceptStrayLeavesAFinalInvoice(t *testing.T) {
	s := complete(t)
	s.see("b", due)
	same(t, s.accept("b"), "adjustmentComplete complete")
	if s.inv.Sums.Stray != 0 || s.inv.Sums.In != 2*due {
		t.Errorf("%+v", s.inv.Sums)
	}
}

func TestAcceptPartialStandsForTheWhole(t *testing.T) {
	s := open(t)
	s.see("a", due/4)
	s.refused(accepting(s, "a")) // the rest may still come
	s.mine("a")
	s.wait(time.Hour)
	s.is("expired/paidPartial")
	same(t, s.accept("a"), "adjustmentComplete expired", "paidInFull paid flat", "confirmed confirmed flat")
	if s.inv.State.Short != due/4 || s.inv.Needed() != due/4 {
		t.Errorf("short %d, needed %d", s.inv.State.Short, s.inv.Needed())
	}
	same(t, s.blocks(5), "completed complete flat")
}

func TestAcceptOneOfTwoLatePayments(t *testing.T) {
	s := open(t)
	s.wait(time.Hour)
	s.see("a", due/2)
	s.see("b", due/2)
	s.is("expired/paidLate")
	same(t, s.accept("a"), "latePayment expired/paidLate", "paidInFull paid/paidLate flat")
	s.accept("b")
	s.is("paid/paidLate")
	if s.inv.Sums.In != due || s.inv.Sums.Late != 0 {
		t.Errorf("%+v", s.inv.Sums)
	}
}

func TestAcceptWhatIsLeftOfAReversedInvoice(t *testing.T) {
	s := open(t)
	s.see("a", due/2)
	s.see("b", due/2)
	s.mine("a")
	s.wait(time.Hour)
	s.gone("b")
	s.is("invalid/paidPartial")
	same(t, s.accept("a"), "adjustmentComplete invalid")
	same(t, s.blocks(5), "completed complete flat")
}

func TestAcceptUncancels(t *testing.T) {
	s := open(t)
	s.must(func(b *Book) error { return b.Cancel(s.now) })
	same(t, s.see("a", due), "latePayment expired") // cancelled: never credited by itself
	s.is("expired")
	same(t, s.accept("a"), "latePayment expired", "paidInFull paid flat")
	if s.inv.State.Cancelled {
		t.Error("a paid invoice is not cancelled")
	}
}

func TestAcceptedOldPaymentWaitsAnew(t *testing.T) {
	s := open(t)
	s.wait(time.Hour)
	s.see("a", due)
	s.blocks(5)
	s.wait(48 * time.Hour)
	s.accept("a")
	s.is("paid/paidLate")
	if want := s.now.Add(time.Hour); !s.inv.State.Tick.Equal(want) {
		t.Errorf("tick at %s, want %s", s.inv.State.Tick, want)
	}
	same(t, s.wait(time.Hour), "failedToConfirm invalid/paidLate flat")
}

func TestReturn(t *testing.T) {
	s := open(t)
	s.wait(time.Hour)
	s.see("a", due)
	s.is("expired/paidLate")
	same(t, s.giveBack("a"), "adjustmentComplete expired")
	if r := s.receipt("a"); r.Disposition != Returned || s.inv.Sums.Late != 0 || r.History[len(r.History)-1].Detail == "" {
		t.Errorf("%+v", r)
	}
	s.refused(returning(s, "a"))
	s.refusedAs(fault.NotFound, returning(s, "nothing"))
}

func TestReturnOver(t *testing.T) {
	s := paid(t)
	s.see("b", due/2)
	s.is("paid/paidOver")
	same(t, s.giveBack("b"), "adjustmentComplete paid")
	s.is("paid")
	s.refused(returning(s, "a")) // it pays the invoice
}

func TestReturnPartOfAnExpiredInvoice(t *testing.T) {
	s := open(t)
	s.see("a", due/2)
	s.wait(time.Hour)
	same(t, s.giveBack("a"), "adjustmentComplete expired")
	if s.inv.Sums.In != 0 {
		t.Errorf("%+v", s.inv.Sums)
	}
}

func TestReturnStray(t *testing.T) {
	s := complete(t)
	s.see("b", due)
	same(t, s.giveBack("b"), "adjustmentComplete complete")
	s.refused(returning(s, "a"))
	if s.inv.Sums.Stray != 0 {
		t.Errorf("%+v", s.inv.Sums)
	}
}

func TestMarkRefuses(t *testing.T) {
	s := paid(t)
	for _, to := range []Status{0, New, Paid, Confirmed, Expired, Declined} {
		s.refusedAs(fault.Invalid, func(b *Book) error { return b.Mark(to, "because", s.now) })
	}
}

func TestMarkTwice(t *testing.T) {
	s := paid(t)
	same(t, s.mark(Invalid), "markedInvalid invalid flat")
	s.refused(func(b *Book) error { return b.Mark(Invalid, "again", s.now) })
	same(t, s.mark(Complete), "completed complete flat")
	if e := s.events[len(s.events)-1]; e.Detail != "because" || e.Reason != ByOperator || !e.Invoice.State.Marked {
		t.Errorf("%+v", e)
	}
}

func TestAMarkedInvoiceIgnoresTheChain(t *testing.T) {
	s := confirmed(t)
	s.mark(Invalid)
	same(t, s.orphan("a"))
	same(t, s.gone("a"), "paymentReversed invalid") // told, but nothing follows from it
	s.is("invalid")
	s.refused(func(b *Book) error { return b.Cancel(s.now) })
}

func TestCancelRefuses(t *testing.T) {
	s := open(t)
	s.see("a", 1)
	s.refused(func(b *Book) error { return b.Cancel(s.now) })
	for _, s := range []*shop{paid(t), confirmed(t), complete(t)} {
		s.refused(func(b *Book) error { return b.Cancel(s.now) })
	}
	s = open(t)
	s.must(func(b *Book) error { return b.Cancel(s.now) })
	s.refused(func(b *Book) error { return b.Cancel(s.now) })
}

func TestALoadThatFailsIsNoMissingReceipt(t *testing.T) {
	broken := errors.New("disk")
	s := paid(t)
	for name, act := range map[string]func(b *Book) error{
		"accept": func(b *Book) error { return b.Accept(outpoint("a"), s.now) },
		"return": func(b *Book) error { return b.Return(outpoint("a"), txid("x"), s.now) },
		"cover": func(b *Book) error {
			b.Move(s.receipt("a"), block(s.tip), Mined, s.now)
			_, _, _, err := b.Close(s.view())
			return err
		},
	} {
		b := Open(s.inv, func() ([]Receipt, error) { return nil, broken })
		if err := act(b); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, _, err := b.Close(s.view()); !errors.Is(err, broken) {
			t.Errorf("%s, closed: %v", name, err)
		}
	}
}

func TestOperatorHandlesAHighInvoice(t *testing.T) {
	s := open(t, speed(merchant.High))
	s.wait(time.Hour)
	s.see("a", due)
	s.accept("a")
	s.is("paid/paidLate")
	same(t, s.judge(true), "confirmed confirmed/paidLate flat")
}
