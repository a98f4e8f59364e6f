package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"satchel/auth"
	"satchel/bitpay"
	"satchel/fault"
	"satchel/invoice"
)

// Bounds of the event streams.
const (
	streamBeat  = 15 * time.Second // between signs of life, and looks without a wake
	streamWrite = 10 * time.Second // how long a write may take: a slow reader loses its stream and nobody else anything
	streamLife  = 2 * time.Hour    // then the client must ask again
)

// The names of the events.
const (
	onPayment      = "payment"
	onConfirmation = "confirmation"
)

// invoiceEvents is GET /invoices/:id/events: where the invoice's events are followed. What is streamed is what anybody
// may see.
func (a *API) invoiceEvents(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	id := r.vars[0]
	var err error
	if p.Facade() == auth.Public {
		_, err = a.public(ctx, id)
	} else {
		_, _, err = a.theirs(ctx, p, id)
	}
	if err != nil {
		return nil, err
	}
	return bitpay.BusDocument(r.base, a.cfg.Secret.BusToken(id)), nil
}

// serveBus is GET /events: the stream.
func (a *API) serveBus(w http.ResponseWriter, req *http.Request) {
	out, ok := w.(*recorder)
	if !ok {
		out = &recorder{ResponseWriter: w, req: req}
	}
	if err := a.bus(out, req); err != nil {
		if out.status == 0 {
			a.refuse(out, err)
			return
		}
		out.err = err // the stream ended early
	}
}

// bus reads what is asked for, and answers it.
func (a *API) bus(out *recorder, req *http.Request) error {
	if err := a.limiter.take(callerOf(req)); err != nil {
		return err
	}
	q := bitpay.ParseQuery(req.URL.RawQuery)
	token, err := q.Text("token")
	if err != nil {
		return err
	}
	id, err := a.cfg.Secret.BusInvoice(token)
	if err != nil {
		return fault.New(fault.Unauthenticated, "Invalid token")
	}
	switch action, err := q.Text("action"); {
	case err != nil:
		return err
	case action == "unsubscribe": // closing the connection is what ends a stream
		write(out, http.StatusOK, bitpay.Success())
		return nil
	case action != "" && action != "subscribe":
		return fault.Field("action", "must be subscribe or unsubscribe")
	}
	wanted := q.List("events")
	if len(wanted) > 0 && !slices.Contains(wanted, onPayment) && !slices.Contains(wanted, onConfirmation) {
		return fault.Field("events", "must hold payment or confirmation")
	}
	return a.follow(&follower{api: a, out: out, req: req, ctl: http.NewResponseController(out), id: id, wanted: wanted, base: a.base(req)})
}

// follow streams until the invoice is final, the client is gone or slow, or the server stops.
func (a *API) follow(f *follower) error {
	giveBack, err := a.streams.take(callerOf(f.req), f.id)
	if err != nil {
		return err
	}
	defer giveBack()
	wake, cancel, err := a.cfg.Hub.Subscribe(f.id) // before the first look, so that no change falls between
	if err != nil {
		return err
	}
	defer cancel()
	first, err := a.public(f.req.Context(), f.id)
	if err != nil {
		return err
	}
	if err := f.open(); err != nil || f.req.Method == http.MethodHead {
		return err
	}
	return f.run(wake, first)
}

// Stop ends the event streams, which would hold up the end of the server. It may be called more than once.
func (a *API) Stop() { a.stopOnce.Do(func() { close(a.stopped) }) }

// follower is one open stream.
type follower struct {
	api    *API
	out    *recorder
	req    *http.Request
	ctl    *http.ResponseController
	id     string
	wanted []string // none: all
	base   string
	seen   moment
}

// moment is what of an invoice makes an event when it changes.
type moment struct {
	state    invoice.Status
	except   invoice.Exception
	in, late int64 // satoshis
	receipts uint32
	conf     int32
}

func momentOf(p invoice.Public) moment {
	inv := p.Invoice
	return moment{
		state: inv.State.Status, except: inv.State.Exception, in: int64(inv.Sums.In), late: int64(inv.Sums.Late + inv.Sums.Stray),
		receipts: inv.Sums.Receipts - inv.Sums.Gone, conf: min(inv.Confirmations(p.Tip), invoice.FinalConfirmations),
	}
}

// events tells what happened between two moments: a payment is money that came or went, or a state that follows from
// time; a confirmation is a block that counts, or a state that follows from blocks.
func (was moment) events(is moment) []string {
	var list []string
	blocks := is.state == invoice.Confirmed || is.state == invoice.Complete
	money := is.in != was.in || is.late != was.late || is.receipts != was.receipts || is.except != was.except
	if money || is.state != was.state && !blocks {
		list = append(list, onPayment)
	}
	if is.conf != was.conf || is.state != was.state && blocks {
		list = append(list, onConfirmation)
	}
	return list
}

func (f *follower) open() error {
	if err := f.deadline(); err != nil {
		return fmt.Errorf("set write deadline: %w", err)
	}
	if err := f.ctl.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("lift read deadline: %w", err)
	}
	h := f.out.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
	return nil
}

func (f *follower) deadline() error {
	return f.ctl.SetWriteDeadline(time.Now().Add(streamWrite)) //nolint:forbidigo // a socket keeps the machine's time, not the daemon's clock
}

// run tells what has happened already, and then what happens. It looks now and then without a wake: a new block changes
// the confirmations of invoices that did not change, and a wake is only a hint.
func (f *follower) run(wake <-chan struct{}, p invoice.Public) error {
	beat, end := time.NewTicker(streamBeat), time.NewTimer(streamLife)
	defer beat.Stop()
	defer end.Stop()
	f.seen = moment{state: invoice.New}
	err := f.tell(p, true)
	for err == nil && !final(p.Invoice) {
		life := false
		select {
		case <-f.req.Context().Done():
			return nil
		case <-f.api.stopped:
			return nil
		case <-end.C:
			return nil
		case <-wake:
		case <-beat.C:
			life = true
		}
		if p, err = f.api.public(f.req.Context(), f.id); err != nil {
			return nil // the client is gone, or must ask again
		}
		err = f.tell(p, life)
	}
	return err
}

// final tells that nothing follows.
func final(inv invoice.Invoice) bool {
	return inv.State.Status == invoice.Complete && !inv.State.Reorged || inv.State.Status == invoice.Declined
}

// tell writes the events since the last look, and a sign of life where there are none and one is due.
func (f *follower) tell(p invoice.Public, life bool) error {
	is := momentOf(p)
	v := view{merchant: p.Merchant, as: bitpay.Public, base: f.base}
	for _, event := range f.seen.events(is) {
		if len(f.wanted) > 0 && !slices.Contains(f.wanted, event) {
			continue
		}
		if err := f.write(bitpay.BusBlock(event, f.api.facts(p.Invoice, p.Receipts, p.Tip, v))); err != nil {
			return err
		}
		life = false
	}
	f.seen = is
	if !life {
		return nil
	}
	return f.write([]byte(":\n\n"))
}

// write sends a block in one piece: the one client that reads the stream takes each piece for whole blocks.
func (f *follower) write(block []byte) error {
	if err := f.deadline(); err != nil {
		return fmt.Errorf("set write deadline: %w", err)
	}
	if _, err := f.out.Write(block); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := f.ctl.Flush(); err != nil {
		return fmt.Errorf("flush event: %w", err)
	}
	return nil
}
