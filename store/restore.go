package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
)

// Save writes a new file at path from what fetch gives, as a whole, checked and durable, or not at all. It is 0600, and
// a file that is there is never replaced.
func Save(ctx context.Context, path string, fetch func(w io.Writer) error) error {
	return stage(path, func(temp string) error {
		out, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // beside the operator's own path
		if err != nil {
			return err
		}
		err = fetch(out)
		if err == nil {
			err = out.Sync()
		}
		if err = errors.Join(err, out.Close()); err != nil {
			return err
		}
		if err := sound(ctx, temp); err != nil {
			return fmt.Errorf("the copy that came: %w", err)
		}
		return nil
	})
}

// Restore makes a database at to from a backup. A file that is there is never replaced, the backup is not changed, and
// one that is not sound is refused, with an error that names it. prepare changes the copy before it gets its name: its commits are taken.
func Restore(ctx context.Context, from, to string, prepare func(ctx context.Context, db *DB) error) error {
	return stage(to, func(temp string) error {
		if err := copyLocked(from, temp); err != nil {
			return fmt.Errorf("read the backup %s: %w", from, err)
		}
		db, err := openNamed(Config{Path: temp})
		if err != nil {
			return useless(from, err)
		}
		if err = db.unsound(ctx); err != nil {
			err = useless(from, err)
		} else {
			err = db.with(ctx, prepare)
		}
		return errors.Join(err, db.Close())
	})
}

// useless tells of a backup that cannot be restored.
func useless(path string, err error) error {
	if errors.Is(err, ErrDamaged) {
		return fmt.Errorf("the backup %s: %w; restore another backup", path, err)
	}
	return fmt.Errorf("the backup %s: %w", path, err)
}

// with runs fn while commits are taken.
func (db *DB) with(ctx context.Context, fn func(ctx context.Context, db *DB) error) error {
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- db.Run(running) }()
	err := fn(ctx, db)
	stop()
	return errors.Join(err, <-done)
}

// stage lets fill make a file beside path, and gives it that name once it is whole.
func stage(path string, fill func(temp string) error) error {
	if _, err := os.Lstat(path); err == nil {
		return fault.New(fault.Conflict, "%s exists already and is not touched", path)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), leftover(path)+"*")
	if err != nil {
		return err
	}
	temp := filepath.Join(dir, "db")
	err = fill(temp)
	if err == nil {
		err = publish(temp, path)
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// copyLocked copies a database that nobody writes to meanwhile, and makes the copy durable.
func copyLocked(from, to string) error {
	in, err := os.OpenFile(from, os.O_RDONLY, 0) //nolint:gosec // the operator's own path
	if err != nil {
		return bare(err)
	}
	defer func() { _ = in.Close() }()
	if err := lock(in); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // beside the database
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err == nil {
		err = out.Sync()
	}
	return errors.Join(bare(err), out.Close())
}

// sound is nil for a file in which everything is as it was written.
func sound(ctx context.Context, path string) error {
	db, err := openNamed(Config{Path: path})
	if err != nil {
		return err
	}
	return errors.Join(db.unsound(ctx), db.Close())
}

// unsound gives the first problem that a check finds.
func (db *DB) unsound(ctx context.Context) error {
	problems, err := db.Check(ctx)
	if err != nil || len(problems) == 0 {
		return err
	}
	return broken("%d problems; the first: %s", len(problems), problems[0])
}

// compactAtOnce is how much a compaction writes in one commit, in bytes.
const compactAtOnce = 16 << 20

// Compact rewrites a database that no daemon uses without the pages that are free, and gives its size before and after,
// in bytes. The new file is checked and durable before it takes the old one's place.
func Compact(ctx context.Context, path string) (before, after int64, err error) {
	db, err := Open(Config{Path: path})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }() // the lock is held until the new file has the name
	if err := db.unsound(ctx); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, advised(err))
	}
	if before, err = db.Size(); err != nil {
		return 0, 0, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), leftover(path)+"*")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	temp := filepath.Join(dir, "db")
	if err := db.rewrite(temp); err != nil {
		return 0, 0, fmt.Errorf("write the database anew: %w", err)
	}
	if err := sound(ctx, temp); err != nil {
		return 0, 0, fmt.Errorf("the file that was written anew: %w", err)
	}
	if err := errors.Join(os.Rename(temp, path), syncDir(filepath.Dir(path))); err != nil {
		return 0, 0, err
	}
	after, err = db.Size()
	return before, after, err
}

// rewrite copies every row into a new file.
func (db *DB) rewrite(path string) error {
	options := layout()
	options.NoSync = true
	file, err := bolt.Open(path, 0o600, options)
	if err != nil {
		return err
	}
	err = guard(func() error { return bolt.Compact(file, db.bolt, compactAtOnce) })
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// SkipAhead moves a key's next index ahead after a restore: what lies between was perhaps shown to somebody by the
// database that was lost, and is never given out again. The addresses of those indexes, as far as they are known, are
// watched: a payment to one makes an invoice that needs a hand.
func (db *DB) SkipAhead(ctx context.Context, key string, next uint32, skipped []invoice.Address) error {
	if next > maxIndex {
		return fault.Field("key", "has no addresses left to skip")
	}
	return db.update(ctx, func(t *txn) error {
		rec, err := t.knownKey(key)
		if err != nil {
			return err
		}
		for _, a := range skipped {
			if a.Key != key || len(a.Script) == 0 || a.Index < rec.Next || a.Index >= next {
				return errors.New("a skipped address has no script, or is of another key or index")
			}
			_, issued, err := t.get(bScripts, a.Script)
			if err != nil {
				return err
			}
			if issued { // the same wallet under another description
				continue
			}
			if err := errors.Join(t.save(bSkipped, a.Script, addressRecord(a)), t.tally(bSkipped, 1)); err != nil {
				return err
			}
		}
		rec.Next = max(rec.Next, next)
		return errors.Join(t.dropAhead(rec), t.save(bKeys, []byte(key), rec))
	})
}

// dropAhead removes what the look-ahead window has below the next index.
func (t *txn) dropAhead(rec *keyRecord) error {
	var used [][]byte
	err := t.scan(bLookahead, key32(nil, rec.Number), nil, func(key, _ []byte) (bool, error) {
		if binary.BigEndian.Uint32(key[4:]) >= rec.Next {
			return false, nil
		}
		used = append(used, slices.Clone(key))
		return true, nil
	})
	for _, key := range used {
		err = errors.Join(err, t.remove(bLookahead, key))
	}
	return err
}

// Skipped tells which index a merchant's address has that a restore skipped; false where it skipped none such.
func (db *DB) Skipped(ctx context.Context, m merchant.ID, script []byte) (index uint32, ok bool, err error) {
	err = db.view(ctx, func(t *txn) error {
		rec, key, found, err := t.skipped(script)
		if err != nil || !found {
			return err
		}
		shop, err := t.shop(key.No)
		index, ok = rec.Index, err == nil && shop.ID == m
		return err
	})
	return index, ok, err
}

// skipped reads an address that a restore skipped, with its key.
func (t *txn) skipped(script []byte) (rec addressRecord, key *keyRecord, ok bool, err error) {
	if len(script) == 0 {
		return rec, nil, false, nil
	}
	if ok, err = t.load(bSkipped, script, &rec); err != nil || !ok {
		return rec, nil, false, err
	}
	key, err = t.knownKey(rec.Key)
	return rec, key, err == nil, err
}
