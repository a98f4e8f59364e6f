package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// migration brings a file from one schema version to the next, in one transaction.
type migration struct {
	from uint32
	name string
	run  func(tx *bolt.Tx) error
}

// migrations lists them in order. Version 1 is the first.
func migrations() []migration { return nil }

// errNewer is a file that a newer version wrote.
var errNewer = errors.New("it was written by a newer version of satchel; install that version, or restore an older backup")

// migrate brings a file to the version that the last migration leads to. A copy is made first, FILE.before-vN.
func migrate(file *bolt.DB, steps []migration) error {
	target := uint32(schemaVersion)
	if len(steps) > 0 {
		target = steps[len(steps)-1].from + 1
	}
	version, err := schemaOf(file)
	switch {
	case err != nil:
		return err
	case version > target:
		return fmt.Errorf("%w (its schema is %d, ours is %d)", errNewer, version, target)
	case version == target:
		return nil
	}
	if err := copyBefore(file, target); err != nil {
		return fmt.Errorf("copy the database before the migration: %w", err)
	}
	for _, step := range steps {
		if step.from < version {
			continue
		}
		err := file.Update(func(tx *bolt.Tx) error {
			if err := step.run(tx); err != nil {
				return err
			}
			key := []byte(metaSchema)
			return tx.Bucket([]byte(bMeta.String())).Put(key, seal(key, key32(nil, step.from+1)))
		})
		if err != nil {
			return fmt.Errorf("migrate the database (%s): %w", step.name, err)
		}
	}
	return nil
}

func schemaOf(file *bolt.DB) (version uint32, err error) {
	err = file.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket([]byte(bMeta.String()))
		if meta == nil {
			return errors.New("it is not a satchel database")
		}
		key := []byte(metaSchema)
		payload, err := unseal(bMeta, key, meta.Get(key))
		if err != nil {
			return err
		}
		version = binary.BigEndian.Uint32(payload)
		return nil
	})
	return version, err
}

// copyBefore keeps the file as it was. An earlier copy of the same name stays: it is the older, and whole.
func copyBefore(file *bolt.DB, target uint32) error {
	path := fmt.Sprintf("%s.before-v%d", file.Path(), target)
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	temp, err := os.CreateTemp(filepath.Dir(path), leftover(file.Path())+"*")
	if err != nil {
		return err
	}
	err = file.View(func(tx *bolt.Tx) error {
		_, err := tx.WriteTo(temp)
		return err
	})
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = publish(temp.Name(), path)
	}
	if rm := os.Remove(temp.Name()); err == nil && rm != nil && !errors.Is(rm, os.ErrNotExist) {
		err = rm
	}
	return err
}
