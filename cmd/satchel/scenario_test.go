package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/admin"
	"satchel/chain"
	"satchel/merchant"
	"satchel/money"
)

// scene is a shop on which numbered scenarios are played, one after the other: each on the daemon, the node and the time
// that the one before has left.
type scene struct {
	*causes
	about  admin.Of // whose invoices; nobody's: the first merchant's
	socket *admin.Client
}

func newScene(t *testing.T, edit ...[2]string) *scene {
	t.Helper()
	s := newShop(t, edit...)
	return &scene{causes: &causes{shop: s, reached: map[string]string{}}, socket: admin.NewClient(filepath.Join(s.dir, "data", "admin.sock"))}
}

// scenario plays one scenario under its number.
func (c *scene) scenario(name string, play func()) {
	c.t.Helper()
	whole := c.t
	whole.Run(name, func(t *testing.T) {
		c.t = t
		defer func() { c.t = whole }()
		play()
	})
}

// merchant adds a merchant with settings of its own, who is told at an endpoint of its own.
func (c *scene) merchant(name string, account string, flags ...string) *scene {
	c.t.Helper()
	s := *c.shop
	s.receiver = newReceiver(c.t)
	var doc admin.NewMerchant
	s.run(&doc, append([]string{
		"merchant", "add", "--name", name, "--key", account, "--notification-url", s.receiver.url, "--yes",
	}, flags...)...)
	s.secret, s.receiver.secret = doc.Secret, merchant.Secret(doc.Secret)
	var token admin.Token
	s.run(&token, "token", "create", "--facade", "pos", "--bearer", "--merchant", name)
	s.token = token.Token
	return &scene{causes: &causes{shop: &s, reached: map[string]string{}}, about: admin.Of{Merchant: name}, socket: c.socket}
}

// outcome is what an invoice must have come to, in the words of everybody who is told.
type outcome struct {
	status    string
	exception string // "": false
	plain     string // what the plain callbacks said, in order
	events    string // the log, in order, without "invoice_"
	why       string // the code of `satchel why`
	needs     string // what `satchel attention` says of it; "": nothing
}

// comesTo waits until everything agrees with the outcome, and gives the document of the API.
func (c *scene) comesTo(id string, want outcome) map[string]any {
	c.t.Helper()
	var exception any = false
	if want.exception != "" {
		exception = want.exception
	}
	var doc map[string]any
	c.agrees("invoice "+id, fmt.Sprint(want.status, "/", exception), func() string {
		doc = c.document(id)
		return fmt.Sprint(doc["status"], "/", doc["exceptionStatus"])
	})
	if want.status == "complete" && want.why == "enough_confirmations" {
		c.isBuried(doc)
	}
	c.agrees("the callbacks of "+id, want.plain, func() string { return c.receiver.statuses(id) })
	c.agrees("the events of "+id, want.events, func() string { return c.events(id) })
	c.agrees("why "+id, want.why, func() string { return c.reason(id) })
	c.agrees("attention for "+id, want.needs, func() string { return c.needs(id) })
	return doc
}

// reason is what `satchel why` says of an invoice.
func (c *scene) reason(id string) string {
	c.t.Helper()
	var y admin.Why
	c.operator("why", admin.WhyRequest{Subject: id}, &y)
	return y.Code
}

// agrees waits until a look gives what is wanted, and tells what it gave instead.
func (c *scene) agrees(what, want string, look func() string) {
	c.t.Helper()
	got := ""
	defer func() {
		c.t.Helper()
		if got != want {
			c.t.Logf("%s: %q, want %q", what, got, want)
		}
	}()
	c.eventually(what, func() bool {
		got = look()
		return got == want
	})
}

// shown is the operator's view of an invoice.
func (c *scene) shown(id string) (doc admin.Invoice) {
	c.t.Helper()
	c.operator("invoice-show", admin.ByID{Of: c.about, ID: id}, &doc)
	return doc
}

// operator asks the daemon what the operator's commands ask it, without starting one for every look.
func (c *scene) operator(command string, req, doc any) {
	c.t.Helper()
	c.must(c.socket.Call(c.t.Context(), command, req, doc))
}

// events lists the events of an invoice, without "invoice_".
func (c *scene) events(id string) string {
	c.t.Helper()
	var names []string
	for _, h := range c.shown(id).History {
		names = append(names, strings.TrimPrefix(h.Name, "invoice_"))
	}
	return strings.Join(names, " ")
}

// needs lists what `satchel attention` says of an invoice.
func (c *scene) needs(id string) string {
	c.t.Helper()
	var list []admin.Need
	c.operator("attention", c.about, &list)
	var words []string
	for _, n := range list {
		if n.Invoice == id {
			words = append(words, n.Why)
		}
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// order makes an invoice of 0.1 bitcoin, as a shop does, once the node is well.
func (c *scene) order(more map[string]any) order {
	c.t.Helper()
	c.agrees("/readyz", "", c.reasons)
	inv := c.invoice("5000", "USD", "medium", more)
	if inv.Due != "0.10000000" {
		c.t.Fatalf("5000 USD are %s BTC", inv.Due)
	}
	return inv
}

// btc writes satoshis as bitcoind reads them.
func btc(sats int64) json.Number { return json.Number(money.Sats(sats).BTC()) }

// transfer pays an exact sum.
func (c *scene) transfer(address string, sats int64) chain.TxID {
	c.t.Helper()
	txid, err := c.node.Pay(c.t.Context(), address, sats)
	c.must(err)
	return txid
}

// refusal sends a wish for an invoice that must be refused, and gives the sentence.
func (c *scene) refusal(want int, more map[string]any) string {
	c.t.Helper()
	body := map[string]any{"token": c.token, "price": json.Number("10"), "currency": "USD"}
	maps.Copy(body, more)
	status, doc := c.post("/invoices", body)
	if status != want {
		c.t.Errorf("POST /invoices with %v: %d %v, want %d", more, status, doc, want)
	}
	text, _ := doc["error"].(string)
	return text
}

// issued counts the addresses that were given out.
func (c *scene) issued() uint32 {
	c.t.Helper()
	var st admin.Status
	c.operator("status", admin.Nothing{}, &st)
	var n uint32
	for _, k := range st.Keys {
		n += k.Next
	}
	return n
}

// now is what time it is for the daemon.
func (c *scene) now() time.Time {
	c.t.Helper()
	var doc admin.Clock
	c.operator("clock", admin.ClockRequest{}, &doc)
	return doc.Now
}

// reasons gives what /readyz says, "" when it is ready.
func (s *shop) reasons() string {
	s.t.Helper()
	res, err := http.Get("http://" + s.api + "/readyz")
	if err != nil {
		return "no answer"
	}
	status, doc := decodeAnswer(s.t, res)
	list, _ := doc["reasons"].([]any)
	if (status == http.StatusOK) != (len(list) == 0) {
		s.t.Errorf("/readyz: %d %v", status, doc)
	}
	words := make([]string, len(list))
	for i, r := range list {
		words[i], _ = r.(string)
	}
	return strings.Join(words, " ")
}

// best is the node's best block.
func (c *scene) best() chain.Header {
	c.t.Helper()
	info, err := c.node.Chain().Info(c.t.Context())
	c.must(err)
	return info.Best
}

// follows waits until the daemon has taken the node's best block.
func (c *scene) follows() {
	c.t.Helper()
	c.agrees("the daemon's tip", c.best().Hash.String(), func() string {
		var st admin.Status
		c.operator("status", admin.Nothing{}, &st)
		return st.Tip.Hash
	})
}

// blockAt is the block of the node's best chain at a height.
func (c *scene) blockAt(height int32) chain.BlockHash {
	c.t.Helper()
	hash, ok, err := c.node.Chain().HashAt(c.t.Context(), height)
	c.must(err)
	if !ok {
		c.t.Fatalf("no block at %d", height)
	}
	return hash
}

// walletCall makes a call to the payer's wallet and decodes its answer.
func (c *scene) walletCall(into any, method string, params ...any) {
	c.t.Helper()
	raw, err := c.node.WalletCall(c.t.Context(), method, params...)
	c.must(err)
	if into != nil {
		c.must(json.Unmarshal(raw, into))
	}
}

// sign lets the payer's wallet sign a transaction.
func (c *scene) sign(unsigned string) []byte {
	c.t.Helper()
	var signed struct {
		Hex      string `json:"hex"`
		Complete bool   `json:"complete"`
	}
	c.walletCall(&signed, "signrawtransactionwithwallet", unsigned)
	raw, err := hex.DecodeString(signed.Hex)
	c.must(err)
	if !signed.Complete {
		c.t.Fatal("the wallet cannot sign")
	}
	return raw
}

// sendRaw puts a raw transaction into the node's mempool.
func (c *scene) sendRaw(raw []byte) chain.TxID {
	c.t.Helper()
	txid, err := c.node.Send(c.t.Context(), raw)
	c.must(err)
	return txid
}

// inMempool tells whether the node has a transaction in its mempool.
func (c *scene) inMempool(txid chain.TxID) bool {
	c.t.Helper()
	_, ok, err := c.node.Chain().Entry(c.t.Context(), txid)
	c.must(err)
	return ok
}
