package api

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"satchel/auth"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/paypro"
	"satchel/store/storetest"
)

// walk is a street of shops on which every operation of the document is called. Each call is held against the document.
type walk struct {
	*matrix
	till, owner, client, nobody somebody
}

func newWalk(t *testing.T) *walk {
	t.Helper()
	w := &walk{matrix: newMatrix(t)}
	w.seen = &seen{list: map[string]bool{}}
	w.owner, w.till = somebody{"merchant", w.matrix.owner, nil}, somebody{"till", w.pos, nil}
	for _, by := range w.owners {
		if by.name == "user" {
			w.client = by
		}
	}
	return w
}

// does makes a call that must be answered with a status.
func (w *walk) does(by somebody, call string, status int) reply {
	w.t.Helper()
	method, rest, _ := strings.Cut(call, " ")
	target, body, _ := strings.Cut(rest, " ")
	r := w.say(by, wish{method: method, target: target, body: body})
	if r.status != status {
		w.t.Errorf("%s, as %s: %d, want %d: %s", call, by.name, r.status, status, r.body)
	}
	return r
}

func (w *walk) gets(by somebody, call string) map[string]any {
	w.t.Helper()
	data, _ := w.does(by, call, http.StatusOK).json(w.t)["data"].(map[string]any)
	return data
}

// TestOpenAPIIsTrue calls every operation on a real store, well and badly. Every answer is held against the document; at
// the end every operation was seen to succeed and to refuse, and every member that the document promises was seen.
func TestOpenAPIIsTrue(t *testing.T) {
	w := newWalk(t)
	w.walkInvoices()
	w.walkMoney()
	w.walkEvents()
	w.walkAccess()
	w.walkRates()
	w.walkServer()
	w.walkWallets()
	w.walkPages()

	doc := document(t)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			w.bothWays(method+" "+path, op)
		}
	}
	promised := map[string]bool{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, res := range op.Responses.Map() {
				promises(res.Value.Content, promised)
			}
			for _, cb := range op.Callbacks {
				for _, item := range cb.Value.Map() {
					promises(item.Post.RequestBody.Value.Content, promised)
				}
			}
		}
	}
	if len(promised) < 150 {
		t.Errorf("only %d members are promised", len(promised))
	}
	for _, name := range slices.Sorted(maps.Keys(promised)) {
		if !w.seen.has(name) {
			t.Errorf("%s is promised, and never came", name)
		}
	}
}

// bothWays tells whether an operation was seen to succeed, and to refuse where the document says that it may.
func (w *walk) bothWays(name string, op *openapi3.Operation) {
	w.t.Helper()
	good, bad, may := false, false, false
	for status := range op.Responses.Map() {
		was := w.seen.has(op.OperationID + " " + status)
		switch status {
		case "200", "302", "303", "501":
			good = good || was
		case "304", "408", "413", "415", "429":
		case "500":
			bad = bad || was
		default:
			may = true
			bad = bad || was
		}
	}
	if !good || may && !bad {
		w.t.Errorf("%s: seen to succeed %v, to refuse %v", name, good, bad)
	}
}

// promises collects the members of everything that content may be, as holdNames calls them.
func promises(content openapi3.Content, into map[string]bool) {
	if media := content["application/json"]; media != nil {
		promisesOf(media.Schema, "", into)
	}
}

func promisesOf(ref *openapi3.SchemaRef, where string, into map[string]bool) {
	where = named(ref, where)
	members := map[string]member{}
	gather(ref, where, members)
	for name, m := range members {
		if name != "*" {
			into[m.where+"."+name] = true
		}
		promisesOf(m.ref, m.where+"."+name, into)
	}
	if ref.Value.Items != nil {
		promisesOf(ref.Value.Items, where+"[]", into)
	}
	for _, one := range slices.Concat(ref.Value.OneOf, ref.Value.AnyOf) {
		promisesOf(one, where, into)
	}
}

// everything is an invoice that says all that can be said.
const everything = `{"price":"50.00","currency":"usd","guid":"all/1","orderId":7,"itemDesc":"Two loaves","itemCode":"SKU 1","posData":"{\"a\":1}",` +
	`"notificationURL":"https://victim.example/ipn","notificationEmail":"till@victim.example","redirectURL":"https://victim.example/thanks",` +
	`"closeURL":"https://victim.example/cart","autoRedirect":"true","physical":1,"transactionSpeed":"high","fullNotifications":true,` +
	`"extendedNotifications":true,"acceptanceWindow":"900000","paymentCurrencies":["BTC"],"nonce":1.5,` +
	`"jsonPayProRequired":true,"bitpayIdRequired":"1","forcedBuyerSelectedWallet":"own","forcedBuyerSelectedTransactionCurrency":"BTC",` +
	`"itemizedDetails":[{"amount":"25.00","description":"A loaf","isFee":false},{"amount":25,"description":"Delivery","isFee":true}],"buyer":{"name":"Ada","address1":"1 Road",` +
	`"address2":"Flat 2","locality":"Town","region":"Shire","postalCode":"12345","country":"GB","email":"ada@buyer.example","phone":"+441","notify":true}}`

func (w *walk) walkInvoices() {
	w.t.Helper()
	all := w.gets(w.owner, "POST /invoices "+everything)
	id := all["id"].(string)
	w.does(w.owner, "POST /invoices "+everything, 200) // the same again
	w.does(w.owner, "POST /invoices "+strings.Replace(everything, "Two", "Three", 1), 409)
	w.does(w.till, `POST /invoices {"price":0.001,"currency":"BTC","buyerName":"Ada","orderID":"A-1","expirationTime":null}`, 200)
	w.does(w.till, `POST /invoices {"price":0,"currency":"USD"}`, 200)
	w.does(w.till, `POST /invoices {"currency":"USD"}`, 400)
	w.does(w.nobody, `POST /invoices {"price":1,"currency":"USD"}`, 401)
	for _, by := range []somebody{w.owner, w.till, w.nobody} {
		w.does(by, "GET /invoices/"+id, 200)
	}
	w.does(w.nobody, "GET /invoices/none", 404)
	w.does(w.till, `POST /api/invoice {"price":5,"currency":"USD","orderID":"old"}`, 200)
	w.does(w.owner, `POST /api/invoice {"price":5,"currency":"USD"}`, 200)
	w.does(w.nobody, `POST /api/invoice {"price":5,"currency":"USD"}`, 401)
	w.does(w.owner, "GET /api/invoice/"+id, 200)
	w.does(w.till, "GET /api/invoice/none", 404)
	w.does(w.owner, "GET /invoices?limit=&status=NEW&dateStart=2020-01-01&dateEnd=2030-01-01", 200)
	w.does(w.owner, "GET /invoices?status=lost", 400)
	w.does(w.till, "GET /invoices", 403)
	w.does(w.owner, "PUT /invoices/"+id+` {"buyerEmail":"ada@home.example"}`, 200)
	w.does(w.owner, "PUT /invoices/"+id+` {"buyerSms":"+4412","autoVerify":true}`, 200)
	w.does(w.owner, "PUT /invoices/"+id+` {}`, 400)
	w.does(w.till, "GET /invoices/guid/all%2F1", 200)
	w.does(w.till, "GET /invoices/guid/none", 404)
	w.does(w.owner, "DELETE /invoices/"+id+"?forceCancel=1", 200)
	w.does(w.owner, "DELETE /invoices/"+id, 409)
	w.does(w.owner, "DELETE /invoices/guid/"+w.victim.GUID, 200)
	w.does(w.owner, "DELETE /invoices/guid/none", 404)
	for _, call := range []string{"GET /invoices/ID/refunds", "POST /invoices/ID/refunds {}", "GET /invoices/ID/refunds/x", "DELETE /invoices/ID/refunds/x"} {
		w.does(w.owner, strings.Replace(call, "ID", id, 1), 501)
		w.does(w.owner, strings.Replace(call, "ID", "none", 1), 404)
	}
}

func (w *walk) walkMoney() {
	w.t.Helper()
	part := w.make(`,"notificationURL":"https://victim.example/ipn"`)
	w.pay(part, 40_000)
	for _, by := range []somebody{w.owner, w.till, w.nobody} {
		if d := w.gets(by, "GET /invoices/"+part); d["exceptionStatus"] != "paidPartial" || d["underpaidAmount"] != 0.0006 {
			w.t.Errorf("%v %v", d["exceptionStatus"], d["underpaidAmount"])
		}
	}
	paid := w.make(`,"extendedNotifications":true,"notificationURL":"https://victim.example/ipn"`)
	w.does(w.owner, "PUT /invoices/pay/"+paid+` {"status":"confirmed"}`, 200)
	w.does(w.owner, "PUT /invoices/pay/"+paid+` {"complete":true}`, 200)
	w.does(w.owner, "PUT /invoices/pay/"+paid+` {"status":"lost"}`, 400)

	over := w.make(`,"notificationURL":"https://victim.example/ipn"`)
	w.pay(over, 105_000)
	w.bury(over, 6)
	if d := w.gets(w.owner, "GET /invoices/"+over); d["overpaidAmount"] != 0.00005 {
		w.t.Errorf("%v", d["overpaidAmount"])
	}
	w.does(w.owner, "POST /invoices/"+over+`/adjustments {"type":"acceptOverpayment"}`, 200)
	w.does(w.owner, "POST /invoices/"+over+`/adjustments {"type":"acceptOverpayment"}`, 409)
	if d := w.gets(w.owner, "GET /invoices/"+over); d["creditedOverpaymentAmounts"] == nil {
		w.t.Errorf("%v", d)
	}
	w.does(w.till, "POST /invoices/"+over+"/notifications {}", 200)
	w.does(w.till, "POST /invoices/"+w.make("")+"/notifications {}", 409)
	w.expire(part)
	w.does(w.owner, "GET /invoices?limit=1000", 200)
}

// walkEvents reads what happened: in the log, in the callbacks, and in a stream.
func (w *walk) walkEvents() {
	w.t.Helper()
	doc := document(w.t)
	w.does(w.owner, "GET /v1/events?after=0&limit=1000&wait=1s", 200)
	w.does(w.owner, "GET /v1/events?wait=long", 400)
	list, err := w.db.ListDeliveries(w.t.Context(), storetest.Shop, false, 1000)
	if err != nil || len(list) < 10 {
		w.t.Fatalf("%d deliveries: %v", len(list), err)
	}
	ipn := doc.Paths.Value("/invoices").Post.Callbacks["ipn"].Value.Value("{$request.body#/notificationURL}").Post
	formats := map[bool]int{}
	for _, d := range list {
		v, err := decode(string(d.Body))
		if err == nil {
			err = holdValue(ipn.RequestBody.Value.Content["application/json"].Schema, v, w.seen)
		}
		if err != nil {
			w.t.Errorf("the document does not hold the callback %s: %v", d.Body, err)
		}
		formats[strings.HasPrefix(string(d.Body), `{"event":`)]++
	}
	if len(formats) != 2 {
		w.t.Errorf("callbacks in only one format: %v", formats)
	}

	bus := w.gets(w.nobody, "GET /invoices/"+w.victim.Paid+"/events")
	w.does(w.nobody, "GET /invoices/none/events", 404)
	token := url.QueryEscape(bus["token"].(string))
	stream := w.does(w.nobody, "GET /events?events=payment,confirmation&token="+token, 200)
	events := 0
	for line := range strings.Lines(stream.body) {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			events++
			v, err := decode(data)
			if err == nil {
				err = holdValue(doc.Components.Schemas["PublicInvoice"], v, nil)
			}
			if err != nil {
				w.t.Errorf("the document does not hold the event %s: %v", data, err)
			}
		}
	}
	if events == 0 {
		w.t.Errorf("the stream is %q", stream.body)
	}
	w.does(w.nobody, "GET /events?action=unsubscribe&token="+token, 200)
	w.does(w.nobody, "GET /events?token=none", 401)
}

func (w *walk) walkAccess() {
	w.t.Helper()
	sin, fresh := w.victim.SIN, newClient(41)
	w.does(w.nobody, `POST /tokens {"id":"`+string(fresh.sin(w.t))+`","facade":"merchant","label":"shop","count":"1"}`, 200)
	w.does(w.nobody, `POST /tokens {"id":"`+sin+`","pairingCode":"`+w.victim.Offered+`"}`, 200)
	w.does(w.owner, `POST /tokens {"facade":"pos","label":"till"}`, 200)
	w.does(w.nobody, `POST /tokens {"id":"`+sin+`","pairingCode":"aaaaaaa"}`, 500)
	w.does(w.nobody, `POST /tokens {"id":"nobody"}`, 400)
	id, err := auth.ParseSIN(sin)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range []auth.Facade{auth.POS, auth.Payout} {
		if _, err := w.api.cfg.Auth.Issue(w.t.Context(), auth.IssueRequest{Merchant: storetest.Shop, Facade: f, SIN: id}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.does(w.client, "GET /tokens", 200)
	w.does(w.nobody, "GET /tokens", 401)
	w.does(w.client, "GET /user", 200)
	w.does(w.nobody, "GET /user", 401)
	w.does(w.client, `PUT /user {"name":"Zoe","phone":"+1 555 0100"}`, 200)
	w.does(w.client, `PUT /user {"phone":"`+strings.Repeat("1", 41)+`"}`, 400)
	w.does(w.nobody, `PUT /user {"name":"Zoe"}`, 401)
	w.does(w.nobody, `POST /clients {"id":"`+sin+`"}`, 200)
	w.does(w.nobody, `POST /clients {}`, 400)
	w.does(w.client, "GET /clients", 200)
	w.does(w.nobody, "GET /clients", 401)
	w.does(w.client, "GET /clients/"+sin, 200)
	w.does(w.client, "GET /clients/none", 404)
	w.does(w.client, "PUT /clients/"+sin+` {"label":"mine"}`, 200)
	w.does(w.client, "PUT /clients/none {}", 404)
	w.does(w.nobody, `POST /sessions {"guid":"one"}`, 200)
	w.does(w.nobody, "POST /sessions nothing", 400)
}

func (w *walk) walkRates() {
	w.t.Helper()
	for _, path := range []string{"/rates", "/rates/BTC", "/rates/usd", "/rates/BTC/USD", "/api/rates", "/currencies", "/supportedWallets"} {
		w.does(w.nobody, "GET "+path, 200)
		w.does(w.nobody, "GET "+path+"?sessionId=none&requestNumber=1", 400)
	}
	session, _ := w.does(w.nobody, `POST /sessions {"guid":"two"}`, 200).json(w.t)["data"].(string)
	w.does(w.nobody, "GET /rates/BTC?requestNumber=1&sessionId="+session, 200)
}

func (w *walk) walkServer() {
	w.t.Helper()
	w.does(w.nobody, "GET /healthz", 200)
	w.degrade = []string{"rates_unavailable"}
	w.does(w.nobody, "GET /readyz", 200)
	w.reasons, w.help = []string{"node_syncing", "store_unwritable"}, "mine a block"
	w.does(w.nobody, "GET /readyz", 503)
	w.does(w.nobody, "GET /openapi.json", 200)
}

// walkWallets asks how an invoice is paid, in each protocol, and pays it.
func (w *walk) walkWallets() {
	w.t.Helper()
	w.does(w.nobody, "GET /signingKeys/paymentProtocol.json", 200)
	id := w.make("")
	inv, err := w.db.Invoice(w.t.Context(), storetest.Shop, invoice.ID(id))
	if err != nil {
		w.t.Fatal(err)
	}
	raw := transaction(w.t, int64(inv.Due()), 1, inv.Address.Script)
	call := func(status int, method, body string, headers ...string) {
		w.t.Helper()
		if r := w.send(method, "/i/"+id, body, headers...); r.status != status {
			w.t.Errorf("%s %v %s: %d, want %d: %s", method, headers, body, r.status, status, r.body)
		}
	}
	const kind, accept = "Content-Type", "Accept"
	call(302, "GET", "")
	call(200, "GET", "", accept, "text/uri-list")
	call(200, "GET", "", accept, "application/bitcoin-paymentrequest")
	call(200, "GET", "", accept, "application/payment-request")
	call(200, "GET", "", accept, "application/payment-request", kind, "application/octet-stream")
	call(200, "GET", "", accept, "application/payment-options", v2, "2")
	call(200, "POST", `{"chain":"BTC"}`, kind, "application/payment-request", v2, "2")
	call(400, "POST", `{"chain":"BCH"}`, kind, "application/payment-request", v2, "2")
	call(200, "POST", `{"unsignedTransaction":"`+raw+`","weightedSize":141}`, kind, "application/verify-payment")
	call(200, "POST", payV1(raw), kind, "application/verify-payment")
	call(200, "POST", payV2(raw), kind, "application/payment-verification", v2, "2")
	w.bank.pay = func(paypro.Tx) error { return paypro.ErrNoInput() }
	call(422, "POST", payV2(raw), kind, "application/payment", v2, "2")
	w.bank.pay = func(paypro.Tx) error { w.pay(id, inv.Due()); return nil }
	call(200, "POST", payV2(raw), kind, "application/payment", v2, "2")
	call(400, "GET", "", accept, "application/payment-request")
}

func (w *walk) walkPages() {
	w.t.Helper()
	page := w.does(w.nobody, "GET /invoice?id="+w.victim.Paid, 200)
	w.does(w.nobody, "GET /invoice?id=none", 404)
	w.does(w.nobody, "GET /invoice/view?id="+w.victim.Paid, 200)
	w.does(w.nobody, "GET /invoice/stream?id="+w.victim.Paid, 200)
	w.does(w.nobody, "GET /invoice/view?id=none", 404)
	for _, name := range regexp.MustCompile(`/assets/[^"]+`).FindAllString(page.body, -1) {
		w.does(w.nobody, "GET "+name, 200)
	}
	w.does(w.nobody, "GET /assets/none.css", 404)
	w.does(w.nobody, "GET /bitpay.js", 200)
	w.does(w.nobody, "GET /bitpay.min.js", 200)
	for _, path := range []string{"/api-access-request", "/api-tokens", "/dashboard/merchant/api-tokens"} {
		w.does(w.nobody, "GET "+path, 200)
		w.does(w.nobody, "GET "+path+"?pairingCode=no", 400)
	}
	w.does(w.nobody, "GET /dashboard", 303)
	door := w.does(w.nobody, "GET /dashboard/sign-in", 200)
	for _, name := range regexp.MustCompile(`/dashboard/assets/[^"]+`).FindAllString(door.body, -1) {
		w.does(w.nobody, "GET "+name, 200)
	}
	w.does(w.nobody, "GET /dashboard/assets/none.css", 404)
	w.does(w.nobody, "GET /dashboard/m/"+string(storetest.Shop)+"/invoices", 303)
	for target, status := range map[string]int{"/dashboard/sign-in": 401, "/dashboard/account/password": 303} {
		r := w.say(w.nobody, wish{method: http.MethodPost, target: target, body: "name=alice&password=guess", form: true})
		if r.status != status {
			w.t.Errorf("POST %s: %d, want %d", target, r.status, status)
		}
	}
	g, err := w.api.cfg.Auth.Pair(w.t.Context(), auth.PairRequest{SIN: newClient(42).sin(w.t), Facade: auth.POS})
	if err != nil {
		w.t.Fatal(err)
	}
	key := secret().Link(g.ID, g.Pairing.Code, w.now().Add(time.Minute))
	form := "merchant=" + string(storetest.Shop) + "&pairingCode=" + g.Pairing.Code + "&key="
	for _, c := range []struct {
		more   string
		status int
	}{{"wrong&decision=approve", 403}, {key, 400}, {key + "&decision=approve", 303}, {key + "&decision=refuse", 409}} {
		r := w.say(w.nobody, wish{method: http.MethodPost, target: "/api-access-request", body: form + c.more, form: true})
		if r.status != c.status {
			w.t.Errorf("%s: %d, want %d", c.more, r.status, c.status)
		}
	}
	w.walkTill()
	w.does(w.nobody, "GET /", 404)
	w.send(http.MethodGet, "/", "", "Accept", "text/html")
	w.does(w.nobody, "GET /docs", 200)
	w.does(w.nobody, "GET /docs/errors", 200)
	w.does(w.nobody, "GET /docs/none", 404)
}

func (w *walk) walkTill() {
	w.t.Helper()
	link := merchant.Link{ID: merchant.LinkID{7}, Merchant: storetest.Shop, Price: money.Fiat{Code: "USD"}}
	if err := w.db.AddLink(w.t.Context(), link); err != nil {
		w.t.Fatal(err)
	}
	path := "/pos/" + secret().PayLink(link.ID)
	w.does(w.nobody, "GET "+path, 200)
	w.does(w.nobody, "GET "+path+"/code.svg", 200)
	w.does(w.nobody, "GET /pos/none", 404)
	for target, want := range map[string]map[string]int{path: {"amount=5": 303, "open=1": 303, "amount=five": 400}, "/pos/none": {"amount=5": 404}} {
		for body, status := range want {
			if r := w.say(w.nobody, wish{method: http.MethodPost, target: target, body: body, form: true}); r.status != status {
				w.t.Errorf("%s: %d, want %d", body, r.status, status)
			}
		}
	}
}
