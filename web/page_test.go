package web

import (
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"satchel/fault"
	"satchel/invoice"
	"satchel/money"
)

func TestEachStateSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		p        invoice.Public
		state    string
		payable  bool
		contains []string
	}{
		"new": {sample(), "waiting", true, []string{"0.00017148", "10.50 USD", "Tea &amp; Biscuits", "Darjeeling, 200 g", "10:00", "bitcoin:" + address + "?amount=0.00017148"}},
		"partial": {
			paid(invoice.New, 10_000, 0), "partial", true,
			[]string{"0.00007148 BTC are missing", "amount=0.00007148"},
		},
		"seen":      {paid(invoice.Paid, 17_148, 0), "seen", false, []string{"Payment received"}},
		"confirmed": {paid(invoice.Confirmed, 17_148, 2), "confirmed", false, []string{"2 of 6 confirmations"}},
		"complete":  {paid(invoice.Complete, 17_148, 6), "complete", false, []string{"Payment complete", "https://tea.example/thanks?order=7"}},
		"over":      {paid(invoice.Paid, 20_000, 0), "seen", false, []string{"0.00002852 BTC more than asked"}},
		"expired":   {paid(invoice.Expired, 0, 0), "expired", false, []string{"This invoice has expired"}},
		"short":     {paid(invoice.Expired, 10_000, 0), "short", false, []string{"0.0001 of 0.00017148 BTC arrived"}},
		"invalid":   {paid(invoice.Invalid, 17_148, 0), "invalid", false, []string{"Payment not valid"}},
		"late": {
			change(func(_ *invoice.Public, inv *invoice.Invoice) {
				inv.State.Status, inv.State.Exception, inv.Sums.Late = invoice.Expired, invoice.PaidLate, 17_148
			}), "late", false, []string{"arrived late", "do not pay again"},
		},
		"closing": {
			change(func(_ *invoice.Public, inv *invoice.Invoice) { inv.Expires = noon().Add(-time.Second) }),
			"closing", false,
			[]string{"The time is up"},
		},
		"any amount": {
			change(func(_ *invoice.Public, inv *invoice.Invoice) { inv.Quote = money.Quote{Price: money.Fiat{Code: "USD"}} }),
			"waiting", true,
			[]string{"Send the amount you like"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			res := newWorld(t, 1, c.p).get(t, "/invoice?id="+anID)
			text := body(t, res)
			if res.StatusCode != http.StatusOK || !strings.Contains(text, `data-state="`+c.state+`"`) {
				t.Fatalf("%d, state %q is not in\n%s", res.StatusCode, c.state, text)
			}
			plain := html.UnescapeString(text)
			for _, want := range c.contains {
				if !strings.Contains(plain, html.UnescapeString(want)) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
			if shown := !regexp.MustCompile(`id="pay" hidden`).MatchString(text); shown != c.payable {
				t.Errorf("the address is shown: %v", shown)
			}
			if !c.payable && strings.Contains(plain, "bitcoin:") {
				t.Error("a payment link is left on a page that is not to be paid")
			}
		})
	}
}

// Whatever a shop or a buyer wrote shows as text: no tag, no script, no link, nothing that turns the line around.
func TestHostileTextShowsAsText(t *testing.T) {
	for _, evil := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `javascript:alert(1)`, "\u202Egnp.exe", "a\x00b\x1b[2J",
		`{{.Secret}}`, `</title><script>`, strings.Repeat("é", 10_000), "\xff\xfe", "🍵" + strings.Repeat("\u0301", 50), `' onclick='x`,
	} {
		p := change(func(p *invoice.Public, inv *invoice.Invoice) {
			p.Merchant, inv.Order.ItemDesc, inv.Order.RedirectURL, inv.Order.CloseURL = evil, evil, evil, "https://x.example/"+evil
			inv.Order.AutoRedirect = true
		})
		text := body(t, newWorld(t, 1, p).get(t, "/invoice?id="+anID))
		if n := strings.Count(text, "<script"); n != 1 {
			t.Errorf("%.40q: %d scripts", evil, n)
		}
		for _, bad := range []string{"<img", "onerror=alert(1)>", `href="javascript:`, "\u202E", "\x00", "\x1b", `' onclick='`, `url=javascript:`} {
			if strings.Contains(text, bad) {
				t.Errorf("%.40q: the page holds %q", evil, bad)
			}
		}
		if len(text) > 30_000 {
			t.Errorf("%.40q: %d bytes", evil, len(text))
		}
	}
}

func TestPageIsStrictAndLight(t *testing.T) {
	w := newWorld(t, 1, sample())
	res := w.get(t, "/invoice?id="+anID)
	text := body(t, res)
	policy := res.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(text, "style=") || strings.Contains(text, "<style") || strings.Contains(text, " onclick") {
		t.Errorf("inline code or style, or a policy that allows it: %s", policy)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if res.Header.Get(name) != want {
			t.Errorf("%s: %q", name, res.Header.Get(name))
		}
	}
	total := len(text)
	for _, m := range regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`).FindAllStringSubmatch(text, -1) {
		file := w.get(t, m[1])
		if file.StatusCode != http.StatusOK || !strings.Contains(file.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", m[1], file.StatusCode, file.Header)
		}
		total += len(body(t, file))
	}
	if total > 60_000 {
		t.Errorf("the page weighs %d bytes", total)
	}
	if regexp.MustCompile(`(?:src|href)="(?:https?:)?//`).MatchString(strings.ReplaceAll(text, "https://tea.example", "")) {
		t.Error("the page asks somebody else for something")
	}
	if !strings.Contains(text, "not real money") {
		t.Error("a test network looks like the real one")
	}
}

func TestTroubleIsFriendlyAndTellsNothing(t *testing.T) {
	w := newWorld(t, 1, sample())
	for _, id := range []string{"", "unknown", strings.Repeat("x", 1000), "%00", "../../etc/passwd"} {
		if res := w.get(t, "/invoice?id="+id); res.StatusCode != http.StatusNotFound || !strings.Contains(body(t, res), "No such invoice") {
			t.Errorf("%.20q: %d", id, res.StatusCode)
		}
	}
	w.store.failWith(errors.New("disk on fire"))
	res := w.get(t, "/invoice?id="+anID)
	if text := body(t, res); res.StatusCode != http.StatusInternalServerError || strings.Contains(text, "disk on fire") {
		t.Errorf("%d %s", res.StatusCode, text)
	}
	w.store.failWith(fault.New(fault.Unavailable, "later"))
	if res := w.get(t, "/invoice?id="+anID); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

func TestHeadAndOtherMethods(t *testing.T) {
	w := newWorld(t, 1, sample())
	for method, want := range map[string]int{http.MethodHead: http.StatusOK, http.MethodPost: http.StatusMethodNotAllowed, http.MethodDelete: http.StatusMethodNotAllowed} {
		rec := httptest.NewRecorder()
		w.Handler().ServeHTTP(rec, httptest.NewRequest(method, "/invoice?id="+anID, http.NoBody))
		if rec.Code != want {
			t.Errorf("%s: %d", method, rec.Code)
		}
	}
}

func TestViewDocument(t *testing.T) {
	w := newWorld(t, 1, paid(invoice.New, 10_000, 0))
	var v map[string]any
	if err := json.Unmarshal([]byte(body(t, w.get(t, "/invoice/view?id="+anID))), &v); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"status": "new", "state": "partial", "exceptionStatus": "paidPartial", "due": "0.00007148", "dueSats": 7148.0, "paid": "0.0001",
		"payable": true, "final": false, "left": 600_000.0,
	} {
		if v[key] != want {
			t.Errorf("%s is %v, want %v", key, v[key], want)
		}
	}
	if v["qr"] == nil {
		t.Error("a page that has no code gets none")
	}
	v = nil
	if err := json.Unmarshal([]byte(body(t, w.get(t, "/invoice/view?id="+anID+"&due=7148"))), &v); err != nil {
		t.Fatal(err)
	}
	if v["qr"] != nil {
		t.Error("a page that has the code gets it again")
	}
}

func TestTheModalsScript(t *testing.T) {
	w := newWorld(t, 1)
	first := w.get(t, "/bitpay.js")
	script := body(t, first)
	if first.StatusCode != http.StatusOK || !strings.Contains(script, "window.bitpay") || len(script) > 6_000 {
		t.Fatalf("%d, %d bytes", first.StatusCode, len(script))
	}
	for name, want := range map[string]string{
		"Content-Type": "text/javascript; charset=utf-8", "Cross-Origin-Resource-Policy": "cross-origin", "Cache-Control": "public, max-age=3600",
	} {
		if got := first.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if body(t, w.get(t, "/bitpay.min.js")) != script {
		t.Error("another script under the other name")
	}
	r := httptest.NewRequest(http.MethodGet, "/bitpay.js", http.NoBody)
	r.Header.Set("If-None-Match", first.Header.Get("ETag"))
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, r)
	if rec.Code != http.StatusNotModified || rec.Body.Len() > 0 {
		t.Errorf("asked again: %d", rec.Code)
	}
}
