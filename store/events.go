package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
)

// maxList bounds what one call lists.
const maxList = 1000

// bounded gives a limit between 1 and maxList; 0 and less mean the most.
func bounded(limit int) int {
	if limit <= 0 || limit > maxList {
		return maxList
	}
	return limit
}

// Events lists a merchant's part of the log after a number, oldest first, at most limit (1,000).
func (db *DB) Events(ctx context.Context, m merchant.ID, after uint64, limit int) (list []invoice.Logged, err error) {
	limit = bounded(limit)
	if after++; after == 0 {
		return nil, nil
	}
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		prefix := key32(nil, no)
		return t.scan(bEventsBy, prefix, key64(key32(nil, no), after), func(key, _ []byte) (bool, error) {
			e, err := t.event(key[noLen:], m)
			list = append(list, e)
			return len(list) < limit, err
		})
	})
	return list, err
}

// EventsBefore lists a merchant's part of the log before a number (0: from its end), newest first, at most limit (1,000).
func (db *DB) EventsBefore(ctx context.Context, m merchant.ID, before uint64, limit int) (list []invoice.Logged, err error) {
	limit = bounded(limit)
	err = db.view(ctx, func(t *txn) error {
		no, err := t.merchantNo(m)
		if err != nil {
			return err
		}
		var below []byte
		if before > 0 {
			below = key64(key32(nil, no), before)
		}
		return t.scanBack(bEventsBy, key32(nil, no), below, func(key, _ []byte) (bool, error) {
			e, err := t.event(key[noLen:], m)
			list = append(list, e)
			return len(list) < limit, err
		})
	})
	return list, err
}

// EventsOf gives the history of one invoice, oldest first.
func (db *DB) EventsOf(ctx context.Context, m merchant.ID, id invoice.ID) (list []invoice.Logged, err error) {
	err = db.view(ctx, func(t *txn) error {
		_, at, err := t.byID(m, id)
		if err != nil {
			return err
		}
		return t.scan(bEventsOf, at.key(), nil, func(_, payload []byte) (bool, error) {
			e, err := t.event(payload, m)
			list = append(list, e)
			return true, err
		})
	})
	return list, err
}

// event reads an event that must be there.
func (t *txn) event(key []byte, m merchant.ID) (invoice.Logged, error) {
	payload, ok, err := t.get(bEvents, key)
	if err != nil || !ok {
		return invoice.Logged{}, errors.Join(err, missing(err == nil, bEvents, key))
	}
	rec, document, err := decodeEvent(key, payload)
	if err != nil {
		return invoice.Logged{}, err
	}
	return rec.logged(binary.BigEndian.Uint64(key), m, document), nil
}

// An event's payload is the length of its JSON (uint32), the JSON, and the document as it was rendered.
func encodeEvent(rec *eventRecord, document []byte) ([][]byte, error) {
	body, err := json.Marshal(rec)
	if err != nil {
		return nil, fmt.Errorf("encode an event: %w", err)
	}
	return [][]byte{key32(nil, uint32(len(body))), body, document}, nil //nolint:gosec // an event is short
}

func decodeEvent(key, payload []byte) (*eventRecord, []byte, error) {
	if len(payload) < 4 || int64(len(payload)-4) < int64(binary.BigEndian.Uint32(payload)) {
		return nil, nil, damaged(bEvents, key, "a record that cannot be read")
	}
	at := 4 + int(binary.BigEndian.Uint32(payload))
	rec := &eventRecord{}
	return rec, payload[at:], decode(bEvents, key, payload[4:at], rec)
}

// log numbers events, renders them and queues their deliveries. It gives the invoice's revision after them.
func (t *txn) log(at ref, revision uint32, events []invoice.Event) (uint32, error) {
	if len(events) == 0 {
		return revision, nil
	}
	seq, err := t.lastNumber(bEvents, nil)
	if err != nil {
		return 0, err
	}
	m, err := t.shop(at.no)
	if err != nil {
		return 0, err
	}
	for _, ev := range events {
		seq++
		revision++
		ev.Invoice.State.Revision = revision
		rec := eventRecord{
			ID: t.db.cfg.NewID(), No: at.no, Seq: at.seq, Invoice: ev.Invoice.ID, Revision: revision, Code: ev.Code,
			At: toInstant(ev.At), Reason: ev.Reason, Detail: ev.Detail, Status: ev.Invoice.State.Status,
			Except: ev.Invoice.State.Exception,
		}
		if err := t.logOne(seq, &rec, ev, m); err != nil {
			return 0, err
		}
	}
	t.touched.Events = true
	t.touched.shop(m.ID)
	return revision, nil
}

func (t *txn) logOne(seq uint64, rec *eventRecord, ev invoice.Event, m merchant.Merchant) error {
	var document []byte
	var out []notify.Outgoing
	if t.db.cfg.Render != nil {
		var err error
		if document, out, err = t.db.cfg.Render(ev, m); err != nil {
			return fmt.Errorf("render event %s of invoice %s: %w", ev.Code.Name(), rec.Invoice, err)
		}
	}
	rec.Sum = sum(nil, document)
	payload, err := encodeEvent(rec, document)
	if err != nil {
		return err
	}
	if err := errors.Join(t.put(bEvents, key64(nil, seq), payload...), t.reindex(facts{}, rec.facts(seq))); err != nil {
		return err
	}
	for i := range out {
		if err := t.enqueue(seq, rec, ev.Invoice.Order.Creator, &out[i]); err != nil {
			return err
		}
	}
	return nil
}
