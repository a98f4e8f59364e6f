package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/http"

	"satchel/notify"
)

// goneKey is where it stands that a merchant's URL said gone.
func (r *deliveryRecord) goneKey() []byte {
	return append(key32(nil, r.No), keyHash(nil, r.Endpoint)...)
}

// stops tells that an attempt stops its URL, lifts tells that it ends such a stop.
func (r *deliveryRecord) stops(status int) bool {
	return r.Channel == notify.IPN && status == http.StatusGone
}

func (r *deliveryRecord) lifts(a *notify.Attempt) bool { return r.Channel == notify.IPN && a.OK() }

// gone tells that a delivery's URL said gone, and has taken nothing since.
func (t *txn) gone(r *deliveryRecord) (bool, error) {
	if r.Channel != notify.IPN || r.State != notify.Pending {
		return false, nil
	}
	_, ok, err := t.get(bGone, r.goneKey())
	return ok, err
}

// heed keeps what an attempt tells of its URL.
func (t *txn) heed(id uint64, r *deliveryRecord, a *notify.Attempt) error {
	if !r.stops(a.Status) && !r.lifts(a) {
		return nil
	}
	_, was, err := t.get(bGone, r.goneKey())
	switch {
	case err != nil:
		return err
	case r.stops(a.Status) && was:
		return t.put(bGone, r.goneKey(), key64(nil, id))
	case r.stops(a.Status):
		return errors.Join(t.put(bGone, r.goneKey(), key64(nil, id)), t.tally(bGone, 1))
	case was:
		return errors.Join(t.remove(bGone, r.goneKey()), t.tally(bGone, -1))
	}
	return nil
}

// stopped checks that each URL that is stopped was stopped by an attempt of one of its deliveries.
func (a *audit) stopped() error {
	return a.each(bGone, func(key, payload []byte) error {
		rec, ok, err := a.t.deliveryRecord(binary.BigEndian.Uint64(payload))
		if err != nil {
			return err
		}
		if !ok || len(payload) != seqLen || !bytes.Equal(rec.goneKey(), key) {
			return errors.New("it is another URL's")
		}
		said := false
		err = a.t.scan(bAttempts, payload, nil, func(key, payload []byte) (bool, error) {
			var one attemptRecord
			err := decode(bAttempts, key, payload, &one)
			said = said || rec.stops(one.Status)
			return !said, err
		})
		if err == nil && !said {
			err = errors.New("no attempt was answered so")
		}
		return err
	})
}
