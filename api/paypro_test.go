package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/fault"
	"satchel/invoice"
	"satchel/paypro"
)

// One address, and what it is depends on what is asked for.
func TestOneAddressForEveryWallet(t *testing.T) {
	l := newTill(t, nil)
	l.get("Accept", "application/payment-request").signed(t, "application/payment-request; charset=utf-8",
		`{"network":"regtest","currency":"BTC","requiredFeeRate":1.5,"outputs":[{"amount":250000,"address":"bcrt1qexample"}]`)
	l.get("Accept", "application/payment-request", "Content-Type", "application/octet-stream").signed(t, jsonType, `"network":"regtest"`)
	l.get("Accept", "application/payment-options", v2, "2").signed(t, jsonType, `"paymentOptions":[{"chain":"BTC"`)
	l.get("Accept", "application/payment-request", v2, "2").signed(t, jsonType, `"instructions":[{"type":"transaction"`)
	l.put("application/payment-request", `{"chain":"BTC","currency":"BTC"}`, v2, "2").signed(t, jsonType, `"instructions":[{"type":"transaction"`)
	l.get("Accept", "application/payment-options", "Host", "localhost:9").signed(t, jsonType, `"paymentUrl":"http://localhost:8350/i/`+l.id+`"`)

	r := l.get("Accept", "application/bitcoin-paymentrequest")
	if r.status != 200 || r.header.Get("Content-Type") != "application/bitcoin-paymentrequest" || r.header.Get("Signature") != "" ||
		!strings.Contains(r.body, "https://pay.example/i/"+l.id) || !strings.Contains(r.body, string(payScript)) {
		t.Errorf("%d %v %q", r.status, r.header, r.body)
	}
	r = l.get("Accept", "text/uri-list")
	if r.status != 200 || r.body != "bitcoin:bcrt1qexample?amount=0.00250000&r=https://pay.example/i/"+l.id+"\r\n" {
		t.Errorf("%d %q", r.status, r.body)
	}
	for _, accept := range []string{"text/html,application/xhtml+xml,*/*;q=0.8", "*/*", "application/json"} {
		r = l.get("Accept", accept)
		if r.status != http.StatusFound || r.header.Get("Location") != "https://pay.example/invoice?id="+l.id || r.body != "" {
			t.Errorf("%d %v %q", r.status, r.header, r.body)
		}
	}
	if r := l.send(http.MethodHead, "/i/"+l.id, "", "Accept", "application/payment-options"); r.status != 200 || r.header.Get("Digest") == "" {
		t.Errorf("HEAD: %d %v", r.status, r.header)
	}
	if r := l.send(http.MethodOptions, "/i/"+l.id, ""); r.status != http.StatusNoContent {
		t.Errorf("OPTIONS: %d", r.status)
	}
	l.send(http.MethodPut, "/i/"+l.id, "{}").refused(t, http.StatusMethodNotAllowed)
}

// An invoice that is not there, or is no longer open, is told in BitPay's words; a browser still gets to the page.
func TestInvoicesThatCannotBePaid(t *testing.T) {
	l := newTill(t, nil)
	for _, id := range []string{"none", strings.Repeat("x", 40), "%00", "%3Cscript%3E"} {
		for _, headers := range [][]string{{"Accept", "application/payment-options"}, {"Accept", "text/html"}} {
			l.send(http.MethodGet, "/i/"+id, "", headers...).told(t, 404, "This invoice was not found or has been archived")
		}
		l.send(http.MethodPost, "/i/"+id, payV1(tx(t, 250_000, 1)), "Content-Type", "application/payment").
			told(t, 404, "This invoice was not found or has been archived")
	}
	ends := map[string]func(*invoice.Invoice){
		"paid":       func(inv *invoice.Invoice) { inv.State.Status = invoice.Paid },
		"expired":    func(inv *invoice.Invoice) { inv.State.Status = invoice.Expired },
		"time is up": func(inv *invoice.Invoice) { inv.State.Status, inv.Expires = invoice.New, l.now },
		"no address": func(inv *invoice.Invoice) { inv.Address.Text = "" },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			l := newTill(t, nil)
			l.edit(end)
			for _, accept := range []string{"application/payment-request", "application/payment-options", "application/bitcoin-paymentrequest", "text/uri-list"} {
				l.get("Accept", accept, v2, "2").told(t, 400, closed)
			}
			l.put("application/payment-request", `{"chain":"BTC"}`, v2, "2").told(t, 400, closed)
			l.put("application/payment", payV1(tx(t, 250_000, 1))).told(t, 400, closed)
			l.put("application/verify-payment", payV1(tx(t, 250_000, 1))).told(t, 400, closed)
			l.put("application/payment", `garbage`).told(t, 400, closed)
			if r := l.get("Accept", "text/html"); r.status != http.StatusFound {
				t.Errorf("a browser is answered with %d", r.status)
			}
			if l.bank.payments() != 0 || l.bank.verified != 0 {
				t.Error("it reached the node")
			}
		})
	}
}

// What cannot be right does not reach the node.
func TestPaymentsThatAreRefused(t *testing.T) {
	l := newTill(t, nil)
	const unreadable = "We were unable to parse your payment. Please try again or contact your wallet provider"
	right := tx(t, 250_000, 1)
	for _, c := range []struct{ kind, body, text string }{
		{"application/json", payV1(right), "Unsupported Content-Type for payment"},
		{"text/plain", payV1(right), "Unsupported Content-Type for payment"},
		{"application/payment-request", `{"chain":"BTC"}`, "Unsupported Content-Type for payment"}, // of version 1
		{"application/payment", "", unreadable},
		{"application/payment", "nonsense", unreadable},
		{"application/bitcoin-payment", "", unreadable},
		{"application/payment", `{"transactions":["` + right + `","` + right + `"]}`, "Request must include exactly one (1) transaction"},
		{"application/payment", payV1("xyz"), "Your transaction was an in an invalid format, it must be a hexadecimal string"},
		{"application/payment", payV1(right[:60]), "We were unable to parse the transaction you sent. Please try again or contact your wallet provider"},
		{"application/payment", payV1(tx(t, 250_001, 1)), "The amount on the transaction (0.00250001 BTC) does not match the amount requested (0.00250000 BTC). This payment will not be accepted."},
		{"application/verify-payment", payV1(tx(t, 249_999, 1)), "The amount on the transaction (0.00249999 BTC) does not match the amount requested (0.00250000 BTC). This payment will not be accepted."},
		{"application/payment", payV1(strings.ReplaceAll(right, hex.EncodeToString(payScript), hex.EncodeToString(make([]byte, 22)))), "The transaction you sent does not have any output to the bitcoin address on the invoice"},
		{"application/payment", `{"currency":"BCH","transactions":["` + right + `"]}`, "This invoice is priced in BTC, not BCH. Please try with a BTC wallet instead"},
	} {
		l.put(c.kind, c.body).told(t, 400, c.text)
	}
	l.put("application/payment", payV1(right), "Content-Encoding", "gzip").told(t, 400, "Unsupported Content-Type for payment")
	l.put("application/payment", strings.Repeat(" ", maxPayment+1)).told(t, 413, "The body is larger than 1048576 bytes")
	if l.bank.payments() != 0 || l.bank.verified != 0 {
		t.Error("it reached the node")
	}
}

// Wallets verify, pay, and are told; also in pieces without a length, as BitPay's own client sends.
func TestAPaymentIsVerifiedAndTaken(t *testing.T) {
	for name, c := range map[string]struct {
		verify, pay string
		wrap        func(string) string
		version     string
	}{
		"version 1": {"application/verify-payment", "application/payment", payV1, "1"},
		"version 2": {"application/payment-verification", "application/payment", payV2, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newTill(t, nil)
			right := tx(t, 250_000, 1)
			l.bank.verify = func(tx paypro.Tx, vsize int64) error {
				if vsize != tx.VSize() || tx.Out() != 259_000 {
					return errors.New("another transaction")
				}
				return nil
			}
			l.put(c.verify, c.wrap(right), v2, c.version).signed(t, jsonType, `"memo":"Payment appears valid"`)
			if l.bank.payments() != 0 {
				t.Fatal("what was only to be looked at was sent")
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.url+"/i/"+l.id, io.MultiReader(strings.NewReader(c.wrap(right))))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", c.pay)
			req.Header.Set(v2, c.version)
			first := l.do(req)
			first.signed(t, jsonType, `"memo":"Transaction received. Invoice will be marked as paid if the transaction is confirmed."`)
			if l.made[invoice.ID(l.id)].State.Status != invoice.Paid {
				t.Error("the answer came before the payment was counted")
			}
			// The answer may have been lost: the same again is answered so again, and sent to nobody.
			if again := l.put(c.pay, c.wrap(right), v2, c.version); again.body != first.body || again.status != 200 {
				t.Errorf("again: %d %s", again.status, again.body)
			}
			l.put(c.verify, c.wrap(right), v2, c.version).signed(t, jsonType, "valid")
			l.put(c.pay, c.wrap(tx(t, 250_000, 2)), v2, c.version).told(t, 400, closed)
			if n := l.bank.payments(); n != 1 {
				t.Errorf("%d payments were sent", n)
			}
		})
	}
}

func TestAPaymentByBIP70(t *testing.T) {
	l := newTill(t, nil)
	raw, err := hex.DecodeString(tx(t, 250_000, 1))
	if err != nil {
		t.Fatal(err)
	}
	payment := string(append([]byte{0x12, byte(len(raw))}, raw...))
	r := l.put("application/bitcoin-verify-payment", "\x0a"+payment[1:]+"\x10\x60")
	if r.status != 200 || r.body != "Payment appears valid" || l.bank.verified != 1 {
		t.Errorf("%d %s", r.status, r.body)
	}
	r = l.put("application/bitcoin-payment", payment)
	if r.status != 200 || r.header.Get("Content-Type") != "application/bitcoin-paymentack" || !strings.Contains(r.body, payment) || l.bank.payments() != 1 {
		t.Errorf("%d %v %q", r.status, r.header, r.body)
	}
	// The answer may have been lost.
	if again := l.put("application/bitcoin-payment", payment); again.status != 200 || again.body != r.body || l.bank.payments() != 1 {
		t.Errorf("again: %d %q, %d payments were sent", again.status, again.body, l.bank.payments())
	}
}

// What is missing is asked for, not the whole price.
func TestTheRestOfAPayment(t *testing.T) {
	l := newTill(t, nil)
	l.receive(paypro.TxID{9}, 100_000)
	l.get("Accept", "application/payment-options", v2, "2").signed(t, jsonType, `"estimatedAmount":150000`)
	l.put("application/payment", payV1(tx(t, 250_000, 1))).told(t, 400,
		"The amount on the transaction (0.00250000 BTC) does not match the amount requested (0.00150000 BTC). This payment will not be accepted.")
	l.put("application/payment", payV1(tx(t, 150_000, 1))).signed(t, jsonType, "received")
}

// The node's reasons reach the wallet in its words, and ours do not.
func TestWhatTheNodeSaysOfAPayment(t *testing.T) {
	secretive := errors.New("cookie 1234")
	for name, c := range map[string]struct {
		err    error
		status int
		text   string
		retry  string
	}{
		"no coins":    {paypro.ErrNoInput(), 422, "One or more input transactions for your transaction were not found on the blockchain. Make sure you're not trying to use unconfirmed change", ""},
		"young coins": {paypro.ErrUnconfirmed(), 422, "One or more input transactions for your transactions are not yet confirmed in at least one block. Make sure you're not trying to use unconfirmed change", ""},
		"refused":     {paypro.ErrBroadcast().Because(secretive), 500, "Error broadcasting payment to network", ""},
		"away":        {fault.New(fault.Unavailable, "The bitcoin node is not available. Try again shortly").Because(secretive), 503, "The bitcoin node is not available. Try again shortly", "5"},
		"ours":        {secretive, 500, "Something failed here. Please try again", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := newTill(t, nil)
			l.bank.pay = func(paypro.Tx) error { return c.err }
			l.bank.verify = func(paypro.Tx, int64) error { return c.err }
			for _, kind := range []string{"application/payment", "application/verify-payment"} {
				r := l.put(kind, payV1(tx(t, 250_000, 1)))
				r.told(t, c.status, c.text)
				if r.header.Get("Retry-After") != c.retry {
					t.Errorf("Retry-After: %s", r.header.Get("Retry-After"))
				}
			}
			if level := strings.Contains(l.logs.String(), "level=ERROR"); level != (name == "ours") {
				t.Errorf("the log:\n%s", l.logs)
			}
		})
	}
}

// Of two wallets that pay an invoice at once, one is told before its coins are gone.
func TestTwoWalletsAtOnce(t *testing.T) {
	l := newTill(t, nil)
	pay, entered, release := l.bank.pay, make(chan struct{}, 2), make(chan struct{})
	l.bank.pay = func(tx paypro.Tx) error {
		entered <- struct{}{}
		<-release
		return pay(tx)
	}
	answers := make(chan reply, 2)
	for n := range uint32(2) {
		body := payV1(tx(t, 250_000, n))
		go func() { answers <- l.put("application/payment", body) }()
	}
	<-entered
	select {
	case <-entered:
		t.Error("both are at the node")
	case <-time.After(300 * time.Millisecond): // long enough for whoever is not held up
	}
	close(release)
	one, two := <-answers, <-answers
	if one.status+two.status != 600 || l.bank.payments() != 1 {
		t.Errorf("%d and %d, %d payments", one.status, two.status, l.bank.payments())
	}
}

// lagging is a store that the tracker writes to only after somebody has looked in vain.
type lagging struct {
	*fake
	mu   sync.Mutex
	then func()
}

func (s *lagging) PublicInvoice(ctx context.Context, id invoice.ID) (invoice.Public, error) {
	pub, err := s.fake.PublicInvoice(ctx, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.then != nil {
		s.then()
		s.then = nil
	}
	return pub, err
}

// Who looks after the answer sees the payment, also when it takes a moment to be counted.
func TestTheAnswerWaitsUntilThePaymentIsCounted(t *testing.T) {
	store := &lagging{}
	l := newTill(t, func(c *Config) {
		store.fake, _ = c.Store.(*fake)
		c.Store = store
	})
	l.bank.pay = func(tx paypro.Tx) error {
		store.mu.Lock()
		defer store.mu.Unlock()
		store.then = func() { l.receive(tx.ID, 250_000) }
		return nil
	}
	l.put("application/payment", payV1(tx(t, 250_000, 1))).signed(t, jsonType, "received")
	if l.made[invoice.ID(l.id)].State.Status != invoice.Paid {
		t.Error("it did not wait")
	}
}

// The answer to a payment may have been lost, and the invoice closed before the payment was counted: whoever hands it in again
// must not hear that it is refused, for he would pay once more.
func TestAPaymentThatTheNetworkHasIsNotRefused(t *testing.T) {
	l := newTill(t, nil)
	sent, elsewhere := tx(t, 250_000, 1), transaction(t, 250_000, 1, []byte{0x51})
	var asked int
	away := fault.New(fault.Unavailable, "The bitcoin node is not available. Try again shortly")
	l.bank.has = func(tx paypro.Tx) (bool, error) {
		if asked++; asked == 4 {
			return false, away
		}
		return hex.EncodeToString(tx.Raw) == sent, nil
	}
	l.edit(func(inv *invoice.Invoice) { inv.State.Status = invoice.Expired })
	l.put("application/payment", payV1(sent)).signed(t, jsonType, "received")
	l.put("application/payment", payV2(sent), v2, "2").signed(t, jsonType, "received")
	l.put("application/payment", payV1(tx(t, 250_000, 2))).told(t, 400, closed)
	l.put("application/payment", payV1(sent)).told(t, 503, "The bitcoin node is not available. Try again shortly")
	l.put("application/payment", payV1(elsewhere)).told(t, 400, closed)
	l.put("application/verify-payment", payV1(sent)).told(t, 400, closed)
	if asked != 4 || l.bank.payments() != 0 {
		t.Errorf("the node was asked %d times, and %d payments were sent", asked, l.bank.payments())
	}
}

func TestTheSigningKey(t *testing.T) {
	l := newTill(t, nil)
	for _, path := range []string{"/signingKeys/paymentProtocol.json", "/signingkeys/paymentprotocol.json"} {
		doc := l.send(http.MethodGet, path, "").json(t)
		keys, _ := doc["publicKeys"].([]any)
		hosts, _ := doc["validDomains"].([]any)
		if len(keys) != 1 || keys[0] != signingKey(t).PublicKey() || len(hosts) != 2 || hosts[0] != "localhost" || hosts[1] != "pay.example" ||
			doc["owner"] != "The Shop" || doc["expirationDate"] != "2021-01-01T00:00:00.000Z" {
			t.Errorf("%v", doc)
		}
	}
}

// Strangers get their share and no more, as at every door.
func TestWalletsAreLimited(t *testing.T) {
	l := newTill(t, func(c *Config) { c.Limits = Limits{PerSecond: 1, Burst: 3} })
	w := &lastAnswer{}
	for range 4 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/i/"+l.id, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.RemoteAddr = "192.0.2.1:1000"
		w = &lastAnswer{header: http.Header{}}
		l.api.Handler().ServeHTTP(w, req)
	}
	if w.status != 429 || w.header.Get("Retry-After") == "" || w.body.String() != "Too many requests" {
		t.Errorf("%d %v %s", w.status, w.header, w.body.String())
	}
}

type lastAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *lastAnswer) Header() http.Header         { return w.header }
func (w *lastAnswer) WriteHeader(status int)      { w.status = status }
func (w *lastAnswer) Write(b []byte) (int, error) { return w.body.Write(b) }
