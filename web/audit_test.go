package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"satchel/auth"
	"satchel/internal/browser"
	"satchel/merchant"
	"satchel/store/storetest"
)

// twoLooks are a phone by day and a desktop by night.
func twoLooks() map[string]browser.Look {
	return map[string]browser.Look{"phone": browser.Phone(), "dark desktop": {Dark: true}}
}

// refused passes over what the console says about an answer that is meant to be a refusal.
func refused(t *testing.T, tab *browser.Page, status int) {
	t.Helper()
	for _, problem := range tab.Problems() {
		if !strings.Contains(problem, strconv.Itoa(status)) {
			t.Error(problem)
		}
	}
}

// Who approves a client decides about money: the request, with one merchant and with several, an answer that misses
// something, and what was decided, by himself and by another.
func TestTheApprovalOnScreens(t *testing.T) {
	b := browser.Start(t)
	for name, look := range twoLooks() {
		tab := b.Open(look)
		for _, others := range [][]merchant.Merchant{nil, {shopOf("second", "Bicycles <b>")}} {
			o := newOffice(t, others...)
			srv := httptest.NewServer(o.Handler())
			t.Cleanup(srv.Close)
			t.Cleanup(o.Stop)
			for decision, ask := range map[string]auth.Facade{"approve": auth.Merchant, "refuse": 0} {
				what := fmt.Sprintf("%s, %s, %d merchants", name, decision, 1+len(others))
				g := o.asks(ask, "Till in the hall")
				page := srv.URL + accessPath + "?" + url.Values{"pairingCode": {g.Pairing.Code}, "key": {o.key(g)}}.Encode()
				tab.Go(page)
				tab.Says("h1", "A client asks for access")
				looksWell(t, tab, what+": the request", true)
				if len(others) > 0 && decision == "approve" {
					tab.Do(`document.querySelector("form").noValidate = true`)
					tab.Click(`[value="approve"]`)
					tab.Says(`[role="alert"]`, "choose the merchant")
					refused(t, tab, http.StatusBadRequest)
					looksWell(t, tab, what+": a merchant is missing", true)
					tab.Do(`document.getElementById("merchant").value = "second"`)
				}
				tab.Click(fmt.Sprintf(`[value=%q]`, decision))
				tab.Says("h1", map[string]string{"approve": "Access approved", "refuse": "Access refused"}[decision])
				looksWell(t, tab, what+": decided", true)
				tab.Go(page)
				looksWell(t, tab, what+": opened again", true)
			}
		}
		tab.Close()
	}
}

// The invoice over a shop's page: what can be used by everybody stays so.
func TestTheModalOnScreens(t *testing.T) {
	b := browser.Start(t)
	home := serveOn(t, newWorld(t, 10, sample()))
	front := frontOf(t, `<script src="`+home+`/bitpay.js"></script>`, nil)
	for name, look := range twoLooks() {
		tab := b.Open(look)
		tab.Go(home + "/invoice?id=" + anID) // whose host may be asked
		opened(tab, front)
		looksWell(t, tab, "the window on "+name, true)
		if n := browser.Eval[int](tab, `document.querySelectorAll("dialog:modal iframe[title]").length`); n != 1 {
			t.Errorf("%s: %d windows", name, n)
		}
		tab.Close()
	}
}

// Whoever may name a link or a merchant, the till shows it as text, and is the till all the same.
func TestHostileNamesOnTheTill(t *testing.T) {
	c := newCounter(t)
	host, tab := c.serve(), browser.Start(t).Open(browser.Phone())
	for _, evil := range hostile() {
		what := fmt.Sprintf("%.40q", evil)
		m, err := c.db.Merchant(t.Context(), storetest.Shop)
		if err != nil {
			t.Fatal(err)
		}
		m.Name = evil
		if err := c.db.PutMerchant(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		for _, minor := range []int64{0, 450} {
			_, path := c.link(minor, "EUR", evil)
			tab.Go(host + path)
			tab.Until(`document.querySelector("h1").checkVisibility()`)
			looksWell(t, tab, what, false)
			if browser.Eval[bool](tab, `window.alerted === true || document.scripts.length !== 1 || document.images.length > 0 || document.links.length > 0 || document.forms.length !== 1`) {
				t.Errorf("%s is more than text", what)
			}
			for selector, limit := range map[string]int{"h1 bdi": maxName, ".item bdi": maxItem} {
				got := browser.Eval[string](tab, fmt.Sprintf(`document.querySelector(%q).textContent`, selector))
				if want := clean(string([]rune(evil)), limit); got != want {
					t.Errorf("%s: %s shows %q, want %q", what, selector, got, want)
				}
			}
			if minor > 0 && tab.Text(".price") != "4.50 EUR" {
				t.Errorf("%s: the price is %q", what, tab.Text(".price"))
			}
		}
	}
	tab.Click(".primary")
	tab.Says(".price", "4.50 EUR")
	if problems := tab.Problems(); len(problems) > 0 {
		t.Error(problems)
	}
}
