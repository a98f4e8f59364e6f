package chain

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"satchel/money"
)

// Unspent is an output that nothing spends, as far as the node was asked to look.
type Unspent struct {
	Found         bool // else there is no such output, or it is spent
	Sats          money.Sats
	Confirmations int32 // 0: its transaction is in no block
	Coinbase      bool
}

// Spendable tells whether a block may hold a spend of the output now.
func (u Unspent) Spendable() bool {
	return u.Found && u.Confirmations > 0 && (!u.Coinbase || u.Confirmations >= coinbaseMaturity)
}

// coinbaseMaturity is how many confirmations a coinbase needs before its outputs can be spent.
const coinbaseMaturity = 100

// unspentBatch is how many outputs are asked for in one post.
const unspentBatch = 500

// Unspent looks outputs up (gettxout), in the order they are given: in the chain alone, or as the mempool changes it.
func (n *Node) Unspent(ctx context.Context, outputs []Outpoint, mempool bool) ([]Unspent, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found := make([]Unspent, 0, len(outputs))
	for some := range slices.Chunk(outputs, unspentBatch) {
		params := make([][]any, len(some))
		for i, o := range some {
			params[i] = []any{o.TxID.String(), o.Vout, mempool}
		}
		at := len(found)
		found = found[:at+len(some)]
		err := n.wire.batch(ctx, "gettxout", params, func(i int, result json.RawMessage, err error) error {
			if err == nil {
				found[at+i], err = parseUnspent(result)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// parseUnspent reads an answer; null means that there is nothing to spend.
func parseUnspent(raw json.RawMessage) (Unspent, error) {
	var r *struct {
		Value         json.Number `json:"value"`
		Confirmations int32       `json:"confirmations"`
		Coinbase      bool        `json:"coinbase"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return Unspent{}, fmt.Errorf("gettxout: %w", err)
	}
	if r == nil {
		return Unspent{}, nil
	}
	sats, err := money.ParseBTC(r.Value.String())
	if err != nil {
		return Unspent{}, fmt.Errorf("gettxout: %w", err)
	}
	return Unspent{Found: true, Sats: sats, Confirmations: r.Confirmations, Coinbase: r.Coinbase}, nil
}

// Accepts asks whether the mempool would take a raw transaction (testmempoolaccept), and why not in the node's word, such
// as "missing-inputs". Nothing is broadcast.
func (n *Node) Accepts(ctx context.Context, raw []byte) (reason string, ok bool, err error) {
	result, err := n.Call(ctx, "testmempoolaccept", []string{fmt.Sprintf("%x", raw)})
	if err != nil {
		return "", false, err
	}
	var list []struct {
		Allowed bool   `json:"allowed"`
		Reason  string `json:"reject-reason"`
	}
	if err := json.Unmarshal(result, &list); err != nil || len(list) != 1 {
		return "", false, fmt.Errorf("testmempoolaccept: %w", errMalformed)
	}
	return list[0].Reason, list[0].Allowed, nil
}
