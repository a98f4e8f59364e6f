package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Where few files may be open, a crowd at the door takes none of those that payments and callbacks need.
func TestACrowdLeavesFilesForPayments(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	inv := s.invoice("10", "USD", "medium", nil)
	s.kill()
	s.before = "ulimit -n 240"
	s.start()
	ctx, leave := context.WithCancel(t.Context())
	var crowd sync.WaitGroup
	defer func() { leave(); crowd.Wait() }()
	var turned atomic.Int32
	for range 240 {
		crowd.Go(func() {
			again := time.NewTicker(250 * time.Millisecond)
			defer again.Stop()
			for ctx.Err() == nil { // who is turned away comes again, and leaves the machine something
				s.loiter(ctx)
				turned.Add(1)
				select {
				case <-again.C:
				case <-ctx.Done():
				}
			}
		})
	}
	s.eventually("who is too many is turned away", func() bool { return turned.Load() >= 240 })
	s.pay(inv.Address, sats(t, inv.Due))
	s.told(inv.ID, "paid")
	s.mine(1)
	s.told(inv.ID, "paid confirmed")
	leave()
	log, err := os.ReadFile(filepath.Join(s.dir, "satchel.log"))
	s.must(err)
	if bytes.Contains(log, []byte("too many open files")) {
		t.Error("somebody found no file to open")
	}
	if !bytes.Contains(log, []byte("few files may be open")) {
		t.Error("nobody was told to raise the limit")
	}
	s.eventually("there is room again", func() bool {
		_, err := s.tryInvoice()
		return err == nil
	})
}

// loiter begins a request and never ends it, until the daemon has enough.
func (s *shop) loiter(ctx context.Context) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.api)
	if err != nil {
		return
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\n")
	_, _ = c.Read(make([]byte, 1))
}
