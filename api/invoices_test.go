package api

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"satchel/auth"
	"satchel/bitpay"
	"satchel/fault"
	"satchel/invoice"
)

func TestCreateInvoice(t *testing.T) {
	w := start(t, nil)
	body := `{"price":10,"currency":"USD","orderId":"A-1","notificationURL":"https://shop.example/ipn","buyer":{"name":"Zoë"},` +
		`"guid":"g","token":"` + w.pos + `"}`
	r := w.post(body)
	if r.status != http.StatusOK { // some clients take nothing else for a success, not even 201
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	doc := r.json(t)
	data := doc["data"].(map[string]any)
	if doc["facade"] != "pos/invoice" || data["price"] != 10.0 || data["url"] != "https://pay.example/invoice?id=Hq7mZk3VtWc9sXyB2nLdRe" {
		t.Errorf("got %s", r.body)
	}
	if want := secret().Resource(parent(w.pos), "pos/invoice", "Hq7mZk3VtWc9sXyB2nLdRe"); data["token"] != want {
		t.Errorf("the token is %v, want %s", data["token"], want)
	}
	if strings.Contains(r.body, "Zoë") || strings.Contains(r.body, "shop.example/ipn") {
		t.Error("a till sees the buyer or the callback")
	}
	if len(w.requests) != 1 {
		t.Fatalf("%d requests reached the service", len(w.requests))
	}
	req := w.requests[0]
	parsed, err := bitpay.ParseBody([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if req.Merchant.ID != shopID || req.Price.Minor != 1000 || req.Order.Buyer.Name != "Zoë" || req.Digest != parsed.Digest() {
		t.Errorf("the service was asked for %+v", req)
	}
	if req.Capped != 77 || req.Order.Creator == "" || strings.Contains(w.pos, req.Order.Creator) {
		t.Errorf("creator %q, capped at %d", req.Order.Creator, req.Capped)
	}
}

func TestTokenCarriers(t *testing.T) {
	w := start(t, nil)
	const plain = `{"price":1,"currency":"USD"}`
	withToken := `{"price":1,"currency":"USD","token":"` + w.pos + `"}`
	for name, r := range map[string]reply{
		"body":              w.post(withToken),
		"header":            w.post(plain, "Authorization", "Bearer "+w.pos),
		"header, odd case":  w.post(plain, "authorization", "bearer   "+w.pos+" "),
		"query":             w.send(http.MethodPost, "/invoices?token="+w.pos, plain),
		"twice the same":    w.post(withToken, "Authorization", "Bearer "+w.pos),
		"beside a proxy's":  w.post(withToken, "Authorization", "Basic dTpw"),
		"a stale signature": w.post(withToken, "X-Signature", "3045022100", "X-Identity", "02"+strings.Repeat("0", 64)),
		"an empty one":      w.send(http.MethodPost, "/invoices?token=", withToken),
	} {
		if r.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	other := w.token(otherID, auth.POS, nil)
	text := w.post(withToken, "Authorization", "Bearer "+other).refused(t, http.StatusBadRequest)
	if !strings.HasPrefix(text, "token: ") {
		t.Errorf("two tokens: %s", text)
	}
}

func TestWhoMayCreate(t *testing.T) {
	w := start(t, nil)
	forged := auth.Secret{9}.Token(auth.TokenID{1})
	for name, c := range map[string]struct {
		token  string
		status int
		says   string
	}{
		"none":             {"", 401, "`public` facade"},
		"a facade's name":  {"merchant", 401, "Invalid token"},
		"nonsense":         {"!", 401, "Invalid token"},
		"unknown":          {secret().Token(auth.TokenID{99}), 401, "Invalid token"},
		"forged":           {forged, 401, "Invalid token"},
		"revoked":          {w.token(shopID, auth.POS, func(g *auth.Grant) { g.Revoked = w.now }), 401, "Invalid token"},
		"needs signatures": {w.token(shopID, auth.POS, func(g *auth.Grant) { g.SIN = "Tf" }), 401, "Invalid token"},
		"payout":           {w.token(shopID, auth.Payout, nil), 403, "`payout` facade"},
		"a long one":       {strings.Repeat("z", 10_000), 401, "Invalid token"},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.post(`{"price":1,"currency":"USD","token":"` + c.token + `"}`)
			if text := r.refused(t, c.status); !strings.Contains(text, c.says) {
				t.Errorf("got %q, want %q", text, c.says)
			}
			if (c.status == 401) != (r.header.Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("WWW-Authenticate is %q", r.header.Get("WWW-Authenticate"))
			}
		})
	}
	if w.created() != 0 {
		t.Fatal("something was created")
	}
	m := w.token(shopID, auth.Merchant, nil)
	if r := w.post(`{"price":1,"currency":"USD","notificationURL":"https://shop.example/ipn","token":"` + m + `"}`); r.status != 200 ||
		r.json(t)["facade"] != "merchant/invoice" || !strings.Contains(r.body, "shop.example/ipn") {
		t.Errorf("a merchant's token: %d %s", r.status, r.body)
	}
	w.grant = func(auth.TokenID) (auth.Grant, bool, error) {
		return auth.Grant{}, false, errors.New("disk at /secret")
	}
	if text := w.post(`{"price":1,"currency":"USD","token":"`+w.pos+`"}`).refused(t, 500); strings.Contains(text, "secret") {
		t.Errorf("the client learns of %q", text)
	}
}

// TestBadInvoicesAreNamedAndNotMade: each wrong wish is a 4xx that names the member, and nothing comes of it.
func TestBadInvoicesAreNamedAndNotMade(t *testing.T) {
	w := start(t, nil)
	deep := strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40)
	for name, c := range map[string]struct{ body, field string }{
		"no price":           {`"currency":"USD"`, "price"},
		"no currency":        {`"price":1`, "currency"},
		"unknown currency":   {`"price":1,"currency":"DOGE"`, "currency"},
		"NaN":                {`"price":NaN,"currency":"USD"`, "price"},
		"NaN as a text":      {`"price":"NaN","currency":"USD"`, "price"},
		"1e308":              {`"price":1e308,"currency":"USD"`, "price"},
		"1e1000000":          {`"price":1e1000000,"currency":"USD"`, "price"},
		"negative":           {`"price":-5,"currency":"USD"`, "price"},
		"too many decimals":  {`"price":1.001,"currency":"USD"`, "price"},
		"nine decimals":      {`"price":0.000000001,"currency":"BTC"`, "price"},
		"a long price":       {`"price":` + strings.Repeat("1", 5000) + `,"currency":"USD"`, "price"},
		"a long orderId":     {`"price":1,"currency":"USD","orderId":"` + strings.Repeat("x", 50_000) + `"`, "orderId"},
		"a long posData":     {`"price":1,"currency":"USD","posData":"` + strings.Repeat("x", 50_000) + `"`, "posData"},
		"a long itemDesc":    {`"price":1,"currency":"USD","itemDesc":"` + strings.Repeat("x", 50_000) + `"`, "itemDesc"},
		"a long buyer":       {`"price":1,"currency":"USD","buyer":{"email":"` + strings.Repeat("x", 50_000) + `"}`, "buyer.email"},
		"invalid UTF-8":      {"\"price\":1,\"currency\":\"USD\",\"itemDesc\":\"\xff\"", "itemDesc"},
		"a NUL":              {`"price":1,"currency":"USD","itemDesc":"\u0000"`, "itemDesc"},
		"a name twice":       {`"price":1,"price":100,"currency":"USD"`, "price"},
		"deep nesting":       {`"price":1,"currency":"USD","posData":` + deep, "posData"},
		"javascript:":        {`"price":1,"currency":"USD","redirectURL":"javascript:alert(1)"`, "redirectURL"},
		"another scheme":     {`"price":1,"currency":"USD","redirectURL":"ftp://shop.example/"`, "redirectURL"},
		"scheme-relative":    {`"price":1,"currency":"USD","redirectURL":"//evil.example/"`, "redirectURL"},
		"closeURL":           {`"price":1,"currency":"USD","closeURL":"data:text/html,x"`, "closeURL"},
		"loopback":           {`"price":1,"currency":"USD","notificationURL":"http://127.0.0.1:8332/"`, "notificationURL"},
		"localhost":          {`"price":1,"currency":"USD","notificationURL":"http://localhost/"`, "notificationURL"},
		"IPv6 loopback":      {`"price":1,"currency":"USD","notificationURL":"http://[::1]/"`, "notificationURL"},
		"mapped":             {`"price":1,"currency":"USD","notificationURL":"http://[::ffff:10.0.0.1]/"`, "notificationURL"},
		"private":            {`"price":1,"currency":"USD","notificationURL":"http://192.168.1.1/"`, "notificationURL"},
		"metadata":           {`"price":1,"currency":"USD","notificationURL":"http://169.254.169.254/latest"`, "notificationURL"},
		"a decimal address":  {`"price":1,"currency":"USD","notificationURL":"http://2130706433/"`, "notificationURL"},
		"Unicode digits":     {`"price":1,"currency":"USD","notificationURL":"http://①②⑦.0.0.1/"`, "notificationURL"},
		"a password":         {`"price":1,"currency":"USD","notificationURL":"https://u:p@shop.example/"`, "notificationURL"},
		"an ended quote":     {`"price":1,"currency":"USD","expirationTime":1546300800000`, "expirationTime"},
		"speed":              {`"price":1,"currency":"USD","transactionSpeed":"warp"`, "transactionSpeed"},
		"fullNotifications":  {`"price":1,"currency":"USD","fullNotifications":"sometimes"`, "fullNotifications"},
		"a boolean for text": {`"price":1,"currency":"USD","orderId":true`, "orderId"},
	} {
		t.Run(name, func(t *testing.T) {
			text := w.post(`{`+c.body+`}`, "Authorization", "Bearer "+w.pos).refused(t, http.StatusBadRequest)
			if !strings.HasPrefix(text, c.field+": ") || len(text) > 250 {
				t.Errorf("%q does not name %s, or is long", text, c.field)
			}
		})
	}
	for name, body := range map[string]string{
		"nothing": "", "not JSON": "price=1&currency=USD", "a list": "[]", "a text": `"x"`, "null": "null", "two": "{}{}", "cut": `{"price":1`,
	} {
		t.Run(name, func(t *testing.T) {
			w.post(body, "Authorization", "Bearer "+w.pos).refused(t, http.StatusBadRequest)
		})
	}
	if n := w.created(); n != 0 {
		t.Fatalf("%d of them were created", n)
	}
}

func TestPrivateCallbacksWhereAllowed(t *testing.T) {
	w := start(t, func(c *Config) { c.AllowPrivate = true })
	r := w.post(`{"price":1,"currency":"USD","notificationURL":"http://127.0.0.1:9999/ipn","token":"` + w.pos + `"}`)
	if r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	w.post(`{"price":1,"currency":"USD","notificationURL":"file:///etc/passwd","token":"`+w.pos+`"}`).refused(t, 400)
}

func TestRefusalsOfTheDomain(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		retry  string
		says   string
	}{
		"node away":     {fault.New(fault.Unavailable, "The node is away").After(7 * time.Second), 503, "7", "The node is away"},
		"no rate":       {fault.New(fault.Unavailable, "No rate"), 503, "5", "No rate"},
		"half a second": {fault.New(fault.Unavailable, "No rate").After(time.Millisecond), 503, "1", "No rate"},
		"too many open": {fault.New(fault.TooMany, "Too many open invoices"), 429, "10", "Too many open invoices"},
		"guid used":     {fault.New(fault.Conflict, "guid already used"), 409, "", "guid already used"},
		"dust":          {fault.Field("price", "is below the dust limit"), 400, "", "price: is below the dust limit"},
		"ours":          {errors.New("secret"), 500, "", "Internal error"},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, nil)
			w.create = func(invoice.Request) (invoice.Invoice, error) { return invoice.Invoice{}, c.err }
			r := w.post(`{"price":1,"currency":"USD","token":"` + w.pos + `"}`)
			if text := r.refused(t, c.status); !strings.HasPrefix(text, c.says) {
				t.Errorf("got %q, want %q", text, c.says)
			}
			if got := r.header.Get("Retry-After"); got != c.retry {
				t.Errorf("Retry-After is %q, want %q", got, c.retry)
			}
			if strings.Contains(r.body, "secret") {
				t.Errorf("the client learns the cause: %s", r.body)
			}
		})
	}
}

// TestReplayComesFirst: what an earlier guid made is answered although it could not be made again now.
func TestReplayComesFirst(t *testing.T) {
	w := start(t, nil)
	var asked invoice.Creation
	w.byGUID = func(c invoice.Creation) (invoice.Invoice, bool, error) {
		asked = c
		return invoice.Invoice{ID: "Earlier", Ref: invoice.Ref{Merchant: c.Merchant}, State: invoice.State{Status: invoice.Paid}}, true, nil
	}
	w.create = func(invoice.Request) (invoice.Invoice, error) {
		return invoice.Invoice{}, fault.New(fault.Unavailable, "The node is away")
	}
	r := w.post(`{"price":1,"currency":"USD","guid":"g-1","expirationTime":1,"token":"` + w.pos + `"}`)
	if r.status != 200 || r.json(t)["data"].(map[string]any)["id"] != "Earlier" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if asked.Merchant != shopID || asked.GUID != "g-1" || asked.Digest == [32]byte{} || w.created() != 0 {
		t.Fatalf("asked for %+v, created %d", asked, w.created())
	}
	w.byGUID = func(invoice.Creation) (invoice.Invoice, bool, error) {
		return invoice.Invoice{}, false, fault.New(fault.Conflict, "guid already used")
	}
	w.post(`{"price":1,"currency":"USD","guid":"g-1","token":"`+w.pos+`"}`).refused(t, 409)
	w.post(`{"price":1,"currency":"USD","token":"`+w.pos+`"}`).refused(t, 503) // without a guid nothing is looked for
}

func TestShowInvoice(t *testing.T) {
	w := start(t, nil)
	w.post(`{"price":10,"currency":"USD","buyer":{"name":"Zoë"},"guid":"g","token":"` + w.pos + `"}`)
	const path = "/invoices/Hq7mZk3VtWc9sXyB2nLdRe"
	inv := w.made["Hq7mZk3VtWc9sXyB2nLdRe"]
	inv.Sums = invoice.Sums{Receipts: 150, In: 1}
	w.made[inv.ID] = inv
	list := make([]invoice.Receipt, 150)
	for i := range list {
		list[i] = invoice.Receipt{Sats: 1, Place: invoice.Place{Where: invoice.InBlock, Height: 99}, Outpoint: invoice.Outpoint{Vout: uint32(i)}}
	}
	w.receipts[inv.ID] = list
	other, merch := w.token(otherID, auth.Merchant, nil), w.token(shopID, auth.Merchant, nil)
	for _, c := range []struct{ query, token, facade string }{
		{"", "", "public/invoice"}, {"?token=", "", "public/invoice"}, {"?token=", w.pos, "pos/invoice"}, {"?x=1&token=", merch, "merchant/invoice"},
	} {
		r := w.send(http.MethodGet, path+c.query+c.token, "")
		doc := r.json(t)
		data, _ := doc["data"].(map[string]any)
		if r.status != 200 || doc["facade"] != c.facade || data["id"] != string(inv.ID) {
			t.Fatalf("%q: %d %s", c.query, r.status, r.body)
		}
		txs := data["transactions"].([]any)
		if len(txs) != maxTransactions || txs[0].(map[string]any)["confirmations"] != 2.0 {
			t.Errorf("%q: %d transactions, first %v", c.query, len(txs), txs[0])
		}
		if want := secret().Resource(parent(c.token), c.facade, string(inv.ID)); data["token"] != want {
			t.Errorf("%q: the token is %v", c.query, data["token"])
		}
		if strings.Contains(r.body, "Zoë") != (c.facade == "merchant/invoice") {
			t.Errorf("%q: the buyer is seen by the wrong ones", c.query)
		}
	}
	foreign := w.send(http.MethodGet, path+"?token="+other, "")
	unknown := w.send(http.MethodGet, "/invoices/Hq7mZk3VtWc9sXyB2nLdRf?token="+other, "")
	if foreign.refused(t, 404) != "Object not found" || foreign.body != unknown.body {
		t.Errorf("another's and an unknown one differ:\n%s\n%s", foreign.body, unknown.body)
	}
	for _, p := range []string{"/invoices/nothing", "/invoices/" + strings.Repeat("x", 500), "/invoices/%00", "/invoices/..", "/invoices/a%2Fb"} {
		if r := w.send(http.MethodGet, p, ""); r.refused(t, 404) == "" {
			t.Errorf("%s: %s", p, r.body)
		}
	}
	w.send(http.MethodGet, path+"?token=merchant", "").refused(t, 401)
	w.send(http.MethodGet, path+"?token=%zz", "").refused(t, 400)
}

func TestPublicURLFollowsTheHostOnlyWhereItIsOurs(t *testing.T) {
	w := start(t, nil)
	w.post(`{"price":10,"currency":"USD","token":"` + w.pos + `"}`)
	for host, want := range map[string]string{
		"pay.example": "https://pay.example", "PAY.example:8443": "https://pay.example", "localhost": "http://localhost:8350",
		"localhost:1": "http://localhost:8350", "evil.example": "https://pay.example", "[::1]:80": "https://pay.example",
	} {
		r := w.send(http.MethodGet, "/invoices/Hq7mZk3VtWc9sXyB2nLdRe", "", "Host", host)
		if got := r.json(t)["data"].(map[string]any)["url"]; got != want+"/invoice?id=Hq7mZk3VtWc9sXyB2nLdRe" {
			t.Errorf("%s: %v", host, got)
		}
	}
}

// Prices that clients write as floats are the amounts that they stand for, and are told again without an exponent.
func TestPricesWithExponents(t *testing.T) {
	s := newShop(t, nil)
	for sent, want := range map[string]string{
		`"price":5.0E-4,"currency":"BTC"`:      `"paymentTotals":{"BTC":50000},`,
		`"price":5e-05,"currency":"BTC"`:       `"price":0.00005,"currency":"BTC"`,
		`"price":1.2345678E7,"currency":"USD"`: `"price":12345678,"currency":"USD"`,
		`"price":1.0E7,"currency":"USD"`:       `"paymentTotals":{"BTC":20000000000},`,
		`"price":1.0505E3,"currency":"USD"`:    `"price":1050.5,"currency":"USD"`,
	} {
		if r := s.post(`{`+sent+`}`, "Authorization", "Bearer "+s.pos); r.status != http.StatusOK || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d %s", sent, r.status, r.body)
		}
	}
}
