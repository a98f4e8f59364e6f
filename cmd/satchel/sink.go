package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"satchel/merchant"
	"satchel/notify"
)

// sink is a shop's webhook receiver: it checks each callback's signature and tells what it said.
type sink struct {
	url      string
	secret   merchant.Secret
	say      func(format string, args ...any)
	listener net.Listener

	mu      sync.Mutex
	arrived map[string]time.Time
	news    chan struct{} // closed and made anew with each arrival
}

func newSink(ctx context.Context, say func(string, ...any)) (*sink, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &sink{
		url: "http://" + l.Addr().String() + "/ipn", say: say, listener: l,
		arrived: map[string]time.Time{}, news: make(chan struct{}),
	}, nil
}

func (s *sink) run(ctx context.Context) error {
	srv := &http.Server{Handler: http.HandlerFunc(s.receive), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	if err := srv.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *sink) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var doc struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	}
	if err == nil {
		err = json.Unmarshal(body, &doc)
	}
	if err == nil {
		err = notify.Verify(s.secret, r.Header, body, time.Now())
	}
	if err != nil {
		s.say("  a callback was refused: %s", err)
		http.Error(w, "refused", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived[doc.Status] = time.Now()
	s.say("  callback: status %q, event #%s, signature verified", doc.Status, r.Header.Get("satchel-sequence"))
	close(s.news)
	s.news = make(chan struct{})
}

// at is when a status arrived.
func (s *sink) at(status string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrived[status]
}

// wait returns when a status has arrived.
func (s *sink) wait(ctx context.Context, status string) error {
	late := time.After(demoPatience)
	for {
		s.mu.Lock()
		_, ok := s.arrived[status]
		news := s.news
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			return fmt.Errorf("no callback with status %q within %s", status, demoPatience)
		}
	}
}
