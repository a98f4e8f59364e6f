package main

import (
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"satchel/admin"
	"satchel/regtest"
)

// says runs a command for people, and gives what it prints.
func (s *shop) says(args ...string) string {
	s.t.Helper()
	out, err := exec.Command(binary(s.t), append([]string{"--config", s.config}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("satchel %s: %s\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// A regtest node without a block believes that it is still downloading. Whoever meets that is told how it ends.
func TestBeforeTheFirstBlock(t *testing.T) {
	t.Parallel()
	s := unopened(t, regtest.WatchKey)
	s.launch()
	const advice = "mine one with `bitcoin-cli -regtest -generate 1`"
	var status admin.Status
	var ready map[string]any
	s.eventually("the node is seen", func() bool {
		res, err := http.Get("http://" + s.api + "/readyz")
		if err != nil {
			return false
		}
		_, ready = decodeAnswer(t, res)
		s.run(&status, "status")
		return status.Reason == "node_syncing" && fmt.Sprint(ready["reasons"]) == "[node_syncing]"
	})
	if help, _ := ready["help"].(string); !strings.Contains(help, advice) {
		t.Errorf("/readyz: %v", ready)
	}
	if !strings.Contains(status.Advice, advice) || status.Tip.Hash != "" || !status.Tip.Synced.IsZero() {
		t.Errorf("%+v", status)
	}
	text := s.says("status")
	for _, line := range []string{`tip +none yet`, `last complete look +none yet`, `invoices +none`, `ready +NO: node_syncing \(.*-generate 1`} {
		if !regexp.MustCompile(`(?m)^` + line).MatchString(text) {
			t.Errorf("status does not say %q:\n%s", line, text)
		}
	}
	var token admin.Token
	s.run(&token, "token", "create", "--facade", "pos", "--bearer")
	s.token = token.Token
	code, doc := s.post("/invoices", map[string]any{"token": s.token, "price": 5, "currency": "USD"})
	if said, _ := doc["error"].(string); code != http.StatusServiceUnavailable || !strings.Contains(said, advice) {
		t.Errorf("POST /invoices: %d %v", code, doc)
	}
	s.refuses("no block was taken yet, so there is nothing to compare: the node is still downloading", "reconcile")

	s.mine(1)
	inv := s.invoice("5", "USD", "medium", nil)
	if text := s.says("invoice", "show", inv.ID); !strings.Contains(text, inv.Address) {
		t.Errorf("%s", text)
	}
	s.eventually("the node is well", func() bool {
		status = admin.Status{}
		s.run(&status, "status")
		return status.Ready
	})
	if status.Advice != "" || status.Tip.Height != 1 || len(status.Tip.Hash) != 64 || status.Tip.Synced.IsZero() {
		t.Errorf("%+v", status)
	}
	s.run(nil, "reconcile")
}
