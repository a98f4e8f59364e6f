package invoice

import (
	"fmt"
	"time"

	"satchel/fault"
)

// Accept credits a receipt that needed a hand: late, stray or over; or, on an expired invoice, a partial payment,
// which then stands for the whole.
func (b *Book) Accept(o Outpoint, now time.Time) error {
	r, err := b.find(o)
	if err != nil {
		return err
	}
	status := b.inv.State.Status
	switch r.Disposition {
	case Late, Stray, Over:
	case Credited:
		if status != Expired && status != Invalid {
			return fault.New(fault.Conflict, "the receipt is credited already")
		}
	case Accepted, Returned:
		return fault.New(fault.Conflict, "the receipt is %s already", r.Disposition)
	}
	event := AdjustmentComplete
	if r.Disposition == Late {
		event = LatePayment
	}
	b.redispose(r, Accepted, Note{At: now, Reason: ByOperator})
	b.inv.State.Cancelled = false
	if over := status == Expired || status == Invalid; over && !b.inv.final() && b.inv.priced() && !b.inv.enough() {
		b.inv.State.Short = b.inv.Sums.In
	}
	b.say(event, ByOperator, r.Sats.BTC()+" BTC accepted", now)
	return nil
}

// Return records that a receipt's money was paid back in another transaction. Money out is the operator's own doing.
func (b *Book) Return(o Outpoint, by TxID, now time.Time) error {
	r, err := b.find(o)
	if err != nil {
		return err
	}
	switch r.Disposition {
	case Late, Stray, Over:
	case Credited, Accepted:
		if s := b.inv.State.Status; s != Expired && s != Invalid {
			return fault.New(fault.Conflict, "the receipt pays an invoice that is %s; mark the invoice invalid first", s)
		}
	case Returned:
		return fault.New(fault.Conflict, "the receipt is returned already")
	}
	b.redispose(r, Returned, Note{At: now, Reason: ByOperator, Detail: "by " + by.String()})
	b.say(AdjustmentComplete, ByOperator, fmt.Sprintf("%s BTC returned by %s", r.Sats.BTC(), by), now)
	return nil
}

// Mark sets the status by an operator's word; from then on the chain no longer moves it.
func (b *Book) Mark(to Status, reason string, now time.Time) error {
	if to != Invalid && to != Complete { // also what is no status at all
		return fault.Field("status", "an invoice can be marked invalid or complete")
	}
	event := MarkedInvalid
	if to == Complete {
		event = Completed
	}
	if b.inv.State.Status == to {
		return fault.New(fault.Conflict, "the invoice is %s already", to)
	}
	b.inv.State.Status, b.inv.State.Reason, b.inv.State.Since = to, ByOperator, now
	b.inv.State.Marked = true
	b.inv.State.Reorged = false
	b.say(event, ByOperator, reason, now)
	m := machine{inv: b.inv, events: b.said}
	m.flat()
	b.inv = m.inv
	return nil
}

// ErrNotCancellable is the answer to cancelling an invoice that is not new, or that something was paid to.
var ErrNotCancellable = fault.New(fault.Conflict, "Invalid invoice state for cancel")

// Cancel ends an unpaid invoice early, or gives ErrNotCancellable.
func (b *Book) Cancel(now time.Time) error {
	if b.inv.State.Status != New || b.inv.Sums.In > 0 {
		return ErrNotCancellable
	}
	b.inv.State.Status, b.inv.State.Reason, b.inv.State.Since = Expired, ByMerchant, now
	b.inv.State.Cancelled = true
	b.inv.State.Tick = time.Time{}
	b.say(ExpiredUnpaid, ByMerchant, "cancelled", now)
	return nil
}

func (b *Book) find(o Outpoint) (Receipt, error) {
	for _, r := range b.all() {
		if r.Outpoint != o {
			continue
		}
		if r.IsGone() {
			return r, fault.New(fault.Conflict, "the receipt is gone: its transaction was replaced or dropped")
		}
		return r, nil
	}
	if b.err != nil { // "not found" would be a lie
		return Receipt{}, b.err
	}
	return Receipt{}, fault.New(fault.NotFound, "no receipt %s", o)
}

// say announces what was decided, with an invoice whose amounts and exception agree.
func (b *Book) say(code Code, reason Reason, detail string, now time.Time) {
	if b.stale {
		b.cover(now)
	}
	b.inv.State.Exception = (&machine{inv: b.inv, late: b.late, covered: b.covered}).exception()
	b.said = append(b.said, Event{Code: code, At: now, Reason: reason, Detail: detail, Invoice: b.inv, Extended: true})
}
