package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// dialTimeout is how soon a node that is gone is known to be gone.
const dialTimeout = 800 * time.Millisecond

// wire is the one way by which bytes go to the node and come back: HTTP with kept connections, a context for every
// call, and no repetition of anything the node may have acted on. Only a refused login is sent once more, with the
// new cookie: the node did nothing with it.
type wire struct {
	rpc    string // where calls are posted, with the wallet's path if there is one
	root   string // scheme and host, for REST
	creds  *credentials
	client *http.Client
	health *health
}

func newWire(cfg *NodeConfig, h *health) (*wire, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the node's url must look like http://127.0.0.1:8332")
	}
	if u.User != nil {
		return nil, errors.New("the node's url must not hold a password; set user and password")
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &wire{
		rpc:   u.Scheme + "://" + u.Host + u.EscapedPath(),
		root:  u.Scheme + "://" + u.Host,
		creds: newCredentials(cfg),
		client: &http.Client{
			Transport: &http.Transport{
				DialContext:            dialer.DialContext,
				MaxIdleConnsPerHost:    8,
				IdleConnTimeout:        20 * time.Second, // below bitcoind's -rpcservertimeout of 30 s, so that it never closes under us
				DisableCompression:     true,
				MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		health: h,
	}, nil
}

func (w *wire) close() { w.client.CloseIdleConnections() }

// post sends a JSON-RPC body and gives the answer's body, which the caller closes and reads up to its bound.
// Besides JSON answers of any status, only errors with a sentinel or a cause come back.
func (w *wire) post(ctx context.Context, body []byte) (io.ReadCloser, error) {
	pair, err := w.creds.current()
	if err != nil {
		return nil, w.health.note(w.withoutLogin(ctx, err))
	}
	res, err := w.send(ctx, body, pair) //nolint:bodyclose // closed by drop, or by who reads the answer
	if err == nil && res.StatusCode == http.StatusUnauthorized {
		drop(res)
		fresh, other := w.creds.renew(pair)
		if !other {
			return nil, w.health.note(ErrRefused)
		}
		res, err = w.send(ctx, body, fresh) //nolint:bodyclose // closed by drop, or by who reads the answer
	}
	if err != nil {
		return nil, w.health.note(unanswered(ctx, err))
	}
	if err := statusError(res); err != nil {
		drop(res)
		return nil, w.health.note(err)
	}
	_ = w.health.note(nil)
	return &answerBody{ReadCloser: res.Body, ctx: ctx, health: w.health}, nil
}

func (w *wire) send(ctx context.Context, body []byte, pair login) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.rpc, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(pair.user, pair.pass)
	req.Header.Set("Content-Type", "application/json")
	return w.client.Do(req)
}

// rest asks for a REST resource and gives its body, or nil when the node has no such resource, or no REST at all.
func (w *wire) rest(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.root+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := w.client.Do(req) //nolint:bodyclose // closed by drop, or by who reads the answer
	if err != nil {
		return nil, w.health.note(unanswered(ctx, err))
	}
	if res.StatusCode == http.StatusOK {
		_ = w.health.note(nil)
		return &answerBody{ReadCloser: res.Body, ctx: ctx, health: w.health}, nil
	}
	drop(res)
	if res.StatusCode == http.StatusServiceUnavailable {
		return nil, w.health.note(ErrNotReady)
	}
	return nil, nil //nolint:nilnil // no such resource is an answer
}

// statusError judges the answers that are not JSON-RPC, whose errors come with the statuses 200, 400, 404 and 500.
func statusError(res *http.Response) error {
	switch res.StatusCode {
	case http.StatusUnauthorized:
		return ErrRefused
	case http.StatusForbidden:
		return fmt.Errorf("%w: this call, or our address, is not allowed", ErrRefused)
	case http.StatusServiceUnavailable:
		return fmt.Errorf("%w: its work queue is full", ErrNotReady)
	case http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusInternalServerError:
		return nil
	}
	return fmt.Errorf("the node answered with HTTP status %d", res.StatusCode)
}

// withoutLogin says why there is nothing to log in with. bitcoind removes its cookie when it stops, so the likely
// reason is that nobody listens; if somebody does, the file's path is wrong.
func (w *wire) withoutLogin(ctx context.Context, cause error) error {
	u, err := url.Parse(w.root)
	if err != nil {
		return err
	}
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", hostPort(u))
	if err != nil {
		return unanswered(ctx, fmt.Errorf("%w; %w", err, cause))
	}
	_ = conn.Close()
	return fmt.Errorf("%w: %w", ErrRefused, cause)
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "https" {
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// call makes one call and gives its result.
func (w *wire) call(ctx context.Context, limit int64, method string, params ...any) (json.RawMessage, error) {
	if params == nil {
		params = []any{}
	}
	text, err := w.exchange(ctx, limit, request{Method: method, Params: params, ID: 1})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	result, err := w.decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	return result, nil
}

// decode takes the result out of an answer.
func (w *wire) decode(text []byte) (json.RawMessage, error) {
	var r reply
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, w.health.note(fmt.Errorf("%w: %w", errMalformed, err))
	}
	result, err := r.result()
	if errors.Is(err, ErrNotReady) {
		_ = w.health.note(err)
	}
	return result, err
}

// exchange posts a body, one call or a batch, and reads the whole answer.
func (w *wire) exchange(ctx context.Context, limit int64, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	answer, err := w.post(ctx, text)
	if err != nil {
		return nil, err
	}
	defer finish(answer)
	return readBounded(answer, limit)
}

// batch makes several calls of one method in one post and hands each result over as it is read, by its place in
// params. An error of the node for one of them is handed over with it; an error of each ends the reading.
func (w *wire) batch(ctx context.Context, method string, params [][]any, each func(i int, result json.RawMessage, err error) error) error {
	body := make([]request, len(params))
	for i, p := range params {
		body[i] = request{Method: method, Params: p, ID: i}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answer, err := w.post(ctx, text)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	defer finish(answer)
	limit := int64(smallReply)
	if method == "getrawtransaction" {
		limit = batchReply
	}
	if err := readBatch(&bounded{r: answer, left: limit}, len(params), each); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// readBatch decodes a batch's answers one at a time, so that only one of them is held.
func readBatch(r io.Reader, want int, each func(i int, result json.RawMessage, err error) error) error {
	dec := newStride(r, blockReply)
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return fmt.Errorf("the node's answer is no batch: %w", errors.Join(err, errMalformed))
	}
	seen, missing := make([]bool, want), want
	for dec.More() {
		var one reply
		if err := dec.Decode(&one); err != nil {
			return fmt.Errorf("read the node's batch: %w", err)
		}
		if one.ID < 0 || one.ID >= want || seen[one.ID] {
			return fmt.Errorf("the node's batch answers what was not asked: %w", errMalformed)
		}
		seen[one.ID] = true
		result, err := one.result()
		if err := each(one.ID, result, err); err != nil {
			return err
		}
		missing--
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("read the node's batch: %w", err)
	}
	if missing != 0 {
		return fmt.Errorf("the node left %d calls of a batch unanswered: %w", missing, errMalformed)
	}
	return nil
}
