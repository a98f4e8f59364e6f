package invoice

import (
	"testing"
	"time"

	"satchel/money"
)

func TestAnyFinal(t *testing.T) {
	t.Run("complete, a receipt after the end: unchanged, strayReceipt", func(t *testing.T) {
		s := complete(t)
		same(t, s.see("b", due), "strayReceipt complete")
		if got := s.receipt("b").Disposition; got != Stray || s.inv.Sums.Stray != due {
			t.Errorf("it is %s", got)
		}
	})
	t.Run("marked invalid, a receipt after the end: unchanged, strayReceipt", func(t *testing.T) {
		s := open(t)
		s.mark(Invalid)
		same(t, s.see("b", due), "strayReceipt invalid")
	})
	t.Run("complete, dust after the end: unchanged, no event", func(t *testing.T) {
		s := complete(t)
		same(t, s.see("b", DustLimit-1))
		same(t, s.see("c", DustLimit), "strayReceipt complete")
		if s.inv.Sums.Stray != 2*DustLimit-1 {
			t.Errorf("%d sat", s.inv.Sums.Stray)
		}
	})
}

func TestOperatorMarks(t *testing.T) {
	stands := map[string]func(*testing.T) *shop{
		"new":       func(t *testing.T) *shop { return open(t) },
		"paid":      func(t *testing.T) *shop { return paid(t) },
		"confirmed": func(t *testing.T) *shop { return confirmed(t) },
		"complete":  complete,
		"expired":   func(t *testing.T) *shop { s := open(t); s.wait(time.Hour); return s },
		"invalid":   func(t *testing.T) *shop { s := paid(t); s.wait(time.Hour); s.gone("a"); return s },
	}
	for from, make := range stands {
		for to, event := range map[Status]string{Invalid: "markedInvalid invalid flat", Complete: "completed complete flat"} {
			t.Run("any, operator marks: "+from+" as "+to.String(), func(t *testing.T) {
				s := make(t)
				s.is(from)
				if s.inv.State.Status == to {
					s.refused(func(b *Book) error { return b.Mark(to, "because", s.now) })
					return
				}
				same(t, s.mark(to), event)
				if s.inv.State.Reason != ByOperator || s.inv.Following() || !s.inv.State.Tick.IsZero() {
					t.Errorf("%+v", s.inv.State)
				}
				same(t, s.blocks(10))
				same(t, s.wait(48*time.Hour))
				s.is(to.String())
			})
		}
	}
}

// accept and its kin are what an operator does, each in a step of its own.
func (s *shop) accept(name string) []string {
	s.t.Helper()
	return s.must(func(b *Book) error { return b.Accept(outpoint(name), s.now) })
}

func (s *shop) giveBack(name string) []string {
	s.t.Helper()
	return s.must(func(b *Book) error { return b.Return(outpoint(name), txid("refund"), s.now) })
}

func (s *shop) mark(to Status) []string {
	s.t.Helper()
	return s.must(func(b *Book) error { return b.Mark(to, "because", s.now) })
}

func (s *shop) must(f func(b *Book) error) []string {
	s.t.Helper()
	return s.step(func(b *Book) {
		if err := f(b); err != nil {
			s.t.Fatalf("refused: %v", err)
		}
	})
}

func TestMarkingGoesOutPlainWithoutFullNotifications(t *testing.T) {
	no := false
	s := open(t, func(r *Request) { r.Full = &no })
	same(t, s.mark(Complete), "completed complete flat")
	if s.inv.Due() != money.Bitcoin {
		t.Error("marking changed what is due")
	}
}
