package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// patience is how long anything may take that a driver waits for.
const patience = 20 * time.Second

// ask is everything that a driver can ask for; each path of the control server reads what it needs.
type ask struct {
	Code     string `json:"code"`     // approve
	Facade   string `json:"facade"`   // offer, token
	SIN      string `json:"sin"`      // token; empty: a bearer token
	Address  string `json:"address"`  // pay, draft
	Satoshis int64  `json:"satoshis"` // pay, draft
	Blocks   int    `json:"blocks"`   // mine
	Invoice  string `json:"invoice"`  // ipn
	Status   string `json:"status"`   // ipn: with this status
	Event    string `json:"event"`    // ipn: with this event's name
	Count    int    `json:"count"`    // ipn: wait for so many
	Duration string `json:"duration"` // advance
}

// control is what the drivers reach the operator, the customer and the miner by.
type control struct {
	url    string
	server *http.Server
}

// newControl listens on loopback. It must be closed.
func newControl(ctx context.Context, w *world) (*control, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the drivers: %w", err)
	}
	mux := http.NewServeMux()
	for name, do := range w.deeds() {
		mux.HandleFunc("POST /"+name, answer(do))
	}
	c := &control{url: "http://" + l.Addr().String(), server: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}}
	go c.server.Serve(l) //nolint:errcheck // it ends with Close
	return c, nil
}

// Close stops listening.
func (c *control) Close() error { return c.server.Close() }

// deed does what a driver asked for, and gives a document back.
type deed func(ctx context.Context, a ask) (any, error)

func answer(do deed) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		var a ask
		err := json.NewDecoder(r.Body).Decode(&a)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		var doc any
		if err == nil {
			doc, err = do(ctx, a)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(doc) // a driver that has gone is told by its own end
	}
}
