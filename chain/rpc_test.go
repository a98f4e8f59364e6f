package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"satchel/chain"
)

// ways are calls that take each way to the node: rpcclient's, the plain client's, a batch, a stream.
func ways() map[string]func(context.Context, *chain.Node) error {
	return map[string]func(context.Context, *chain.Node) error{
		"getblockhash": func(ctx context.Context, n *chain.Node) error {
			_, _, err := n.HashAt(ctx, 7)
			return err
		},
		"getblockchaininfo": func(ctx context.Context, n *chain.Node) error {
			_, err := n.Info(ctx)
			return err
		},
		"gettxspendingprevout": func(ctx context.Context, n *chain.Node) error {
			_, _, err := n.Spender(ctx, []chain.Outpoint{{}})
			return err
		},
		"getmempoolentry": func(ctx context.Context, n *chain.Node) error {
			_, found, err := n.Entry(ctx, chain.TxID{1})
			if found {
				return errors.New("found what is not there")
			}
			if err == nil {
				return errAbsent
			}
			return err
		},
		"sendrawtransaction": func(ctx context.Context, n *chain.Node) error {
			_, err := n.Broadcast(ctx, []byte{1})
			return err
		},
		"getmempoolinfo": func(ctx context.Context, n *chain.Node) error {
			_, err := n.Mempool(ctx)
			return err
		},
		"getrawtransaction": func(ctx context.Context, n *chain.Node) error {
			_, _, err := n.Txs(ctx, []chain.TxID{{1}})
			return err
		},
	}
}

// errAbsent stands for Entry's "it is not in the mempool", which no failure may turn into.
var errAbsent = errors.New("not in the mempool")

// eachWay runs a test for each way against a server that misbehaves, and checks that no call came twice.
func eachWay(t *testing.T, misbehave func(w http.ResponseWriter, r *http.Request), check func(t *testing.T, err error)) {
	t.Helper()
	for method, call := range ways() {
		t.Run(method, func(t *testing.T) {
			s := fake(t, func(w http.ResponseWriter, r *http.Request, _ string) { misbehave(w, r) })
			n := client(t, s)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			check(t, call(ctx, n))
			time.AfterFunc(0, n.Close)
			n.Close() // twice, and at once: nothing of a call may be left to come
			if got := s.total(); got != 1 {
				t.Fatalf("the server saw %d calls: %v", got, s.calls)
			}
			if err := n.Alive(); err == nil {
				t.Fatal("the node is said to be alive")
			}
		})
	}
}

func TestDroppedConnectionIsUnreachableAndNothingIsRepeated(t *testing.T) {
	began := time.Now()
	eachWay(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}, func(t *testing.T, err error) { isKind(t, err, chain.ErrUnreachable) })
	if took := time.Since(began); took > 5*time.Second {
		t.Fatalf("took %v", took)
	}
}

func TestAnswerCutShortIsUnreachable(t *testing.T) {
	eachWay(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `[{"result":[`)
	}, func(t *testing.T, err error) { isKind(t, err, chain.ErrUnreachable) })
}

func TestFullWorkQueueIsNotReady(t *testing.T) {
	eachWay(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "Work queue depth exceeded", http.StatusServiceUnavailable)
	},
		func(t *testing.T, err error) { isKind(t, err, chain.ErrNotReady) })
}

func TestWrongPasswordIsRefused(t *testing.T) {
	eachWay(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		func(t *testing.T, err error) {
			isKind(t, err, chain.ErrRefused)
			if strings.Contains(err.Error(), `"p"`) {
				t.Fatalf("the password is in %q", err)
			}
		})
}

func TestForbiddenMethodIsRefused(t *testing.T) {
	eachWay(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		func(t *testing.T, err error) { isKind(t, err, chain.ErrRefused) })
}

func TestGarbageDecidesNothing(t *testing.T) {
	for name, text := range map[string]string{
		"html":        "<html>hello</html>",
		"empty":       "",
		"null":        "null",
		"no result":   `{"id":1}`,
		"wrong types": `{"result":{"chain":5,"txids":0},"error":17,"id":1}`,
		"wrong batch": `[{"result":"x","error":null,"id":9}]`,
		"long":        strings.Repeat("[", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			for method, call := range ways() {
				s := fake(t, func(w http.ResponseWriter, _ *http.Request, _ string) { answer(w, http.StatusOK, text) })
				n := client(t, s)
				err := call(t.Context(), n)
				if err == nil || errors.Is(err, errAbsent) || code(err) != 0 {
					t.Errorf("%s: %v", method, err)
				}
				if len(err.Error()) > 500 {
					t.Errorf("%s: an error of %d characters", method, len(err.Error()))
				}
				if s.total() != 1 {
					t.Errorf("%s: %d calls", method, s.total())
				}
			}
		})
	}
}

func TestWarmUpIsNotReady(t *testing.T) {
	const warming = `{"result":null,"error":{"code":-28,"message":"Loading block index…"},"id":`
	for method, call := range ways() {
		s := fake(t, func(w http.ResponseWriter, _ *http.Request, method string) {
			switch method {
			case "getmempoolinfo":
				answer(w, http.StatusOK, `[`+warming+`0},`+warming+`1}]`)
			case "getrawtransaction":
				answer(w, http.StatusOK, `[`+warming+`0}]`)
			default:
				answer(w, http.StatusInternalServerError, warming+`1}`)
			}
		})
		err := call(t.Context(), client(t, s))
		if !errors.Is(err, chain.ErrNotReady) || code(err) != -28 {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestHungNodeIsUnreachableWithinItsDeadline(t *testing.T) {
	for method, call := range ways() {
		t.Run(method, func(t *testing.T) {
			release := make(chan struct{})
			s := fake(t, func(http.ResponseWriter, *http.Request, string) { <-release })
			t.Cleanup(func() { close(release) }) // before the server's own cleanup, which waits for its handlers
			n := client(t, s)
			ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
			defer cancel()
			began := time.Now()
			isKind(t, call(ctx, n), chain.ErrUnreachable)
			if took := time.Since(began); took > 900*time.Millisecond {
				t.Fatalf("took %v", took)
			}
			// The client is free again: one hung call after the other, more than there are clients.
			for range 6 {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				isKind(t, call(ctx, n), chain.ErrUnreachable)
				cancel()
			}
			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			isKind(t, call(ctx, n), context.Canceled)
		})
	}
}

func TestCloseEndsCallsUnderWay(t *testing.T) {
	entered, release := make(chan struct{}, 1), make(chan struct{})
	defer close(release)
	s := fake(t, func(http.ResponseWriter, *http.Request, string) { entered <- struct{}{}; <-release })
	n := client(t, s)
	ended := make(chan error, 1)
	go func() {
		_, err := n.Info(context.Background())
		ended <- err
	}()
	<-entered
	n.Close()
	if err := <-ended; err == nil {
		t.Fatal("a call that was ended gave no error")
	}
	if _, err := n.Info(t.Context()); err == nil {
		t.Fatal("a closed client gave no error")
	}
}

func TestDeadNodeIsKnownWithinASecond(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	n := newNode(t, chain.NodeConfig{URL: "http://" + address, User: "u", Password: "p", Network: "regtest"})
	for method, call := range ways() {
		began := time.Now()
		err := call(context.Background(), n)
		if took := time.Since(began); !errors.Is(err, chain.ErrUnreachable) || took > time.Second {
			t.Errorf("%s: %v after %v", method, err, took)
		}
	}
	isKind(t, n.Alive(), chain.ErrUnreachable)
	if h := n.Health(); h.Calls != 0 || h.Failures < uint64(len(ways())) {
		t.Fatalf("health %+v", h)
	}
}

// TestHugeAnswersAreNotRead lets the server send 100 MB and looks at what of it was taken.
func TestHugeAnswersAreNotRead(t *testing.T) {
	chunk := strings.Repeat("ab", 512<<10)
	for _, start := range []string{`{"result":"`, `[{"id":0,"result":"`, `{"result":["`, chunk} {
		for method, call := range ways() {
			if strings.HasPrefix(start, "[") && method == "getrawtransaction" {
				continue // whose bound is higher than the rest's
			}
			var sent atomic.Int64
			s := fake(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
				_, err := io.WriteString(w, start)
				for ; err == nil && sent.Load() < 100<<20; sent.Add(int64(len(chunk))) {
					_, err = io.WriteString(w, chunk)
				}
			})
			err := call(t.Context(), client(t, s))
			if err == nil || errors.Is(err, errAbsent) {
				t.Errorf("%s: %v", method, err)
			}
			if s.Close(); sent.Load() > 80<<20 {
				t.Errorf("%s took %d MB", method, sent.Load()>>20)
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapSys > 400<<20 {
		t.Errorf("the heap grew to %d MB", m.HeapSys>>20)
	}
}

func TestCookieIsReadAgainOnceWhenItIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".cookie")
	write := func(secret string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("__cookie__:"+secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var good atomic.Value
	good.Store("first")
	s := fake(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		if user, pass, _ := r.BasicAuth(); user != "__cookie__" || pass != good.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer(w, http.StatusInternalServerError, `{"result":null,"error":{"code":-8,"message":"Block height out of range"},"id":1}`)
	})
	n := newNode(t, chain.NodeConfig{URL: s.URL, CookieFile: file, Network: "regtest"})
	ask := func() error {
		_, found, err := n.HashAt(t.Context(), 1)
		if found {
			t.Fatal("found a block")
		}
		return err
	}
	// The file is missing, and somebody listens: the path is wrong.
	err := ask()
	isKind(t, err, chain.ErrRefused)
	isKind(t, err, os.ErrNotExist)
	write("first")
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	// The node starts anew, with another cookie.
	write("second")
	good.Store("second")
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	before := s.total()
	// The file is a stale one: refused once more after one look, and not again and again.
	good.Store("third")
	isKind(t, ask(), chain.ErrRefused)
	if got := s.total() - before; got != 1 {
		t.Fatalf("%d calls with a cookie that did not change", got)
	}
	write("third")
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("no colon"), 0o600); err != nil {
		t.Fatal(err)
	}
	good.Store("fourth")
	err = ask()
	isKind(t, err, chain.ErrRefused)
	if strings.Contains(err.Error(), "no colon") {
		t.Fatalf("the file's content is in %q", err)
	}
}

func TestMissingCookieOfADeadNodeIsUnreachable(t *testing.T) {
	n := newNode(t, chain.NodeConfig{URL: "http://127.0.0.1:1", CookieFile: filepath.Join(t.TempDir(), "none"), Network: "regtest"})
	_, err := n.Info(t.Context())
	isKind(t, err, chain.ErrUnreachable)
}

func TestNewNodeRefusesWhatCannotWork(t *testing.T) {
	for name, cfg := range map[string]chain.NodeConfig{
		"network":  {URL: "http://127.0.0.1:8332", Network: "testnet"},
		"no host":  {URL: "127.0.0.1:8332", Network: "mainnet"},
		"scheme":   {URL: "ftp://127.0.0.1", Network: "mainnet"},
		"password": {URL: "http://u:secret@127.0.0.1:8332", Network: "mainnet"},
	} {
		_, err := chain.NewNode(cfg)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the password is in %q", name, err)
		}
	}
}

func TestClosedNodeLeavesNothingBehind(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	s := fake(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		answer(w, http.StatusOK, `{"result":7,"error":null,"id":1}`)
	})
	n, err := chain.NewNode(chain.NodeConfig{URL: s.URL, User: "u", Password: "p", Network: "regtest"})
	if err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, ignore, goleak.IgnoreAnyFunction("net/http/httptest.(*Server).goServe.func1")) // New starts nothing
	if raw := value(n.Call(t.Context(), "uptime"))(t); string(raw) != "7" {
		t.Fatalf("got %s", raw)
	}
	_, _ = n.Info(t.Context())
	n.Close()
	s.Close()
	goleak.VerifyNone(t, ignore)
}

func TestStrangersGetNothingFromTheBridge(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	s := fake(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		answer(w, http.StatusOK, `{"result":7,"error":null,"id":1}`)
	})
	n := client(t, s)
	_, _ = n.Info(t.Context())
	before := s.total()
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for line := range strings.Lines(string(table)) {
		_, name, found := strings.Cut(strings.TrimSpace(line), "@satchel-rpc-")
		if !found {
			continue
		}
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", "@satchel-rpc-"+name)
		}}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://unix", strings.NewReader(`{"method":"stop"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("1", "guess")
		res, err := c.Do(req)
		if err != nil {
			continue // another test's, closed meanwhile
		}
		_ = res.Body.Close()
		asked++
		if res.StatusCode != http.StatusUnauthorized {
			t.Fatalf("a stranger got status %d", res.StatusCode)
		}
	}
	if asked == 0 || s.total() != before {
		t.Fatalf("asked %d bridges, the node saw %d calls of strangers", asked, s.total()-before)
	}
}

func TestNodesOwnErrorKeepsItsCode(t *testing.T) {
	s := fake(t, func(w http.ResponseWriter, _ *http.Request, method string) {
		answer(w, http.StatusInternalServerError, `{"result":null,"error":{"code":-26,"message":"min relay fee not met"},"id":1}`)
	})
	n := client(t, s)
	for method, call := range ways() {
		if err := call(t.Context(), n); code(err) != -26 && method != "getmempoolinfo" && method != "getrawtransaction" {
			t.Errorf("%s: %v", method, err)
		}
	}
	if n.Alive() == nil {
		t.Log("a refusal is an answer")
	}
	var _ json.RawMessage
}
