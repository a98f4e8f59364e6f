package web

import (
	"context"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"satchel/auth"
	"satchel/invoice"
	"satchel/live"
	"satchel/merchant"
	"satchel/money"
	"satchel/rate"
	"satchel/store"
	"satchel/store/storetest"
)

// counter is a Web with its point of sale, on a real store and a real service.
type counter struct {
	*Web
	t     *testing.T
	db    *store.DB
	auth  *auth.Authority
	clock *clockwork
	gate  error  // of new invoices
	from  string // whom calls come from
	links byte
}

// Ready implements invoice.Gate.
func (c *counter) Ready() error { return c.gate }

func newCounter(t *testing.T) *counter {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c := &counter{t: t, clock: &clockwork{now: noon()}, from: "192.0.2.7"}
	path := filepath.Join(t.TempDir(), "satchel.db")
	must(store.Create(path, "regtest", merchant.Merchant{
		ID: storetest.Shop, Name: "Tea & Biscuits", Created: noon(), Secrets: merchant.Secrets{Webhook: "whsec_x"},
		Settings: merchant.Settings{Window: 15 * time.Minute, Speed: merchant.Medium, MaxOpen: 30, Currency: "EUR", InvalidAfter: time.Hour},
	}))
	db, err := store.Open(store.Config{Path: path, Render: storetest.Render, Derivers: storetest.Derivers{}, Now: c.clock.read})
	must(err)
	c.db = db
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	t.Cleanup(func() {
		if problems, err := db.Check(context.Background()); err != nil || len(problems) > 0 {
			t.Errorf("check: %v %v", problems, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	must(db.RegisterKey(t.Context(), store.Key{Fingerprint: storetest.Deriver{}.Key(), Merchant: storetest.Shop}))
	fixed := map[string]money.Rate{}
	for code, text := range map[string]string{"EUR": "50000", "USD": "60000", "JPY": "8000000", "KWD": "18000"} {
		r, err := money.ParseRate(text)
		must(err)
		fixed[code] = r
	}
	rates, err := rate.New(rate.Config{Fixed: fixed, Now: c.clock.read})
	must(err)
	c.auth, err = auth.NewAuthority(auth.Config{Store: db, Secret: db.ServerSecret(), Now: c.clock.read})
	must(err)
	c.Web, err = New(Config{
		Store: db, Hub: live.New(1), Now: c.clock.read, Base: "https://pay.example/in/", Network: "mainnet", Log: slog.New(slog.DiscardHandler),
		POS: &POS{
			Store: db, Tokens: c.auth, Secret: db.ServerSecret(), Caller: func(*http.Request) string { return c.from },
			Invoices: invoice.NewService(invoice.Config{
				Store: db, Rates: rates, Gate: c, Now: c.clock.read, NewID: invoice.NewID,
			}),
		},
	})
	must(err)
	return c
}

// link makes a link that asks for a price, and gives its path.
func (c *counter) link(minor int64, code, label string) (merchant.Link, string) {
	c.t.Helper()
	c.links++
	l := merchant.Link{ID: merchant.LinkID{c.links}, Merchant: storetest.Shop, Label: label, Price: money.Fiat{Minor: minor, Code: code}, Created: noon()}
	if err := c.db.AddLink(c.t.Context(), l); err != nil {
		c.t.Fatal(err)
	}
	return l, "/pos/" + c.db.ServerSecret().PayLink(l.ID)
}

// token makes a bearer token.
func (c *counter) token(f auth.Facade) string {
	c.t.Helper()
	g, err := c.auth.Issue(c.t.Context(), auth.IssueRequest{Merchant: storetest.Shop, Facade: f})
	if err != nil {
		c.t.Fatal(err)
	}
	return c.auth.Token(g)
}

// opens gives the page of a path.
func (c *counter) opens(target string) (int, string) {
	c.t.Helper()
	rec := httptest.NewRecorder()
	c.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, target, http.NoBody))
	res := rec.Result()
	return res.StatusCode, body(c.t, res)
}

// hidden finds the members that a page's form sends by itself.
var hidden = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)

// form is what a page sends when the members are typed into it.
func form(page string, members ...string) url.Values {
	v := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(page, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	for i := 0; i < len(members); i += 2 {
		v.Set(members[i], members[i+1])
	}
	return v
}

// sends posts a form.
func (c *counter) sends(target string, form url.Values, headers ...string) *http.Response {
	c.t.Helper()
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	c.Handler().ServeHTTP(rec, r)
	return rec.Result()
}

// sells opens a page, types members into it, sends it, and gives the invoice that came of it.
func (c *counter) sells(target string, members ...string) invoice.Invoice {
	c.t.Helper()
	_, page := c.opens(target)
	return c.made(c.sends(target, form(page, members...)))
}

// made is the invoice that an answer leads to.
func (c *counter) made(res *http.Response) invoice.Invoice {
	c.t.Helper()
	text := body(c.t, res)
	to, err := url.Parse(res.Header.Get("Location"))
	if err != nil || res.StatusCode != http.StatusSeeOther || to.Path != "/in/invoice" {
		c.t.Fatalf("%d %s %v\n%s", res.StatusCode, to, err, text)
	}
	inv, err := c.db.Invoice(c.t.Context(), storetest.Shop, invoice.ID(to.Query().Get("id")))
	if err != nil {
		c.t.Fatal(err)
	}
	return inv
}

// count is how many invoices there are.
func (c *counter) count() int {
	c.t.Helper()
	list, err := c.db.ListInvoices(c.t.Context(), storetest.Shop, invoice.Filter{Limit: 1000})
	if err != nil {
		c.t.Fatal(err)
	}
	return len(list)
}

// refuses wants an answer that made nothing, and gives its text.
func (c *counter) refuses(what string, res *http.Response, status int, texts ...string) {
	c.t.Helper()
	text := body(c.t, res)
	if res.StatusCode != status {
		c.t.Errorf("%s: %d, want %d\n%s", what, res.StatusCode, status, text)
	}
	for _, want := range texts {
		if !strings.Contains(html.UnescapeString(text), want) {
			c.t.Errorf("%s: no %q in\n%s", what, want, text)
		}
	}
}

func describe(inv invoice.Invoice) string {
	return fmt.Sprintf("%s open=%v due=%d item=%q creator=%s", inv.Quote.Price, inv.Terms.OpenPrice, inv.Due(), inv.Order.ItemDesc, inv.Order.Creator)
}
