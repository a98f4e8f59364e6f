package desk

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
)

// logStore is where the event log is read.
type logStore interface {
	EventsBefore(ctx context.Context, m merchant.ID, before uint64, limit int) ([]invoice.Logged, error)
}

// eventsPage is a page of the log, the newest first.
type eventsPage struct {
	Rows   []event
	Older  uint64 // where the next page begins; 0: there is none
	Newest bool   // this is the first page
}

const eventsPerPage = 100

func (v *visit) events() error {
	before := uint64(0)
	if s := v.req.URL.Query().Get("before"); s != "" {
		var err error
		if before, err = strconv.ParseUint(s, 10, 64); err != nil {
			return fault.Field("before", "is a number of the log.")
		}
	}
	list, err := v.d.cfg.Store.EventsBefore(v.ctx(), v.shop.ID, before, eventsPerPage+1)
	if err != nil {
		return err
	}
	p := eventsPage{Newest: before == 0}
	if len(list) > eventsPerPage {
		list = list[:eventsPerPage]
		p.Older = list[len(list)-1].Seq
	}
	for _, e := range list {
		p.Rows = append(p.Rows, eventOf(e))
	}
	return v.page("events", p)
}

// live tells the page when to look again: server-sent events (WHATWG HTML, 9.2) without anything in them but the number
// of the merchant's last event. What changed is read from the page itself. A beat is an event, too, so that a page can
// tell a quiet shop from a dead connection.
func (v *visit) live() error {
	wake, cancel, err := v.d.cfg.Hub.Subscribe(string(v.shop.ID))
	if err != nil {
		return err
	}
	defer cancel()
	ctl := http.NewResponseController(v.rw)
	if err := ctl.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("lift read deadline: %w", err)
	}
	h := v.rw.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
	say := func(text string) error {
		if err := ctl.SetWriteDeadline(time.Now().Add(v.d.write)); err != nil { //nolint:forbidigo // a socket keeps the machine's time
			return err
		}
		if _, err := v.rw.Write([]byte(text)); err != nil {
			return err
		}
		return ctl.Flush()
	}
	if err := v.sayLast(say); err != nil || v.req.Method == http.MethodHead {
		return nil // the client went away, and connects again by itself; or it wants no more than the head
	}
	v.follow(wake, say)
	return nil
}

// follow says when the merchant's log has grown, or a callback was tried, until the client or the daemon ends, or the seat.
func (v *visit) follow(wake <-chan struct{}, say func(string) error) {
	beat := time.NewTicker(v.d.beat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-v.ctx().Done():
			return
		case <-v.d.stopped:
			return
		case <-beat.C:
			if _, err = v.d.cfg.Staff.Peek(v.ctx(), v.seat); err == nil {
				err = say("event: beat\ndata:\n\n")
			}
		case <-wake:
			err = v.sayLast(say)
		}
		if err != nil {
			return
		}
	}
}

func (v *visit) sayLast(say func(string) error) error {
	last, err := v.lastEvent()
	if err != nil {
		return err
	}
	return say(fmt.Sprintf("data: %d\n\n", last))
}

// lastEvent is the number of the merchant's last event; 0: there is none.
func (v *visit) lastEvent() (uint64, error) {
	list, err := v.d.cfg.Store.EventsBefore(v.ctx(), v.shop.ID, 0, 1)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return list[0].Seq, nil
}
