package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
	"satchel/store/storetest"
)

func TestALinkSells(t *testing.T) {
	c := newCounter(t)
	free, freePath := c.link(0, "EUR", "Tips <b>")
	fixed, fixedPath := c.link(500, "USD", "")
	status, page := c.opens(freePath)
	if status != http.StatusOK {
		t.Fatalf("%d", status)
	}
	says(t, page, "Tea & Biscuits", "Tips <b>", "EUR", "Continue", "Choose the amount in my wallet")
	_, page = c.opens(fixedPath + "/")
	says(t, page, "5.00 USD", "Continue")
	if strings.Contains(page, `name="amount"`) || strings.Contains(page, `name="open"`) {
		t.Error("a fixed price can be changed")
	}
	for _, s := range []struct {
		target  string
		members []string
		want    string
	}{
		{freePath, []string{"amount", "12,50"}, "12.50 EUR open=false due=25000 item=\"Tips <b>\" creator=link:" + free.ID.String()},
		{freePath, []string{"amount", " 7 "}, "7.00 EUR open=false due=14000 item=\"Tips <b>\" creator=link:" + free.ID.String()},
		{freePath, []string{"amount", "", "open", "1"}, "0.00 EUR open=true due=0 item=\"Tips <b>\" creator=link:" + free.ID.String()},
		{fixedPath, nil, "5.00 USD open=false due=8334 item=\"\" creator=link:" + fixed.ID.String()},
		{fixedPath, []string{"amount", "0.01", "open", "1", "currency", "EUR"}, "5.00 USD open=false due=8334 item=\"\" creator=link:" + fixed.ID.String()},
		{fixedPath + "?currency=EUR", nil, "5.00 USD open=false due=8334 item=\"\" creator=link:" + fixed.ID.String()},
	} {
		inv := c.sells(s.target, s.members...)
		if got := describe(inv); got != s.want {
			t.Errorf("%s %v: %s, want %s", s.target, s.members, got, s.want)
		}
		if inv.Order.RedirectURL != "https://pay.example/in"+strings.TrimSuffix(s.target, "?currency=EUR") || !strings.HasPrefix(inv.Order.PosData, `{"link":"`) || inv.Order.Origin == "" {
			t.Errorf("%+v", inv.Order)
		}
		pub, err := c.db.PublicInvoice(t.Context(), inv.ID)
		if err != nil || pub.Invoice.Order.Origin != "" || pub.Invoice.Order.GUID != "" {
			t.Errorf("a payer sees %+v %v", pub.Invoice.Order, err)
		}
	}
}

func TestATokensTillSells(t *testing.T) {
	c := newCounter(t)
	token := c.token(auth.POS)
	path := c.leads("/pos/"+token, token)
	_, page := c.opens(path)
	says(t, page, "Tea & Biscuits", "EUR")
	if strings.Contains(page, `name="open"`) {
		t.Error("a till lets the payer choose")
	}
	id := ""
	for target, want := range map[string]string{path: "12.50 EUR", path + "?currency=jpy&lang=de": "1300 JPY", path + "?currency=KWD": "1.500 KWD"} {
		amount, _, _ := strings.Cut(want, " ")
		inv := c.sells(target, "amount", amount, "open", "1")
		if inv.Quote.Price.String() != want || inv.Terms.OpenPrice || inv.Order.Origin != "" {
			t.Errorf("%s: %s", target, describe(inv))
		}
		if inv.Order.RedirectURL != "" || strings.Contains(inv.Order.GUID+inv.Order.PosData+inv.Order.Creator, token) {
			t.Errorf("the token is told: %+v", inv.Order)
		}
		id = inv.Order.Creator
	}
	for _, by := range []string{"/pos/" + token, "/pos/" + token + "/"} { // a page that was opened before
		if inv := c.made(c.sends(by, form("", "amount", "3"))); inv.Order.Creator != id {
			t.Errorf("%s: %s", by, describe(inv))
		}
		c.refuses("an amount that is none", c.sends(by, form("", "amount", "x")), http.StatusBadRequest, `action="/in`+path+`"`)
	}
	if to := c.leads("/pos/"+token+"?currency=jpy&lang=de&x="+token, token); to != path+"?currency=jpy&lang=de" {
		t.Errorf("it leads to %s", to)
	}
	_, err := c.auth.Authenticate(t.Context(), auth.Call{Token: strings.TrimPrefix(path, "/pos/")})
	if !errors.Is(err, auth.ErrToken) {
		t.Errorf("the till's address is a token: %v", err)
	}
	grant, err := auth.ParseTokenID(id)
	if err != nil {
		t.Fatal(err)
	}
	_, page = c.opens(path + "?currency=jpy&lang=de")
	says(t, page, "JPY", "Weiter")
	if strings.Contains(page, `data-key=","`) {
		t.Error("the yen has no decimals")
	}
	for _, address := range []string{path, "/pos/" + token} {
		if status, _ := c.opens(address + "?currency=EURO"); status != http.StatusNotFound {
			t.Errorf("a currency that is none: %d", status)
		}
	}
	if err := c.auth.Revoke(t.Context(), storetest.Shop, grant); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{path, "/pos/" + token} {
		if status, _ := c.opens(address); status != http.StatusNotFound {
			t.Errorf("a revoked token: %d", status)
		}
	}
}

// leads wants an address with a token to lead to one without, by an answer that tells nobody, and gives that one.
func (c *counter) leads(target, token string) string {
	c.t.Helper()
	rec := httptest.NewRecorder()
	c.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, target, http.NoBody))
	h := rec.Header()
	to, ok := strings.CutPrefix(h.Get("Location"), "/in")
	if rec.Code != http.StatusSeeOther || !ok || strings.Contains(to+rec.Body.String(), token) || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
		c.t.Fatalf("%d %v", rec.Code, h)
	}
	return to
}

func TestWhatOpensNoTill(t *testing.T) {
	c := newCounter(t)
	l, path := c.link(0, "EUR", "")
	bound, err := c.auth.Issue(t.Context(), auth.IssueRequest{Merchant: storetest.Shop, Facade: auth.POS, SIN: aSIN})
	if err != nil {
		t.Fatal(err)
	}
	pos, err := c.auth.Issue(t.Context(), auth.IssueRequest{Merchant: storetest.Shop, Facade: auth.POS})
	if err != nil {
		t.Fatal(err)
	}
	secret := c.db.ServerSecret()
	for name, target := range map[string]string{
		"nothing":            "/pos/x",
		"long":               "/pos/" + strings.Repeat("z", 5000),
		"another server's":   "/pos/" + auth.Secret{9}.PayLink(l.ID),
		"an id alone":        "/pos/" + l.ID.String(),
		"no such link":       "/pos/" + secret.PayLink(merchant.LinkID{99}),
		"cut short":          path[:len(path)-1],
		"a merchant's token": "/pos/" + c.token(auth.Merchant),
		"a payout token":     "/pos/" + c.token(auth.Payout),
		"a client's token":   "/pos/" + c.auth.Token(bound),
		"a resource's token": "/pos/" + secret.Resource(pos.ID, "pos/invoice", "x"),
		"another's till":     "/pos/" + auth.Secret{9}.Till(pos.ID),
		"a client's till":    "/pos/" + secret.Till(bound.ID),
		"a till of no token": "/pos/" + secret.Till(auth.TokenID{99}),
		"a till's code":      "/pos/" + secret.Till(pos.ID) + "/code.svg",
		"a public token":     "/pos/" + secret.Resource(auth.TokenID{}, "public/invoice", "x"),
		"a token's code":     "/pos/" + c.auth.Token(pos) + "/code.svg",
	} {
		status, page := c.opens(target)
		if status != http.StatusNotFound || !strings.Contains(page, "This link does not work") {
			t.Errorf("%s: %d", name, status)
		}
		if res := c.sends(strings.TrimSuffix(target, "/code.svg"), form("", "amount", "5")); !strings.HasSuffix(target, "/code.svg") && res.StatusCode != http.StatusNotFound {
			t.Errorf("%s, sent: %d", name, res.StatusCode)
		}
	}
	before := c.count()
	if err := c.db.RevokeLink(t.Context(), storetest.Shop, l.ID, noon()); err != nil {
		t.Fatal(err)
	}
	c.refuses("revoked", c.sends(path, form("", "amount", "5")), http.StatusNotFound, "does not work")
	if c.count() != before {
		t.Error("a revoked link sells")
	}
}

func TestAmountsThatAreRefused(t *testing.T) {
	c := newCounter(t)
	_, path := c.link(0, "EUR", "")
	for _, amount := range []string{
		"", "0", "0,00", "-1", "1.000", "1,000", "1,250.50", "1 250", "12.505", "1e3", "٣", "NaN", "0x10", "+5", "1.", "<script>", strings.Repeat("9", 15), strings.Repeat("1", 3000), ".", ",",
	} {
		res := c.sends(path, form("", "amount", amount))
		if amount == "1." {
			if inv := c.made(res); inv.Quote.Price.String() != "1.00 EUR" {
				t.Error(describe(inv))
			}
			continue
		}
		c.refuses("the amount "+amount[:min(20, len(amount))], res, http.StatusBadRequest, "an amount like 12.50", `aria-invalid="true"`)
	}
	res := c.sends(path, form("", "amount", `"><script>x`))
	if text := body(t, res); strings.Contains(text, "<script>x") || !strings.Contains(text, `value="&#34;&gt;&lt;script&gt;x"`) {
		t.Errorf("what was typed is not shown as text:\n%s", text)
	}
	for _, amount := range []string{"0.01", "0.26"} {
		c.refuses(amount, c.sends(path, form("", "amount", amount)), http.StatusBadRequest, "too small or too large", `value="`+amount+`"`)
	}
	if c.count() != 1 {
		t.Errorf("%d invoices", c.count())
	}
	c.refuses("in German", c.sends(path+"?lang=de", form("", "amount", "x")), http.StatusBadRequest, "einen Betrag wie 12,50")
	_, path = c.link(0, "BTC", "")
	for lang, amount := range map[string]string{"en": "1,500", "de": "1.500"} { // a bitcoin and a half, or fifteen hundred
		c.refuses(amount, c.sends(path+"?lang="+lang, form("", "amount", amount)), http.StatusBadRequest)
	}
	for lang, amount := range map[string]string{"en": "1.500", "de": "1,500"} {
		if inv := c.made(c.sends(path+"?lang="+lang, form("", "amount", amount))); inv.Quote.Price.String() != "1.50000000 BTC" {
			t.Error(describe(inv))
		}
	}
	_, path = c.link(0, "JPY", "")
	c.refuses("the example is an amount", c.sends(path+"?lang=de", form("", "amount", "x")), http.StatusBadRequest, "einen Betrag wie 1250 ein")
}

// A form that is sent again gives the same invoice, and only as long as it can be the same customer's.
func TestAFormIsSentTwice(t *testing.T) {
	c := newCounter(t)
	_, path := c.link(0, "EUR", "")
	_, page := c.opens(path)
	sent := form(page, "amount", "5")
	first := c.made(c.sends(path, sent))
	c.clock.add(20 * time.Second)
	if again := c.made(c.sends(path, sent)); again.ID != first.ID {
		t.Error("a form that was sent twice makes two invoices")
	}
	if other := c.made(c.sends(path, form(page, "amount", "6"))); other.ID == first.ID || other.Quote.Price.Minor != 600 {
		t.Error("another amount gives the same invoice")
	}
	c.clock.add(20 * time.Second)
	next := c.made(c.sends(path, sent))
	if next.ID == first.ID {
		t.Error("the next customer is shown the last one's invoice")
	}
	_, elsewhere := c.link(0, "EUR", "")
	if foreign := c.made(c.sends(elsewhere, sent)); foreign.ID == first.ID {
		t.Error("another link gives the same invoice")
	}
	for _, once := range []string{"", strings.Repeat("A", 1000), "a/b", "ü"} { // not ours: nothing is the same
		sent.Set("once", once)
		if one, two := c.made(c.sends(path, sent)), c.made(c.sends(path, sent)); one.ID == two.ID {
			t.Errorf("%.10q makes one of two", once)
		}
	}
}

func TestAbuseIsBounded(t *testing.T) {
	c := newCounter(t)
	_, path := c.link(0, "EUR", "")
	other, otherPath := c.link(100, "EUR", "")
	for range maxFrom {
		c.sells(path, "amount", "5")
	}
	c.refuses("one too many", c.sends(path, form("", "amount", "5")), http.StatusTooManyRequests, "Too many unpaid invoices")
	c.refuses("over another link", c.sends(otherPath, form("")), http.StatusTooManyRequests)
	c.from = "192.0.2.8"
	for range 10 { // the link itself may hold 30 open
		c.sells(path, "amount", "5")
	}
	c.from = "192.0.2.9"
	c.refuses("the link's own cap", c.sends(path, form("", "amount", "5")), http.StatusTooManyRequests)
	if inv := c.sells(otherPath); inv.Order.Creator != "link:"+other.ID.String() {
		t.Error(describe(inv))
	}
	c.from = "" // the operator's own machine is not counted
	for range 25 {
		c.sells(otherPath)
	}
	if n := c.count(); n != maxFrom+10+1+25 {
		t.Errorf("%d invoices", n)
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	c := newCounter(t)
	_, path := c.link(100, "EUR", "")
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
	} {
		c.refuses(headers[1], c.sends(path, form(""), headers...), http.StatusNotFound)
	}
	if c.count() != 0 {
		t.Fatal("another site made an invoice")
	}
	for _, headers := range [][]string{nil, {"Sec-Fetch-Site", "same-origin"}, {"Origin", "https://pay.example"}, {"Origin", "http://example.com"}} {
		c.made(c.sends(path, form(""), headers...)) // without a browser; the page's own; over a proxy; by the name in Host
	}
}

func TestTheTillSaysWhenItCannotSell(t *testing.T) {
	c := newCounter(t)
	_, path := c.link(0, "EUR", "")
	_, lost := c.link(0, "CHF", "") // nobody has its rate
	c.refuses("no rate", c.sends(lost, form("", "amount", "5")), http.StatusServiceUnavailable, "No payment can be started", `value="5"`)
	c.gate = fault.New(fault.Unavailable, "the node is away")
	res := c.sends(path, form("", "amount", "5"))
	if res.Header.Get("Retry-After") != "60" {
		t.Error(res.Header)
	}
	c.refuses("no node", res, http.StatusServiceUnavailable, "No payment can be started")
	c.gate = errors.New("disk on fire")
	res = c.sends(path, form("", "amount", "5"))
	if text := body(t, res); res.StatusCode != http.StatusInternalServerError || strings.Contains(text, "fire") {
		t.Errorf("%d %s", res.StatusCode, text)
	}
	c.refuses("too long", c.sends(path, form("", "amount", strings.Repeat("5", maxForm))), http.StatusNotFound)
}

func TestTheTillIsStrict(t *testing.T) {
	c := newCounter(t)
	_, path := c.link(0, "EUR", "")
	res := c.sends(path, form("", "amount", "x"))
	h, text := res.Header, body(t, res)
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff",
	} {
		if h.Get(name) != want {
			t.Errorf("%s: %q", name, h.Get(name))
		}
	}
	if p := h.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || !strings.Contains(p, "form-action 'self'") || strings.Contains(p, "unsafe") {
		t.Error(p)
	}
	if strings.Contains(text, "style=") || strings.Contains(text, "onclick") || strings.Count(text, "<script") != 1 || strings.Contains(text, "//") {
		t.Errorf("inline code, or another host:\n%s", text)
	}
	status, svg := c.opens(path + "/code.svg")
	if status != http.StatusOK || !strings.HasPrefix(svg, "<svg") {
		t.Errorf("%d %.100s", status, svg)
	}
}
