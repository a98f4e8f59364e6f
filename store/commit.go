package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
)

// ErrStopped is the answer to a write after the store stopped taking them.
var ErrStopped = fmt.Errorf("the store has stopped: %w", notify.ErrEnded)

// maxBatch bounds how many functions share a commit, so that none waits for a very long one.
const maxBatch = 512

// job is a function that waits for its commit.
type job struct {
	fn      func(*txn) error
	waits   bool         // also for room on a full disk
	lingers bool         // may wait for others to share its commit
	state   atomic.Int32 // waiting, then taken or abandoned
	err     error
	done    chan struct{}
}

const (
	jobWaiting = iota
	jobTaken
	jobAbandoned
)

func (j *job) finish(err error) {
	j.err = err
	close(j.done)
}

// queue holds the jobs that no commit has taken yet.
type queue struct {
	mu     sync.Mutex
	jobs   []*job
	closed error         // why no more are taken; nil: they are
	wake   chan struct{} // of size 1
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

func (q *queue) add(j *job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed != nil {
		return q.closed
	}
	q.jobs = append(q.jobs, j)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// take gives the next jobs whose callers still wait for them.
func (q *queue) take() []*job {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.jobs), maxBatch)
	batch := slices.Clone(q.jobs[:n])
	q.jobs = slices.Delete(q.jobs, 0, n)
	return slices.DeleteFunc(batch, func(j *job) bool { return !j.state.CompareAndSwap(jobWaiting, jobTaken) })
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.jobs) == 0
}

// close refuses further jobs; those that wait stay.
func (q *queue) close(why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed == nil {
		q.closed = why
	}
}

// refuse closes the queue and answers all that wait.
func (q *queue) refuse(why error) {
	q.close(why)
	for !q.empty() {
		for _, j := range q.take() {
			j.finish(why)
		}
	}
}

// dismiss answers those that wait in vain: all that would not wait for room.
func (q *queue) dismiss(why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = slices.DeleteFunc(q.jobs, func(j *job) bool {
		if j.waits {
			return false
		}
		if j.state.CompareAndSwap(jobWaiting, jobTaken) {
			j.finish(why)
		}
		return true
	})
}

// update runs fn in a commit that other callers may share, and returns when it is on the disk. fn may run again; it has
// no effect but on t and on variables that it sets on every run. While the disk is full it is refused.
func (db *DB) update(ctx context.Context, fn func(t *txn) error) error {
	if db.holding.Load() {
		if err := db.Writable(); err != nil {
			return err
		}
	}
	return db.submit(ctx, &job{fn: fn, done: make(chan struct{})})
}

// follow is update for what must not be refused: it happened on the chain or at an endpoint, or belongs to the start.
// While the disk is full it waits.
func (db *DB) follow(ctx context.Context, fn func(t *txn) error) error {
	return db.submit(ctx, &job{fn: fn, waits: true, done: make(chan struct{})})
}

func (db *DB) submit(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := db.queue.add(j); err != nil {
		return err
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
	}
	if j.state.CompareAndSwap(jobWaiting, jobAbandoned) {
		return ctx.Err()
	}
	<-j.done // it is being committed: only the commit knows how it ends
	return j.err
}

// Run commits what is queued until ctx ends or the store is closed, then what is left, and returns nil. An error of a commit ends it with that
// error: the commit may be on the disk, so the process must start again and read.
func (db *DB) Run(ctx context.Context) error {
	if !db.running.CompareAndSwap(false, true) {
		return errors.New("the store's committer runs already")
	}
	defer close(db.stopped)
	health := make(chan struct{})
	go func() {
		defer close(health)
		db.watchSpace(ctx)
	}()
	defer func() { <-health }()

	for {
		if err := db.drain(); err != nil {
			return err
		}
		var again <-chan time.Time
		if db.holding.Load() {
			again = time.After(holdEvery)
		}
		select {
		case <-db.queue.wake:
			runtime.Gosched() // those who were just answered come back with their next write, and share the commit
		case <-again:
		case <-ctx.Done():
		case <-db.quit:
		}
		if ctx.Err() != nil || db.quitting() {
			db.queue.close(stoppedFault())
			err := db.drain()
			db.queue.refuse(stoppedFault()) // what waited for room to the end
			return err
		}
	}
}

func stoppedFault() error {
	return fault.New(fault.Unavailable, "The server is stopping").Because(ErrStopped)
}

// drain commits batches until nothing waits, or until the disk is full.
func (db *DB) drain() error {
	for !db.queue.empty() {
		db.linger()
		if db.hold() {
			return nil
		}
		jobs := db.queue.take()
		db.shared = len(jobs) > 1
		if err := db.commit(jobs); err != nil {
			return err
		}
	}
	return nil
}

// commit brings jobs into one commit. bbolt has no savepoints: when a function fails after it wrote something, the
// whole batch rolls back and runs again without it.
func (db *DB) commit(jobs []*job) error {
	for len(jobs) > 0 {
		bad, touched, err := db.attempt(jobs)
		if err != nil {
			return db.perish(jobs, err)
		}
		if bad >= 0 {
			jobs[bad].finish(jobs[bad].err)
			jobs = slices.Delete(jobs, bad, bad+1)
			continue
		}
		if db.cfg.AfterCommit != nil && touched.any() {
			db.cfg.AfterCommit(touched)
		}
		for _, j := range jobs {
			j.finish(j.err)
		}
		return nil
	}
	return nil
}

// attempt runs jobs in one transaction. It commits, or gives the index of a job that failed after writing, or the error
// of the commit. A job that failed without writing spoils nothing and stays: its answer stands or falls with the batch.
func (db *DB) attempt(jobs []*job) (bad int, touched Touched, err error) {
	tx, err := db.bolt.Begin(true)
	if err != nil {
		return -1, touched, fmt.Errorf("begin a commit: %w", err)
	}
	t := newTxn(db, tx)
	wrote := false
	for i, j := range jobs {
		t.dirty, t.err, t.touched = false, nil, Touched{}
		j.err = t.run(j.fn)
		if j.err != nil && t.dirty {
			return i, touched, rollback(tx)
		}
		if j.err == nil {
			wrote = wrote || t.dirty
			touched.merge(t.touched)
		}
	}
	if !wrote {
		return -1, Touched{}, rollback(tx)
	}
	db.step(step{kind: beforeCommit})
	if err := guard(tx.Commit); err != nil {
		_ = guard(tx.Rollback) // where it panicked; else it is rolled back already
		return -1, touched, err
	}
	db.step(step{kind: afterCommit})
	return -1, touched, nil
}

func rollback(tx *bolt.Tx) error {
	if err := guard(tx.Rollback); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// run runs a function. A panic, and a read that failed on the way, are its error.
func (t *txn) run(fn func(*txn) error) error {
	if err := guard(func() error { return fn(t) }); err != nil {
		t.db.trace(err)
		return err
	}
	return t.err
}

// guard turns a panic into an error. A fault on the mapped file is one of them: the file was cut, or the disk failed.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{what: p, stack: debug.Stack()}
		}
	}()
	return fn()
}

// panicError is a panic as an error: a sentence for whoever reads it, and where it was for the log.
type panicError struct {
	what  any
	stack []byte
}

// Error tells what it was about.
func (e *panicError) Error() string { return fmt.Sprintf("panic in a transaction: %v", e.what) }

// trace logs where a panic was.
func (db *DB) trace(err error) {
	if p, ok := errors.AsType[*panicError](err); ok && db != nil {
		db.cfg.Log.Error("a panic in a transaction", "what", p.what, "stack", string(p.stack))
	}
}

// perish ends all writing: a commit that returned an error may be on the disk, and only a fresh start can tell.
func (db *DB) perish(jobs []*job, cause error) error {
	db.trace(cause)
	err := fmt.Errorf("a commit failed, and only a fresh start can tell what is on the disk; see to the disk and start satchel again: %w", cause)
	told := fault.New(fault.Unavailable, "The store failed").Because(fmt.Errorf("%w (%w)", err, ErrStopped))
	db.queue.close(told)
	close(db.broken)
	db.unwritable(told)
	db.cfg.Log.Error("a commit failed; the process must start again", "error", err)
	for _, j := range jobs {
		j.finish(told)
	}
	db.queue.refuse(told)
	if db.cfg.Fatal != nil {
		db.cfg.Fatal(err)
	}
	return err
}

// Touched tells what a commit changed, for those who wait for changes.
type Touched struct {
	Invoices   []invoice.ID
	Shops      []merchant.ID // each once: whose log grew, or whose deliveries were tried or asked for by hand
	Events     bool
	Deliveries bool
}

func (t *Touched) merge(o Touched) {
	t.Invoices = append(t.Invoices, o.Invoices...)
	for _, m := range o.Shops {
		t.shop(m)
	}
	t.Events = t.Events || o.Events
	t.Deliveries = t.Deliveries || o.Deliveries
}

func (t *Touched) shop(m merchant.ID) {
	if !slices.Contains(t.Shops, m) {
		t.Shops = append(t.Shops, m)
	}
}

func (t *Touched) any() bool {
	return len(t.Invoices) > 0 || len(t.Shops) > 0 || t.Events || t.Deliveries
}
