package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"satchel/chain"
	"satchel/fault"
	"satchel/money"
	"satchel/wallet"
)

// faucet pays with the coins of the node's own wallet, for PUT /invoices/pay/:id. It exists on test networks only; on
// regtest it also makes coins and blocks.
type faucet struct {
	node  *chain.Node
	cfg   chain.NodeConfig // as the node is reached, without a wallet
	mines bool
}

// newFaucet gives the payer of a network; nil on mainnet.
func newFaucet(node *chain.Node, cfg chain.NodeConfig, network wallet.Network) *faucet {
	switch network {
	case wallet.Regtest, wallet.Signet, wallet.Testnet4:
		cfg.Filter, cfg.Log = nil, slog.New(slog.DiscardHandler)
		return &faucet{node: node, cfg: cfg, mines: network == wallet.Regtest}
	case wallet.Mainnet:
		return nil
	}
	return nil
}

const (
	faucetWallet   = "satchel-faucet"
	faucetFeeRate  = 10      // sat/vB: a regtest node has no estimate, and may have no fallback
	faucetReserve  = 100_000 // satoshis for the fee
	faucetMaturity = 101     // blocks until the first of them can be spent
	faucetRounds   = 4       // of mining until there are enough coins
	codeNoWallet   = -18
	codeIsLoaded   = -35
)

// Pay sends an amount to an address, from a loaded wallet that has the coins, or on regtest from one of our own.
func (f *faucet) Pay(ctx context.Context, address string, sats money.Sats) error {
	w, err := f.funded(ctx, sats+faucetReserve)
	if err != nil {
		return away(err)
	}
	if w == nil && !f.mines {
		return fault.New(fault.Conflict, "No loaded wallet of the node has the coins to pay with")
	}
	if w == nil {
		if w, err = f.fill(ctx, sats+faucetReserve); err != nil {
			return away(err)
		}
	}
	defer w.Close()
	_, err = w.Call(ctx, "sendtoaddress", address, json.Number(sats.BTC()), "", "", false, nil, nil, "unset", false, faucetFeeRate)
	return away(err)
}

// away is what the client learns when the node does not do its part.
func away(err error) error {
	if err == nil || fault.KindOf(err) != fault.Internal {
		return err
	}
	return fault.New(fault.Unavailable, "The node did not pay").Because(err)
}

// Mine makes blocks that pay nobody; false where they come by themselves.
func (f *faucet) Mine(ctx context.Context, blocks int32) (bool, error) {
	if !f.mines {
		return false, nil
	}
	program := make([]byte, 20)
	_, _ = rand.Read(program) // never fails: crypto/rand ends the process first
	_, err := f.node.Call(ctx, "generatetodescriptor", blocks, "raw(0014"+hex.EncodeToString(program)+")")
	if err != nil {
		return true, fault.New(fault.Unavailable, "The node made no blocks").Because(err)
	}
	return true, nil
}

// funded finds a loaded wallet that can send so much; nil where there is none.
func (f *faucet) funded(ctx context.Context, need money.Sats) (*chain.Node, error) {
	var names []string
	if err := askNode(ctx, f.node, &names, "listwallets"); err != nil {
		return nil, err
	}
	for _, name := range names {
		w, err := f.wallet(name)
		if err != nil {
			return nil, err
		}
		ok, err := able(ctx, w, need)
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
func able(ctx context.Context, w *chain.Node, need money.Sats) (bool, error) {
	var info struct {
		Keys     bool   `json:"private_keys_enabled"`
		Unlocked *int64 `json:"unlocked_until"`
	}
	if err := askNode(ctx, w, &info, "getwalletinfo"); err != nil {
		return false, err
	}
	if !info.Keys || info.Unlocked != nil && *info.Unlocked == 0 {
		return false, nil
	}
	var balance json.Number
	if err := askNode(ctx, w, &balance, "getbalance"); err != nil {
		return false, err
	}
	have, err := money.ParseBTC(balance.String())
	return err == nil && have >= need, err
}

// fill loads our own wallet, makes it where there is none, and mines coins to it until there are enough.
func (f *faucet) fill(ctx context.Context, need money.Sats) (w *chain.Node, err error) {
	_, err = f.node.Call(ctx, "loadwallet", faucetWallet)
	if nodeSays(err, codeNoWallet) {
		_, err = f.node.Call(ctx, "createwallet", faucetWallet)
	}
	if err != nil && !nodeSays(err, codeIsLoaded) {
		return nil, err
	}
	if w, err = f.wallet(faucetWallet); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	var address string
	if err := askNode(ctx, w, &address, "getnewaddress"); err != nil {
		return nil, err
	}
	for range faucetRounds {
		if ok, err := able(ctx, w, need); ok || err != nil {
			return w, err
		}
		if _, err := f.node.Call(ctx, "generatetoaddress", faucetMaturity, address); err != nil {
			return nil, err
		}
	}
	if ok, err := able(ctx, w, need); ok || err != nil {
		return w, err
	}
	return nil, errors.New("mining does not give enough coins")
}

// wallet gives a client of one of the node's wallets.
func (f *faucet) wallet(name string) (*chain.Node, error) {
	u, err := url.Parse(f.cfg.URL)
	if err != nil {
		return nil, errors.New("the node's url cannot be read")
	}
	cfg := f.cfg
	cfg.URL = u.Scheme + "://" + u.Host + "/wallet/" + url.PathEscape(name)
	return chain.NewNode(cfg)
}

func askNode(ctx context.Context, n *chain.Node, answer any, method string) error {
	raw, err := n.Call(ctx, method)
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
