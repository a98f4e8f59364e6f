package admin

import (
	"context"
	"time"

	"satchel/invoice"
	"satchel/merchant"
)

// EventsRequest is `satchel events`.
type EventsRequest struct {
	Of
	After  uint64 `json:"after"`  // the last sequence number that is known
	Follow bool   `json:"follow"` // go on with what comes
}

// Event is a line of the event log.
type Event struct {
	Change
	ID        string `json:"id"`
	Invoice   string `json:"invoice"`
	Exception string `json:"exceptionStatus,omitempty"`
	Why       string `json:"why"`
}

// eventPage is how many events are read at a time.
const eventPage = 500

// followTick is when a follower looks again although nothing woke him.
const followTick = 10 * time.Second

// events emits the log after a number, and then, if asked to, what comes until the client goes away.
func (o *Operator) events(ctx context.Context, m merchant.ID, r EventsRequest, emit func(Event) error) error {
	wake, cancel, err := o.cfg.Changes() // before the first look, so that nothing falls in between
	if err != nil {
		return err
	}
	defer cancel()
	for after := r.After; ; {
		list, err := o.cfg.Store.Events(ctx, m, after, eventPage)
		if err != nil {
			return err
		}
		for _, e := range list {
			after = e.Seq
			if err := emit(eventDoc(e)); err != nil {
				return err
			}
		}
		switch {
		case len(list) == eventPage:
			continue
		case !r.Follow:
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-time.After(followTick):
		}
	}
}

func eventDoc(e invoice.Logged) Event {
	return Event{Change: changeDoc(e), ID: e.ID, Invoice: string(e.Invoice), Exception: e.Except.String(), Why: e.Reason.Explain()}
}
