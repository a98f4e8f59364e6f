package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"satchel/admin"
	"satchel/chain"
	"satchel/cmd/satchel/internal/config"
	"satchel/money"
	"satchel/regtest"
)

// The main job, from a customer's broadcast to the merchant's callback, on the binary that users run, a real node and a
// real receiver.
func TestPaymentsFromBroadcastToCallback(t *testing.T) {
	t.Parallel()
	s := newShop(t, [2]string{"zero_conf", "always"})
	t.Run("high", func(t *testing.T) {
		inv := s.invoice("20", "USD", "high", nil)
		s.pay(inv.Address, sats(t, inv.Due))
		s.becomes(inv.ID, "confirmed", false)
		s.mine(6)
		s.becomes(inv.ID, "complete", false)
		s.told(inv.ID, "confirmed complete")
	})
	t.Run("medium", func(t *testing.T) {
		inv := s.invoice("20.50", "USD", "medium", map[string]any{"posData": "000000161", "orderId": "M-1"})
		s.pay(inv.Address, sats(t, inv.Due))
		doc := s.becomes(inv.ID, "paid", false)
		if doc["amountPaid"] != json.Number("41000") || doc["btcDue"] != "0.00000000" || doc["posData"] != "000000161" || doc["orderId"] != "M-1" {
			t.Errorf("the document says %v", doc)
		}
		s.mine(1)
		s.becomes(inv.ID, "confirmed", false)
		s.mine(5)
		s.becomes(inv.ID, "complete", false)
		s.told(inv.ID, "paid confirmed complete")
	})
	t.Run("low", func(t *testing.T) {
		inv := s.invoice("30", "EUR", "low", nil)
		s.pay(inv.Address, sats(t, inv.Due))
		s.becomes(inv.ID, "paid", false)
		s.mine(5)
		s.mine(1)
		s.becomes(inv.ID, "complete", false)
		s.told(inv.ID, "paid complete")
	})
	t.Run("overpaid in two payments", func(t *testing.T) {
		inv := s.invoice("10", "USD", "medium", nil)
		due := sats(t, inv.Due)
		s.pay(inv.Address, due/4)
		s.becomes(inv.ID, "new", "paidPartial")
		s.pay(inv.Address, due)
		doc := s.becomes(inv.ID, "paid", "paidOver")
		if doc["overpaidAmount"] != json.Number("0.00005") {
			t.Errorf("overpaidAmount is %v", doc["overpaidAmount"])
		}
		s.mine(6)
		s.becomes(inv.ID, "complete", "paidOver")
		s.told(inv.ID, "paid confirmed complete")
	})
	t.Run("paid while the daemon was killed", func(t *testing.T) {
		inv := s.invoice("12", "USD", "medium", nil)
		s.kill()
		s.pay(inv.Address, sats(t, inv.Due))
		s.mine(1)
		s.start()
		s.becomes(inv.ID, "confirmed", false)
		s.mine(5)
		s.becomes(inv.ID, "complete", false)
		s.told(inv.ID, "paid confirmed complete")
	})
	t.Run("callbacks wait for a broken receiver", func(t *testing.T) {
		inv := s.invoice("13", "USD", "medium", nil)
		s.receiver.breakDown(true)
		s.pay(inv.Address, sats(t, inv.Due))
		s.becomes(inv.ID, "paid", false)
		s.mine(6)
		s.becomes(inv.ID, "complete", false)
		s.kill()
		s.receiver.breakDown(false)
		s.start()
		s.told(inv.ID, "paid confirmed complete")
	})
	// The clock only goes forward, so what expires comes last.
	t.Run("underpaid and expired, then paid late, then accepted", func(t *testing.T) {
		under := s.invoice("14", "USD", "medium", nil)
		late := s.invoice("15", "USD", "medium", nil)
		s.pay(under.Address, sats(t, under.Due)/2)
		s.becomes(under.ID, "new", "paidPartial")
		s.run(nil, "clock", "advance", "16m")
		s.becomes(under.ID, "expired", "paidPartial")
		s.becomes(late.ID, "expired", false)
		txid := s.pay(late.Address, sats(t, late.Due))
		s.becomes(late.ID, "expired", "paidLate")
		var needs []admin.Need
		s.run(&needs, "attention")
		outpoint := ""
		for _, n := range needs {
			if n.Why == "late" && n.Invoice == late.ID && strings.HasPrefix(n.Outpoint, txid) {
				outpoint = n.Outpoint
			}
		}
		if outpoint == "" {
			t.Fatalf("`satchel attention` does not list %s: %+v", txid, needs)
		}
		s.run(nil, "invoice", "accept", outpoint)
		s.becomes(late.ID, "paid", "paidLate")
		s.mine(6)
		s.becomes(late.ID, "complete", "paidLate")
		s.told(late.ID, "paid confirmed complete")
		if got := s.receiver.statuses(under.ID); got != "" {
			t.Errorf("an expired invoice has no plain callback, but %q came", got)
		}
	})
	s.checkStory()
}

// checkStory stops the daemon and checks every record and index of what it left.
func (s *shop) checkStory() {
	s.t.Helper()
	s.kill()
	var problems []problem
	s.run(&problems, "check")
	if len(problems) > 0 {
		s.t.Errorf("`satchel check` found %+v", problems)
	}
}

func sats(t *testing.T, btc string) int64 {
	t.Helper()
	v, err := money.ParseBTC(btc)
	if err != nil {
		t.Fatal(err)
	}
	return int64(v)
}

// A refusal names the member, is a 4xx in the one document that all clients read, and uses no address.
func TestRefusalsUseNoAddress(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	first := s.invoice("10", "USD", "medium", nil)
	for name, body := range map[string]map[string]any{
		"price":           {"currency": "USD"},
		"currency":        {"price": 1, "currency": "XXX"},
		"redirectURL":     {"price": 1, "currency": "USD", "redirectURL": "javascript:alert(1)"},
		"notificationURL": {"price": 1, "currency": "USD", "notificationURL": "ftp://shop.example/x"},
	} {
		body["token"] = s.token
		status, doc := s.post("/invoices", body)
		text, _ := doc["error"].(string)
		if status < 400 || status > 499 || !strings.Contains(text, name) || doc["status"] != "error" || doc["message"] != text {
			t.Errorf("%s: %d %v", name, status, doc)
		}
	}
	if status, doc := s.post("/invoices", map[string]any{"price": 1, "currency": "USD", "token": "nonsense"}); status < 400 || status > 499 {
		t.Errorf("a wrong token: %d %v", status, doc)
	}
	second := s.invoice("10", "USD", "medium", nil)
	var st admin.Status
	s.run(&st, "status")
	if len(st.Keys) != 1 || st.Keys[0].Next != 2 || st.Scripts != 2 || first.Address == second.Address {
		t.Errorf("two invoices used %+v", st.Keys)
	}
}

// While the node is away nothing is promised, and it is said at once; when it is back, nothing needs a hand.
func TestNodeAwayRefusesNewInvoicesAndRecovers(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	inv := s.invoice("10", "USD", "medium", map[string]any{"guid": "g-1"})
	s.node.Shutdown()
	s.eventually("/readyz says node_unreachable", func() bool {
		res, err := http.Get("http://" + s.api + "/readyz")
		if err != nil {
			return false
		}
		status, doc := decodeAnswer(t, res)
		return status == http.StatusServiceUnavailable && strings.Contains(jsonText(doc["reasons"]), "node_unreachable")
	})
	status, _ := s.post("/invoices", map[string]any{"token": s.token, "price": 1, "currency": "USD"})
	if status != http.StatusServiceUnavailable {
		t.Errorf("POST /invoices without a node: %d", status)
	}
	replay := map[string]any{"token": s.token, "price": json.Number("10"), "currency": "USD", "transactionSpeed": "medium", "fullNotifications": true, "guid": "g-1"}
	if status, doc := s.post("/invoices", replay); status != http.StatusOK || doc["data"].(map[string]any)["id"] != inv.ID {
		t.Errorf("a replayed guid: %d %v", status, doc)
	}
	s.must(s.node.Restart(t.Context()))
	s.must(s.node.LoadWallet(t.Context()))
	s.pay(inv.Address, sats(t, inv.Due))
	s.becomes(inv.ID, "paid", false)
	s.told(inv.ID, "paid")
}

func jsonText(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// A descriptor that Satchel does not derive itself is derived by the node, ahead of need.
func TestDescriptorThatOnlyTheNodeDerives(t *testing.T) {
	t.Parallel()
	key := regtest.WatchKey[strings.Index(regtest.WatchKey, "tpub"):strings.Index(regtest.WatchKey, "/0/*")]
	s := newShopWithKey(t, "wsh(sortedmulti(2,"+key+"/0/*,"+key+"/1/*))")
	seen := map[string]bool{}
	for range 3 {
		inv := s.eventualInvoice()
		if seen[inv.Address] || !strings.HasPrefix(inv.Address, "bcrt1q") || len(inv.Address) < 60 {
			t.Fatalf("address %s", inv.Address)
		}
		seen[inv.Address] = true
		s.pay(inv.Address, sats(t, inv.Due))
		s.becomes(inv.ID, "paid", false)
	}
	s.balanced()
	s.checkStory()
}

// eventualInvoice waits out the 503 of a look-ahead that is being filled.
func (s *shop) eventualInvoice() (inv order) {
	s.eventually("an address is ready", func() bool {
		status, doc := s.post("/invoices", map[string]any{"token": s.token, "price": 10, "currency": "USD"})
		if status == http.StatusOK {
			inv = s.get(doc["data"].(map[string]any)["id"].(string))
		}
		return status == http.StatusOK
	})
	return inv
}

// The daemon ends cleanly when it is asked to, and what it refuses to start on it names.
func TestStopAndRefusalsToStart(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if out, code := s.serveOnce(); code != exitRefused || !strings.Contains(out, "another satchel uses it") {
		t.Errorf("a second daemon on the file: %d %s", code, out)
	}
	s.must(s.daemon.Process.Signal(os.Interrupt))
	if err := s.daemon.Wait(); err != nil {
		t.Errorf("an interrupted daemon: %v", err)
	}
	s.daemon = nil
	text, err := os.ReadFile(s.config)
	s.must(err)
	s.must(os.WriteFile(s.config, []byte(config.SetKey(string(text), "network", `"signet"`)), 0o600))
	if out, code := s.serveOnce(); code != exitRefused || !strings.Contains(out, "is of regtest, the configuration says signet") {
		t.Errorf("a database of another network: %d %s", code, out)
	}
}

// serveOnce starts a daemon that is expected to refuse.
func (s *shop) serveOnce() (string, int) {
	s.t.Helper()
	cmd := exec.Command(binary(s.t), "--config", s.config, "serve")
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// What the node takes back, Satchel takes back, within a moment and not at the next block.
func TestReplacementsAndReorgsOnARealNode(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	pay := func(inv order) chain.TxID {
		t.Helper()
		txid, err := s.node.Pay(t.Context(), inv.Address, sats(t, inv.Due))
		s.must(err)
		s.becomes(inv.ID, "paid", false)
		return txid
	}
	t.Run("a fee bump is the same payment", func(t *testing.T) {
		inv := s.invoice("11", "USD", "medium", nil)
		_, err := s.node.BumpFee(t.Context(), pay(inv))
		s.must(err)
		var doc admin.Invoice
		s.eventually("one payment is gone, one counts", func() bool {
			s.run(&doc, "invoice", "show", inv.ID)
			return len(doc.Payments) == 2 && doc.Paid == sats(t, inv.Due) && doc.Status == "paid"
		})
		s.mine(6)
		s.becomes(inv.ID, "complete", false)
		s.told(inv.ID, "paid confirmed complete")
	})
	t.Run("a double spend is seen in the mempool", func(t *testing.T) {
		inv := s.invoice("12", "USD", "medium", nil)
		txid := pay(inv)
		thief, err := s.node.NewAddress(t.Context())
		s.must(err)
		raw, err := s.node.DoubleSpend(t.Context(), txid, thief)
		s.must(err)
		_, err = s.node.Send(t.Context(), raw)
		s.must(err)
		s.becomes(inv.ID, "new", false)
		s.mine(1)
		s.pay(inv.Address, sats(t, inv.Due))
		s.becomes(inv.ID, "paid", false)
		s.told(inv.ID, "paid")
	})
	t.Run("a block that goes takes its confirmation with it", func(t *testing.T) {
		inv := s.invoice("13", "USD", "medium", nil)
		pay(inv)
		s.mine(1)
		s.becomes(inv.ID, "confirmed", false)
		s.must(s.node.Reorg(t.Context(), 1))
		s.becomes(inv.ID, "paid", false)
		s.mine(6)
		s.becomes(inv.ID, "complete", false)
		s.told(inv.ID, "paid confirmed complete")
	})
	t.Run("high speed waits for the policy", func(t *testing.T) {
		inv := s.invoice("14", "USD", "high", nil)
		pay(inv)
		var doc admin.Invoice
		s.run(nil, "clock", "advance", "3s")
		s.eventually("a verdict with its reasons", func() bool {
			s.run(&doc, "invoice", "show", inv.ID)
			return doc.Status == "confirmed" || len(doc.ZeroConf) > 0
		})
	})
	s.checkStory()
}
