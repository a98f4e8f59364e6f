package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"satchel/internal/browser"
)

// sats reads an amount of BTC that the page shows.
func (s *shop) sats(text string) int64 {
	s.t.Helper()
	whole, part, _ := strings.Cut(strings.TrimSpace(text), ".")
	n, err := strconv.ParseInt(whole+part+strings.Repeat("0", 8-len(part)), 10, 64)
	s.must(err)
	return n
}

// open opens an invoice's page in a tab and marks it, so that a page that was loaded again is known.
func (s *shop) open(b *browser.Browser, o order, look browser.Look) *browser.Page {
	s.t.Helper()
	tab := b.Open(look)
	tab.Go(o.URL)
	tab.Says("#title", "Waiting for your payment")
	tab.Do(`window.opened = true`)
	return tab
}

// same wants the page that was opened, without a problem on the way.
func (s *shop) same(tab *browser.Page) {
	s.t.Helper()
	if !browser.Eval[bool](tab, `window.opened === true`) {
		s.t.Error("the page was loaded again")
	}
	for _, problem := range tab.Problems() {
		s.t.Error(problem)
	}
}

// A customer pays in two parts while the page is open, in a browser with JavaScript and in one without, and reloads.
func TestACustomerSeesEveryState(t *testing.T) {
	t.Parallel()
	s, b := newShop(t), browser.Start(t)
	o := s.invoice("25", "USD", "medium", map[string]any{"itemDesc": "Darjeeling, 200 g", "orderId": "A-7"})
	tab, plain := s.open(b, o, browser.Phone()), b.Open(browser.Look{NoScript: true})
	plain.Go(o.URL)
	plain.Says("#title", "Waiting for your payment")
	if tab.Text(".item") != "Darjeeling, 200 g" || tab.Text(".price") != "25.00 USD" || tab.Text("#due") != "0.0005" {
		t.Errorf("the page asks %s for %s, %s", tab.Text("#due"), tab.Text(".item"), tab.Text(".price"))
	}
	drawn := browser.Eval[string](tab, `document.getElementById("modules").getAttribute("d")`)
	s.pay(o.Address, 20_000)
	tab.Says("#title", "A part has arrived")
	tab.Says("#note", "0.0002 BTC came in, 0.0003 BTC are missing")
	if again := browser.Eval[string](tab, `document.getElementById("modules").getAttribute("d")`); again == drawn {
		t.Error("the code asks for the whole amount")
	}
	s.pay(o.Address, s.sats(tab.Text("#due")))
	tab.Says("#title", "Payment received")
	s.mine(1)
	tab.Says("#title", "Payment confirmed")
	tab.Says("#note", "1 of 6 confirmations")
	s.same(tab)
	tab.Reload()
	tab.Says("#note", "1 of 6 confirmations")
	tab.Do(`window.opened = true`)
	s.mine(1)
	tab.Says("#note", "2 of 6 confirmations")
	s.mine(4)
	tab.Says("#title", "Payment complete")
	s.same(tab)
	plain.Says("#title", "Payment complete")
}

func TestAnInvoiceExpiresBeforeTheCustomersEyes(t *testing.T) {
	t.Parallel()
	s, b := newShop(t), browser.Start(t)
	short, none := s.invoice("25", "USD", "medium", nil), s.invoice("5", "USD", "medium", nil)
	first, second := s.open(b, short, browser.Look{}), s.open(b, none, browser.Phone())
	s.pay(short.Address, 20_000)
	first.Says("#title", "A part has arrived")
	s.run(nil, "clock", "advance", "16m")
	first.Says("#title", "Too little arrived in time")
	first.Says("#note", "0.0002 of 0.0005 BTC arrived")
	second.Says("#title", "This invoice has expired")
	s.pay(none.Address, 10_000)
	second.Says("#title", "Your payment arrived late")
	second.Says("#note", "0.0001 BTC arrived after the time was up")
	for _, tab := range []*browser.Page{first, second} {
		if tab.Text("#pay") != "" {
			t.Error("an expired invoice still asks for money")
		}
		s.same(tab)
	}
}

// The daemon dies with a page open, the customer pays while it is away, and the page heals by itself.
func TestALostConnectionHeals(t *testing.T) {
	t.Parallel()
	s, b := newShop(t), browser.Start(t)
	o := s.invoice("25", "USD", "medium", nil)
	tab := s.open(b, o, browser.Phone())
	tab.UntilRequest("/invoice/stream")
	s.kill()
	tab.Says("#lost", "Connection lost")
	s.pay(o.Address, 50_000)
	s.start()
	tab.Says("#title", "Payment received")
	tab.Until(`document.getElementById("lost").textContent === ""`)
	if !browser.Eval[bool](tab, `window.opened === true`) {
		t.Error("the page was loaded again")
	}
}

// shopFront is a shop's page on another host, as plug-ins make it.
func shopFront(t *testing.T, satchel string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,">
<script src="%s/bitpay.min.js"></script><main><h1>Thank you for your order</h1><button id="pay">Pay</button></main>
<script>
window.seen = [];
window.addEventListener("message", (e) => { seen.push(typeof e.data === "string" ? e.data : e.data.status); window.last = e.data.status; });
bitpay.onModalWillEnter(() => seen.push("enter"));
bitpay.onModalWillLeave(() => { seen.push("leave after " + window.last); });
bitpay.enableTestMode();
bitpay.setApiUrlPrefix("%s");
document.getElementById("pay").onclick = () => bitpay.showInvoice(new URLSearchParams(location.search).get("invoice"));
</script>`, satchel, satchel)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// A shop's page shows the invoice in a window of its own, hears what becomes of it, and is told when it is closed.
func TestTheModalTellsTheShop(t *testing.T) {
	t.Parallel()
	s, b := newShop(t), browser.Start(t)
	front := shopFront(t, "http://"+s.api)
	for name, look := range map[string]browser.Look{"phone": browser.Phone(), "desktop": {}} {
		o := s.invoice("25", "USD", "medium", nil)
		tab := b.Open(look)
		tab.Go(front + "/?invoice=" + o.ID)
		tab.Click("#pay")
		saw := func(list string) {
			t.Helper()
			tab.Until(fmt.Sprintf(`seen.join() === %q`, list))
		}
		saw("enter,loaded,new")
		s.pay(o.Address, 50_000)
		saw("enter,loaded,new,paid")
		s.mine(1)
		saw("enter,loaded,new,paid,confirmed")
		s.mine(5)
		saw("enter,loaded,new,paid,confirmed,complete")
		tab.Do(`window.postMessage("close", "*")`) // nobody but the frame closes it
		saw("enter,loaded,new,paid,confirmed,complete,close")
		if look.Touch { // the close button, under the banner
			place := browser.Eval[[]float64](tab, `(r => [r.right - 32, r.top + 60])(document.querySelector("iframe").getBoundingClientRect())`)
			tab.ClickAt(place[0], place[1])
		} else {
			tab.Press("\x1b")
		}
		tab.Until(`!document.querySelector("iframe")`)
		if log := browser.Eval[string](tab, `seen.join()`); !strings.Contains(log, ",complete,close,paid,leave after paid") {
			t.Errorf("%s: the shop saw %s", name, log)
		}
		if browser.Eval[bool](tab, `document.activeElement.id !== "pay"`) {
			t.Errorf("%s: the focus is lost", name)
		}
		tab.Close()
	}
}

// A shop that wants its customers back gets them, without a click.
func TestTheCustomerGoesBackToTheShop(t *testing.T) {
	t.Parallel()
	s, b := newShop(t), browser.Start(t)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!doctype html><title>Thanks</title><h1>Thanks</h1>`)
	}))
	t.Cleanup(front.Close)
	o := s.invoice("25", "USD", "medium", map[string]any{
		"redirectURL": front.URL + "/thanks", "closeURL": front.URL + "/cart", "autoRedirect": true,
	})
	tab := s.open(b, o, browser.Phone())
	if href := browser.Eval[string](tab, `document.querySelector("#leave").href`); href != front.URL+"/cart" || tab.Text("#back") != "" {
		t.Errorf("who does not pay goes to %s", href)
	}
	s.pay(o.Address, 50_000)
	tab.Says("#going", "Taking you back to My shop")
	tab.Until(`location.pathname === "/thanks"`)
}
