package desk

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"satchel/auth"
	"satchel/internal/browser"
	"satchel/invoice"
	"satchel/live"
	"satchel/notify"
)

// clerk is somebody at a real browser, signed in as an owner.
type clerk struct {
	*browser.Page
	o          *office
	base, root string
}

// sits opens a browser and signs in as a person does.
func sits(t *testing.T, o *office, base string, look browser.Look) *clerk {
	t.Helper()
	_, err := o.staff.Add(t.Context(), auth.NewOperator{Name: "alice", Role: auth.Owner, Password: words})
	o.must(err)
	c := &clerk{Page: browser.Start(t).Open(look), o: o, base: base, root: base + "/dashboard/m/" + string(shopA)}
	enters(c.Page, base, "alice")
	return c
}

// opens loads one of the merchant's pages, and waits until it hears of changes.
func (c *clerk) opens(path string) {
	c.o.t.Helper()
	c.Go(c.root + path)
	c.UntilRequest("/live")
	c.Until(`source && source.readyState === EventSource.OPEN && !looking`)
}

// is wants an expression to be true now.
func (c *clerk) is(expression, what string) {
	c.o.t.Helper()
	if !browser.Eval[bool](c.Page, "!!("+expression+")") {
		c.o.t.Errorf("%s: %s\nthe page says: %s", what, expression, c.Text("body"))
	}
}

func (c *clerk) noProblems() {
	c.o.t.Helper()
	for _, problem := range c.Problems() {
		c.o.t.Error(problem)
	}
}

// marks changes what the page of an invoice shows.
func (o *office) marks(inv invoice.Invoice, to invoice.Status) {
	o.t.Helper()
	o.step(inv, func(b *invoice.Book) { o.must(b.Mark(to, "meanwhile", o.read())) })
}

// What is typed stays until it is sent or cleared; the page says that it is held, and shows the news to who asks.
func TestWhatIsTypedStays(t *testing.T) {
	o, base := onSocket(t)
	inv := o.sells(shopA)
	c := sits(t, o, base, browser.Look{})
	c.opens("/invoices/" + string(inv.ID))
	c.Click("[data-keep=mark] summary")
	c.Do(`document.querySelector("[name=reason]").focus()`)
	c.Press("paid in cash")
	c.Do(`document.activeElement.blur()`)
	o.marks(inv, invoice.Invalid)
	c.Says("#line[role=status]", "There is news.")
	c.Do(`scrollTo(0, document.body.scrollHeight)`)
	c.is(`scrollY > 100 && (r => line.contains(document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2)))(line.getBoundingClientRect())`, "the note is out of sight")
	c.is(`document.querySelector("h1").innerText.includes("new")`, "the page changed under what was typed")
	c.is(`document.querySelector("[name=reason]").value === "paid in cash"`, "what was typed is gone")
	c.Click("#line button")
	c.Says("h1", "invalid")
	c.is(`document.querySelector("[name=reason]").value === "paid in cash"`, "what was typed is gone after the news")
	c.is(`document.querySelector("[data-keep=mark]").open && document.querySelector("[name=status]").value === "complete"`, "what was open is shut, or cannot be sent")
	c.is(`document.activeElement === main && !line.innerText`, "the note stays, or the focus is lost with it")
	o.marks(inv, invoice.Complete)
	c.Says("#line", "There is news.")
	c.Do(`document.querySelector("[name=reason]").value = ""; document.querySelector("[name=reason]").dispatchEvent(new Event("input", {bubbles: true}))`)
	c.Says("h1", "complete")
	c.Until(`!line.innerText && !main.dataset.stale`)
	c.noProblems()
}

// Each of these is a reason to leave the page alone for a while; when it ends, the page changes by itself.
func TestWhatHoldsThePage(t *testing.T) {
	o, base := onSocket(t)
	inv := o.sells(shopA)
	c := sits(t, o, base, browser.Look{})
	to := invoice.Invalid
	for _, h := range []struct{ name, begin, stays, end string }{
		{
			"a field in use", `document.querySelector("[data-keep=mark]").open = true; document.querySelector("[name=reason]").focus()`,
			`document.activeElement.name === "reason"`, `document.activeElement.blur()`,
		},
		{"marked text", `getSelection().selectAllChildren(document.querySelector(".lead"))`, `getSelection().toString().length > 5`, `getSelection().removeAllRanges()`},
		{
			"a choice", `(f => { f.add(new Option("x")); f.selectedIndex = 1 })(document.querySelector("[name=status]"))`,
			`document.querySelector("[name=status]").selectedIndex === 1`, `(f => { f.selectedIndex = 0; f.dispatchEvent(new Event("change", {bubbles: true})) })(document.querySelector("[name=status]"))`,
		},
		{
			"focus on what goes away", `document.querySelector("h1 .tag")?.remove(); (b => { b.id = "doomed"; b.textContent = "x"; document.querySelector(".lead").append(b); b.focus() })(document.createElement("button"))`,
			`document.activeElement.id === "doomed"`, `document.activeElement.blur()`,
		},
	} {
		c.opens("/invoices/" + string(inv.ID))
		c.Do(h.begin)
		o.marks(inv, to)
		c.Says("#line", "There is news.")
		c.is(h.stays, h.name)
		c.is(`!document.querySelector("h1").innerText.includes("`+to.String()+`")`, h.name+" did not hold the page")
		c.Do(h.end)
		c.Says("h1", to.String())
		c.Until(`!line.innerText`)
		to = map[invoice.Status]invoice.Status{invoice.Invalid: invoice.Complete, invoice.Complete: invoice.Invalid}[to]
	}
	c.noProblems()
}

// What has the focus keeps it, what is open or scrolled stays so, while all around it is new.
func TestARefreshMovesNothing(t *testing.T) {
	o, base := onSocket(t)
	f := o.furnish(shopA)
	phone := browser.Phone()
	c := sits(t, o, base, phone)
	for name, at := range map[string]struct{ path, which string }{
		"a link":         {"", `document.querySelector(".list a.row")`},
		"a menu's link":  {"", `document.querySelector(".menu [aria-current]")`},
		"a summary":      {"", `document.querySelector(".need .ask summary")`},
		"a button":       {"", `document.querySelector(".need .primary")`},
		"a copy button":  {"/invoices/" + string(f.late.ID), `document.querySelectorAll("[data-copy]")[2]`},
		"a log's scroll": {"/callbacks", `document.querySelector(".scroll")`},
	} {
		c.opens(at.path)
		c.Do(`(e => { e.mine = "yes"; if (e.matches("[data-copy]")) e.hidden = false; e.focus(); if (e.matches(".scroll")) e.scrollLeft = 60 })(` + at.which + `)`)
		c.Do(`for (const d of document.querySelectorAll("main details")) d.open = true`)
		c.is(`document.activeElement.mine`, name+" takes no focus")
		before := browser.Eval[string](c.Page, `main.dataset.seen`)
		o.pays(o.sells(shopA), 9000+o.n, 1_000, 0)
		o.marks(f.late, map[bool]invoice.Status{true: invoice.Complete, false: invoice.Invalid}[o.invoice(shopA, f.late.ID).State.Status != invoice.Complete])
		c.Until(`main.dataset.seen !== "` + before + `"`)
		c.is(`document.activeElement.mine`, name+" lost the focus")
		c.is(`!document.activeElement.matches(".scroll") || document.activeElement.scrollLeft === 60`, name+" was scrolled back")
		c.is(`[...document.querySelectorAll("main details")].some(d => d.open)`, name+": what was open is shut")
	}
	c.noProblems()
}

// A page that is not live says so, and why, until it is again.
func TestAPageThatIsNotLiveSaysSo(t *testing.T) {
	o, base := onSocket(t)
	o.beat = 50 * time.Millisecond
	o.sells(shopA)
	c := sits(t, o, base, browser.Look{})
	c.opens("/events")
	c.Says("[data-living]", "Shown as they come")

	o.away.Store(true)
	o.cut()
	c.Says("#line[role=status]", "Not live: the server does not answer.")
	c.is(`document.querySelector("[data-living]").hidden`, "it says that it is live, too")
	o.sells(shopA)
	leave := o.fillHub()
	o.away.Store(false)
	c.Says("#line", "Not live: this page looks for news every half minute.")
	c.is(`document.querySelector("[data-living]").hidden && document.querySelectorAll(".log tbody tr").length === 2`, "what can be shown is not shown")
	leave()
	c.Until(`!line.innerText`)
	c.Says("[data-living]", "Shown as they come")

	o.must(o.staff.SignOutEverywhere(t.Context(), "alice"))
	c.Says("#line", "Not live: you are signed out.")
	for _, problem := range c.Audit() {
		t.Error(problem)
	}
	c.Click("#line a")
	c.Says("h1", "Sign in")
	c.Do(`document.querySelector("#name").value = "alice"; document.querySelector("#password").value = "` + words + `"`)
	c.Click("button.primary")
	c.Says("h1", "Events")
	c.Says("[data-living]", "Shown as they come")
	for _, problem := range c.Problems() {
		if !strings.Contains(problem, "Failed to load resource") {
			t.Error(problem)
		}
	}
}

// fillHub takes every place of those who wait for changes, once nobody else has one.
func (o *office) fillHub() (leave func()) {
	var all []func()
	for o.hub.Len() > 0 {
		runtime.Gosched()
	}
	for {
		_, cancel, err := o.hub.Subscribe(live.All)
		if err != nil {
			break
		}
		all = append(all, cancel)
	}
	return func() {
		for _, cancel := range all {
			cancel()
		}
	}
}

// A callback is sent again by a click, and its attempt appears when it was made.
func TestACallbackIsResentByAClick(t *testing.T) {
	o, base := onSocket(t)
	calls, answer := atomic.Int32{}, make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) > 1 {
			<-answer
		}
		_, _ = io.WriteString(w, "thanks")
	}))
	t.Cleanup(receiver.Close)
	o.delivering(t)
	inv := o.sells(shopA, func(r *invoice.Request) { r.Order.NotificationURL = receiver.URL })
	c := sits(t, o, base, browser.Look{})
	c.opens("/invoices/" + string(inv.ID))
	o.pays(inv, 1, 1_000_000, 0)
	c.Says(".delivery", "delivered")
	c.Says(".delivery", "1 try")
	c.Click(".delivery summary")
	c.Click(".delivery button")
	c.Says(".done", "on its way again")
	c.Until(`document.querySelectorAll(".delivery").length === 2`)
	c.Says(".delivery", "pending")
	c.Until(`source && performance.getEntriesByType("resource").some(r => r.initiatorType === "fetch") && !looking && !timer`) // it looked once more when it could listen
	c.Do(`main.same = "yes"`)
	c.Click(".delivery summary")
	close(answer)
	c.Says(".delivery [data-state=delivered]", "delivered")
	c.Says(".delivery", "1 try")
	c.Says(".delivery td.text", "thanks")
	c.is(`main.same === "yes"`, "the page was loaded again")
	c.Says(".done", "on its way again")
	c.noProblems()
}

// delivering lets callbacks out.
func (o *office) delivering(t *testing.T) {
	t.Helper()
	n, err := notify.New(notify.Config{Store: o.db, AllowPrivate: true, Now: o.read})
	o.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	o.queued.Store(n)
}
