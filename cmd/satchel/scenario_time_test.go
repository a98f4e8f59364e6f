package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Group B: time, on the real daemon and a real node. The clock only goes forward, but where a scenario sets it back.
func TestScenariosOfGroupB(t *testing.T) {
	t.Parallel()
	c := newScene(t)
	c.scenario("19 unpaid until the end", c.unpaid)
	c.scenario("20 half paid at the end", c.halfPaid)
	c.scenario("21 all of it after the end", c.allLate)
	c.scenario("22 a part before and the rest after", c.restLate)
	c.scenario("23 seen before the end and processed after", c.processedLate)
	c.scenario("24 never in a block until it was given up", c.givenUp)
	c.scenario("25 ends that are too near and too far", c.badEnds)
	c.scenario("26 a clock that steps", c.clockSteps)
	c.scenario("27 paid after it was cancelled", c.cancelledThenPaid)
	c.scenario("28 paid thirty days later", c.monthLate)
	c.balanced()
	c.checkStory()
}

// short is an invoice whose window ends within seconds of everybody's time.
func (c *scene) short(window time.Duration) (order, time.Time) {
	c.t.Helper()
	inv := c.order(map[string]any{"acceptanceWindow": window.Milliseconds()})
	return inv, c.shown(inv.ID).Expires
}

func (c *scene) unpaid() {
	inv, end := c.short(2 * time.Second)
	c.comesTo(inv.ID, outcome{status: "expired", events: "created expired", why: "window_over"})
	history := c.shown(inv.ID).History
	if at := history[len(history)-1].At; at.Before(end) || at.Sub(end) > 2*time.Second {
		c.t.Errorf("expired at %s, the window ended at %s", at, end)
	}
}

func (c *scene) halfPaid() {
	inv := c.order(nil)
	c.transfer(inv.Address, 5_000_000)
	c.becomes(inv.ID, "new", "paidPartial")
	c.advance("16m")
	c.comesTo(inv.ID, outcome{
		status: "expired", exception: "paidPartial", events: "created receivedPayment expiredPartial", why: "window_over", needs: "partial",
	})
}

func (c *scene) allLate() {
	inv := c.order(nil)
	c.advance("16m")
	c.becomes(inv.ID, "expired", false)
	c.transfer(inv.Address, 10_000_000)
	want := outcome{status: "expired", exception: "paidLate", events: "created expired paidAfterExpiration", why: "window_over", needs: "late"}
	c.comesTo(inv.ID, want)
	c.mine(1)
	c.eventually("the confirmations of a late payment are counted", func() bool {
		list := c.document(inv.ID)["transactions"].([]any)
		return len(list) == 1 && list[0].(map[string]any)["confirmations"] == json.Number("1")
	})
	c.comesTo(inv.ID, want)
}

func (c *scene) restLate() {
	inv := c.order(nil)
	c.transfer(inv.Address, 4_000_000)
	c.becomes(inv.ID, "new", "paidPartial")
	c.advance("16m")
	c.becomes(inv.ID, "expired", "paidPartial")
	c.transfer(inv.Address, 5_999_000)
	events := "created receivedPayment expiredPartial latePayment"
	c.comesTo(inv.ID, outcome{status: "expired", exception: "paidPartial", events: events, why: "window_over", needs: "late partial"})
	c.transfer(inv.Address, 1_000)
	c.comesTo(inv.ID, outcome{
		status: "expired", exception: "paidLate", events: events + " paidAfterExpiration", why: "window_over", needs: "late late partial",
	})
}

// processedLate stops the daemon, as a machine that is put to sleep does, from before the payment until after the end.
func (c *scene) processedLate() {
	began := time.Now()
	inv, end := c.short(5 * time.Second)
	c.must(c.daemon.Process.Signal(syscall.SIGSTOP))
	resumed := false
	defer func() {
		if !resumed {
			_ = c.daemon.Process.Signal(syscall.SIGCONT)
		}
	}()
	txid := c.transfer(inv.Address, 10_000_000)
	entry, ok, err := c.node.Chain().Entry(c.t.Context(), txid)
	c.must(err)
	if !ok || entry.Time.After(end) {
		c.t.Fatalf("the node has the payment since %s, the window ended at %s", entry.Time, end)
	}
	c.eventually("the window is over", func() bool { return time.Since(began) > 6*time.Second })
	resumed = true
	c.must(c.daemon.Process.Signal(syscall.SIGCONT))
	c.comesTo(inv.ID, outcome{status: "paid", plain: "paid", events: eventsPaid, why: "awaiting_confirmations"})
	if now := c.now(); !now.After(end) {
		c.t.Errorf("it is %s, and the window ends at %s", now, end)
	}
}

func (c *scene) givenUp() {
	inv := c.order(nil)
	txid := c.transfer(inv.Address, 10_000_000)
	c.becomes(inv.ID, "paid", false)
	raw := c.raw(txid)
	c.empty(3)
	c.advance("59m")
	c.becomes(inv.ID, "paid", false) // an hour is not over
	c.advance("2m")
	c.comesTo(inv.ID, outcome{status: "invalid", plain: "paid invalid", events: eventsPaid + " failedToConfirm", why: "not_confirmed_in_time"})
	_, err := c.node.MineRaw(c.t.Context(), raw)
	c.must(err)
	c.empty(4)
	c.becomes(inv.ID, "invalid", false)
	c.empty(1)
	c.comesTo(inv.ID, outcome{
		status: "complete", plain: "paid invalid complete", events: eventsPaid + " failedToConfirm completed", why: "confirmed_after_all",
	})

	// An hour without a block is no reason: three blocks must have passed it by.
	slow := c.order(nil)
	c.transfer(slow.Address, 10_000_000)
	c.becomes(slow.ID, "paid", false)
	c.empty(2)
	c.advance("61m")
	c.comesTo(slow.ID, outcome{status: "paid", plain: "paid", events: eventsPaid, why: "awaiting_confirmations"})
	c.empty(1)
	c.comesTo(slow.ID, outcome{status: "invalid", plain: "paid invalid", events: eventsPaid + " failedToConfirm", why: "not_confirmed_in_time"})
}

func (c *scene) badEnds() {
	near := c.now().Add(20 * time.Second).UnixMilli()
	if text := c.refusal(http.StatusBadRequest, map[string]any{"expirationTime": near}); !strings.Contains(text, "30 seconds ahead") {
		c.t.Errorf("an end in 20 seconds: %q", text)
	}
	// More than a quarter of an hour is what plugins ask for by habit: it is cut, not refused.
	inv := c.shown(c.order(map[string]any{"expirationTime": c.now().Add(48 * time.Hour).UnixMilli()}).ID)
	if window := inv.Expires.Sub(inv.Created); window != 15*time.Minute {
		c.t.Errorf("an end in two days became a window of %s", window)
	}
}

func (c *scene) clockSteps() {
	before, unpaid := c.order(nil), c.order(nil)
	c.kill()
	c.wait(-time.Hour)
	c.start()
	c.comesTo(before.ID, outcome{status: "new", events: "created", why: "awaiting_payment"})
	c.transfer(before.Address, 10_000_000)
	c.becomes(before.ID, "paid", false)
	c.advance("76m")
	c.comesTo(unpaid.ID, outcome{status: "expired", events: "created expired", why: "window_over"})
	c.mine(1)

	paid, open := c.order(nil), c.order(nil)
	c.transfer(paid.Address, 10_000_000)
	c.becomes(paid.ID, "paid", false)
	c.advance("1h")
	c.comesTo(open.ID, outcome{status: "expired", events: "created expired", why: "window_over"})
	c.comesTo(paid.ID, outcome{status: "paid", plain: "paid", events: eventsPaid, why: "awaiting_confirmations"})
	c.mine(1)
	c.comesTo(paid.ID, outcome{status: "confirmed", plain: "paid confirmed", events: eventsConfirmed, why: "enough_confirmations"})
}

func (c *scene) cancelledThenPaid() {
	inv := c.order(nil)
	if status, doc := c.call(http.MethodDelete, "/invoices/"+inv.ID+"?token="+c.owner(), nil); status != http.StatusOK {
		c.t.Fatalf("DELETE /invoices: %d %v", status, doc)
	}
	c.comesTo(inv.ID, outcome{status: "expired", events: "created expired", why: "merchant"})
	c.transfer(inv.Address, 10_000_000)
	doc := c.comesTo(inv.ID, outcome{status: "expired", events: "created expired latePayment", why: "merchant", needs: "late"})
	if doc["isCancelled"] != true {
		c.t.Errorf("isCancelled: %v", doc["isCancelled"])
	}
}

func (c *scene) monthLate() {
	inv := c.order(map[string]any{"extendedNotifications": true})
	c.advance("16m")
	c.becomes(inv.ID, "expired", false)
	c.advance("720h")
	c.mine(1) // a node whose best block is a month old would say that it has to catch up
	txid := c.transfer(inv.Address, 10_000_000)
	c.becomes(inv.ID, "expired", "paidLate")
	c.agrees("the extended callbacks", "expired paidAfterExpiration", func() string { return c.receiver.names(inv.ID) })
	c.agrees("attention", "late", func() string { return c.needs(inv.ID) })
	if p := c.shown(inv.ID).Payments; len(p) != 1 || !strings.HasPrefix(p[0].Outpoint, txid.String()) || p[0].Disposition != "late" {
		c.t.Errorf("what is recorded: %+v", p)
	}
}

// names lists the events that extended callbacks of an invoice named, in order, without "invoice_".
func (r *receiver) names(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, b := range r.bodies[""] {
		data, _ := b["data"].(map[string]any)
		event, _ := b["event"].(map[string]any)
		if name, _ := event["name"].(string); data["id"] == id {
			names = append(names, strings.TrimPrefix(name, "invoice_"))
		}
	}
	return strings.Join(names, " ")
}
