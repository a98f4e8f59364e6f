package daemon

import (
	"testing"

	"satchel/chain"
	"satchel/fault"
	"satchel/invoice"
	"satchel/regtest"
	"satchel/wallet"
)

// On a network whose blocks come by themselves nothing is mined, and without coins nothing is paid.
func TestTheFaucetOfSignet(t *testing.T) {
	node, err := regtest.Start(t.Context(), regtest.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Stop() })
	f := &faucet{node: node.Chain(), cfg: chain.NodeConfig{URL: node.URL(), CookieFile: node.CookieFile(), Network: "regtest"}}
	address := "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
	if _, err := f.Draft(t.Context(), address, 1_000); !fault.Is(err, fault.Conflict) {
		t.Errorf("without a wallet: %v", err)
	}
	if err := node.Fund(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Draft(t.Context(), address, 10_000_000_000_000); !fault.Is(err, fault.Conflict) {
		t.Errorf("more than there is: %v", err)
	}
	if _, err := f.Draft(t.Context(), address, 1_000); err != nil {
		t.Errorf("with coins: %v", err)
	}
	if mined, err := f.Mine(t.Context(), 1); mined || err != nil {
		t.Errorf("it mined: %v %v", mined, err)
	}
	for network, pays := range map[wallet.Network]bool{
		wallet.Mainnet: false, wallet.Testnet4: true, wallet.Signet: true, wallet.Regtest: true, "other": false,
	} {
		if f := newFaucet(node.Chain(), f.cfg, network); (f != nil) != pays || pays && f.mines != (network == wallet.Regtest) {
			t.Errorf("%s: %+v", network, f)
		}
	}
}

// Drafts on a real node: each is sent as often as one likes, and pays once.
func TestDraftsOfTheFaucet(t *testing.T) {
	t.Parallel()
	node, err := regtest.Start(t.Context(), regtest.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Stop() })
	if err := node.Fund(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := &faucet{node: node.Chain(), cfg: chain.NodeConfig{URL: node.URL(), CookieFile: node.CookieFile(), Network: "regtest"}, mines: true}
	ours, err := node.NewAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mine := func() {
		t.Helper()
		if _, err := node.Mine(t.Context(), 1, ""); err != nil {
			t.Fatal(err)
		}
	}
	draft := func() invoice.Draft {
		t.Helper()
		d, err := f.Draft(t.Context(), ours, 50_000)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	sends := func(d invoice.Draft, want bool) {
		t.Helper()
		if alive, err := f.Send(t.Context(), d); err != nil || alive != want {
			t.Fatalf("got %v %v, want %v", alive, err, want)
		}
	}
	d := draft()
	sends(d, true)
	sends(d, true)
	mine()
	sends(d, true)
	if _, err := node.WalletCall(t.Context(), "sendall", []string{nobodysAddress}, nil, "unset", 20); err != nil {
		t.Fatal(err)
	}
	mine() // both of its outputs are spent: only the wallet knows that it ever was
	sends(d, true)
	if err := node.UnloadWallet(t.Context()); err != nil {
		t.Fatal(err)
	}
	sends(d, true) // the wallet is loaded for the question
	if err := node.Fund(t.Context()); err != nil {
		t.Fatal(err)
	}
	robbed := draft()
	if _, err := node.WalletCall(t.Context(), "sendall", []string{nobodysAddress}, nil, "unset", 1); err != nil {
		t.Fatal(err)
	}
	if alive, err := f.Send(t.Context(), robbed); !alive || !fault.Is(err, fault.Unavailable) {
		t.Fatalf("the coins are another payment's: %v %v", alive, err)
	}
	mine()
	sends(robbed, false)
}

const nobodysAddress = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
