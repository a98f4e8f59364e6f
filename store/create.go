package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	bolt "go.etcd.io/bbolt"

	"satchel/fault"
	"satchel/merchant"
)

// leftover begins the names of files beside a database that are of no use after a crash.
func leftover(path string) string { return "." + filepath.Base(path) + ".tmp-" }

// Create makes a new database with its first merchant and a new server secret. It refuses a path where a file is, and
// leaves either a whole database or none.
func Create(path, network string, first merchant.Merchant) error {
	if network == "" || first.ID == "" {
		return errors.New("a database needs a network and a merchant with an id")
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("create the database: %s exists already and is not touched", path)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), leftover(path)+"*")
	if err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	temp := filepath.Join(dir, "db")
	err = fill(temp, network, first)
	if err == nil {
		err = publish(temp, path)
	}
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return nil
}

// fill makes the file and commits the first contents.
func fill(path, network string, first merchant.Merchant) error {
	file, err := bolt.Open(path, 0o600, layout())
	if err != nil {
		return err
	}
	err = file.Update(func(tx *bolt.Tx) error {
		for _, name := range names() {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		t := newTxn(nil, tx)
		return errors.Join(
			t.put(bMeta, []byte(metaSchema), key32(nil, schemaVersion)),
			t.put(bMeta, []byte(metaNetwork), []byte(network)),
			t.put(bMeta, []byte(metaSecret), newSecret()),
			t.put(bMeta, []byte(metaPayPro), newSecret()),
			t.putMerchant(&first),
		)
	})
	return errors.Join(err, file.Close())
}

// newSecret makes 32 random bytes.
func newSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return secret
}

// complete makes what a file of the same schema does not have yet, buckets and the key of the payment protocols, all in
// one commit.
func complete(file *bolt.DB) error {
	var absent []string
	keyless := false
	err := file.View(func(tx *bolt.Tx) error {
		keyless = tx.Bucket([]byte(bMeta.String())).Get([]byte(metaPayPro)) == nil
		for _, name := range names() {
			if tx.Bucket([]byte(name)) == nil {
				absent = append(absent, name)
			}
		}
		return nil
	})
	if err != nil || len(absent) == 0 && !keyless {
		return err
	}
	err = file.Update(func(tx *bolt.Tx) error {
		for _, name := range absent {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		if keyless {
			return newTxn(nil, tx).put(bMeta, []byte(metaPayPro), newSecret())
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add what is new: %w", err)
	}
	return nil
}

// publish gives a whole file its name, and makes the name durable. It never replaces a file.
func publish(temp, path string) error {
	if err := os.Link(temp, path); err != nil {
		if errors.Is(err, os.ErrExist) {
			return fault.New(fault.Conflict, "%s exists already and is not touched", path)
		}
		// A file system without hard links: the name was free a moment ago, and nobody else makes databases here.
		if err := os.Rename(temp, path); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // the directory of the database
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// removeLeftovers removes what a crash left beside the database.
func removeLeftovers(path string) error {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for leftovers: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), leftover(path)) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("remove a leftover: %w", err)
		}
	}
	return nil
}
