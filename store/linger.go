package store

import (
	"context"
	"slices"
	"time"
)

// What lingers waits that long for more of its kind, but never with more than a batch's worth.
const (
	lingerFor  = time.Millisecond
	lingerMost = 64
)

// record is follow for what nobody waits for: while many come, it waits a moment for others, and they share a commit. Any
// other write ends that at once and takes it along.
func (db *DB) record(ctx context.Context, fn func(t *txn) error) error {
	return db.submit(ctx, &job{fn: fn, waits: true, lingers: true, done: make(chan struct{})})
}

// linger waits until a commit is worth its flushes. A lone write is committed at once: only after a commit that was
// shared are others likely to come.
func (db *DB) linger() {
	if !db.shared || !db.queue.lingers() {
		return
	}
	timer := time.NewTimer(lingerFor)
	defer timer.Stop()
	for db.queue.lingers() {
		select {
		case <-db.queue.wake:
		case <-timer.C:
			return
		}
	}
}

// lingers tells that what is queued may wait for more.
func (q *queue) lingers() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed == nil && len(q.jobs) < lingerMost && !slices.ContainsFunc(q.jobs, func(j *job) bool { return !j.lingers })
}
