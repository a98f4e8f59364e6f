package chain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"satchel/chain"
	"satchel/chain/chaintest"
	"satchel/regtest"
)

func TestMain(m *testing.M) { os.Exit(chaintest.Main(m)) }

// server is an HTTP server that counts the calls it gets, by JSON-RPC method (a batch by its first) or REST path.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	calls map[string]int
	edit  func(w http.ResponseWriter, r *http.Request, method string) bool // true: it has answered
}

// fake serves what edit answers and nothing else.
func fake(t *testing.T, edit func(w http.ResponseWriter, r *http.Request, method string)) *server {
	t.Helper()
	return serve(t, http.NotFoundHandler(), func(w http.ResponseWriter, r *http.Request, method string) bool {
		edit(w, r, method)
		return true
	})
}

// tap stands before a real node; what edit does not answer goes through.
func tap(t *testing.T, n *regtest.Node, edit func(w http.ResponseWriter, r *http.Request, method string) bool) *server {
	t.Helper()
	u, err := url.Parse(n.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }}
	return serve(t, proxy, edit)
}

func serve(t *testing.T, behind http.Handler, edit func(w http.ResponseWriter, r *http.Request, method string) bool) *server {
	s := &server{calls: map[string]int{}, edit: edit}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		method := methodOf(r, body)
		s.mu.Lock()
		s.calls[method]++
		edit := s.edit
		s.mu.Unlock()
		if edit == nil || !edit(w, r, method) {
			behind.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func methodOf(r *http.Request, body []byte) string {
	if r.Method == http.MethodGet {
		return r.URL.Path
	}
	type call struct {
		Method string `json:"method"`
		Params []any  `json:"params"`
	}
	var one call
	if json.Unmarshal(body, &one) != nil {
		var many []call
		if json.Unmarshal(body, &many) != nil || len(many) == 0 {
			return "?"
		}
		one = many[0]
	}
	if one.Method == "getblock" && len(one.Params) == 2 && one.Params[1] == 2.0 {
		return "getblock 2"
	}
	return one.Method
}

func (s *server) count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

func (s *server) total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := 0
	for _, n := range s.calls {
		sum += n
	}
	return sum
}

// client makes a Node for a server, with a user and password.
func client(t *testing.T, s *server) *chain.Node {
	t.Helper()
	return newNode(t, chain.NodeConfig{URL: s.URL, User: "u", Password: "p", Network: "regtest"})
}

func newNode(t *testing.T, cfg chain.NodeConfig) *chain.Node {
	t.Helper()
	n, err := chain.NewNode(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// tapped makes a Node for a tap before a real node.
func tapped(t *testing.T, s *server, n *regtest.Node, filter *chain.Filter) *chain.Node {
	t.Helper()
	return newNode(t, chain.NodeConfig{URL: s.URL, CookieFile: n.CookieFile(), Network: "regtest", Filter: filter})
}

func value[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func isKind(t *testing.T, err error, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want %v", err, kind)
	}
}

func code(err error) int {
	if said, ok := errors.AsType[*chain.RPCError](err); ok {
		return said.Code
	}
	return 0
}

func watching(scripts ...[]byte) *chain.Filter {
	f := &chain.Filter{Scripts: chain.NewScripts(len(scripts)), Spends: chain.NewOutpoints()}
	for _, s := range scripts {
		f.Scripts.Add(s)
	}
	return f
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.Copy(w, strings.NewReader(text))
}
