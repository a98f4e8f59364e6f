package chain

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/rpcclient"
)

// NodeConfig is how a bitcoind is reached, and which one it must be.
type NodeConfig struct {
	URL        string // http://127.0.0.1:8332, with /wallet/NAME behind it for a wallet's calls
	User       string // with Password; both empty: the cookie
	Password   string
	CookieFile string
	Network    string  // mainnet | testnet4 | signet | regtest
	Filter     *Filter // what concerns us; nil: nothing does
	Log        *slog.Logger
}

// Node is one bitcoind over JSON-RPC and REST. Ordinary calls go through btcd's rpcclient; batches, the hot path, long
// calls and those that move money go straight over the same connections. No call is ever repeated behind the caller's
// back, each has a deadline, and what is read of an answer is bounded. Errors are the package's sentinels, an *RPCError
// with the node's own code, or something unknown that decides nothing.
//
// A Node is safe for concurrent use.
type Node struct {
	wire   *wire
	pool   *pool
	chain  string // the node's word for the network
	filter *Filter
	log    *slog.Logger

	buffers sync.Pool // of *bytes.Buffer, for raw blocks
	rest    restState
	txSlots chan struct{} // batches of transactions under way

	oddMu sync.Mutex
	odd   map[[32]byte]struct{} // blocks and transactions that our scan cannot read, logged once each
}

// restState is whether the node serves blocks over REST, as of a certain loss of the node.
type restState struct {
	known atomic.Uint64 // 1 + the count of losses when it was asked; 0: never
	on    atomic.Bool
}

// Chains of getblockchaininfo, by our names of the networks.
func chainName(network string) (string, error) {
	switch network {
	case "mainnet":
		return "main", nil
	case "testnet4", "signet", "regtest":
		return network, nil
	}
	return "", fmt.Errorf("unknown network %q: mainnet, testnet4, signet or regtest", network)
}

// NewNode makes the client of a node. It starts nothing and dials nothing; Close ends what calls started.
func NewNode(cfg NodeConfig) (*Node, error) {
	name, err := chainName(cfg.Network)
	if err != nil {
		return nil, err
	}
	w, err := newWire(&cfg, &health{})
	if err != nil {
		return nil, err
	}
	n := &Node{
		wire:    w,
		chain:   name,
		filter:  cfg.Filter,
		log:     cfg.Log,
		txSlots: make(chan struct{}, txConnections),
		odd:     map[[32]byte]struct{}{},
	}
	if n.filter == nil {
		n.filter = &Filter{}
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	n.pool = newPool(w, n.log)
	return n, nil
}

// Close ends calls that are under way and closes the connections.
func (n *Node) Close() {
	n.pool.close()
	n.wire.close()
}

// Info is where the node stands.
type Info struct {
	Best            Header // its best block: Hash, Height and Work only
	Headers         int32  // height of the best header it knows
	InitialDownload bool   // it still catches up with the network, in its own opinion
	Pruned          bool
	PruneHeight     int32  // the lowest block it still has, when pruned
	Chain           string // main, testnet4, signet, regtest
}

// blockchainInfo is what we read of getblockchaininfo. The type of btcjson is not used: its call asks the node for its
// version with two further calls, which a restricted RPC user may not be allowed.
type blockchainInfo struct {
	Chain       string `json:"chain"`
	Blocks      int32  `json:"blocks"`
	Headers     int32  `json:"headers"`
	Best        string `json:"bestblockhash"`
	Work        string `json:"chainwork"`
	Download    bool   `json:"initialblockdownload"`
	Pruned      bool   `json:"pruned"`
	PruneHeight int32  `json:"pruneheight"`
}

// Info asks where the node stands (getblockchaininfo). A node of another network is ErrWrongNetwork, with the Info.
func (n *Node) Info(ctx context.Context) (Info, error) {
	raw, err := rawCall(ctx, n, "getblockchaininfo")
	if err != nil {
		return Info{}, err
	}
	var r blockchainInfo
	if err := json.Unmarshal(raw, &r); err != nil {
		return Info{}, fmt.Errorf("getblockchaininfo: %w", err)
	}
	info := Info{
		Best:            Header{Height: r.Blocks},
		Headers:         r.Headers,
		InitialDownload: r.Download,
		Pruned:          r.Pruned,
		PruneHeight:     r.PruneHeight,
		Chain:           r.Chain,
	}
	if info.Best.Hash, err = ParseBlockHash(r.Best); err != nil {
		return Info{}, fmt.Errorf("getblockchaininfo: best block: %w", err)
	}
	if info.Best.Work, err = parseWork(r.Work); err != nil {
		return Info{}, fmt.Errorf("getblockchaininfo: %w", err)
	}
	if info.Chain != n.chain {
		return info, fmt.Errorf("%w: it is %q, configured is %q", ErrWrongNetwork, info.Chain, n.chain)
	}
	return info, nil
}

func parseWork(text string) (Work, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(Work{}) {
		return Work{}, errors.New("the chain's work is not 64 hex digits")
	}
	return Work(raw), nil
}

// blockHeader is what we read of getblockheader; btcjson's type knows no chainwork.
type blockHeader struct {
	Hash   string `json:"hash"`
	Prev   string `json:"previousblockhash"` // absent from the genesis block
	Height int32  `json:"height"`
	Time   int64  `json:"time"`
	Work   string `json:"chainwork"`
}

func (h *blockHeader) header() (Header, error) {
	out := Header{Height: h.Height, Time: time.Unix(h.Time, 0).UTC()}
	var err error
	if out.Hash, err = ParseBlockHash(h.Hash); err != nil {
		return Header{}, err
	}
	if h.Prev != "" {
		if out.Prev, err = ParseBlockHash(h.Prev); err != nil {
			return Header{}, err
		}
	}
	out.Work, err = parseWork(h.Work)
	return out, err
}

// Header asks for a block's header by its hash, in the best chain or not. A hash that the node does not know is an
// *RPCError with code -5.
func (n *Node) Header(ctx context.Context, hash BlockHash) (Header, error) {
	raw, err := rawCall(ctx, n, "getblockheader", hash.String(), true)
	if err != nil {
		return Header{}, err
	}
	var r blockHeader
	if err := json.Unmarshal(raw, &r); err != nil {
		return Header{}, fmt.Errorf("getblockheader: %w", err)
	}
	h, err := r.header()
	if err != nil {
		return Header{}, fmt.Errorf("getblockheader: %w", err)
	}
	return h, nil
}

// HashAt asks which block of the best chain has a height. False means that the best chain does not reach it.
func (n *Node) HashAt(ctx context.Context, height int32) (BlockHash, bool, error) {
	hash, err := typed(ctx, n, "getblockhash", func(c *rpcclient.Client) future[*chainhash.Hash] {
		return c.GetBlockHashAsync(int64(height))
	})
	if hasCode(err, codeInvalidParam) {
		return BlockHash{}, false, nil
	}
	if err != nil {
		return BlockHash{}, false, err
	}
	return BlockHash(*hash), true, nil
}

// Call makes any call, outside the pool, once; at most ten seconds. Params are encoded as JSON.
func (n *Node) Call(ctx context.Context, method string, params ...any) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return n.wire.call(ctx, blockReply, method, params...)
}

// Broadcast sends a raw transaction to the node and its peers (sendrawtransaction), once. The node's refusal is an
// *RPCError; after any other error it is not known whether the node has the transaction.
func (n *Node) Broadcast(ctx context.Context, raw []byte) (TxID, error) {
	result, err := n.Call(ctx, "sendrawtransaction", hex.EncodeToString(raw))
	if err != nil {
		return TxID{}, err
	}
	var text string
	if err := json.Unmarshal(result, &text); err != nil {
		return TxID{}, fmt.Errorf("sendrawtransaction: %w", err)
	}
	id, err := ParseTxID(text)
	if err != nil {
		return TxID{}, fmt.Errorf("sendrawtransaction: %w", err)
	}
	return id, nil
}

// SetMockTime moves the node's clock, on regtest only (setmocktime, whole seconds). The zero time lets it run again.
func (n *Node) SetMockTime(ctx context.Context, t time.Time) error {
	seconds := int64(0)
	if !t.IsZero() {
		seconds = t.Unix()
	}
	_, err := n.Call(ctx, "setmocktime", seconds)
	return err
}

// logOnce reports a block or transaction that our own scan cannot read, once.
func (n *Node) logOnce(what string, id [32]byte, cause error) {
	n.oddMu.Lock()
	_, known := n.odd[id]
	if len(n.odd) < maxOdd {
		n.odd[id] = struct{}{}
	}
	n.oddMu.Unlock()
	if !known {
		n.log.Error("cannot read what the node sent; asking the node to decode it", "what", what, "hash", TxID(id), "err", cause)
	}
}

// maxOdd bounds how many unreadable things are remembered.
const maxOdd = 10_000
