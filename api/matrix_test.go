package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"satchel/auth"
	"satchel/store/storetest"
)

// cell says how a route is called with names.
type cell struct {
	fill func(n names) wish
	// open says why a name opens the route to whoever knows it; "": a neighbour's call must be answered alike, whether
	// the name is a victim's or nobody's.
	open string
	// blind tells that nobody at all is told by the answer whether the name is known.
	blind bool
	// writes tells that the call makes something for whoever calls; else it must leave every row as it is.
	writes bool
}

// nameless is a cell of a route that names nothing of a merchant's.
func nameless(target string) []cell {
	return []cell{{fill: func(names) wish { return wish{target: target} }}}
}

func get(fill func(n names) string) cell {
	return cell{fill: func(n names) wish { return wish{target: fill(n)} }}
}

func body(fill func(n names) (target, body string)) cell {
	return cell{fill: func(n names) wish {
		target, text := fill(n)
		return wish{target: target, body: text}
	}}
}

func (c cell) writing() cell { c.writes = true; return c }

func (c cell) blindly() cell { c.blind = true; return c }

func (c cell) opened(why string) cell { c.open = why; return c }

// cells knows how to fill every route of the table. A route that is not here fails the test.
func (m *matrix) cells() map[string][]cell {
	const payer = "whoever knows the id of an invoice may see what a payer sees"
	order := func(n names) string {
		return `{"price":50,"currency":"USD","guid":"` + n.GUID + `","orderId":"` + n.Order + `","itemCode":"` + n.Item + `"}`
	}
	return map[string][]cell{
		"GET /api/rates":             nameless("/api/rates"),
		"POST /api/invoice":          {body(func(n names) (string, string) { return "/api/invoice", order(n) }).writing()},
		"GET /api/invoice/:id":       {get(func(n names) string { return "/api/invoice/" + n.Invoice })},
		"GET /currencies":            nameless("/currencies"),
		"GET /healthz":               nameless("/healthz"),
		"GET /openapi.json":          nameless("/openapi.json"),
		"GET /readyz":                nameless("/readyz"),
		"GET /rates":                 nameless("/rates"),
		"GET /rates/:base":           nameless("/rates/BTC"),
		"GET /rates/:base/:currency": nameless("/rates/BTC/USD"),
		"GET /supportedWallets":      nameless("/supportedWallets"),
		"GET /tokens":                nameless("/tokens"),

		"GET /signingKeys/paymentProtocol.json": nameless("/signingKeys/paymentProtocol.json"),
		"GET /user":                             nameless("/user"),
		"GET /clients":                          nameless("/clients"),
		"GET /dashboard":                        nameless("/dashboard"),
		"GET /dashboard/*":                      {get(func(n names) string { return "/dashboard/m/" + string(storetest.Shop) + "/invoices/" + n.Invoice }).blindly()},
		"POST /dashboard/*": {{fill: func(n names) wish {
			return wish{target: "/dashboard/m/" + string(storetest.Shop) + "/invoices/" + n.Invoice + "/cancel", form: true, body: "form=guess"}
		}, blind: true}},
		"GET /assets/*":      nameless("/assets/none.css"),
		"GET /bitpay.js":     nameless("/bitpay.js"),
		"GET /bitpay.min.js": nameless("/bitpay.min.js"),
		"GET /":              nameless("/"),
		"GET /docs":          nameless("/docs"),
		"GET /docs/*":        nameless("/docs/api"),
		"GET /v1/events":     nameless("/v1/events?after=0&limit=1000"),

		"GET /invoices": {
			get(func(n names) string { return "/invoices?dateStart=2020-01-01&orderId=" + n.Order }),
			get(func(n names) string { return "/invoices?dateStart=2020-01-01&itemCode=" + n.Item }),
			get(func(names) string { return "/invoices?dateStart=2020-01-01&status=complete" }),
		},
		// A session's id is no name but a secret: only who opened it is told. So it is not tried here.
		"POST /invoices":                   {body(func(n names) (string, string) { return "/invoices", order(n) }).writing()},
		"GET /invoices/:id":                {get(func(n names) string { return "/invoices/" + n.Invoice }), get(func(n names) string { return "/invoices/" + n.Paid })},
		"PUT /invoices/:id":                {body(func(n names) (string, string) { return "/invoices/" + n.Invoice, `{"buyerEmail":"thief@next.example"}` })},
		"DELETE /invoices/:id":             {get(func(n names) string { return "/invoices/" + n.Invoice + "?forceCancel=true" })},
		"GET /invoices/guid/:guid":         {get(func(n names) string { return "/invoices/guid/" + n.GUID })},
		"DELETE /invoices/guid/:guid":      {get(func(n names) string { return "/invoices/guid/" + n.GUID })},
		"PUT /invoices/pay/:id":            {body(func(n names) (string, string) { return "/invoices/pay/" + n.Invoice, `{"status":"complete"}` })},
		"GET /invoices/:id/events":         {get(func(n names) string { return "/invoices/" + n.Invoice + "/events" })},
		"POST /invoices/:id/notifications": {body(func(n names) (string, string) { return "/invoices/" + n.Paid + "/notifications", `{}` })},
		"POST /invoices/:id/adjustments": {body(func(n names) (string, string) {
			return "/invoices/" + n.Paid + "/adjustments", `{"type":"acceptOverpayment"}`
		})},
		"GET /invoices/:id/refunds": {get(func(n names) string { return "/invoices/" + n.Paid + "/refunds" })},
		"POST /invoices/:id/refunds": {body(func(n names) (string, string) {
			return "/invoices/" + n.Paid + "/refunds", `{"amount":1,"currency":"USD"}`
		})},
		"GET /invoices/:id/refunds/:refund": {get(func(n names) string { return "/invoices/" + n.Paid + "/refunds/" + n.Refund })},
		"DELETE /invoices/:id/refunds/:refund": {
			get(func(n names) string { return "/invoices/" + n.Paid + "/refunds/" + n.Refund }),
		},
		"GET /events": {
			get(func(n names) string {
				return "/events?action=unsubscribe&token=" + m.api.cfg.Secret.BusToken(n.Invoice)
			}).opened(payer),
		},
		"GET /i/:id":  {get(func(n names) string { return "/i/" + n.Invoice }).opened(payer)},
		"POST /i/:id": {body(func(n names) (string, string) { return "/i/" + n.Invoice, `{"transactions":[]}` }).opened(payer)},
		"GET /pos/*":  {get(func(n names) string { return "/pos/" + n.Link }).blindly()},
		"POST /pos/*": {{fill: func(n names) wish {
			return wish{target: "/pos/" + n.Link, form: true, body: "amount=5"}
		}, blind: true}},
		"GET /invoice":   {get(func(n names) string { return "/invoice?id=" + n.Invoice }).opened(payer)},
		"GET /invoice/*": {get(func(n names) string { return "/invoice/none?id=" + n.Invoice }).blindly()},

		"GET /clients/:id": {get(func(n names) string { return "/clients/" + n.SIN })},
		"PUT /user":        {body(func(n names) (string, string) { return "/user", `{"id":"` + n.SIN + `","name":"stolen"}` }).writing().blindly()},
		"PUT /clients/:id": {body(func(n names) (string, string) { return "/clients/" + n.SIN, `{"label":"stolen","disabled":true}` })},
		"POST /clients":    {body(func(n names) (string, string) { return "/clients", `{"id":"` + n.SIN + `","label":"stolen"}` }).writing().blindly()},
		"POST /sessions":   {body(func(names) (string, string) { return "/sessions", `{}` }).writing()},
		"POST /tokens": {
			body(func(n names) (string, string) {
				return "/tokens", `{"id":"` + n.SIN + `","facade":"merchant","label":"thief"}`
			}).writing().blindly(),
			body(func(n names) (string, string) {
				return "/tokens", `{"id":"` + string(newClient(32).sin(m.t)) + `","pairingCode":"` + n.Asked + `"}`
			}).blindly(),
		},
		"GET /api-access-request": {
			get(func(n names) string { return "/api-access-request?pairingCode=" + n.Asked }).blindly(),
			get(func(n names) string { return "/api-access-request?pairingCode=" + n.Offered }).blindly(),
			get(func(n names) string { return "/api-access-request?key=guess&pairingCode=" + n.Asked }).blindly(),
		},
		"POST /api-access-request": {{fill: func(n names) wish {
			return wish{target: "/api-access-request", form: true, body: "decision=approve&key=guess&facade=merchant&pairingCode=" + n.Asked}
		}, blind: true}},
		"GET /api-tokens":                    {get(func(n names) string { return "/api-tokens?pairingCode=" + n.Asked }).blindly()},
		"GET /dashboard/merchant/api-tokens": {get(func(n names) string { return "/dashboard/merchant/api-tokens?pairingCode=" + n.Offered }).blindly()},
	}
}

// A merchant's records are nobody else's. For every route there is, and every token that a neighbour can have: a name of
// the victim's is answered exactly as a name that nobody has, and not a byte of what is kept changes.
func TestNeighboursReachNothing(t *testing.T) {
	list := newMatrix(t).api.routes.list
	known := map[string]bool{}
	for _, r := range list {
		name := r.method + " " + r.path
		known[name] = true
		t.Run(name, func(t *testing.T) {
			m := newMatrix(t)
			cells := m.cells()[name]
			if len(cells) == 0 {
				t.Fatal("the matrix does not know how to fill this route: add it to cells")
			}
			for _, c := range cells {
				fill := c.fill
				c.fill = func(n names) wish {
					out := fill(n)
					out.method = r.method
					return out
				}
				for _, by := range m.neighbours {
					m.try(by, c)
				}
				m.control(c)
			}
		})
	}
	for name := range newMatrix(t).cells() {
		if !known[name] {
			t.Errorf("there is no route %s any more", name)
		}
	}
}

// try makes a neighbour's call with the victim's names and with unknown ones.
func (m *matrix) try(by somebody, c cell) {
	m.t.Helper()
	before, state := m.rows(), m.state()
	foreign := m.say(by, c.fill(m.victim))
	middle := m.rows()
	nothing := m.say(by, c.fill(unknown()))
	diff := changed(before, middle)
	if c.writes {
		diff = m.victims(diff)
	}
	if len(diff) > 0 {
		m.t.Errorf("%s's call changed the store:\n%s", by.name, strings.Join(diff, "\n"))
	}
	if m.state() != state {
		m.t.Errorf("%s's call changed what the victim sees", by.name)
	}
	if !c.writes && by.token == "" && slices.Contains(m.route(c).facades, auth.Public) {
		// Nothing was proved where nothing needs to be: the answer is the one that anybody gets.
		if a, b := foreign.answer(m.victim), m.say(somebody{}, c.fill(m.victim)).answer(m.victim); a != b {
			m.t.Errorf("as %s, a route for everybody is answered\n%s\nand to nobody\n%s", by.name, a, b)
		}
		return
	}
	switch {
	case c.open != "":
	case c.writes && foreign.status == http.StatusOK:
		if a, b := foreign.shape(m.t), nothing.shape(m.t); a != b {
			m.t.Errorf("as %s, a foreign name is answered\n%s\nand an unknown one\n%s", by.name, a, b)
		}
	default:
		if a, b := foreign.answer(m.victim), nothing.answer(unknown()); a != b {
			m.t.Errorf("as %s, a foreign name is answered\n%s\nand an unknown one\n%s", by.name, a, b)
		}
	}
	m.tells(by, c, foreign)
}

func (m *matrix) route(c cell) *row {
	m.t.Helper()
	named := c.fill(m.victim)
	path, _, _ := strings.Cut(named.target, "?")
	f := m.api.routes.find(named.method, path)
	if f.route == nil {
		m.t.Fatalf("%v leads to no route", named)
	}
	return f.route
}

// tells holds an answer against what only the victim and its payers know. What the call itself named is no news.
func (m *matrix) tells(by somebody, c cell, r reply) {
	m.t.Helper()
	if c.open != "" {
		return
	}
	named := c.fill(m.victim)
	for _, secret := range []string{
		m.victim.Invoice, m.victim.Paid, m.victim.Expired, m.victim.GUID, m.victim.Order, m.victim.Item, m.victim.SIN, m.victim.Asked,
		m.victim.Offered, m.victim.Session, "victim.example", string(storetest.Shop),
	} {
		if strings.Contains(r.body, secret) && !strings.Contains(named.target+named.body, secret) {
			m.t.Errorf("%s reads %s: %s", by.name, secret, r.body)
		}
	}
}

// control proves that the cell can fail: to the victim itself its own names are worth something.
func (m *matrix) control(c cell) {
	m.t.Helper()
	if c.blind || c.open != "" || c.fill(m.victim) == c.fill(unknown()) {
		return
	}
	for _, by := range m.owners {
		if m.say(by, c.fill(m.victim)).answer(m.victim) != m.say(by, c.fill(unknown())).answer(unknown()) {
			return
		}
	}
	m.t.Errorf("%v is answered like an unknown name also to the victim: the matrix proves nothing here", c.fill(m.victim))
}
