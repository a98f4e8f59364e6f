package regtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/wire"

	"satchel/chain"
)

// Coin is an output that anybody may spend without a signature, so that thousands of transactions are made in no time.
type Coin struct {
	ID   chain.TxID
	Vout uint32
	Sats int64
	Free bool // a witness program of a version to come (BIP141): blocks take any witness for it, the mempool none
}

// Output is what a coin is spent to, in satoshis.
type Output struct {
	Script []byte
	Sats   int64
}

const (
	subsidy       = 5_000_000_000 // of the first blocks, in satoshis
	halving       = 150           // blocks of regtest until it is halved
	outputsAtOnce = 2_000         // of one transaction that the mempool takes
	fanFee        = 100_000       // satoshis, of a transaction of that many outputs
	sentAtOnce    = 500           // transactions in one batch of calls
)

// anyone is the script that OP_TRUE alone satisfies: P2WSH of it (BIP141).
func anyone() []byte {
	program := sha256.Sum256([]byte{0x51})
	return append([]byte{0x00, 32}, program[:]...)
}

// free is a witness program of version 2, which no rule binds yet.
func free() []byte { return append([]byte{0x52, 32}, bytes.Repeat([]byte{1}, 32)...) }

// Coins makes so many coins of an amount each, in satoshis, in blocks of the chain. It needs no wallet.
func (n *Node) Coins(ctx context.Context, count int, sats int64) ([]Coin, error) {
	return n.coins(ctx, count, sats, anyone())
}

// FreeCoins makes coins whose witness may be anything, for transactions that only a block takes.
func (n *Node) FreeCoins(ctx context.Context, count int, sats int64) ([]Coin, error) {
	coins, err := n.coins(ctx, count, sats, free())
	for i := range coins {
		coins[i].Free = true
	}
	return coins, err
}

func (n *Node) coins(ctx context.Context, count int, sats int64, script []byte) ([]Coin, error) {
	info, err := n.node.Info(ctx)
	if err != nil {
		return nil, err
	}
	given := int64(subsidy) >> (int(info.Best.Height)/halving + 1) // the next halving may come while we mine
	each := min(outputsAtOnce, (given-fanFee)/sats)
	if each < 1 {
		return nil, errors.New("coins: the amount is more than a block gives")
	}
	blocks := (int64(count) + each - 1) / each
	mined, err := n.mineCoins(ctx, blocks, given)
	if err != nil {
		return nil, err
	}
	coins := make([]Coin, 0, count)
	raws := make([][]byte, 0, blocks)
	for _, c := range mined {
		outputs := make([]Output, min(each, int64(count-len(coins))))
		for i := range outputs {
			outputs[i] = Output{script, sats}
		}
		raw, id, err := c.Spend(outputs...)
		if err != nil {
			return nil, err
		}
		raws = append(raws, raw)
		for i := range outputs {
			coins = append(coins, Coin{ID: id, Vout: uint32(i), Sats: sats})
		}
	}
	for some := range slices.Chunk(raws, 10) { // as many as a block holds
		if _, err := n.MineRaw(ctx, some...); err != nil {
			return nil, err
		}
	}
	return coins, nil
}

// mineCoins mines blocks whose subsidies anybody may spend, and makes them mature.
func (n *Node) mineCoins(ctx context.Context, blocks, sats int64) ([]Coin, error) {
	raw, err := n.node.Call(ctx, "generatetodescriptor", blocks, "raw("+hex.EncodeToString(anyone())+")")
	if err != nil {
		return nil, err
	}
	var hashes []string
	if err := json.Unmarshal(raw, &hashes); err != nil {
		return nil, fmt.Errorf("mine coins: %w", err)
	}
	coins := make([]Coin, len(hashes))
	for i, hash := range hashes {
		if raw, err = n.node.Call(ctx, "getblock", hash, 1); err != nil {
			return nil, err
		}
		var block struct{ Tx []string }
		if err := json.Unmarshal(raw, &block); err != nil || len(block.Tx) == 0 {
			return nil, errors.Join(errors.New("the coins' block cannot be read"), err)
		}
		coins[i].Sats = sats
		if coins[i].ID, err = chain.ParseTxID(block.Tx[0]); err != nil {
			return nil, err
		}
	}
	_, err = n.Mine(ctx, coinbaseMatures, "")
	return coins, err
}

// Spend makes a transaction that spends the coin. What the outputs leave is its fee.
func (c Coin) Spend(outputs ...Output) (raw []byte, id chain.TxID, err error) {
	return c.SpendWith(nil, outputs...)
}

// SpendWith is Spend with a witness for a free coin.
func (c Coin) SpendWith(witness [][]byte, outputs ...Output) (raw []byte, id chain.TxID, err error) {
	tx := wire.NewMsgTx(2)
	in := wire.NewTxIn(&wire.OutPoint{Hash: [32]byte(c.ID), Index: c.Vout}, nil, nil)
	if in.Witness = witness; !c.Free {
		in.Witness = wire.TxWitness{{0x51}}
	}
	tx.AddTxIn(in)
	for _, o := range outputs {
		tx.AddTxOut(wire.NewTxOut(o.Sats, o.Script))
	}
	var text bytes.Buffer
	if err := tx.Serialize(&text); err != nil {
		return nil, chain.TxID{}, fmt.Errorf("spend a coin: %w", err)
	}
	return text.Bytes(), chain.TxID(tx.TxHash()), nil
}

// Script gives an address's output script.
func (n *Node) Script(ctx context.Context, address string) ([]byte, error) {
	raw, err := n.node.Call(ctx, "validateaddress", address)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Valid  bool   `json:"isvalid"`
		Script string `json:"scriptPubKey"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("validateaddress: %w", err)
	}
	if !doc.Valid {
		return nil, errors.New("the address is not of this network")
	}
	return hex.DecodeString(doc.Script)
}

// SendAll puts raw transactions into the node's mempool, many with one call.
func (n *Node) SendAll(ctx context.Context, raws [][]byte) error {
	for some := range slices.Chunk(raws, sentAtOnce) {
		if err := n.sendBatch(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) sendBatch(ctx context.Context, raws [][]byte) error {
	type call struct {
		ID     int    `json:"id"`
		Method string `json:"method"`
		Params []any  `json:"params"`
	}
	calls := make([]call, len(raws))
	for i, raw := range raws {
		calls[i] = call{i, "sendrawtransaction", []any{hex.EncodeToString(raw), 0}}
	}
	body, err := json.Marshal(calls)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	cookie, err := os.ReadFile(n.CookieFile())
	if err != nil {
		return fmt.Errorf("read the node's cookie: %w", err)
	}
	user, password, _ := strings.Cut(strings.TrimSpace(string(cookie)), ":")
	req.SetBasicAuth(user, password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("send transactions: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("send transactions: %w", err)
	}
	var answers []struct {
		Error *struct{ Message string }
	}
	if err := json.Unmarshal(text, &answers); err != nil {
		return fmt.Errorf("send transactions: %s: %w", res.Status, err)
	}
	for i, a := range answers {
		if a.Error != nil {
			return fmt.Errorf("send transaction %d of %d: %s", i+1, len(raws), a.Error.Message)
		}
	}
	return nil
}
