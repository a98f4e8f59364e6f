package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/admin"
	"satchel/cmd/satchel/internal/keys/keystest"
	"satchel/merchant"
	"satchel/notify"
)

// Group E: callbacks, from the real daemon to real endpoints. What the daemon cannot be brought to here, for it takes an
// endpoint on the public internet or a name server, is tested in package notify: names that lead to private addresses
// and change what they lead to (TestNothingPrivateIsEverDialled, TestRebinding), and an outage of three days with all its
// attempts (TestOutageOfThreeDaysIsDelivered).
func TestScenariosOfGroupE(t *testing.T) {
	t.Parallel()
	c := newScene(t, [2]string{"timeout", "2s"})
	h := newHook(t)
	c.scenario("51 the signature is over the exact bytes", func() { c.signature(h) })
	c.scenario("51 a token that was revoked signs nothing", func() { c.revokedSignature(h) })
	c.scenario("52 order and content", func() { c.inOrder(h) })
	c.scenario("53 endpoints that fail", func() { c.failing(h) })
	c.scenario("53 endpoints that ask to be left alone", func() { c.leftAlone(h) })
	c.scenario("53 an endpoint that is gone", func() { c.gone(h) })
	c.scenario("53 endpoints that talk for ever", func() { c.talkative(h) })
	c.scenario("54 an endpoint that is dead for a day", func() { c.deadForADay(h) })
	c.scenario("55 the same event again", func() { c.again(h) })
	c.scenario("56 who asked for less gets less", func() { c.less(h) })
	c.scenario("57 redirects are not followed", func() { c.redirected(h) })
	c.scenario("57 the node's and the daemon's own ports", func() { c.ownPorts() })
	c.scenario("57 private addresses", func() { c.privateAddresses(h) })
	c.balanced()
	c.checkStory()
}

func (c *scene) signature(h *hook) {
	c.paidAt(h.url + "/51")
	p := c.arrive(h, "/51", 1)[0]
	secret, now := merchant.Secret(c.secret), c.now()
	if err := notify.Verify(secret, p.header, p.body, now); err != nil {
		c.t.Fatal(err)
	}
	with := func(key, value string) http.Header {
		header := p.header.Clone()
		header.Set(key, value)
		return header
	}
	for what, err := range map[string]error{
		"another secret":       notify.Verify("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", p.header, p.body, now),
		"another body":         notify.Verify(secret, p.header, append(bytes.Clone(p.body), ' '), now),
		"another id":           notify.Verify(secret, with("webhook-id", "x"), p.body, now),
		"another time":         notify.Verify(secret, with("webhook-timestamp", fmt.Sprint(now.Unix()-1000)), p.body, now),
		"six minutes later":    notify.Verify(secret, p.header, p.body, now.Add(6*time.Minute)),
		"six minutes too soon": notify.Verify(secret, p.header, p.body, now.Add(-6*time.Minute)),
	} {
		if err == nil {
			c.t.Errorf("%s: the signature is good", what)
		}
	}
	if got := p.header.Get("X-Signature"); got != notify.SignWithToken(c.token, p.body) {
		c.t.Errorf("BitPay's own signature is %q", got)
	}
	if p.header.Get("Satchel-Sequence") == "" || p.header.Get("Satchel-Revision") == "" || p.header.Get("Content-Type") != "application/json" {
		c.t.Errorf("headers %v", p.header)
	}
	c.mine(1)
}

// revokedSignature takes the token that made an invoice away between two of its callbacks.
func (c *scene) revokedSignature(h *hook) {
	kept := c.token
	defer func() { c.token = kept }()
	var made admin.Token
	c.run(&made, "token", "create", "--facade", "pos", "--bearer", "--label", "to be revoked")
	c.token = made.Token
	c.paidAt(h.url + "/51r")
	if p := c.arrive(h, "/51r", 1)[0]; p.header.Get("X-Signature") != notify.SignWithToken(made.Token, p.body) {
		c.t.Errorf("before: %v", p.header)
	}
	c.run(nil, "token", "revoke", made.ID)
	c.mine(1)
	p := c.arrive(h, "/51r", 2)[1]
	if err := notify.Verify(merchant.Secret(c.secret), p.header, p.body, c.now()); err != nil || p.header.Get("X-Signature") != "" {
		c.t.Errorf("after: %v, %v", p.header, err)
	}
}

// inOrder lets an endpoint answer slowly, so that a daemon that does not wait for it would overtake itself.
func (c *scene) inOrder(h *hook) {
	slow := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(200 * time.Millisecond):
			w.WriteHeader(http.StatusOK)
		}
	}
	h.says("/52", slow)
	h.says("/52x", slow)
	inv := c.order(map[string]any{"notificationURL": h.url + "/52"})
	extended := c.order(map[string]any{"notificationURL": h.url + "/52x", "extendedNotifications": true})
	for _, o := range []order{inv, extended} {
		c.transfer(o.Address, 10_000_000)
		c.becomes(o.ID, "paid", false)
	}
	c.mine(6)
	for i, p := range c.arrive(h, "/52", 3) {
		var body struct{ ID, Status string }
		c.must(json.Unmarshal(p.body, &body))
		if want := strings.Fields(plainComplete)[i]; body.ID != inv.ID || body.Status != want {
			c.t.Errorf("callback %d: %+v, want %s", i, body, want)
		}
	}
	want := []string{
		"1002 invoice_receivedPayment new", "1003 invoice_paidInFull paid", "1005 invoice_confirmed confirmed", "1006 invoice_completed complete",
	}
	last := ""
	for i, p := range c.arrive(h, "/52x", len(want)) {
		var body struct {
			Event struct {
				Code int
				Name string
			}
			Data struct{ ID, Status string }
		}
		c.must(json.Unmarshal(p.body, &body))
		if got := fmt.Sprint(body.Event.Code, " ", body.Event.Name, " ", body.Data.Status); got != want[i] || body.Data.ID != extended.ID {
			c.t.Errorf("extended callback %d: %s, want %s", i, got, want[i])
		}
		if revision := p.header.Get("Satchel-Revision"); revision != fmt.Sprint(i+2) || p.header.Get("webhook-id") == last {
			c.t.Errorf("extended callback %d has the revision %s and the id %s", i, revision, p.header.Get("webhook-id"))
		}
		last = p.header.Get("webhook-id")
	}
}

// failing lets endpoints fail in every way. What they did not take comes again, over a power cut, and what is sent by
// hand is the same event.
func (c *scene) failing(h *hook) {
	h.says("/404", status(http.StatusNotFound))
	h.says("/500", status(http.StatusInternalServerError))
	h.says("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	h.says("/reset", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	refusing, listen := c.refusing()
	says := map[string]string{
		h.url + "/404": "404", h.url + "/500": "500", h.url + "/hang": "timeout", h.url + "/reset": "closed",
		refusing: "refused", c.selfSigned(): "certificate",
	}
	ids := map[string]string{}
	for url := range says {
		ids[url] = c.paidAt(url).ID
	}
	c.mine(1)
	for url, id := range ids {
		first := c.shown(id).Deliveries[0]
		c.eventually("an attempt at "+url, func() bool { first = c.shown(id).Deliveries[0]; return first.Tries >= 1 })
		if a := first.Attempts[0]; first.State != "pending" || first.Next == nil || !strings.Contains(fmt.Sprint(a.Status, " ", a.Error), says[url]) {
			c.t.Errorf("%s: %+v", url, first)
		}
	}
	c.kill()
	for _, path := range []string{"/404", "/500", "/hang", "/reset"} {
		h.says(path, nil)
	}
	listen(http.HandlerFunc(h.serve))
	c.start()
	c.advance("30s")
	for url, path := range map[string]string{
		h.url + "/404": "/404", h.url + "/500": "/500", h.url + "/hang": "/hang", h.url + "/reset": "/reset", refusing: "/53",
	} {
		c.eventually("everything came to "+path, func() bool {
			return !slices.ContainsFunc(c.shown(ids[url]).Deliveries, func(d admin.Delivery) bool { return d.State != "delivered" })
		})
		c.sameBytes(path, h.at(path), 2)
	}
	sent := c.shown(ids[h.url+"/404"]).Deliveries[0]
	var repeated admin.Delivery
	c.run(&repeated, "delivery", "resend", fmt.Sprint(sent.ID))
	if repeated.ID == sent.ID || repeated.EventID != sent.EventID {
		c.t.Errorf("sent again: %+v, was %+v", repeated, sent)
	}
	count := len(h.at("/404"))
	c.eventually("it comes again", func() bool { return len(h.at("/404")) > count-1 && c.delivery(ids[h.url+"/404"]).State == "delivered" })
	c.sameBytes("/404", h.at("/404"), 2)
}

// talkative lets endpoints answer with more than anybody wants to read. The status decides; a status that does not come in
// time is none.
func (c *scene) talkative(h *hook) {
	drip := func(w io.Writer, r *http.Request) {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
			}
			if _, err := io.WriteString(w, "x"); err != nil {
				return
			}
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
		}
	}
	h.says("/drip", func(w http.ResponseWriter, r *http.Request) { drip(w, r) })
	h.says("/huge", func(w http.ResponseWriter, _ *http.Request) {
		for range 1000 {
			if _, err := w.Write(bytes.Repeat([]byte("y"), 1<<20)); err != nil {
				return
			}
		}
		c.t.Error("a gigabyte was read")
	})
	h.says("/headers", func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: "); err == nil {
			drip(conn, r)
		}
	})
	for _, path := range []string{"/drip", "/huge"} {
		d := c.tried(c.paidAt(h.url+path).ID, "delivered", 1)
		if a := d.Attempts[0]; len(a.Answer) > 512 || a.Millis > 10_000 {
			c.t.Errorf("%s: %+v", path, a)
		}
	}
	d := c.tried(c.paidAt(h.url+"/headers").ID, "pending", 1)
	if a := d.Attempts[0]; a.Status != 0 || !strings.Contains(a.Error, "timeout") {
		c.t.Errorf("headers for ever: %+v", a)
	}
	h.says("/headers", nil)
	c.mine(1)
}

// deadForADay keeps ten invoices' callbacks from one endpoint for a day, while another endpoint lives.
func (c *scene) deadForADay(h *hook) {
	h.says("/dead", status(http.StatusBadGateway))
	var dead []order
	for range 10 {
		dead = append(dead, c.paidAt(h.url+"/dead"))
	}
	c.mine(1)
	for _, inv := range dead {
		c.becomes(inv.ID, "confirmed", false)
	}
	for hour := range 24 {
		c.advance("1h")
		if hour%8 == 0 {
			live := c.paidAt(h.url + "/alive")
			c.tried(live.ID, "delivered", 1)
			c.mine(1)
		}
	}
	for _, inv := range dead {
		c.eventually("each invoice was tried again", func() bool {
			list := c.shown(inv.ID).Deliveries
			return len(list) == 2 && list[0].Tries >= 4 && list[0].State == "pending"
		})
	}
	h.says("/dead", nil)
	failed := len(h.at("/dead"))
	c.advance("7h") // the longest pause between attempts, and a tenth
	for _, inv := range dead {
		c.eventually("the backlog of "+inv.ID+" is gone", func() bool {
			return !slices.ContainsFunc(c.shown(inv.ID).Deliveries, func(d admin.Delivery) bool { return d.State != "delivered" })
		})
	}
	told := map[string]string{}
	for _, p := range h.at("/dead")[failed:] {
		var body struct{ ID, Status string }
		c.must(json.Unmarshal(p.body, &body))
		told[body.ID] += body.Status + " "
	}
	for _, inv := range dead {
		for want := range strings.FieldsSeq(c.document(inv.ID)["status"].(string) + " paid") {
			if !strings.Contains(told[inv.ID], want) {
				c.t.Errorf("%s was told %q after the outage", inv.ID, told[inv.ID])
			}
		}
	}
}

func (c *scene) again(h *hook) {
	inv := c.paidAt(h.url + "/55")
	c.mine(1)
	posts := c.arrive(h, "/55", 2)
	status, doc := c.post("/invoices/"+inv.ID+"/notifications", map[string]any{"token": c.token})
	if status != http.StatusOK || doc["data"] != "Success" {
		c.t.Fatalf("POST /invoices/…/notifications: %d %v", status, doc)
	}
	repeated := c.arrive(h, "/55", 3)[2]
	if last := posts[1]; repeated.header.Get("webhook-id") != last.header.Get("webhook-id") || !bytes.Equal(repeated.body, last.body) {
		c.t.Errorf("sent again: %s %s, was %s %s", repeated.header.Get("webhook-id"), repeated.body, last.header.Get("webhook-id"), last.body)
	}
	c.comesTo(inv.ID, outcome{status: "confirmed", events: eventsConfirmed, why: "enough_confirmations"})
	c.mine(5)
}

func (c *scene) less(h *hook) {
	one := c.order(map[string]any{"notificationURL": h.url + "/56", "fullNotifications": false})
	tpub, _ := keystest.Account(c.t, 56)
	silent := c.merchant("Silent", "wpkh("+tpub+"/0/*)")
	before := silent.order(nil)
	c.run(nil, "merchant", "set", "Silent", "merchant.notification_url=")
	after := silent.order(nil)
	for _, inv := range []order{one, before, after} {
		c.transfer(inv.Address, 10_000_000)
	}
	c.mine(6)
	silent.comesTo(before.ID, outcome{status: "complete", plain: plainComplete, events: eventsComplete, why: "enough_confirmations"})
	silent.comesTo(after.ID, outcome{status: "complete", events: eventsComplete, why: "enough_confirmations"})
	c.becomes(one.ID, "complete", false)
	c.tried(one.ID, "delivered", 1)
	if list := c.shown(one.ID).Deliveries; len(list) != 1 || list[0].Name != "invoice_confirmed" {
		c.t.Errorf("who wants one callback: %+v", list)
	}
	c.arrive(h, "/56", 1)
	if list := silent.shown(after.ID).Deliveries; len(list) != 0 {
		c.t.Errorf("who wants none: %+v", list)
	}
}

func (c *scene) redirected(h *hook) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		from := fmt.Sprintf("/%d", code)
		h.says(from, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", h.url+"/canary")
			w.WriteHeader(code)
		})
		inv := c.paidAt(h.url + from)
		if d := c.tried(inv.ID, "pending", 1); !strings.Contains(d.Last, "not followed") {
			c.t.Errorf("%d: %+v", code, d)
		}
		h.says(from, nil)
	}
	if n := len(h.at("/canary")); n != 0 {
		c.t.Errorf("%d redirects were followed", n)
	}
	c.mine(1)
}
