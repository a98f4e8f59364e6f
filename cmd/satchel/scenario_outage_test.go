package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"satchel/admin"
	"satchel/chain"
	"satchel/regtest"
)

// The first half of group D: what can be wrong with the node, each on the real daemon and a real node.
func TestScenariosOfGroupDWithoutTheNode(t *testing.T) {
	t.Parallel()
	c := newScene(t)
	c.scenario("45 the node restarts", c.nodeRestarts)
	c.scenario("45 the node starts and is not ready", c.nodeWarmsUp)
	c.scenario("45 the node still reads its mempool", c.mempoolLoads)
	c.scenario("45 the node hangs", c.nodeHangs)
	c.scenario("45 the node refuses our password", c.passwordRefused)
	c.scenario("45 another network answers", c.otherNetwork)
	c.scenario("48 the node has to catch up", c.nodeSyncs)
	c.scenario("47 blocks were thrown away", c.pruned)
	c.balanced()
	c.checkStory()
}

// outage stages something that is wrong with the node. While it lasts, /readyz names it, nothing new is promised, what was
// promised is told again, and nothing expires that may have been paid; afterwards all goes on without a hand.
func (c *scene) outage(reason string, begin, mend func()) {
	c.t.Helper()
	wish := map[string]any{"guid": c.t.Name()}
	known := c.order(wish)
	began := time.Now()
	open, end := c.short(5 * time.Second)
	begin()
	c.agrees("/readyz", reason, c.reasons)
	if events := c.events(open.ID); events != "created" {
		c.t.Errorf("the node was away only after the window was over at %s: %s", end, events)
	}
	c.nothingIsMade()
	c.isToldAgain(known, wish)
	c.eventually("the window is over", func() bool { return time.Since(began) > 6*time.Second })
	if status := c.promptDocument(open.ID)["status"]; status != "new" {
		c.t.Errorf("an invoice whose window ended while nobody could look is %v", status)
	}
	c.agrees("/readyz", reason, c.reasons)
	mend()
	c.agrees("/readyz", "", c.reasons)
	c.comesTo(open.ID, outcome{status: "expired", events: "created expired", why: "window_over"})
	c.must(c.node.LoadWallet(c.t.Context()))
	c.transfer(known.Address, 10_000_000)
	c.mine(1)
	c.comesTo(known.ID, outcome{status: "confirmed", plain: "paid confirmed", events: eventsConfirmed, why: "enough_confirmations"})
}

// nothingIsMade demands that a wish for an invoice is put off, and leaves nothing.
func (c *scene) nothingIsMade() {
	c.t.Helper()
	count := func() int {
		var list []admin.Invoice
		c.operator("invoice-list", admin.ListRequest{Of: c.about, Limit: 1000}, &list)
		return len(list)
	}
	issued, made := c.issued(), count()
	body := strings.NewReader(`{"token":"` + c.token + `","price":10,"currency":"USD","guid":"` + c.t.Name() + ` new"}`)
	res, err := http.Post("http://"+c.api+"/invoices", "application/json", body)
	c.must(err)
	status, doc := decodeAnswer(c.t, res)
	if after := res.Header.Get("Retry-After"); status != http.StatusServiceUnavailable || after == "" || after == "0" {
		c.t.Errorf("POST /invoices: %d %v, Retry-After %q", status, doc, after)
	}
	if c.issued() != issued || count() != made {
		c.t.Error("something was made all the same")
	}
}

// isToldAgain demands that a known guid gives the invoice that it made.
func (c *scene) isToldAgain(known order, wish map[string]any) {
	c.t.Helper()
	body := map[string]any{"token": c.token, "price": json.Number("5000"), "currency": "USD", "transactionSpeed": "medium", "fullNotifications": true}
	maps.Copy(body, wish)
	if status, doc := c.post("/invoices", body); status != http.StatusOK || doc["data"].(map[string]any)["id"] != known.ID {
		c.t.Errorf("a replayed guid: %d %v", status, doc)
	}
}

// promptDocument reads an invoice, which must never wait for the node.
func (c *scene) promptDocument(id string) map[string]any {
	c.t.Helper()
	began := time.Now()
	doc := c.document(id)
	if took := time.Since(began); took > 2*time.Second {
		c.t.Errorf("GET /invoices took %s", took)
	}
	return doc
}

// conf writes the node's configuration, for its next start.
func (c *scene) conf(lines ...string) {
	c.t.Helper()
	text := strings.Join(append([]string{"[regtest]", "blockmaxsize=4000000"}, lines...), "\n") + "\n"
	c.must(os.WriteFile(filepath.Join(c.node.Dir(), "bitcoin.conf"), []byte(text), 0o600))
}

func (c *scene) restartNode() {
	c.t.Helper()
	c.must(c.node.Restart(c.t.Context()))
}

func (c *scene) cookie() string {
	c.t.Helper()
	text, err := os.ReadFile(c.node.CookieFile())
	c.must(err)
	return string(text)
}

func (c *scene) nodeRestarts() {
	old := c.cookie()
	c.outage("node_unreachable", c.node.Shutdown, c.restartNode)
	if c.cookie() == old {
		c.t.Error("the node has the same password as before")
	}
}

// pipe makes a file that the node cannot read to its end before somebody lets it.
func (c *scene) pipe() (path string, release func()) {
	c.t.Helper()
	path = filepath.Join(c.t.TempDir(), "pipe")
	c.must(syscall.Mkfifo(path, 0o600))
	return path, func() {
		c.t.Helper()
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		c.must(err)
		c.must(f.Close())
	}
}

// nodeWarmsUp holds the node while it reads its map of networks, which it does when it answers already, that it is not
// ready. It ends when it finds that the file is none.
func (c *scene) nodeWarmsUp() {
	path, release := c.pipe()
	ended := make(chan error, 1)
	c.outage("node_syncing", func() {
		c.conf("asmap=" + path)
		c.node.Shutdown()
		go func() { ended <- c.node.Restart(c.t.Context()) }()
		c.eventually("the node says that it is not ready", func() bool {
			_, err := c.node.Call(c.t.Context(), "getblockcount")
			return errors.Is(err, chain.ErrNotReady)
		})
	}, func() {
		release()
		if err := <-ended; err == nil {
			c.t.Error("the node started with a map that is none")
		}
		c.conf()
		c.restartNode()
	})
}

// mempoolLoads holds the node before it reads its mempool: it answers, and what it says is missing may only not be read yet.
func (c *scene) mempoolLoads() {
	path, release := c.pipe()
	c.outage("node_syncing", func() {
		c.conf("loadblock=" + path)
		c.restartNode()
		raw, err := c.node.Call(c.t.Context(), "getmempoolinfo")
		c.must(err)
		if !bytes.Contains(raw, []byte(`"loaded":false`)) {
			c.t.Fatalf("the mempool is loaded: %s", raw)
		}
	}, release)
	c.conf()
}

func (c *scene) nodeHangs() {
	c.outage("node_unreachable", func() { c.must(c.node.Pause()) }, func() { c.must(c.node.Resume()) })
}

// passwordRefused gives the daemon a copy of the node's cookie, which is an old one after the node's restart. A payment in
// the meantime is in time, though nobody could see it.
func (c *scene) passwordRefused() {
	copied := filepath.Join(c.dir, "cookie")
	write := func() { c.must(os.WriteFile(copied, []byte(c.cookie()), 0o600)) }
	write()
	c.kill()
	c.edit([2]string{"cookie_file", copied})
	c.start()
	var paid order
	var began time.Time
	c.outage("node_unreachable", func() {
		began = time.Now()
		paid, _ = c.short(6 * time.Second)
		c.restartNode()
		c.transfer(paid.Address, 10_000_000)
	}, func() {
		c.eventually("the window is over", func() bool { return time.Since(began) > 7*time.Second })
		write()
	})
	c.comesTo(paid.ID, outcome{status: "confirmed", plain: "paid confirmed", events: eventsConfirmed, why: "enough_confirmations"})
	c.kill()
	c.edit([2]string{"cookie_file", c.node.CookieFile()})
	c.start()
}

// bitcoind finds the program that package regtest starts.
func (c *scene) bitcoind() string {
	c.t.Helper()
	cache, err := os.UserCacheDir()
	c.must(err)
	for _, path := range []string{os.Getenv("BITCOIND"), "bitcoind", filepath.Join(cache, "satchel", "bitcoind", "bin", "bitcoind")} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	c.t.Fatal("no bitcoind")
	return ""
}

// otherNetwork puts a node of signet where ours was.
func (c *scene) otherNetwork() {
	dir := c.t.TempDir()
	_, port, ok := strings.Cut(strings.TrimPrefix(c.node.URL(), "http://"), ":")
	if !ok {
		c.t.Fatal(c.node.URL())
	}
	other := exec.Command(c.bitcoind(), "-signet", "-server", "-datadir="+dir, "-rpcport="+port, "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1",
		"-listen=0", "-connect=0", "-dnsseed=0", "-printtoconsole=0", "-rpccookiefile="+c.node.CookieFile(), "-disablewallet")
	other.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stop := func() {
		_ = other.Process.Signal(os.Interrupt)
		_ = other.Wait()
	}
	c.outage("node_wrong_network", func() {
		c.node.Shutdown()
		c.must(other.Start())
		c.t.Cleanup(func() { _ = other.Process.Kill() })
	}, func() {
		c.kill()
		if out, code := c.serveOnce(); code != exitRefused || !strings.Contains(out, "signet") {
			c.t.Errorf("a start on another network: %d %s", code, out)
		}
		stop()
		c.launch()
		c.restartNode()
	})
}

// nodeSyncs restarts the node as one that takes a block of a second ago for an old one.
func (c *scene) nodeSyncs() {
	c.mine(1)
	began := time.Now()
	c.eventually("the newest block is old", func() bool { return time.Since(began) > 2*time.Second })
	c.outage("node_syncing", func() {
		c.conf("maxtipage=1")
		c.restartNode()
		info, err := c.node.Chain().Info(c.t.Context())
		c.must(err)
		if !info.InitialDownload {
			c.t.Fatal("the node does not say that it has to catch up")
		}
	}, func() { c.mine(1) })
	c.conf()
	c.restartNode()
}

// peer starts a second node that others may connect to, and that keeps every block.
func (c *scene) peer() (other *regtest.Node, address string) {
	c.t.Helper()
	address = freePort(c.t)
	other, err := regtest.Start(c.t.Context(), regtest.Config{Dir: c.dir, Args: []string{"-listen=1", "-bind=" + address}})
	c.must(err)
	c.t.Cleanup(func() { _ = other.Stop() })
	return other, address
}

// pruned lets the node throw away blocks that the daemon has not read; one of them holds a payment.
func (c *scene) pruned() {
	other, peer := c.peer()
	lost := c.order(nil)
	c.follows()
	tip := c.best()
	c.conf("fastprune=1", "addnode="+peer)
	c.restartNode()
	c.kill()
	c.must(c.node.LoadWallet(c.t.Context()))
	c.transfer(lost.Address, 10_000_000)
	c.mine(900)
	c.eventually("the other node has every block", func() bool {
		info, err := other.Chain().Info(c.t.Context())
		return err == nil && info.Best.Hash == c.best().Hash
	})
	c.conf("prune=1", "fastprune=1")
	c.restartNode()
	_, err := c.node.Call(c.t.Context(), "pruneblockchain", tip.Height+500)
	c.must(err)
	info, err := c.node.Chain().Info(c.t.Context())
	c.must(err)
	if !info.Pruned || info.PruneHeight <= tip.Height+1 {
		c.t.Fatalf("the node still has everything from %d, our tip is %d", info.PruneHeight, tip.Height)
	}
	c.launch()
	c.eventually("the daemon answers", func() bool {
		res, err := http.Get("http://" + c.api + "/healthz")
		return err == nil && res.Body.Close() == nil
	})
	c.agrees("/readyz", "node_pruned_gap", c.reasons)
	c.nothingIsMade()
	var st admin.Status
	c.operator("status", admin.Nothing{}, &st)
	if st.Tip.Hash != tip.Hash.String() || st.Reason != "node_pruned_gap" {
		c.t.Errorf("the daemon went on to %+v (%s)", st.Tip, st.Reason)
	}
	for _, part := range []string{"blocks after " + fmt.Sprint(tip.Height), "prune=0", "-reindex"} {
		if !strings.Contains(st.Advice, part) {
			c.t.Errorf("the advice does not say %q: %s", part, st.Advice)
		}
	}
	if status := c.document(lost.ID)["status"]; status != "new" {
		c.t.Errorf("the payment that nobody can see: %v", status)
	}

	// What the advice says.
	c.conf("prune=0", "reindex=1", "addnode="+peer)
	c.restartNode()
	c.agrees("/readyz", "", c.reasons)
	c.comesTo(lost.ID, outcome{status: "complete", plain: plainComplete, events: eventsComplete, why: "enough_confirmations"})
	c.conf()
	c.restartNode()
}
