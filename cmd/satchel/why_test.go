package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/admin"
	"satchel/chain"
	"satchel/regtest"
	"satchel/wallet"
)

// causes stages the causes of reasons on a real node and notes which codes the daemon gave.
type causes struct {
	*shop
	reached map[string]string // a code, and what it was told of
}

// why asks about something and demands a code.
func (c *causes) why(subject, code string) admin.Why {
	c.t.Helper()
	var y admin.Why
	c.eventually("why "+subject+" is "+code, func() bool {
		y = admin.Why{}
		c.run(&y, "why", subject)
		return y.Code == code
	})
	c.note(y)
	return y
}

// story waits until the story of something holds a code.
func (c *causes) story(subject, code string) {
	c.t.Helper()
	c.eventually("the story of "+subject+" has "+code, func() bool {
		var y admin.Why
		c.run(&y, "why", subject)
		c.note(y)
		return c.reached[code] != ""
	})
}

func (c *causes) note(y admin.Why) {
	c.t.Helper()
	if y.Sentence == "" || y.Sentence == "unknown reason" {
		c.t.Errorf("why %s: code %q has no sentence", y.Subject, y.Code)
	}
	c.reached[y.Code] = y.Subject
	for _, m := range y.Story {
		c.reached[m.Code] = y.Subject
	}
	for _, d := range y.Details {
		code, _, _ := strings.Cut(d, ":")
		c.reached[code] = y.Subject
	}
}

func (c *causes) send(inv order, share int64) chain.TxID {
	c.t.Helper()
	txid, err := c.node.Pay(c.t.Context(), inv.Address, sats(c.t, inv.Due)*share/100)
	c.must(err)
	return txid
}

// steal makes a transaction that spends what a payment spends, and pays it to the wallet itself.
func (c *causes) steal(txid chain.TxID) []byte {
	c.t.Helper()
	thief, err := c.node.NewAddress(c.t.Context())
	c.must(err)
	raw, err := c.node.DoubleSpend(c.t.Context(), txid, thief)
	c.must(err)
	return raw
}

func (c *causes) raw(txid chain.TxID) []byte {
	c.t.Helper()
	text, err := c.node.Call(c.t.Context(), "getrawtransaction", txid.String())
	c.must(err)
	var digits string
	c.must(json.Unmarshal(text, &digits))
	raw, err := hex.DecodeString(digits)
	c.must(err)
	return raw
}

func (c *causes) empty(blocks int) {
	c.t.Helper()
	for range blocks {
		_, err := c.node.MineOnly(c.t.Context())
		c.must(err)
	}
}

// ask makes an invoice as the operator does.
func (c *causes) ask(args ...string) (made admin.Invoice) {
	c.t.Helper()
	c.run(&made, append([]string{"invoice", "create", "--currency", "USD"}, args...)...)
	return made
}

func (c *causes) advance(d string) { c.run(nil, "clock", "advance", d) }

// text replaces a text of the configuration while the daemon is down.
func (c *causes) text(old, new string) {
	c.t.Helper()
	config, err := os.ReadFile(c.config)
	c.must(err)
	if !strings.Contains(string(config), old) {
		c.t.Fatalf("the configuration does not say %q", old)
	}
	c.must(os.WriteFile(c.config, []byte(strings.Replace(string(config), old, new, 1)), 0o600))
}

// Every code of `satchel why --list` has a cause that the real node can be brought to.
func TestEveryReasonIsReached(t *testing.T) {
	t.Parallel()
	c := &causes{shop: newShop(t), reached: map[string]string{}}
	c.waiting()
	c.cancelled()
	c.comingAndGoing()
	c.afterTheEnd()
	c.away()
	c.final()
	c.callbacks()
	c.restored()
	var list []admin.ReasonDoc
	c.run(&list, "why", "--list")
	if len(list) < 20 {
		t.Errorf("only %d codes", len(list))
	}
	for _, r := range list {
		if r.Sentence == "" {
			t.Errorf("%s has no sentence", r.Code)
		}
		if c.reached[r.Code] == "" {
			t.Errorf("no cause of %s was staged", r.Code)
		}
	}
	c.balanced()
}

// balanced demands that an independent count finds what is recorded.
func (s *shop) balanced() {
	s.t.Helper()
	var b admin.Balance
	s.run(&b, "reconcile")
	if len(b.Missing)+len(b.Extra) > 0 || b.Found == 0 {
		s.t.Errorf("reconcile: %+v", b)
	}
}

func (c *causes) waiting() {
	c.why(c.ask("--price", "0").ID, "zero_price")
	inv := c.invoice("10", "USD", "medium", nil)
	c.why(inv.ID, "awaiting_payment")
	c.why(inv.Address, "awaiting_payment")
	first := c.send(inv, 40)
	c.why(inv.ID, "awaiting_rest")
	c.why(first.String(), "seen_in_mempool")
	c.send(inv, 60)
	c.why(inv.ID, "awaiting_confirmations")
	c.send(inv, 50)
	c.story(inv.ID, "beyond_due")
	c.mine(1)
	c.why(first.String(), "mined")
	c.why(inv.ID, "enough_confirmations")
	c.story(inv.ID, "reached_due")
	high := c.invoice("10", "USD", "high", nil)
	c.send(high, 100)
	c.why(high.ID, "awaiting_zero_conf")
	own, err := c.node.NewAddress(c.t.Context())
	c.must(err)
	c.why(own, "address_not_ours")
	c.why(c.pay(own, 50_000), "tx_pays_others")
	c.why(strings.Repeat("ab", 32), "tx_unknown")
	key, err := wallet.ParseKey(regtest.WatchKey, wallet.Regtest, "")
	c.must(err)
	ahead, err := key.Derive(500)
	c.must(err)
	c.why(ahead.Text, "address_not_issued")
}

// cancelled is an invoice that the shop itself ends.
func (c *causes) cancelled() {
	var token admin.Token
	c.run(&token, "token", "create", "--facade", "merchant", "--bearer")
	inv := c.invoice("10", "USD", "medium", nil)
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodDelete, "http://"+c.api+"/invoices/"+inv.ID+"?token="+token.Token, http.NoBody)
	c.must(err)
	res, err := http.DefaultClient.Do(req)
	c.must(err)
	if status, doc := decodeAnswer(c.t, res); status != http.StatusOK {
		c.t.Fatalf("DELETE /invoices: %d %v", status, doc)
	}
	c.why(inv.ID, "merchant")
}

func (c *causes) comingAndGoing() {
	inv := c.invoice("11", "USD", "medium", nil)
	txid := c.send(inv, 100)
	c.why(inv.ID, "awaiting_confirmations")
	over := c.send(inv, 100)
	c.why(over.String(), "beyond_due")
	_, err := c.node.Send(c.t.Context(), c.steal(txid))
	c.must(err)
	c.story(txid.String(), "replaced")
	c.story(over.String(), "needed_for_due")

	inv = c.invoice("12", "USD", "medium", nil)
	txid = c.send(inv, 100)
	c.why(inv.ID, "awaiting_confirmations")
	_, err = c.node.MineRaw(c.t.Context(), c.steal(txid))
	c.must(err)
	c.why(txid.String(), "conflict_mined")
	c.why(inv.ID, "receipts_gone")

	inv = c.invoice("13", "USD", "medium", nil)
	txid = c.send(inv, 100)
	c.why(inv.ID, "awaiting_confirmations")
	c.mine(1)
	c.becomes(inv.ID, "confirmed", false)
	c.must(c.node.Reorg(c.t.Context(), 1))
	c.story(txid.String(), "block_reorged")
	c.story(txid.String(), "back_in_mempool")
	c.mine(1)

	// In time, taken away, and mined after all when the window was over.
	inv = c.invoice("14", "USD", "medium", nil)
	txid = c.send(inv, 100)
	c.why(inv.ID, "awaiting_confirmations")
	kept := c.raw(txid)
	_, err = c.node.Send(c.t.Context(), c.steal(txid))
	c.must(err)
	c.why(inv.ID, "receipts_gone")
	c.advance("16m")
	c.why(inv.ID, "window_over")
	_, err = c.node.MineRaw(c.t.Context(), kept)
	c.must(err)
	c.story(inv.ID, "in_time_after_all")
}

func (c *causes) afterTheEnd() {
	inv := c.invoice("15", "USD", "medium", nil)
	c.advance("16m")
	c.why(inv.ID, "window_over")
	late := c.send(inv, 100)
	c.why(late.String(), "after_window")
	var doc admin.Invoice
	c.run(&doc, "invoice", "show", inv.ID)
	c.run(nil, "invoice", "accept", doc.Payments[0].Outpoint)
	c.story(inv.ID, "late_accepted")
	c.story(inv.ID, "operator")

	inv = c.invoice("16", "USD", "medium", nil)
	c.send(inv, 100)
	c.mine(6)
	c.becomes(inv.ID, "complete", false)
	c.why(c.send(inv, 10).String(), "after_end")

	inv = c.invoice("17", "USD", "medium", nil)
	c.send(inv, 100)
	c.why(inv.ID, "awaiting_confirmations")
	c.advance("61m")
	c.empty(3)
	c.why(inv.ID, "not_confirmed_in_time")
	c.mine(6)
	c.why(inv.ID, "confirmed_after_all")
}

// wait lets time pass while the daemon is down: its clock is this much further when it starts again.
func (c *causes) wait(d time.Duration) {
	c.t.Helper()
	file := filepath.Join(c.dir, "data", "clock-offset")
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) { // it was never moved
		text, err = []byte("0s"), nil
	}
	c.must(err)
	offset, err := time.ParseDuration(strings.TrimSpace(string(text)))
	c.must(err)
	c.must(os.WriteFile(file, []byte((offset + d).String()), 0o600))
}

// away is what happens while nobody watches.
func (c *causes) away() {
	found := c.invoice("18", "USD", "medium", nil)
	c.kill()
	txid := c.send(found, 100)
	c.mine(1)
	c.start()
	c.why(txid.String(), "seen_in_block")

	lucky := c.invoice("18", "USD", "medium", nil)
	c.kill()
	c.send(lucky, 100)
	c.mine(1)
	c.wait(16 * time.Minute)
	c.start()
	c.story(lucky.ID, "unobserved_window")

	moved := c.invoice("19", "USD", "medium", nil)
	c.kill()
	c.send(moved, 100)
	c.mine(1)
	c.wait(16 * time.Minute)
	c.edit([2]string{"late_accept", "1h"}, [2]string{"zero_conf", "always"})
	c.text(`50000`, `40000`)
	c.start()
	c.story(moved.ID, "rate_moved")

	high := c.invoice("10", "USD", "high", nil)
	c.send(high, 100)
	c.why(high.ID, "zero_conf_accepted")
	c.eventually("the other price", func() bool {
		var y admin.Why
		c.run(&y, "why", moved.ID)
		c.note(y)
		return len(y.Story) > 1
	})

	grace := c.invoice("20", "USD", "medium", nil)
	c.advance("16m")
	c.why(grace.ID, "window_over")
	c.send(grace, 100)
	c.story(grace.ID, "within_late_accept")
}

func (c *causes) final() {
	inv := c.invoice("21", "USD", "medium", nil)
	txid := c.send(inv, 100)
	c.why(inv.ID, "awaiting_confirmations")
	theft := c.steal(txid)
	c.mine(6)
	c.becomes(inv.ID, "complete", false)
	info, err := c.node.Chain().Info(c.t.Context())
	c.must(err)
	first, _, err := c.node.Chain().HashAt(c.t.Context(), info.Best.Height-5)
	c.must(err)
	c.must(c.node.Invalidate(c.t.Context(), first))
	_, err = c.node.MineRaw(c.t.Context(), theft)
	c.must(err)
	c.empty(6)
	c.why(inv.ID, "conflict_final")

	lost := c.invoice("22", "USD", "medium", nil)
	txid = c.send(lost, 100)
	c.why(lost.ID, "awaiting_confirmations")
	c.advance("337h") // the mempool forgets what is two weeks old, when the next transaction comes
	own, err := c.node.NewAddress(c.t.Context())
	c.must(err)
	c.pay(own, 50_000)
	c.story(txid.String(), "left_mempool")
}

func (c *causes) callbacks() {
	c.receiver.breakDown(true)
	inv := c.invoice("23", "USD", "medium", nil)
	c.send(inv, 100)
	c.story(inv.ID, "callback_not_delivered")
	c.eventually("the callback is given up", func() bool {
		c.advance("13h")
		var y admin.Why
		c.run(&y, "why", inv.ID)
		c.note(y)
		return c.reached["callback_given_up"] != ""
	})
	c.receiver.breakDown(false)
	c.kill()
	c.edit([2]string{"notification_url", ""})
	c.start()
	c.story(c.ask("--price", "10").ID, "no_callback_asked")
}

// restored is a payment to an invoice that was made after the backup.
func (c *causes) restored() {
	file := filepath.Join(c.t.TempDir(), "backup.db")
	c.run(nil, "backup", file)
	lost := c.ask("--price", "10")
	c.kill()
	c.must(os.Remove(filepath.Join(c.dir, "data", "satchel.db")))
	txid := c.pay(lost.Address, lost.Due)
	c.run(nil, "restore", file)
	c.start()
	c.why(txid, "lost_with_database")
	var needs []admin.Need
	c.run(&needs, "attention")
	i := slices.IndexFunc(needs, func(n admin.Need) bool { return strings.HasPrefix(n.Outpoint, txid) })
	if i < 0 || needs[i].Why != "lost" {
		c.t.Fatalf("what was lost is not in %+v", needs)
	}
	c.run(nil, "invoice", "accept", needs[i].Outpoint)
	c.story(needs[i].Invoice, "lost_accepted")
}
