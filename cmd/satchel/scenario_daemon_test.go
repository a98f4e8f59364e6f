package main

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	btcwire "github.com/btcsuite/btcd/wire"

	"satchel/admin"
	"satchel/chain"
)

// The second half of group D: what happens to the daemon and to what it hears, on the real daemon and a real node.
func TestScenariosOfGroupDWithoutTheDaemon(t *testing.T) {
	t.Parallel()
	c := newScene(t)
	c.scenario("41 killed after every step", c.killedAtEveryStep)
	c.scenario("46 messages are lost", c.messagesLost)
	c.scenario("50 odd transactions in the block of a payment", c.oddBlock)
	c.scenario("42 paid while the daemon was down", c.paidWhileDown)
	c.scenario("43 in time, and found after the end", c.foundAfterTheEnd)
	c.scenario("44 late, and spent already", c.lateAndSpent)
	c.balanced()
	c.checkStory()
}

// life takes an invoice through its states; after each of them comes what the caller wants.
func (c *scene) life(after func(step string)) order {
	c.t.Helper()
	inv := c.order(nil)
	after("created")
	c.transfer(inv.Address, 4_000_000)
	c.becomes(inv.ID, "new", "paidPartial")
	after("a part")
	c.transfer(inv.Address, 6_000_000)
	c.becomes(inv.ID, "paid", false)
	after("paid")
	c.mine(1)
	c.becomes(inv.ID, "confirmed", false)
	after("confirmed")
	c.must(c.node.Reorg(c.t.Context(), 1))
	c.becomes(inv.ID, "paid", false)
	after("reorged")
	c.mine(6)
	c.becomes(inv.ID, "complete", false)
	after("complete")
	c.transfer(inv.Address, 1_000_000)
	c.agrees("attention", "stray", func() string { return c.needs(inv.ID) })
	after("stray")
	c.mine(2) // deep enough for another life's reorg
	c.follows()
	return inv
}

// killedAtEveryStep holds a life with a power cut after each step against one without.
func (c *scene) killedAtEveryStep() {
	quiet := c.life(func(string) {})
	kills := 0
	cut := c.life(func(step string) {
		if step == "paid" { // with a callback on its way that is not taken
			c.receiver.breakDown(true)
		}
		c.kill()
		c.receiver.breakDown(false)
		kills++
		c.start()
	})
	want := outcome{
		status: "complete", plain: plainComplete, why: "enough_confirmations", needs: "stray",
		events: "created receivedPayment receivedPayment paidInFull confirmed paymentReversed confirmed completed strayReceipt",
	}
	c.comesTo(quiet.ID, want)
	c.comesTo(cut.ID, want)
	if kills != 7 {
		c.t.Errorf("%d power cuts", kills)
	}
	a, b := c.shown(quiet.ID), c.shown(cut.ID)
	for i, h := range a.History {
		if o := b.History[i]; o.Status != h.Status || o.Reason != h.Reason || o.Revision != h.Revision {
			c.t.Errorf("event %d: %+v, and with power cuts %+v", i, h, o)
		}
	}
	if x, y := journal(a), journal(b); x != y {
		c.t.Errorf("the payments:\n%s\nand with power cuts:\n%s", x, y)
	}
}

// journal writes what became of an invoice's payments, from the largest sum to the smallest.
func journal(inv admin.Invoice) string {
	slices.SortFunc(inv.Payments, func(a, b admin.Payment) int { return cmp.Compare(b.Sats, a.Sats) })
	var text strings.Builder
	for _, p := range inv.Payments {
		fmt.Fprintf(&text, "%d %s:", p.Sats, p.Disposition)
		for _, n := range p.History {
			fmt.Fprintf(&text, " %s (%s)", n.State, n.Reason)
		}
		text.WriteString("\n")
	}
	return text.String()
}

// gaps is how often the daemon saw that messages were missing.
func (c *scene) gaps() (n uint64) {
	c.t.Helper()
	var st admin.Status
	c.operator("status", admin.Nothing{}, &st)
	for _, l := range st.Links {
		n += l.Gaps
	}
	return n
}

// messages is how many messages of a topic came.
func (c *scene) messages(topic string) uint64 {
	c.t.Helper()
	var st admin.Status
	c.operator("status", admin.Nothing{}, &st)
	for _, l := range st.Links {
		if l.Topic == topic {
			return l.Messages
		}
	}
	return 0
}

// linked tells whether every link to the node's messages is up, or every one is down.
func (c *scene) linked(up bool) bool {
	c.t.Helper()
	var st admin.Status
	c.operator("status", admin.Nothing{}, &st)
	for _, l := range st.Links {
		if l.Connected != up {
			return false
		}
	}
	return len(st.Links) > 0
}

// messagesLost puts a proxy between the node's messages and the daemon.
func (c *scene) messagesLost() {
	shared := freePort(c.t)
	proxy := newZMQProxy(c.t, shared)
	c.conf("zmqpubrawtx=tcp://"+shared, "zmqpubsequence=tcp://"+shared, "zmqpubhashblock=tcp://"+shared)
	c.must(c.node.Restart(c.t.Context()))
	c.must(c.node.LoadWallet(c.t.Context()))
	c.kill()
	c.text(`zmq         = []`, `zmq         = ["`+proxy.address()+`"]`)
	c.start()
	c.eventually("the daemon listens to the proxy", func() bool { return c.linked(true) })
	began := time.Now()
	c.eventually("everything was compared once since", func() bool { return time.Since(began) > 3*time.Second })
	c.lostAndNoticed(proxy)
	c.lostForAWhile(proxy)
	for what, edit := range map[string]func(string, uint32) (uint32, int){
		"three times":       func(_ string, n uint32) (uint32, int) { return n, 3 },
		"with odd counters": func(_ string, n uint32) (uint32, int) { return n % 2, 1 },
	} {
		before := c.gaps()
		proxy.rewrite(edit)
		inv, txid := c.order(nil), chain.TxID{}
		c.promptly(inv.ID, "paid", false, func() { txid = c.transfer(inv.Address, 10_000_000) })
		c.mine(1)
		doc := c.comesTo(inv.ID, outcome{status: "confirmed", plain: "paid confirmed", events: eventsConfirmed, why: "enough_confirmations"})
		if list := doc["transactions"].([]any); len(list) != 1 || list[0].(map[string]any)["txid"] != txid.String() {
			c.t.Errorf("messages %s: the payments are %v", what, list)
		}
		if proxy.changed() == 0 || c.gaps() == before {
			c.t.Errorf("messages %s: %d were changed, %d gaps", what, proxy.changed(), c.gaps()-before)
		}
		proxy.rewrite(nil)
	}
	proxy.drop(true)
	c.kill()
	c.text(`zmq         = ["`+proxy.address()+`"]`, `zmq         = []`)
	c.conf()
	c.must(c.node.Restart(c.t.Context()))
	c.must(c.node.LoadWallet(c.t.Context()))
	c.start()
}

// lostAndNoticed loses the messages of a payment and of its replacement. The next message tells that some are missing.
func (c *scene) lostAndNoticed(proxy *zmqProxy) {
	own, err := c.node.NewAddress(c.t.Context())
	c.must(err)
	c.transfer(own, 50_000)
	c.eventually("a message of either sort has come", func() bool { return c.messages("rawtx") > 0 && c.messages("sequence") > 0 })
	began := time.Now() // the first messages of a link ask for a comparison, which finds whatever there is by then
	c.eventually("everything was compared after them", func() bool { return time.Since(began) > 5*time.Second })
	inv, before := c.order(nil), c.gaps()
	proxy.rewrite(func(_ string, n uint32) (uint32, int) { return n, 0 })
	txid := c.transfer(inv.Address, 10_000_000)
	c.eventually("the messages of the payment are lost", func() bool { return proxy.changed() >= 2 })
	proxy.rewrite(nil)
	began = time.Now()
	c.eventually("time passes in which nothing says that something is missing", func() bool { return time.Since(began) > 3*time.Second })
	if status := c.document(inv.ID)["status"]; status != "new" {
		c.t.Errorf("a payment that was not announced: %v", status)
	}
	c.promptly(inv.ID, "paid", false, func() { c.transfer(own, 50_000) })
	c.eventually("the gap is counted", func() bool { return c.gaps() > before })
	theft := c.steal(txid)
	proxy.rewrite(func(_ string, n uint32) (uint32, int) { return n, 0 })
	c.sendRaw(theft)
	c.eventually("the messages of the double spend are lost", func() bool { return proxy.changed() >= 3 })
	proxy.rewrite(nil)
	c.promptly(inv.ID, "new", false, func() { c.transfer(own, 50_000) })
	c.mine(1)
}

// lostForAWhile cuts the link. Until it is back the daemon asks by itself, and more often than usual.
func (c *scene) lostForAWhile(proxy *zmqProxy) {
	proxy.drop(true)
	c.eventually("the link is down", func() bool { return c.linked(false) })
	inv := c.order(nil)
	c.promptly(inv.ID, "paid", false, func() { c.transfer(inv.Address, 10_000_000) })
	c.mine(1)
	c.comesTo(inv.ID, outcome{status: "confirmed", plain: "paid confirmed", events: eventsConfirmed, why: "enough_confirmations"})
	if !c.linked(false) {
		c.t.Error("the link came back by itself")
	}
	proxy.drop(false)
	c.eventually("the link is up", func() bool { return c.linked(true) })
}

// oddBlock mines a payment in one block with transactions that have stopped other programs: an input whose witness is
// nearly as large as a block, and outputs with every sort of script.
func (c *scene) oddBlock() {
	future := []byte{0x60, 0x02, 0xaa, 0xbb} // a witness program of version 16: whoever wants to may spend it
	funding := btcwire.NewMsgTx(2)
	funding.AddTxOut(btcwire.NewTxOut(10_000_000, future))
	txid := c.sendRaw(c.funded(funding))
	var program struct {
		Address string `json:"address"`
	}
	raw, err := c.node.Call(c.t.Context(), "decodescript", hex.EncodeToString(future))
	c.must(err)
	c.must(json.Unmarshal(raw, &program))
	vout := c.outputOf(txid, program.Address)
	c.mine(1)

	odd := btcwire.NewMsgTx(2)
	odd.AddTxIn(btcwire.NewTxIn(btcwire.NewOutPoint((*chainhash.Hash)(&txid), uint32(vout)), nil, btcwire.TxWitness{make([]byte, 3_900_000)}))
	for _, script := range [][]byte{
		nil,
		append([]byte{0x6a, 0x4d, 0x10, 0x27}, make([]byte, 10_000)...),        // OP_RETURN of 10 kB
		append(append([]byte{0x51, 0x21, 2}, make([]byte, 32)...), 0x51, 0xae), // bare multisig
		append(append([]byte{0x41, 4}, make([]byte, 64)...), 0xac),             // a bare key
		{0xff, 0xfe, 0x4e, 0xff, 0xff, 0xff, 0xff},                             // no script at all
		{0x6a},
	} {
		odd.AddTxOut(btcwire.NewTxOut(1000, script))
	}
	inv := c.order(nil)
	pay := btcwire.NewMsgTx(2)
	pay.AddTxOut(btcwire.NewTxOut(10_000_000, scriptOf(c.t, inv.Address)))
	hash, err := c.node.MineRaw(c.t.Context(), bytesOf(c.t, odd), c.funded(pay))
	c.must(err)
	c.comesTo(inv.ID, outcome{status: "confirmed", plain: "paid confirmed", events: eventsConfirmed, why: "enough_confirmations"})
	raw, err = c.node.Call(c.t.Context(), "getblockheader", hash.String())
	c.must(err)
	var block struct {
		Transactions int `json:"nTx"`
	}
	c.must(json.Unmarshal(raw, &block))
	if block.Transactions != 3 {
		c.t.Errorf("the block holds %d transactions", block.Transactions)
	}
	c.mine(5)
	c.comesTo(inv.ID, outcome{status: "complete", plain: plainComplete, events: eventsComplete, why: "enough_confirmations"})
}

// soon demands that an invoice follows soon after the daemon's start.
func (c *scene) soon(id, status string) {
	c.t.Helper()
	began := time.Now()
	c.becomes(id, status, false)
	if took := time.Since(began); took > prompt {
		c.t.Errorf("%s only %s after the start", status, took)
	}
}

func (c *scene) paidWhileDown() {
	inv := c.order(nil)
	c.kill()
	c.transfer(inv.Address, 10_000_000)
	c.wait(10 * time.Minute)
	c.start()
	c.soon(inv.ID, "paid")
	c.comesTo(inv.ID, outcome{status: "paid", plain: "paid", events: eventsPaid, why: "awaiting_confirmations"})
	if now := c.now(); !now.Before(c.shown(inv.ID).Expires) {
		c.t.Error("the window is over")
	}
	c.mine(1)
}

func (c *scene) foundAfterTheEnd() {
	inv := c.order(nil)
	c.kill()
	c.transfer(inv.Address, 10_000_000)
	c.wait(16 * time.Minute)
	c.start()
	if now := c.now(); now.Before(c.shown(inv.ID).Expires) {
		c.t.Error("the window is not over")
	}
	c.soon(inv.ID, "paid")
	c.comesTo(inv.ID, outcome{status: "paid", plain: "paid", events: eventsPaid, why: "awaiting_confirmations"})
	c.mine(1)

	inv = c.order(nil)
	c.kill()
	c.transfer(inv.Address, 10_000_000)
	c.mine(1)
	c.wait(16 * time.Minute)
	c.start()
	c.soon(inv.ID, "confirmed")
	c.comesTo(inv.ID, outcome{status: "confirmed", plain: "paid confirmed", events: eventsConfirmed, why: "enough_confirmations"})
	c.story(inv.ID, "unobserved_window")
}

// lateAndSpent lets the merchant spend a late payment before the daemon has seen it: no list of unspent coins holds it.
func (c *scene) lateAndSpent() {
	own := c.vault("spender")
	m := c.merchant("Spender", own.key)
	inv := m.order(nil)
	c.advance("16m")
	m.becomes(inv.ID, "expired", false)
	c.kill()
	txid := c.transfer(inv.Address, 10_000_000)
	c.mine(1)
	elsewhere, err := c.node.NewAddress(c.t.Context())
	c.must(err)
	own.call(nil, "sendall", []string{elsewhere})
	c.mine(1)
	c.start()
	m.comesTo(inv.ID, outcome{
		status: "expired", exception: "paidLate", events: "created expired paidAfterExpiration", why: "window_over", needs: "late",
	})
	if p := m.shown(inv.ID).Payments; len(p) != 1 || !strings.HasPrefix(p[0].Outpoint, txid.String()) || p[0].Confirmations != 2 {
		c.t.Errorf("what is recorded: %+v", p)
	}
	for vout := range 2 {
		coin, err := c.node.Call(c.t.Context(), "gettxout", txid.String(), vout)
		c.must(err)
		if strings.Contains(string(coin), inv.Address) {
			c.t.Error("the payment is not spent")
		}
	}
}
