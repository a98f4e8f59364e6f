package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// RPCError is what the node itself said about a call (JSON-RPC's error object).
type RPCError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Error gives the node's code and sentence.
func (e *RPCError) Error() string { return fmt.Sprintf("the node says %d: %s", e.Code, e.Message) }

// Codes of bitcoind that decide something here (src/rpc/protocol.h).
const (
	codeMisc           = -1     // pruned block data, and much else
	codeNotFound       = -5     // no such block, transaction or address
	codeInvalidParam   = -8     // a height beyond the best chain
	codeWarmup         = -28    // the node is starting
	codeMethodNotFound = -32601 // no such call, for example without a wallet
)

// Deadlines of calls whose context has none that is nearer.
const (
	callTimeout  = 10 * time.Second
	blockTimeout = 60 * time.Second
	scanTimeout  = 30 * time.Minute
)

// Bounds of what is read of one answer. Beyond its bound an answer is an error, never a larger buffer.
const (
	smallReply = 4 << 20   // calls that answer with a handful of values
	batchReply = 64 << 20  // a batch of at most 500 transactions; other batches are small
	blockReply = 16 << 20  // a block of four million weight units, in hex, with room
	jsonReply  = 256 << 20 // a block as JSON, and a scan of the UTXO set
	listReply  = 512 << 20 // the ids of a mempool; they are decoded as they come and never held as text
)

// errTooLarge means that an answer went over its bound.
var errTooLarge = errors.New("the node's answer is larger than it can be")

// request is one JSON-RPC call. bitcoind takes 1.0 and answers errors with HTTP 500, which is looked through.
type request struct {
	Method string `json:"method"`
	Params []any  `json:"params"`
	ID     int    `json:"id"`
}

// reply is one JSON-RPC answer.
type reply struct {
	Result json.RawMessage `json:"result"`
	Error  *RPCError       `json:"error"`
	ID     int             `json:"id"`
}

// result gives what the node answered, or its error in our terms.
func (r *reply) result() (json.RawMessage, error) {
	if r.Error != nil {
		return nil, classify(r.Error)
	}
	if len(r.Result) == 0 {
		return nil, errors.New("the node's answer has neither a result nor an error")
	}
	return r.Result, nil
}

// classify adds our sentinel to the node's codes that have one.
func classify(e *RPCError) error {
	if e.Code == codeWarmup {
		return fmt.Errorf("%w: %w", ErrNotReady, e)
	}
	return e
}

// hasCode tells whether err is the node's own error with this code.
func hasCode(err error, code int) bool {
	var e *RPCError
	return errors.As(err, &e) && e.Code == code
}

// unanswered turns a failure of the transport into ErrUnreachable, and leaves a caller's own cancellation as it is.
func unanswered(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}
