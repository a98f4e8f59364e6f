package chain_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"satchel/chain"
	"satchel/chain/chaintest"
	"satchel/money"
	"satchel/regtest"
	"satchel/wallet"
)

// stored is a chain that was followed up to its last header.
type stored []chain.Header

func (s stored) Tip() chain.Header { return s[len(s)-1] }

func (s stored) HeaderAt(height int32) (chain.Header, bool) {
	for _, h := range s {
		if h.Height == height {
			return h, true
		}
	}
	return chain.Header{}, false
}

func tipOf(t *testing.T, n *chain.Node) chain.Header {
	t.Helper()
	info := value(n.Info(t.Context()))(t)
	return value(n.Header(t.Context(), info.Best.Hash))(t)
}

// scriptOf gives a fresh address of the node's wallet with its script.
func scriptOf(t *testing.T, n *regtest.Node) (string, []byte) {
	t.Helper()
	address := value(n.NewAddress(t.Context()))(t)
	return address, value(wallet.ScriptFor(address, wallet.Regtest))(t)
}

// payAndMine pays a watched address and mines it, and gives our chain as it was before.
func payAndMine(t *testing.T, n *regtest.Node) (stored, *chain.Filter, chain.TxID) {
	t.Helper()
	address, script := scriptOf(t, n)
	before := stored{tipOf(t, chaintest.Client(t, n, nil))}
	id := value(n.Pay(t.Context(), address, 70_000))(t)
	value(n.Mine(t.Context(), 3, ""))(t)
	return before, watching(script), id
}

func checkSteps(t *testing.T, steps []chain.Step, before stored, id chain.TxID) {
	t.Helper()
	if len(steps) != 3 {
		t.Fatalf("%d steps", len(steps))
	}
	prev := before.Tip()
	for i, s := range steps {
		if s.Op != chain.Connect || s.Header.Prev != prev.Hash || s.Header.Height != prev.Height+1 || s.Header.Work.Cmp(prev.Work) <= 0 {
			t.Fatalf("step %d is %+v after %+v", i, s, prev)
		}
		prev = s.Header
	}
	if len(steps[0].Txs) != 1 || steps[0].Txs[0].ID != id || steps[0].Txs[0].Outputs[0].Sats != money.Sats(70_000) {
		t.Fatalf("the payment is not in the first block: %+v", steps[0].Txs)
	}
}

// The same steps come whichever way the blocks are read.
func TestBlocksComeOverRESTOrRPC(t *testing.T) {
	n := chaintest.Node(t)
	before, filter, id := payAndMine(t, n)
	with := tap(t, n, nil)
	checkSteps(t, value(tapped(t, with, n, filter).Steps(t.Context(), before, 10))(t), before, id)
	if with.count("getblock") != 0 {
		t.Error("blocks were asked over RPC although REST is on")
	}
	without := tap(t, n, func(w http.ResponseWriter, _ *http.Request, method string) bool {
		if strings.HasPrefix(method, "/rest/") {
			http.NotFound(w, nil)
		}
		return strings.HasPrefix(method, "/rest/")
	})
	checkSteps(t, value(tapped(t, without, n, filter).Steps(t.Context(), before, 10))(t), before, id)
	if without.count("getblock") != 3 {
		t.Errorf("%d blocks were asked over RPC", without.count("getblock"))
	}
}

// A block that is not the one that was asked for, or that our scan cannot read, is not believed and not skipped: the
// node decodes it for us.
func TestOddBlocksAreDecodedByTheNode(t *testing.T) {
	n := chaintest.Node(t)
	before, filter, id := payAndMine(t, n)
	for name, edit := range map[string]func(w http.ResponseWriter, r *http.Request){
		"another block": func(_ http.ResponseWriter, r *http.Request) {
			r.URL.Path = "/rest/block/" + before.Tip().Hash.String() + ".bin"
		},
		"junk": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("junk")) },
	} {
		s := tap(t, n, func(w http.ResponseWriter, r *http.Request, method string) bool {
			if !strings.HasPrefix(method, "/rest/block/") {
				return false
			}
			edit(w, r)
			return name == "junk"
		})
		checkSteps(t, value(tapped(t, s, n, filter).Steps(t.Context(), before, 10))(t), before, id)
		if s.count("getblock 2") != 3 {
			t.Errorf("%s: %d blocks were decoded by the node", name, s.count("getblock 2"))
		}
	}
}

func TestMempoolThatLoadsProvesNothing(t *testing.T) {
	n := chaintest.Node(t)
	s := tap(t, n, func(w http.ResponseWriter, _ *http.Request, method string) bool {
		if method != "getmempoolinfo" {
			return false
		}
		answer(w, http.StatusOK, `[{"result":{"loaded":false},"error":null,"id":0},{"result":"`+strings.Repeat("0", 64)+`","error":null,"id":1}]`)
		return true
	})
	_, err := tapped(t, s, n, nil).Mempool(t.Context())
	isKind(t, err, chain.ErrMempoolLoading)
}

func TestMempoolEntrySpenderAndFees(t *testing.T) {
	n := chaintest.Node(t)
	address, script := scriptOf(t, n)
	id := value(n.Pay(t.Context(), address, 80_000))(t)
	c := chaintest.Client(t, n, watching(script))
	e, ok, err := c.Entry(t.Context(), id)
	if err != nil || !ok || e.FeeRate <= 0 || e.Time.IsZero() {
		t.Fatalf("%+v %v %v", e, ok, err)
	}
	txs, left, err := c.Txs(t.Context(), []chain.TxID{id, {1}})
	if err != nil || len(left) != 1 || left[0] != (chain.TxID{1}) {
		t.Fatalf("what is not in the mempool: %v, %v", left, err)
	}
	if len(txs) != 1 || txs[0].ID != id || len(txs[0].Inputs) == 0 {
		t.Fatalf("transactions %+v", txs)
	}
	by, ok, err := c.Spender(t.Context(), txs[0].Inputs)
	if err != nil || !ok || by != id {
		t.Fatalf("spender %v %v %v", by, ok, err)
	}
	if _, ok, err := c.Spender(t.Context(), []chain.Outpoint{{Vout: 7}}); err != nil || ok {
		t.Fatalf("spender of nothing: %v %v", ok, err)
	}
	if floor := value(c.FeeFloor(t.Context()))(t); floor <= 0 {
		t.Fatalf("fee floor %v", floor)
	}
	if _, err := c.Broadcast(t.Context(), []byte{1, 2, 3}); err == nil || code(err) == 0 {
		t.Fatalf("junk was broadcast: %v", err)
	}
	value(n.Mine(t.Context(), 1, ""))(t)
	if _, ok, err := c.Entry(t.Context(), id); err != nil || ok {
		t.Fatalf("a mined transaction is in the mempool: %v %v", ok, err)
	}
}

// asMainnet gives a client that takes a node of regtest for one of mainnet.
func asMainnet(t *testing.T, n *regtest.Node) *chain.Node {
	t.Helper()
	s := tap(t, n, func(w http.ResponseWriter, _ *http.Request, method string) bool {
		if method != "getblockchaininfo" {
			return false
		}
		info, err := n.Call(t.Context(), method)
		if err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprintf(w, `{"result":%s,"error":null,"id":1}`, bytes.Replace(info, []byte(`"regtest"`), []byte(`"main"`), 1))
		return true
	})
	return newNode(t, chain.NodeConfig{URL: s.URL, CookieFile: n.CookieFile(), Network: "mainnet"})
}

// Each weakness of a set-up is named with the line that mends it; a good set-up has none. The loaded wallet is one on
// mainnet: elsewhere it is what tests pay with.
func TestWeaknessesOfASetUp(t *testing.T) {
	good := chaintest.Node(t)
	if err := good.LoadWallet(t.Context()); err != nil {
		t.Fatal(err)
	}
	if weak := value(chaintest.Client(t, good, nil).Weaknesses(t.Context(), chain.Header{}))(t); len(weak) > 0 {
		t.Errorf("the test's own node: %+v", weak)
	}
	weak := value(asMainnet(t, good).Weaknesses(t.Context(), chain.Header{}))(t)
	if len(weak) != 1 || weak[0].Name != "wallet_loaded" || weak[0].Config != "disablewallet=1" {
		t.Errorf("the same node on mainnet: %+v", weak)
	}
	bad := chaintest.Own(t, "-rest=0", "-blocksonly=1")
	text := ""
	for _, w := range value(chaintest.Client(t, bad, nil).Weaknesses(t.Context(), chain.Header{}))(t) {
		text += w.Config + "\n"
		if w.Name == "" || w.Sentence == "" || w.Config == "" {
			t.Errorf("%+v", w)
		}
	}
	for _, want := range []string{"rest=1", "blocksonly=0"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
}

func TestWrongNetworkIsRefused(t *testing.T) {
	n := chaintest.Node(t)
	c := newNode(t, chain.NodeConfig{URL: n.URL(), CookieFile: n.CookieFile(), Network: "mainnet"})
	_, err := c.Info(t.Context())
	isKind(t, err, chain.ErrWrongNetwork)
	if _, err := chain.NewNode(chain.NodeConfig{URL: n.URL(), Network: "moonnet"}); err == nil {
		t.Error("an unknown network was taken")
	}
}

func TestDescriptorsOfTheNode(t *testing.T) {
	const descriptor = "wpkh(tpubDC8msFGeGuwnKG9Upg7DM2b4DaRqg3CUZa5g8v2SRQ6K4NSkxUgd7HsL2XVWbVm39yBA4LAxysQAm397zwQSQoQgewGiYZqrA9DsP4zbQ1M/0/*)"
	n := chaintest.Node(t)
	c := chaintest.Client(t, n, nil)
	derived := value(c.DeriveScripts(t.Context(), descriptor, 2, 4))(t)
	if len(derived) != 3 {
		t.Fatalf("%d addresses", len(derived))
	}
	for _, d := range derived {
		if script := value(wallet.ScriptFor(d.Address, wallet.Regtest))(t); string(script) != string(d.Script) {
			t.Errorf("%s has another script", d.Address)
		}
	}
	if highest := value(c.HighestUsed(t.Context(), descriptor, 20))(t); highest != -1 {
		t.Errorf("an unused key is used up to %d", highest)
	}
	value(n.Pay(t.Context(), derived[1].Address, 30_000))(t)
	value(n.Mine(t.Context(), 1, ""))(t)
	if highest := value(c.HighestUsed(t.Context(), descriptor, 20))(t); highest != 3 {
		t.Errorf("address 3 holds coins, but %d is the highest used", highest)
	}
	if _, err := c.DescriptorInfo(t.Context(), "wpkh(nonsense)"); err == nil || errors.Is(err, chain.ErrUnreachable) {
		t.Errorf("nonsense: %v", err)
	}
}
