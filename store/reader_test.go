package store

import (
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"satchel/store/storetest"
	"satchel/tracker"
)

// While a reader holds an old view no page is used again, so that the file grows with every commit: by what the commit
// writes, and by no more the longer the reader stays. What was free then is used when the reader has ended.
func TestTheFileGrowsByWhatIsWritten(t *testing.T) {
	db := open(t, config(create(t)))
	at := storetest.Noon()
	commits := func(n int) (grown int64) {
		t.Helper()
		before := extent(t, db)
		for range n {
			at = at.Add(time.Second)
			if err := db.UpdateChain(t.Context(), func(tx tracker.Tx) error { return tx.SetObserved(at) }); err != nil {
				t.Fatal(err)
			}
		}
		return extent(t, db) - before
	}
	const some = 500
	err := db.ViewChain(t.Context(), func(tracker.Reader) error {
		first, second := commits(some), commits(some)
		if first <= 0 || second > first*5/4 {
			t.Errorf("it grew by %d bytes, then by %d", first, second)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if more := commits(some); more > 1<<20 {
		t.Errorf("without a reader it grew by %d bytes", more)
	}
}

// extent is how much of the file was ever written to. The file itself grows in larger steps.
func extent(t *testing.T, db *DB) (size int64) {
	t.Helper()
	err := db.bolt.View(func(tx *bolt.Tx) error {
		size = tx.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}
