package store

import (
	"context"
	"encoding/binary"
	"time"

	"satchel/notify"
)

// DueDeliveries lists what is due at q.Now, not held and not busy, at most q.Room for each endpoint key and q.Limit in
// all, and says when the next one is due: later than q.Now, or q.Now itself where the limit cut the list (zero: nothing
// waits). What has no room is not counted: it is asked for again when its endpoint has room.
func (db *DB) DueDeliveries(ctx context.Context, q notify.Due) (list []notify.Delivery, next time.Time, err error) {
	err = db.view(ctx, func(t *txn) error {
		d := dueWalk{t: t, q: q}
		if err := d.groups(); err != nil {
			return err
		}
		list, next = d.list, d.next
		return nil
	})
	return list, next, err
}

// dueWalk walks the rows of what is due, endpoint by endpoint, so that a dead endpoint's backlog hides no other.
type dueWalk struct {
	t    *txn
	q    notify.Due
	list []notify.Delivery
	next time.Time
}

// groups visits each endpoint key once.
func (d *dueWalk) groups() error {
	for from := []byte{}; from != nil; {
		var group []byte
		room := 0
		err := d.t.scan(bDue, nil, from, func(key, payload []byte) (bool, error) {
			group = key[:hashLen:hashLen]
			room = d.q.Limit
			if d.q.Room != nil {
				room = d.q.Room(string(payload))
			}
			return false, nil
		})
		if err != nil || group == nil {
			return err
		}
		if full, err := d.group(group, room); err != nil || full {
			return err
		}
		from = after(group)
	}
	return nil
}

// group takes what is due of one endpoint key; true: the list is full.
func (d *dueWalk) group(group []byte, room int) (full bool, err error) {
	err = d.t.scan(bDue, group, nil, func(key, _ []byte) (bool, error) {
		at := parseTime(key[hashLen:])
		if at.After(d.q.Now) {
			d.later(at)
			return false, nil
		}
		id := binary.BigEndian.Uint64(key[hashLen+timeLen:])
		if d.q.Busy != nil && d.q.Busy(id) {
			return true, nil
		}
		if room <= 0 {
			return false, nil
		}
		if len(d.list) >= d.q.Limit {
			full, d.next = true, d.q.Now
			return false, nil
		}
		room--
		one, err := d.t.delivery(id)
		d.list = append(d.list, one)
		return true, err
	})
	return full, err
}

func (d *dueWalk) later(at time.Time) {
	if d.next.IsZero() || at.Before(d.next) {
		d.next = at
	}
}
