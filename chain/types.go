package chain

import (
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"satchel/money"
)

// BlockHash is a block's hash in internal byte order; String gives the usual reversed hex.
type BlockHash [32]byte

// TxID is a transaction's id (without witness) in internal byte order; String gives the usual reversed hex.
type TxID [32]byte

// Outpoint names an output: the transaction and the output's index in it.
type Outpoint struct {
	TxID TxID
	Vout uint32
}

func (h BlockHash) String() string { return reversed(h) }
func (t TxID) String() string      { return reversed(t) }

// ParseBlockHash reads the usual reversed hex.
func ParseBlockHash(s string) (BlockHash, error) {
	h, err := parseReversed(s)
	return h, err
}

// ParseTxID reads the usual reversed hex.
func ParseTxID(s string) (TxID, error) {
	h, err := parseReversed(s)
	return h, err
}

func reversed(h [32]byte) string {
	slices.Reverse(h[:])
	return hex.EncodeToString(h[:])
}

func parseReversed(s string) ([32]byte, error) {
	var h [32]byte
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		return h, errors.New("not 64 hex digits: " + s[:min(len(s), 80)])
	}
	slices.Reverse(b)
	copy(h[:], b)
	return h, nil
}

// Work is a chain's accumulated proof of work, big endian: compare with bytes.Compare or Cmp.
type Work [32]byte

// Cmp orders two amounts of work: -1, 0 or 1.
func (w Work) Cmp(o Work) int { return slices.Compare(w[:], o[:]) }

// Header is a block's place in a chain.
type Header struct {
	Hash   BlockHash
	Prev   BlockHash
	Height int32
	Time   time.Time // the header's own, which may lie by hours
	Work   Work      // of the chain up to and including this block
}

// Output is an output whose script is watched.
type Output struct {
	Vout   uint32
	Sats   money.Sats
	Script []byte
}

// Tx is a transaction that pays a watched script, or spends a watched outpoint.
type Tx struct {
	ID       TxID
	Coinbase bool
	Outputs  []Output   // the watched ones only
	Inputs   []Outpoint // all of them; empty for a coinbase
}

// Op says what a Step does to our chain.
type Op uint8

// A step takes the tip off, or puts a block on top of it.
const (
	Disconnect Op = iota + 1
	Connect
)

// Step is one move of our chain towards the node's best one.
type Step struct {
	Op     Op
	Header Header // the block taken off or put on
	Txs    []Tx   // of a connected block: only those that concern us, in block order
}

// Entry is what the node knows of a transaction in its mempool (getmempoolentry).
type Entry struct {
	Time        time.Time      // when the node accepted it; kept over the node's restarts
	FeeRate     money.SatPerVB // base fee over virtual size
	Ancestors   int            // unconfirmed parents, grandparents…; 0: confirmed parents only
	Unbroadcast bool           // no peer has asked for it yet
}

// Mempool is a snapshot of the node's mempool by ids.
type Mempool struct {
	IDs []TxID
	Tip BlockHash // the best block both before and after the snapshot was taken
}

// Hint is what ZMQ made us believe since the last look: where to look first, nothing more.
type Hint struct {
	Blocks  bool   // a block came or went
	Txs     []Tx   // raw transactions that pay a watched script or spend a watched outpoint; not yet confirmed to be in the mempool
	Removed []TxID // transactions that left the mempool other than by a block
	Resync  bool   // messages were lost, or a link came back: compare everything
	Joined  bool   // messages may have been lost as a link came up, and are not from now on: compare once more
}

// Errors that callers decide by. All others mean: unknown, ask again.
var (
	// ErrBehind: the node's best chain has less work than ours. It lost data; nothing may be taken back.
	ErrBehind = errors.New("the node has less work than we have seen")
	// ErrMoved: the node's chain changed while we read it; start over.
	ErrMoved = errors.New("the node's chain moved while it was read")
	// ErrUnreachable: nobody answers at the node's address, or it does not answer in time.
	ErrUnreachable = errors.New("the node does not answer")
	// ErrNotReady: the node warms up, or its work queue is full.
	ErrNotReady = errors.New("the node is not ready")
	// ErrRefused: the node does not accept our credentials.
	ErrRefused = errors.New("the node refuses our credentials")
	// ErrPruned: the node no longer has a block that we need.
	ErrPruned = errors.New("the node pruned a block that we need")
	// ErrMempoolLoading: the node still loads its mempool from disk; what is absent proves nothing.
	ErrMempoolLoading = errors.New("the node's mempool is still loading")
	// ErrWrongNetwork: the node runs another network than the configured one.
	ErrWrongNetwork = errors.New("the node runs another network")
)
