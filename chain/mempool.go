package chain

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"satchel/money"
)

const (
	mempoolTries  = 3       // how often a snapshot is taken before the tip is said to move
	mempoolMax    = 4 << 20 // ids; a mempool of bitcoind's default 300 MB holds under a million
	txBatch       = 500     // raw transactions per post
	txConnections = 2       // posts of raw transactions at once
)

// Mempool takes a snapshot of the mempool's ids (getrawmempool). It is only given when it may be believed: the mempool
// is fully loaded, else ErrMempoolLoading, and no block came or went meanwhile, else ErrMoved.
func (n *Node) Mempool(ctx context.Context) (Mempool, error) {
	for range mempoolTries {
		before, err := n.Loaded(ctx)
		if err != nil {
			return Mempool{}, err
		}
		ids, err := n.mempoolIDs(ctx)
		if err != nil {
			return Mempool{}, err
		}
		after, err := n.Loaded(ctx)
		if err != nil {
			return Mempool{}, err
		}
		if before == after {
			return Mempool{IDs: ids, Tip: after}, nil
		}
	}
	return Mempool{}, ErrMoved
}

// Loaded asks in one post whether the mempool is loaded, and for the best block: as long as it is not, which is
// ErrMempoolLoading, what is not in it may come yet.
func (n *Node) Loaded(ctx context.Context) (BlockHash, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	text, err := n.wire.exchange(ctx, smallReply, []request{
		{Method: "getmempoolinfo", Params: []any{}, ID: 0},
		{Method: "getbestblockhash", Params: []any{}, ID: 1},
	})
	if err != nil {
		return BlockHash{}, fmt.Errorf("getmempoolinfo: %w", err)
	}
	var info struct {
		Loaded bool `json:"loaded"`
	}
	var best string
	err = readBatch(bytes.NewReader(text), 2, func(i int, result json.RawMessage, err error) error {
		if err != nil {
			return err
		}
		if i == 0 {
			return json.Unmarshal(result, &info)
		}
		return json.Unmarshal(result, &best)
	})
	if err != nil {
		return BlockHash{}, fmt.Errorf("getmempoolinfo: %w", err)
	}
	if !info.Loaded {
		return BlockHash{}, ErrMempoolLoading
	}
	return ParseBlockHash(best)
}

// mempoolIDs reads the ids as they arrive: 32 bytes each are kept, and no more than a buffer of the text.
func (n *Node) mempoolIDs(ctx context.Context) ([]TxID, error) {
	ctx, cancel := context.WithTimeout(ctx, blockTimeout)
	defer cancel()
	answer, err := n.wire.post(ctx, []byte(`{"method":"getrawmempool","params":[false],"id":1}`))
	if err != nil {
		return nil, fmt.Errorf("getrawmempool: %w", err)
	}
	defer finish(answer)
	ids, err := readIDs(&bounded{r: answer, left: listReply})
	if err != nil {
		return nil, fmt.Errorf("getrawmempool: %w", err)
	}
	return ids, nil
}

// readIDs decodes the answer to getrawmempool.
func readIDs(r io.Reader) ([]TxID, error) {
	var ids []TxID
	found := false
	dec := newStride(r, smallReply)
	err := members(dec, func(name string) error {
		switch name {
		case "error":
			return decodeError(dec)
		case "result":
			var err error
			ids, found, err = readIDList(dec)
			return err
		}
		return skip(dec)
	})
	if err == nil && !found {
		err = errMalformed
	}
	return ids, err
}

// readIDList reads an array of ids; false for null, which stands beside an error.
func readIDList(dec *json.Decoder) ([]TxID, bool, error) {
	t, err := dec.Token()
	if err != nil || t == nil {
		return nil, false, err
	}
	if t != json.Delim('[') {
		return nil, false, errMalformed
	}
	var ids []TxID
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, false, err
		}
		text, _ := t.(string)
		id, err := ParseTxID(text)
		if err != nil {
			return nil, false, err
		}
		if len(ids) == mempoolMax {
			return nil, false, errTooLarge
		}
		ids = append(ids, id)
	}
	_, err = dec.Token()
	return ids, true, err
}

// Entry asks what the node knows of a transaction in its mempool (getmempoolentry). Only the node's own word that it is
// not there gives false; whatever else happens is an error, and says nothing about the transaction.
func (n *Node) Entry(ctx context.Context, id TxID) (Entry, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	raw, err := n.wire.call(ctx, smallReply, "getmempoolentry", id.String())
	if hasCode(err, codeNotFound) {
		return Entry{}, false, nil
	}
	if err != nil {
		return Entry{}, false, err
	}
	entry, err := parseEntry(raw)
	if err != nil {
		return Entry{}, false, fmt.Errorf("getmempoolentry: %w", err)
	}
	return entry, true, nil
}

func parseEntry(raw json.RawMessage) (Entry, error) {
	var r struct {
		Time      int64 `json:"time"`
		Size      int64 `json:"vsize"`
		Ancestors int   `json:"ancestorcount"` // with the transaction itself
		Unsent    bool  `json:"unbroadcast"`
		Fees      struct {
			Base json.Number `json:"base"`
		} `json:"fees"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return Entry{}, err
	}
	fee, err := money.ParseBTC(r.Fees.Base.String())
	if err != nil {
		return Entry{}, err
	}
	if r.Time <= 0 || r.Size <= 0 || r.Ancestors < 1 {
		return Entry{}, errMalformed
	}
	return Entry{
		Time:        time.Unix(r.Time, 0).UTC(),
		FeeRate:     money.FeeRate(fee, r.Size),
		Ancestors:   r.Ancestors - 1,
		Unbroadcast: r.Unsent,
	}, nil
}

// Txs fetches transactions of the mempool and gives those that concern us, in the order of ids, and which of the ids
// left the mempool meanwhile.
func (n *Node) Txs(ctx context.Context, ids []TxID) (ours []Tx, left []TxID, err error) {
	group, ctx := errgroup.WithContext(ctx)
	found := make([]fetched, 0, len(ids)/txBatch+1)
	for some := range slices.Chunk(ids, txBatch) {
		found = append(found, fetched{})
		into := &found[len(found)-1]
		select {
		case n.txSlots <- struct{}{}:
		case <-ctx.Done():
			return nil, nil, errors.Join(group.Wait(), ctx.Err())
		}
		group.Go(func() error {
			defer func() { <-n.txSlots }()
			var err error
			*into, err = n.txBatch(ctx, some)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	for _, f := range found {
		ours, left = append(ours, f.ours...), append(left, f.left...)
	}
	return ours, left, nil
}

// fetched is what an answer holds: the transactions that concern us, and what left the mempool before it was read.
type fetched struct {
	ours []Tx
	left []TxID
}

// txBatch fetches at most txBatch transactions in one post. Where they are too large together, two posts do.
func (n *Node) txBatch(ctx context.Context, ids []TxID) (fetched, error) {
	params := make([][]any, len(ids))
	for i, id := range ids {
		params[i] = []any{id.String()}
	}
	at := make(map[int]Tx)
	var odd, left []TxID
	err := n.timedBatch(ctx, "getrawtransaction", params, func(i int, result json.RawMessage, err error) error {
		if hasCode(err, codeNotFound) {
			left = append(left, ids[i])
			return nil
		}
		if err != nil {
			return err
		}
		tx, ours, err := n.scanHex(result)
		if err != nil {
			n.logOnce("transaction", ids[i], err)
			odd = append(odd, ids[i])
			return nil
		}
		if ours && tx.ID != ids[i] {
			return errMalformed
		}
		if ours {
			at[i] = tx
		}
		return nil
	})
	if errors.Is(err, errTooLarge) && len(ids) > 1 {
		return n.halves(ctx, ids)
	}
	if err != nil {
		return fetched{}, err
	}
	txs, err := n.inOrder(ctx, ids, at, odd)
	return fetched{txs, left}, err
}

// timedBatch is a batch with the deadline of a large answer.
func (n *Node) timedBatch(ctx context.Context, method string, params [][]any, each func(int, json.RawMessage, error) error) error {
	ctx, cancel := context.WithTimeout(ctx, blockTimeout)
	defer cancel()
	return n.wire.batch(ctx, method, params, each)
}

func (n *Node) halves(ctx context.Context, ids []TxID) (fetched, error) {
	first, err := n.txBatch(ctx, ids[:len(ids)/2])
	if err != nil {
		return fetched{}, err
	}
	second, err := n.txBatch(ctx, ids[len(ids)/2:])
	return fetched{append(first.ours, second.ours...), append(first.left, second.left...)}, err
}

// inOrder puts a batch's transactions in the order they were asked for, with those that only the node can decode.
func (n *Node) inOrder(ctx context.Context, ids []TxID, at map[int]Tx, odd []TxID) ([]Tx, error) {
	for _, id := range odd {
		tx, ours, err := n.decodedTx(ctx, id)
		if err != nil {
			return nil, err
		}
		if ours {
			at[slices.Index(ids, id)] = tx
		}
	}
	var txs []Tx
	for i := range ids {
		if tx, ok := at[i]; ok {
			txs = append(txs, tx)
		}
	}
	return txs, nil
}

// scanHex scans a transaction given as a JSON string of hex.
func (n *Node) scanHex(result json.RawMessage) (Tx, bool, error) {
	text := bytes.Trim(result, `"`)
	raw := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(raw, text); err != nil {
		return Tx{}, false, err
	}
	return n.filter.ScanTx(raw)
}

// decodedTx reads a mempool transaction as the node decodes it; false where it concerns nobody here or is gone.
func (n *Node) decodedTx(ctx context.Context, id TxID) (Tx, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, blockTimeout)
	defer cancel()
	raw, err := n.wire.call(ctx, jsonReply, "getrawtransaction", id.String(), true)
	if hasCode(err, codeNotFound) {
		return Tx{}, false, nil
	}
	if err != nil {
		return Tx{}, false, err
	}
	var one decodedTx
	if err := json.Unmarshal(raw, &one); err != nil {
		return Tx{}, false, fmt.Errorf("getrawtransaction: %w", err)
	}
	tx, ours, err := n.filter.match(&one)
	if err != nil {
		return Tx{}, false, fmt.Errorf("getrawtransaction: %w", err)
	}
	return tx, ours, nil
}
