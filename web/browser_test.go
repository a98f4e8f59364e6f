package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"satchel/internal/browser"
	"satchel/invoice"
	"satchel/money"
)

// attr reads an attribute of the first element that a selector finds.
func attr(tab *browser.Page, selector, name string) string {
	return browser.Eval[string](tab, fmt.Sprintf(`document.querySelector(%q).getAttribute(%q) ?? ""`, selector, name))
}

func TestThePageAsksForLittle(t *testing.T) {
	tab := browser.Start(t).Open(browser.Phone())
	home := serveOn(t, newWorld(t, 10, sample()))
	tab.Go(home + "/invoice?id=" + anID)
	tab.UntilRequest("/invoice/stream")
	for _, u := range tab.Requests() {
		path, _, _ := strings.Cut(strings.TrimPrefix(u, home), "?")
		if asset := strings.HasPrefix(path, "/assets/checkout.") || strings.HasPrefix(path, "/assets/icon."); !asset && path != "/invoice" && path != "/invoice/stream" {
			t.Errorf("the page asks for %s", u)
		}
	}
	if n := len(tab.Requests()); n > 5 {
		t.Errorf("the page asks for %d things: %q", n, tab.Requests())
	}
	if blocking := browser.Eval[[]string](tab, `performance.getEntriesByType("resource").filter(e => e.renderBlockingStatus === "blocking").map(e => e.name)`); len(blocking) != 1 || !strings.Contains(blocking[0], ".css") {
		t.Errorf("before the first paint come %q", blocking)
	}
}

func TestCopyingGivesExactlyWhatIsShown(t *testing.T) {
	tab := browser.Start(t).Open(browser.Phone())
	tab.Go(serveOn(t, newWorld(t, 10, sample())) + "/invoice?id=" + anID)
	for name, clipboard := range map[string]string{
		"clipboard": `Object.defineProperty(navigator, "clipboard", { configurable: true, value: { writeText: async (text) => { window.copied = text; } } })`,
		"older way": `Object.defineProperty(navigator, "clipboard", { configurable: true, value: undefined }); document.execCommand = () => { window.copied = document.activeElement.value; return true; }`,
	} {
		tab.Do(clipboard)
		for source, want := range map[string]string{
			"due": "0.00017148", "address": address,
			"wallet": "bitcoin:" + address + "?amount=0.00017148&label=Tea%20%26%20Biscuits&message=Darjeeling%2C%20200%20g",
		} {
			tab.Do(`window.copied = null`)
			tab.Click(fmt.Sprintf("[data-copy=%s]", source))
			tab.Until(`window.copied !== null`)
			if got := browser.Eval[string](tab, `window.copied`); got != want {
				t.Errorf("%s, %s: copied %q, want %q", name, source, got, want)
			}
			tab.Until(`document.getElementById("said").textContent.startsWith("Copied: ")`)
		}
	}
	// Neither way works, whichever was tried last.
	tab.Do(`Object.defineProperty(navigator, "clipboard", { configurable: true, value: undefined }); document.execCommand = () => false`)
	tab.Click("[data-copy=address]")
	tab.Until(`getSelection().toString().replace(/\s/g, "") === "` + address + `"`) // the payer copies it by hand
}

func TestTheProtocolsCodeIsAChoice(t *testing.T) {
	b := browser.Start(t)
	for _, look := range []browser.Look{{}, {NoScript: true}} {
		tab := b.Open(look)
		w := newWorld(t, 10, sample())
		tab.Go(serveOn(t, w) + "/invoice?id=" + anID)
		if link := attr(tab, "#protocol", "href"); link != "bitcoin:?r=https://pay.example/i/"+anID {
			t.Errorf("the link is %s", link)
		}
		if shown := browser.Eval[bool](tab, `document.getElementById("protocol").checkVisibility()`); shown {
			t.Error("both codes are shown")
		}
		tab.Click(".kinds label:last-child")
		tab.Until(`document.getElementById("protocol").checkVisibility() && !document.getElementById("wallet").checkVisibility()`)
		code, err := encode("bitcoin:?r=https://pay.example/i/" + anID)
		if err != nil || attr(tab, ".protocol .qr path", "d") != code.Path {
			t.Errorf("another code is shown: %v", err)
		}
		looksWell(t, tab, "the protocol's code", !look.NoScript)
	}
	w := newWorld(t, 10, sample())
	w.cfg.Protocol = false
	if text := body(t, w.get(t, "/invoice?id="+anID)); strings.Contains(text, "/i/") || strings.Contains(text, "kinds") {
		t.Error("a protocol is offered that is not served")
	}
}

// Whoever reads with few colours of his own still sees which code is chosen, and where the parts of the page end.
func TestAChoiceShowsInForcedColours(t *testing.T) {
	tab := browser.Start(t).Open(browser.Look{Forced: true})
	tab.Go(serveOn(t, newWorld(t, 10, sample())) + "/invoice?id=" + anID)
	style := func(selector, name string) string {
		return browser.Eval[string](tab, `getComputedStyle(document.querySelector("`+selector+`")).`+name)
	}
	chosen, other := style("#kind-plain + span", "backgroundColor"), style("#kind-protocol + span", "backgroundColor")
	if keeps := style("#kind-plain + span", "forcedColorAdjust"); chosen == other || keeps != "none" {
		t.Errorf("the chosen code is on %s (%s), the other on %s", chosen, keeps, other)
	}
	if edge := style(".card", "outlineStyle"); edge != "solid" {
		t.Errorf("the card's edge is %s", edge)
	}
	looksWell(t, tab, "forced colours", true)
}

func TestAnotherAmountGetsAnotherCode(t *testing.T) {
	tab := browser.Start(t).Open(browser.Look{})
	w := newWorld(t, 10, sample())
	tab.Go(serveOn(t, w) + "/invoice?id=" + anID)
	tab.UntilRequest("/invoice/stream")
	w.store.put(paid(invoice.New, 10_000, 0))
	w.hub.Wake(anID)
	tab.Says("#note", "0.00007148 BTC are missing")
	link := attr(tab, "#wallet", "href")
	code, err := encode(link)
	if err != nil || !strings.Contains(link, "amount=0.00007148&") || attr(tab, "#modules", "d") != code.Path || tab.Text("#due") != "0.00007148" {
		t.Errorf("after a part: %s, %s, %v", link, tab.Text("#due"), err)
	}
	w.store.put(paid(invoice.Confirmed, 20_000, 3))
	w.hub.Wake(anID)
	tab.Says("#title", "Payment confirmed")
	tab.Says("#extra", "0.00002852 BTC more than asked")
	if tab.Text("#pay") != "" || tab.Text("#timer") != "" || attr(tab, "#invoice", "data-blocks") != "3" {
		t.Error("a paid invoice still asks for money")
	}
	looksWell(t, tab, "after a payment", true)
}

// hostile are texts that want to be more than text.
func hostile() []string {
	return []string{
		`<script>window.alerted = true</script>`, `"><img src=x onerror="window.alerted = true">`, `javascript:window.alerted=true`,
		"\u202Egnp.exe \u2066x", "a\x00b\x1b[2J", `{{.Secret}} {shop}`, `</title></main><script>window.alerted = true</script>`,
		strings.Repeat("é", 10_000), strings.Repeat("W", 10_000), "\xff\xfe", "🍵" + strings.Repeat("\u0301", 50), `' onclick='window.alerted=true`,
	}
}

func TestHostileTextInABrowser(t *testing.T) {
	b := browser.Start(t)
	tab := b.Open(browser.Phone())
	for _, evil := range hostile() {
		w := newWorld(t, 10, change(func(p *invoice.Public, inv *invoice.Invoice) {
			p.Merchant, inv.Order.ItemDesc, inv.Order.OrderID, inv.Order.RedirectURL, inv.Order.CloseURL = evil, evil, evil, evil, "https://x.example/"+evil
			usd, _ := money.Lookup("USD")
			inv.Order.Items = []invoice.Item{{Description: evil, Amount: money.Fiat{Code: usd.Code}}}
			inv.Order.AutoRedirect = true
		}))
		tab.Go(serveOn(t, w) + "/invoice?id=" + anID)
		tab.Do(`document.querySelector("details").open = true`)
		w.store.put(change(func(p *invoice.Public, inv *invoice.Invoice) { p.Merchant, inv.State.Status = evil, invoice.Expired }))
		w.hub.Wake(anID)
		tab.Says("#note", "order again")
		looksWell(t, tab, fmt.Sprintf("%.40q", evil), false)
		if browser.Eval[bool](tab, `window.alerted === true || document.querySelectorAll("script").length !== 1 || [...document.links].some(a => !/^(https?|bitcoin):/.test(a.href))`) {
			t.Errorf("%.40q is more than text", evil)
		}
		shown := browser.Eval[string](tab, `document.querySelector(".item bdi").textContent`)
		if want := clean(string([]rune(evil)), maxItem); shown != want {
			t.Errorf("%.40q shows as %q", evil, shown)
		}
	}
}

// The other pages are for everybody, too.
func TestAccessAndTroublePages(t *testing.T) {
	b := browser.Start(t)
	for _, dark := range []bool{false, true} {
		look := browser.Phone()
		look.Dark = dark
		tab := b.Open(look)
		o := newOffice(t)
		srv := httptest.NewServer(o.Handler())
		t.Cleanup(srv.Close)
		t.Cleanup(o.Stop)
		for _, path := range []string{"/api-access-request", "/api-access-request?pairingCode=aB3dE5g", "/api-access-request?pairingCode=no"} {
			tab.Go(srv.URL + path)
			problems := slices.DeleteFunc(tab.Problems(), func(s string) bool { return strings.Contains(s, fmt.Sprint(http.StatusBadRequest)) })
			for _, problem := range append(problems, tab.Audit()...) {
				t.Errorf("%s: %s", path, problem)
			}
		}
		tab.Go(srv.URL + "/invoice?id=none")
		for _, problem := range tab.Audit() {
			t.Errorf("no such invoice: %s", problem)
		}
	}
}

// A proxy that keeps events back: after a while without a sign of life the page asks for itself.
func TestASilentStreamIsReplaced(t *testing.T) {
	tab := browser.Start(t).Open(browser.Look{})
	w := newWorld(t, 10, sample())
	tab.Go(serveOn(t, w) + "/invoice?id=" + anID)
	tab.UntilRequest("/invoice/stream")
	w.store.put(paid(invoice.Paid, 17_148, 0)) // and nobody is woken
	tab.Do(`((now, start) => { performance.now = () => start + 60 * (now() - start); })(performance.now.bind(performance), performance.now())`)
	tab.UntilRequest("/invoice/view")
	tab.Says("#title", "Payment received")
	if tab.Text("#lost") != "" {
		t.Error("a page that is up to date calls itself lost")
	}
}

// Over the limit of streams a page looks for itself, again and again.
func TestARefusedStreamIsReplacedByViews(t *testing.T) {
	tab := browser.Start(t).Open(browser.Look{})
	w := newWorld(t, 0, sample())
	tab.Go(serveOn(t, w) + "/invoice?id=" + anID)
	tab.UntilRequest("/invoice/stream")
	w.store.put(paid(invoice.Paid, 17_148, 0))
	tab.Says("#title", "Payment received")
	w.store.failWith(errors.New("away"))
	tab.Says("#lost", "Connection lost")
	w.store.failWith(nil)
	tab.Until(`document.getElementById("lost").textContent === ""`)
}

// A frame tells its parent "paid" also of an invoice that was past it when the page was opened, or passed it at once.
func TestAFrameSaysPaidFirst(t *testing.T) {
	b := browser.Start(t)
	for name, c := range map[string]struct {
		before, after invoice.Public
		want          string
	}{
		"opened late":  {paid(invoice.Complete, 17_148, 6), paid(invoice.Complete, 17_148, 6), "loaded,paid,complete"},
		"paid at once": {sample(), paid(invoice.Confirmed, 17_148, 0), "loaded,new,paid,confirmed"},
		"expired":      {sample(), paid(invoice.Expired, 0, 0), "loaded,new,expired"},
		"invalid":      {paid(invoice.Paid, 17_148, 0), paid(invoice.Invalid, 17_148, 0), "loaded,paid,invalid"},
	} {
		w := newWorld(t, 10, c.before)
		home := serveOn(t, w)
		front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(rw, `<!doctype html><link rel="icon" href="data:,"><script>
window.seen = []; onmessage = (e) => seen.push(typeof e.data === "string" ? e.data : e.data.invoiceId === %q ? e.data.status : "?");
</script><iframe src="%s/invoice?id=%s"></iframe>`, anID, home, anID)
		}))
		tab := b.Open(browser.Look{})
		tab.Go(front.URL)
		tab.Until(fmt.Sprintf(`seen.length >= 2 && %q.startsWith(seen.join())`, c.want))
		w.store.put(c.after)
		w.hub.Wake(anID)
		tab.Until(fmt.Sprintf(`seen.join() === %q`, c.want))
		if got := browser.Eval[string](tab, `seen.join()`); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
		tab.Close()
		front.Close()
	}
}
