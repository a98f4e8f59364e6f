package daemon

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"satchel/cmd/satchel/internal/config"
	"satchel/fault"
	"satchel/wallet"
)

// mocked is a node's clock.
type mocked struct {
	mu   sync.Mutex
	at   time.Time
	away error
}

func (m *mocked) SetMockTime(_ context.Context, t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away == nil {
		m.at = t
	}
	return m.away
}

// offsetIn is how far a clock that starts in a folder was moved.
func offsetIn(t *testing.T, dir string) time.Duration {
	t.Helper()
	c, err := newClock(config.Settings{Network: wallet.Regtest, DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return c.Offset()
}

func newTestClock(t *testing.T) (c *clock, node *mocked, dir string, moves *int) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := newClock(config.Settings{Network: wallet.Regtest, DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	node, moves = &mocked{}, new(int)
	c.node, c.moved = node, func() { *moves++ }
	return c, node, dir, moves
}

// TestClockIsReplacedWhole: a daemon that is killed at any moment finds the old offset or the new one, so the file that
// was there is never written to.
func TestClockIsReplacedWhole(t *testing.T) {
	c, _, dir, _ := newTestClock(t)
	if err := c.Advance(t.Context(), 16*time.Minute); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(c.file)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	// What a write that was cut short has left is no offset, and in nobody's way.
	if err := os.WriteFile(c.file+".new", []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := offsetIn(t, dir); got != 16*time.Minute {
		t.Errorf("beside half a write it is %s", got)
	}
	if err := c.Advance(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(old); err != nil || string(text) != "16m0s\n" {
		t.Errorf("the old file says %q, %v", text, err)
	}
	if got := offsetIn(t, dir); got != 76*time.Minute {
		t.Errorf("after a restart it is %s", got)
	}
}

// TestClockIsMovedByMany: all of them count, and the latest offset is the one that is kept.
func TestClockIsMovedByMany(t *testing.T) {
	c, node, dir, moves := newTestClock(t)
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if err := c.Advance(t.Context(), time.Minute); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if *moves != 40 || c.Offset() != 40*time.Minute || offsetIn(t, dir) != 40*time.Minute {
		t.Errorf("moved %d times, to %s, and %s is kept", *moves, c.Offset(), offsetIn(t, dir))
	}
	if ahead := time.Until(node.at); ahead < 39*time.Minute || ahead > 40*time.Minute {
		t.Errorf("the node is %s ahead", ahead)
	}
}

// TestClockThatCannotBeMoved stays where it is, and so does the node's.
func TestClockThatCannotBeMoved(t *testing.T) {
	c, node, dir, moves := newTestClock(t)
	if err := c.Advance(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	node.away = errors.New("away")
	if err := c.Advance(t.Context(), time.Hour); !errors.Is(err, node.away) {
		t.Errorf("without a node: %v", err)
	}
	node.away = nil
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := c.Advance(t.Context(), time.Hour); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a disk: %v", err)
	}
	if err := os.Rename(dir+"-away", dir); err != nil {
		t.Fatal(err)
	}
	if ahead := time.Until(node.at); ahead > time.Minute {
		t.Errorf("the node is %s ahead", ahead)
	}
	if *moves != 1 || c.Offset() != time.Minute || offsetIn(t, dir) != time.Minute {
		t.Errorf("moved %d times, to %s, and %s is kept", *moves, c.Offset(), offsetIn(t, dir))
	}
	fixed, err := newClock(config.Settings{Network: wallet.Signet, DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := fixed.Advance(t.Context(), time.Hour); !fault.Is(err, fault.Conflict) || fixed.Offset() != 0 {
		t.Errorf("elsewhere: %v, moved by %s", err, fixed.Offset())
	}
}
