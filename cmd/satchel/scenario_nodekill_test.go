package main

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"satchel/chain"
)

// The node dies again and again as in a power cut: its chain goes back to what it had written, and its mempool is empty.
// SATCHEL_NODE_KILLS is how often: 3 times by itself, 50 in `make ci-long`.
func TestNodeDiesAgainAndAgain(t *testing.T) {
	t.Parallel()
	kills := 3
	if text := os.Getenv("SATCHEL_NODE_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	c := newScene(t)
	c.restartNode() // which writes everything
	c.must(c.node.LoadWallet(t.Context()))
	written := c.best()
	var kept []json.RawMessage
	for i := range kills {
		kept = append(kept, c.nodeDies(written, kept, i%2 == 1)...)
		if t.Failed() {
			t.Fatalf("death %d of %d", i+1, kills)
		}
	}
	c.nodeReindexes()
	c.balanced()
	c.checkStory()
}

// nodeDies kills the node, and the daemon with it or not. Nothing that was confirmed is taken back while the node has less
// than we know, nothing expires, and all goes on by itself once the node has the blocks again. It gives the blocks that it
// mined, of which the next death takes the node's memory as well: only what was there at the start is written.
func (c *scene) nodeDies(written chain.Header, before []json.RawMessage, both bool) (mined []json.RawMessage) {
	c.t.Helper()
	from := c.best().Height
	confirmed, _ := c.confirmedOrder()
	paid, txid := c.paidOrder()
	raw := c.raw(txid)
	open, _ := c.short(3 * time.Second)
	began := time.Now()
	c.follows()
	tip := c.best()
	for height := from + 1; height <= tip.Height; height++ {
		mined = append(mined, c.rawBlock(height))
	}
	if both {
		c.kill()
	}
	c.node.Kill()
	c.restartNode()
	if now := c.best(); now.Height >= tip.Height || now.Height < written.Height {
		c.t.Fatalf("the node came back at %d, it wrote up to %d and knew %d", now.Height, written.Height, tip.Height)
	}
	if both {
		c.launch()
	}
	c.agrees("/readyz", "node_behind", c.reasons)
	c.nothingIsMade()
	c.eventually("a window is over", func() bool { return time.Since(began) > 4*time.Second })
	for id, want := range map[string]string{confirmed.ID: eventsConfirmed, paid.ID: eventsPaid, open.ID: "created"} {
		if got := c.events(id); got != want {
			c.t.Errorf("what happened to an invoice while the node was behind: %q, want %q", got, want)
		}
	}
	for _, block := range append(slices.Clip(before), mined...) {
		_, err := c.node.Call(c.t.Context(), "submitblock", block)
		c.must(err)
	}
	if now := c.best(); now != tip {
		c.t.Fatalf("the node is at %v, want %v", now, tip)
	}
	c.agrees("/readyz", "", c.reasons)
	c.comesTo(open.ID, outcome{status: "expired", events: "created expired", why: "window_over"})
	_, err := c.node.Send(c.t.Context(), raw) // the customer's wallet says it again
	c.must(err)
	c.becomes(paid.ID, "paid", false)
	c.must(c.node.LoadWallet(c.t.Context()))
	c.mine(1)
	mined = append(mined, c.rawBlock(tip.Height+1))
	c.becomes(paid.ID, "confirmed", false)
	c.comesTo(confirmed.ID, outcome{status: "confirmed", plain: "paid confirmed", events: eventsConfirmed, why: "enough_confirmations"})
	return mined
}

// nodeReindexes lets the node build its chain anew from its block files: for a while it knows less than we do.
func (c *scene) nodeReindexes() {
	c.t.Helper()
	confirmed, _ := c.confirmedOrder()
	tip := c.best()
	c.conf("reindex=1")
	c.restartNode()
	c.eventually("the node has its chain again", func() bool { return c.best() == tip })
	c.agrees("/readyz", "", c.reasons)
	c.must(c.node.LoadWallet(c.t.Context()))
	c.mine(1)
	c.follows()
	c.comesTo(confirmed.ID, outcome{status: "confirmed", plain: "paid confirmed", events: eventsConfirmed, why: "enough_confirmations"})
}

// rawBlock gives a block in hexadecimal, as it is submitted.
func (c *scene) rawBlock(height int32) json.RawMessage {
	c.t.Helper()
	raw, err := c.node.Call(c.t.Context(), "getblock", c.blockAt(height).String(), 0)
	c.must(err)
	return raw
}
