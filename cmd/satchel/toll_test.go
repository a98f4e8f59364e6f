package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// toll stands between a daemon and its node, and loses calls and answers on demand.
type toll struct {
	url  string
	mu   sync.Mutex
	rule func(method string) fate
	seen map[string]int
}

// fate is what becomes of a call.
type fate uint8

const (
	passes      fate = iota
	isLost           // the node never hears of it
	answerLost       // the node does it, and nobody hears of that
	isNotServed      // as by a node whose work queue is full
)

func newToll(t *testing.T, node string) *toll {
	t.Helper()
	g := &toll{seen: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, node) }))
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

func (g *toll) follow(rule func(method string) fate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rule = rule
}

// passed tells how often the node was given a call.
func (g *toll) passed(method string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen[method]
}

func (g *toll) judge(method string) fate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rule == nil {
		return passes
	}
	return g.rule(method)
}

func (g *toll) serve(w http.ResponseWriter, r *http.Request, node string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	var call struct {
		Method string `json:"method"`
	}
	_ = json.Unmarshal(body, &call) // a batch has none, and is judged as such
	verdict := g.judge(call.Method)
	switch verdict {
	case isLost:
		panic(http.ErrAbortHandler)
	case isNotServed:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case passes, answerLost:
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, node+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	req.Header = r.Header.Clone()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	g.mu.Lock()
	g.seen[call.Method]++
	g.mu.Unlock()
	if err != nil || verdict == answerLost {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(answer)
}
