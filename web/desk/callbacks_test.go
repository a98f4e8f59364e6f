package desk

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"satchel/auth"
	"satchel/notify"
)

func TestResend(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	f := o.furnish(shopA)
	b.loads("callbacks", "https://shop.example", "timeout after 30s", "Send it again", "87.0 ms")
	path := fmt.Sprintf("deliveries/%d/resend", f.delivery.ID)
	list := func() int {
		all, err := o.db.DeliveriesOf(t.Context(), shopA, f.delivery.Invoice)
		o.must(err)
		return len(all)
	}
	before := list()
	var clicks errgroup.Group
	for range 8 {
		clicks.Go(func() error {
			if res, text := b.copy().post(path, "invoice", string(f.delivery.Invoice), "from", "callbacks"); res.StatusCode != http.StatusSeeOther {
				return fmt.Errorf("%d %s", res.StatusCode, plain(text))
			}
			return nil
		})
	}
	o.must(clicks.Wait())
	says(t, b.sends(path, "invoice", string(f.delivery.Invoice), "from", "callbacks"), "The delivery is on its way again.")
	b.sends(path, "invoice", string(f.delivery.Invoice))
	if n := list() - before; n != 1 {
		t.Errorf("clicks at once, and one more, send %d", n)
	}
	for target, members := range map[string][]string{
		"deliveries/9999/resend": {"invoice", string(f.delivery.Invoice)}, "deliveries/x/resend": {}, path: {"invoice", string(f.new.ID)}, "deliveries/0/resend": {"invoice", "none"},
	} {
		if res, _ := b.post(target, members...); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", target, res.StatusCode)
		}
	}
	all, err := o.db.DeliveriesOf(t.Context(), shopA, f.delivery.Invoice)
	o.must(err)
	waits := all[len(all)-1]
	b.refused(409, fmt.Sprintf("deliveries/%d/resend", waits.ID), "on its way still", "invoice", string(waits.Invoice))
}

func TestTryAnEndpoint(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	res, page := b.post("callbacks/test", "url", "https://hook.example/x")
	if res.StatusCode != http.StatusOK || len(o.samples) != 1 {
		t.Fatalf("%d %v", res.StatusCode, o.samples)
	}
	says(t, page, "status 404", "after 12.3 ms", "<b>no</b>")
	b.refused(422, "callbacks/test", "", "url", "http://127.0.0.1/")
	b.refused(422, "callbacks/test", "", "url", "ftp://hook.example")
	if len(o.samples) != 1 {
		t.Errorf("a sample went to %v", o.samples)
	}
}

// A page holds the last tries of a delivery, and an endpoint is judged by them, however many there were.
func TestManyTriesOfADelivery(t *testing.T) {
	o := newOffice(t)
	b := o.hires("vera", auth.Viewer, shopA)
	inv := o.sells(shopA)
	o.pays(inv, 1, 1_000_000, 0)
	list, err := o.db.ListDeliveries(t.Context(), shopA, false, 1)
	o.must(err)
	d := list[0]
	try := func(a notify.Attempt, s notify.State) {
		o.wait(time.Minute)
		a.At = o.read()
		d.State, d.Progress = s, notify.Progress{Attempts: d.Progress.Attempts + 1, First: a.At, Next: a.At.Add(time.Hour), Last: "status " + fmt.Sprint(a.Status)}
		o.must(o.db.RecordAttempt(t.Context(), d, a))
	}
	const tries = shownAttempts + 3
	for i := range tries {
		try(notify.Attempt{Took: time.Millisecond, Status: 500, Error: fmt.Sprintf("failure %d.", i+1)}, notify.Pending)
	}
	failures := func(page string) int { return strings.Count(page, `<td class="bad">failure `) }
	last := fmt.Sprintf("failure %d.", tries)
	page := b.loads("callbacks", last, fmt.Sprintf("%d tries", tries))
	if n := failures(page); n != troubledAttempts {
		t.Errorf("%d tries on the page", n)
	}
	if n := failures(b.loads("invoices/"+string(inv.ID), last)); n != shownAttempts {
		t.Errorf("%d tries with the invoice", n)
	}
	try(notify.Attempt{Took: time.Millisecond, Status: 200}, notify.Delivered)
	page = b.loads("callbacks", "Every callback was taken", last)
	if failures(page) != 0 || strings.Count(page, "<time") != 2 {
		t.Errorf("when it was taken, and failed before that, is not told:\n%s", plain(page))
	}
}
