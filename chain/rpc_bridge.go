package chain

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// bridge is the node as rpcclient sees it: a listener inside this process that hands each call of rpcclient to our
// own wire.
//
// rpcclient has no contexts, no bound on what it reads, and one connection per call; it posts a call up to ten times
// when the transport fails, whatever the call is; and it waits up to ten minutes for a node that hangs. None of that
// can be set, and its transport cannot be exchanged. Behind the bridge it always gets a short, valid answer, so it
// never repeats anything, and the call's context, bound and error are those of the wire.
//
// The listener is an abstract Unix socket on Linux and a loopback port elsewhere; without the key, made for each
// bridge at random, it answers nobody.
type bridge struct {
	wire   *wire
	key    string
	host   string // as rpcclient's ConnConfig wants it
	server *http.Server

	mu    sync.Mutex
	calls map[string]*bridgedCall // by the user name that rpcclient logs in with
	next  int
}

// bridgedCall is one call of one client while it is under way.
type bridgedCall struct {
	ctx    context.Context //nolint:containedctx // it belongs to the call, which crosses rpcclient where no context can
	cancel context.CancelFunc
	sent   bool
	err    error // what the wire said, which rpcclient could only turn into text
}

// newBridge opens the listener.
func newBridge(w *wire, log *slog.Logger) (*bridge, error) {
	b := &bridge{wire: w, key: rand.Text(), calls: map[string]*bridgedCall{}}
	network, address := "tcp", "127.0.0.1:0"
	if runtime.GOOS == "linux" {
		name := make([]byte, 16)
		_, _ = rand.Read(name) // never fails
		network, address = "unix", "@satchel-rpc-"+hex.EncodeToString(name)
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), network, address)
	if err != nil {
		return nil, fmt.Errorf("open the bridge to the node: %w", err)
	}
	b.host = listener.Addr().String()
	if network == "unix" {
		b.host = "unix://" + b.host
	}
	b.server = &http.Server{
		Handler:           b,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() { _ = b.server.Serve(listener) }() // returns when close is called
	return b, nil
}

func (b *bridge) close() { _ = b.server.Close() }

// cancelAll ends the calls that are under way.
func (b *bridge) cancelAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, call := range b.calls {
		call.cancel()
	}
}

// begin announces a call, which rpcclient may then make once with this user name.
func (b *bridge) begin(ctx context.Context, cancel context.CancelFunc, user string) *bridgedCall {
	call := &bridgedCall{ctx: ctx, cancel: cancel}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls[user] = call
	return call
}

// end forgets a call and gives the wire's error.
func (b *bridge) end(user string, call *bridgedCall) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls[user] == call {
		delete(b.calls, user)
	}
	return call.err
}

// newUser names a client.
func (b *bridge) newUser() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	return strconv.Itoa(b.next)
}

// ServeHTTP takes one post of rpcclient to the node.
func (b *bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, key, _ := r.BasicAuth()
	if subtle.ConstantTimeCompare([]byte(key), []byte(b.key)) != 1 {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	call := b.take(user)
	if call == nil {
		_, _ = io.WriteString(w, bridgeFailed)
		return
	}
	answer, err := b.forward(call.ctx, r)
	if err != nil {
		b.mu.Lock()
		call.err = err
		b.mu.Unlock()
		answer = []byte(bridgeFailed)
	}
	_, _ = w.Write(answer)
}

// bridgeFailed is what rpcclient reads when there is no answer to give; the caller gets the wire's error instead.
const bridgeFailed = `{"result":null,"error":{"code":-32000,"message":"the node did not answer"},"id":null}`

// take gives the client's call if it is under way and was not sent before: nothing is ever sent twice.
func (b *bridge) take(user string) *bridgedCall {
	b.mu.Lock()
	defer b.mu.Unlock()
	call := b.calls[user]
	if call == nil || call.sent {
		return nil
	}
	call.sent = true
	return call
}

func (b *bridge) forward(ctx context.Context, r *http.Request) ([]byte, error) {
	body, err := readBounded(r.Body, smallReply)
	if err != nil {
		return nil, err
	}
	stream, err := b.wire.post(ctx, body)
	if err != nil {
		return nil, err
	}
	defer finish(stream)
	answer, err := readBounded(stream, smallReply)
	if err != nil {
		return nil, err
	}
	if !json.Valid(answer) {
		return nil, b.wire.health.note(fmt.Errorf("read the node's answer: %w", errMalformed))
	}
	return answer, nil
}

// errAbandoned means that rpcclient gave no answer although the wire did: the process is out of descriptors.
var errAbandoned = errors.New("the call got lost inside this process")
