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

// sinkConfig is how callbacks are received.
type sinkConfig struct {
	Listen string           // host:port; port 0: any
	Secret merchant.Secret  // what callbacks are signed with; "": signatures are not looked at
	Now    func() time.Time // the daemon's clock, which regtest can move
	Heard  func(heard)      // is told of each callback, in order of arrival
}

// heard is a callback that came, or what was wrong with it.
type heard struct {
	Invoice, Status, Sequence string
	Body                      []byte
	Err                       error // it was refused
}

// sink is a shop's webhook receiver: it checks each callback's signature and tells what it said.
type sink struct {
	url      string
	cfg      sinkConfig
	listener net.Listener

	mu      sync.Mutex
	arrived map[string]time.Time
	news    chan struct{} // closed and made anew with each arrival
}

func newSink(ctx context.Context, cfg sinkConfig) (*sink, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, err
	}
	return &sink{
		url: "http://" + l.Addr().String() + "/ipn", cfg: cfg, listener: l,
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
	c := s.read(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Heard(c)
	if c.Err != nil {
		http.Error(w, "refused", http.StatusBadRequest)
		return
	}
	s.arrived[c.Status] = time.Now()
	close(s.news)
	s.news = make(chan struct{})
}

func (s *sink) read(r *http.Request) heard {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	c := heard{Sequence: r.Header.Get("satchel-sequence"), Body: body, Err: err}
	if c.Err == nil && s.cfg.Secret != "" {
		c.Err = notify.Verify(s.cfg.Secret, r.Header, body, s.cfg.Now())
	}
	if c.Err != nil {
		return c
	}
	c.Invoice, c.Status, c.Err = told(body)
	return c
}

// told reads whose callback it is and what it says, of a plain one and of an extended one.
func told(body []byte) (invoice, status string, err error) {
	type members struct{ ID, Status string }
	var doc struct {
		members
		Data members
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return "", "", err
	}
	if doc.ID == "" {
		doc.members = doc.Data
	}
	return doc.ID, doc.Status, nil
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
