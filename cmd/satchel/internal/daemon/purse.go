package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"satchel/chain"
	"satchel/fault"
	"satchel/money"
)

// purse is one of the node's wallets.
type purse struct {
	*chain.Node
	name string
}

// purse gives a wallet that can send so much.
func (f *faucet) purse(ctx context.Context, need money.Sats) (*purse, error) {
	w, err := f.funded(ctx, need)
	if err != nil || w != nil {
		return w, err
	}
	if !f.mines {
		return nil, fault.New(fault.Conflict, "No loaded wallet of the node has the coins to pay with")
	}
	return f.fill(ctx, need)
}

// funded finds a loaded wallet that can send so much; nil where there is none.
func (f *faucet) funded(ctx context.Context, need money.Sats) (*purse, error) {
	var names []string
	if err := askNode(ctx, f.node, &names, "listwallets"); err != nil {
		return nil, err
	}
	for _, name := range names {
		w, err := f.wallet(name)
		if err != nil {
			return nil, err
		}
		ok, err := w.able(ctx, need)
		if ok {
			return w, nil
		}
		w.Close()
		if err != nil {
			return nil, err
		}
	}
	return nil, nil //nolint:nilnil // no such wallet is an answer
}

// able tells whether a wallet has the keys and the coins, and is not locked.
func (w *purse) able(ctx context.Context, need money.Sats) (bool, error) {
	var info struct {
		Keys     bool   `json:"private_keys_enabled"`
		Unlocked *int64 `json:"unlocked_until"`
	}
	if err := askNode(ctx, w.Node, &info, "getwalletinfo"); err != nil {
		return false, err
	}
	if !info.Keys || info.Unlocked != nil && *info.Unlocked == 0 {
		return false, nil
	}
	var balance json.Number
	if err := askNode(ctx, w.Node, &balance, "getbalance"); err != nil {
		return false, err
	}
	have, err := money.ParseBTC(balance.String())
	return err == nil && have >= need, err
}

// fill takes our own wallet, makes it where there is none, and mines coins to it until there are enough.
func (f *faucet) fill(ctx context.Context, need money.Sats) (w *purse, err error) {
	w, err = f.open(ctx, faucetWallet)
	if nodeSays(err, codeNoWallet) {
		if _, err = f.node.Call(ctx, "createwallet", faucetWallet); err == nil {
			w, err = f.wallet(faucetWallet)
		}
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	var address string
	if err := askNode(ctx, w.Node, &address, "getnewaddress"); err != nil {
		return nil, err
	}
	for range faucetRounds {
		if ok, err := w.able(ctx, need); ok || err != nil {
			return w, err
		}
		if _, err := f.node.Call(ctx, "generatetoaddress", faucetMaturity, address); err != nil {
			return nil, err
		}
	}
	if ok, err := w.able(ctx, need); ok || err != nil {
		return w, err
	}
	return nil, errors.New("mining does not give enough coins")
}

// open gives a client of one of the node's wallets, which the node loads where it has not.
func (f *faucet) open(ctx context.Context, name string) (*purse, error) {
	if _, err := f.node.Call(ctx, "loadwallet", name); err != nil && !nodeSays(err, codeIsLoaded) {
		return nil, err
	}
	return f.wallet(name)
}

// wallet gives a client of one of the node's loaded wallets.
func (f *faucet) wallet(name string) (*purse, error) {
	u, err := url.Parse(f.cfg.URL)
	if err != nil {
		return nil, errors.New("the node's url cannot be read")
	}
	cfg := f.cfg
	cfg.URL = u.Scheme + "://" + u.Host + "/wallet/" + url.PathEscape(name)
	node, err := chain.NewNode(cfg)
	return &purse{Node: node, name: name}, err
}

func askNode(ctx context.Context, n *chain.Node, answer any, method string, params ...any) error {
	raw, err := n.Call(ctx, method, params...)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

func nodeSays(err error, code int) bool {
	var said *chain.RPCError
	return errors.As(err, &said) && said.Code == code
}
