package store

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"satchel/store/storetest"
	"satchel/tracker"
)

// mapped tells how much address space a file has.
func mapped(t *testing.T, path string) (size int64) {
	t.Helper()
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if !strings.HasSuffix(lines.Text(), " "+path) {
			continue
		}
		from, to, _ := strings.Cut(strings.Fields(lines.Text())[0], "-")
		a, err := strconv.ParseInt(from, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		b, err := strconv.ParseInt(to, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		size += b - a
	}
	return size
}

// A file has room in memory to grow for good, so that no commit ever waits for a reader. Where address space is limited
// it has less, and works all the same.
func TestTheFileIsMappedOnce(t *testing.T) {
	if db := open(t, config(create(t))); mapped(t, db.cfg.Path) < wideMap {
		t.Errorf("%d bytes are mapped", mapped(t, db.cfg.Path))
	}
	path := create(t)
	limit(t, 16<<30)
	db := open(t, config(path))
	if size := mapped(t, path); size < narrowMap || size >= wideMap {
		t.Errorf("with little address space %d bytes are mapped", size)
	}
	at := storetest.Noon().Add(time.Second)
	if err := db.UpdateChain(context.Background(), func(tx tracker.Tx) error { return tx.SetObserved(at) }); err != nil {
		t.Error(err)
	}
}

// limit leaves the process so much more address space than it has.
func limit(t *testing.T, more uint64) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &was); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseUint(strings.Fields(string(text))[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	now := unix.Rlimit{Cur: pages*uint64(os.Getpagesize()) + more, Max: was.Max}
	if err := unix.Setrlimit(unix.RLIMIT_AS, &now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_AS, &was); err != nil {
			t.Error(err)
		}
	})
}
