package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"satchel/admin"
	"satchel/cmd/satchel/internal/config"
	"satchel/cmd/satchel/internal/keys/keystest"
	"satchel/merchant"
	"satchel/regtest"
)

// refused runs a command that must fail, and gives what it says.
func (s *shop) refused(code int, args ...string) string {
	s.t.Helper()
	cmd := exec.Command(binary(s.t), append([]string{"--config", s.config}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != code {
		s.t.Errorf("satchel %s: %v, want exit status %d\n%s", strings.Join(args, " "), err, code, errs.String())
	}
	return errs.String()
}

// neighbour is another merchant on the same daemon, with a till and a receiver of its own.
func (s *shop) neighbour(key string, more ...string) (*shop, admin.NewMerchant) {
	s.t.Helper()
	n := *s
	n.receiver = newReceiver(s.t)
	var doc admin.NewMerchant
	args := append([]string{"merchant", "add", "--name", "Next door", "--key", key, "--notification-url", n.receiver.url, "--yes"}, more...)
	s.run(&doc, args...)
	n.secret, n.receiver.secret = doc.Secret, merchant.Secret(doc.Secret)
	var token admin.Token
	s.run(&token, "token", "create", "--facade", "pos", "--bearer", "--merchant", "Next door")
	n.token = token.Token
	return &n, doc
}

// status asks for an invoice with somebody's token.
func (s *shop) status(id, token string) (int, string) {
	s.t.Helper()
	res, err := http.Get("http://" + s.api + "/invoices/" + id + "?token=" + token)
	s.must(err)
	status, doc := decodeAnswer(s.t, res)
	return status, jsonText(doc)
}

// Two merchants on one daemon, added while it runs: each is paid at its own addresses, sees its own invoices, and is told
// under its own secret; a restart changes nothing.
func TestTwoMerchantsOnOneDaemon(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tpub, vpub := keystest.Account(t, 7)
	n, added := s.neighbour(vpub, "--speed", "low", "--window", "20m")
	if len(added.Addresses) != 3 || added.Type != "p2wpkh" || added.ID == "" || !strings.HasPrefix(added.Secret, "whsec_") {
		t.Fatalf("`merchant add` says %+v", added)
	}
	round := func(price string) {
		t.Helper()
		ours, theirs := s.invoice(price, "USD", "medium", nil), n.invoice(price, "USD", "medium", nil)
		s.pay(ours.Address, sats(t, ours.Due))
		s.pay(theirs.Address, sats(t, theirs.Due))
		s.becomes(ours.ID, "paid", false)
		n.becomes(theirs.ID, "paid", false)
		s.mine(6)
		s.becomes(ours.ID, "complete", false)
		n.becomes(theirs.ID, "complete", false)
		s.told(ours.ID, "paid confirmed complete")
		n.told(theirs.ID, "paid confirmed complete")
		for _, c := range []struct{ id, token string }{{theirs.ID, s.token}, {ours.ID, n.token}} {
			foreign, text := s.status(c.id, c.token)
			unknown, same := s.status("aaaaaaaaaaaaaaaaaaaaaa", c.token)
			if foreign != http.StatusNotFound || foreign != unknown || text != same {
				t.Errorf("a foreign invoice: %d %s, an unknown one: %d %s", foreign, text, unknown, same)
			}
		}
		if got := s.receiver.statuses(theirs.ID) + n.receiver.statuses(ours.ID); got != "" {
			t.Errorf("a callback went next door: %s", got)
		}
		var list []admin.Invoice
		s.run(&list, "invoice", "list", "--merchant", added.ID)
		if len(list) == 0 || list[0].ID != theirs.ID {
			t.Errorf("`invoice list --merchant` says %+v", list)
		}
		s.refused(exitRefused, "invoice", "show", theirs.ID)
	}
	round("20")

	var first, unset order
	if first = n.invoice("30", "USD", "medium", nil); first.Address != added.Addresses[1] {
		t.Errorf("the second invoice is at %s, `merchant add` showed %v", first.Address, added.Addresses)
	}
	status, doc := n.post("/invoices", map[string]any{"token": n.token, "price": json.Number("5"), "currency": "USD"})
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, doc)
	}
	unset = n.get(doc["data"].(map[string]any)["id"].(string))
	if d := n.document(unset.ID); d["transactionSpeed"] != "low" {
		t.Errorf("an invoice that names no speed has %v, its merchant's is low", d["transactionSpeed"])
	}

	// The same wallet in another spelling is the same wallet; a private key is named as what it is.
	for _, spelled := range []string{vpub, "wpkh(" + tpub + "/0/*)", "wpkh([f00dbabe/84h/1h/0h]" + tpub + "/<0;1>/*)", regtest.WatchKey} {
		if text := s.refused(exitRefused, "merchant", "add", "--name", "Third", "--key", spelled, "--yes"); !strings.Contains(text, "belongs to merchant") {
			t.Errorf("one wallet for two merchants: %s", text)
		}
	}
	if text := s.refused(exitRefused, "merchant", "add", "--name", "Third", "--key", keystest.Private(t, 9), "--yes"); !strings.Contains(text, "private key") {
		t.Errorf("a private key: %s", text)
	}

	// A restart, as after a power cut.
	s.kill()
	s.start()
	round("21")

	s.run(nil, "secret", "rotate", "--merchant", "Next door", "--overlap", "0s")
	_, rotated := n.receiver, admin.Secret{}
	s.run(&rotated, "secret", "rotate", "--merchant", added.ID)
	n.receiver.mu.Lock()
	n.receiver.secret = merchant.Secret(rotated.Secret)
	n.receiver.mu.Unlock()
	round("22")
	s.checkStory()
	logText, err := os.ReadFile(filepath.Join(s.dir, "satchel.log"))
	s.must(err)
	if strings.Contains(string(logText), vpub) || strings.Contains(string(logText), tpub) {
		t.Error("the log shows a watch key")
	}
}

// answer runs a command with something typed in, and gives what it prints and its exit status.
func (s *shop) answer(typed string, args ...string) (string, int) {
	s.t.Helper()
	cmd := exec.Command(binary(s.t), append([]string{"--config", s.config}, args...)...)
	cmd.Stdin = strings.NewReader(typed)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (s *shop) merchants() []admin.Shop {
	s.t.Helper()
	var list []admin.Shop
	s.run(&list, "merchant", "list")
	return list
}

// What the operator does with merchants, on a real node: a key that only the node derives, settings that are live at
// once, a question that is answered with no, and what a stopped daemon or a mistaken configuration says.
func TestMerchantsAsTheOperatorMeetsThem(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	a, _ := keystest.Account(t, 11)
	b, _ := keystest.Account(t, 12)
	n, added := s.neighbour("wsh(sortedmulti(2," + a + "/0/*," + b + "/0/*))")
	inv := n.invoice("10", "USD", "medium", nil) // at once: the addresses were derived before the answer
	if inv.Address != added.Addresses[0] || added.Type != "p2wsh" {
		t.Errorf("the first invoice is at %s, `merchant add` showed %+v", inv.Address, added)
	}
	s.pay(inv.Address, sats(t, inv.Due))
	n.becomes(inv.ID, "paid", false)
	n.told(inv.ID, "paid")
	swapped := "wsh(sortedmulti(2," + b + "/0/*," + a + "/0/*))"
	if text := s.refused(exitRefused, "merchant", "add", "--name", "Third", "--key", swapped, "--yes"); !strings.Contains(text, "belongs to merchant "+added.ID) {
		t.Errorf("the same multisig, its keys in another order: %s", text)
	}

	_, vpub := keystest.Account(t, 13)
	out, code := s.answer("n\n", "merchant", "add", "--name", "Third", "--key", vpub)
	if code != exitRefused || !strings.Contains(out, "nothing was added") || strings.Count(out, "  bcrt1q") != 3 || len(s.merchants()) != 2 {
		t.Errorf("answered with no: %d\n%s", code, out)
	}
	out, code = s.answer("y\n", "merchant", "add", "--name", "Third", "--key", vpub, "--start-index", "4", "--full-notifications=false")
	list := s.merchants()
	if code != exitDone || !strings.Contains(out, "whsec_") || len(list) != 3 || list[2].Next != 4 || list[2].Settings["merchant.full_notifications"] != "false" {
		t.Errorf("answered with yes: %d\n%s\n%+v", code, out, list)
	}
	if list[1].Open != 1 || list[0].Open != 0 || list[1].Next != 1 {
		t.Errorf("the list says %+v", list)
	}

	var set admin.Shop
	s.run(&set, "merchant", "set", "Next door", "invoice.speed=low", "invoice.window=1h")
	status, doc := n.post("/invoices", map[string]any{"token": n.token, "price": 5, "currency": "USD"})
	if status != http.StatusOK || doc["data"].(map[string]any)["transactionSpeed"] != "low" {
		t.Errorf("after `merchant set`: %d %v", status, doc)
	}
	if text := s.refused(exitRefused, "merchant", "set", list[0].ID, "invoice.speed=low"); !strings.Contains(text, "edit speed under [invoice] in "+s.config) {
		t.Errorf("the configuration's merchant: %s", text)
	}
	s.refused(exitUsage, "merchant", "set", "Third")
	s.refused(exitUsage, "merchant", "set", "Third", "invoice.speed")
	s.refused(exitUsage, "merchant", "add", "--name", "Fourth", "--key", vpub, "--start-index=-4")
	if text := s.refused(exitRefused, "token", "create", "--bearer", "--merchant", "Nobody"); !strings.Contains(text, "satchel merchant list") {
		t.Errorf("a merchant that is not there: %s", text)
	}
	var st admin.Status
	s.run(&st, "status")
	if len(st.Keys) != 3 || st.Invoices["new"] != 1 || st.Invoices["paid"] != 1 || st.Scripts != 2 {
		t.Errorf("status sums up %+v", st)
	}
	if table, code := s.answer("", "merchant", "list"); code != exitDone || !strings.Contains(table, "Next door") || !strings.Contains(table, added.ID) {
		t.Errorf("the table is\n%s", table)
	}
	s.balanced()

	s.checkStory()
	if text := s.refused(exitRefused, "merchant", "list"); !strings.Contains(text, "--config "+s.config+" serve`") {
		t.Errorf("a stopped daemon: %s", text)
	}
	text, err := os.ReadFile(s.config)
	s.must(err)
	s.must(os.WriteFile(s.config, []byte(config.SetKey(string(text), "key", `"`+vpub+`"`)), 0o600))
	if out, code := s.serveOnce(); code != exitRefused || !strings.Contains(out, "wallet.key: belongs to another merchant") {
		t.Errorf("a configuration with another merchant's key: %d %s", code, out)
	}
}
