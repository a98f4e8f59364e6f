package bitpay

import (
	"time"

	"satchel/invoice"
)

// LogQuery says which part of the event log is asked for.
type LogQuery struct {
	After uint64        // the last sequence number that is known
	Limit int           // 100 where it is absent, 1,000 at most
	Wait  time.Duration // how long to wait for an event where there is none
}

// MaxWait is how long a call waits at most; a longer wish is cut to it.
const MaxWait = 30 * time.Second

// DecodeLogQuery reads the query of GET /v1/events: after, limit and wait. Errors are fault.Invalid and name the
// parameter.
func DecodeLogQuery(q Query) (LogQuery, error) {
	p := &params{query: q}
	l := LogQuery{After: p.number("after", maxSequence), Limit: min(int(p.number("limit", maxLimit)), maxLimit)} //nolint:gosec // bounded
	if l.Limit == 0 {
		l.Limit = defaultLimit
	}
	if text := p.text("wait"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			p.fail("wait", "must be a duration such as 30s")
		}
		l.Wait = min(d, MaxWait)
	}
	return l, p.err
}

// maxSequence is a number that no log reaches.
const maxSequence = 1 << 62

// LogDocument is the answer of GET /v1/events: what happened, oldest first, and the number to ask after next. A number
// that is passed over belongs to another merchant's log.
func LogDocument(list []invoice.Logged, after uint64) Raw {
	e := newEncoder(64 + len(list)*callbackSize)
	e.open()
	e.openList("data")
	for _, l := range list {
		e.logged(l)
		after = l.Seq
	}
	e.closeList()
	e.int("next", int64(after)) //nolint:gosec // below maxSequence
	e.close()
	return e.b
}

// logged is one event: the headers of its callback, its reason, and the invoice as it was.
func (e *encoder) logged(l invoice.Logged) {
	e.open()
	e.int("sequence", int64(l.Seq)) //nolint:gosec // below maxSequence
	e.text("id", l.ID)
	e.millis("time", l.At)
	e.text("invoiceId", string(l.Invoice))
	e.int("revision", int64(l.Revision))
	e.openIn("event")
	e.int("code", int64(l.Code))
	e.text("name", l.Code.Name())
	e.close()
	e.text("reason", string(l.Reason))
	e.text("why", l.Reason.Explain())
	e.opt("detail", l.Detail)
	e.name("data")
	e.b = append(e.b, l.Document...)
	e.close()
}
