package wallet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The node derives what we derive, reads our descriptors as they are, and takes the command for its wallet.
func TestTheNodeAgrees(t *testing.T) {
	node := startBitcoind(t)
	a, b := account(t, 1), account(t, 2)
	keys := strings.NewReplacer("@a", a, "@b", b)

	for _, text := range []string{
		"wpkh(@a/0/*)", "tr(@a/0/*)", "sh(wpkh(@a/0/*))", "pkh(@a/0/*)",
		"wpkh([73c5da0a/84'/1'/0']@a/<0;1>/*)", "tr(@a/7/2147483647/*)", "wpkh(@a/*)",
		"wsh(sortedmulti(2,[73C5DA0A/48H]@a/<0;1>/*,@b/<0;1>/*))", "sh(wsh(multi(1,@a/0/*,@b/0/*)))", "sh(multi(1,@a/0/*))",
		"wsh(and_v(v:pk(@a/0/*),older(144)))", "tr(@a/0/*,{pk(@b/0/*),pk(" + bareX + ")})", "rawtr(@a/*)",
	} {
		k := mustParse(t, keys.Replace(text), Regtest, "")
		if err := Compare(t.Context(), k, node, 20); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		var about struct {
			Descriptor     string
			IsRange        bool
			HasPrivateKeys bool
		}
		node.mustCall(&about, "getdescriptorinfo", k.Descriptor())
		if about.Descriptor != k.Descriptor() || !about.IsRange || about.HasPrivateKeys {
			t.Errorf("the node reads %s as %+v", k.Descriptor(), about)
		}
	}
	for prefix, kind := range map[string]AddressType{"tpub": P2TR, "upub": "", "vpub": ""} {
		if err := Compare(t.Context(), mustParse(t, as(t, prefix, a), Regtest, kind), node, 20); err != nil {
			t.Errorf("%s: %v", prefix, err)
		}
	}

	// These have no address, or several, so nothing can be issued from them.
	for _, text := range []string{"combo(@a/*)", "pk(@a/*)", "multi(1,@a/*)"} {
		if err := Compare(t.Context(), mustParse(t, keys.Replace(text), Regtest, ""), node, 20); err == nil {
			t.Errorf("%s passes", text)
		}
	}
	testImport(t, node, mustParse(t, keys.Replace("wpkh([73c5da0a/84'/1'/0']@a/<0;1>/*)"), Regtest, ""))
	testRefill(t, node)
}

// testImport pastes the commands into a shell, and asks the node's wallets how far they look.
func testImport(t *testing.T, node *bitcoind, k *WatchKey) {
	mustShell := func(line string) []byte {
		t.Helper()
		out, err := node.shell(line)
		if err != nil {
			t.Fatalf("%s: %v %s", line, err, out)
		}
		return out
	}
	mustShell(k.CommandsFor(10).Create)
	for _, upTo := range []uint32{10, 1500} {
		// A payment widens the wallet's view by itself, which no later command may narrow.
		out := mustShell(k.CommandsFor(upTo).Import)
		var results []struct{ Success bool }
		if err := json.Unmarshal(out, &results); err != nil || len(results) != 1 || !results[0].Success {
			t.Fatalf("import up to %d: %s", upTo, out)
		}
		for index, want := range map[uint32]bool{10: true, upTo: true, upTo + keypool: true, upTo + keypool + 1: false} {
			if got := node.sees(watchOnly, k, index); got != want {
				t.Errorf("imported up to %d, the wallet says of %d: %v", upTo, index, got)
			}
		}
		node.mustCall(new(json.RawMessage), "generatetoaddress", 1, node.address(k, upTo))
	}
	mustShell(k.CommandsFor(1501).Import)
	if !node.sees(watchOnly, k, 2500) {
		t.Error("after the last address of a view was paid the next command does not widen it")
	}
}

// testRefill pastes the command for a wallet that holds the keys, which was paid beyond what it looked at.
func testRefill(t *testing.T, node *bitcoind) {
	node.mustCall(new(json.RawMessage), "createwallet", "keys")
	out, err := node.shell("bitcoin-cli -regtest -rpcwallet=keys listdescriptors")
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Descriptors []struct{ Desc string } }
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list.Descriptors, func(d struct{ Desc string }) bool {
		return strings.HasPrefix(d.Desc, "wpkh(") && strings.Contains(d.Desc, "/0/*)")
	})
	k := mustParse(t, list.Descriptors[i].Desc, Regtest, "")
	const far = 1700
	node.mustCall(new(json.RawMessage), "generatetoaddress", 1, node.address(k, far))
	if node.sees("keys", k, far) {
		t.Fatal("the wallet looks far by itself")
	}
	if out, err := node.shell(strings.ReplaceAll(k.CommandsFor(far).Refill, "NAME", "keys")); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	out, err = node.shell("bitcoin-cli -regtest -rpcwallet=keys listtransactions")
	if err != nil || !node.sees("keys", k, far) || !strings.Contains(string(out), node.address(k, far)) {
		t.Errorf("the payment is not found: %v %s", err, out)
	}
}

// address gives one of a key, and sees tells whether a wallet takes it for its own.
func (n *bitcoind) address(k *WatchKey, index uint32) string {
	n.t.Helper()
	a, err := k.Derive(index)
	if err != nil {
		n.t.Fatal(err)
	}
	return a.Text
}

func (n *bitcoind) sees(wallet string, k *WatchKey, index uint32) bool {
	n.t.Helper()
	out, err := n.shell("bitcoin-cli -regtest -rpcwallet=" + wallet + " getaddressinfo " + n.address(k, index))
	var about struct{ IsMine bool }
	if err = errors.Join(err, json.Unmarshal(out, &about)); err != nil {
		n.t.Fatalf("%v %s", err, out)
	}
	return about.IsMine
}

func TestCommands(t *testing.T) {
	k := mustParse(t, account84, Mainnet, "")
	for upTo, want := range map[uint32][2]uint32{
		0: {0, 1000}, 1000: {0, 2000}, 998_999: {0, 999_999}, 999_000: {1, 1_000_000}, hardened: {2_146_483_648, 2_147_483_647},
	} {
		c := k.CommandsFor(upTo)
		if line := fmt.Sprintf(`bitcoin-cli -rpcwallet=satchel-watch importdescriptors '[{"desc":"%s","range":[%d,%d],"timestamp":0}]'`, k.Descriptor(), want[0], want[1]); c.Import != line {
			t.Errorf("up to %d: %s, want %s", upTo, c.Import, line)
		}
		if line := fmt.Sprintf("bitcoin-cli -rpcwallet=NAME keypoolrefill %d && bitcoin-cli -rpcwallet=NAME rescanblockchain", want[1]); c.Refill != line {
			t.Errorf("up to %d: %s, want %s", upTo, c.Refill, line)
		}
	}
	for _, network := range []Network{Testnet4, Signet, Regtest} {
		c := mustParse(t, as(t, "vpub", account84), network, "").CommandsFor(0)
		for _, line := range []string{c.Create, c.Import, c.Refill} {
			if !strings.HasPrefix(line, "bitcoin-cli -"+string(network)+" ") {
				t.Errorf("on %s: %s", network, line)
			}
		}
	}
}

// deriver is a node of a function.
type deriver func(descriptor string, from, to uint32) ([]Address, error)

func (d deriver) DeriveScripts(_ context.Context, descriptor string, from, to uint32) ([]Address, error) {
	return d(descriptor, from, to)
}

func TestCompareNamesTheFirstDifference(t *testing.T) {
	k := mustParse(t, account84, Mainnet, "")
	foreign := mustParse(t, "wsh(multi(1,"+other380+"/*))", Mainnet, "")
	away := errors.New("away")
	honest := func() []Address {
		out := make([]Address, 5)
		for i := range out {
			out[i], _ = k.Derive(uint32(i))
		}
		return out
	}
	for name, c := range map[string]struct {
		key    *WatchKey
		change func([]Address) []Address
		want   string // empty: they agree
	}{
		"equal":               {k, func(a []Address) []Address { return a }, ""},
		"another address":     {k, func(a []Address) []Address { a[3].Text = a[4].Text; return a }, "address 3 is"},
		"another script":      {k, func(a []Address) []Address { a[2].Script = a[3].Script; return a }, "address 2 is"},
		"another index":       {k, func(a []Address) []Address { a[1].Index = 7; return a }, "address 1 is"},
		"two differ":          {k, func(a []Address) []Address { a[1], a[4] = a[4], a[1]; return a }, "address 1 is"},
		"one missing":         {k, func(a []Address) []Address { return a[:4] }, "4 addresses for 5"},
		"one more":            {k, func(a []Address) []Address { return append(a, a[0]) }, "6 addresses for 5"},
		"foreign, consistent": {foreign, func(a []Address) []Address { return a }, ""},
		"foreign, script":     {foreign, func(a []Address) []Address { a[2].Script = a[3].Script; return a }, "address 2 is"},
		"foreign, index":      {foreign, func(a []Address) []Address { a[2].Index = 3; return a }, "address 2 is"},
		"foreign, twice": {foreign, func(a []Address) []Address {
			a[4].Text, a[4].Script = a[1].Text, a[1].Script
			return a
		}, "is address 1 and address 4"},
	} {
		node := deriver(func(descriptor string, from, to uint32) ([]Address, error) {
			if descriptor != c.key.Descriptor() || from != 0 || to != 5 {
				return nil, fmt.Errorf("asked for %s from %d to %d", descriptor, from, to)
			}
			return c.change(honest()), nil
		})
		err := Compare(t.Context(), c.key, node, 5)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrDisagree) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}

	err := Compare(t.Context(), k, deriver(func(string, uint32, uint32) ([]Address, error) { return nil, away }), 5)
	if !errors.Is(err, away) || errors.Is(err, ErrDisagree) {
		t.Errorf("a node that is away: %v", err)
	}
	err = Compare(t.Context(), foreign, deriver(func(string, uint32, uint32) ([]Address, error) { return make([]Address, 5), nil }), 5)
	if err == nil {
		t.Error("addresses that are none pass")
	}
}

func TestLookahead(t *testing.T) {
	foreign := mustParse(t, "wsh(multi(1,"+other380+"/*))", Mainnet, "")
	for _, c := range []struct {
		next, have, ahead uint32
		from, to          uint32
		need              bool
	}{
		{0, 0, 0, 0, 100, true},
		{0, 100, 0, 0, 0, false},
		{1, 100, 100, 100, 101, true},
		{50, 100, 20, 0, 0, false},
		{80, 100, 20, 0, 0, false},
		{81, 100, 20, 100, 101, true},
		{1100, 100, 100, 100, 1200, true}, // an index that skipped ahead: the skipped scripts are watched, too
		{hardened - 10, hardened - 10, 100, hardened - 10, hardened, true},
		{hardened, hardened, 100, 0, 0, false},
	} {
		from, to, need := foreign.Lookahead(c.next, c.have, c.ahead)
		if from != c.from || to != c.to || need != c.need {
			t.Errorf("next %d, have %d, ahead %d: %d to %d, %v", c.next, c.have, c.ahead, from, to, need)
		}
	}
	if _, _, need := mustParse(t, account84, Mainnet, "").Lookahead(5, 0, 100); need {
		t.Error("a key that derives here asks the node")
	}
}

// Whoever fetches what Lookahead says knows enough scripts, without a hole, and is not told to fetch again.
func TestLookaheadIsEnough(t *testing.T) {
	foreign := mustParse(t, "wsh(multi(1,"+other380+"/*))", Mainnet, "")
	rapid.Check(t, func(t *rapid.T) {
		next, have := rapid.Uint32Range(0, hardened).Draw(t, "next"), rapid.Uint32Range(0, hardened).Draw(t, "have")
		ahead := rapid.Uint32Range(1, 10_000).Draw(t, "ahead")
		from, to, need := foreign.Lookahead(next, have, ahead)
		if need {
			if from != have || to <= from {
				t.Fatalf("a hole: have %d, fetch %d to %d", have, from, to)
			}
			have = to
		}
		if have < hardened && (have < next || have-next < ahead) {
			t.Fatalf("only %d known, %d issued, want %d ahead", have, next, ahead)
		}
		if _, _, again := foreign.Lookahead(next, have, ahead); again {
			t.Fatal("fetch again")
		}
	})
}
