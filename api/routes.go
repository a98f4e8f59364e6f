package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"satchel/auth"
	"satchel/bitpay"
)

// handler answers a call with a finished document. The principal's facade is one of the route's.
type handler func(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error)

// route is a row of the table. A segment that begins with a colon stands for any one segment, a last one that is * for
// any rest of at least one. It has a handler, or serves itself.
type route struct {
	method  string
	path    string
	facades []auth.Facade // who may call it; with Public a token is not needed, and with nothing else not looked at
	handle  handler
	serve   http.Handler
}

// sessionsPath opens sessions, and is itself in none.
const sessionsPath = "/sessions"

// table is every path there is. What is not here is a 404.
func (a *API) table() []route {
	public := []auth.Facade{auth.Public}
	sellers := []auth.Facade{auth.POS, auth.Merchant}
	all := []auth.Facade{auth.Public, auth.POS, auth.Merchant}
	owner := []auth.Facade{auth.Merchant}
	user := []auth.Facade{auth.User}
	get, post, put, del := http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	list := []route{
		{post, legacyPath, sellers, a.createInvoice, nil},
		{get, legacyPath + "/:id", sellers, a.showInvoice, nil},
		{get, "/api/rates", public, a.bareRates, nil},
		{get, "/clients", user, a.listClients, nil},
		{post, "/clients", public, a.registerClient, nil},
		{get, "/clients/:id", user, a.showClient, nil},
		{put, "/clients/:id", user, a.updateClient, nil},
		{get, "/currencies", public, a.listCurrencies, nil},
		{get, "/healthz", public, nil, http.HandlerFunc(a.healthz)},
		{get, "/events", public, nil, http.HandlerFunc(a.serveBus)},
		{get, "/invoices/guid/:guid", sellers, a.showByGUID, nil}, // before ids: no id is the word "guid"
		{del, "/invoices/guid/:guid", owner, a.cancelByGUID, nil},
		{put, "/invoices/pay/:id", owner, a.payInvoice, nil},
		{get, "/invoices", owner, a.listInvoices, nil},
		{post, "/invoices", sellers, a.createInvoice, nil},
		{get, "/invoices/:id", all, a.showInvoice, nil},
		{put, "/invoices/:id", owner, a.updateInvoice, nil},
		{del, "/invoices/:id", owner, a.cancelInvoice, nil},
		{get, "/invoices/:id/events", all, a.invoiceEvents, nil},
		{post, "/invoices/:id/notifications", sellers, a.notifyInvoice, nil},
		{post, "/invoices/:id/adjustments", owner, a.adjustInvoice, nil},
		{get, "/invoices/:id/refunds", owner, a.noRefunds, nil},
		{post, "/invoices/:id/refunds", owner, a.noRefunds, nil},
		{get, "/invoices/:id/refunds/:refund", owner, a.noRefunds, nil},
		{del, "/invoices/:id/refunds/:refund", owner, a.noRefunds, nil},
		{get, "/openapi.json", public, nil, a.limited(http.HandlerFunc(a.showOpenAPI))},
		{get, "/rates", public, a.listRates, nil},
		{get, "/rates/:base", public, a.showRates, nil},
		{get, "/rates/:base/:currency", public, a.showRate, nil},
		{get, "/readyz", public, nil, http.HandlerFunc(a.readyz)},
		{get, logPath, owner, a.showLog, nil},
		{post, sessionsPath, public, a.openSession, nil},
		{get, "/supportedWallets", public, a.listWallets, nil},
		{get, "/tokens", user, a.listTokens, nil},
		{post, "/tokens", []auth.Facade{auth.Public, auth.Merchant}, a.createToken, nil},
		{get, "/user", user, a.showUser, nil},
		{put, "/user", user, a.updateUser, nil},
	}
	if a.cfg.PayPro != nil {
		wallets := http.HandlerFunc(a.servePayPro)
		list = append(list,
			route{get, "/i/:id", public, nil, wallets},
			route{post, "/i/:id", public, nil, wallets},
			route{get, "/signingKeys/paymentProtocol.json", public, nil, a.limited(http.HandlerFunc(a.showKeys))},
		)
	}
	if a.cfg.Web != nil {
		guarded, payers := a.limited(a.cfg.Web), a.payers.limited(a.cfg.Web)
		list = append(list,
			route{get, "/", public, nil, a.limited(http.HandlerFunc(a.front))},
			route{get, "/api-access-request", public, nil, guarded},
			route{post, "/api-access-request", public, nil, guarded},
			route{get, "/api-tokens", public, nil, guarded},
			route{get, "/dashboard/merchant/api-tokens", public, nil, guarded},
			route{get, "/assets/*", public, nil, a.cfg.Web},
			route{get, "/docs", public, nil, guarded},
			route{get, "/docs/*", public, nil, guarded},
			route{get, "/pos/*", public, nil, guarded},
			route{post, "/pos/*", public, nil, guarded},
			route{get, "/bitpay.js", public, nil, a.cfg.Web},
			route{get, "/bitpay.min.js", public, nil, a.cfg.Web},
			route{get, "/invoice", public, nil, payers},
			route{get, "/invoice/*", public, nil, a.streams.counted(payers, "/stream")},
		)
	}
	if a.cfg.Desk != nil {
		guarded := a.limited(a.cfg.Desk)
		list = append(list,
			route{get, "/dashboard", public, nil, guarded},
			route{get, "/dashboard/*", public, nil, a.desks.counted(guarded, "/live")},
			route{post, "/dashboard/*", public, nil, guarded},
		)
	}
	return list
}

// Routes lists the table, one line a route: method, path, facades.
func (a *API) Routes() string {
	var b strings.Builder
	for _, r := range a.routes.list {
		names := make([]string, len(r.facades))
		for i, f := range r.facades {
			names[i] = f.String()
		}
		fmt.Fprintf(&b, "%-6s %-32s %s\n", r.method, r.path, strings.Join(names, ","))
	}
	return b.String()
}

// table finds routes. http.ServeMux would redirect for a slash too many or too few, and a redirect loses the body of a
// POST and breaks its signature.
type table struct {
	list    []route
	byFirst map[string][]row
}

type row struct {
	route
	segments []string
	resource string // what a resource token of the route's :id is of; "": the route addresses a collection
	unsigned bool   // that token suffices without the signature of its parent
	legacy   bool   // a token may come as the name of HTTP's basic authentication and a body as a form; an invoice goes out bare
}

func newTable(list []route) *table {
	t := &table{list: list, byFirst: make(map[string][]row, len(list))}
	for _, r := range list {
		segments := strings.Split(lower(strings.Trim(r.path, "/")), "/")
		t.byFirst[segments[0]] = append(t.byFirst[segments[0]], addressed(r, segments))
	}
	for _, rows := range t.byFirst { // fixed segments before variable ones
		slices.SortStableFunc(rows, func(a, b row) int { return strings.Count(a.path, ":") - strings.Count(b.path, ":") })
	}
	return t
}

// addressed tells which resource a route addresses: "/invoices/:id" and all below it an invoice, "/invoices" none. A shop
// asks for a callback again with nothing but the invoice's token.
func addressed(r route, segments []string) row {
	w := row{route: r, segments: segments, legacy: strings.HasPrefix(r.path, legacyPath)}
	if slices.Contains(segments, ":id") && !w.legacy {
		w.resource = strings.TrimSuffix(segments[0], "s")
		w.unsigned = r.method == http.MethodPost && segments[len(segments)-1] == "notifications"
	}
	return w
}

// maxVars is how many variable segments a path has at most.
const maxVars = 2

// found is what a path leads to: a route, or the methods that the path has instead.
type found struct {
	route *row
	vars  [maxVars]string
	allow []string
}

// find matches a path as it was sent: in any case, with or without a slash at the end. An empty segment in between matches
// nothing. A guid may hold a slash, so segments are decoded one by one.
func (t *table) find(method, path string) found {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var f found
	segments := strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
	for i, s := range segments {
		if text, err := url.PathUnescape(s); err == nil {
			segments[i] = text
		}
	}
	if segments[0] == "" && path != "/" {
		return found{}
	}
	rows := t.byFirst[lower(segments[0])]
	for i := range rows {
		vars, ok := rows[i].match(segments)
		switch {
		case !ok:
		case rows[i].method == method:
			return found{route: &rows[i], vars: vars}
		default:
			f.allow = append(f.allow, rows[i].method)
		}
	}
	return f
}

// methods lists what Allow says (RFC 9110, 10.2.1): each method once, and HEAD where there is GET.
func (f found) methods() []string {
	list := append(slices.Clone(f.allow), http.MethodOptions)
	if slices.Contains(list, http.MethodGet) {
		list = append(list, http.MethodHead)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (r *row) match(segments []string) (vars [maxVars]string, ok bool) {
	n := 0
	for i, want := range r.segments {
		switch {
		case want == "": // the root
		case i >= len(segments) || segments[i] == "":
			return vars, false
		case want == "*":
			return vars, !slices.ContainsFunc(segments[i:], dots)
		case want[0] == ':':
			vars[n] = segments[i]
			n++
		case lower(segments[i]) != want:
			return vars, false
		}
	}
	return vars, len(segments) == len(r.segments)
}

// dots tells the segments that a file system or another router would take for something else.
func dots(segment string) bool {
	return segment == "" || segment == "." || segment == ".." || strings.Contains(segment, "/")
}

// lower folds ASCII only: nothing else is a letter of a path.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' || c >= 0x80 {
			return strings.Map(func(c rune) rune {
				if c >= 'A' && c <= 'Z' {
					return c + 'a' - 'A'
				}
				return c
			}, s)
		}
	}
	return s
}
