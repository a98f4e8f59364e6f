package regtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"satchel/chain"
	"satchel/regtest"
)

func start(t *testing.T, cfg regtest.Config) *regtest.Node {
	t.Helper()
	cfg.Dir = t.TempDir()
	n, err := regtest.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(n.Dir()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the folder is still there: %v", err)
		}
	})
	return n
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestPaysMinesAndBumps(t *testing.T) {
	ctx := t.Context()
	began := time.Now()
	n := start(t, regtest.Config{})
	t.Logf("started in %v", time.Since(began))
	if err := n.Fund(ctx); err != nil {
		t.Fatal(err)
	}
	address := must[string](t)(n.NewAddress(ctx))
	paid := must[chain.TxID](t)(n.Pay(ctx, address, 123_456))
	bumped := must[chain.TxID](t)(n.BumpFee(ctx, paid))
	if bumped == paid {
		t.Fatal("the replacement is the payment")
	}
	other := must[string](t)(n.NewAddress(ctx))
	raw := must[[]byte](t)(n.DoubleSpend(ctx, bumped, other))
	sent := must[chain.TxID](t)(n.Send(ctx, raw))
	mempool := must[chain.Mempool](t)(n.Chain().Mempool(ctx))
	if len(mempool.IDs) != 1 || mempool.IDs[0] != sent {
		t.Fatalf("mempool %v, want only the double spend %v", mempool.IDs, sent)
	}
	many := must[chain.TxID](t)(n.PayMany(ctx, map[string]int64{address: 1_000, other: 2_000}))
	must[chain.BlockHash](t)(n.MineOnly(ctx, many))
	if left := must[chain.Mempool](t)(n.Chain().Mempool(ctx)); len(left.IDs) != 1 || left.IDs[0] != sent {
		t.Fatalf("mempool %v after a block that took one of two", left.IDs)
	}
	if err := n.Reorg(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if left := must[chain.Mempool](t)(n.Chain().Mempool(ctx)); len(left.IDs) != 2 {
		t.Fatalf("mempool %v after the block was taken back, want both", left.IDs)
	}
}

func TestRestartAfterKillAndPause(t *testing.T) {
	ctx := t.Context()
	n := start(t, regtest.Config{Args: []string{"-uacomment=mine"}})
	must[[]chain.BlockHash](t)(n.Mine(ctx, 3, ""))
	n.Kill()
	if _, err := n.Chain().Info(ctx); !errors.Is(err, chain.ErrUnreachable) {
		t.Fatalf("a killed node: %v", err)
	}
	if err := n.Pause(); err == nil {
		t.Fatal("paused a node that does not run")
	}
	if err := n.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.Pause(); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := n.Call(short, "getblockcount"); !errors.Is(err, chain.ErrUnreachable) {
		t.Fatalf("a paused node: %v", err)
	}
	if err := n.Resume(); err != nil {
		t.Fatal(err)
	}
	raw := must[json.RawMessage](t)(n.Call(ctx, "getnetworkinfo"))
	var info struct {
		Version string `json:"subversion"`
	}
	if err := json.Unmarshal(raw, &info); err != nil || info.Version == "" {
		t.Fatalf("%v in %s", err, raw)
	}
}

func TestWalletIsLoadedWhenNeededAndComesBack(t *testing.T) {
	ctx := t.Context()
	n := start(t, regtest.Config{})
	loaded := func() int {
		var names []string
		if err := json.Unmarshal(must[json.RawMessage](t)(n.Call(ctx, "listwallets")), &names); err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	if got := loaded(); got != 0 {
		t.Fatalf("%d wallets loaded before any is needed", got)
	}
	first := must[string](t)(n.NewAddress(ctx))
	if err := n.UnloadWallet(ctx); err != nil {
		t.Fatal(err)
	}
	if got := loaded(); got != 0 {
		t.Fatalf("%d wallets loaded after unloading", got)
	}
	if err := n.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	raw := must[json.RawMessage](t)(n.WalletCall(ctx, "getaddressinfo", first))
	var info struct {
		Mine bool `json:"ismine"`
	}
	if err := json.Unmarshal(raw, &info); err != nil || !info.Mine {
		t.Fatalf("the wallet lost its address: %s, %v", raw, err)
	}
}

func TestNoBitcoindSaysWhatToDo(t *testing.T) {
	_, err := regtest.Start(t.Context(), regtest.Config{Binary: "/nowhere/bitcoind"})
	if !errors.Is(err, regtest.ErrNoBitcoind) {
		t.Fatalf("got %v", err)
	}
}

func TestBitcoindsOwnWordsAboutABadArgument(t *testing.T) {
	_, err := regtest.Start(t.Context(), regtest.Config{Dir: t.TempDir(), Args: []string{"-nosuchthing"}})
	if err == nil {
		t.Fatal("started with an argument that does not exist")
	}
	t.Log(err)
}

// A port that was found is below those of outgoing connections, so that it stays free while its owner starts again.
func TestFreePorts(t *testing.T) {
	const most = 50
	ports, err := regtest.FreePorts(t.Context(), most)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Fatal(err)
	}
	var lowest int
	if _, err := fmt.Sscan(string(text), &lowest); err != nil {
		t.Fatal(err)
	}
	for i, address := range ports {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := strconv.Atoi(port); err != nil || n >= lowest || slices.Contains(ports[:i], address) {
			t.Errorf("port %s of %v (%v)", port, ports, err)
		}
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
	}
}
