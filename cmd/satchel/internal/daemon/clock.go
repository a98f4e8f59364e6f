package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"satchel/cmd/satchel/internal/config"
	"satchel/fault"
	"satchel/wallet"
)

// clock is the daemon's one clock. On regtest it can be moved ahead; the node is then told the time every second, for
// its own clock stands still once it was set (setmocktime).
type clock struct {
	offset  atomic.Int64 // nanoseconds
	moving  sync.Mutex   // held by whoever moves it
	movable bool
	file    string // keeps the offset over a restart: an invoice must not become younger
	node    mockable
	look    func(ctx context.Context) // at the node, and whose time has come
	moved   func()
}

type mockable interface {
	SetMockTime(ctx context.Context, t time.Time) error
}

// newClock reads how far an earlier run had moved the clock.
func newClock(s config.Settings) (*clock, error) {
	c := &clock{movable: s.Network == wallet.Regtest, file: filepath.Join(s.DataDir, "clock-offset"), look: func(context.Context) {}}
	if !c.movable {
		return c, nil
	}
	text, err := os.ReadFile(c.file)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.file, err)
	}
	c.offset.Store(int64(d))
	return c, nil
}

// Time gives what time it is for a daemon that runs with these settings, read anew each time: it may be moved.
func Time(s config.Settings) func() time.Time {
	return func() time.Time {
		c, err := newClock(s)
		if err != nil {
			return time.Now()
		}
		return c.Now()
	}
}

// Now is the time for everything that is stored or decided.
func (c *clock) Now() time.Time { return time.Now().Add(c.Offset()).UTC() }

// Offset is how far the clock was moved.
func (c *clock) Offset() time.Duration { return time.Duration(c.offset.Load()) }

// Advance moves the daemon's clock, and the node's with it. What cannot be kept is not done. A payment that came before and
// that nobody has seen yet would be dated after: so there is a look at the node first. Another one shows whoever moved the
// clock what it brought.
func (c *clock) Advance(ctx context.Context, d time.Duration) error {
	if !c.movable {
		return fault.New(fault.Conflict, "only the clock of regtest can be moved")
	}
	c.look(ctx)
	if err := c.move(ctx, d); err != nil {
		return err
	}
	c.look(ctx)
	return nil
}

// lookPatience bounds how long a look is waited for: it is a kindness to whoever moves the clock.
const lookPatience = 5 * time.Second

// look makes the tracker look at the node. How the node is, the tracker tells.
func (d *parts) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	if err := d.tracker.Look(ctx); err != nil {
		d.part("clock").WarnContext(ctx, "the clock is moved without a look at the node", "err", err)
	}
}

func (c *clock) move(ctx context.Context, d time.Duration) error {
	c.moving.Lock()
	defer c.moving.Unlock()
	if err := c.node.SetMockTime(ctx, c.Now().Add(d)); err != nil {
		return fmt.Errorf("move the node's clock: %w", err)
	}
	offset := c.Offset() + d
	if err := replaceFile(c.file, offset.String()+"\n"); err != nil {
		was := time.Time{} // the node's own time
		if c.Offset() != 0 {
			was = c.Now()
		}
		return errors.Join(fmt.Errorf("keep the clock's offset: %w", err), c.node.SetMockTime(ctx, was))
	}
	c.offset.Store(int64(offset))
	c.moved()
	return nil
}

// replaceFile gives a file a new text: whoever reads it, also after a power cut, finds the old one or the new one whole.
func replaceFile(path, text string) error {
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // beside the database
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Run keeps the node's clock with ours while ours is moved.
func (c *clock) Run(ctx context.Context) error {
	if !c.movable {
		return nil
	}
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if c.Offset() != 0 {
			c.moving.Lock() // or the node would hear an older time after a newer one
			_ = c.node.SetMockTime(ctx, c.Now())
			c.moving.Unlock() // a node that is away hears it a second later
		}
	}
}
