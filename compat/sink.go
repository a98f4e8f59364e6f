package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"satchel/merchant"
	"satchel/notify"
)

// sink is the shop's receiver of callbacks: it checks each signature, and keeps what came for the drivers.
type sink struct {
	url    string
	secret merchant.Secret
	server *http.Server

	mu      sync.Mutex
	arrived []callback
	refused []string
	news    chan struct{} // closed and made anew with each arrival
}

// callback is what a driver may ask for: the invoice, the status or the event's name, and the body as it came.
type callback struct {
	invoice string
	status  string
	event   string
	body    json.RawMessage
}

// ipn is both of BitPay's formats: the flat one, and the extended one around it.
type ipn struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Event  struct {
		Name string `json:"name"`
	} `json:"event"`
	Data *ipn `json:"data"`
}

// newSink listens on loopback. It must be closed.
func newSink(ctx context.Context) (*sink, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for callbacks: %w", err)
	}
	s := &sink{url: "http://" + l.Addr().String() + "/ipn", news: make(chan struct{})}
	s.server = &http.Server{Handler: http.HandlerFunc(s.receive), ReadHeaderTimeout: 5 * time.Second}
	go s.server.Serve(l) //nolint:errcheck // it ends with Close
	return s, nil
}

// Close stops listening.
func (s *sink) Close() error { return s.server.Close() }

func (s *sink) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var doc ipn
	if err == nil {
		err = json.Unmarshal(body, &doc)
	}
	if err == nil {
		err = notify.Verify(s.secret, r.Header, body, time.Now())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.refused = append(s.refused, err.Error())
		http.Error(w, "refused", http.StatusBadRequest)
		return
	}
	got := callback{invoice: doc.ID, status: doc.Status, body: body}
	if doc.Data != nil {
		got = callback{invoice: doc.Data.ID, status: doc.Data.Status, event: doc.Event.Name, body: body}
	}
	s.arrived = append(s.arrived, got)
	close(s.news)
	s.news = make(chan struct{})
}

// find lists the callbacks of an invoice with a status or an event's name; what is empty is not asked.
func (s *sink) find(invoice, status, event string) (list []json.RawMessage, news <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.arrived {
		if c.invoice == invoice && (status == "" || c.status == status) && (event == "" || c.event == event) {
			list = append(list, bytes.Clone(c.body))
		}
	}
	return list, s.news
}

// wait returns the callbacks as soon as there are so many.
func (s *sink) wait(ctx context.Context, want ask) ([]json.RawMessage, error) {
	for {
		list, news := s.find(want.Invoice, want.Status, want.Event)
		if len(list) >= want.Count {
			return list, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			s.mu.Lock()
			defer s.mu.Unlock()
			return nil, fmt.Errorf("%d of %d callbacks came for invoice %s, status %q, event %q; refused: %v",
				len(list), want.Count, want.Invoice, want.Status, want.Event, s.refused)
		}
	}
}
