package main

import (
	"encoding/hex"
	"strings"

	"satchel/chain"
)

func (c *scene) reorgOne() {
	inv, txid := c.confirmedOrder()
	c.must(c.node.Reorg(c.t.Context(), 1))
	events := eventsConfirmed + " paymentReversed"
	c.comesTo(inv.ID, outcome{status: "paid", plain: "paid confirmed", events: events, why: "back_in_mempool"})
	if !c.inMempool(txid) {
		c.t.Error("the payment is not in the mempool again")
	}
	c.mine(1)
	c.comesTo(inv.ID, outcome{status: "confirmed", plain: "paid confirmed", events: events + " confirmed", why: "enough_confirmations"})
	c.mine(5)
	c.comesTo(inv.ID, outcome{status: "complete", plain: plainComplete, events: events + " confirmed completed", why: "enough_confirmations"})
}

func (c *scene) reorgAway() {
	inv, _ := c.confirmedOrder()
	c.mine(1)
	c.kill()
	c.must(c.node.Reorg(c.t.Context(), 2))
	c.start()
	events := eventsConfirmed + " paymentReversed"
	c.comesTo(inv.ID, outcome{status: "paid", plain: "paid confirmed", events: events, why: "back_in_mempool"})
	c.kill()
	c.mine(1)
	c.must(c.node.Reorg(c.t.Context(), 1)) // there and back again
	c.mine(1)
	c.start()
	c.comesTo(inv.ID, outcome{status: "confirmed", plain: "paid confirmed", events: events + " confirmed", why: "enough_confirmations"})
}

// robbed replaces the newest block by one with a conflict, and another on top of it.
func (c *scene) robbed(theft []byte) {
	c.t.Helper()
	c.must(c.node.Invalidate(c.t.Context(), c.best().Hash))
	_, err := c.node.MineRaw(c.t.Context(), theft)
	c.must(err)
	c.empty(1)
}

func (c *scene) reorgConflict() {
	inv, txid := c.paidOrder()
	theft := c.steal(txid)
	c.mine(1)
	c.becomes(inv.ID, "confirmed", false)
	c.robbed(theft)
	c.comesTo(inv.ID, outcome{status: "new", plain: "paid confirmed", events: eventsConfirmed + " paymentReversed", why: "receipts_gone"})

	inv, txid = c.paidOrder()
	theft = c.steal(txid)
	c.mine(1)
	c.becomes(inv.ID, "confirmed", false)
	c.advance("16m")
	c.robbed(theft)
	c.comesTo(inv.ID, outcome{
		status: "invalid", plain: "paid confirmed invalid", events: eventsConfirmed + " paymentReversed failedToConfirm",
		why: "receipts_gone", needs: "reversed",
	})
	c.why(txid.String(), "conflict_mined")
}

func (c *scene) shorter() {
	inv, _ := c.confirmedOrder()
	c.mine(3)
	c.follows()
	tip := c.best()
	first := c.blockAt(tip.Height - 3)
	c.must(c.node.Invalidate(c.t.Context(), first))
	c.empty(3)
	c.agrees("/readyz", "node_behind", c.reasons)
	if status, _ := c.post("/invoices", map[string]any{"token": c.token, "price": 1, "currency": "USD"}); status != 503 {
		c.t.Errorf("POST /invoices behind the chain: %d", status)
	}
	c.becomes(inv.ID, "confirmed", false)
	c.must(c.node.Reconsider(c.t.Context(), first))
	c.agrees("/readyz", "", c.reasons)
	if now := c.best(); now.Hash != tip.Hash {
		c.t.Fatalf("the node is at %v, want %v", now, tip)
	}
	c.mine(2)
	c.comesTo(inv.ID, outcome{status: "complete", plain: plainComplete, events: eventsComplete, why: "enough_confirmations"})
}

func (c *scene) deepReorgs() {
	old, oldTx := c.confirmedOrder()
	c.empty(100 - 6)
	inv, tx := c.paidOrder()
	raws := [][]byte{c.raw(tx), c.mined(oldTx)}
	c.mine(6)
	for _, id := range []string{old.ID, inv.ID} {
		c.comesTo(id, outcome{status: "complete", plain: plainComplete, events: eventsComplete, why: "enough_confirmations"})
	}
	c.must(c.node.Reorg(c.t.Context(), 6))
	events := eventsComplete + " paymentReversed"
	flagged := outcome{status: "complete", plain: plainComplete, events: events, why: "back_in_mempool", needs: "reversed"}
	c.comesTo(inv.ID, flagged)
	c.mine(6)
	c.comesTo(inv.ID, outcome{status: "complete", plain: plainComplete, events: events, why: "confirmed_after_all"})

	// Of more than ten blocks a node puts the transactions of the older ones into no mempool.
	c.must(c.node.Reorg(c.t.Context(), 108))
	flagged.why = "left_mempool"
	flagged.events = c.loses(old.ID, eventsComplete)
	c.comesTo(old.ID, flagged)
	final := outcome{status: "complete", plain: plainComplete, events: flagged.events + " receivedPayment", why: "confirmed_after_all"}
	flagged.events = c.loses(inv.ID, events)
	c.comesTo(inv.ID, flagged)
	for _, raw := range raws {
		c.sendRaw(raw)
	}
	c.mine(6)
	c.comesTo(old.ID, final)
	final.events = flagged.events + " receivedPayment"
	c.comesTo(inv.ID, final)
}

// loses waits until an invoice's payment has left the mempool, and gives the events until then. A look while the node takes
// its blocks back may still find the payment there: then it is lost twice.
func (c *scene) loses(id, events string) string {
	c.t.Helper()
	c.agrees("why "+id, "left_mempool", func() string { return c.reason(id) })
	got := c.events(id)
	if rest := strings.TrimPrefix(got, events); rest != " paymentReversed" && rest != " paymentReversed paymentReversed" {
		c.t.Errorf("the events of %s: %s, and before the loss %s", id, got, events)
	}
	return got
}

// mined reads a transaction that the wallet sent, wherever it is.
func (c *scene) mined(txid chain.TxID) []byte {
	c.t.Helper()
	var tx struct {
		Hex string `json:"hex"`
	}
	c.walletCall(&tx, "gettransaction", txid.String())
	raw, err := hex.DecodeString(tx.Hex)
	c.must(err)
	return raw
}
