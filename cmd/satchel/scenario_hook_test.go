package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"satchel/admin"
	"satchel/merchant"
	"satchel/notify"
)

// post is one callback as it arrived.
type post struct {
	header http.Header
	body   []byte
}

// hook is an endpoint whose answers are scripted by path.
type hook struct {
	url string

	mu     sync.Mutex
	posts  map[string][]post
	answer map[string]http.HandlerFunc
}

func newHook(t *testing.T) *hook {
	h := &hook{posts: map[string][]post{}, answer: map[string]http.HandlerFunc{}}
	srv := httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(srv.Close)
	h.url = srv.URL
	return h
}

func (h *hook) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	h.posts[r.URL.Path] = append(h.posts[r.URL.Path], post{r.Header, body})
	answer := h.answer[r.URL.Path]
	h.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

// says scripts the answers at a path; nil: 200.
func (h *hook) says(path string, answer http.HandlerFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer[path] = answer
}

func (h *hook) at(path string) []post {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.posts[path])
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// paidAt makes an invoice that is told at an address, and pays it.
func (c *scene) paidAt(url string) order {
	c.t.Helper()
	inv := c.order(map[string]any{"notificationURL": url})
	c.transfer(inv.Address, 10_000_000)
	c.becomes(inv.ID, "paid", false)
	return inv
}

// arrive waits until a path was called so often.
func (c *scene) arrive(h *hook, path string, want int) []post {
	c.t.Helper()
	c.agrees("calls of "+path, fmt.Sprint(want), func() string { return fmt.Sprint(len(h.at(path))) })
	return h.at(path)
}

// delivery is an invoice's last delivery, with its attempts.
func (c *scene) delivery(id string) admin.Delivery {
	c.t.Helper()
	list := c.shown(id).Deliveries
	if len(list) == 0 {
		return admin.Delivery{}
	}
	return list[len(list)-1]
}

// tried waits until an invoice's last delivery is in a state after so many attempts.
func (c *scene) tried(id, state string, attempts int) admin.Delivery {
	c.t.Helper()
	c.agrees("the delivery of "+id, fmt.Sprint(state, " after ", attempts), func() string {
		d := c.delivery(id)
		return fmt.Sprint(d.State, " after ", d.Tries)
	})
	return c.delivery(id)
}

// refusing is an address that nobody listens at, until somebody does.
func (c *scene) refusing() (url string, listen func(http.Handler)) {
	c.t.Helper()
	address := freePort(c.t)
	return "http://" + address + "/53", func(handler http.Handler) {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
		c.must(err)
		srv := &http.Server{Handler: handler, ReadHeaderTimeout: patience}
		go func() { _ = srv.Serve(l) }()
		c.t.Cleanup(func() { _ = srv.Close() })
	}
}

// selfSigned is an endpoint whose certificate nobody vouches for.
func (c *scene) selfSigned() string {
	c.t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		c.t.Error("a callback went to an endpoint that is not who it says")
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	c.t.Cleanup(srv.Close)
	return srv.URL
}

// sameBytes demands that posts with one id have one body, and that there are so many ids.
func (c *scene) sameBytes(path string, posts []post, events int) {
	c.t.Helper()
	bodies := map[string]string{}
	for _, p := range posts {
		id := p.header.Get("webhook-id")
		if was, ok := bodies[id]; ok && was != string(p.body) {
			c.t.Errorf("%s: event %s came with other bytes", path, id)
		}
		bodies[id] = string(p.body)
		if err := notify.Verify(merchant.Secret(c.secret), p.header, p.body, c.now()); err != nil {
			c.t.Errorf("%s: %s", path, err)
		}
	}
	if len(bodies) != events {
		c.t.Errorf("%s: %d events in %d posts, want %d", path, len(bodies), len(posts), events)
	}
}
