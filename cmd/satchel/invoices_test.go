package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"satchel/admin"
	"satchel/invoice"
)

// owner makes a merchant's token, as an operator does.
func (s *shop) owner() string {
	s.t.Helper()
	var token admin.Token
	s.run(&token, "token", "create", "--facade", "merchant", "--bearer")
	return token.Token
}

// call sends a body, or nothing, with any method and gives status and answer.
func (s *shop) call(method, path string, body any) (int, map[string]any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	s.must(err)
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.api+path, strings.NewReader(string(text)))
	s.must(err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	return decodeAnswer(s.t, res)
}

// settle pays an invoice by the API.
func (s *shop) settle(owner, id, to string) (int, map[string]any) {
	s.t.Helper()
	return s.call(http.MethodPut, "/invoices/pay/"+id, map[string]any{"token": owner, "status": to})
}

// settling is the request of settle.
func (s *shop) settling(owner, id string) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPut, "http://"+s.api+"/invoices/pay/"+id, strings.NewReader(`{"token":"`+owner+`"}`))
	s.must(err)
	req.Header.Set("Content-Type", "application/json")
	return req
}

// A test network's invoice is paid by the node's own coins, with real blocks, and the callbacks follow.
func TestInvoicesArePaidByTheAPI(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	owner := s.owner()
	inv := s.invoice("20", "USD", "medium", nil)
	status, doc := s.settle(owner, inv.ID, "confirmed")
	if status != http.StatusOK || doc["data"].(map[string]any)["status"] != "confirmed" {
		t.Fatalf("confirmed: %d %v", status, doc)
	}
	status, doc = s.settle(owner, inv.ID, "complete")
	if data, _ := doc["data"].(map[string]any); status != http.StatusOK || data["status"] != "complete" || data["exceptionStatus"] != false ||
		len(data["transactions"].([]any)) != 1 {
		t.Fatalf("complete: %d %v", status, doc)
	}
	s.told(inv.ID, "paid confirmed complete")
	low := s.invoice("21", "USD", "low", nil)
	if status, doc := s.settle(owner, low.ID, ""); status != http.StatusOK || doc["data"].(map[string]any)["status"] != "complete" {
		t.Errorf("low: %d %v", status, doc)
	}
	high := s.invoice("22", "USD", "high", nil)
	if status, doc := s.settle(owner, high.ID, "confirmed"); status != http.StatusOK || doc["data"].(map[string]any)["status"] != "confirmed" {
		t.Errorf("high: %d %v", status, doc)
	}
	if status, doc := s.settle(s.token, inv.ID, "complete"); status != http.StatusForbidden {
		t.Errorf("a till: %d %v", status, doc)
	}
	s.checkStory()
}

// A node without a loaded wallet, or with one that has no coins, gets a wallet of ours and the coins.
func TestTheFaucetMakesItsOwnCoins(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	owner := s.owner()
	s.must(s.node.UnloadWallet(t.Context()))
	_, err := s.node.Call(t.Context(), "createwallet", "poor")
	s.must(err)
	_, err = s.node.Call(t.Context(), "createwallet", "watching", true) // has no keys
	s.must(err)
	for _, price := range []string{"20", "21"} {
		inv := s.invoice(price, "USD", "medium", nil)
		if status, doc := s.settle(owner, inv.ID, "confirmed"); status != http.StatusOK || doc["data"].(map[string]any)["status"] != "confirmed" {
			t.Fatalf("%d %v", status, doc)
		}
	}
	raw, err := s.node.Call(t.Context(), "listwallets")
	s.must(err)
	if !strings.Contains(string(raw), `"satchel-faucet"`) {
		t.Errorf("loaded are %s", raw)
	}
	_, err = s.node.Call(t.Context(), "unloadwallet", "satchel-faucet") // the next call loads it again
	s.must(err)
	inv := s.invoice("22", "USD", "medium", nil)
	if status, doc := s.settle(owner, inv.ID, "confirmed"); status != http.StatusOK {
		t.Errorf("%d %v", status, doc)
	}
}

func TestWhatTheFaucetSaysWithoutANode(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	owner := s.owner()
	inv := s.invoice("20", "USD", "medium", nil)
	s.node.Shutdown()
	status, doc := s.settle(owner, inv.ID, "confirmed")
	if text, _ := doc["error"].(string); status != http.StatusServiceUnavailable || text != "The node did not pay" {
		t.Errorf("%d %v", status, doc)
	}
}

// Who follows an invoice hears of its payment and its blocks as they happen.
func TestEventsAreStreamed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	inv := s.invoice("20", "USD", "medium", nil)
	_, doc := s.call(http.MethodGet, "/invoices/"+inv.ID+"/events", nil)
	bus := doc["data"].(map[string]any)
	path := bus["url"].(string) + "?" + url.Values{
		"token": {bus["token"].(string)}, "action": {"subscribe"}, "events[0]": {"payment"}, "events[1]": {"confirmation"},
	}.Encode()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	s.must(err)
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	next := func() (event, status string) {
		for lines.Scan() {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "event":
				event = value
			case "data":
				var doc map[string]any
				s.must(json.Unmarshal([]byte(value), &doc))
				return event, doc["status"].(string)
			}
		}
		return "", ""
	}
	expect := func(event, status string) {
		t.Helper()
		if e, st := next(); e != event || st != status {
			t.Fatalf("got %s %s, want %s %s", e, st, event, status)
		}
	}
	s.pay(inv.Address, sats(t, inv.Due))
	expect("payment", "paid")
	s.mine(1)
	expect("confirmation", "confirmed")
	s.mine(5)
	expect("confirmation", "complete")
	if e, st := next(); e != "" || st != "" {
		t.Errorf("after the end: %s %s", e, st)
	}
}

// The rest of the resource on the binary that users run: what is asked for by hand goes out, and a cancelled invoice is
// not paid any more.
func TestNoticesAndCancellingOnTheDaemon(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	owner := s.owner()
	inv := s.invoice("20", "USD", "medium", map[string]any{"guid": "g-1"})
	if status, doc := s.call(http.MethodPost, "/invoices/"+inv.ID+"/notifications", map[string]any{"token": s.token}); status != 200 || doc["data"] != "Success" {
		t.Fatalf("%d %v", status, doc)
	}
	s.told(inv.ID, "new")
	if status, doc := s.call(http.MethodDelete, "/invoices/guid/g-1?token="+owner, nil); status != 200 {
		t.Fatalf("%d %v", status, doc)
	}
	s.becomes(inv.ID, "expired", false)
	s.pay(inv.Address, sats(t, inv.Due))
	var needs []admin.Need
	s.eventually("the late payment needs a hand", func() bool {
		s.run(&needs, "attention")
		return len(needs) == 1 && needs[0].Why == "late"
	})
	if status, doc := s.call(http.MethodPost, "/invoices/"+inv.ID+"/adjustments", map[string]any{
		"token": owner, "type": invoice.AcceptLate.String(),
	}); status != 200 || doc["data"] != "Success" {
		t.Fatalf("%d %v", status, doc)
	}
	s.becomes(inv.ID, "paid", false) // it came within the window that the invoice once had
	status, doc := s.call(http.MethodGet, "/invoices?status=paid&limit=5&token="+owner, nil)
	if list, _ := doc["data"].([]any); status != 200 || len(list) != 1 || list[0].(map[string]any)["id"] != inv.ID {
		t.Errorf("%d %v", status, doc)
	}
	s.checkStory()
}
