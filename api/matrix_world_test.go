package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"satchel/auth"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/store"
	"satchel/store/storetest"
	"satchel/web"
	"satchel/web/desk"
	"satchel/web/docs"
)

// names are what a call can be about: a victim's, or such that nobody has.
type names struct {
	Invoice, Paid, Expired string // public ids
	GUID, Order, Item      string
	SIN                    string // of a client
	Asked, Offered         string // pairing codes: one that waits for approval, one that waits for a client
	Session                string
	Refund                 string
	Link                   string // of the point of sale; what opens one is made of it with the secret
}

// unknown are names of the same shape that lead nowhere.
func unknown() names {
	return names{
		Invoice: "2Zz7mZk3VtWc9sXyB2nLdR", Paid: "3Zz7mZk3VtWc9sXyB2nLdR", Expired: "4Zz7mZk3VtWc9sXyB2nLdR",
		GUID: "guid-unknown", Order: "order-unknown", Item: "item-unknown", SIN: "TfG4ScDgysrSpodWD4Re5UtXmcLbY5CiUHA",
		Asked: "aaaaaaa", Offered: "bbbbbbb", Session: "5Zz7mZk3VtWc9sXyB2nLdR", Refund: "6Zz7mZk3VtWc9sXyB2nLdR",
		Link: merchant.LinkID{9, 9}.String(),
	}
}

// hide replaces the names in a text, so that two answers about different names can be compared.
func (n names) hide(text string) string {
	v := reflect.ValueOf(n)
	for i := range v.NumField() {
		text = strings.ReplaceAll(text, v.Field(i).String(), "<"+v.Type().Field(i).Name+">")
	}
	return text
}

// wish is one request.
type wish struct {
	method, target, body string
	form                 bool
}

// somebody makes calls.
type somebody struct {
	name   string
	token  string
	client *client // signs; nil: does not
}

// matrix is a street of two merchants on a real store behind the real table: a victim, with all that a merchant can have,
// and a neighbour with every kind of token.
type matrix struct {
	*shop
	victim     names
	owners     []somebody // what the victim itself calls with
	neighbours []somebody
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	m := &matrix{}
	m.shop = newShop(t, func(s *shop, c *Config) {
		c.Payer = newLedger(s)
		manual, err := docs.New(docs.Config{OpenAPI: OpenAPI(), Base: "https://pay.example"})
		if err != nil {
			t.Fatal(err)
		}
		pages, err := web.New(web.Config{
			Store: s.db, Hub: s.hub, Now: s.now, Base: "https://pay.example", Network: "regtest", Log: c.Log,
			Access: &web.Access{Store: s.db, Pairings: c.Auth, Secret: secret()},
			POS:    &web.POS{Store: s.db, Invoices: c.Invoices, Tokens: c.Auth, Secret: secret(), Caller: Caller},
			Docs:   manual,
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Web = pages.Handler()
		c.Desk = closedDesk(t, s, c)
	})
	if err := m.db.RegisterKey(t.Context(), store.Key{Fingerprint: storetest.OtherDeriver{}.Key(), Merchant: storetest.Other}); err != nil {
		t.Fatal(err)
	}
	m.furnish()
	m.move()
	return m
}

// furnish gives the victim invoices in several states, receipts, events, callbacks, clients, pairings and a session.
func (m *matrix) furnish() {
	m.t.Helper()
	v := names{GUID: "guid-victim", Order: "order-victim", Item: "item-victim", Refund: "7Zz7mZk3VtWc9sXyB2nLdR"}
	v.Expired = m.make(`,"notificationURL":"https://victim.example/ipn"`)
	m.expire(v.Expired)
	v.Paid = m.make(`,"notificationURL":"https://victim.example/ipn","extendedNotifications":true`)
	m.pay(v.Paid, 100_000)
	m.bury(v.Paid, 6)
	m.pay(v.Paid, 5_000)
	v.Invoice = m.make(`,"guid":"` + v.GUID + `","orderId":"` + v.Order + `","itemCode":"` + v.Item +
		`","notificationURL":"https://victim.example/ipn","buyer":{"email":"payer@victim.example"}`)
	c, token := m.paired(21)
	v.SIN = string(c.sin(m.t))
	authority := m.api.cfg.Auth
	must := func(err error) {
		m.t.Helper()
		if err != nil {
			m.t.Fatal(err)
		}
	}
	offer, err := authority.Offer(m.t.Context(), auth.OfferRequest{Merchant: storetest.Shop, Facade: auth.POS, Label: "till"})
	must(err)
	asked, err := authority.Pair(m.t.Context(), auth.PairRequest{SIN: newClient(22).sin(m.t), Facade: auth.POS, Label: "plug-in"})
	must(err)
	v.Session, err = authority.OpenSession(m.t.Context())
	must(err)
	link := merchant.Link{ID: merchant.LinkID{1, 2, 3}, Merchant: storetest.Shop, Price: money.Fiat{Code: "USD"}}
	must(m.db.AddLink(m.t.Context(), link))
	v.Link = link.ID.String()
	v.Offered, v.Asked = offer.Pairing.Code, asked.Pairing.Code
	m.victim = v
	m.owners = []somebody{
		{"merchant", m.owner, nil},
		{"pos", m.pos, nil},
		{"bound", token, &c},
		{"user", "", &c},
		{"payout", m.issue(storetest.Shop, auth.Payout, ""), nil},
	}
}

// move brings the neighbour: each kind of token, good and bad.
func (m *matrix) move() {
	m.t.Helper()
	c := newClient(31)
	bound := m.issue(storetest.Other, auth.Merchant, c.sin(m.t))
	pos, owner := m.issue(storetest.Other, auth.POS, ""), m.issue(storetest.Other, auth.Merchant, "")
	g, err := m.api.cfg.Auth.Issue(m.t.Context(), auth.IssueRequest{Merchant: storetest.Other, Facade: auth.Merchant})
	if err == nil {
		err = m.api.cfg.Auth.Revoke(m.t.Context(), storetest.Other, g.ID)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.neighbours = []somebody{
		{"pos", pos, nil},
		{"merchant", owner, nil},
		{"payout", m.issue(storetest.Other, auth.Payout, ""), nil},
		{"bound and signed", bound, &c},
		{"bound, not signed", bound, nil},
		{"user", "", &c},
		{"revoked", m.api.cfg.Auth.Token(g), nil},
		{"nonsense", "nonsense", nil},
	}
	r := m.post(`{"price":50,"currency":"USD"}`, "Authorization", "Bearer "+pos)
	if r.status != http.StatusOK {
		m.t.Fatalf("the neighbour's invoice: %d %s", r.status, r.body)
	}
	id, _ := r.json(m.t)["data"].(map[string]any)["id"].(string)
	for _, by := range []somebody{{"merchant's resource", owner, nil}, {"pos's resource", pos, nil}, {"public's resource", "", nil}, {"bound resource", bound, &c}} {
		shown := m.say(by, wish{method: http.MethodGet, target: "/invoices/" + id})
		if shown.status != http.StatusOK {
			m.t.Fatalf("the neighbour's own invoice, as %s: %d %s", by.name, shown.status, shown.body)
		}
		token, _ := shown.json(m.t)["data"].(map[string]any)["token"].(string)
		if token == "" {
			m.t.Fatalf("the neighbour's own invoice has no token, as %s", by.name)
		}
		m.neighbours = append(m.neighbours, somebody{by.name, token, by.client})
	}
}

// say makes a call in somebody's name: the token in the query, or in a JSON body.
func (m *matrix) say(by somebody, c wish) reply {
	m.t.Helper()
	target, body := c.target, c.body
	switch {
	case by.token == "":
	case body != "" && !c.form:
		var doc map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &doc); err != nil {
			m.t.Fatal(err)
		}
		doc["token"] = json.RawMessage(fmt.Sprintf("%q", by.token))
		b, err := json.Marshal(doc)
		if err != nil {
			m.t.Fatal(err)
		}
		body = string(b)
	case strings.Contains(target, "?"):
		target += "&token=" + by.token
	default:
		target += "?token=" + by.token
	}
	var headers []string
	if by.client != nil {
		headers = by.client.headers(m.url+target, body)
	}
	if c.form {
		headers = append(headers, "Content-Type", "application/x-www-form-urlencoded")
	}
	return m.send(c.method, target, body, headers...)
}

// answer is what of a reply must not tell a foreign name from an unknown one.
func (r reply) answer(n names) string {
	h := r.header.Clone()
	for _, own := range []string{"X-Request-Id", "Date", "Content-Length", "Etag"} {
		h.Del(own)
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		lines = append(lines, name+": "+strings.Join(h[name], ", "))
	}
	return n.hide(fmt.Sprintf("%d\n%s\n\n%s", r.status, strings.Join(lines, "\n"), r.body))
}

// shape leaves of an answer what does not differ between two invoices of one till: the names of the members.
func (r reply) shape(t testing.TB) string {
	t.Helper()
	var members func(v any) any
	members = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			out := map[string]any{}
			for k, e := range v {
				out[k] = members(e)
			}
			return out
		case []any:
			return fmt.Sprintf("%d elements", len(v))
		}
		return fmt.Sprintf("%T", v)
	}
	b, err := json.Marshal(members(r.json(t)))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", r.status, b)
}

// rows gives every row of every bucket.
func (m *matrix) rows() map[string]string {
	m.t.Helper()
	path := filepath.Join(m.t.TempDir(), "rows.db")
	f, err := os.Create(path)
	if err == nil {
		err = m.db.Backup(m.t.Context(), f)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	defer os.Remove(path)
	defer f.Close()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		m.t.Fatal(err)
	}
	defer db.Close()
	rows := map[string]string{}
	err = db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				rows[fmt.Sprintf("%s %x", name, k)] = string(bytes.Clone(v))
				return nil
			})
		})
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return rows
}

// changed lists the rows that differ.
func changed(before, after map[string]string) (list []string) {
	for k, v := range before {
		if is, ok := after[k]; !ok {
			list = append(list, "gone: "+k)
		} else if is != v {
			list = append(list, "changed: "+k)
		}
	}
	for k := range after {
		if _, ok := before[k]; !ok {
			list = append(list, "new: "+k)
		}
	}
	slices.Sort(list)
	return list
}

// victims tells the changes that are not the neighbour's own business: any row under the victim's number, and any row
// that was there before but the totals, the neighbour's counter and its own client.
func (m *matrix) victims(list []string) []string {
	own := sha256.Sum256([]byte(newClient(31).sin(m.t)))
	return slices.DeleteFunc(list, func(line string) bool {
		what, row, _ := strings.Cut(line, ": ")
		bucket, key, _ := strings.Cut(row, " ")
		if strings.HasPrefix(key, "00000001") && bucket != "headers" {
			return false
		}
		return what == "new" || bucket == "counts" || row == fmt.Sprintf("keys %x", storetest.OtherDeriver{}.Key()) || row == fmt.Sprintf("clients %x", own[:16])
	})
}

// state is what the victim's own reads give.
func (m *matrix) state() string {
	m.t.Helper()
	ctx, shop := m.t.Context(), storetest.Shop
	list, err := m.db.ListInvoices(ctx, shop, invoice.Filter{Limit: 100})
	grants, err2 := m.db.GrantsOf(ctx, shop)
	events, err3 := m.db.Events(ctx, shop, 0, 1000)
	if err != nil || err2 != nil || err3 != nil {
		m.t.Fatal(err, err2, err3)
	}
	return fmt.Sprintf("%+v\n%+v\n%+v", list, grants, events)
}

// closedDesk is the merchant's desk, in which nobody is signed in: it has a matrix of its own.
func closedDesk(t *testing.T, s *shop, c *Config) http.Handler {
	t.Helper()
	staff, err := auth.NewStaff(auth.StaffConfig{Store: s.db, Secret: secret(), Now: s.now})
	if err != nil {
		t.Fatal(err)
	}
	d, err := desk.New(desk.Config{
		Store: s.db, Invoices: struct{ desk.Invoices }{}, Staff: staff, Access: c.Auth, Secret: secret(), Rates: struct{ desk.Rates }{},
		Shops: struct{ desk.Shops }{}, Callbacks: struct{ desk.Callbacks }{}, Health: func(context.Context) (desk.Health, error) { return desk.Health{}, nil },
		Script: func(string) ([]byte, error) { return nil, nil }, Tip: func() int32 { return 0 }, Hub: s.hub, Caller: CallerOf, Now: s.now,
		Base: "https://pay.example", Network: "regtest", Log: c.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d.Handler()
}
