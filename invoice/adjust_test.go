package invoice

import (
	"errors"
	"testing"
	"time"

	"satchel/fault"
)

func adjusting(s *shop, a Adjustment) func(*Book) error {
	return func(b *Book) error { return b.Adjust(a, s.now) }
}

func (s *shop) adjust(a Adjustment) []string {
	s.t.Helper()
	return s.step(func(b *Book) {
		if err := b.Adjust(a, s.now); err != nil {
			s.t.Fatalf("%s: %v", a, err)
		}
	})
}

func TestAdjustmentsAreNamed(t *testing.T) {
	for _, a := range []Adjustment{AcceptOverpayment, AcceptUnderpayment, AcceptLate} {
		if got, ok := ParseAdjustment(a.String()); !ok || got != a {
			t.Errorf("%s is read as %s", a, got)
		}
	}
	if _, ok := ParseAdjustment("unknown"); ok || Adjustment(9).String() != "unknown" {
		t.Error("an unknown adjustment is known")
	}
	if err := open(t).adjustment(9); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v", err)
	}
}

func (s *shop) adjustment(a Adjustment) error { return Open(s.inv, s.load).Adjust(a, s.now) }

func TestAdjustKeepsTheSurplusOnce(t *testing.T) {
	s := paid(t)
	s.refused(adjusting(s, AcceptOverpayment))
	s.see("b", due/2)
	s.see("c", due/4)
	same(t, s.adjust(AcceptOverpayment), "adjustmentComplete paid/paidOver")
	if s.inv.State.Kept != due*3/4 || s.receipt("b").Disposition != Accepted || s.receipt("c").Disposition != Accepted {
		t.Errorf("kept %d", s.inv.State.Kept)
	}
	s.refused(adjusting(s, AcceptOverpayment))
	s.gone("c") // what was kept may go away, and what comes then is asked about again only where it is more
	s.see("d", due/8)
	s.refused(adjusting(s, AcceptOverpayment))
	s.see("e", due/4)
	same(t, s.adjust(AcceptOverpayment), "adjustmentComplete paid/paidOver")
}

func TestAdjustWithinToleranceHasNothingToKeep(t *testing.T) {
	s := open(t, func(r *Request) { r.Merchant.Settings.Tolerance.Sats = 1_000 })
	s.see("a", due+1_000)
	s.refused(adjusting(s, AcceptOverpayment))
	s.see("b", 1)
	same(t, s.adjust(AcceptOverpayment), "adjustmentComplete paid/paidOver")
}

func TestAdjustTakesLessOnlyAfterTheWindow(t *testing.T) {
	s := open(t)
	s.refused(adjusting(s, AcceptUnderpayment))
	s.see("a", due/4)
	s.see("b", due/4)
	s.refused(adjusting(s, AcceptUnderpayment))
	s.wait(time.Hour)
	same(t, s.adjust(AcceptUnderpayment), "adjustmentComplete expired", "paidInFull paid flat")
	if s.inv.State.Short != due/2 {
		t.Errorf("short of %d", s.inv.State.Short)
	}
	s.refused(adjusting(s, AcceptUnderpayment))
	s.mine("a", "b")
	s.is("confirmed")
}

func TestAdjustTakesLessOfAReversedInvoice(t *testing.T) {
	s := open(t)
	s.see("a", due/2)
	s.see("b", due/2)
	s.mine("a")
	s.wait(time.Hour)
	s.gone("b")
	s.is("invalid/paidPartial")
	same(t, s.adjust(AcceptUnderpayment), "adjustmentComplete invalid")
	same(t, s.blocks(5), "completed complete flat")
}

func TestAdjustNeverTouchesWhatAnOperatorMarked(t *testing.T) {
	s := open(t)
	s.see("a", due/2)
	s.wait(time.Hour)
	s.step(func(b *Book) {
		if err := b.Mark(Invalid, "fraud", s.now); err != nil {
			t.Fatal(err)
		}
	})
	s.refused(adjusting(s, AcceptUnderpayment))
	s.refused(adjusting(s, AcceptOverpayment))
}

func TestAdjustLateCreditsAndNeverTakesLess(t *testing.T) {
	s := open(t)
	s.wait(time.Hour)
	s.refused(adjusting(s, AcceptLate))
	s.see("a", due/2)
	same(t, s.adjust(AcceptLate), "adjustmentComplete expired/paidPartial")
	if s.inv.State.Short != 0 || s.inv.Sums.Late != 0 {
		t.Errorf("%+v %+v", s.inv.State, s.inv.Sums)
	}
	less := *s
	same(t, less.adjust(AcceptUnderpayment), "adjustmentComplete expired/paidLate", "paidInFull paid/paidLate flat")
	s.see("b", due/2)
	same(t, s.adjust(AcceptLate), "adjustmentComplete expired/paidLate", "paidInFull paid/paidLate flat")
	s.see("c", due)
	s.gone("c")
	s.refused(adjusting(s, AcceptLate)) // there is no money
}

func TestAdjustLateTakesWhatWasPaidToACancelledInvoice(t *testing.T) {
	s := open(t)
	s.step(func(b *Book) {
		if err := b.Cancel(s.now); err != nil {
			t.Fatal(err)
		}
	})
	if err := Open(s.inv, s.load).Cancel(s.now); !errors.Is(err, ErrNotCancellable) {
		t.Errorf("cancelled twice: %v", err)
	}
	s.see("a", due)
	s.adjust(AcceptLate)
	s.is("paid")
	if s.inv.State.Cancelled {
		t.Error("it is still cancelled")
	}
}

func TestAdjustSaysThatTheReceiptsCannotBeRead(t *testing.T) {
	away := errors.New("disk")
	s := paid(t)
	s.see("b", due)
	for _, a := range []Adjustment{AcceptOverpayment, AcceptLate} {
		if err := Open(s.inv, func() ([]Receipt, error) { return nil, away }).Adjust(a, s.now); !errors.Is(err, away) {
			t.Errorf("%s: %v", a, err)
		}
	}
}

func TestProvideChangesNothingElse(t *testing.T) {
	s := paid(t)
	before := s.inv
	same(t, s.step(func(b *Book) {
		b.Provide(Contact{Email: "zoe@shop.example"})
		b.Provide(Contact{SMS: "+49 30 1", Verified: true})
	}))
	want := Buyer{Email: "zoe@shop.example", Provided: "zoe@shop.example", SMS: "+49 30 1", SMSVerified: true}
	if s.inv.Order.Buyer != want {
		t.Errorf("the buyer is %+v", s.inv.Order.Buyer)
	}
	if s.inv.State.Status != before.State.Status || s.inv.Sums != before.Sums || s.inv.State.Revision != before.State.Revision {
		t.Error("more changed than the buyer")
	}
}

func TestNotice(t *testing.T) {
	s := paid(t)
	for _, c := range []struct{ repeated, extended, logged, flat bool }{
		{false, false, true, true}, {true, false, false, false}, {false, true, true, true}, {true, true, true, false},
	} {
		inv := s.inv
		inv.Terms.Extended = c.extended
		e, ok := inv.Notice(c.repeated, s.now)
		if ok != c.logged || e.Flat != c.flat || !e.Extended || e.Code != ManuallyNotified || e.Invoice.State.Status != Paid || !e.At.Equal(s.now) {
			t.Errorf("%+v: %v %+v", c, ok, e)
		}
	}
}
