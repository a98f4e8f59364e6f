package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"satchel/admin"
)

// leftAlone lets endpoints say that they want nothing more, or nothing now.
func (c *scene) leftAlone(h *hook) {
	h.says("/410", status(http.StatusGone))
	gone := c.paidAt(h.url + "/410")
	c.tried(gone.ID, "parked", 1)
	dead, _ := c.refusing()
	down := c.paidAt(dead)

	h.says("/429", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	busy := c.paidAt(h.url + "/429")
	d := c.tried(busy.ID, "pending", 1)
	if wait := d.Next.Sub(d.Attempts[0].At); wait < time.Hour || wait > 75*time.Minute {
		c.t.Errorf("the next attempt is %s later, an hour was asked for", wait)
	}
	c.failed(map[string]string{
		gone.ID: "parked: endpoint says gone (status 410)", busy.ID: "pending: status 429", down.ID: "pending: connection refused",
	})
	h.says("/429", nil)
	c.advance("59m")
	other := c.paidAt(h.url + "/live") // what is due by now has been sent when this one is
	c.tried(other.ID, "delivered", 1)
	c.tried(busy.ID, "pending", 1)
	c.advance("16m")
	c.tried(busy.ID, "delivered", 2)
	c.failed(map[string]string{
		gone.ID: "parked: endpoint says gone (status 410)", busy.ID: "", down.ID: "pending: connection refused",
	})
	c.arrive(h, "/410", 1)
	c.mine(1)
}

// failed holds `satchel delivery list --failed` against what is wrong with the callbacks of invoices ("": nothing), and
// the whole list against their attempts.
func (c *scene) failed(want map[string]string) {
	c.t.Helper()
	var failed, all []admin.Delivery
	c.eventually("the failures are listed", func() bool {
		failed = nil
		c.run(&failed, "delivery", "list", "--failed", "--limit", "1000")
		is := map[string]string{}
		for _, d := range failed {
			is[d.Invoice] = fmt.Sprint(d.State, ": ", d.Last)
		}
		for id, text := range want {
			if is[id] != text {
				return false
			}
		}
		return true
	})
	c.run(&all, "delivery", "list", "--limit", "1000")
	if len(all) <= len(failed) {
		c.t.Errorf("%d deliveries in all, %d of them failed", len(all), len(failed))
	}
	for _, d := range failed {
		if text := want[d.Invoice]; text == "" {
			continue
		}
		last := d.Attempts[len(d.Attempts)-1]
		if len(d.Attempts) != d.Tries || last.At.IsZero() || !strings.Contains(d.Last, fmt.Sprint(last.Status)) && last.Error != d.Last {
			c.t.Errorf("%s: %+v", d.Invoice, d)
		}
		if (d.State == "pending") != (d.Next != nil) {
			c.t.Errorf("%s is %s, and due at %v", d.Invoice, d.State, d.Next)
		}
	}
}

// gone lets an endpoint ask for nothing more, and be back later.
func (c *scene) gone(h *hook) {
	h.says("/stop", status(http.StatusGone))
	first := c.paidAt(h.url + "/stop")
	c.tried(first.ID, "parked", 1)
	c.mine(1)
	c.becomes(first.ID, "confirmed", false)
	c.tried(first.ID, "parked", 0)
	if y := c.why(first.ID, "enough_confirmations"); !strings.Contains(strings.Join(y.Details, "\n"), "callback_given_up: A callback was given up, after all its tries or because its endpoint said that it is gone;") {
		c.t.Errorf("%+v", y)
	}
	c.kill()
	c.start()
	second := c.paidAt(h.url + "/stop")
	here := c.paidAt(h.url + "/stop/not")
	c.tried(here.ID, "delivered", 1)
	stopped := c.tried(second.ID, "parked", 0)
	c.arrive(h, "/stop", 1)
	if !strings.Contains(stopped.Last, "said gone (status 410)") || stopped.Next != nil {
		c.t.Errorf("a later one: %+v", stopped)
	}
	c.run(nil, "delivery", "resend", fmt.Sprint(stopped.ID))
	c.tried(second.ID, "parked", 1) // a hand may ask again, and it is still gone
	c.arrive(h, "/stop", 2)
	h.says("/stop", nil)
	third := c.paidAt(h.url + "/stop")
	c.tried(third.ID, "parked", 0)
	c.run(nil, "delivery", "resend", fmt.Sprint(stopped.ID))
	c.tried(second.ID, "delivered", 1)
	c.mine(1)
	c.tried(third.ID, "delivered", 1) // its confirmation; what was parked stays so
	c.arrive(h, "/stop", 5)           // one for each attempt above, and the confirmations of two invoices
}

// ownPorts wants callbacks where private addresses are allowed, and still may not go: to the node and to the daemon.
func (c *scene) ownPorts() {
	_, metrics, _ := net.SplitHostPort(c.metrics)
	says := map[string]string{
		c.node.URL() + "/": "the node's RPC", "http://" + c.api + "/invoices": "this daemon's API",
		"http://" + c.metrics + "/metrics": "this daemon's metrics", "http://localhost:" + metrics + "/": "this daemon's metrics",
		"http://0.0.0.0:" + metrics + "/": "this daemon's metrics",
	}
	for _, address := range c.node.ZMQ() {
		says["http"+strings.TrimPrefix(address, "tcp")] = "the node's ZMQ"
	}
	if len(says) != 5+3 {
		c.t.Fatalf("targets %v", says)
	}
	ids := map[string]string{}
	for url := range says {
		ids[url] = c.paidAt(url).ID
	}
	c.mine(1)
	for url, what := range says {
		var d admin.Delivery
		c.eventually("an attempt at "+url, func() bool { d = c.shown(ids[url]).Deliveries[0]; return d.Tries >= 1 })
		if a := d.Attempts[0]; d.State != "pending" || a.Status != 0 || !strings.HasPrefix(a.Error, "refused: ") || !strings.HasSuffix(a.Error, " is "+what) {
			c.t.Errorf("%s: %+v", url, a)
		}
	}
	if said, code := c.answer("", "delivery", "test", c.node.URL()); code != exitRefused || !strings.HasSuffix(said, " is the node's RPC\n") {
		c.t.Errorf("a sample: status %d, %s", code, said)
	}
}

// privateAddresses forbids private addresses, as every network but regtest does. What was promised to one before is not
// sent there any more.
func (c *scene) privateAddresses(h *hook) {
	before := c.order(map[string]any{"notificationURL": h.url + "/57"})
	c.kill()
	c.text("allow_private = true", "allow_private = false")
	c.edit([2]string{"notification_url", ""})
	c.start()
	for _, url := range []string{
		h.url + "/57", "http://127.0.0.1/", "http://[::1]/", "http://10.0.0.1/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data",
		"http://localhost/", "http://0.0.0.0/", "http://[::ffff:127.0.0.1]/", "http://100.64.0.1/", "http://2130706433/", "http://0x7f.1/",
	} {
		if text := c.refusal(http.StatusBadRequest, map[string]any{"notificationURL": url}); !strings.Contains(text, "notificationURL") {
			c.t.Errorf("%s: %q", url, text)
		}
		c.refused(exitRefused, "delivery", "test", url)
	}
	c.transfer(before.Address, 10_000_000)
	if d := c.tried(before.ID, "pending", 1); !strings.Contains(d.Last, "private address") {
		c.t.Errorf("an address that was allowed once: %+v", d)
	}
	c.arrive(h, "/57", 0)
	c.mine(1)
}
