package storetest

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
)

// due asks for everything that may go out now.
func (k *kit) due(at time.Time) []notify.Delivery {
	k.t.Helper()
	list, _, err := k.s.DueDeliveries(k.ctx, notify.Due{
		Now: at, Limit: 1000, Room: func(string) int { return 1000 }, Busy: func(uint64) bool { return false },
	})
	k.must(err)
	return list
}

// first gives the due delivery of an invoice with the lowest number.
func (k *kit) first(at time.Time, id invoice.ID) (found notify.Delivery) {
	k.t.Helper()
	for _, d := range k.due(at) {
		if d.Invoice == id && (found.ID == 0 || d.ID < found.ID) {
			found = d
		}
	}
	return found
}

// complete pays an invoice deep in the chain, which makes three plain callbacks.
func (k *kit) complete(n int) invoice.Invoice {
	k.t.Helper()
	inv := k.invoice()
	k.pay(inv, n, 1_000_000, invoice.Place{Where: invoice.InBlock, Block: [32]byte{byte(n)}, Height: 90, BlockTime: Noon()})
	return inv
}

// after records a failed or a good attempt.
func (k *kit) after(d notify.Delivery, ok bool, next time.Time) {
	k.t.Helper()
	a := notify.Attempt{At: Noon(), Status: 500, Error: "status 500"}
	d.Progress.Attempts++
	d.Progress.Next, d.Progress.Last = next, "status 500"
	a.Took = time.Duration(d.Progress.Attempts) * time.Millisecond
	if ok {
		a = notify.Attempt{At: Noon(), Status: 200}
		d.State, d.Progress.Last = notify.Delivered, "status 200"
	}
	k.must(k.s.RecordAttempt(k.ctx, d, a))
}

func deliveries(t *testing.T, k *kit) {
	a, b := k.complete(1), k.complete(2)
	now := Noon().Add(time.Hour)
	list := k.due(now)
	if len(list) != 2 || list[0].Invoice != a.ID || list[1].Invoice != b.ID || list[0].Code != invoice.PaidInFull {
		t.Fatalf("due: %+v", list)
	}
	if string(list[0].Body) != fmt.Sprintf(`{"id":%q,"status":"paid","revision":3}`, a.ID) {
		t.Fatalf("the body is %s", list[0].Body)
	}
	if list[0].Creator != "till" {
		t.Errorf("the invoice's maker is %q", list[0].Creator)
	}
	k.after(list[1], true, now)
	list = k.due(now)
	if len(list) != 2 || list[1].Creator != "till" || list[1].Code != invoice.ConfirmedEvent {
		t.Fatalf("after b's first: %+v", list)
	}
	// a's first fails; only after the third failure do the later ones go.
	for i := range notify.OrderedTries {
		head := k.first(now, a.ID)
		if head.Code != invoice.PaidInFull || head.Progress.Attempts != i {
			t.Fatalf("try %d is of %+v", i, head)
		}
		k.after(head, false, now)
	}
	codes := map[invoice.Code]bool{}
	for _, d := range k.due(now) {
		if d.Invoice == a.ID {
			codes[d.Code] = true
		}
	}
	if !codes[invoice.PaidInFull] || !codes[invoice.ConfirmedEvent] || codes[invoice.Completed] {
		t.Fatalf("after three failures go %v", codes)
	}
	head := list[0]
	head.Progress.Attempts = notify.OrderedTries
	k.after(head, false, now.Add(time.Minute))
	for _, d := range k.due(now) {
		if d.ID == head.ID {
			t.Fatal("a delivery went before its time")
		}
	}
	attempts, err := k.s.Attempts(k.ctx, Shop, head.ID)
	k.must(err)
	if len(attempts) != 4 || attempts[0].Error != "status 500" {
		t.Fatalf("attempts %+v", attempts)
	}
	of, err := k.s.LastAttempts(k.ctx, Shop, []uint64{head.ID, list[1].ID}, 3)
	k.must(err)
	if d := diff(of, map[uint64][]notify.Attempt{head.ID: attempts[1:], list[1].ID: nil}); d != "" {
		t.Fatalf("the last attempts: %s", d)
	}
	for m, id := range map[merchant.ID]uint64{Other: head.ID, Shop: 999_999} {
		_, err := k.s.LastAttempts(k.ctx, m, []uint64{id}, 3)
		k.kind(err, fault.NotFound)
	}
	stats, err := k.s.Stats(k.ctx)
	k.must(err)
	if stats.Undelivered != 5 || stats.Oldest.IsZero() {
		t.Fatalf("undelivered %d since %v", stats.Undelivered, stats.Oldest)
	}
}

func endpoints(t *testing.T, k *kit) {
	for i := range 20 {
		k.complete(i + 1)
	}
	list, next, err := k.s.DueDeliveries(k.ctx, notify.Due{
		Now: Noon().Add(time.Hour), Limit: 100, Room: func(string) int { return 3 }, Busy: func(id uint64) bool { return id == 1 },
	})
	k.must(err)
	if len(list) != 3 {
		t.Fatalf("an endpoint with room for 3 got %d", len(list))
	}
	for _, d := range list {
		if d.ID == 1 {
			t.Fatal("one that is under way went again")
		}
	}
	_ = next
	list, next, err = k.s.DueDeliveries(k.ctx, notify.Due{
		Now: Noon().Add(-time.Hour), Limit: 100, Room: func(string) int { return 3 }, Busy: func(uint64) bool { return false },
	})
	k.must(err)
	if len(list) != 0 || next.IsZero() || next.After(Noon().Add(time.Hour)) {
		t.Fatalf("before the time: %d, next %v", len(list), next)
	}
}

// stale gives the store what was read before another attempt was recorded, and a delivery that was only put off.
func stale(t *testing.T, k *kit) {
	inv := k.complete(1)
	now := Noon().Add(time.Hour)
	first := k.due(now)[0]
	putOff := first
	putOff.Progress.Next, putOff.Progress.Last = now.Add(time.Hour), "no mail server"
	k.must(k.s.RecordAttempt(k.ctx, putOff, notify.Attempt{At: now, Error: "no mail server"}))
	if len(k.due(now)) != 0 {
		t.Fatal("what was put off is due")
	}
	k.after(first, true, now)
	for name, late := range map[string]func(d *notify.Delivery){
		"a failure":      func(d *notify.Delivery) { d.Progress.Attempts, d.Progress.Next = 1, now },
		"a second one":   func(d *notify.Delivery) { d.Progress.Attempts, d.State = 2, notify.Delivered },
		"put off":        func(d *notify.Delivery) { d.Progress.Next = now },
		"two at a time":  func(d *notify.Delivery) { d.Progress.Attempts = 3 },
		"fewer attempts": func(d *notify.Delivery) { d.Progress.Attempts = -1 },
	} {
		d := first
		late(&d)
		if err := k.s.RecordAttempt(k.ctx, d, notify.Attempt{At: now, Status: 500}); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	attempts, err := k.s.Attempts(k.ctx, Shop, first.ID)
	k.must(err)
	list, err := k.s.DeliveriesOf(k.ctx, Shop, inv.ID)
	k.must(err)
	if len(attempts) != 1 || attempts[0].Status != 200 || list[0].State != notify.Delivered {
		t.Fatalf("%+v of %+v", attempts, list[0])
	}
}

// goneURL answers one delivery with 410: what waits for the same URL says so from then on, what is sent by hand asks
// anew, and what is taken ends it.
func goneURL(t *testing.T, k *kit) {
	first, other := k.complete(1), k.complete(2)
	now := Noon().Add(time.Hour)
	says := func(d notify.Delivery, state notify.State, status int) {
		t.Helper()
		d.State, d.Progress.Last = state, fmt.Sprint("status ", status)
		d.Progress.Attempts++
		k.must(k.s.RecordAttempt(k.ctx, d, notify.Attempt{At: Noon(), Status: status, Error: map[bool]string{true: "status"}[status > 299]}))
	}
	gone := func(want bool, of ...invoice.Invoice) {
		t.Helper()
		for _, inv := range of {
			if d := k.first(now, inv.ID); d.ID == 0 || d.Gone != want {
				t.Fatalf("gone is %t: %+v", d.Gone, d)
			}
		}
	}
	gone(false, first, other)
	said := k.first(now, first.ID)
	says(said, notify.Parked, 410)
	for range 2 {
		gone(true, first, other)
		stopped := k.first(now, first.ID)
		stopped.State, stopped.Progress.Last = notify.Parked, "not sent"
		k.must(k.s.RecordAttempt(k.ctx, stopped, notify.Attempt{At: Noon()})) // nothing was tried
		tries, err := k.s.Attempts(k.ctx, Shop, stopped.ID)
		k.must(err)
		if len(tries) != 0 {
			t.Errorf("tried %+v", tries)
		}
	}
	for _, status := range []int{410, 202} {
		gone(true, other)
		again, err := k.s.Resend(k.ctx, Shop, said.ID, Noon())
		k.must(err)
		if !again.Resend || again.Stopped() {
			t.Errorf("sent by hand: %+v", again)
		}
		says(k.first(now, first.ID), map[int]notify.State{410: notify.Parked, 202: notify.Delivered}[status], status)
	}
	gone(false, other)
	says(k.first(now, other.ID), notify.Pending, 500) // a failure is no stop
	gone(false, other)
	stats, err := k.s.Stats(k.ctx)
	k.must(err)
	if stats.Undelivered != 3 { // the other one's
		t.Errorf("%d are undelivered", stats.Undelivered)
	}
}

func resend(t *testing.T, k *kit) {
	inv := k.complete(1)
	first := k.due(Noon().Add(time.Hour))[0]
	k.after(first, true, Noon())
	again, err := k.s.Resend(k.ctx, Shop, first.ID, Noon())
	k.must(err)
	if again.ID == first.ID || again.EventID != first.EventID || string(again.Body) != string(first.Body) || again.State != notify.Pending {
		t.Fatalf("resent %+v", again)
	}
	_, err = k.s.Resend(k.ctx, Other, first.ID, Noon())
	k.kind(err, fault.NotFound)
	list, err := k.s.DeliveriesOf(k.ctx, Shop, inv.ID)
	k.must(err)
	if len(list) != 4 {
		t.Fatalf("%d deliveries", len(list))
	}
}

// Who asks twice gets one, at once or one after the other; only when that one has ended there is another.
func resendOnce(t *testing.T, k *kit) {
	inv := k.complete(1)
	first := k.due(Noon().Add(time.Hour))[0]
	_, err := k.s.ResendOnce(k.ctx, Shop, first.ID, Noon())
	k.kind(err, fault.Conflict)
	k.after(first, true, Noon())
	var group errgroup.Group
	got := make([]notify.Delivery, 16)
	for i := range got {
		group.Go(func() (err error) {
			got[i], err = k.s.ResendOnce(k.ctx, Shop, first.ID, Noon())
			return err
		})
	}
	k.must(group.Wait())
	for _, d := range got {
		if d.ID != got[0].ID || d.ID <= first.ID || !d.Resend || d.EventID != first.EventID || string(d.Body) != string(first.Body) || d.State != notify.Pending {
			t.Fatalf("resent %+v, and %+v", got[0], d)
		}
	}
	_, err = k.s.ResendOnce(k.ctx, Shop, got[0].ID, Noon())
	k.kind(err, fault.Conflict)
	for _, m := range []merchant.ID{Other, "nobody"} {
		_, err = k.s.ResendOnce(k.ctx, m, first.ID, Noon())
		k.kind(err, fault.NotFound)
	}
	count := func() int {
		list, err := k.s.DeliveriesOf(k.ctx, Shop, inv.ID)
		k.must(err)
		return len(list)
	}
	before := count()
	for list := k.due(Noon().Add(time.Hour)); len(list) > 0; list = k.due(Noon().Add(time.Hour)) {
		for _, d := range list {
			k.after(d, true, Noon())
		}
	}
	same, err := k.s.ResendOnce(k.ctx, Shop, first.ID, Noon().Add(time.Second)) // the second click, and it was taken at once
	k.must(err)
	if same.ID != got[0].ID || same.State != notify.Delivered || count() != before {
		t.Errorf("%+v of %d deliveries", same, count())
	}
	again, err := k.s.ResendOnce(k.ctx, Shop, first.ID, Noon().Add(time.Minute))
	k.must(err)
	if again.ID <= got[0].ID || count() != before+1 {
		t.Errorf("%d deliveries more, the newest %d after %d", count()-before, again.ID, got[0].ID)
	}
}
