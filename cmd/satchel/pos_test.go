package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"satchel/admin"
)

// taps sends the form of a page of the point of sale as a browser at an address does, and gives the status and where it leads.
func (s *shop) taps(page, from string, members ...string) (int, *url.URL) {
	s.t.Helper()
	form := formOf(s.visits(page))
	for i := 0; i < len(members); i += 2 {
		form.Set(members[i], members[i+1])
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, page, strings.NewReader(form.Encode()))
	s.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "http://"+s.api)
	if from != "" {
		req.Header.Set("X-Forwarded-For", from) // a proxy on this machine names him
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	s.must(err)
	s.read(res)
	to, err := url.Parse(res.Header.Get("Location"))
	s.must(err)
	return res.StatusCode, to
}

// charges makes an invoice at the point of sale, and gives it and its checkout page.
func (s *shop) charges(page, from string, members ...string) (order, string) {
	s.t.Helper()
	status, to := s.taps(page, from, members...)
	if status != http.StatusSeeOther || to.Path != "/invoice" {
		s.t.Fatalf("%d %s", status, to)
	}
	return s.get(to.Query().Get("id")), s.visits("http://" + s.api + to.String())
}

// A stall takes coins with nothing but a link, on the real node.
func TestAStallSells(t *testing.T) {
	s := newShop(t)
	var link, fixed admin.PayLink
	s.run(&link, "pos", "link", "create", "--label", "Stall 3")
	s.run(&fixed, "pos", "link", "create", "--currency", "eur", "--amount", "4.50", "--label", "Guided tour")
	if link.Currency != "USD" || fixed.Amount != "4.50" || fixed.Currency != "EUR" || !strings.HasPrefix(link.URL, "http://"+s.api+"/pos/") {
		t.Fatalf("%+v %+v", link, fixed)
	}
	if text := s.refused(exitRefused, "pos", "link", "create", "--amount", "1,234"); !strings.Contains(text, "amount") {
		t.Error(text)
	}

	sale, page := s.charges(link.URL, "", "amount", "12,50")
	if !strings.Contains(page, "12.50 USD") || !strings.Contains(page, "Stall 3") || !strings.Contains(page, `href="`+link.URL+`"`) {
		t.Errorf("the checkout page:\n%s", page)
	}
	if sale.Due != "0.00025000" {
		t.Errorf("%+v", sale)
	}
	s.pay(sale.Address, 25_000)
	s.mine(6)
	doc := s.becomes(sale.ID, "complete", false)
	s.told(sale.ID, "paid confirmed complete")
	if doc["posData"] != fmt.Sprintf(`{"link":%q}`, link.ID) || doc["itemDesc"] != "Stall 3" {
		t.Errorf("%v %v", doc["posData"], doc["itemDesc"])
	}

	tip, page := s.charges(link.URL, "", "open", "1") // the customer chooses the amount in the wallet
	if !strings.Contains(page, "Send the amount you like") {
		t.Errorf("%s", page)
	}
	s.pay(tip.Address, 7_777)
	s.mine(6)
	if doc := s.becomes(tip.ID, "complete", false); fmt.Sprint(doc["amountPaid"]) != "7777" || fmt.Sprint(doc["price"]) != "3.89" {
		t.Errorf("%v %v", doc["amountPaid"], doc["price"])
	}

	tour, _ := s.charges(fixed.URL, "", "amount", "0.01")
	if tour.Due != "0.00010000" {
		t.Errorf("a fixed price: %+v", tour)
	}
	s.caps(link, fixed)

	s.run(nil, "pos", "link", "revoke", link.URL)
	if status, _ := s.taps(link.URL, ""); status != http.StatusNotFound {
		t.Errorf("a revoked link: %d", status)
	}
	s.becomes(sale.ID, "complete", false)
	var list []admin.PayLink
	if s.run(&list, "pos", "link", "list"); len(list) != 2 || list[0].Revoked == nil || list[1].Revoked != nil || list[1].URL != fixed.URL {
		t.Errorf("%+v", list)
	}
}

// caps: one address holds twenty open, over all links, and others are not in its way; a token is not counted so.
func (s *shop) caps(links ...admin.PayLink) {
	s.t.Helper()
	const from = "203.0.113.9"
	for n := range 20 {
		s.charges(links[n%len(links)].URL, from, "amount", "5")
	}
	for _, l := range links {
		if status, _ := s.taps(l.URL, from, "amount", "5"); status != http.StatusTooManyRequests {
			s.t.Errorf("the twenty-first: %d", status)
		}
	}
	s.charges(links[0].URL, "203.0.113.10", "amount", "5")
	till := "http://" + s.api + "/pos/" + s.token
	if sale, page := s.charges(till+"?currency=EUR", from, "amount", "9"); sale.Due != "0.00020000" || strings.Contains(page, s.token) {
		s.t.Errorf("a token's till: %+v", sale)
	}
	res, err := http.Get(till + "?currency=EUR")
	s.must(err)
	if page := s.read(res); strings.Contains(res.Request.URL.String()+page, s.token) || res.Request.URL.Query().Get("currency") != "EUR" {
		s.t.Errorf("a token's till is at %s", res.Request.URL)
	}
	s.run(nil, "clock", "advance", "16m")
	s.eventually("what expired is not counted", func() bool {
		status, _ := s.taps(links[0].URL, from, "amount", "5")
		return status == http.StatusSeeOther
	})
}

func TestLinksAreShownPlainly(t *testing.T) {
	var out bytes.Buffer
	showPayLinks(&out, nil)
	showPayLink(&out, admin.PayLink{ID: "x", URL: "https://pay.example/pos/y", Currency: "EUR"})
	showPayLinks(&out, []admin.PayLink{{ID: "x", URL: "https://pay.example/pos/y", Currency: "EUR", Amount: "5.00", Label: "\x1b[2Jtour"}})
	for _, want := range []string{"no links\n", "https://pay.example/pos/y\n", "make invoices: EUR.", "satchel pos link revoke x", "5.00 EUR", "[2Jtour", "works"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("a terminal would obey a label")
	}
}

// The documentation is there, at its own address.
func TestTheDaemonServesItsDocumentation(t *testing.T) {
	s := newShop(t)
	for path, want := range map[string]string{
		"/docs": "curl http://" + s.api + "/invoices", "/docs/api": `id="createInvoice"`, "/docs/errors": `id="000002"`, "/docs/callbacks": "def verify",
		"/docs/pos": "satchel pos link create", "/docs/bitpay": "From BitPay", "/docs/btcpay": "From BTCPay",
	} {
		if page := s.visits("http://" + s.api + path); !strings.Contains(page, want) {
			t.Errorf("%s: no %s", path, want)
		}
	}
}
