package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
)

func noDelivery() error { return fault.New(fault.NotFound, "No such delivery") }

// enqueue queues a delivery of an event that was just logged, of an invoice that somebody made.
func (t *txn) enqueue(event uint64, e *eventRecord, creator string, out *notify.Outgoing) error {
	id, err := t.lastNumber(bDeliveries, nil)
	if err != nil {
		return err
	}
	id++
	rec := &deliveryRecord{
		Event: event, EventID: e.ID, Revision: e.Revision, Code: e.Code, No: e.No, Seq: e.Seq, Invoice: e.Invoice, Creator: creator,
		Channel: out.Channel, Endpoint: out.Endpoint, Group: notify.EndpointKey(out.Endpoint), Body: id, Sum: sum(nil, out.Body), Created: e.At,
		State: notify.Pending, Next: e.At,
	}
	if err := t.put(bBodies, key64(nil, id), out.Body); err != nil {
		return err
	}
	return t.queueUp(id, rec)
}

// queueUp writes a new delivery. It is held while an earlier one of its lane must go first.
func (t *txn) queueUp(id uint64, rec *deliveryRecord) error {
	d := rec.delivery(id, "")
	rec.Blocks = d.Blocks()
	if rec.Channel != notify.Mail {
		ahead, err := t.last(bLanes, rec.lane())
		if err != nil {
			return err
		}
		rec.Held = ahead != nil
	}
	t.touched.Deliveries = true
	return t.putDelivery(id, facts{}, rec)
}

func (t *txn) putDelivery(id uint64, was facts, rec *deliveryRecord) error {
	return errors.Join(t.save(bDeliveries, key64(nil, id), rec), t.reindex(was, rec.facts(id)))
}

func (t *txn) deliveryRecord(id uint64) (*deliveryRecord, bool, error) {
	var rec deliveryRecord
	ok, err := t.load(bDeliveries, key64(nil, id), &rec)
	return &rec, ok, err
}

// delivery reads a delivery that must be there, with its body.
func (t *txn) delivery(id uint64) (notify.Delivery, error) {
	rec, ok, err := t.deliveryRecord(id)
	if err != nil || !ok {
		return notify.Delivery{}, errors.Join(err, missing(err == nil, bDeliveries, key64(nil, id)))
	}
	return t.withBody(id, rec)
}

func (t *txn) withBody(id uint64, rec *deliveryRecord) (notify.Delivery, error) {
	m, err := t.shop(rec.No)
	if err != nil {
		return notify.Delivery{}, err
	}
	key := key64(nil, rec.Body)
	body, ok, err := t.get(bBodies, key)
	if err != nil || !ok {
		return notify.Delivery{}, errors.Join(err, missing(err == nil, bBodies, key))
	}
	d := rec.delivery(id, m.ID)
	d.Body = bytes.Clone(body)
	d.Gone, err = t.gone(rec)
	return d, err
}

// RecordAttempt stores a delivery as it is after an attempt, the attempt, and whether its URL is gone or back. When it no longer blocks its lane, the
// next delivery of the lane may go. A delivery that counts no attempt more was put off, and nothing was tried. What was
// read before another attempt was recorded is refused: an old failure must not undo a success.
func (db *DB) RecordAttempt(ctx context.Context, d notify.Delivery, a notify.Attempt) error {
	return db.record(ctx, func(t *txn) error {
		rec, ok, err := t.deliveryRecord(d.ID)
		if err != nil {
			return err
		}
		if !ok {
			return noDelivery()
		}
		made := d.Progress.Attempts - rec.Attempts
		if rec.State != notify.Pending || made != 0 && made != 1 {
			return fault.New(fault.Conflict, "Another attempt of the delivery was recorded meanwhile")
		}
		was := rec.facts(d.ID)
		rec.take(&d)
		if err := t.putDelivery(d.ID, was, rec); err != nil {
			return err
		}
		if made == 1 {
			m, err := t.shop(rec.No)
			if err != nil {
				return err
			}
			if err := errors.Join(t.putAttempt(d.ID, &a), t.heed(d.ID, rec, &a)); err != nil {
				return err
			}
			t.touched.shop(m.ID)
		}
		return t.release(rec)
	})
}

func (t *txn) putAttempt(id uint64, a *notify.Attempt) error {
	prefix, n := key64(nil, id), uint32(0)
	last, err := t.last(bAttempts, prefix)
	if err != nil {
		return err
	}
	if last != nil {
		n = binary.BigEndian.Uint32(last[8:])
	}
	return t.save(bAttempts, key32(prefix, n+1), fromAttempt(a))
}

// release lets the first delivery of a lane go.
func (t *txn) release(rec *deliveryRecord) error {
	var first uint64
	err := t.scan(bLanes, rec.lane(), nil, func(key, _ []byte) (bool, error) {
		first = binary.BigEndian.Uint64(key[len(key)-8:])
		return false, nil
	})
	if err != nil || first == 0 {
		return err
	}
	next, ok, err := t.deliveryRecord(first)
	if err != nil || !ok {
		return errors.Join(err, missing(err == nil, bDeliveries, key64(nil, first)))
	}
	if !next.Held {
		return nil
	}
	was := next.facts(first)
	next.Held = false
	t.touched.Deliveries = true
	return t.putDelivery(first, was, next)
}

// Resend queues a delivery again: the same event and body under a new number, due now.
func (db *DB) Resend(ctx context.Context, m merchant.ID, id uint64, now time.Time) (d notify.Delivery, err error) {
	err = db.update(ctx, func(t *txn) error {
		was, err := t.deliveryOf(m, id)
		if err != nil {
			return err
		}
		d, err = t.resend(m, was, now)
		return err
	})
	return d, err
}

// twice is how long after a delivery was queued again another wish for it may be the same click.
const twice = 10 * time.Second

// ResendOnce is Resend for who may ask twice: it gives what was queued after the delivery already, of the same event to the
// same endpoint, as long as that waits, and for a moment longer. A delivery that waits itself is a fault.Conflict.
func (db *DB) ResendOnce(ctx context.Context, m merchant.ID, id uint64, now time.Time) (d notify.Delivery, err error) {
	err = db.update(ctx, func(t *txn) error {
		was, err := t.deliveryOf(m, id)
		if err != nil {
			return err
		}
		again, ok, err := t.queuedAgain(id, was, now)
		switch {
		case err != nil:
			return err
		case ok:
			d, err = t.delivery(again)
		case was.State == notify.Pending:
			err = fault.New(fault.Conflict, "The delivery is on its way still, and will be tried again by itself.")
		default:
			d, err = t.resend(m, was, now)
		}
		return err
	})
	return d, err
}

// queuedAgain finds a delivery that was queued after another, says the same to the same endpoint, and waits or is new.
func (t *txn) queuedAgain(id uint64, was *deliveryRecord, now time.Time) (again uint64, ok bool, err error) {
	err = t.scanBack(bDeliveriesOf, was.ref().key(), nil, func(key, _ []byte) (bool, error) {
		again = binary.BigEndian.Uint64(key[refLen:])
		if again <= id {
			return false, nil
		}
		rec, there, err := t.deliveryRecord(again)
		if err != nil || !there {
			return false, cmp.Or(err, missing(!there, bDeliveries, key64(nil, again)))
		}
		ok = rec.EventID == was.EventID && rec.Endpoint == was.Endpoint && (rec.State == notify.Pending || now.Sub(rec.Created.time()).Abs() < twice)
		return !ok, nil
	})
	return again, ok, err
}

func (t *txn) resend(m merchant.ID, was *deliveryRecord, now time.Time) (notify.Delivery, error) {
	last, err := t.lastNumber(bDeliveries, nil)
	if err != nil {
		return notify.Delivery{}, err
	}
	rec := was.renewed(toInstant(now))
	if err := t.queueUp(last+1, &rec); err != nil {
		return notify.Delivery{}, err
	}
	t.touched.shop(m)
	return t.withBody(last+1, &rec)
}

// renewed is a delivery as it is queued again.
func (r *deliveryRecord) renewed(now instant) deliveryRecord {
	rec := *r
	rec.Created, rec.State, rec.Resend, rec.Held = now, notify.Pending, true, false
	rec.Attempts, rec.First, rec.Next, rec.Last = 0, 0, now, ""
	rec.Group = notify.EndpointKey(rec.Endpoint)
	return rec
}

// deliveryOf reads a merchant's delivery.
func (t *txn) deliveryOf(m merchant.ID, id uint64) (*deliveryRecord, error) {
	no, err := t.merchantNo(m)
	if err != nil {
		return nil, err
	}
	rec, ok, err := t.deliveryRecord(id)
	if err == nil && (!ok || rec.No != no) {
		err = noDelivery()
	}
	return rec, err
}

// Attempts lists what was tried for a delivery, oldest first.
func (db *DB) Attempts(ctx context.Context, m merchant.ID, id uint64) (list []notify.Attempt, err error) {
	err = db.view(ctx, func(t *txn) error {
		if _, err := t.deliveryOf(m, id); err != nil {
			return err
		}
		return t.scan(bAttempts, key64(nil, id), nil, func(key, payload []byte) (bool, error) {
			var rec attemptRecord
			err := decode(bAttempts, key, payload, &rec)
			list = append(list, rec.attempt())
			return true, err
		})
	})
	return list, err
}

// LastAttempts lists what was tried last for some of a merchant's deliveries, at most each of it, oldest first.
func (db *DB) LastAttempts(ctx context.Context, m merchant.ID, ids []uint64, each int) (of map[uint64][]notify.Attempt, err error) {
	of = make(map[uint64][]notify.Attempt, len(ids))
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, ok, err := t.get(bDeliveriesBy, key64(key32(nil, no), id)); err != nil || !ok {
				return cmp.Or(err, noDelivery())
			}
			if of[id], err = t.lastAttempts(id, each); err != nil {
				return err
			}
		}
		return nil
	})
	return of, err
}

func (t *txn) lastAttempts(id uint64, most int) (list []notify.Attempt, err error) {
	err = t.scanBack(bAttempts, key64(nil, id), nil, func(key, payload []byte) (bool, error) {
		if len(list) == most {
			return false, nil
		}
		var rec attemptRecord
		err := decode(bAttempts, key, payload, &rec)
		list = append(list, rec.attempt())
		return true, err
	})
	slices.Reverse(list)
	return list, err
}

// DeliveriesOf lists an invoice's deliveries, oldest first.
func (db *DB) DeliveriesOf(ctx context.Context, m merchant.ID, id invoice.ID) (list []notify.Delivery, err error) {
	err = db.view(ctx, func(t *txn) error {
		_, at, err := t.byID(m, id)
		if err != nil {
			return err
		}
		return t.scan(bDeliveriesOf, at.key(), nil, func(key, _ []byte) (bool, error) {
			d, err := t.delivery(binary.BigEndian.Uint64(key[refLen:]))
			list = append(list, d)
			return true, err
		})
	})
	return list, err
}

// ListDeliveries lists a merchant's deliveries, newest first, at most limit (1,000); failedOnly: those that failed at
// least once and are not delivered.
func (db *DB) ListDeliveries(
	ctx context.Context, m merchant.ID, failedOnly bool, limit int,
) (list []notify.Delivery, err error) {
	limit = bounded(limit)
	in := bDeliveriesBy
	if failedOnly {
		in = bTroubled
	}
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		return t.scanBack(in, key32(nil, no), nil, func(key, _ []byte) (bool, error) {
			d, err := t.delivery(binary.BigEndian.Uint64(key[noLen:]))
			list = append(list, d)
			return len(list) < limit, err
		})
	})
	return list, err
}

// Undelivered tells how many deliveries wait or are being retried, and since when the oldest one does (zero: none).
func (db *DB) Undelivered(ctx context.Context) (n uint64, oldest time.Time, err error) {
	err = db.view(ctx, func(t *txn) error {
		n, oldest, err = t.undelivered()
		return err
	})
	return n, oldest, err
}

func (t *txn) undelivered() (n uint64, oldest time.Time, err error) {
	count, err := t.counted(deliveryCount(notify.Pending))
	if err != nil || count <= 0 {
		return 0, time.Time{}, err
	}
	err = t.scan(bUndelivered, nil, nil, func(key, _ []byte) (bool, error) {
		rec, _, err := t.deliveryRecord(binary.BigEndian.Uint64(key))
		oldest = rec.Created.time()
		return false, err
	})
	return uint64(count), oldest, err
}
