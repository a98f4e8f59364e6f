package api

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"satchel/auth"
	"satchel/bitpay"
)

// Bounds of one call, once its body is read.
const (
	handleTimeout = 20 * time.Second
	writeTimeout  = 30 * time.Second
)

// request is what a handler knows of a call: read and checked before it, once.
type request struct {
	id     string // X-Request-Id
	caller caller
	base   string // our public URL, as the caller used it
	bare   bool   // an invoice is answered without anything around it
	vars   [maxVars]string
	query  bitpay.Query
	raw    []byte      // the body's bytes, of POST and PUT
	body   bitpay.Body // what they say
	turn   bitpay.Turn // its place in a session
	guid   string      // makes a repeated request the same one; "": nothing does

	identity *auth.Identity // whose signature was verified; nil: nobody's
}

// sin names whose signature was verified.
func (r *request) sin() auth.SIN {
	if r.identity == nil {
		return ""
	}
	return r.identity.SIN()
}

// serve is what happens to every call.
func (a *API) serve(w http.ResponseWriter, req *http.Request) {
	began := time.Now() //nolint:forbidigo // what a call costs and how long a socket waits is real time
	r := &request{id: requestID(req.Header.Get("X-Request-Id")), caller: callerOf(req)}
	out := &recorder{ResponseWriter: w, req: req}
	cors(w.Header())
	w.Header().Set("X-Request-Id", r.id)
	f := a.routes.find(req.Method, req.URL.EscapedPath())
	defer func() {
		if failure := recover(); failure != nil {
			if failure == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
				panic(failure)
			}
			a.recovered(out, r, failure)
		}
		a.done(out, r, f, time.Since(began))
	}()
	// A write that hangs must end. The server's own timeout would end streams, too; they set their own deadlines.
	_ = http.NewResponseController(w).SetWriteDeadline(began.Add(handleTimeout + bitpay.MaxWait + writeTimeout))
	switch {
	case req.Method == http.MethodOptions:
		preflight(out)
	case f.route == nil:
		a.noRoute(out, f)
	case f.route.serve != nil:
		f.route.serve.ServeHTTP(out, req)
	default:
		r.vars = f.vars
		a.answer(out, req, r, f.route)
	}
}

// outcome is what a call comes to: a document, or an error.
type outcome struct {
	document bitpay.Raw
	err      error
}

// answer gives the status and the document.
func (o outcome) answer() (int, bitpay.Raw) {
	if o.err != nil {
		return failure(o.err)
	}
	return http.StatusOK, o.document
}

// send answers a call.
func (a *API) send(out *recorder, o outcome) {
	if o.err != nil {
		a.refuse(out, o.err)
		return
	}
	write(out, http.StatusOK, o.document)
}

// answer reads a call, proves who makes it, hands it to its handler and writes what that gives.
func (a *API) answer(out *recorder, req *http.Request, r *request, rt *row) {
	ctx, cancel := context.WithTimeout(req.Context(), rt.patience())
	defer cancel()
	if err := a.read(out, req, r, rt); err != nil {
		a.refuse(out, err)
		return
	}
	c := call{a: a, out: out, r: r, rt: rt}
	c.p, c.proved = a.authenticate(ctx, req, r, rt)
	if r.turn.Session == "" || rt.path == sessionsPath || !takesTurn(c.proved) {
		a.send(out, c.do(ctx))
		return
	}
	c.inTurn(ctx)
}

// call is a request that was read, and how the proof of its caller ended.
type call struct {
	a      *API
	out    *recorder
	r      *request
	rt     *row
	p      auth.Principal
	proved error // nil: the principal may call the route
}

// do hands the call to its handler.
func (c *call) do(ctx context.Context) outcome {
	if c.proved != nil {
		return outcome{err: c.proved}
	}
	document, err := c.rt.handle(ctx, c.p, c.r)
	if err != nil {
		return outcome{err: c.a.unproved(c.r, err)}
	}
	return outcome{document: document}
}

// read takes the call apart, as far as that is the same for every route.
func (a *API) read(out *recorder, req *http.Request, r *request, rt *row) (err error) {
	r.query = bitpay.ParseQuery(req.URL.RawQuery)
	r.base, r.bare = a.base(req), rt.legacy
	if req.Method == http.MethodPost || req.Method == http.MethodPut {
		parse := bitpay.ParseBody
		if rt.legacy && isForm(req.Header) {
			parse = bitpay.ParseForm
		} else if err := checkType(req.Header); err != nil {
			return err
		}
		if r.raw, err = readAll(out.ResponseWriter, req, maxBody); err != nil {
			return err
		}
		if r.body, err = parse(r.raw); err != nil {
			return err
		}
	}
	if r.turn, err = bitpay.TurnOf(r.body, r.query); err != nil {
		return err
	}
	if r.guid = r.body.GUID(); r.guid == "" && r.turn.Session != "" {
		r.guid = turnGUID(r.turn)
	}
	return nil
}

// requestID gives the id that a call is known by: the client's own where it is sane, a new one otherwise.
func requestID(sent string) string {
	if sent == "" || len(sent) > 64 {
		return rand.Text()
	}
	for i := range len(sent) {
		c := sent[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("-_.:", rune(c)) {
			return rand.Text()
		}
	}
	return sent
}

// recorder remembers what was answered, for the log.
type recorder struct {
	http.ResponseWriter
	req    *http.Request
	status int
	err    error
}

// WriteHeader notes the status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 || w.status < http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write notes that there is an answer.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through to the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// write sends a document that nobody keeps.
func write(w http.ResponseWriter, status int, document []byte) {
	w.Header().Set("Cache-Control", "no-store")
	writeKept(w, status, document)
}

// writeKept sends a document. How long it may be kept is in the header already.
func writeKept(w http.ResponseWriter, status int, document []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(document)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(document) //nolint:gosec // JSON, and said to be; a client that went away is no failure of ours
}

// recovered answers for a handler that panicked, if it did not answer itself.
func (a *API) recovered(out *recorder, r *request, failure any) {
	a.log.LogAttrs(out.req.Context(), slog.LevelError, "handler panicked",
		slog.String("request_id", r.id), slog.Any("panic", failure), slog.String("stack", string(debug.Stack())))
	if out.status == 0 {
		a.refuse(out, errPanic)
	}
}

var errPanic = errors.New("handler panicked")

// done logs and counts a call: the route and never the path or query, which hold ids and tokens.
func (a *API) done(out *recorder, r *request, f found, took time.Duration) {
	path := "none"
	if f.route != nil {
		path = f.route.path
	}
	status := out.status
	if status == 0 {
		status = http.StatusOK // net/http sends it for a handler that wrote nothing
	}
	a.cfg.Metrics.request(out.req.Method, path, status, took)
	level := slog.LevelDebug
	switch {
	case status == http.StatusServiceUnavailable:
		level = slog.LevelWarn
	case expected(out.err):
		level = slog.LevelInfo
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
	case out.req.Method == http.MethodPost || out.req.Method == http.MethodPut || out.req.Method == http.MethodDelete:
		level = slog.LevelInfo
	}
	ctx := out.req.Context()
	if !a.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", r.id), slog.String("method", out.req.Method), slog.String("route", path),
		slog.Int("status", status), slog.Duration("took", took), slog.String("caller", r.caller.String()),
	}
	if out.err != nil {
		attrs = append(attrs, slog.String("error", out.err.Error()))
	}
	a.log.LogAttrs(ctx, level, "request", attrs...)
}
