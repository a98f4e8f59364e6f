package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	maxHeader   = 64 << 10 // of an answer
	maxAnswer   = 16 << 10 // read of an answer's body, at most; then the connection is closed
	keptAnswer  = 512      // of it, for the operator
	bodyWait    = 5 * time.Second
	dialWait    = 10 * time.Second
	maxIdle     = 256
	idleFor     = 90 * time.Second
	tlsSessions = 256
)

// clientConfig is what the transport needs to know; resolver and roots are the system's when nil.
type clientConfig struct {
	allowPrivate bool
	own          Own
	perEndpoint  int
	resolver     *net.Resolver
	roots        *x509.CertPool
}

// newTransport makes the one transport of all callbacks. A bare transport follows no redirect, keeps no cookie, and
// knows no proxy here; it speaks HTTP/1.1 only, so that one endpoint's connections are counted by its attempts.
func newTransport(c clientConfig) *http.Transport {
	dialer := &net.Dialer{
		Timeout:        dialWait,
		Resolver:       c.resolver,
		ControlContext: newGuard(c.allowPrivate, c.own).control,
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext: dialer.DialContext,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			RootCAs:            c.roots,
			ClientSessionCache: tls.NewLRUClientSessionCache(tlsSessions),
		},
		TLSHandshakeTimeout:    dialWait,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    c.perEndpoint,
		IdleConnTimeout:        idleFor,
		Protocols:              protocols,
	}
}

// client posts bodies and says what came of it.
type client struct {
	transport http.RoundTripper
	timeout   time.Duration
	agent     string
}

// post sends one body and fills in the attempt. The attempt is void when ctx ended first: then nobody knows.
func (c *client) post(ctx context.Context, endpoint string, header http.Header, body []byte) (a Attempt) {
	u, err := parseURL(endpoint)
	if err != nil {
		return Attempt{Error: "refused: " + err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return Attempt{Error: "refused: not a URL"}
	}
	req.Header = header
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return Attempt{Error: c.explain(ctx, err)}
	}
	defer func() { _ = resp.Body.Close() }()
	a = Attempt{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header)}
	a.Error = c.verdict(resp)
	a.Answer = readAnswer(resp.Body, cancel)
	return a
}

// header gives the headers of every callback. The empty Idempotency-Key is never sent: it tells the transport that it may
// repeat the request on a new connection when the endpoint closed a kept one under it.
func (c *client) header() http.Header {
	return http.Header{
		"Content-Type":    {"application/json"},
		"Accept":          {"application/json"},
		"User-Agent":      {c.agent},
		"Idempotency-Key": {},
	}
}

// verdict says why an answer is a failure, or nothing.
func (c *client) verdict(resp *http.Response) string {
	status := resp.StatusCode
	switch {
	case status >= 200 && status <= 299:
		return ""
	case status >= 300 && status <= 399 && resp.Header.Get("Location") != "":
		return "status " + strconv.Itoa(status) + ": redirect" + redirectTarget(resp) + " not followed"
	}
	return "status " + strconv.Itoa(status)
}

// redirectTarget names where an answer sends us, without credentials and query.
func redirectTarget(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment, u.RawFragment, u.ForceQuery = nil, "", "", "", false
	return " to " + clean(u.String(), 120)
}

// retryAfter reads the header's two forms (RFC 9110, section 10.2.3); a date counts from the answer's own Date.
func retryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if sec, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(sec) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	from, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, until.Sub(from))
}

// readAnswer keeps the beginning of a body. Reading it to its end lets the connection be used again; one that is too long
// or too slow is not worth that, and stop ends it. The status has decided already, so nothing here is an error.
func readAnswer(body io.Reader, stop func()) string {
	timer := time.AfterFunc(bodyWait, stop)
	defer timer.Stop()
	kept := make([]byte, keptAnswer)
	n, err := io.ReadFull(body, kept)
	if err == nil {
		_, _ = io.CopyN(io.Discard, body, maxAnswer-keptAnswer+1) // one more byte, to meet the end
	}
	return clean(string(kept[:n]), keptAnswer)
}

// clean makes others' text fit for a line on the operator's screen.
func clean(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit]
	}
	text = strings.ToValidUTF8(text, "")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text))
}
