package chain

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"satchel/money"
)

// decodedBlock reads a block as the node decoded it (getblock with verbosity 2). It is a hundred times slower than our
// own scan and only for blocks that our scan cannot read: the node accepted them, so they count.
func (n *Node) decodedBlock(ctx context.Context, hash BlockHash) (scanned, error) {
	answer, err := n.wire.post(ctx, []byte(`{"method":"getblock","params":["`+hash.String()+`",2],"id":1}`))
	if err != nil {
		return scanned{}, err
	}
	defer finish(answer)
	block, err := n.filter.readDecodedBlock(&bounded{r: answer, left: jsonReply})
	if err != nil {
		return scanned{}, blockError(err)
	}
	if block.head.Hash != hash {
		return scanned{}, fmt.Errorf("getblock: it is block %v: %w", block.head.Hash, errMalformed)
	}
	return block, nil
}

// readDecodedBlock reads the answer to getblock with verbosity 2, one transaction at a time.
func (f *Filter) readDecodedBlock(r io.Reader) (scanned, error) {
	var block scanned
	var hasHash, hasTxs bool
	dec := json.NewDecoder(r)
	err := members(dec, func(name string) error {
		switch name {
		case "error":
			return decodeError(dec)
		case "result":
			return members(dec, func(name string) error {
				hasHash = hasHash || name == "hash"
				hasTxs = hasTxs || name == "tx"
				return f.readMember(dec, name, &block)
			})
		}
		return skip(dec)
	})
	if err == nil && (!hasHash || !hasTxs) {
		err = fmt.Errorf("no block in the answer: %w", errMalformed)
	}
	return block, err
}

// readMember reads a member of the block that matters here.
func (f *Filter) readMember(dec *json.Decoder, name string, block *scanned) error {
	var text string
	var err error
	switch name {
	case "hash":
		if err = dec.Decode(&text); err == nil {
			block.head.Hash, err = ParseBlockHash(text)
		}
	case "previousblockhash":
		if err = dec.Decode(&text); err == nil {
			block.head.Prev, err = ParseBlockHash(text)
		}
	case "time":
		var seconds uint32
		err = dec.Decode(&seconds)
		block.head.Time = time.Unix(int64(seconds), 0).UTC()
	case "bits":
		if err = dec.Decode(&text); err == nil {
			var bits uint64
			bits, err = strconv.ParseUint(text, 16, 32)
			block.head.Bits = uint32(bits)
		}
	case "tx":
		block.txs, err = f.readDecodedTxs(dec)
	default:
		err = skip(dec)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (f *Filter) readDecodedTxs(dec *json.Decoder) ([]Tx, error) {
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil, errors.Join(errMalformed, err)
	}
	var txs []Tx
	for dec.More() {
		var one decodedTx
		if err := dec.Decode(&one); err != nil {
			return nil, err
		}
		tx, ours, err := f.match(&one)
		if err != nil {
			return nil, err
		}
		if ours {
			txs = append(txs, tx)
		}
	}
	_, err := dec.Token()
	return txs, err
}

// decodedTx is a transaction as the node decodes it.
type decodedTx struct {
	ID  string `json:"txid"`
	Vin []struct {
		Coinbase *string `json:"coinbase"`
		ID       string  `json:"txid"`
		Vout     uint32  `json:"vout"`
	} `json:"vin"`
	Vout []struct {
		Value  json.Number `json:"value"` // bitcoin with eight decimals
		N      uint32      `json:"n"`
		Script struct {
			Hex string `json:"hex"`
		} `json:"scriptPubKey"`
	} `json:"vout"`
}

// match does with a decoded transaction what ScanTx does with a raw one.
func (f *Filter) match(one *decodedTx) (Tx, bool, error) {
	var tx Tx
	var err error
	if tx.ID, err = ParseTxID(one.ID); err != nil {
		return Tx{}, false, err
	}
	ours := false
	for _, in := range one.Vin {
		if in.Coinbase != nil {
			tx.Coinbase = true
			continue
		}
		id, err := ParseTxID(in.ID)
		if err != nil {
			return Tx{}, false, err
		}
		spent := Outpoint{TxID: id, Vout: in.Vout}
		tx.Inputs = append(tx.Inputs, spent)
		ours = ours || f.Spends != nil && f.Spends.Has(spent)
	}
	for _, out := range one.Vout {
		script, err := hex.DecodeString(out.Script.Hex)
		if err != nil {
			return Tx{}, false, fmt.Errorf("transaction %v: script: %w", tx.ID, err)
		}
		if f.Scripts == nil || !f.Scripts.Has(script) {
			continue
		}
		sats, err := money.ParseBTC(out.Value.String())
		if err != nil {
			return Tx{}, false, fmt.Errorf("transaction %v: value: %w", tx.ID, err)
		}
		tx.Outputs = append(tx.Outputs, Output{Vout: out.N, Sats: sats, Script: script})
	}
	ours = ours || len(tx.Outputs) > 0
	return tx, ours, nil
}

// members walks an object; each must read the member's value. Null counts as an object without members.
func members(dec *json.Decoder, each func(name string) error) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	if t == nil {
		return nil
	}
	if t != json.Delim('{') {
		return errMalformed
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return errMalformed
		}
		if err := each(name); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// decodeError reads the "error" member of an answer.
func decodeError(dec *json.Decoder) error {
	var said *RPCError
	if err := dec.Decode(&said); err != nil {
		return err
	}
	if said != nil {
		return classify(said)
	}
	return nil
}

func skip(dec *json.Decoder) error {
	var ignored json.RawMessage
	return dec.Decode(&ignored)
}
