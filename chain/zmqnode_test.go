package chain

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// realNode is a bitcoind of this test's own, driven by bitcoin-cli.
type realNode struct {
	t    *testing.T
	cli  string
	args []string
	zmq  map[string]string
}

// startRealNode starts bitcoind on regtest with an address for each topic. It wants $BITCOIND, or a bitcoind where
// `make deps` puts it.
func startRealNode(t *testing.T) *realNode {
	t.Helper()
	bitcoind := os.Getenv("BITCOIND")
	if bitcoind == "" {
		cache, err := os.UserCacheDir()
		must(t, err)
		bitcoind = filepath.Join(cache, "satchel", "bitcoind", "bin", "bitcoind")
	}
	dir := t.TempDir()
	ports := freePorts(t, 4)
	n := &realNode{
		t:    t,
		cli:  filepath.Join(filepath.Dir(bitcoind), "bitcoin-cli"),
		args: []string{"-regtest", "-datadir=" + dir, "-rpcport=" + ports[0]},
		zmq: map[string]string{
			"rawtx": "tcp://127.0.0.1:" + ports[1], "sequence": "tcp://127.0.0.1:" + ports[2], "hashblock": "tcp://127.0.0.1:" + ports[3],
		},
	}
	args := append([]string{
		"-server", "-listen=0", "-dnsseed=0", "-fallbackfee=0.0002", "-checkmempool=0", "-checkblockindex=0", "-printtoconsole=0",
	}, n.args...)
	for topic, address := range n.zmq {
		args = append(args, "-zmqpub"+topic+"="+address)
	}
	cmd := exec.CommandContext(t.Context(), bitcoind, args...)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	n.call("-rpcwait", "createwallet", "payer")
	return n
}

func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var lc net.ListenConfig
	ports := make([]string, n)
	for i := range ports {
		l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
		must(t, err)
		defer func() { _ = l.Close() }()
		ports[i] = fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func (n *realNode) call(args ...string) string {
	n.t.Helper()
	out, err := exec.CommandContext(n.t.Context(), n.cli, append(append([]string{}, n.args...), args...)...).CombinedOutput()
	if err != nil {
		n.t.Fatalf("bitcoin-cli %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// newScript makes an address in the node's wallet.
func (n *realNode) newScript() (address string, script []byte) {
	n.t.Helper()
	address = n.call("getnewaddress")
	var info struct {
		ScriptPubKey string `json:"scriptPubKey"`
	}
	must(n.t, json.Unmarshal([]byte(n.call("getaddressinfo", address)), &info))
	script, err := hex.DecodeString(info.ScriptPubKey)
	must(n.t, err)
	return address, script
}

func TestWatcherHearsARealNode(t *testing.T) {
	n := startRealNode(t)
	miner, _ := n.newScript()
	n.call("generatetoaddress", "101", miner)
	ours, script := n.newScript()
	f := &Filter{Scripts: NewScripts(1), Spends: NewOutpoints()}
	f.Scripts.Add(script)
	var tracked atomic.Value
	tracked.Store(TxID{})
	w := watchAddresses(t, WatcherConfig{
		Filter:  f,
		Tracked: func(id TxID) bool { return id == tracked.Load() },
	}, func() (map[string]string, error) { return n.zmq, nil })
	w.until("all links are up", func(Hint) bool { return w.shakes.Load() == 3 && !w.anyDead() })

	// A payment comes into the mempool. Links come up before the node knows of the subscriptions, so it is sent until it is heard.
	var paid string
	for len(w.seen.Txs) == 0 {
		paid = n.call("-named", "sendtoaddress", "address="+ours, "amount=0.5", "replaceable=true")
		select {
		case <-w.Wake():
			w.seen = w.Take()
		default:
		}
	}
	w.until("the last payment", func(h Hint) bool { return h.Txs[len(h.Txs)-1].ID.String() == paid })
	tx := w.seen.Txs[len(w.seen.Txs)-1]
	if len(tx.Outputs) != 1 || tx.Outputs[0].Sats != 50_000_000 || string(tx.Outputs[0].Script) != string(script) || len(tx.Inputs) == 0 {
		t.Fatalf("%+v", tx)
	}

	// It is replaced: the removal names it, and the replacement is heard because it spends a watched outpoint.
	tracked.Store(tx.ID)
	for _, in := range tx.Inputs {
		f.Spends.Add(in)
	}
	w.seen = Hint{}
	var bumped struct {
		TxID string `json:"txid"`
	}
	must(t, json.Unmarshal([]byte(n.call("bumpfee", paid)), &bumped))
	w.until("the replacement", func(h Hint) bool { return len(h.Removed) > 0 && len(h.Txs) > 0 })
	if w.seen.Removed[0] != tx.ID || w.seen.Txs[0].ID.String() != bumped.TxID {
		t.Fatalf("%+v", w.seen)
	}

	// It is mined: C on one link, hashblock on another, and rawtx again. The raw block holds what the messages said.
	w.seen = Hint{}
	before := w.topic("hashblock").Messages
	n.call("generatetoaddress", "1", miner)
	w.until("the block", func(h Hint) bool { return h.Blocks && w.topic("hashblock").Messages == before+1 })
	best := n.call("getbestblockhash")
	raw, err := hex.DecodeString(n.call("getblock", best, "0"))
	must(t, err)
	head, txs, err := f.ScanBlock(raw)
	if err != nil || head.Hash.String() != best || len(txs) == 0 || txs[len(txs)-1].ID.String() != bumped.TxID {
		t.Fatalf("block %v, %+v, %v", head, txs, err)
	}
	for _, h := range w.Health() {
		if h.Junk != 0 || h.Gaps != 0 {
			t.Errorf("%+v", h)
		}
	}

	// The block is taken back.
	w.seen = Hint{}
	n.call("invalidateblock", best)
	w.until("the block's end", blocksSeen)

	// The node goes away for good; the links notice.
	n.call("stop")
	w.until("the links are down", func(Hint) bool {
		return !w.topic("rawtx").Connected && !w.topic("sequence").Connected && !w.topic("hashblock").Connected
	})
}
