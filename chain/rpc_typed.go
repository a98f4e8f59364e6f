package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/rpcclient"
)

// poolSize is how many typed calls are under way at once: rpcclient makes one at a time per client.
const poolSize = 4

// pool lends out rpcclient's clients. They come into being with the first call, since New dials nothing.
type pool struct {
	wire  *wire
	log   *slog.Logger
	slots chan *rpcclient.Client // nil: to be made

	mu     sync.Mutex
	bridge *bridge
	users  map[*rpcclient.Client]string
	closed bool
}

func newPool(w *wire, log *slog.Logger) *pool {
	p := &pool{wire: w, log: log, slots: make(chan *rpcclient.Client, poolSize), users: map[*rpcclient.Client]string{}}
	for range poolSize {
		p.slots <- nil
	}
	return p
}

// errClosed is the answer to calls on a closed Node.
var errClosed = errors.New("the node's client is closed")

// take waits for a free client.
func (p *pool) take(ctx context.Context) (*rpcclient.Client, string, error) {
	var client *rpcclient.Client
	select {
	case client = <-p.slots:
	case <-ctx.Done():
		return nil, "", unanswered(ctx, ctx.Err())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if client == nil {
		var err error
		if client, err = p.connect(); err != nil {
			p.slots <- nil
			return nil, "", err
		}
	}
	return client, p.users[client], nil
}

// connect makes a client, and the bridge with the first one. The pool is locked.
func (p *pool) connect() (*rpcclient.Client, error) {
	if p.closed {
		return nil, errClosed
	}
	if p.bridge == nil {
		b, err := newBridge(p.wire, p.log)
		if err != nil {
			return nil, err
		}
		p.bridge = b
	}
	user := p.bridge.newUser()
	client, err := rpcclient.New(&rpcclient.ConnConfig{
		Host:         p.bridge.host,
		User:         user,
		Pass:         p.bridge.key,
		HTTPPostMode: true,
		DisableTLS:   true,
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("make a client of the node: %w", err)
	}
	p.users[client] = user
	return client, nil
}

// giveBack returns a client that is done. After close it is shut down instead.
func (p *pool) giveBack(client *rpcclient.Client) {
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		p.retire(client)
		client = nil
	}
	p.slots <- client
}

// retire ends a client's goroutine. No call of it may be waiting: one that waits is never answered.
func (p *pool) retire(client *rpcclient.Client) {
	p.mu.Lock()
	delete(p.users, client)
	p.mu.Unlock()
	client.Shutdown()
	client.WaitForShutdown()
}

// close ends calls that are under way, the clients and the bridge.
func (p *pool) close() {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	b := p.bridge
	p.mu.Unlock()
	if b == nil || !first {
		return
	}
	b.cancelAll()
	for range poolSize {
		if client := <-p.slots; client != nil {
			p.retire(client)
		}
	}
	for range poolSize {
		p.slots <- nil
	}
	b.close()
}

// future is what rpcclient's Async calls give back.
type future[T any] interface{ Receive() (T, error) }

// typed makes one call of rpcclient under a context: at most callTimeout, sent at most once, its errors ours.
// It names the call in its errors.
func typed[T any](ctx context.Context, n *Node, name string, send func(*rpcclient.Client) future[T]) (T, error) {
	var none T
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	client, user, err := n.pool.take(ctx)
	if err != nil {
		return none, fmt.Errorf("%s: %w", name, err)
	}
	call := n.pool.bridge.begin(ctx, cancel, user)

	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := send(client).Receive()
		if failed := n.pool.bridge.end(user, call); failed != nil {
			err = failed
		}
		done <- outcome{value, err}
		n.pool.giveBack(client)
	}()

	select {
	case out := <-done:
		return out.value, n.typedError(name, out.err)
	case <-ctx.Done():
	}
	// The wire has the same context and answers at once, so the client is free again in a moment.
	select {
	case out := <-done:
		return out.value, n.typedError(name, out.err)
	case <-time.After(time.Second):
		return none, fmt.Errorf("%s: %w: %w", name, unanswered(ctx, ctx.Err()), errAbandoned)
	}
}

// typedError turns rpcclient's error into ours.
func (n *Node) typedError(name string, err error) error {
	if said, ok := errors.AsType[*btcjson.RPCError](err); ok {
		err = classify(&RPCError{Code: int(said.Code), Message: said.Message})
		if errors.Is(err, ErrNotReady) {
			_ = n.wire.health.note(err)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// rawCall makes a call that rpcclient has no type for, or types with floats, through rpcclient all the same.
func rawCall(ctx context.Context, n *Node, method string, params ...any) (json.RawMessage, error) {
	encoded := make([]json.RawMessage, len(params))
	for i, p := range params {
		text, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		encoded[i] = text
	}
	return typed(ctx, n, method, func(c *rpcclient.Client) future[json.RawMessage] {
		return c.RawRequestAsync(method, encoded)
	})
}
