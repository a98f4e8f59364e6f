package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// errMalformed means that the node, or what sits at its address, does not speak JSON-RPC as bitcoind does.
var errMalformed = errors.New("not an answer of bitcoind")

// bounded reads at most left bytes and says errTooLarge when there are more.
type bounded struct {
	r    io.Reader
	left int64
}

// Read gives bytes up to the bound.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		if n, err := b.r.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}

// strideReader bounds what a JSON decoder holds at once: it says errTooLarge when so much was read that no token came
// of.
type strideReader struct {
	r      io.Reader
	dec    *json.Decoder
	read   int64
	stride int64
}

// newStride makes a decoder of r none of whose tokens, or values decoded as a whole, is longer than about stride bytes.
func newStride(r io.Reader, stride int64) *json.Decoder {
	s := &strideReader{r: r, stride: stride}
	s.dec = json.NewDecoder(s)
	return s.dec
}

// Read passes bytes on as long as the decoder keeps up.
func (s *strideReader) Read(p []byte) (int, error) {
	if s.read-s.dec.InputOffset() > s.stride {
		return 0, errTooLarge
	}
	n, err := s.r.Read(p)
	s.read += int64(n)
	return n, err
}

// readBounded reads all of r.
func readBounded(r io.Reader, limit int64) ([]byte, error) {
	var body bytes.Buffer
	_, err := body.ReadFrom(&bounded{r: r, left: limit})
	return body.Bytes(), err
}

// answerBody is the body of an answer: what breaks while it is read is a node that does not answer.
type answerBody struct {
	io.ReadCloser
	ctx    context.Context //nolint:containedctx // the call's own; the body does not outlive the call
	health *health
}

// Read passes bytes on.
func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.health.note(unanswered(b.ctx, err))
	}
	return n, err
}

// finish lets the connection be used again when the rest of the answer is short, and closes it otherwise.
func finish(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	_ = body.Close()
}

func drop(res *http.Response) { finish(res.Body) }

// health is how the node did of late, for those who report it. It decides nothing.
type health struct {
	last     atomic.Pointer[error] // of the latest call; nil: it was answered
	calls    atomic.Uint64
	failures atomic.Uint64
	lost     atomic.Uint64 // how often the node was lost: what we learned of it may be different now
}

// note records how a call went and hands its error on. What the node itself says of a call is an answer, not a
// failure, and a caller that goes away says nothing about the node.
func (h *health) note(err error) error {
	switch {
	case errors.Is(err, context.Canceled) && !errors.Is(err, ErrUnreachable):
		return err
	case err == nil:
		h.calls.Add(1)
		h.last.Store(nil)
	case errors.Is(err, ErrUnreachable):
		h.lost.Add(1)
		fallthrough
	default:
		h.failures.Add(1)
		h.last.Store(&err)
	}
	return err
}

// Health counts a node's answers and failures since its Node was made.
type Health struct {
	Calls    uint64 // posts and REST reads that were answered
	Failures uint64 // those that were not, or not by a ready node
	Err      error  // of the latest one; nil: it was answered
}

// Alive gives the reason why the latest call was not answered, or nil. It asks nobody.
func (n *Node) Alive() error {
	if err := n.wire.health.last.Load(); err != nil {
		return *err
	}
	return nil
}

// Health gives the counters behind Alive.
func (n *Node) Health() Health {
	h := n.wire.health
	return Health{Calls: h.calls.Load(), Failures: h.failures.Load(), Err: n.Alive()}
}
