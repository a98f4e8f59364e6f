package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"satchel/fault"
)

// Backup writes a consistent copy of the database while it is in use. The copy is made on the disk first, so that a slow
// reader of w holds no transaction open; it needs as much free space as the database has, and leaves no file.
func (db *DB) Backup(ctx context.Context, w io.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	temp, size, err := db.snapshot()
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	n, err := io.Copy(w, &contextReader{ctx: ctx, r: io.NewSectionReader(temp, 0, size)})
	if err == nil && n != size {
		err = io.ErrShortWrite
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return nil
}

// snapshot copies the database into a file that has no name any more, so that nothing is left of it in the end.
func (db *DB) snapshot() (temp *os.File, size int64, err error) {
	dir := filepath.Dir(db.cfg.Path)
	if temp, err = os.CreateTemp(dir, leftover(db.cfg.Path)+"*"); err != nil {
		return nil, 0, err
	}
	err = os.Remove(temp.Name())
	if err == nil {
		err = guard(func() error {
			return db.bolt.View(func(tx *bolt.Tx) error {
				if free, err := freeSpace(dir); err != nil || free < tx.Size()+db.cfg.MinFree {
					return errors.Join(err, fault.New(fault.Unavailable, "There is not enough free space for a backup"))
				}
				size, err = tx.WriteTo(temp)
				return err
			})
		})
	}
	if err != nil {
		return nil, 0, errors.Join(err, temp.Close())
	}
	return temp, size, nil
}

// contextReader stops reading when a context ends.
type contextReader struct {
	ctx context.Context //nolint:containedctx // lives as long as one call of Backup
	r   io.Reader
}

// Read reads unless the context ended.
func (c *contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}
