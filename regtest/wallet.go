package regtest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"satchel/chain"
)

// What bitcoind says of a wallet that is not loaded, and of one that exists already.
const (
	codeNoSuchFile  = -18
	codeIsLoaded    = -35
	matureCoins     = 20 // coins that Fund makes spendable
	coinbaseMatures = 100
)

func hasCode(err error, code int) bool {
	var said *chain.RPCError
	return errors.As(err, &said) && said.Code == code
}

// LoadWallet loads the node's wallet, "payer", and makes it when there is none. Whatever pays does it by itself.
func (n *Node) LoadWallet(ctx context.Context) error {
	n.walletMu.Lock()
	defer n.walletMu.Unlock()
	if n.wallet {
		return nil
	}
	_, err := n.node.Call(ctx, "loadwallet", walletName)
	if hasCode(err, codeNoSuchFile) {
		_, err = n.node.Call(ctx, "createwallet", walletName)
	}
	if err != nil && !hasCode(err, codeIsLoaded) {
		return err
	}
	n.wallet = true
	return nil
}

// UnloadWallet unloads the wallet: a node without one sends its notifications sooner.
func (n *Node) UnloadWallet(ctx context.Context) error {
	n.walletMu.Lock()
	defer n.walletMu.Unlock()
	if !n.wallet {
		return nil
	}
	if _, err := n.node.Call(ctx, "unloadwallet", walletName); err != nil {
		return err
	}
	n.wallet = false
	return nil
}

// WalletCall makes any call to the node's wallet.
func (n *Node) WalletCall(ctx context.Context, method string, params ...any) (json.RawMessage, error) {
	if err := n.LoadWallet(ctx); err != nil {
		return nil, err
	}
	return n.payer.Call(ctx, method, params...)
}

// walletText makes a call whose answer is a string.
func (n *Node) walletText(ctx context.Context, method string, params ...any) (string, error) {
	raw, err := n.WalletCall(ctx, method, params...)
	if err != nil {
		return "", err
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", fmt.Errorf("%s: %w", method, err)
	}
	return text, nil
}

func (n *Node) walletTx(ctx context.Context, method string, params ...any) (chain.TxID, error) {
	text, err := n.walletText(ctx, method, params...)
	if err != nil {
		return chain.TxID{}, err
	}
	return chain.ParseTxID(text)
}

// NewAddress gives a fresh address of the wallet (P2WPKH).
func (n *Node) NewAddress(ctx context.Context) (string, error) {
	return n.walletText(ctx, "getnewaddress", "", "bech32")
}

// Fund mines 120 blocks, which gives the wallet 20 coins of 50 bitcoin that it can spend.
func (n *Node) Fund(ctx context.Context) error {
	address, err := n.NewAddress(ctx)
	if err != nil {
		return err
	}
	if _, err := n.Mine(ctx, matureCoins, address); err != nil {
		return err
	}
	_, err = n.Mine(ctx, coinbaseMatures, "")
	return err
}

// amount writes satoshis as bitcoind reads and writes them: a JSON number of bitcoin with eight decimals.
func amount(sats int64) json.Number {
	return json.Number(fmt.Sprintf("%d.%08d", sats/1e8, sats%1e8))
}

// satoshis reads what amount wrote.
func satoshis(number json.Number) (int64, error) {
	whole, decimals, _ := strings.Cut(number.String(), ".")
	if len(decimals) != 8 {
		return 0, fmt.Errorf("%q has not the eight decimals of an amount", number)
	}
	return strconv.ParseInt(whole+decimals, 10, 64)
}

// Pay sends coins of the wallet to an address, in satoshis.
func (n *Node) Pay(ctx context.Context, address string, sats int64) (chain.TxID, error) {
	return n.walletTx(ctx, "sendtoaddress", address, amount(sats))
}

// PayMany sends coins of the wallet to several addresses in one transaction, in satoshis.
func (n *Node) PayMany(ctx context.Context, outputs map[string]int64) (chain.TxID, error) {
	amounts := make(map[string]json.Number, len(outputs))
	for address, sats := range outputs {
		amounts[address] = amount(sats)
	}
	return n.walletTx(ctx, "sendmany", "", amounts)
}

// BumpFee replaces a payment of the wallet by one with a higher fee and the same outputs but for the change.
func (n *Node) BumpFee(ctx context.Context, id chain.TxID) (chain.TxID, error) {
	raw, err := n.WalletCall(ctx, "bumpfee", id.String())
	if err != nil {
		return chain.TxID{}, err
	}
	var r struct {
		ID string `json:"txid"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return chain.TxID{}, fmt.Errorf("bumpfee: %w", err)
	}
	return chain.ParseTxID(r.ID)
}

// DoubleSpend signs, and does not send, a transaction that spends what a payment of the wallet in the mempool spends,
// and pays all of it to the address with ten times the fee. Send replaces the payment; MineRaw does so in a block.
func (n *Node) DoubleSpend(ctx context.Context, id chain.TxID, address string) ([]byte, error) {
	inputs, total, fee, err := n.spending(ctx, id)
	if err != nil {
		return nil, err
	}
	unsigned, err := n.walletText(ctx, "createrawtransaction", inputs, map[string]json.Number{address: amount(total - 9*fee)})
	if err != nil {
		return nil, err
	}
	bare, err := hex.DecodeString(unsigned)
	if err != nil {
		return nil, err
	}
	return n.Sign(ctx, bare)
}

// input is a coin to spend, as createrawtransaction wants it.
type input struct {
	ID   string `json:"txid"`
	Vout uint32 `json:"vout"`
}

// spending tells what a mempool transaction spends, what it pays in all, and its fee.
func (n *Node) spending(ctx context.Context, id chain.TxID) (inputs []input, total, fee int64, err error) {
	raw, err := n.node.Call(ctx, "getrawtransaction", id.String(), true)
	if err != nil {
		return nil, 0, 0, err
	}
	var tx struct {
		Vin  []input `json:"vin"`
		Vout []struct {
			Value json.Number `json:"value"`
		} `json:"vout"`
	}
	if err := json.Unmarshal(raw, &tx); err != nil {
		return nil, 0, 0, fmt.Errorf("getrawtransaction: %w", err)
	}
	if raw, err = n.node.Call(ctx, "getmempoolentry", id.String()); err != nil {
		return nil, 0, 0, err
	}
	var entry struct {
		Fees struct {
			Base json.Number `json:"base"`
		} `json:"fees"`
	}
	if err := json.Unmarshal(raw, &entry); err != nil {
		return nil, 0, 0, fmt.Errorf("getmempoolentry: %w", err)
	}
	fee, err = satoshis(entry.Fees.Base)
	for _, out := range tx.Vout {
		sats, bad := satoshis(out.Value)
		err = errors.Join(err, bad)
		total += sats
	}
	return tx.Vin, total, fee, err
}
