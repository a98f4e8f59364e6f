package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"satchel/fault"
)

// probeEvery is how often the disk is looked at, in real time.
const probeEvery = 5 * time.Second

// probeSize is more than a file system gives away without asking for a new block.
const probeSize = 64 << 10

// Writable tells whether new invoices may be created: fault.Unavailable while the disk is full, read-only or failed
// (reason store_unwritable). Writes that follow the chain are tried all the same.
func (db *DB) Writable() error {
	if f := db.full.Load(); f != nil {
		return f
	}
	return nil
}

// unwritable keeps why nothing may be created any more.
func (db *DB) unwritable(why *fault.Error) { db.full.Store(why) }

// holdEvery is how often a commit that waits for room looks again, in real time.
const holdEvery = 200 * time.Millisecond

// hold tells whether commits must wait: a commit that meets a full disk ends the process, and one that is started again
// on it would end again. It looks at the file system before each commit, which costs a microsecond.
func (db *DB) hold() bool {
	free, err := freeSpace(filepath.Dir(db.cfg.Path))
	full := err == nil && free < db.cfg.Room
	switch {
	case full == db.holding.Load():
		return full
	case full:
		db.probe()
		db.cfg.Log.Error("the disk is full; commits wait", "free", free, "needed", db.cfg.Room)
	default:
		db.cfg.Log.Info("the disk has room again; commits go on")
	}
	db.holding.Store(full)
	if why := db.full.Load(); full && why != nil {
		db.queue.dismiss(why)
	}
	return full
}

// watchSpace looks at the disk until ctx ends or the store is closed.
func (db *DB) watchSpace(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			db.probe()
		case <-ctx.Done():
			return
		case <-db.quit:
			return
		case <-db.broken:
			return
		}
	}
}

// probe looks at the free space and writes a little beside the database.
func (db *DB) probe() {
	select {
	case <-db.broken:
		return // only a fresh start makes it writable again
	default:
	}
	err := checkSpace(db.cfg.Path, db.cfg.MinFree)
	was := db.full.Load()
	if err == nil {
		if was != nil && db.full.CompareAndSwap(was, nil) {
			db.cfg.Log.Info("the store is writable again")
		}
		return
	}
	why := fault.New(fault.Unavailable, "The store cannot be written").Because(err).After(probeEvery)
	if db.full.CompareAndSwap(was, why) && was == nil {
		db.cfg.Log.Error("the store is not writable; no invoices are created", "error", err)
	}
}

// errFull is a disk with less free space than the floor.
var errFull = errors.New("the disk is nearly full")

func checkSpace(path string, floor int64) error {
	free, err := freeSpace(filepath.Dir(path))
	if err != nil {
		return err
	}
	if free < floor {
		return fmt.Errorf("%w: %d MiB are free, and %d MiB must stay free", errFull, free>>20, floor>>20)
	}
	return writeProbe(path)
}

// freeSpace gives the bytes that an ordinary user may still write.
func freeSpace(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("ask for free space: %w", err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:gosec,unconvert // the types differ between systems
}

// writeProbe finds what free space does not tell: a quota, a read-only mount, a limit of the process.
func writeProbe(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), leftover(path)+"*")
	if err != nil {
		return fmt.Errorf("write a probe: %w", err)
	}
	_, err = f.Write(make([]byte, probeSize))
	err = errors.Join(err, f.Close(), os.Remove(f.Name())) //nolint:gosec // our own probe beside the database
	if err != nil {
		return fmt.Errorf("write a probe: %w", err)
	}
	return nil
}
