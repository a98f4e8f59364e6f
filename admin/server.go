// Package admin is the operator's way in: a socket in the data directory, mode 0600, whose file permissions are the
// authority. The server answers one JSON document a command; the client is what the satchel command uses.
//
// It decides nothing: every command is one call of the domain or one read of the store.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"satchel/fault"
)

// maxRequest bounds a command's body.
const maxRequest = 1 << 20

// Server answers commands on a unix socket.
type Server struct {
	path     string
	mux      *http.ServeMux
	log      *slog.Logger
	listener net.Listener // nil before Listen
}

// NewServer makes a Server for a socket's path; it starts nothing.
func NewServer(path string, log *slog.Logger) *Server {
	return &Server{path: path, mux: http.NewServeMux(), log: log}
}

// Handle adds a command: its name, and what it does with its decoded request.
func Handle[Req, Doc any](s *Server, name string, fn func(context.Context, Req) (Doc, error)) {
	s.mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
		var req Req
		if err := decode(w, r, &req); err != nil {
			s.answer(w, nil, err)
			return
		}
		doc, err := fn(r.Context(), req)
		s.answer(w, doc, err)
	})
}

// decode reads a command's request, and refuses one with members that this version does not know.
func decode(w http.ResponseWriter, r *http.Request, req any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(req); err != nil {
		return fault.New(fault.Invalid, "the command and the daemon are of different versions: %s", err)
	}
	return nil
}

// refusal is how an error travels over the socket.
type refusal struct {
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

func refusalOf(err error) refusal {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return refusal{Field: f.Field, Message: f.Message}
	}
	return refusal{Message: err.Error()}
}

func (s *Server) answer(w http.ResponseWriter, doc any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		doc = refusalOf(err)
	}
	if err := json.NewEncoder(w).Encode(doc); err != nil {
		s.log.Debug("answer not read", "err", err)
	}
}

// Listen takes the socket, so that commands that come before Run wait for it. The socket's file is made anew: who holds the
// database owns it.
func (s *Server) Listen(ctx context.Context) error {
	if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("admin socket: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", s.path)
	if err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	if err := os.Chmod(s.path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("admin socket: %w", err), l.Close())
	}
	s.listener = l
	return nil
}

// Run answers until ctx ends. It listens by itself where nobody made it.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		if err := s.Listen(ctx); err != nil {
			return err
		}
	}
	srv := &http.Server{Handler: s.mux, ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := srv.Shutdown(end); err != nil {
			s.log.Debug("admin socket closed hard", "err", err)
		}
	}()
	if err := srv.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-stopped
	return nil
}
