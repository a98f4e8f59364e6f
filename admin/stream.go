package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"

	"satchel/fault"
)

// line is one line of a command that answers bit by bit: a document, or the refusal that ends it. The last line of a
// command that came to its end has neither, so that a daemon which died is told from one that was done.
type line struct {
	Document json.RawMessage `json:"document,omitempty"`
	Refusal  *refusal        `json:"refusal,omitempty"`
}

// HandleStream adds a command that answers with one document after the other: long work that tells how far it is, or a
// log that is followed. Its function ends when the client goes away.
func HandleStream[Req, Doc any](s *Server, name string, fn func(ctx context.Context, req Req, emit func(Doc) error) error) {
	s.mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
		var req Req
		if err := decode(w, r, &req); err != nil {
			s.answer(w, nil, err)
			return
		}
		w.Header().Set("Content-Type", "application/jsonl")
		out := http.NewResponseController(w)
		lines := json.NewEncoder(w)
		err := fn(r.Context(), req, func(d Doc) error {
			document, err := json.Marshal(d)
			return errors.Join(err, lines.Encode(line{Document: document}), out.Flush())
		})
		last := line{}
		if err != nil {
			no := refusalOf(err)
			last.Refusal = &no
		}
		if err := lines.Encode(last); err != nil {
			s.log.Debug("answer not read", "err", err)
		}
	})
}

// Stream runs such a command and hands each of its documents to fn. It fails when ctx ends first, for then they were not all.
func (c *Client) Stream(ctx context.Context, name string, req any, fn func(json.RawMessage) error) error {
	res, err := c.post(ctx, name, req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := c.refused(res, name); err != nil {
		return err
	}
	r := bufio.NewReader(res.Body)
	for {
		text, err := r.ReadBytes('\n')
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("the daemon at %s went away: %w", c.path, err)
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("the daemon's answer: %w", err)
		}
		switch {
		case l.Refusal != nil:
			return l.Refusal.fault()
		case l.Document == nil:
			return nil
		}
		if err := fn(l.Document); err != nil {
			return err
		}
	}
}

// post sends a command.
func (c *Client) post(ctx context.Context, name string, req any) (*http.Response, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://satchel/"+name, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(r)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no daemon answers at %s; start it with `%s`", c.path, c.Serve)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the daemon at %s: %w", c.path, err)
	}
	return res, nil
}

// refused gives the error of an answer that is none.
func (c *Client) refused(res *http.Response, name string) error {
	switch res.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusNotFound:
		return fmt.Errorf("the daemon does not know %q; is it of the same version?", name)
	}
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var no refusal
	if err := json.Unmarshal(answer, &no); err != nil {
		return fmt.Errorf("the daemon answered %s", res.Status)
	}
	return no.fault()
}

func (r refusal) fault() error {
	return &fault.Error{Kind: fault.Invalid, Field: r.Field, Message: r.Message}
}
