package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"satchel/merchant"
)

// txn is one transaction: sealed values in buckets, and what was touched. A failed read is kept in err, so that methods
// which cannot return an error still spoil the transaction.
type txn struct {
	db      *DB
	bolt    *bolt.Tx
	buckets [bucketCount]*bolt.Bucket
	shops   map[uint32]merchant.Merchant // as read in this transaction
	dirty   bool                         // the running function wrote something
	err     error                        // the running function's first failed read
	touched Touched
}

func newTxn(db *DB, tx *bolt.Tx) *txn {
	return &txn{db: db, bolt: tx, shops: map[uint32]merchant.Merchant{}}
}

// fail keeps the first error.
func (t *txn) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *txn) bucket(b bucket) (*bolt.Bucket, error) {
	if t.buckets[b] == nil {
		in := t.bolt.Bucket([]byte(b.String()))
		if in == nil {
			return nil, damaged(b, nil, "the bucket is missing")
		}
		in.FillPercent = b.fill()
		t.buckets[b] = in
	}
	return t.buckets[b], nil
}

// get reads a payload, valid until the transaction ends.
func (t *txn) get(b bucket, key []byte) ([]byte, bool, error) {
	in, err := t.bucket(b)
	if err != nil {
		return nil, false, err
	}
	value := in.Get(key)
	if value == nil {
		return nil, false, nil
	}
	payload, err := unseal(b, key, value)
	return payload, err == nil, err
}

// put writes a payload, unless the same is there already.
func (t *txn) put(b bucket, key []byte, payload ...[]byte) error {
	in, err := t.bucket(b)
	if err != nil {
		return err
	}
	value := seal(key, payload...)
	if bytes.Equal(in.Get(key), value) {
		return nil
	}
	t.dirty = true
	t.db.step(step{beforeWrite, b, key, value})
	if err := in.Put(key, value); err != nil {
		return fmt.Errorf("write to bucket %s: %w", b, err)
	}
	return nil
}

func (t *txn) remove(b bucket, key []byte) error {
	in, err := t.bucket(b)
	if err != nil {
		return err
	}
	t.dirty = true
	t.db.step(step{beforeWrite, b, key, nil})
	if err := in.Delete(key); err != nil {
		return fmt.Errorf("remove from bucket %s: %w", b, err)
	}
	return nil
}

// load reads a record.
func (t *txn) load(b bucket, key []byte, record any) (bool, error) {
	payload, ok, err := t.get(b, key)
	if err != nil || !ok {
		return false, err
	}
	return true, decode(b, key, payload, record)
}

func decode(b bucket, key, payload []byte, record any) error {
	if err := json.Unmarshal(payload, record); err != nil {
		return damaged(b, key, "a record that cannot be read")
	}
	return nil
}

// save writes a record.
func (t *txn) save(b bucket, key []byte, record any) error {
	payload, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode for bucket %s: %w", b, err)
	}
	return t.put(b, key, payload)
}

// scan walks the rows under a prefix, from a key on (nil: the first), until fn says no. fn must not write to the bucket.
func (t *txn) scan(b bucket, prefix, from []byte, fn func(key, payload []byte) (bool, error)) error {
	in, err := t.bucket(b)
	if err != nil {
		return err
	}
	c := in.Cursor()
	if from == nil {
		from = prefix
	}
	for key, value := c.Seek(from); key != nil && bytes.HasPrefix(key, prefix); key, value = c.Next() {
		payload, err := unseal(b, key, value)
		if err != nil {
			return err
		}
		if more, err := fn(key, payload); err != nil || !more {
			return err
		}
	}
	return nil
}

// scanBack walks the rows under a prefix backwards, beginning below a key (nil: the last).
func (t *txn) scanBack(b bucket, prefix, below []byte, fn func(key, payload []byte) (bool, error)) error {
	in, err := t.bucket(b)
	if err != nil {
		return err
	}
	c := in.Cursor()
	if below == nil {
		below = after(prefix)
	}
	var key, value []byte
	if at, _ := c.Seek(below); at == nil || below == nil {
		key, value = c.Last()
	} else {
		key, value = c.Prev()
	}
	for ; key != nil && bytes.HasPrefix(key, prefix); key, value = c.Prev() {
		payload, err := unseal(b, key, value)
		if err != nil {
			return err
		}
		if more, err := fn(key, payload); err != nil || !more {
			return err
		}
	}
	return nil
}

// last gives the last key under a prefix; nil: there is none.
func (t *txn) last(b bucket, prefix []byte) (last []byte, err error) {
	err = t.scanBack(b, prefix, nil, func(key, _ []byte) (bool, error) {
		last = key
		return false, nil
	})
	return last, err
}

// lastNumber gives the last of the numbers that end the keys under a prefix; 0: there is none.
func (t *txn) lastNumber(b bucket, prefix []byte) (uint64, error) {
	key, err := t.last(b, prefix)
	if err != nil || key == nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(key[len(key)-seqLen:]), nil
}

// reindex makes the index rows and counts of a record's new value from those of its old one. Nothing else writes to an
// index.
func (t *txn) reindex(was, is facts) error {
	for _, r := range was.rows {
		if !slices.ContainsFunc(is.rows, r.same) {
			if err := t.remove(r.in, r.key); err != nil {
				return err
			}
		}
	}
	for _, r := range is.rows {
		if !slices.ContainsFunc(was.rows, func(o row) bool { return r.same(o) && bytes.Equal(r.payload, o.payload) }) {
			if err := t.put(r.in, r.key, r.payload); err != nil {
				return err
			}
		}
	}
	return t.recount(was.counts, is.counts)
}

func (r row) same(o row) bool { return r.in == o.in && bytes.Equal(r.key, o.key) }

// recount moves the counts by the difference.
func (t *txn) recount(was, is []count) error {
	for _, c := range was {
		if i := slices.IndexFunc(is, func(o count) bool { return o.name == c.name }); i < 0 {
			is = append(slices.Clip(is), count{c.name, -c.n})
		} else {
			is = slices.Clone(is)
			is[i].n -= c.n
		}
	}
	for _, c := range is {
		if c.n == 0 {
			continue
		}
		n, err := t.counted(c.name)
		if err != nil {
			return err
		}
		if n+c.n == 0 {
			err = t.remove(bCounts, []byte(c.name))
		} else {
			err = t.put(bCounts, []byte(c.name), key64(nil, uint64(n+c.n))) //nolint:gosec // read back as int64
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tally keeps how many rows a bucket has in which no other record would miss one.
func (t *txn) tally(b bucket, n int64) error {
	return t.recount(nil, []count{{countRows + b.String(), n}})
}

// counted reads a count; 0 where there is none.
func (t *txn) counted(name string) (int64, error) {
	payload, ok, err := t.get(bCounts, []byte(name))
	if err != nil || !ok {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(payload)), nil //nolint:gosec // written as int64
}
