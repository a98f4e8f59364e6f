package api

import (
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/google/go-cmp/cmp"

	"satchel/auth"
	"satchel/store/storetest"
)

// spelling is how a client of the field signs.
type spelling struct {
	base   string                   // before the target; "": https://pay.example
	host   string                   // as the client names it; "": pay.example
	header string                   // of its key; "": X-Identity
	target func(wire string) string // what it signs of a target; nil: what it sends
	bytes  func(body string) string // what it hashes of a body; nil: what it sends
	high   bool                     // its signatures have a high s
}

// habit is what a client of the field sends, as it went over the wire. INVOICE, OWN, MERCHANT, TILL and SIN stand for an id,
// tokens, and the client's own name.
type habit struct {
	name string
	spelling
	order  string         // the body of its POST /invoices
	slash  string         // at the end of that path
	told   map[string]any // what it reads back
	signed []string       // METHOD TARGET BODY, after that
	plain  []string       // the same without a signature
	stale  []string       // the same with the signature of another call
}

// bareMarks leaves the marks bare that encodeURIComponent does not touch; the library below the client encodes them.
func bareMarks(wire string) string {
	return strings.NewReplacer("%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(wire)
}

// hashJS are the bytes that a library of 2014 took from a text.
func hashJS(body string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(body)) {
		if unit > 0xff {
			b = append(b, byte(unit>>8))
		}
		b = append(b, byte(unit))
	}
	return string(b)
}

// signHigh signs with a high s, as half of the field's clients do half of the time.
func (c client) signHigh(t testing.TB, text string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	sig := ecdsa.Sign(c.key, sum[:])
	r, s := sig.R(), sig.S()
	s.Negate()
	rb, sb := r.Bytes(), s.Bytes()
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(rb[:]), new(big.Int).SetBytes(sb[:])})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(der)
}

// headers sign a call as the client does.
func (s spelling) headers(t testing.TB, c client, target, body string) []string {
	t.Helper()
	text := s.base
	if text == "" {
		text = "https://pay.example"
	}
	if s.target != nil {
		target = s.target(target)
	}
	if s.bytes != nil {
		body = s.bytes(body)
	}
	text += target + body
	signature, header := c.sign(text), "X-Identity"
	if s.high {
		signature = c.signHigh(t, text)
	}
	if s.header != "" {
		header = s.header
	}
	return []string{header, c.identity(), "X-Signature", signature}
}

// field is a shop, and a client of it that has every token that it may want.
type field struct {
	*shop
	client
	habit
	words *strings.Replacer
}

func (f *field) send(call string, headers ...string) reply {
	f.t.Helper()
	method, rest, _ := strings.Cut(f.words.Replace(call), " ")
	target, body, _ := strings.Cut(rest, " ")
	host := f.host
	if host == "" {
		host = "pay.example"
	}
	r := f.shop.send(method, target, body, append(headers, "Host", host)...)
	if r.status != http.StatusOK {
		f.t.Errorf("%s: %d %s", call, r.status, r.body)
	}
	return r
}

func (f *field) signs(call string) reply {
	f.t.Helper()
	_, rest, _ := strings.Cut(f.words.Replace(call), " ")
	target, body, _ := strings.Cut(rest, " ")
	return f.send(call, f.spelling.headers(f.t, f.client, target, body)...)
}

// TestCallsOfTheField makes the invoice calls of the clients that were recorded, each in its own spelling. What they get is
// held against the document, which has the types that the strict ones of them want.
func TestCallsOfTheField(t *testing.T) {
	for _, h := range habits() {
		t.Run(h.name, func(t *testing.T) {
			s := newShop(t, nil)
			c, owner := s.paired(7)
			f := &field{shop: s, client: c, habit: h}
			till := s.issue(storetest.Shop, auth.POS, "")
			f.words = strings.NewReplacer("MERCHANT", owner, "TILL", till, "SIN", string(c.sin(t)))
			f.lives()
		})
	}
}

func (f *field) lives() {
	t := f.t
	t.Helper()
	create := "POST /invoices" + f.slash + " " + f.order
	made := f.send
	if strings.Contains(f.order, "MERCHANT") {
		made = func(call string, _ ...string) reply { return f.signs(call) }
	}
	d, _ := made(create).json(t)["data"].(map[string]any)
	for name, want := range f.told {
		if diff := cmp.Diff(want, d[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	id, _ := d["id"].(string)
	own, _ := d["token"].(string)
	if id == "" || own == "" {
		t.Fatalf("no invoice: %v", d)
	}
	f.words = strings.NewReplacer("INVOICE", id, "OWN", own, "MERCHANT", f.words.Replace("MERCHANT"), "TILL", f.words.Replace("TILL"), "SIN", f.words.Replace("SIN"))
	for _, call := range f.plain {
		f.send(call)
	}
	for _, call := range f.signed {
		r := f.signs(call)
		if shown := strings.Contains(r.body, `"facade":"merchant/invoice"`) && !strings.HasPrefix(call, "POST"); shown && !strings.Contains(r.body, own) {
			t.Errorf("%s: the invoice's token is another one: %s", call, r.body)
		}
	}
	for _, call := range f.stale {
		f.send(call, f.spelling.headers(t, f.client, "/elsewhere", "")...)
	}
}

func habits() []habit {
	node5 := habit{
		spelling: spelling{high: true},
		order: `{"price":12.34,"currency":"USD","orderId":"ord & 1/é","posData":"{\"a\":\"b\"}","notificationURL":"https://shop.example/ipn",` +
			`"redirectURL":"https://shop.example/r","buyer":{"name":"Zoë","email":"z@shop.example","notify":false},"itemDesc":"d",` +
			`"transactionSpeed":"medium","fullNotifications":true,"extendedNotifications":true,"guid":"1795359130323","token":"MERCHANT"}`,
		told: map[string]any{"price": 12.34, "orderId": "ord & 1/é", "posData": `{"a":"b"}`, "guid": "1795359130323"},
		signed: []string{
			"GET /invoices/INVOICE?token=MERCHANT", "GET /invoices/guid/1795359130323?token=MERCHANT",
			"GET /invoices?dateStart=2019-01-01&dateEnd=2099-01-01&status=new&orderId=ord%20%26%201%2F%C3%A9&limit=5&offset=0&token=MERCHANT",
			"GET /invoices/INVOICE/events?token=MERCHANT", `PUT /invoices/INVOICE {"buyerEmail":"b@shop.example","token":"MERCHANT"}`,
			`POST /invoices/INVOICE/notifications {"token":"MERCHANT"}`, "DELETE /invoices/INVOICE?token=MERCHANT&forceCancel=true",
		},
		plain: []string{`POST /invoices {"price":5,"currency":"USD","token":"TILL","guid":"1795359130324"}`, "GET /invoices/INVOICE?token=TILL"},
		stale: []string{
			"GET /rates", "GET /rates/BTC", "GET /rates/BTC/USD", "GET /currencies", "GET /supportedwallets", "GET /invoices/INVOICE?token=TILL",
			`POST /invoices {"price":5,"currency":"USD","token":"TILL","guid":"1795359135310"}`,
		},
	}
	rest := habit{
		order: `{"price":10,"currency":"USD","orderId":"o'1 (x)!*","posData":"ünïcödé €","guid":"c6073eef-c186-9f99-87b1-da732722d82a","token":"MERCHANT"}`,
		told:  map[string]any{"price": 10.0, "orderId": "o'1 (x)!*", "posData": "ünïcödé €"},
		signed: []string{
			"GET /tokens", "GET /invoices/INVOICE/?token=OWN", "GET /invoices/INVOICE?token=MERCHANT",
			"GET /invoices?dateStart=2019-01-01&dateEnd=2030-01-01&orderId=o%271%20%28x%29%21%2A&limit=5&token=MERCHANT", "DELETE /invoices/INVOICE?token=MERCHANT",
		},
		plain: []string{"GET /rates", "GET /currencies", "GET /invoices/INVOICE", "GET /invoices/INVOICE/events", `POST /sessions {"guid":"1"}`},
	}
	list := append(nodes(node5, rest), phps()...)
	return append(append(list, pythons()...), others()...)
}

func nodes(node5, rest habit) []habit {
	node5.name = "bitpay-sdk 5 to 8"
	node1, node3, old := node5, node5, rest
	node1.name, node1.stale, node1.target = "bitpay-sdk 1 and 2", nil, bareMarks
	node1.order = `{"price":10,"currency":"USD","orderId":"o'1 (x)","posData":"p","notificationURL":"https://shop.example/ipn","buyer":{"name":"B"},` +
		`"guid":"44006933.97723119","token":"MERCHANT"}`
	node1.told = map[string]any{"orderId": "o'1 (x)", "guid": "44006933.97723119"}
	node1.plain = []string{"GET /currencies/", "GET /rates"}
	node1.signed = []string{
		"GET /invoices/INVOICE?token=MERCHANT", "GET /invoices?dateStart=2019-01-01&dateEnd=2030-01-01&limit=5&orderId=o%271%20%28x%29&token=MERCHANT",
		`POST /invoices/INVOICE/notifications {"token":"OWN"}`,
	}
	node3.name, node3.stale, node3.told = "bitpay-sdk 3 and 4", nil, map[string]any{"orderId": "ord 1:"}
	node3.order = strings.Replace(node1.order, "o'1 (x)", "ord 1:", 1)
	node3.target = strings.NewReplacer("+", "%20", ":", "%3A").Replace
	node3.signed = []string{"GET /invoices?token=MERCHANT&dateStart=2019-01-01&dateEnd=2030-01-01&limit=5&orderId=ord+1:"}
	rest.name, rest.base, rest.target = "bitpay-rest 0.3.2", "https://pay.example:443", bareMarks
	old.name, old.header, old.bytes, old.high = "bitpay 0.3.1", "X-Pubkey", hashJS, true
	old.base, old.target = rest.base, bareMarks
	old.order = strings.NewReplacer(`"guid"`, `"nonce":1795359109959,"guid"`, "(x)!*", "(x)!*+&ü").Replace(rest.order)
	old.told = map[string]any{"orderId": "o'1 (x)!*+&ü", "posData": "ünïcödé €"}
	old.signed = []string{
		"GET /tokens?nonce=1795359109913", "GET /invoices/INVOICE/?token=OWN&nonce=1795359110198",
		"GET /invoices?dateStart=2019-01-01&dateEnd=2030-01-01&orderId=o%271%20%28x%29%21%2A%2B%26%C3%BC&limit=5&nonce=1795359110770&token=MERCHANT",
		"DELETE /invoices/INVOICE?nonce=1795359111219&token=MERCHANT",
	}
	bitauth := habit{
		name: "bitauth 0.4.1", order: `{"token":"MERCHANT","price":2,"currency":"USD","posData":"☕️ ⓝ 🀤 kéyboard cät"}`,
		told: map[string]any{"posData": "☕️ ⓝ 🀤 kéyboard cät"}, signed: []string{"GET /tokens", "GET /invoices?token=MERCHANT"},
	}
	btcpay := habit{
		name: "btcpay 0.2.5", spelling: spelling{high: true, target: bareMarks},
		order: `{"price":20.5,"currency":"USD","orderId":"a'b c","itemDesc":"é","token":"MERCHANT"}`,
		told:  map[string]any{"price": 20.5, "itemDesc": "é"},
		signed: []string{
			"GET /invoices/INVOICE?token=MERCHANT", "GET /invoices?orderId=a%27b%20c&limit=5&token=MERCHANT",
			"GET /rates?currencyPairs=BTC_USD&storeID=store&token=MERCHANT",
		},
	}
	return []habit{node1, node3, node5, rest, old, bitauth, btcpay}
}

func phps() []habit {
	v1 := habit{
		name: "PHP v1, port named", spelling: spelling{base: "https://pay.example:443", high: true},
		order: `{"currency":"USD","price":"19.95","itemDesc":"You will receive an awesome item","orderID":"100000071","itemCode":"skuForMyItem","physical":false,` +
			`"posData":"{\"id\":\"71\"}","transactionSpeed":"medium","fullNotifications":true,"extendedNotifications":false,"notificationEmail":"shop@shop.example",` +
			`"notificationURL":"https:\/\/shop.example\/index.php?route=payment\/bitpay\/callback","redirectURL":null,"buyerName":"Zo\u00eb","buyerAddress1":"",` +
			`"buyerAddress2":"","buyerCity":null,"buyerState":"","buyerZip":"","buyerCountry":"","buyerEmail":"z@shop.example","buyerPhone":"","buyerNotify":false,` +
			`"guid":"5b7b4b5e-1a0b-4d7e-8f0a-6a1f0d5a8b11","nonce":17953591.0995,"token":"MERCHANT"}`,
		told:   map[string]any{"price": 19.95, "orderId": "100000071", "posData": `{"id":"71"}`, "exceptionStatus": false},
		signed: []string{"GET /tokens", "GET /invoices/INVOICE?token=MERCHANT"},
		plain:  []string{"GET /invoices/INVOICE", "GET /currencies"},
	}
	fork := v1
	fork.name, fork.base, fork.host = "BTCPay's PHP v1, port never named", "https://pay.example", "pay.example:8443"
	fork.order = strings.Replace(v1.order, `"redirectURL":null,`, "", 1)
	v2 := habit{
		name: "PHP v2", spelling: spelling{high: true, target: strings.NewReplacer("%20", "+").Replace},
		order: `{"currency":"USD","guid":"0f6c7d3a","token":"MERCHANT","price":10.0,"posData":"{\"a\":\"b\"}","notificationURL":"https:\/\/shop.example\/ipn",` +
			`"fullNotifications":true,"extendedNotifications":true,"orderId":"o 1","itemDesc":"\u00e9","redirectURL":"https:\/\/shop.example\/r",` +
			`"buyer":{"name":"Zo\u00eb","email":"z@shop.example","notify":true},"universalCodes":{"paymentString":null,"verificationLink":null}}`,
		told: map[string]any{"price": 10.0, "orderId": "o 1", "itemDesc": "é"},
		signed: []string{
			"GET /tokens", "GET /invoices/INVOICE?token=MERCHANT", "GET /invoices/guid/0f6c7d3a?token=MERCHANT",
			"GET /invoices?token=MERCHANT&dateStart=2019-01-01&dateEnd=2030-01-01&status=new&orderId=o%201&limit=5",
			`PUT /invoices/INVOICE {"token":"MERCHANT","buyerEmail":"n@shop.example","buyerSms":null,"smsCode":null,"autoVerify":false}`,
			`POST /invoices/INVOICE/notifications {"token":"OWN"}`, "DELETE /invoices/INVOICE?token=MERCHANT&forceCancel=1",
		},
		plain: []string{"GET /supportedWallets/", "GET /rates/BTC/USD", "GET /invoices/INVOICE?token=TILL"},
	}
	checkout := habit{
		name: "BitPay Checkout of WooCommerce, Magento, PrestaShop, WHMCS and Gravity Forms",
		order: `{"extension_version":"BitPay_Checkout_WooCommerce_4.1.0","price":19.989999999999998,"currency":"USD","buyer":{"name":"Zo\u00eb",` +
			`"email":"z@shop.example"},"orderId":"71","redirectURL":"https:\/\/shop.example\/checkout\/order-received\/71\/?key=wc_order_x&redirect=false",` +
			`"acceptanceWindow":1200000,"notificationURL":"https:\/\/shop.example\/wp-json\/bitpay\/ipn\/status","extendedNotifications":true,"token":"TILL"}`,
		told:  map[string]any{"price": 19.99, "orderId": "71", "status": "new"},
		plain: []string{"GET /invoices/INVOICE", "GET /invoices/INVOICE?token=TILL", `POST /invoices {"price":"5","currency":"USD","buyer":[],"token":"TILL"}`},
	}
	return []habit{v1, fork, v2, checkout}
}

func pythons() []habit {
	v6 := habit{
		name: "python-bitpay-client 4 to 6", spelling: spelling{high: true},
		order: `{"price": 10.0, "currency": "USD", "orderId": "o1", "itemDesc": "\u00e9", "notificationUrl": "https://shop.example/ipn", "redirectURL": "https://shop.example/r", ` +
			`"posData": "p", "transactionSpeed": "high", "fullNotifications": true, "extendedNotifications": true, "buyer": {"name": "Zo\u00eb", "email": "z@shop.example", ` +
			`"notify": true}, "guid": "9a1c", "token": "MERCHANT"}`,
		told: map[string]any{"price": 10.0, "notificationURL": "https://shop.example/ipn", "itemDesc": "é", "transactionSpeed": "high"},
		signed: []string{
			"GET /invoices/INVOICE?token=MERCHANT", "GET /invoices/guid/9a1c?token=MERCHANT", "GET /invoices/?token=MERCHANT&dateStart=2019-01-01&dateEnd=2030-01-01&orderId=o1&limit=5",
			"GET /invoices/INVOICE/events?token=MERCHANT", `PUT /invoices/INVOICE {"token": "MERCHANT", "buyerEmail": "n@shop.example"}`,
			`POST /invoices/INVOICE/notifications {"token": "OWN"}`, "DELETE /invoices/INVOICE?token=MERCHANT&forceCancel=True",
		},
		stale: []string{"GET /rates", "GET /rates/BTC/USD", "GET /currencies", "GET /supportedWallets/"},
	}
	v3 := v6
	v3.name = "python-bitpay-client 3"
	v3.order = `{"price": 10.0, "currency": "USD", "buyer": {"name": "B"}, "minerFees": {"btc": {"fiat_amount": 0}}, "refundInfo": {"amounts": {}}, ` +
		`"supportedTransactionCurrencies": {"btc": {"enabled": true, "reason": null}}, "notificationURL": "https://shop.example/ipn", "orderId": "o1", "token": "MERCHANT"}`
	v3.told = map[string]any{"supportedTransactionCurrencies": map[string]any{"BTC": map[string]any{"enabled": true}}}
	v3.signed = []string{
		"GET /invoices/INVOICE?token=MERCHANT", "GET /invoices/?token=MERCHANT&dateStart=2019-01-01&date_end=2030-01-01&order_id=o1&limit=5",
		`PUT /invoices/INVOICE {"token": "MERCHANT", "buyer_email": "n@shop.example"}`, "DELETE /invoices/INVOICE?token=MERCHANT&force_cancel=True",
	}
	v2 := habit{
		name: "bitpay-python 2", spelling: spelling{high: true}, order: `{"price": 5.23, "currency": "USD", "itemDesc": "d", "token": "MERCHANT"}`,
		told: map[string]any{"price": 5.23}, signed: []string{"GET /tokens", "GET /invoices/INVOICE?token=MERCHANT"}, plain: []string{"GET /invoices/INVOICE"},
	}
	btcpay := habit{
		name: "btcpay-python", spelling: spelling{high: true}, slash: "/",
		order: `{"price": 20.5, "currency": "USD", "orderId": "a b", "itemDesc": "\u00e9", "token": "MERCHANT"}`, told: map[string]any{"price": 20.5},
		signed: []string{"GET /invoices/INVOICE?token=MERCHANT", "GET /invoices?status=new&orderId=a+b&limit=5&token=MERCHANT", "GET /rates/?cryptoCode=BTC&token=MERCHANT"},
	}
	return []habit{v2, v3, v6, btcpay}
}

func others() []habit {
	return []habit{
		{
			name: "bitpay-go", order: `{"currency":"BTC","id":"SIN","price":"0.00023000","token":"MERCHANT"}`,
			told: map[string]any{"price": 0.00023, "exceptionStatus": false}, plain: []string{"GET /invoices/INVOICE"},
			signed: []string{"GET /tokens", `POST /invoices {"currency":"USD","id":"SIN","price":"10.00","token":"MERCHANT"}`},
		},
		{
			name: "ruby-client", spelling: spelling{high: true},
			order: `{"price":"5.23","currency":"USD","guid":"8c0f2d6e","orderId":"o1","posData":"p","id":"SIN","token":"MERCHANT"}`,
			told:  map[string]any{"price": 5.23, "guid": "8c0f2d6e"}, plain: []string{"GET /invoices/INVOICE"},
			signed: []string{"GET /tokens", "GET /invoices/INVOICE?token=MERCHANT", `POST /tokens {"token":"MERCHANT","facade":"pos","id":"SIN","guid":"8c0f2d6f"}`},
		},
		{
			name: "Java 2, empty token", order: `{"currency":"USD","guid":"12345678","price":1.0E1,"token":"MERCHANT"}`, told: map[string]any{"price": 10.0},
			signed: []string{"GET /tokens?id=SIN", "GET /invoices/INVOICE?token=MERCHANT"}, plain: []string{"GET /rates?token=", "GET /invoices/INVOICE?token="},
		},
		{
			name: "Java 10",
			order: `{"autoRedirect":null,"buyer":{"email":"z@shop.example","name":"Zoë"},"currency":"USD","extendedNotifications":true,"fullNotifications":true,"guid":"5f",` +
				`"itemDesc":"é","notificationURL":"https://shop.example/ipn","orderId":"o1","posData":"p","price":10.0,"redirectURL":"https://shop.example/r","token":"MERCHANT",` +
				`"transactionSpeed":"medium"}`,
			told: map[string]any{"autoRedirect": false},
			signed: []string{
				"GET /invoices/INVOICE?token=MERCHANT", "GET /invoices?token=MERCHANT&dateStart=2019-01-01&dateEnd=2030-01-01&status=new&orderId=o1&limit=5&offset=0",
				`PUT /invoices/INVOICE {"buyerEmail":"n@shop.example","token":"MERCHANT"}`, "GET /invoices/INVOICE/events?token=MERCHANT",
			},
			plain: []string{`POST /invoices/INVOICE/notifications {"token":"OWN"}`, "GET /supportedwallets", "GET /invoices/INVOICE?token=TILL"},
		},
		{
			name: "NBitpayClient", order: `{"currency":"USD","price":5.0,"buyer":{"city":"Town","state":"TS","zip":"01234","email":"z@shop.example"},"orderId":"o1","token":"MERCHANT"}`,
			told:   map[string]any{"buyerFields": map[string]any{"buyerCity": "Town", "buyerState": "TS", "buyerZip": "01234", "buyerEmail": "z@shop.example"}},
			signed: []string{"GET /tokens", "GET /invoices?token=MERCHANT&dateStart=01/01/2019&dateEnd=01/01/2030", "GET /rates"},
		},
	}
}

// TestWhatComesLaterIsRefusedInAWayThatClientsRead: whoever asks for what is not there gets an error, and neither a
// redirect nor a page.
func TestWhatComesLaterIsRefusedInAWayThatClientsRead(t *testing.T) {
	s := newShop(t, nil)
	c, owner := s.paired(7)
	for call := range strings.SplitSeq(`GET /bills,POST /bills,GET /bills/x,PUT /bills/x,PUT /bills/x/,POST /bills/x/deliveries,GET /ledgers,GET /ledgers/USD,`+
		`GET /payoutBatches,GET /payoutBatches/x,DELETE /payoutBatches/x,GET /payouts,POST /payouts,GET /payouts/x,DELETE /payouts/x,POST /payouts/x/notifications,`+
		`POST /payouts/group,DELETE /payouts/group/x,GET /recipients,POST /recipients,GET /recipients/x,PUT /recipients/x,DELETE /recipients/x,POST /recipients/x/notifications,`+
		`GET /refunds,POST /refunds,GET /refunds/,POST /refunds/,GET /refunds/x,PUT /refunds/x,DELETE /refunds/x,POST /refunds/x/notifications,GET /refunds/guid/x,`+
		`GET /settlements,GET /settlements/x,GET /settlements/x/reconciliationReport,GET /settlements/x/reconciliationreport,GET /subscriptions,POST /subscriptions,`+
		`PUT /subscriptions/x,POST /applications,GET /orgs,GET //BTC`, ",") {
		method, path, _ := strings.Cut(call, " ")
		body := ""
		if method == http.MethodPost || method == http.MethodPut {
			body = `{"token":"` + owner + `"}`
		} else {
			path += "?token=" + owner
		}
		r := s.signed(c, method, path, body)
		if r.refused(t, http.StatusNotFound); r.header.Get("Location") != "" {
			t.Errorf("%s leads to %s", call, r.header.Get("Location"))
		}
	}
}
