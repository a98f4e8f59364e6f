package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"satchel/merchant"
)

// TestConnectionClosedUnderUs closes every kept connection while the next request is on its way: no attempt may be lost.
func TestConnectionClosedUnderUs(t *testing.T) {
	url := rawReceiver(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		_, _ = c.Read(make([]byte, 4096)) // the second request goes unanswered
	})
	c := realClient(t, 10*time.Second, clientConfig{allowPrivate: true})
	for i := range 20 {
		if a := c.post(t.Context(), url, c.header(), []byte(`{}`)); !a.OK() {
			t.Fatalf("request %d: %+v", i, a)
		}
	}
}

func TestSample(t *testing.T) {
	hits := make(chan hit, 1)
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hits <- hit{header: r.Header, body: string(body)}
		http.Error(w, "hello", http.StatusTeapot)
	})
	m := newMemory()
	n, err := New(Config{Store: m, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.client.transport.(*http.Transport).CloseIdleConnections)
	a, err := n.Sample(t.Context(), url, m.secrets)
	if err != nil || a.Status != 418 || a.Answer != "hello" || a.Error != "status 418" || a.At.IsZero() || !a.Redelivery {
		t.Errorf("%+v, %v", a, err)
	}
	h := <-hits
	if err := Verify(m.secrets.Webhook, h.header, []byte(h.body), time.Now()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(h.body, "sample") || !strings.HasPrefix(h.header.Get("Webhook-Id"), "sample-") || len(m.attempts) != 0 {
		t.Errorf("%s %s", h.header.Get("Webhook-Id"), h.body)
	}
	if _, err := n.Sample(t.Context(), "nonsense", m.secrets); err == nil {
		t.Error("nonsense is sampled")
	}
	if _, err := n.Sample(t.Context(), url, merchant.Secrets{}); !errors.Is(err, ErrSecret) {
		t.Errorf("unsigned: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Sample(ended, url, m.secrets); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	guarded, err := New(Config{Store: m})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := guarded.Sample(t.Context(), url, m.secrets); err != nil || a.Error != "refused: private address 127.0.0.1" {
		t.Errorf("guarded: %+v, %v", a, err)
	}
}

// TestFaultyReceiver loses, resets and refuses a third of everything; all arrives, and no oftener than it has to.
func TestFaultyReceiver(t *testing.T) {
	const deliveries = 200
	var mu sync.Mutex
	got, faults := map[string]int{}, 0
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		id := r.Header.Get("Webhook-Id")
		got[id]++
		switch n := len(got)*7 + got[id]; {
		case got[id] > 3:
		case n%3 == 0:
			faults++
			w.WriteHeader(http.StatusBadGateway)
		case n%5 == 0:
			faults++
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		}
	})
	var ahead atomic.Int64
	m := newMemory()
	n, err := New(Config{Store: m, AllowPrivate: true, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(deliveries) {
		m.add(i%100, url, time.Now())
	}
	running(t, n)
	waitFor(t, func() bool {
		ahead.Add(int64(time.Second))
		n.Wake()
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, d := range m.rows {
			if d.State != Delivered {
				return false
			}
		}
		return true
	})
	mu.Lock()
	defer mu.Unlock()
	sum := 0
	for i := range deliveries {
		sum += got[fmt.Sprintf("evt-%d", i+1)]
	}
	if len(got) != deliveries || faults == 0 || sum > deliveries+faults {
		t.Errorf("%d of %d arrived, %d times, with %d faults", len(got), deliveries, sum, faults)
	}
}
