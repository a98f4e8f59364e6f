package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"satchel/admin"
)

// A consumer who polls the log sees every event once, in order, with the body that the callbacks carry; and `satchel
// events` shows the same.
func TestEventLogIsFollowed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var token admin.Token
	s.run(&token, "token", "create", "--facade", "merchant", "--bearer")
	read := func(query string) (list []any, next string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.api+"/v1/events?"+query, http.NoBody)
		s.must(err)
		req.Header.Set("Authorization", "Bearer "+token.Token)
		res, err := http.DefaultClient.Do(req)
		s.must(err)
		status, doc := decodeAnswer(t, res)
		if status != http.StatusOK {
			t.Fatalf("GET /v1/events?%s: %d %v", query, status, doc)
		}
		return doc["data"].([]any), doc["next"].(json.Number).String()
	}
	follower := exec.CommandContext(t.Context(), binary(t), "--config", s.config, "--json", "events", "--follow")
	lines, err := follower.StdoutPipe()
	s.must(err)
	s.must(follower.Start())
	t.Cleanup(func() { _ = follower.Process.Kill(); _ = follower.Wait() })

	inv := s.invoice("10", "USD", "medium", nil)
	list, next := read("after=0")
	if len(list) != 1 || list[0].(map[string]any)["reason"] != "created" || list[0].(map[string]any)["invoiceId"] != inv.ID {
		t.Fatalf("the log holds %v", list)
	}
	if list, same := read("after=" + next); len(list) != 0 || same != next {
		t.Fatalf("nothing happened, and there is %v, next %s", list, same)
	}
	// The long poll answers when the payment comes, long before its time is over.
	waited := make(chan []any, 1)
	go func() {
		list, _ := read("after=" + next + "&wait=30s")
		waited <- list
	}()
	s.pay(inv.Address, sats(t, inv.Due))
	select {
	case list := <-waited:
		if len(list) == 0 || list[0].(map[string]any)["event"].(map[string]any)["name"] != "invoice_receivedPayment" {
			t.Fatalf("the poll gave %v", list)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the poll did not end with the payment")
	}
	s.mine(6)
	s.becomes(inv.ID, "complete", false)
	all, _ := read("after=0&limit=1000")
	scan := bufio.NewScanner(lines)
	for i, want := range all {
		want := want.(map[string]any)
		if !scan.Scan() {
			t.Fatalf("the follower ended: %v", scan.Err())
		}
		var e admin.Event
		s.must(json.Unmarshal(scan.Bytes(), &e))
		if want["sequence"].(json.Number).String() != strconv.FormatUint(e.Seq, 10) || want["id"] != e.ID || want["reason"] != e.Reason {
			t.Errorf("event %d: %v and %+v", i, want, e)
		}
		if body := want["data"].(map[string]any); body["id"] != inv.ID || body["status"] != e.Status {
			t.Errorf("event %d carries %v", i, body)
		}
	}
	var page []admin.Event
	s.run(&page, "events", "--after", next)
	if len(page) != len(all)-1 {
		t.Errorf("%d events after the first, want %d", len(page), len(all)-1)
	}
	for _, bad := range []string{"after=x", "limit=-1", "wait=soon"} {
		res, err := http.Get("http://" + s.api + "/v1/events?token=" + token.Token + "&" + bad)
		s.must(err)
		if status, doc := decodeAnswer(t, res); status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", bad, status, doc)
		}
	}
}
