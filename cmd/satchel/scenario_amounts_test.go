package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"
	btcwire "github.com/btcsuite/btcd/wire"

	"satchel/chain"
	"satchel/cmd/satchel/internal/keys/keystest"
)

// What an invoice in medium speed tells on its usual way.
const (
	eventsPaid      = "created receivedPayment paidInFull"
	eventsConfirmed = eventsPaid + " confirmed"
	eventsComplete  = eventsConfirmed + " completed"
	plainComplete   = "paid confirmed complete"
)

// Group A: the happy path and amounts, on the real daemon and a real node.
func TestScenariosOfGroupA(t *testing.T) {
	t.Parallel()
	c := newScene(t)
	c.scenario("01 exact payment", c.exactPayment)
	c.scenario("02 two parts", c.twoParts)
	c.scenario("03 over by one bitcoin", c.overByOne)
	c.scenario("04 paid twice", c.paidTwice)
	c.scenario("05 tolerance in percent", c.tolerancePercent)
	c.scenario("06 tolerance in satoshis", c.toleranceSats)
	c.scenario("07 tolerance of all and of nothing", c.toleranceExtremes)
	c.scenario("08 more decimals than there are", c.decimals)
	c.scenario("09 the due sum is rounded up", c.roundedUp)
	c.scenario("10 negative and endless prices", c.badPrices)
	c.scenario("11 dust uses no address", c.dustPrice)
	c.scenario("12 an open price", c.openPrice)
	c.scenario("13 a price of zero", c.zeroPrice)
	c.scenario("14 two outputs to one invoice", c.twoOutputs)
	c.scenario("15 one transaction for two invoices", c.twoInvoices)
	c.scenario("16 paid from the merchant's own wallet", c.ownWallet)
	c.scenario("17 texts come back as they went in", c.texts)
	c.scenario("18 nothing on top of the price", c.noFees)
	c.balanced()
	c.checkStory()
}

func (c *scene) exactPayment() {
	inv := c.invoice("50000", "USD", "medium", nil)
	if inv.Due != "1.00000000" {
		c.t.Fatalf("due %s", inv.Due)
	}
	c.transfer(inv.Address, 1e8)
	doc := c.comesTo(inv.ID, outcome{status: "paid", plain: "paid", events: eventsPaid, why: "awaiting_confirmations"})
	if doc["btcDue"] != "0.00000000" || doc["amountPaid"] != json.Number("100000000") || len(doc["transactions"].([]any)) != 1 {
		c.t.Errorf("paid: %v", doc)
	}
	c.mine(1)
	c.comesTo(inv.ID, outcome{status: "confirmed", plain: "paid confirmed", events: eventsConfirmed, why: "enough_confirmations"})
	c.mine(5)
	doc = c.comesTo(inv.ID, outcome{status: "complete", plain: plainComplete, events: eventsComplete, why: "enough_confirmations"})
	if tx := doc["transactions"].([]any)[0].(map[string]any); tx["confirmations"] != json.Number("6") || tx["amount"] != json.Number("100000000") {
		c.t.Errorf("complete: %v", tx)
	}
}

func (c *scene) twoParts() {
	inv := c.order(nil)
	c.transfer(inv.Address, 4_000_000)
	doc := c.comesTo(inv.ID, outcome{status: "new", exception: "paidPartial", events: "created receivedPayment", why: "awaiting_rest"})
	if doc["btcDue"] != "0.06000000" || doc["bitcoinAddress"] != inv.Address || doc["underpaidAmount"] != json.Number("0.06") {
		c.t.Errorf("after a part: %v", doc)
	}
	c.transfer(inv.Address, 6_000_000)
	events := "created receivedPayment receivedPayment paidInFull"
	doc = c.comesTo(inv.ID, outcome{status: "paid", plain: "paid", events: events, why: "awaiting_confirmations"})
	if doc["amountPaid"] != json.Number("10000000") || doc["btcDue"] != "0.00000000" {
		c.t.Errorf("after both: %v", doc)
	}
	c.mine(1)
	doc = c.comesTo(inv.ID, outcome{status: "confirmed", plain: "paid confirmed", events: events + " confirmed", why: "enough_confirmations"})
	for _, tx := range doc["transactions"].([]any) {
		if tx.(map[string]any)["confirmations"] != json.Number("1") {
			c.t.Errorf("a part: %v", tx)
		}
	}
}

func (c *scene) overByOne() {
	inv := c.order(nil)
	c.transfer(inv.Address, 110_000_000)
	doc := c.becomes(inv.ID, "paid", "paidOver")
	if doc["btcDue"] != "0.00000000" || doc["overpaidAmount"] != json.Number("1") {
		c.t.Errorf("paid: %v", doc)
	}
	c.mine(6)
	c.comesTo(inv.ID, outcome{
		status: "complete", exception: "paidOver", plain: plainComplete, events: eventsComplete, why: "enough_confirmations",
	})
	bodies := c.receiver.of(inv.ID)
	if last := bodies[len(bodies)-1]; last["exceptionStatus"] != "paidOver" || last["overpaidAmount"] != json.Number("1") {
		c.t.Errorf("the last callback says %v", last)
	}
}

func (c *scene) paidTwice() {
	inv := c.order(nil)
	c.transfer(inv.Address, 10_000_000)
	c.becomes(inv.ID, "paid", false) // one look at both would tell of one receipt
	second := c.transfer(inv.Address, 10_000_000)
	doc := c.comesTo(inv.ID, outcome{
		status: "paid", exception: "paidOver", plain: "paid", events: eventsPaid + " receivedPayment", why: "awaiting_confirmations", needs: "over",
	})
	if doc["amountPaid"] != json.Number("20000000") || doc["overpaidAmount"] != json.Number("0.1") {
		c.t.Errorf("paid: %v", doc)
	}
	for _, p := range c.shown(inv.ID).Payments {
		if over := strings.HasPrefix(p.Outpoint, second.String()); over && (p.Disposition != "over" || p.Sats != 10_000_000 || p.Value != "5000.00 USD") {
			c.t.Errorf("what is to be given back: %+v", p)
		}
	}
}

func (c *scene) tolerancePercent() {
	tpub, _ := keystest.Account(c.t, 21)
	half := c.merchant("Half", "wpkh("+tpub+"/0/*)", "--tolerance", "50%")
	for _, k := range []struct {
		sats              int64
		status, exception string
	}{{7_500_000, "paid", ""}, {5_000_000, "paid", ""}, {4_999_999, "new", "paidPartial"}, {15_000_000, "paid", ""}, {15_000_001, "paid", "paidOver"}} {
		inv := half.order(nil)
		c.transfer(inv.Address, k.sats)
		want := outcome{status: "paid", exception: k.exception, plain: "paid", events: eventsPaid, why: "awaiting_confirmations"}
		if k.status == "new" {
			want = outcome{status: "new", exception: k.exception, events: "created receivedPayment", why: "awaiting_rest"}
		}
		half.comesTo(inv.ID, want)
	}
}

func (c *scene) toleranceSats() {
	tpub, _ := keystest.Account(c.t, 22)
	little := c.merchant("Little", "wpkh("+tpub+"/0/*)")
	c.run(nil, "merchant", "set", "Little", "invoice.tolerance=1000 sat")
	inv := little.order(nil)
	c.transfer(inv.Address, 10_000_000-1001)
	little.comesTo(inv.ID, outcome{status: "new", exception: "paidPartial", events: "created receivedPayment", why: "awaiting_rest"})
	inv = little.order(nil)
	c.transfer(inv.Address, 10_000_000-1000)
	little.comesTo(inv.ID, outcome{status: "paid", plain: "paid", events: eventsPaid, why: "awaiting_confirmations"})
}

func (c *scene) toleranceExtremes() {
	if text := c.refused(exitRefused, "merchant", "set", "Little", "invoice.tolerance=100%"); !strings.Contains(text, "a single satoshi would pay any invoice") {
		c.t.Errorf("a tolerance of all: %s", text)
	}
	inv := c.order(nil) // the first merchant has none
	c.transfer(inv.Address, 10_000_000-1)
	c.comesTo(inv.ID, outcome{status: "new", exception: "paidPartial", events: "created receivedPayment", why: "awaiting_rest"})
	c.mine(1)
}

func (c *scene) decimals() {
	for _, price := range []string{"1.000000019", "50.513"} {
		if text := c.refusal(http.StatusBadRequest, map[string]any{"price": json.Number(price)}); !strings.Contains(text, "price") {
			c.t.Errorf("%s USD: %q", price, text)
		}
	}
	c.refusal(http.StatusBadRequest, map[string]any{"price": json.Number("1.000000019"), "currency": "BTC"})
	for price, due := range map[string]string{"1.00000002": "1.00000002", "1.000000020": "1.00000002"} {
		if inv := c.invoice(price, "BTC", "medium", nil); inv.Due != due {
			c.t.Errorf("%s BTC are %s", price, inv.Due)
		}
	}
	// taxIncluded says how much of the price is tax; it changes nothing of what is due.
	if inv := c.invoice("10.50", "USD", "medium", map[string]any{"taxIncluded": json.Number("99")}); inv.Due != "0.00021000" {
		c.t.Errorf("10.50 USD are %s", inv.Due)
	}
}

func (c *scene) roundedUp() {
	inv := c.invoice("1", "EUR", "medium", nil) // 2222.2 sat at 45000
	if inv.Due != "0.00002223" {
		c.t.Fatalf("1 EUR is %s BTC", inv.Due)
	}
	c.transfer(inv.Address, 2223)
	c.comesTo(inv.ID, outcome{status: "paid", plain: "paid", events: eventsPaid, why: "awaiting_confirmations"})
	inv = c.invoice("1", "EUR", "medium", nil)
	c.transfer(inv.Address, 2222)
	c.becomes(inv.ID, "new", "paidPartial")
}

func (c *scene) badPrices() {
	before := c.issued()
	for _, price := range []string{"-1", "-0.01", "1e300", "999999999999999999999999", "1050000000001"} {
		if text := c.refusal(http.StatusBadRequest, map[string]any{"price": json.Number(price)}); !strings.Contains(text, "price") {
			c.t.Errorf("%s USD: %q", price, text)
		}
	}
	c.refusal(http.StatusBadRequest, map[string]any{"price": json.Number("21000001"), "currency": "BTC"})
	if after := c.issued(); after != before {
		c.t.Errorf("%d addresses were used", after-before)
	}
}

func (c *scene) dustPrice() {
	before := c.issued()
	if text := c.refusal(http.StatusBadRequest, map[string]any{"price": json.Number("0.27")}); !strings.Contains(text, "below the dust limit") {
		c.t.Errorf("540 sat: %q", text)
	}
	if after := c.issued(); after != before {
		c.t.Errorf("%d addresses were used", after-before)
	}
	if inv := c.invoice("0.28", "USD", "medium", nil); inv.Due != "0.00000560" {
		c.t.Errorf("0.28 USD are %s", inv.Due)
	}
}

func (c *scene) openPrice() {
	made := c.ask()
	c.transfer(made.Address, 3_000_000)
	doc := c.comesTo(made.ID, outcome{status: "paid", plain: "paid", events: eventsPaid, why: "awaiting_confirmations"})
	if doc["price"] != json.Number("1500") || doc["btcPrice"] != "0.03000000" || doc["btcDue"] != "0.00000000" {
		c.t.Errorf("the first payment fixes the price: %v", doc)
	}
	c.transfer(made.Address, 1_000_000)
	doc = c.comesTo(made.ID, outcome{
		status: "paid", exception: "paidOver", plain: "paid", events: eventsPaid + " receivedPayment", why: "awaiting_confirmations", needs: "over",
	})
	if doc["price"] != json.Number("1500") {
		c.t.Errorf("the second payment changed the price: %v", doc["price"])
	}
}

func (c *scene) zeroPrice() {
	before := c.issued()
	status, answer := c.post("/invoices", map[string]any{"token": c.token, "price": json.Number("0"), "currency": "USD", "fullNotifications": true})
	if status != http.StatusOK {
		c.t.Fatalf("a price of zero: %d %v", status, answer)
	}
	id := answer["data"].(map[string]any)["id"].(string)
	doc := c.comesTo(id, outcome{status: "complete", plain: "complete", events: "created completed", why: "zero_price"})
	if address, ok := doc["bitcoinAddress"]; ok || c.issued() != before {
		c.t.Errorf("an invoice of nothing has the address %v", address)
	}
}

// bytesOf writes a transaction.
func bytesOf(t *testing.T, tx *btcwire.MsgTx) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tx.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// scriptOf is the output script of an address on regtest.
func scriptOf(t *testing.T, address string) []byte {
	t.Helper()
	a, err := btcutil.DecodeAddress(address, &chaincfg.RegressionNetParams)
	if err != nil {
		t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(a)
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// funded lets the payer's wallet add inputs and change to a transaction, and sign it.
func (c *scene) funded(tx *btcwire.MsgTx) []byte {
	c.t.Helper()
	var base bytes.Buffer
	c.must(tx.SerializeNoWitness(&base)) // with no inputs, the usual form reads as one with witnesses
	var f struct {
		Hex string `json:"hex"`
	}
	c.walletCall(&f, "fundrawtransaction", hex.EncodeToString(base.Bytes()), map[string]any{}, false)
	return c.sign(f.Hex)
}

func (c *scene) twoOutputs() {
	inv := c.order(nil)
	tx := btcwire.NewMsgTx(2)
	tx.AddTxOut(btcwire.NewTxOut(4_000_000, scriptOf(c.t, inv.Address)))
	tx.AddTxOut(btcwire.NewTxOut(6_000_000, scriptOf(c.t, inv.Address)))
	txid := c.sendRaw(c.funded(tx))
	doc := c.comesTo(inv.ID, outcome{status: "paid", plain: "paid", events: eventsPaid, why: "awaiting_confirmations"})
	list := doc["transactions"].([]any)
	if doc["amountPaid"] != json.Number("10000000") || len(list) != 2 || list[0].(map[string]any)["txid"] != txid.String() || list[1].(map[string]any)["txid"] != txid.String() {
		c.t.Errorf("two outputs: %v", doc)
	}
	c.mine(1)
	c.comesTo(inv.ID, outcome{status: "confirmed", plain: "paid confirmed", events: eventsConfirmed, why: "enough_confirmations"})
}

func (c *scene) twoInvoices() {
	a, b := c.order(nil), c.order(nil)
	_, err := c.node.PayMany(c.t.Context(), map[string]int64{a.Address: 10_000_000, b.Address: 10_000_000})
	c.must(err)
	for _, inv := range []order{a, b} {
		doc := c.comesTo(inv.ID, outcome{status: "paid", plain: "paid", events: eventsPaid, why: "awaiting_confirmations"})
		if doc["amountPaid"] != json.Number("10000000") || len(doc["transactions"].([]any)) != 1 {
			c.t.Errorf("one of two: %v", doc)
		}
	}
}

// vault is a second wallet of the node, whose addresses a merchant gives out.
type vault struct {
	c    *scene
	node *chain.Node
	key  string // its receiving descriptor
}

func (c *scene) vault(name string) *vault {
	c.t.Helper()
	_, err := c.node.Call(c.t.Context(), "createwallet", name)
	c.must(err)
	node, err := chain.NewNode(chain.NodeConfig{URL: c.node.URL() + "/wallet/" + name, CookieFile: c.node.CookieFile(), Network: "regtest"})
	c.must(err)
	c.t.Cleanup(node.Close)
	v := &vault{c: c, node: node}
	var list struct {
		Descriptors []struct {
			Text     string `json:"desc"`
			Internal bool   `json:"internal"`
		} `json:"descriptors"`
	}
	v.call(&list, "listdescriptors")
	for _, d := range list.Descriptors {
		if strings.HasPrefix(d.Text, "wpkh(") && !d.Internal {
			v.key = d.Text
		}
	}
	v.call(nil, "keypoolrefill", 50)
	return v
}

func (v *vault) call(into any, method string, params ...any) {
	v.c.t.Helper()
	raw, err := v.node.Call(v.c.t.Context(), method, params...)
	v.c.must(err)
	if into != nil {
		v.c.must(json.Unmarshal(raw, into))
	}
}

func (c *scene) ownWallet() {
	own := c.vault("merchant")
	m := c.merchant("Own wallet", own.key)
	first := m.order(nil)
	c.transfer(first.Address, 30_000_000)
	m.becomes(first.ID, "paid", "paidOver")
	c.mine(1)
	inv := m.order(nil)
	own.call(nil, "sendtoaddress", inv.Address, json.Number("0.1"))
	doc := m.comesTo(inv.ID, outcome{status: "paid", plain: "paid", events: eventsPaid, why: "awaiting_confirmations"})
	if doc["amountPaid"] != json.Number("10000000") {
		c.t.Errorf("paid to himself: %v", doc)
	}
	c.mine(1)
	m.comesTo(inv.ID, outcome{status: "confirmed", plain: "paid confirmed", events: eventsConfirmed, why: "enough_confirmations"})
}

func (c *scene) texts() {
	for _, text := range []string{"000000161", `{"$ref":"#/definitions/x","n":1e2}`, "null", "0x1F", `"quoted" \u0000`} {
		inv := c.order(map[string]any{"posData": text, "orderId": text})
		c.transfer(inv.Address, 10_000_000)
		doc := c.becomes(inv.ID, "paid", false)
		c.told(inv.ID, "paid")
		body := c.receiver.of(inv.ID)[0]
		for _, got := range []any{doc["posData"], doc["orderId"], body["posData"], body["orderId"]} {
			if got != text {
				c.t.Errorf("%q came back as %v", text, got)
			}
		}
	}
	c.mine(1)
}

func (c *scene) noFees() {
	inv := c.order(nil)
	c.transfer(inv.Address, 4_000_000)
	doc := c.becomes(inv.ID, "new", "paidPartial")
	due := json.Number("10000000")
	for _, member := range []string{"paymentTotals", "paymentSubtotals"} {
		if got := doc[member].(map[string]any)["BTC"]; got != due {
			c.t.Errorf("%s: %v", member, got)
		}
	}
	fees := doc["minerFees"].(map[string]any)["BTC"].(map[string]any)
	if fees["totalFee"] != json.Number("0") || doc["buyerPaidBtcMinerFee"] != "0.00000000" || doc["btcDue"] != "0.06000000" {
		c.t.Errorf("fees %v, due %v", fees, doc["btcDue"])
	}
	c.transfer(inv.Address, 6_000_000)
	c.becomes(inv.ID, "paid", false)
}

// of gives the bodies of an invoice's callbacks, in order of arrival.
func (r *receiver) of(id string) []map[string]any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]map[string]any(nil), r.bodies[id]...)
}
