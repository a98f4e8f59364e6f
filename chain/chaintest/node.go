package chaintest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"satchel/chain"
	"satchel/regtest"
)

// shared is the node that all tests of a process use.
type shared struct {
	once sync.Once
	node *regtest.Node
	err  error
}

var process shared

// Node gives the test process's funded bitcoind, which starts with the first call. A package whose tests use it has
// Main as its TestMain.
func Node(t testing.TB) *regtest.Node {
	t.Helper()
	process.once.Do(func() {
		// Not the test's context: the node is there for the tests after it, too.
		process.node, process.err = startFunded(context.Background(), regtest.Config{})
	})
	if process.err != nil {
		t.Fatal(process.err)
	}
	return process.node
}

func startFunded(ctx context.Context, cfg regtest.Config) (*regtest.Node, error) {
	n, err := regtest.Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return n, n.Fund(ctx)
}

// Main runs a package's tests and stops the node that they shared: func TestMain(m *testing.M) { os.Exit(chaintest.Main(m)) }.
func Main(m *testing.M) int {
	code := m.Run()
	if process.node != nil {
		if err := process.node.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// Own gives a funded bitcoind of the test's own, which is stopped at its end: for tests that kill or reconfigure it.
func Own(t testing.TB, args ...string) *regtest.Node {
	t.Helper()
	n, err := startFunded(t.Context(), regtest.Config{Dir: t.TempDir(), Args: args})
	if n != nil {
		t.Cleanup(func() {
			if err := n.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Client gives a chain.Node for a regtest node, closed at the test's end.
func Client(t testing.TB, n *regtest.Node, filter *chain.Filter) *chain.Node {
	t.Helper()
	c, err := chain.NewNode(chain.NodeConfig{URL: n.URL(), CookieFile: n.CookieFile(), Network: "regtest", Filter: filter})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
