package invoice

import (
	"testing"
	"time"

	"satchel/merchant"
)

// The rows of the table "Status is a function", one subtest each, named by the row.

func paid(t *testing.T, change ...func(*Request)) *shop {
	t.Helper()
	s := open(t, change...)
	s.see("a", due)
	s.is("paid")
	return s
}

func confirmed(t *testing.T, change ...func(*Request)) *shop {
	t.Helper()
	s := paid(t, change...)
	s.mine("a")
	s.is("confirmed")
	return s
}

func complete(t *testing.T) *shop {
	t.Helper()
	s := confirmed(t)
	s.blocks(5)
	s.is("complete")
	return s
}

func TestFromNew(t *testing.T) {
	t.Run("new, 0 < in < due: new/paidPartial", func(t *testing.T) {
		s := open(t)
		same(t, s.see("a", due-1), "receivedPayment new/paidPartial")
		s.is("new/paidPartial")
	})
	t.Run("new, in ≥ due, HIGH and the verdict is yes: confirmed", func(t *testing.T) {
		s := open(t, speed(merchant.High))
		got := s.step(func(b *Book) {
			b.See(s.sight("a", due), s.now)
			b.Judge(Verdict{Yes: true, Final: true})
		})
		same(t, got, "receivedPayment new", "paidInFull paid", "confirmed confirmed flat")
		s.is("confirmed")
		if s.inv.State.Reason != ZeroConfAccepted {
			t.Errorf("reason %s", s.inv.State.Reason)
		}
	})
	t.Run("new, a verdict on money that is not there counts for nothing when it comes back", func(t *testing.T) {
		s := open(t, speed(merchant.High))
		s.see("a", due)
		s.gone("a")
		s.is("new")
		s.step(func(b *Book) { b.Judge(Verdict{Yes: true, Final: true}) })
		s.inv.State.Verdict = Verdict{Yes: true, Final: true} // or was kept
		same(t, s.back("a"), "receivedPayment new", "paidInFull paid")
		if s.inv.State.Verdict.Yes {
			t.Error("an old verdict stands")
		}
	})
	t.Run("new, in > due, HIGH and the verdict is yes: confirmed/paidOver", func(t *testing.T) {
		s := open(t, speed(merchant.High))
		got := s.step(func(b *Book) {
			b.See(s.sight("a", due+1), s.now)
			b.Judge(Verdict{Yes: true, Final: true})
		})
		same(t, got, "receivedPayment new/paidOver", "paidInFull paid/paidOver", "confirmed confirmed/paidOver flat")
	})
	t.Run("new, in ≥ due otherwise: paid", func(t *testing.T) {
		for _, v := range []merchant.Speed{merchant.High, merchant.Medium, merchant.Low} {
			s := open(t, speed(v))
			same(t, s.see("a", due), "receivedPayment new", "paidInFull paid flat")
			s.is("paid")
		}
	})
	t.Run("new, in > due: paid/paidOver", func(t *testing.T) {
		s := open(t)
		same(t, s.see("a", 2*due), "receivedPayment new/paidOver", "paidInFull paid/paidOver flat")
	})
	t.Run("new, window over: expired", func(t *testing.T) {
		s := open(t)
		same(t, s.wait(15*time.Minute-time.Nanosecond))
		same(t, s.wait(time.Nanosecond), "expired expired")
	})
	t.Run("new, window over with a part: expired/paidPartial", func(t *testing.T) {
		s := open(t)
		s.see("a", due/2)
		same(t, s.wait(15*time.Minute), "expiredPartial expired/paidPartial")
	})
	t.Run("new, window over, but no sync newer than the deadline: new", func(t *testing.T) {
		s := open(t)
		s.stale = true
		same(t, s.wait(time.Hour))
		s.is("new")
		s.synced = s.inv.Expires.Add(-time.Nanosecond)
		same(t, s.wait(0))
		s.synced = s.inv.Expires
		same(t, s.wait(0), "expired expired")
	})
	t.Run("new, cancelled: expired, isCancelled", func(t *testing.T) {
		s := open(t)
		got := s.step(func(b *Book) {
			if err := b.Cancel(s.now); err != nil {
				t.Fatal(err)
			}
		})
		same(t, got, "expired expired")
		if !s.inv.State.Cancelled || !s.inv.State.Tick.IsZero() {
			t.Errorf("%+v", s.inv.State)
		}
	})
}

func TestFromPaid(t *testing.T) {
	t.Run("paid, conf ≥ 1 (HIGH, MEDIUM): confirmed", func(t *testing.T) {
		for _, v := range []merchant.Speed{merchant.High, merchant.Medium} {
			s := paid(t, speed(v))
			same(t, s.mine("a"), "confirmed confirmed flat")
		}
	})
	t.Run("paid, HIGH, the verdict falls after the dwell: confirmed", func(t *testing.T) {
		s := paid(t, speed(merchant.High))
		if want := s.now.Add(2 * time.Second); !s.inv.State.Tick.Equal(want) {
			t.Errorf("tick at %s, want %s", s.inv.State.Tick, want)
		}
		s.now = s.now.Add(2 * time.Second)
		same(t, s.judge(true), "confirmed confirmed flat")
	})
	t.Run("paid, HIGH, the verdict is no: as MEDIUM", func(t *testing.T) {
		s := paid(t, speed(merchant.High))
		same(t, s.judge(false))
		if want := start().Add(time.Hour); !s.inv.State.Tick.Equal(want) {
			t.Errorf("tick at %s, want %s", s.inv.State.Tick, want)
		}
		same(t, s.mine("a"), "confirmed confirmed flat")
		if detail := s.events[len(s.events)-1].Detail; detail != "1 confirmation" {
			t.Errorf("the detail is %q", detail)
		}
	})
	t.Run("paid, conf ≥ 6 (LOW): complete, confirmed first", func(t *testing.T) {
		s := paid(t, speed(merchant.Low))
		same(t, s.mine("a"))
		same(t, s.blocks(4))
		s.is("paid")
		same(t, s.blocks(1), "confirmed confirmed", "completed complete flat")
		if s.inv.State.Reason != EnoughBlocks {
			t.Errorf("reason %s", s.inv.State.Reason)
		}
	})
	t.Run("paid, conf ≥ 6 at once: confirmed and complete", func(t *testing.T) {
		s := paid(t)
		s.tip += 6
		same(t, s.move(block(s.tip-5), Mined, "a"), "confirmed confirmed flat", "completed complete flat")
		if detail := s.events[len(s.events)-1].Detail; detail != "6 confirmations" {
			t.Errorf("the detail is %q", detail)
		}
	})
	t.Run("paid, conf = 0, an hour and three blocks: invalid", func(t *testing.T) {
		s := paid(t)
		same(t, s.blocks(3))
		same(t, s.wait(start().Add(time.Hour-time.Nanosecond).Sub(s.now)))
		s.is("paid")
		same(t, s.wait(time.Nanosecond), "failedToConfirm invalid flat")
	})
	t.Run("paid, an hour but two blocks: paid", func(t *testing.T) {
		s := paid(t)
		s.blocks(2)
		same(t, s.wait(24*time.Hour))
		if !s.inv.State.Tick.IsZero() {
			t.Error("only a block can move it, and yet it ticks")
		}
		same(t, s.blocks(1), "failedToConfirm invalid flat")
	})
	t.Run("paid, receipts gone, window open: new by sum", func(t *testing.T) {
		s := paid(t)
		same(t, s.gone("a"), "paymentReversed new")
		if !s.inv.State.Tick.Equal(s.inv.Expires) {
			t.Error("the window does not end any more")
		}
		s = open(t)
		s.see("a", due/2)
		s.see("b", due/2)
		same(t, s.gone("b"), "paymentReversed new/paidPartial")
	})
	t.Run("paid, receipts gone, window over: invalid by sum", func(t *testing.T) {
		s := paid(t)
		s.wait(15 * time.Minute)
		same(t, s.gone("a"), "paymentReversed invalid", "failedToConfirm invalid flat")
		if !s.inv.State.Reversed {
			t.Error("not marked as reversed")
		}
		s = open(t)
		s.see("a", due/2)
		s.see("b", due/2)
		s.wait(15 * time.Minute)
		same(t, s.gone("b"), "paymentReversed invalid/paidPartial", "failedToConfirm invalid/paidPartial flat")
	})
}

func TestFromConfirmed(t *testing.T) {
	t.Run("confirmed, conf ≥ 6: complete", func(t *testing.T) {
		s := confirmed(t)
		same(t, s.blocks(4))
		same(t, s.blocks(1), "completed complete flat")
	})
	t.Run("confirmed, receipts gone, window open: new", func(t *testing.T) {
		s := confirmed(t)
		same(t, s.orphan("a"))
		s.is("confirmed")
		same(t, s.gone("a"), "paymentReversed new")
	})
	t.Run("confirmed, receipts gone, window over: invalid", func(t *testing.T) {
		s := confirmed(t)
		s.wait(time.Hour)
		s.orphan("a")
		same(t, s.move(Place{Where: Gone, ReplacedBy: txid("thief"), ConflictAt: s.tip}, ConflictMined, "a"),
			"paymentReversed invalid", "failedToConfirm invalid flat")
		if e := s.events[len(s.events)-2]; e.Reason != ConflictMined {
			t.Errorf("%s: %s", e.Reason, e.Detail)
		}
	})
	t.Run("confirmed, block reorged away, still in the mempool: paid", func(t *testing.T) {
		s := confirmed(t)
		same(t, s.orphan("a"))
		same(t, s.back("a"), "paymentReversed paid")
		if s.inv.State.Reason != BackInMempool {
			t.Errorf("reason %s", s.inv.State.Reason)
		}
		same(t, s.mine("a"), "confirmed confirmed") // the plain callback was sent already
		same(t, s.blocks(5), "completed complete flat")
	})
	t.Run("confirmed in two parts, block reorged away, found again one by one: one event", func(t *testing.T) {
		s := open(t)
		s.see("a", due/2)
		s.see("b", due/2)
		s.mine("a", "b")
		s.is("confirmed")
		same(t, s.orphan("a", "b"))
		same(t, s.back("a"))
		same(t, s.back("b"), "paymentReversed paid")
		same(t, s.mine("a", "b"), "confirmed confirmed")
	})
	t.Run("confirmed in two parts, block reorged away, one found again and one mined: one event", func(t *testing.T) {
		s := open(t)
		s.see("a", due/2)
		s.see("b", due/2)
		s.mine("a", "b")
		same(t, s.orphan("a", "b"))
		same(t, s.back("a"))
		same(t, s.mine("b"), "paymentReversed paid")
		same(t, s.mine("a"), "confirmed confirmed")
	})
	t.Run("confirmed, block reorged away and mined in the next one: confirmed", func(t *testing.T) {
		s := confirmed(t)
		same(t, s.orphan("a"))
		same(t, s.mine("a"))
		s.is("confirmed")
	})
}

func TestFromComplete(t *testing.T) {
	t.Run("complete, block reorged away, may be mined again: complete, flagged", func(t *testing.T) {
		s := complete(t)
		same(t, s.orphan("a"))
		same(t, s.back("a"), "paymentReversed complete")
		if !s.inv.State.Reorged || !s.inv.Following() || !s.events[len(s.events)-1].Invoice.State.Reorged {
			t.Error("not flagged")
		}
		same(t, s.mine("a"))
		same(t, s.blocks(5))
		if s.inv.State.Reorged || s.inv.Following() {
			t.Error("still flagged")
		}
		s.is("complete")
	})
	t.Run("complete and flagged, the reason follows what becomes of the receipts", func(t *testing.T) {
		s := complete(t)
		s.orphan("a")
		for _, c := range []struct {
			move  func(...string) []string
			event string
			why   Reason
		}{
			{s.back, "paymentReversed complete", BackInMempool},
			{s.gone, "paymentReversed complete", LeftMempool},
			{s.back, "receivedPayment complete", BackInMempool},
			{s.gone, "paymentReversed complete", LeftMempool},
		} {
			same(t, c.move("a"), c.event)
			if s.inv.State.Reason != c.why {
				t.Errorf("it is flagged because of %s, want %s", s.inv.State.Reason, c.why)
			}
		}
	})
	t.Run("complete, gone from the mempool, may be mined again: complete, flagged", func(t *testing.T) {
		s := complete(t)
		s.orphan("a")
		same(t, s.gone("a"), "paymentReversed complete")
		same(t, s.blocks(100))
		s.is("complete")
	})
	t.Run("complete, a conflicting transaction has 6 confirmations: invalid by sum", func(t *testing.T) {
		s := complete(t)
		s.orphan("a")
		s.back("a")
		s.tip++
		same(t, s.move(Place{Where: Gone, ReplacedBy: txid("thief"), ConflictAt: s.tip}, ConflictMined, "a"), "paymentReversed complete")
		same(t, s.blocks(4))
		same(t, s.blocks(1), "paymentReversed invalid", "markedInvalid invalid flat")
		if !s.inv.State.Reversed || s.inv.State.Reorged || s.inv.State.Reason != ConflictFinal {
			t.Errorf("%+v", s.inv.State)
		}
	})
	t.Run("complete, an old conflict and a loss that may be mined again: complete, flagged", func(t *testing.T) {
		s := open(t)
		s.see("a", due)
		s.step(func(b *Book) { // a fee bump
			b.Move(s.receipt("a"), Place{Where: Gone, ReplacedBy: txid("b")}, Replaced, s.now)
			b.See(s.sight("b", due), s.now)
		})
		s.tip++
		s.step(func(b *Book) {
			b.Move(s.receipt("b"), block(s.tip), Mined, s.now)
			b.Move(s.receipt("a"), Place{Where: Gone, ReplacedBy: txid("b"), ConflictAt: s.tip}, ConflictMined, s.now)
		})
		s.blocks(5)
		s.is("complete")
		s.orphan("b")
		same(t, s.gone("b"), "paymentReversed complete")
		same(t, s.blocks(20))
		s.is("complete")
	})
}

func TestFromInvalid(t *testing.T) {
	t.Run("invalid by time, conf ≥ 6: complete", func(t *testing.T) {
		s := paid(t)
		s.blocks(3)
		same(t, s.wait(time.Hour), "failedToConfirm invalid flat")
		same(t, s.mine("a"))
		same(t, s.blocks(4))
		s.is("invalid")
		same(t, s.blocks(1), "completed complete flat")
	})
	t.Run("invalid by reversal, conf ≥ 6: complete", func(t *testing.T) {
		s := paid(t)
		s.wait(time.Hour)
		s.gone("a")
		s.is("invalid")
		if s.inv.Following() {
			t.Error("there is nothing to follow")
		}
		same(t, s.mine("a"), "receivedPayment invalid") // it came back
		same(t, s.blocks(5), "completed complete flat")
		if s.inv.State.Reversed {
			t.Error("still marked as reversed")
		}
	})
}

func TestFromExpired(t *testing.T) {
	expired := func(t *testing.T, change ...func(*Request)) *shop {
		t.Helper()
		s := open(t, change...)
		s.wait(15 * time.Minute)
		s.is("expired")
		s.now = s.now.Add(time.Nanosecond)
		return s
	}
	t.Run("expired, in + late ≥ due: expired/paidLate", func(t *testing.T) {
		s := expired(t)
		same(t, s.see("a", due), "paidAfterExpiration expired/paidLate")
		same(t, s.mine("a"))
		same(t, s.blocks(10))
		s.is("expired/paidLate")
	})
	t.Run("expired, late < due: expired, latePayment", func(t *testing.T) {
		s := expired(t)
		same(t, s.see("a", due/2), "latePayment expired")
		same(t, s.see("b", due/2), "paidAfterExpiration expired/paidLate")
		same(t, s.see("c", due/2), "latePayment expired/paidLate")
		if s.count(PaidAfterExpiration) != 1 {
			t.Error("1009 more than once")
		}
	})
	t.Run("expired with a part in time, the rest late: expired/paidLate", func(t *testing.T) {
		s := open(t)
		s.see("a", due/2)
		s.wait(16 * time.Minute)
		same(t, s.see("b", due/2), "paidAfterExpiration expired/paidLate")
	})
	t.Run("expired/paidLate, the late payment is gone: by sum, and 1009 stays said", func(t *testing.T) {
		s := expired(t)
		s.see("a", due)
		same(t, s.gone("a"), "paymentReversed expired")
		same(t, s.back("a"), "latePayment expired/paidLate")
	})
	t.Run("expired/paidLate, operator accepts: paid/paidLate", func(t *testing.T) {
		s := expired(t)
		s.see("a", due)
		same(t, s.accept("a"), "latePayment expired/paidLate", "paidInFull paid/paidLate flat")
		if s.inv.State.Reason != LateAccepted {
			t.Errorf("reason %s", s.inv.State.Reason)
		}
		same(t, s.mine("a"), "confirmed confirmed/paidLate flat")
		same(t, s.blocks(5), "completed complete/paidLate flat")
	})
	t.Run("expired/paidLate, operator accepts by conf: complete/paidLate", func(t *testing.T) {
		s := expired(t)
		s.see("a", due)
		s.mine("a")
		s.blocks(5)
		same(t, s.accept("a"), "latePayment expired/paidLate", "paidInFull paid/paidLate flat",
			"confirmed confirmed/paidLate flat", "completed complete/paidLate flat")
	})
	t.Run("expired, late_accept allows: paid/paidLate", func(t *testing.T) {
		s := expired(t, settings(func(m *merchant.Settings) { m.LateAccept = time.Hour }))
		same(t, s.see("a", due), "latePayment expired/paidLate", "paidInFull paid/paidLate flat")
	})
	t.Run("expired, in time after all: paid", func(t *testing.T) {
		s := expired(t)
		got := s.see("a", due, func(v *Sight) { v.Seen = s.inv.Expires })
		same(t, got, "receivedPayment expired", "paidInFull paid flat")
		if s.inv.State.Reason != InTimeAfterAll {
			t.Errorf("reason %s", s.inv.State.Reason)
		}
	})
}
