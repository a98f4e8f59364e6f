package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"
	"time"

	"satchel/fault"
	"satchel/invoice"
)

// view answers with one view.
func (w *Web) view(rw http.ResponseWriter, r *http.Request) {
	now := w.cfg.Now()
	p, err := w.find(r)
	if err != nil {
		w.refuse(rw, r, err)
		return
	}
	v := look(p, w.language(r), now)
	if v.DueSats != shown(r) {
		v.QR = w.code(r, v.ID, v.URI)
	}
	body, err := json.Marshal(v)
	if err != nil {
		w.refuse(rw, r, err)
		return
	}
	private(rw.Header())
	rw.Header().Set("Content-Type", "application/json")
	w.send(rw, r, body)
}

// shown is the amount whose code the page already has, in satoshis; -1 for none.
func shown(r *http.Request) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get("due"), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// refuse answers a script, which looks at the status only.
func (w *Web) refuse(rw http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	if status == http.StatusInternalServerError {
		w.cfg.Log.ErrorContext(r.Context(), "read invoice for its page", "err", err)
	}
	private(rw.Header())
	var f *fault.Error
	if errors.As(err, &f) && f.Retry > 0 {
		rw.Header().Set("Retry-After", strconv.Itoa(int((f.Retry+time.Second-1)/time.Second)))
	}
	http.Error(rw, http.StatusText(status), status)
}

// stream sends views until the invoice is final, the client is gone or slow, or the daemon stops.
func (w *Web) stream(rw http.ResponseWriter, r *http.Request) {
	select {
	case <-w.stopped:
		w.refuse(rw, r, fault.New(fault.Unavailable, "stopping").After(writeWait))
		return
	default:
	}
	id := invoice.ID(r.URL.Query().Get("id"))
	if id == "" || len(id) > maxID {
		w.refuse(rw, r, errNoInvoice)
		return
	}
	wake, cancel, err := w.cfg.Hub.Subscribe(string(id)) // before the first look, so that no change falls between
	if err != nil {
		w.refuse(rw, r, err)
		return
	}
	defer cancel()
	s := &stream{web: w, req: r, out: rw, ctl: http.NewResponseController(rw), id: id, lang: w.language(r), shown: shown(r)}
	first, err := s.read(r.Context())
	if err != nil {
		w.refuse(rw, r, err)
		return
	}
	if err := s.open(); err != nil {
		w.cfg.Log.ErrorContext(r.Context(), "open stream", "err", err)
		w.refuse(rw, r, err)
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	if err := s.run(wake, first); err != nil {
		w.cfg.Log.DebugContext(r.Context(), "stream ended early", "err", err)
	}
}

// stream is one open page.
type stream struct {
	web   *Web
	req   *http.Request
	out   http.ResponseWriter
	ctl   *http.ResponseController
	id    invoice.ID
	lang  *language
	shown int64 // the amount whose code the page has
	last  view
}

func (s *stream) read(ctx context.Context) (view, error) {
	now := s.web.cfg.Now()
	p, err := s.web.cfg.Store.PublicInvoice(ctx, s.id)
	if err != nil {
		return view{}, err
	}
	return look(p, s.lang, now), nil
}

// open lifts the server's limits for a whole request, which a stream outlives, and puts a limit on each write.
func (s *stream) open() error {
	if err := s.deadline(); err != nil {
		return fmt.Errorf("set write deadline: %w", err)
	}
	if err := s.ctl.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("lift read deadline: %w", err)
	}
	h := s.out.Header()
	private(h)
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
	return nil
}

func (s *stream) deadline() error {
	return s.ctl.SetWriteDeadline(time.Now().Add(s.web.write)) //nolint:forbidigo // a socket keeps the machine's time, not the daemon's clock
}

// reconnect is after how many milliseconds a page comes back when its stream broke: within two and four seconds, spread
// so that a restart does not meet all pages at once.
func reconnect(id invoice.ID) uint32 { return 2000 + crc32.ChecksumIEEE([]byte(id))%2000 }

// run sends the first view, and then one after every wake. Without a wake it looks now and then all the same: a new
// block changes the confirmations of invoices that did not change, and a wake is only a hint.
func (s *stream) run(wake <-chan struct{}, v view) error {
	if err := s.write(fmt.Appendf(nil, "retry: %d\n\n", reconnect(s.id))); err != nil {
		return err
	}
	beat := time.NewTicker(s.web.beat)
	defer beat.Stop()
	err := s.tell(v)
	for err == nil && !s.last.Final {
		select {
		case <-s.req.Context().Done():
			return nil
		case <-s.web.stopped:
			return nil
		case <-wake:
			err = s.look(true)
		case <-beat.C:
			err = s.look(false)
		}
	}
	return err
}

// look reads the invoice again and tells it when somebody asked for it or something changed. A store that is away for a
// moment does not end the stream.
func (s *stream) look(asked bool) error {
	v, err := s.read(s.req.Context())
	if err != nil {
		s.web.cfg.Log.WarnContext(s.req.Context(), "read invoice for its stream", "invoice", string(s.id), "err", err)
	}
	if err != nil || !asked && v.same(s.last) {
		return s.write([]byte("event: beat\ndata\n\n"))
	}
	return s.tell(v)
}

// tell sends a view, with a code when the page has none for the amount. After a final one, a client that knows no better
// comes back in a day and not in a second.
func (s *stream) tell(v view) error {
	s.last = v
	if v.Payable && v.DueSats != s.shown {
		v.QR, s.shown = s.web.code(s.req, v.ID, v.URI), v.DueSats
	}
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode view: %w", err)
	}
	event := make([]byte, 0, len(body)+32)
	if v.Final {
		event = append(event, "retry: 86400000\n"...)
	}
	event = append(append(append(event, "data: "...), body...), "\n\n"...)
	return s.write(event)
}

func (s *stream) write(event []byte) error {
	if err := s.deadline(); err != nil {
		return fmt.Errorf("set write deadline: %w", err)
	}
	if _, err := s.out.Write(event); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := s.ctl.Flush(); err != nil {
		return fmt.Errorf("flush event: %w", err)
	}
	return nil
}
