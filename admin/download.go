package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// HandleDownload adds a command that answers with bytes and no document. When its function fails before the first byte
// the client gets the refusal; when it fails later the connection breaks, so that a part is never taken for the whole.
func HandleDownload(s *Server, name string, fn func(ctx context.Context, w io.Writer) error) {
	s.mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
		var req Nothing
		if err := decode(w, r, &req); err != nil {
			s.answer(w, nil, err)
			return
		}
		out := &begun{w: w}
		err := fn(r.Context(), out)
		switch {
		case err == nil:
		case !out.yes:
			s.answer(w, nil, err)
		default:
			s.log.Warn("a download broke off", "command", name, "err", err)
			panic(http.ErrAbortHandler)
		}
	})
}

// begun knows whether something was written.
type begun struct {
	w   http.ResponseWriter
	yes bool
}

// Write implements io.Writer.
func (b *begun) Write(p []byte) (int, error) {
	if !b.yes {
		b.yes = true
		b.w.Header().Set("Content-Type", "application/octet-stream")
	}
	return b.w.Write(p)
}

// Download runs such a command and writes its answer to w. It fails when the answer is not whole.
func (c *Client) Download(ctx context.Context, name string, w io.Writer) error {
	res, err := c.post(ctx, name, Nothing{})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := c.refused(res, name); err != nil {
		return err
	}
	_, err = io.Copy(w, res.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the daemon at %s broke off; its log says why: %w", c.path, err)
	}
	return err
}
