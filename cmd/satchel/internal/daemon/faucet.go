package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"

	"satchel/chain"
	"satchel/fault"
	"satchel/invoice"
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
)

// What bitcoind says (src/rpc/protocol.h).
const (
	codeUnknownTx = -5
	codeNoWallet  = -18
	codeNoCoins   = -25 // an input does not exist, or a block spends it
	codeInBlock   = -27
	codeIsLoaded  = -35
)

// Draft makes a payment to an address ready, from a loaded wallet that has the coins, or on regtest from one of our own.
// The wallet forgets it until the network has it.
func (f *faucet) Draft(ctx context.Context, address string, sats money.Sats) (d invoice.Draft, err error) {
	w, err := f.purse(ctx, sats+faucetReserve)
	if err != nil {
		return d, unpaid(err)
	}
	defer w.Close()
	outputs := []map[string]json.Number{{address: json.Number(sats.BTC())}}
	var made struct {
		Complete bool   `json:"complete"`
		TxID     string `json:"txid"`
		Hex      string `json:"hex"`
	}
	err = askNode(ctx, w.Node, &made, "send", outputs, nil, "unset", faucetFeeRate, map[string]any{"add_to_wallet": false})
	if err == nil && !made.Complete {
		err = errors.New("the wallet does not sign")
	}
	if err != nil {
		return d, unpaid(err)
	}
	d.Wallet = w.name
	txid, idErr := invoice.ParseTxID(made.TxID)
	raw, rawErr := hex.DecodeString(made.Hex)
	d.TxID, d.Raw = txid, raw
	return d, unpaid(errors.Join(idErr, rawErr))
}

// Send hands a draft to the network. What it has already it is not sent again; false: a block spends its coins otherwise.
func (f *faucet) Send(ctx context.Context, d invoice.Draft) (bool, error) {
	if err := f.unclaimed(ctx, d); err != nil {
		return true, unpaid(err)
	}
	_, err := f.node.Broadcast(ctx, d.Raw)
	switch {
	case err == nil, nodeSays(err, codeInBlock):
		return true, nil
	case !nodeSays(err, codeNoCoins):
		return true, unpaid(err)
	}
	has, err := f.has(ctx, d) // a block spends the coins; it may well hold the draft itself
	return has || err != nil, unpaid(err)
}

// unclaimed refuses a draft whose coins another payment in the mempool spends: to send it could replace that one.
func (f *faucet) unclaimed(ctx context.Context, d invoice.Draft) error {
	type output struct {
		TxID string `json:"txid"`
		Vout uint32 `json:"vout"`
	}
	var tx struct {
		Vin []output `json:"vin"`
	}
	if err := askNode(ctx, f.node, &tx, "decoderawtransaction", hex.EncodeToString(d.Raw)); err != nil {
		return err
	}
	var spent []struct {
		By string `json:"spendingtxid"`
	}
	if err := askNode(ctx, f.node, &spent, "gettxspendingprevout", tx.Vin); err != nil {
		return err
	}
	for _, s := range spent {
		if s.By != "" && s.By != d.TxID.String() {
			return fault.New(fault.Unavailable, "Another payment spends the coins; ask again after the next block")
		}
	}
	return nil
}

// has tells whether the wallet knows that a draft was sent, and has not lost to another transaction. A wallet hears of
// each transaction of its own that the node takes.
func (f *faucet) has(ctx context.Context, d invoice.Draft) (bool, error) {
	w, err := f.open(ctx, d.Wallet)
	if err != nil {
		return false, err
	}
	defer w.Close()
	var tx struct {
		Confirmations int64 `json:"confirmations"`
	}
	err = askNode(ctx, w.Node, &tx, "gettransaction", d.TxID.String())
	if nodeSays(err, codeUnknownTx) {
		return false, nil
	}
	return tx.Confirmations >= 0, err
}

// unpaid is what the client learns when the node does not do its part.
func unpaid(err error) error {
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
