package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// blind keeps the daemon from seeing what happens in the mempool, and leaves the payer all it needs.
func blind(method string) fate {
	needs := []string{
		"listwallets", "getwalletinfo", "getbalance", "send", "sendtoaddress", "decoderawtransaction", "gettxspendingprevout",
		"sendrawtransaction", "gettransaction", "loadwallet", "generatetodescriptor",
	}
	if slices.Contains(needs, method) {
		return passes
	}
	return isNotServed
}

// behindToll is a shop whose daemon reaches the node through a toll.
func behindToll(t *testing.T) (*shop, *toll) {
	t.Helper()
	s := newShop(t)
	g := newToll(t, s.node.URL())
	s.kill()
	s.edit([2]string{"url", g.url})
	s.start()
	return s, g
}

// sends counts the payments to an address that the node's wallet knows.
func (s *shop) sends(address string) (n int) {
	s.t.Helper()
	raw, err := s.node.WalletCall(s.t.Context(), "listtransactions", "*", 1000)
	s.must(err)
	var list []struct{ Address, Category string }
	s.must(json.Unmarshal(raw, &list))
	for _, tx := range list {
		if tx.Category == "send" && tx.Address == address {
			n++
		}
	}
	return n
}

// Whatever is lost on the way to the node and back, and however often and at the same time the call is repeated before
// anybody saw the payment, the wallet pays once.
func TestRepeatedCallsPayOnce(t *testing.T) {
	t.Parallel()
	s, g := behindToll(t)
	owner := s.owner()
	for name, c := range map[string]struct {
		method string
		fate   fate
	}{
		"the wallet is not asked":          {"send", isLost},
		"the wallet's answer is lost":      {"send", answerLost},
		"the payment is not sent":          {"sendrawtransaction", isLost},
		"the payment is sent all the same": {"sendrawtransaction", answerLost},
	} {
		t.Run(name, func(t *testing.T) {
			inv := s.invoice("20", "USD", "medium", nil)
			var struck atomic.Bool
			g.follow(func(method string) fate {
				if method == c.method && struck.CompareAndSwap(false, true) {
					return c.fate
				}
				return blind(method)
			})
			if status, doc := s.settle(owner, inv.ID, "confirmed"); status != http.StatusServiceUnavailable {
				t.Fatalf("the first: %d %v", status, doc)
			}
			sent := g.passed("sendrawtransaction")
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					if status, doc := s.settle(owner, inv.ID, "confirmed"); status != http.StatusOK {
						t.Errorf("a repeated one: %d %v", status, doc)
					}
				})
			}
			s.eventually("the payment is sent", func() bool { return g.passed("sendrawtransaction") > sent })
			g.follow(nil)
			wg.Wait()
			if n := s.sends(inv.Address); n != 1 {
				t.Errorf("the wallet paid %d times", n)
			}
		})
	}
	s.checkStory()
}

// A daemon that dies while the node pays sends the same payment when it is asked again, before it has seen the first.
func TestACrashedCallPaysOnce(t *testing.T) {
	t.Parallel()
	s, g := behindToll(t)
	owner := s.owner()
	inv := s.invoice("20", "USD", "medium", nil)
	for _, method := range []string{"send", "sendrawtransaction", "sendrawtransaction"} {
		daemon := s.daemon.Process
		g.follow(func(is string) fate { // the node does it, and who asked is dead
			if is == method {
				_ = daemon.Signal(syscall.SIGKILL)
			}
			return blind(is)
		})
		_, err := http.DefaultClient.Do(s.settling(owner, inv.ID))
		if err == nil {
			t.Fatal("a dead daemon answered")
		}
		s.kill()
		g.follow(blind)
		s.launch()
		s.eventually("the daemon answers", func() bool {
			res, err := http.Get("http://" + s.api + "/healthz")
			return err == nil && res.Body.Close() == nil
		})
	}
	sent := g.passed("sendrawtransaction")
	var wg sync.WaitGroup
	wg.Go(func() {
		if status, doc := s.settle(owner, inv.ID, "complete"); status != http.StatusOK {
			t.Errorf("after the crashes: %d %v", status, doc)
		}
	})
	s.eventually("the payment is sent", func() bool { return g.passed("sendrawtransaction") > sent })
	g.follow(nil)
	wg.Wait()
	if n := s.sends(inv.Address); n != 1 {
		t.Errorf("the wallet paid %d times", n)
	}
	s.checkStory()
}
