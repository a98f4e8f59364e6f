// Package sink is a shop's receiver of callbacks, to try things with.
package sink

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

// Config is how callbacks are received.
type Config struct {
	Listen string           // host:port; port 0: any
	Secret merchant.Secret  // what callbacks are signed with; "": signatures are not looked at
	Now    func() time.Time // the daemon's clock, which regtest can move
	Heard  func(Heard)      // is told of each callback, in order of arrival
}

// Heard is a callback that came, or what was wrong with it.
type Heard struct {
	Invoice, Status, Sequence string
	Body                      []byte
	Err                       error // it was refused
}

// Sink is a shop's webhook receiver: it checks each callback's signature and tells what it said.
type Sink struct {
	URL      string // where callbacks go
	cfg      Config
	listener net.Listener

	mu      sync.Mutex
	arrived map[string]time.Time
	news    chan struct{} // closed and made anew with each arrival
}

// New listens at once; callbacks are taken when it runs.
func New(ctx context.Context, cfg Config) (*Sink, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, err
	}
	return &Sink{
		URL: "http://" + l.Addr().String() + "/ipn", cfg: cfg, listener: l,
		arrived: map[string]time.Time{}, news: make(chan struct{}),
	}, nil
}

// Run takes callbacks until ctx ends.
func (s *Sink) Run(ctx context.Context) error {
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

func (s *Sink) receive(w http.ResponseWriter, r *http.Request) {
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

func (s *Sink) read(r *http.Request) Heard {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	c := Heard{Sequence: r.Header.Get("satchel-sequence"), Body: body, Err: err}
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

// At is when a status arrived.
func (s *Sink) At(status string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrived[status]
}

// Wait returns when a status has arrived, or fails after some time.
func (s *Sink) Wait(ctx context.Context, status string, patience time.Duration) error {
	late := time.After(patience)
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
			return fmt.Errorf("no callback with status %q within %s", status, patience)
		}
	}
}
