package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"satchel/chain"
	"satchel/cmd/satchel/internal/keys/keystest"
)

// Group C: replacement, double spends and reorgs, on the real daemon and a real node.
func TestScenariosOfGroupC(t *testing.T) {
	t.Parallel()
	c := newScene(t)
	c.scenario("29 a fee bump pays the same", c.feeBump)
	c.scenario("29 a fee bump that is met in a block", c.feeBumpInBlock)
	c.scenario("30 a replacement lowers an overpayment", c.lowered)
	c.scenario("31 a double spend is mined", c.stolenInBlock)
	c.scenario("32 a double spend is seen in the mempool", c.stolenInMempool)
	c.scenario("33 high speed and a transaction that does not signal", c.fullReplacement)
	c.scenario("34 a reorg of one block", c.reorgOne)
	c.scenario("34 a reorg while nobody watched", c.reorgAway)
	c.scenario("35 a reorg brings a conflict", c.reorgConflict)
	c.scenario("36 the node's chain gets shorter and longer again", c.shorter)
	c.scenario("37 reorgs of six and of a hundred blocks", c.deepReorgs)
	c.scenario("38 dropped from the mempool and sent again", c.dropped)
	c.scenario("39 the parent is replaced", c.parentReplaced)
	c.scenario("40 a coinbase pays", c.coinbase)
	c.balanced()
	c.scenario("38 forgotten for good", c.forgotten)
	c.balanced()
	c.checkStory()
}

// prompt is how soon a change of the mempool must be seen. The node's own notices tell of it; without them, the next look
// at the whole mempool would, half a minute later.
const prompt = 10 * time.Second

// promptly does something, and demands that an invoice follows soon, and without a block.
func (c *scene) promptly(id, status string, exception any, act func()) {
	c.t.Helper()
	tip, began := c.best(), time.Now()
	act()
	c.becomes(id, status, exception)
	if took := time.Since(began); took > prompt {
		c.t.Errorf("%s/%v only after %s", status, exception, took)
	}
	if now := c.best(); now.Hash != tip.Hash {
		c.t.Error("a block came meanwhile")
	}
}

// rival signs a transaction that spends what another one in the mempool spends, for a higher fee: it pays sums to
// addresses, and the rest to the wallet.
func (c *scene) rival(txid chain.TxID, pays map[string]int64) []byte {
	c.t.Helper()
	text, err := c.node.Call(c.t.Context(), "getrawtransaction", txid.String(), true)
	c.must(err)
	var tx struct {
		Vin []struct {
			ID   string `json:"txid"`
			Vout uint32 `json:"vout"`
		} `json:"vin"`
		Vout []struct {
			Value json.Number `json:"value"`
		} `json:"vout"`
	}
	c.must(json.Unmarshal(text, &tx))
	rest := int64(-100_000) // the higher fee
	for _, out := range tx.Vout {
		rest += sats(c.t, out.Value.String())
	}
	outputs := map[string]json.Number{}
	for address, sum := range pays {
		outputs[address] = btc(sum)
		rest -= sum
	}
	change, err := c.node.NewAddress(c.t.Context())
	c.must(err)
	outputs[change] = btc(rest)
	var unsigned string
	c.walletCall(&unsigned, "createrawtransaction", tx.Vin, outputs)
	return c.sign(unsigned)
}

// paidOrder is an invoice of 0.1 bitcoin with a payment in the mempool.
func (c *scene) paidOrder() (order, chain.TxID) {
	c.t.Helper()
	inv := c.order(nil)
	txid := c.transfer(inv.Address, 10_000_000)
	c.becomes(inv.ID, "paid", false)
	return inv, txid
}

// confirmedOrder is one whose payment is in the newest block.
func (c *scene) confirmedOrder() (order, chain.TxID) {
	c.t.Helper()
	inv, txid := c.paidOrder()
	c.mine(1)
	c.becomes(inv.ID, "confirmed", false)
	return inv, txid
}

func (c *scene) feeBump() {
	inv, txid := c.paidOrder()
	bumped, err := c.node.BumpFee(c.t.Context(), txid)
	c.must(err)
	if c.inMempool(txid) || !c.inMempool(bumped) {
		c.t.Fatal("the node did not replace the payment")
	}
	c.replacedBy(inv, txid, bumped)
	c.comesTo(inv.ID, outcome{status: "paid", plain: "paid", events: eventsPaid + " receivedPayment", why: "awaiting_confirmations"})
	c.mine(6)
	c.comesTo(inv.ID, outcome{
		status: "complete", plain: plainComplete, events: eventsPaid + " receivedPayment confirmed completed", why: "enough_confirmations",
	})
}

// replacedBy waits until the old payment is gone and the new one counts in its place, once.
func (c *scene) replacedBy(inv order, old, heir chain.TxID) {
	c.t.Helper()
	c.eventually("one payment of "+inv.ID+" is gone, one counts", func() bool {
		doc := c.shown(inv.ID)
		gone, counts := 0, 0
		for _, p := range doc.Payments {
			switch id := p.Outpoint[:64]; {
			case id == old.String() && p.Where == "gone" && p.ReplacedBy == heir.String():
				gone++
			case id == heir.String() && p.Where == "mempool" && p.Disposition == "credited":
				counts++
			}
		}
		return gone == 1 && counts == 1 && len(doc.Payments) == 2 && doc.Paid == 10_000_000
	})
}

// feeBumpInBlock lets a replacement be mined that the node's mempool never held.
func (c *scene) feeBumpInBlock() {
	inv, txid := c.paidOrder()
	raw := c.rival(txid, map[string]int64{inv.Address: 10_000_000})
	_, err := c.node.MineRaw(c.t.Context(), raw)
	c.must(err)
	c.comesTo(inv.ID, outcome{
		status: "confirmed", plain: "paid confirmed", events: eventsPaid + " receivedPayment confirmed", why: "enough_confirmations",
	})
	if doc := c.shown(inv.ID); doc.Paid != 10_000_000 || len(doc.Payments) != 2 {
		c.t.Errorf("what counts: %+v", doc.Payments)
	}
}

func (c *scene) lowered() {
	inv := c.order(nil)
	txid := c.transfer(inv.Address, 15_000_000)
	c.becomes(inv.ID, "paid", "paidOver")
	raw := c.rival(txid, map[string]int64{inv.Address: 10_000_000})
	c.promptly(inv.ID, "paid", false, func() { c.sendRaw(raw) })
	c.mine(1)
	c.comesTo(inv.ID, outcome{
		status: "confirmed", plain: "paid confirmed", events: eventsPaid + " paymentReversed receivedPayment confirmed", why: "enough_confirmations",
	})

	// The other way round: a replacement that pays less than what is due takes the payment back.
	inv, txid = c.paidOrder()
	raw = c.rival(txid, map[string]int64{inv.Address: 9_000_000})
	c.promptly(inv.ID, "new", "paidPartial", func() { c.sendRaw(raw) })
	c.comesTo(inv.ID, outcome{
		status: "new", exception: "paidPartial", plain: "paid", events: eventsPaid + " paymentReversed receivedPayment", why: "awaiting_rest",
	})
	c.mine(1)
}

func (c *scene) stolenInBlock() {
	inv, txid := c.paidOrder()
	_, err := c.node.MineRaw(c.t.Context(), c.steal(txid))
	c.must(err)
	doc := c.comesTo(inv.ID, outcome{status: "new", plain: "paid", events: eventsPaid + " paymentReversed", why: "receipts_gone"})
	if doc["amountPaid"] != json.Number("0") || doc["btcDue"] != "0.10000000" || len(doc["transactions"].([]any)) != 0 {
		c.t.Errorf("what is left: %v", doc)
	}
	c.why(txid.String(), "conflict_mined")
}

func (c *scene) stolenInMempool() {
	inv, txid := c.paidOrder()
	theft := c.steal(txid)
	c.promptly(inv.ID, "new", false, func() { c.sendRaw(theft) })
	c.comesTo(inv.ID, outcome{status: "new", plain: "paid", events: eventsPaid + " paymentReversed", why: "receipts_gone"})
	c.why(txid.String(), "replaced")
	// Who pays again is credited, and is not announced as paid a second time.
	c.transfer(inv.Address, 10_000_000)
	c.mine(1)
	c.comesTo(inv.ID, outcome{
		status: "confirmed", plain: "paid confirmed", events: eventsPaid + " paymentReversed receivedPayment paidInFull confirmed", why: "enough_confirmations",
	})
}

// unsignalling pays with a transaction that does not say that it may be replaced (BIP 125).
func (c *scene) unsignalling(address string) chain.TxID {
	c.t.Helper()
	var text string
	c.walletCall(&text, "sendtoaddress", address, json.Number("0.1"), "", "", false, false)
	txid, err := chain.ParseTxID(text)
	c.must(err)
	raw, err := c.node.Call(c.t.Context(), "getmempoolentry", text)
	c.must(err)
	var entry struct {
		Replaceable bool `json:"bip125-replaceable"`
	}
	c.must(json.Unmarshal(raw, &entry))
	if entry.Replaceable {
		c.t.Fatal("the payment says that it may be replaced")
	}
	return txid
}

func (c *scene) fullReplacement() {
	tpub, _ := keystest.Account(c.t, 33)
	trusting := c.merchant("Trusting", "wpkh("+tpub+"/0/*)", "--zero-conf", "always")
	high := func(m *scene) (order, chain.TxID) {
		inv := m.invoice("5000", "USD", "high", nil)
		return inv, c.unsignalling(inv.Address)
	}
	inv, txid := high(trusting)
	trusting.comesTo(inv.ID, outcome{status: "confirmed", plain: "confirmed", events: eventsConfirmed, why: "zero_conf_accepted"})
	theft := c.steal(txid)
	trusting.promptly(inv.ID, "new", false, func() { c.sendRaw(theft) })
	trusting.comesTo(inv.ID, outcome{status: "new", plain: "confirmed", events: eventsConfirmed + " paymentReversed", why: "receipts_gone"})

	// Who did not opt in gets no word to ship, and is told why.
	inv, txid = high(c)
	c.becomes(inv.ID, "paid", false)
	c.advance("3s")
	c.comesTo(inv.ID, outcome{status: "paid", plain: "paid", events: eventsPaid, why: "awaiting_zero_conf"})
	if doc := c.shown(inv.ID); len(doc.ZeroConf) == 0 {
		c.t.Error("no reasons against the payment")
	}
	theft = c.steal(txid)
	c.promptly(inv.ID, "new", false, func() { c.sendRaw(theft) })
	c.comesTo(inv.ID, outcome{status: "new", plain: "paid", events: eventsPaid + " paymentReversed", why: "receipts_gone"})
	c.mine(1)
}

func (c *scene) dropped() {
	inv, txid := c.paidOrder()
	raw := c.raw(txid)
	c.node.Shutdown()
	c.must(os.Remove(filepath.Join(c.node.Dir(), "regtest", "mempool.dat")))
	c.must(c.node.Restart(c.t.Context())) // without its wallet, which would send the payment again
	if c.inMempool(txid) {
		c.t.Fatal("the node still has the payment")
	}
	c.comesTo(inv.ID, outcome{status: "new", plain: "paid", events: eventsPaid + " paymentReversed", why: "receipts_gone"})
	c.why(txid.String(), "left_mempool")
	c.promptly(inv.ID, "paid", false, func() { c.sendRaw(raw) })
	events := eventsPaid + " paymentReversed receivedPayment paidInFull"
	c.comesTo(inv.ID, outcome{status: "paid", plain: "paid", events: events, why: "awaiting_confirmations"})
	if doc := c.shown(inv.ID); doc.Paid != 10_000_000 || len(doc.Payments) != 1 {
		c.t.Errorf("what counts: %+v", doc.Payments)
	}
	c.mine(6)
	c.comesTo(inv.ID, outcome{status: "complete", plain: plainComplete, events: events + " confirmed completed", why: "enough_confirmations"})
}

func (c *scene) parentReplaced() {
	own, err := c.node.NewAddress(c.t.Context())
	c.must(err)
	parent := c.transfer(own, 50_000_000)
	inv := c.order(nil)
	var sent struct {
		ID string `json:"txid"`
	}
	c.walletCall(&sent, "send", map[string]json.Number{inv.Address: "0.1"}, nil, "unset", 5, map[string]any{
		"inputs": []any{map[string]any{"txid": parent.String(), "vout": c.outputOf(parent, own)}}, "add_inputs": false, "include_unsafe": true,
	})
	child, err := chain.ParseTxID(sent.ID)
	c.must(err)
	c.becomes(inv.ID, "paid", false)
	theft := c.rival(parent, nil)
	c.promptly(inv.ID, "new", false, func() { c.sendRaw(theft) })
	if c.inMempool(child) || c.inMempool(parent) {
		c.t.Error("the node still has parent or child")
	}
	c.comesTo(inv.ID, outcome{status: "new", plain: "paid", events: eventsPaid + " paymentReversed", why: "receipts_gone"})
	c.why(child.String(), "left_mempool")
	c.mine(1)
}

// outputOf finds which output of a mempool transaction pays an address.
func (c *scene) outputOf(txid chain.TxID, address string) int {
	c.t.Helper()
	text, err := c.node.Call(c.t.Context(), "getrawtransaction", txid.String(), true)
	c.must(err)
	var tx struct {
		Vout []struct {
			N      int `json:"n"`
			Script struct {
				Address string `json:"address"`
			} `json:"scriptPubKey"`
		} `json:"vout"`
	}
	c.must(json.Unmarshal(text, &tx))
	for _, out := range tx.Vout {
		if out.Script.Address == address {
			return out.N
		}
	}
	c.t.Fatalf("%s does not pay %s", txid, address)
	return 0
}

func (c *scene) coinbase() {
	inv := c.order(nil)
	_, err := c.node.Mine(c.t.Context(), 1, inv.Address)
	c.must(err)
	want := outcome{status: "paid", exception: "paidOver", plain: "paid", events: eventsPaid, why: "awaiting_confirmations"}
	c.comesTo(inv.ID, want)
	c.mine(98)
	c.advance("2h") // waiting to be spendable is not waiting for a block
	c.comesTo(inv.ID, want)
	c.mine(1)
	c.comesTo(inv.ID, outcome{status: "confirmed", exception: "paidOver", plain: "paid confirmed", events: eventsConfirmed, why: "enough_confirmations"})
}

// forgotten lets the node's mempool drop a payment that is two weeks old.
func (c *scene) forgotten() {
	inv, txid := c.paidOrder()
	c.advance("337h")
	own, err := c.node.NewAddress(c.t.Context())
	c.must(err)
	c.transfer(own, 50_000) // what is too old goes when something new comes
	if c.inMempool(txid) {
		c.t.Fatal("the node still has the payment")
	}
	c.comesTo(inv.ID, outcome{
		status: "invalid", plain: "paid invalid", events: eventsPaid + " paymentReversed failedToConfirm", why: "receipts_gone", needs: "reversed",
	})
	c.why(txid.String(), "left_mempool")
}
