package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"satchel/admin"
	"satchel/cmd/satchel/internal/keys"
	"satchel/regtest"
)

// A database that is gone for good, and no backup: `satchel init` goes on beside the configuration, shows no address
// twice, and finds money for what is forgotten.
func TestInitBesideAConfiguration(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	shown := s.invoice("10", "USD", "medium", nil)
	s.refuses("so does its database", "init")
	s.kill()
	s.must(os.RemoveAll(filepath.Join(s.dir, "data")))
	was, err := os.ReadFile(s.config)
	s.must(err)
	s.refuses("without one `satchel init` makes an empty one", "serve")
	s.refuses("its network is regtest", "init", "--network", "signet")
	s.refuses("its wallet.key is another one", "init", "--key", strings.Replace(regtest.WatchKey, "/0/*", "/7/*", 1))
	if text := s.refused(exitRefused, "init"); !strings.Contains(text, "nothing was written") || !strings.Contains(text, "A new secret will sign callbacks") {
		t.Errorf("unasked: %s", text)
	}
	s.refuses("must be between 0 and", "init", "--start-index", "9999999", "--yes")

	// The secret that the shop knows goes on signing: the receiver verifies with it.
	cmd := exec.Command(binary(t), "--config", s.config, "--json", "init", "--network", "regtest", "--key", regtest.WatchKey, "--secret-stdin", "--yes")
	cmd.Stdin = strings.NewReader(s.secret + "\n")
	var told bytes.Buffer
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	var doc initDocument
	s.must(json.Unmarshal(out, &doc))
	if doc.Secret != s.secret || doc.StartIndex != keys.Beyond || len(doc.Addresses) != keys.Compared || !strings.Contains(told.String(), "Addresses 0 to 999 of the key") {
		t.Errorf("%+v\n%s", doc, told.String())
	}
	if is, err := os.ReadFile(s.config); err != nil || !bytes.Equal(is, was) {
		t.Errorf("the configuration was changed: %v\n%s", err, is)
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "data", ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	s.start()
	var token admin.Token
	s.run(&token, "token", "create", "--facade", "pos", "--bearer")
	s.token = token.Token
	fresh := s.invoice("10", "USD", "medium", nil)
	if fresh.Address != doc.Addresses[0] {
		t.Errorf("the first address is %s, and not one of %v", fresh.Address, doc.Addresses)
	}
	s.pay(fresh.Address, sats(t, fresh.Due))
	s.becomes(fresh.ID, "paid", false)
	s.told(fresh.ID, "paid")
	s.pay(shown.Address, sats(t, shown.Due))
	s.eventually("the payment for what is forgotten needs a hand", func() bool {
		var needs []admin.Need
		s.run(&needs, "attention")
		return len(needs) == 1 && needs[0].Sats == sats(t, shown.Due)
	})
	s.kill()
	s.checkStory()
}
