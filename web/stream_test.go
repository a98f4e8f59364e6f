package web

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"satchel/invoice"
)

// open connects to the stream of the sample over a real socket.
func open(t *testing.T, w *world) (*http.Response, *bufio.Scanner) {
	t.Helper()
	srv := httptest.NewServer(w.Handler())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	t.Cleanup(func() {
		cancel()
		srv.CloseClientConnections()
		srv.Close()
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/invoice/stream?id="+anID, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res, bufio.NewScanner(res.Body)
}

// next reads one event's view; false at the end of the stream.
func next(t *testing.T, lines *bufio.Scanner) (view, bool) {
	t.Helper()
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var v view
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			t.Fatalf("%s: %s", data, err)
		}
		return v, true
	}
	return view{}, false
}

func TestStreamFollowsThePaymentToItsEnd(t *testing.T) {
	w := newWorld(t, 10, sample())
	res, lines := open(t, w)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	for _, step := range []struct {
		p     invoice.Public
		state state
	}{
		{sample(), waiting},
		{paid(invoice.New, 10_000, 0), partial},
		{paid(invoice.Paid, 17_148, 0), seen},
		{paid(invoice.Confirmed, 17_148, 1), confirmed},
		{paid(invoice.Complete, 17_148, 6), complete},
	} {
		if step.state != waiting {
			w.store.put(step.p)
			w.hub.Wake(anID)
		}
		v, ok := next(t, lines)
		if !ok || v.State != step.state {
			t.Fatalf("got %v %q, want %q", ok, v.State, step.state)
		}
	}
	if v, ok := next(t, lines); ok {
		t.Fatalf("after the end came %q", v.State)
	}
}

// A wake is only a hint: one without a change does no harm, and somebody else's wakes nobody.
func TestStreamReadsTheStoreOnEachWake(t *testing.T) {
	w := newWorld(t, 10, sample())
	_, lines := open(t, w)
	if v, ok := next(t, lines); !ok || v.State != waiting {
		t.Fatal("no first view")
	}
	w.hub.Wake(anID)
	if v, ok := next(t, lines); !ok || v.State != waiting {
		t.Fatalf("got %q", v.State)
	}
	looks := w.store.looks()
	w.hub.Wake("somebody else's")
	w.store.put(paid(invoice.Paid, 17_148, 0))
	w.hub.Wake(anID)
	if v, ok := next(t, lines); !ok || v.State != seen || w.store.looks() != looks+1 {
		t.Fatalf("got %q after %d looks", v.State, w.store.looks()-looks)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	w := newWorld(t, 1, sample())
	_, lines := open(t, w)
	if _, ok := next(t, lines); !ok {
		t.Fatal("the first stream is refused")
	}
	res, _ := open(t, w)
	if res.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("the second stream of one: %d", res.StatusCode)
	}
}

func TestStreamOfNobody(t *testing.T) {
	w := newWorld(t, 1)
	res, _ := open(t, w)
	if res.StatusCode != http.StatusNotFound {
		t.Fatalf("status %d", res.StatusCode)
	}
}

func TestStopEndsStreamsAndRefusesNewOnes(t *testing.T) {
	w := newWorld(t, 10, sample())
	_, lines := open(t, w)
	if _, ok := next(t, lines); !ok {
		t.Fatal("no first view")
	}
	w.Stop()
	if v, ok := next(t, lines); ok {
		t.Fatalf("after the stop came %q", v.State)
	}
	if res, _ := open(t, w); res.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("a stream after the stop: %d", res.StatusCode)
	}
}
