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

	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"

	"satchel/admin"
	"satchel/merchant"
)

// account makes an account's public key of regtest from a number: as tpub, and as the vpub that wallets show.
func account(t *testing.T, n byte) (tpub, vpub string) {
	t.Helper()
	key, err := hdkeychain.NewMaster(bytes.Repeat([]byte{n}, 32), &chaincfg.RegressionNetParams)
	for _, step := range []uint32{84, 1, 0} {
		if err == nil {
			key, err = key.Derive(hdkeychain.HardenedKeyStart + step)
		}
	}
	if err == nil {
		key, err = key.Neuter()
	}
	if err != nil {
		t.Fatal(err)
	}
	other, err := key.CloneWithVersion([]byte{0x04, 0x5f, 0x1c, 0xf6})
	if err != nil {
		t.Fatal(err)
	}
	return key.String(), other.String()
}

// private is the same account's private key.
func private(t *testing.T, n byte) string {
	t.Helper()
	key, err := hdkeychain.NewMaster(bytes.Repeat([]byte{n}, 32), &chaincfg.RegressionNetParams)
	if err != nil {
		t.Fatal(err)
	}
	return key.String()
}

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
	s := newShop(t)
	tpub, vpub := account(t, 7)
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
	for _, spelled := range []string{vpub, "wpkh(" + tpub + "/0/*)", "wpkh([f00dbabe/84h/1h/0h]" + tpub + "/<0;1>/*)", demoKey} {
		if text := s.refused(exitRefused, "merchant", "add", "--name", "Third", "--key", spelled, "--yes"); !strings.Contains(text, "belongs to merchant") {
			t.Errorf("one wallet for two merchants: %s", text)
		}
	}
	if text := s.refused(exitRefused, "merchant", "add", "--name", "Third", "--key", private(t, 9), "--yes"); !strings.Contains(text, "private key") {
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
