package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"

	bolt "go.etcd.io/bbolt"

	"satchel/auth"
	"satchel/invoice"
	"satchel/notify"
)

// row in a file, as it lies there.
type lying struct {
	in         bucket
	key, value []byte
}

// planted is a database after a whole day, with all its rows.
type planted struct {
	t    *testing.T
	db   *DB
	rows map[bucket][]lying
}

func newPlanted(t *testing.T) *planted {
	t.Helper()
	path := create(t)
	db, err := live(path, config(path), acts())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	p := &planted{t: t, db: db, rows: map[bucket][]lying{}}
	err = db.bolt.View(func(tx *bolt.Tx) error {
		for b := range bucketCount {
			err := tx.Bucket([]byte(b.String())).ForEach(func(key, value []byte) error {
				p.rows[b] = append(p.rows[b], lying{b, bytes.Clone(key), bytes.Clone(value)})
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if problems := p.check(); len(problems) > 0 {
		t.Fatalf("before: %v", problems)
	}
	return p
}

func (p *planted) check() []Problem {
	p.t.Helper()
	problems, err := p.db.Check(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	return problems
}

// put writes a row past the store; a nil value removes it.
func (p *planted) put(r lying) {
	p.t.Helper()
	err := p.db.bolt.Update(func(tx *bolt.Tx) error {
		in := tx.Bucket([]byte(r.in.String()))
		if r.value == nil {
			return in.Delete(r.key)
		}
		return in.Put(r.key, r.value)
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// found plants a row, asks for problems, and puts what was there back.
func (p *planted) found(plant, was lying) bool {
	p.t.Helper()
	p.put(plant)
	problems := p.check()
	p.put(was)
	return len(problems) > 0
}

// harmless are rows that nothing misses, because they are read again from where they came.
func harmless(r lying, last bool) bool {
	switch r.in { //nolint:exhaustive // the rest is missed
	case bMeta:
		return string(r.key) == metaObserved // then nobody ever looked, and all of it is looked at again
	case bHeaders, bLookahead:
		return last // the tip is taken again, the window filled again
	}
	return false
}

// Every row of every bucket is missed when it goes, and noticed when it is there twice.
func TestCheckMissesEveryRow(t *testing.T) {
	p := newPlanted(t)
	for b := range bucketCount {
		if len(p.rows[b]) == 0 {
			t.Errorf("%s: no row to remove", b)
		}
		for i, r := range p.rows[b] {
			if !p.found(lying{b, r.key, nil}, r) && !harmless(r, i == len(p.rows[b])-1) {
				t.Errorf("%s %x: removed, and not missed", b, r.key)
			}
			more := bytes.Clone(r.key)
			more[len(more)-1] ^= 0x55
			added := lying{b, more, seal(more, r.value[1:len(r.value)-4])}
			if !p.found(added, lying{b, more, nil}) {
				t.Errorf("%s %x: added, and not noticed", b, more)
			}
		}
	}
}

// changes say for each bucket of records what is made of a row: something that can be read, and is wrong.
func changes() map[bucket]func(key, payload []byte) []byte {
	return map[bucket]func(key, payload []byte) []byte{
		bMeta:      func(_, p []byte) []byte { return p[:len(p)-1] },
		bMerchants: edited(func(r *merchantRecord) { r.ID += "x" }),
		bGrants:    edited(func(r *grantRecord) { r.SIN, r.Facade = "TeyN4LPrXiG5t2yuSamKqP3ynVk3F52iHrX", auth.Merchant }),
		bClients:   edited(func(r *clientRecord) { r.SIN += "x" }),
		bSessions:  edited(func(r *sessionRecord) { r.Used++ }),
		bAnswers:   other,
		bOperators: edited(func(r *operatorRecord) { r.Role = 9 }),
		bSeats:     edited(func(r *seatRecord) { r.Used++ }),
		bLinks:     edited(func(r *linkRecord) { r.Revoked = 1 }),
		bKeys:      edited(func(r *keyRecord) { r.Next = 1 }),
		bLookahead: edited(func(r *addressRecord) { r.Index++ }),
		bSkipped:   edited(func(r *addressRecord) { r.Index = 1 << 30 }),
		bInvoices:  edited(func(r *invoiceRecord) { r.Sums.In++ }),
		bGUIDs:     func(_, p []byte) []byte { return append(bytes.Clone(p[:len(p)-1]), 99) },
		bReceipts:  edited(func(r *receiptRecord) { r.Sats++; r.Where, r.Disposition = invoice.InMempool, invoice.Credited }),
		bSpends:    func(_, p []byte) []byte { return p[1:] },
		bHeaders:   edited(func(r *headerRecord) { r.Hash[0] ^= 1; r.Prev[0] ^= 1 }),
		bEvents:    other,
		bDeliveries: edited(func(r *deliveryRecord) {
			r.State = map[notify.State]notify.State{notify.Pending: notify.Delivered, notify.Delivered: notify.Parked}[r.State]
		}),
		bBodies:   other,
		bAttempts: func(_, p []byte) []byte { return p[1:] },
		bGone:     other,
		bCounts:   other,
	}
}

// other changes the last byte.
func other(_, p []byte) []byte {
	p = bytes.Clone(p)
	p[len(p)-1] ^= 1
	return p
}

// edited changes a record.
func edited[Record any](change func(*Record)) func(key, payload []byte) []byte {
	return func(_, payload []byte) []byte {
		var r Record
		if err := json.Unmarshal(payload, &r); err != nil {
			return nil
		}
		change(&r)
		out, err := json.Marshal(&r)
		if err != nil {
			return nil
		}
		return out
	}
}

// A record that says something else, under a checksum that is right, contradicts others: it is found in every bucket.
// Rows of an index say nothing but their key; one that leads elsewhere is found, too.
func TestCheckFindsEveryChange(t *testing.T) {
	p := newPlanted(t)
	index := map[bucket]bool{}
	for _, b := range indexes() {
		index[b] = true
	}
	cases := changes()
	for b := range bucketCount {
		change := cases[b]
		if change == nil && index[b] {
			change = func(_, p []byte) []byte { return other(nil, append(bytes.Clone(p), 0)) }
		}
		if change == nil {
			t.Errorf("%s has no case", b)
			continue
		}
		r := p.rows[b][0]
		payload := change(r.key, r.value[1:len(r.value)-4])
		if payload == nil || bytes.Equal(payload, r.value[1:len(r.value)-4]) {
			t.Errorf("%s: nothing was changed", b)
		}
		if !p.found(lying{b, r.key, seal(r.key, payload)}, r) {
			t.Errorf("%s %x: a changed value was not found", b, r.key)
		}
		for _, r := range p.rows[b] { // what cannot be read at all
			if string(r.key) == metaNetwork { // any text names a network; it is compared with the configuration
				continue
			}
			if !p.found(lying{b, r.key, seal(r.key, []byte("?"))}, r) {
				t.Errorf("%s %x: a value of no kind was not found", b, r.key)
			}
		}
	}
}

// A control of the controls: the same row written again is no problem, so that what is found above is what was planted.
func TestCheckFindsNothingElse(t *testing.T) {
	p := newPlanted(t)
	for b := range bucketCount {
		for _, r := range p.rows[b] {
			p.put(r)
		}
	}
	if problems := p.check(); len(problems) > 0 {
		t.Fatal(fmt.Sprint(problems))
	}
}
