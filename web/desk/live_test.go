package desk

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"satchel/auth"
)

// listens opens a stream on a socket, and gives its lines as they come; it is closed when the stream ends.
func (b *person) listens(t *testing.T, base, path string) (lines chan string, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+at(path), http.NoBody)
	b.o.must(err)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	res, err := http.DefaultClient.Do(r)
	b.o.must(err)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	lines = make(chan string, 100)
	go func() {
		defer close(lines)
		defer res.Body.Close()
		for s := bufio.NewScanner(res.Body); s.Scan(); {
			if s.Text() != "" {
				lines <- s.Text()
			}
		}
	}()
	return lines, func() { cancel(); http.DefaultClient.CloseIdleConnections() }
}

func wants(t *testing.T, lines chan string, want string) {
	t.Helper()
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("it ended before %q", want)
			}
			if strings.HasPrefix(line, want) {
				return
			}
			if strings.HasPrefix(line, "data: ") {
				t.Fatalf("%q instead of %q", line, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no %q", want)
		}
	}
}

func newLive(t *testing.T, beat time.Duration) (*office, string) {
	t.Helper()
	o := newOffice(t)
	o.beat = beat
	srv := httptest.NewServer(o.Handler())
	t.Cleanup(func() {
		o.Stop()
		http.DefaultClient.CloseIdleConnections()
		srv.CloseClientConnections()
		srv.Close()
	})
	return o, srv.URL
}

// Who listens is told of his merchant's changes, and of nobody else's.
func TestPagesHearOfChanges(t *testing.T) {
	o, base := newLive(t, time.Hour)
	b := o.hires("alice", auth.Viewer, shopA)
	lines, leave := b.listens(t, base, "live")
	defer leave()
	wants(t, lines, "data: 0")
	o.sells(shopB)
	inv := o.sells(shopA)
	wants(t, lines, "data: 2")
	o.pays(inv, 1, 1_000_000, 0)
	wants(t, lines, "data: ")
	o.Stop()
	for range lines { // it ends
	}
}

func TestAStreamEndsWithItsSeat(t *testing.T) {
	o, base := newLive(t, 10*time.Millisecond)
	b := o.hires("alice", auth.Viewer, shopA)
	lines, leave := b.listens(t, base, "live")
	defer leave()
	wants(t, lines, "data: 0")
	wants(t, lines, "event: beat")
	o.must(o.staff.SignOutEverywhere(t.Context(), "alice"))
	for range lines { // it ends
	}
	if o.hub.Len() > 0 {
		o.wait(0)
	}
}

// An open page keeps no seat: what it asks by itself is no use.
func TestAnOpenPageKeepsNoSeat(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Viewer, shopA)
	for range 13 {
		o.wait(time.Hour)
		r := httptest.NewRequest(http.MethodGet, at(""), http.NoBody)
		r.Header.Set(backgroundHeader, "yes")
		b.do(r)
	}
	if status, _ := b.get(""); status != http.StatusSeeOther {
		t.Errorf("%d", status)
	}
}

// Whoever asks for the head of the stream gets it, and the connection is free for the next request.
func TestTheHeadOfAStream(t *testing.T) {
	o, base := newLive(t, time.Hour)
	b := o.hires("alice", auth.Viewer, shopA)
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	o.must(err)
	defer conn.Close()
	o.must(conn.SetDeadline(time.Now().Add(20 * time.Second)))
	from := bufio.NewReader(conn)
	for _, c := range []struct {
		method, path, kind string
	}{{http.MethodHead, "live", "text/event-stream"}, {http.MethodGet, "events", "text/html; charset=utf-8"}} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, base+at(c.path), http.NoBody)
		o.must(err)
		for _, cookie := range b.cookies {
			r.AddCookie(cookie)
		}
		o.must(r.Write(conn))
		res, err := http.ReadResponse(from, r)
		if err != nil {
			t.Fatalf("%s %s: %v", c.method, c.path, err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		o.must(errors.Join(err, res.Body.Close()))
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != c.kind {
			t.Errorf("%s %s: %d %v", c.method, c.path, res.StatusCode, res.Header)
		}
	}
}
