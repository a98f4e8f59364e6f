package desk

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/auth"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/store/storetest"
)

// names are what a call can be about: a merchant's, or such that nobody has.
type names struct {
	shop     merchant.ID
	invoice  string // open
	late     string // with a receipt that waits for a decision
	outpoint string // of it
	delivery string // given up
	of       string // the delivery's invoice
	token    string
	code     string // of a client that waits
	unwanted string // of another
	offer    string // the code of an offer
	order    string
	link     string
}

func (o *office) namesOf(m merchant.ID, f furniture) names {
	o.t.Helper()
	unwanted, err := o.access.Pair(o.t.Context(), auth.PairRequest{SIN: aSIN, Facade: auth.POS, Label: "unwanted", GUID: "unwanted-" + string(m)})
	o.must(err)
	return names{
		shop: m, invoice: string(f.new.ID), late: string(f.late.ID), outpoint: f.lateOut.String(), delivery: fmt.Sprint(f.delivery.ID), of: string(f.delivery.Invoice),
		token: f.token.ID.String(), code: f.asked.Pairing.Code, unwanted: unwanted.Pairing.Code, offer: f.offer.Pairing.Code, order: f.new.Order.OrderID,
		link: f.link.ID.String(),
	}
}

func unknown() names {
	return names{
		shop: "shop-000000000000000009", invoice: "2Zz7mZk3VtWc9sXyB2nLdR", late: "3Zz7mZk3VtWc9sXyB2nLdR", of: "4Zz7mZk3VtWc9sXyB2nLdR",
		outpoint: invoice.Outpoint{TxID: storetest.Txid(999_999)}.String(), delivery: "999999", token: auth.TokenID{9}.String(), code: "zzzzzzz", unwanted: "yyyyyyy", offer: "xxxxxxx", order: "order-none", link: merchant.LinkID{9}.String(),
	}
}

// filling says how a route is called with names: the path below the desk, and the members of a form.
type filling func(n names) (path string, members []string)

// cells knows how to fill every route of the table. A route that is not here fails the test.
func cells() map[string]filling {
	page := func(path string) filling {
		return func(n names) (string, []string) { return "/m/" + string(n.shop) + path, nil }
	}
	form := func(fill func(n names) (string, []string)) filling {
		return func(n names) (string, []string) {
			path, members := fill(n)
			return "/m/" + string(n.shop) + path, members
		}
	}
	fixed := func(path string, members ...string) filling {
		return func(names) (string, []string) { return path, members }
	}
	return map[string]filling{
		"GET /assets/{file}": fixed("/assets/none.css"), "GET /sign-in": fixed("/sign-in"), "GET /welcome": fixed("/welcome"), "GET ": fixed(""), "GET /{$}": fixed("/"),
		"GET /{rest...}": fixed("/nothing/here"), "GET /account": fixed("/account"),
		"GET /payments/{id}": func(n names) (string, []string) { return "/payments/" + n.invoice, nil },
		"POST /sign-in":      fixed("/sign-in", "name", "nobody", "password", "guess"), "POST /welcome": fixed("/welcome", "name", "nobody", "key", "guess"),
		"POST /sign-out": fixed("/sign-out"), "POST /account/sign-out": fixed("/account/sign-out"),
		"POST /account/password": fixed("/account/password", "old", "guess", "password", words, "again", words),

		"GET /m/{shop}": page(""), "GET /m/{shop}/new": page("/new"), "GET /m/{shop}/events": page("/events"), "GET /m/{shop}/live": page("/live"),
		"GET /m/{shop}/callbacks": page("/callbacks"), "GET /m/{shop}/rates": page("/rates"), "GET /m/{shop}/charts": page("/charts"), "GET /m/{shop}/health": page("/health"),
		"GET /m/{shop}/settings":      page("/settings"),
		"GET /m/{shop}/invoices":      form(func(n names) (string, []string) { return "/invoices?q=" + n.order, nil }),
		"GET /m/{shop}/invoices.csv":  form(func(n names) (string, []string) { return "/invoices.csv?q=" + n.order, nil }),
		"GET /m/{shop}/payments.csv":  form(func(n names) (string, []string) { return "/payments.csv?q=" + n.order, nil }),
		"GET /m/{shop}/links":         form(func(n names) (string, []string) { return "/links?made=" + n.link, nil }),
		"POST /m/{shop}/links":        form(func(names) (string, []string) { return "/links", []string{"label", "Stall 4"} }),
		"POST /m/{shop}/links/revoke": form(func(n names) (string, []string) { return "/links/revoke", []string{"id", n.link} }),
		"GET /m/{shop}/clients":       form(func(n names) (string, []string) { return "/clients?made=" + n.token + "&code=" + n.code, nil }),
		"GET /m/{shop}/invoices/{id}": form(func(n names) (string, []string) {
			return "/invoices/" + n.invoice, nil
		}),
		"POST /m/{shop}/new": page("/new"),
		"POST /m/{shop}/invoices/{id}/mark": form(func(n names) (string, []string) {
			return "/invoices/" + n.invoice + "/mark", []string{"status", "invalid", "reason", "a whim"}
		}),
		"POST /m/{shop}/invoices/{id}/adjust": form(func(n names) (string, []string) {
			return "/invoices/" + n.late + "/adjust", []string{"type", "acceptLate"}
		}),
		"POST /m/{shop}/invoices/{id}/cancel": form(func(n names) (string, []string) { return "/invoices/" + n.invoice + "/cancel", nil }),
		"POST /m/{shop}/invoices/{id}/notify": form(func(n names) (string, []string) { return "/invoices/" + n.of + "/notify", nil }),
		"POST /m/{shop}/invoices/{id}/accept": form(func(n names) (string, []string) {
			return "/invoices/" + n.late + "/accept", []string{"outpoint", n.outpoint}
		}),
		"POST /m/{shop}/invoices/{id}/return": form(func(n names) (string, []string) {
			return "/invoices/" + n.late + "/return", []string{"outpoint", n.outpoint, "txid", storetest.Txid(7).String()}
		}),
		"POST /m/{shop}/deliveries/{delivery}/resend": form(func(n names) (string, []string) {
			return "/deliveries/" + n.delivery + "/resend", []string{"invoice", n.of}
		}),
		"POST /m/{shop}/callbacks/test": page("/callbacks/test"),
		"POST /m/{shop}/clients/token":  form(func(names) (string, []string) { return "/clients/token", []string{"facade", "pos"} }),
		"POST /m/{shop}/clients/offer":  form(func(names) (string, []string) { return "/clients/offer", []string{"facade", "pos"} }),
		"POST /m/{shop}/clients/approve": form(func(n names) (string, []string) {
			return "/clients/approve", []string{"code", n.code, "facade", "pos"}
		}),
		"POST /m/{shop}/clients/refuse":  form(func(n names) (string, []string) { return "/clients/refuse", []string{"code", n.unwanted} }),
		"POST /m/{shop}/clients/revoke":  form(func(n names) (string, []string) { return "/clients/revoke", []string{"id", n.token} }),
		"POST /m/{shop}/settings":        form(func(names) (string, []string) { return "/settings", []string{"invoice.window", "30m"} }),
		"POST /m/{shop}/settings/secret": form(func(names) (string, []string) { return "/settings/secret", []string{"do", "show"} }),
	}
}

// each runs a test for every route of the table.
func each(t *testing.T, fn func(t *testing.T, r route, c filling)) {
	t.Helper()
	known := cells()
	for _, r := range table() {
		name := r.method + " " + strings.TrimPrefix(r.path, home)
		c := known[name]
		if c == nil {
			t.Errorf("the matrix does not know how to fill %s: add it to cells", name)
			continue
		}
		delete(known, name)
		t.Run(name, func(t *testing.T) { fn(t, r, c) })
	}
	for name := range known {
		t.Errorf("there is no route %s any more", name)
	}
}

// calls makes the call of a route.
func (b *person) calls(r route, c filling, n names) (*http.Response, string) {
	b.o.t.Helper()
	path, members := c(n)
	if r.method == http.MethodPost {
		return b.post(home+path, members...)
	}
	status, text := b.get(home + path)
	return &http.Response{StatusCode: status}, text
}

// state is what a viewer must not change, and a neighbour neither: all that a merchant has.
func (o *office) state(m merchant.ID) string {
	o.t.Helper()
	ctx := o.t.Context()
	shop, err := o.db.Merchant(ctx, m)
	o.must(err)
	invoices, err := o.db.ShowInvoices(ctx, m, invoice.Filter{}, 1000)
	o.must(err)
	grants, err := o.db.GrantsOf(ctx, m)
	o.must(err)
	events, err := o.db.Events(ctx, m, 0, 1000)
	o.must(err)
	deliveries, err := o.db.ListDeliveries(ctx, m, false, 1000)
	o.must(err)
	waiting, err := o.access.Pairings(ctx)
	o.must(err)
	waiting = slices.DeleteFunc(waiting, func(g auth.Grant) bool { return g.Merchant != "" && g.Merchant != m })
	links, err := o.db.LinksOf(ctx, m)
	o.must(err)
	return fmt.Sprintf("%+v %s %+v %+v %+v %+v %+v %v %+v", shop, shop.Secrets.Webhook.Reveal(), invoices, grants, events, deliveries, waiting, o.set[m], links)
}

// A viewer sees every page, and changes nothing: every form is refused, whatever is in it.
func TestAViewerChangesNothing(t *testing.T) {
	o := newOffice(t)
	n := o.namesOf(shopA, o.furnish(shopA))
	_, err := o.staff.Add(t.Context(), auth.NewOperator{Name: "vera", Role: auth.Viewer, Merchant: shopA, Password: words})
	o.must(err)
	forms := 0
	each(t, func(t *testing.T, r route, c filling) {
		if r.path == livePath {
			return // a stream; it has a test of its own
		}
		vera := o.signs("vera")
		before := o.state(shopA)
		res, text := vera.calls(r, c, n)
		if o.state(shopA) != before {
			t.Fatal("a viewer changed something")
		}
		switch {
		case r.role == auth.Owner:
			forms++
			if res.StatusCode != http.StatusForbidden || !strings.Contains(text, "change nothing") {
				t.Errorf("%d %s", res.StatusCode, plain(text))
			}
		case r.method == http.MethodPost && strings.HasPrefix(r.path, shopPath):
			t.Errorf("a form about a merchant is open to viewers")
		}
		if r.method == http.MethodGet && strings.Contains(text, `method="post"`) && strings.HasPrefix(r.path, shopPath) && strings.Contains(text, "data-once") {
			t.Error("a viewer is shown a form")
		}
	})
	if len(o.samples) > 0 {
		t.Errorf("a viewer sent samples to %v", o.samples)
	}
	if forms < 16 {
		t.Errorf("only %d forms were tried", forms)
	}
}

// Nobody who is not signed in sees or changes anything.
func TestStrangersGetTheDoor(t *testing.T) {
	o := newOffice(t)
	n := o.namesOf(shopA, o.furnish(shopA))
	each(t, func(t *testing.T, r route, c filling) {
		before := o.state(shopA)
		res, text := o.visitor().calls(r, c, n)
		if o.state(shopA) != before {
			t.Fatal("a stranger changed something")
		}
		door := http.StatusSeeOther
		if r.path == livePath {
			door = http.StatusUnauthorized // a stream cannot follow to a page
		}
		if r.role != 0 && res.StatusCode != door {
			t.Errorf("%d", res.StatusCode)
		}
		silent(t, text, n.invoice, n.token, n.code, n.unwanted, n.offer, n.link, "Tea & Biscuits")
	})
}

// An owner of one merchant: for every route, another's pages are answered as pages that do not exist, another's names on
// his own pages as names that nobody has, and not a byte of the other's changes.
func TestNeighboursReachNothing(t *testing.T) {
	o := newOffice(t)
	mine, theirs := o.namesOf(shopB, o.furnish(shopB)), o.namesOf(shopA, o.furnish(shopA))
	_, err := o.staff.Add(t.Context(), auth.NewOperator{Name: "bob", Role: auth.Owner, Merchant: shopB, Password: words})
	o.must(err)
	_, err = o.staff.Add(t.Context(), auth.NewOperator{Name: "alice", Role: auth.Owner, Merchant: shopA, Password: words})
	o.must(err)
	secrets := []string{theirs.invoice, theirs.late, theirs.token, theirs.code, theirs.unwanted, theirs.offer, theirs.link, "Tea & Biscuits", string(shopA)}
	each(t, func(t *testing.T, r route, c filling) {
		if r.path == livePath || !strings.HasPrefix(r.path, shopPath) {
			return
		}
		bob := o.signs("bob")
		before := o.state(shopA)
		foreign, text := bob.calls(r, c, theirs)
		none := theirs
		none.shop = unknown().shop
		nothing, other := bob.calls(r, c, none)
		same := strings.NewReplacer(string(theirs.shop), "SHOP", string(none.shop), "SHOP")
		if foreign.StatusCode != http.StatusNotFound || nothing.StatusCode != http.StatusNotFound || same.Replace(stable(text)) != same.Replace(stable(other)) {
			t.Errorf("another's page: %d, no page: %d\n%s\n%s", foreign.StatusCode, nothing.StatusCode, text, other)
		}
		crossed, nobodys := theirs, unknown()
		crossed.shop, nobodys.shop = mine.shop, mine.shop
		crossed.code, crossed.unwanted = theirs.offer, theirs.offer // a client that waits is nobody's yet; an offer is its merchant's
		a, textA := bob.calls(r, c, crossed)
		o.wait(time.Minute) // guesses of codes are slow
		z, _ := bob.calls(r, c, nobodys)
		if a.StatusCode != z.StatusCode {
			t.Errorf("another's names on his own page: %d, nobody's: %d\n%s", a.StatusCode, z.StatusCode, plain(textA))
		}
		if r.method == http.MethodGet {
			path, _ := c(crossed)
			for _, secret := range secrets {
				if strings.Contains(text+textA, secret) && !strings.Contains(path, secret) {
					t.Errorf("he reads %s", secret)
				}
			}
		}
		if o.state(shopA) != before {
			t.Fatal("a neighbour changed something")
		}
		o.control(t, r, c, theirs)
	})
}

// control proves that the cell can fail: to the owner his own names are worth something.
func (o *office) control(t *testing.T, r route, c filling, n names) {
	t.Helper()
	alice := o.signs("alice")
	before := o.state(shopA)
	res, text := alice.calls(r, c, n)
	if r.method == http.MethodPost && res.StatusCode == http.StatusSeeOther && o.state(shopA) == before {
		t.Error("to the owner it does nothing")
	}
	switch path := strings.TrimPrefix(r.path, shopPath); {
	case path == "/new" && r.method == http.MethodPost, path == "/settings" && r.method == http.MethodPost, path == "/callbacks/test":
		if res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("to the owner: %d", res.StatusCode)
		}
	case path == "/clients/approve", path == "/clients/refuse":
		if res.StatusCode != http.StatusSeeOther {
			t.Errorf("to the owner: %d %s", res.StatusCode, plain(text))
		}
	case path == "/invoices/{id}/cancel", path == "/invoices/{id}/return":
		if res.StatusCode != http.StatusSeeOther && res.StatusCode != http.StatusConflict { // what went before it may have settled it
			t.Errorf("to the owner: %d %s", res.StatusCode, plain(text))
		}
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusSeeOther && res.StatusCode != http.StatusConflict:
		t.Errorf("to the owner: %d %s", res.StatusCode, plain(text))
	}
}

// stable takes away what is new on every page.
func stable(page string) string {
	return strings.Join(strings.Fields(plain(page)), " ")
}

// An operator of all merchants reaches each, and only in the way that he asked for.
func TestWhoSeesAllMerchants(t *testing.T) {
	o := newOffice(t)
	f := o.furnish(shopA)
	b := o.hires("alice", auth.Owner, "")
	b.loads("/dashboard/m/"+string(shopB)+"/invoices", "Other shop", "No invoice fits.")
	if status, _ := b.get("/dashboard/m/" + string(shopB) + "/invoices/" + string(f.new.ID)); status != http.StatusNotFound {
		t.Errorf("one merchant's invoice on another's page: %d", status)
	}
	page := b.loads("")
	for _, m := range []merchant.ID{shopA, shopB} {
		if !strings.Contains(page, "/dashboard?shop="+string(m)) {
			t.Errorf("no way to %s", m)
		}
	}
	if status, _ := b.get("/dashboard?shop=" + string(shopB)); status != http.StatusSeeOther {
		t.Errorf("%d", status)
	}
	one := o.hires("bob", auth.Owner, shopB)
	silent(t, one.loads("/dashboard/m/"+string(shopB)), "Tea", string(shopA))
}
