package regtest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// Draft is a transaction that was made and not sent.
type Draft struct {
	Unsigned []byte
	Signed   []byte
}

// Draft makes a transaction that pays satoshis to an address from confirmed coins of the wallet, at a rate in satoshis per
// virtual byte, and sends nothing. The coins stay free, so the next draft may spend the same ones.
func (n *Node) Draft(ctx context.Context, address string, sats, feeRate int64) (Draft, error) {
	bare, err := n.walletText(ctx, "createrawtransaction", []input{}, map[string]json.Number{address: amount(sats)})
	if err != nil {
		return Draft{}, err
	}
	raw, err := n.WalletCall(ctx, "fundrawtransaction", bare, map[string]any{"fee_rate": feeRate, "minconf": 1, "change_type": "bech32"})
	if err != nil {
		return Draft{}, err
	}
	var funded struct {
		Hex string `json:"hex"`
	}
	if err := json.Unmarshal(raw, &funded); err != nil {
		return Draft{}, fmt.Errorf("fundrawtransaction: %w", err)
	}
	unsigned, err := hex.DecodeString(funded.Hex)
	if err != nil {
		return Draft{}, err
	}
	signed, err := n.Sign(ctx, unsigned)
	return Draft{Unsigned: unsigned, Signed: signed}, err
}

// Sign signs a transaction with the wallet's keys.
func (n *Node) Sign(ctx context.Context, unsigned []byte) ([]byte, error) {
	raw, err := n.WalletCall(ctx, "signrawtransactionwithwallet", hex.EncodeToString(unsigned))
	if err != nil {
		return nil, err
	}
	var signed struct {
		Hex      string `json:"hex"`
		Complete bool   `json:"complete"`
	}
	if err := json.Unmarshal(raw, &signed); err != nil {
		return nil, fmt.Errorf("signrawtransactionwithwallet: %w", err)
	}
	if !signed.Complete {
		return nil, errors.New("the wallet cannot sign for these coins")
	}
	return hex.DecodeString(signed.Hex)
}
