package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"satchel/fault"
)

// Client sends commands to a running daemon.
type Client struct {
	path string
	http *http.Client
}

// NewClient makes a Client for a socket's path.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Call runs a command and decodes its document into doc; a nil doc is not decoded.
func (c *Client) Call(ctx context.Context, name string, req, doc any) error {
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://satchel/"+name, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := c.http.Do(r)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("no daemon answers at %s; start it with `satchel serve`", c.path)
	}
	if err != nil {
		return fmt.Errorf("ask the daemon at %s: %w", c.path, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	switch res.StatusCode {
	case http.StatusOK:
		if doc == nil {
			return nil
		}
		return json.Unmarshal(answer, doc)
	case http.StatusNotFound:
		return fmt.Errorf("the daemon does not know %q; is it of the same version?", name)
	}
	var no refusal
	if err := json.Unmarshal(answer, &no); err != nil {
		return fmt.Errorf("the daemon answered %s", res.Status)
	}
	return &fault.Error{Kind: fault.Invalid, Field: no.Field, Message: no.Message}
}
