package admin

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
)

// Client sends commands to a running daemon.
type Client struct {
	Serve string // the command that starts the daemon, where none answers

	path string
	http *http.Client
}

// NewClient makes a Client for a socket's path.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return &Client{Serve: "satchel serve", path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Call runs a command and decodes its document into doc; a nil doc is not decoded.
func (c *Client) Call(ctx context.Context, name string, req, doc any) error {
	res, err := c.post(ctx, name, req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := c.refused(res, name); err != nil || doc == nil {
		return err
	}
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, doc)
}
