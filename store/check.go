package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// Problem is something that Check found.
type Problem struct {
	Bucket string
	Key    string // hex
	What   string
}

// String gives one line.
func (p Problem) String() string { return fmt.Sprintf("%s %s: %s", p.Bucket, p.Key, p.What) }

// maxProblems bounds what a check reports: after so many the file is lost anyway.
const maxProblems = 1000

// Check reads everything and computes everything that is kept twice again: checksums, indexes, counts, the sums of each
// invoice from its receipts, the numbers of events and revisions, the order of deliveries, the chain of headers. No
// problem means that the file is whole. It holds one read transaction; on a busy store the file may grow meanwhile.
func (db *DB) Check(ctx context.Context) (list []Problem, err error) {
	err = db.view(ctx, func(t *txn) error {
		defer t.giveBack()
		a := &audit{t: t, ctx: ctx, counts: map[string]int64{}}
		for _, part := range []func() error{
			a.structure, a.sums, a.invoices, a.receipts, a.events, a.deliveries, a.stopped, a.grants, a.clients, a.sessions, a.operators, a.seats, a.links, a.meta, a.merchants,
			a.keys, a.ahead, a.skipped, a.requests, a.spends, a.headers, a.compare,
		} {
			err := part()
			if d, ok := errors.AsType[*DamageError](err); ok { // what leads to it was being followed
				a.problems, err = append(a.problems, Problem{d.Bucket, hex.EncodeToString(d.Key), d.What}), nil
			}
			if err != nil || len(a.problems) >= maxProblems {
				list = a.problems
				return err
			}
		}
		list = a.problems
		return nil
	})
	return list, err
}

// audit is one run of Check.
type audit struct {
	t        *txn
	ctx      context.Context //nolint:containedctx // lives as long as one call of Check
	problems []Problem
	wanted   [bucketCount]int // how many rows each index must have
	counts   map[string]int64
}

func (a *audit) report(b bucket, key []byte, format string, args ...any) {
	a.problems = append(a.problems, Problem{Bucket: b.String(), Key: hex.EncodeToString(key), What: fmt.Sprintf(format, args...)})
}

// structure asks bbolt about its pages, and whether all buckets are there and no other.
func (a *audit) structure() error {
	for err := range a.t.bolt.Check() {
		a.report(bMeta, nil, "the pages: %s", err)
	}
	known := names()
	return a.t.bolt.ForEach(func(name []byte, _ *bolt.Bucket) error {
		if !slices.Contains(known[:], string(name)) {
			a.report(bMeta, name, "an unknown bucket")
		}
		return nil
	})
}

// tallied are the buckets whose rows are counted, because no other record would miss one.
func tallied() []bucket { return []bucket{bGUIDs, bSpends, bSkipped, bGone} }

// sums compares every checksum. What is damaged is reported once, here; the other parts pass over it.
func (a *audit) sums() error {
	for b := range bucketCount {
		in, err := a.t.bucket(b)
		if err != nil {
			return err
		}
		err = in.ForEach(func(key, value []byte) error {
			if !intact(key, value) {
				a.report(b, key, "a wrong checksum")
			}
			return a.ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	for _, b := range tallied() {
		in, err := a.t.bucket(b)
		if err != nil {
			return err
		}
		a.counts[countRows+b.String()] += int64(in.Stats().KeyN)
	}
	return nil
}

// each walks a bucket's intact records.
func (a *audit) each(b bucket, fn func(key, payload []byte) error) error {
	in, err := a.t.bucket(b)
	if err != nil {
		return err
	}
	return in.ForEach(func(key, value []byte) error {
		payload, err := unseal(b, key, value)
		switch {
		case !intact(key, value): // reported with the sums
			return a.ctx.Err()
		case err == nil:
			err = shaped(func() error { return fn(key, payload) })
		}
		if err != nil {
			a.report(b, key, "%s", err)
		}
		return a.ctx.Err()
	})
}

// shaped turns the panic of a row that is shorter than it must be into an error.
func shaped(fn func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("it has another shape than its kind")
		}
	}()
	return fn()
}

// expect looks for the index rows that must follow from a record, and adds up its counts.
func (a *audit) expect(b bucket, key []byte, f facts) {
	for _, r := range f.rows {
		payload, ok, err := a.t.get(r.in, r.key)
		switch {
		case err != nil: // reported with the sums
		case !ok:
			a.report(b, key, "its row in %s is missing", r.in)
		case !bytes.Equal(payload, r.payload):
			a.report(b, key, "its row in %s leads elsewhere", r.in)
		}
		a.wanted[r.in]++
	}
	for _, c := range f.counts {
		a.counts[c.name] += c.n
	}
}

// indexes are the buckets whose rows all follow from records, whether or not from their facts.
func indexes() []bucket {
	return []bucket{
		bIDs, bScripts, bCreated, bByStatus, bByOrder, bByItem, bTicks, bFollowing, bOutpoints, bInBlock, bPending, bAttention,
		bEventsOf, bEventsBy, bDeliveriesOf, bDeliveriesBy, bUndelivered, bTroubled, bDue, bLanes, bGrantsOf,
		bGrantsOfSIN, bCodes, bPairings, bAsked, bUnpaired, bIdle, bSeatsIdle, bLinksOf, bMerchantIDs, bBodies, bAnswers, bAttempts,
	}
}

// compare finds rows that no record leads to, and counts that are wrong. Every wanted row was looked for, so that equal
// numbers mean equal sets.
func (a *audit) compare() error {
	for _, b := range indexes() {
		in, err := a.t.bucket(b)
		if err != nil {
			return err
		}
		if n := in.Stats().KeyN; n != a.wanted[b] {
			a.report(b, nil, "it has %d rows, and the records ask for %d", n, a.wanted[b])
		}
	}
	err := a.each(bCounts, func(key, payload []byte) error {
		if len(payload) != 8 {
			return errors.New("it is no number")
		}
		have, want := int64(binary.BigEndian.Uint64(payload)), a.counts[string(key)] //nolint:gosec // written as int64
		if have != want {
			return fmt.Errorf("it is %d, and the records make %d", have, want)
		}
		delete(a.counts, string(key))
		return nil
	})
	for name, n := range a.counts {
		if n != 0 {
			a.report(bCounts, []byte(name), "it is missing, and the records make %d", n)
		}
	}
	return err
}
