package store

import (
	"bytes"
	"errors"
	"time"

	"satchel/auth"
)

// Client implements auth.View.
func (x authTx) Client(s auth.SIN) (auth.Client, bool, error) {
	var rec clientRecord
	ok, err := x.t.load(bClients, keyHash(nil, string(s)), &rec)
	return rec.client(), ok, err
}

// PutClient implements auth.Tx.
func (x authTx) PutClient(c auth.Client) error {
	key, was, old := keyHash(nil, string(c.SIN)), clientRecord{}, facts{}
	ok, err := x.t.load(bClients, key, &was)
	if err != nil {
		return err
	}
	if ok {
		old = was.facts(key)
	} else if err := x.t.db.Writable(); err != nil {
		return err
	}
	rec := fromClient(&c)
	return errors.Join(x.t.save(bClients, key, rec), x.t.reindex(old, rec.facts(key)))
}

// DropClient implements auth.Tx.
func (x authTx) DropClient(s auth.SIN) error {
	var rec clientRecord
	key := keyHash(nil, string(s))
	ok, err := x.t.load(bClients, key, &rec)
	if err != nil || !ok {
		return err
	}
	return errors.Join(x.t.remove(bClients, key), x.t.reindex(rec.facts(key), facts{}))
}

// Unpaired implements auth.Tx.
func (x authTx) Unpaired(before time.Time, limit int) (list []auth.Client, err error) {
	err = x.t.before(bUnpaired, before, limit, func(key []byte) error {
		var rec clientRecord
		ok, err := x.t.load(bClients, key, &rec)
		list = append(list, rec.client())
		return errors.Join(err, missing(err == nil && !ok, bClients, key))
	})
	return list, err
}

// Session implements auth.View.
func (x authTx) Session(id string) (auth.Session, bool, error) {
	var rec sessionRecord
	ok, err := x.t.load(bSessions, keyHash(nil, id), &rec)
	return rec.session(), ok, err
}

// Answer implements auth.View.
func (x authTx) Answer(id string) ([]byte, error) {
	payload, _, err := x.t.get(bAnswers, keyHash(nil, id))
	return bytes.Clone(payload), err
}

// PutSession implements auth.Tx.
func (x authTx) PutSession(s auth.Session, answer []byte) error {
	key, was, old := keyHash(nil, s.ID), sessionRecord{}, facts{}
	ok, err := x.t.load(bSessions, key, &was)
	if err != nil {
		return err
	}
	if ok {
		old = was.facts(key)
	} else if err := x.t.db.Writable(); err != nil {
		return err
	}
	rec := fromSession(&s)
	rec.Size, rec.Sum = len(answer), sum(nil, answer)
	if rec.Size > 0 {
		err = x.t.put(bAnswers, key, answer)
	} else if was.Size > 0 {
		err = x.t.remove(bAnswers, key)
	}
	return errors.Join(err, x.t.save(bSessions, key, rec), x.t.reindex(old, rec.facts(key)))
}

// DropSession implements auth.Tx.
func (x authTx) DropSession(id string) error {
	var rec sessionRecord
	key := keyHash(nil, id)
	ok, err := x.t.load(bSessions, key, &rec)
	if err != nil || !ok {
		return err
	}
	if rec.Size > 0 {
		err = x.t.remove(bAnswers, key)
	}
	return errors.Join(err, x.t.remove(bSessions, key), x.t.reindex(rec.facts(key), facts{}))
}

// Idle implements auth.Tx.
func (x authTx) Idle(before time.Time, limit int) (ids []string, err error) {
	err = x.t.before(bIdle, before, limit, func(key []byte) error {
		var rec sessionRecord
		ok, err := x.t.load(bSessions, key, &rec)
		ids = append(ids, rec.ID)
		return errors.Join(err, missing(err == nil && !ok, bSessions, key))
	})
	return ids, err
}

// before walks an index by time up to a time, at most limit rows, and gives what follows the time in each key.
func (t *txn) before(in bucket, end time.Time, limit int, fn func(key []byte) error) error {
	stop, n := keyTime(nil, end), 0
	return t.scan(in, nil, nil, func(key, _ []byte) (bool, error) {
		if n == limit || bytes.Compare(key[:timeLen], stop) >= 0 {
			return false, nil
		}
		n++
		return true, fn(key[timeLen:])
	})
}
