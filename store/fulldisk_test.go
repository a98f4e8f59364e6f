package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"satchel/fault"
	"satchel/merchant"
	"satchel/store/storetest"
	"satchel/tracker"
)

// smallDisk mounts a disk of 8 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := asRoot("mount", "-t", "tmpfs", "-o", "size=8M,mode=0777", "tmpfs", dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := asRoot("umount", dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// asRoot runs a command that only root may.
func asRoot(args ...string) error {
	if os.Geteuid() != 0 {
		args = append([]string{"sudo", "-n"}, args...)
	}
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// fillUp takes all the room that a disk has.
func fillUp(t *testing.T, dir string) (ballast string) {
	t.Helper()
	ballast = filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return ballast
}

// small is a database on a disk of its own, with its committer.
func small(t *testing.T, room int64) (db *DB, dir string, ended <-chan error) {
	t.Helper()
	dir = smallDisk(t)
	path := filepath.Join(dir, "satchel.db")
	if err := Create(path, "regtest", shop(storetest.Shop)); err != nil {
		t.Fatal(err)
	}
	cfg := config(path)
	cfg.MinFree, cfg.Room = 2<<20, room
	db, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	ready(t, db)
	return db, dir, done
}

// observe writes what the chain says.
func observe(db *DB, after time.Duration) error {
	return db.UpdateChain(context.Background(), func(tx tracker.Tx) error { return tx.SetObserved(noon(after)) })
}

// On a full disk what the chain says waits, what may be refused is refused at once, and all goes on when there is room.
func TestFullDiskMakesCommitsWait(t *testing.T) {
	db, dir, _ := small(t, 1<<20)
	newInvoice(t, db, "invoice-1")
	ballast := fillUp(t, dir)
	written := make(chan error, 1)
	go func() { written <- observe(db, time.Minute) }()
	for !db.holding.Load() {
		select {
		case err := <-written:
			t.Fatalf("written on a full disk: %v", err)
		default:
			runtime.Gosched()
		}
	}
	if err := db.PutMerchant(t.Context(), merchant.Merchant{ID: "another"}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("what need not wait: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if err := db.UpdateChain(ctx, func(tracker.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("who stops waiting: %v", err)
	}
	if inv, err := db.Invoice(t.Context(), storetest.Shop, "invoice-1"); err != nil || inv.Address.Index != 0 {
		t.Errorf("reads: %v", err)
	}
	select {
	case err := <-written:
		t.Fatalf("written on a full disk: %v", err)
	default:
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Errorf("when there is room again: %v", err)
	}
	if problems, err := db.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// A store that stops while it waits answers those who wait, and stops cleanly.
func TestFullDiskDoesNotHoldTheEnd(t *testing.T) {
	db, dir, ended := small(t, 1<<20)
	fillUp(t, dir)
	written := make(chan error, 1)
	go func() { written <- observe(db, time.Minute) }()
	for !db.holding.Load() {
		runtime.Gosched()
	}
	go func() { _ = db.Close() }()
	if err := <-written; !errors.Is(err, ErrStopped) {
		t.Errorf("who waited: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the committer: %v", err)
	}
}

// Control: without the wait the first commit fails and ends the store, and so does the first of each that is opened
// after it; nothing was acknowledged, and nothing is lost.
func TestFullDiskControl(t *testing.T) {
	db, dir, ended := small(t, -1)
	newInvoice(t, db, "invoice-1")
	ballast := fillUp(t, dir)
	if err := observe(db, time.Minute); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	if err := <-ended; !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the committer: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again := config(filepath.Join(dir, "satchel.db"))
	again.Room = -1
	next, err := Open(again)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() { failed <- next.Run(context.Background()) }()
	if err := observe(next, time.Minute); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	if err := <-failed; !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the committer: %v", err)
	}
	if err := errors.Join(next.Close(), os.Remove(ballast)); err != nil {
		t.Fatal(err)
	}
	if problems, err := CheckFile(t.Context(), again.Path); err != nil || len(problems) > 0 {
		t.Fatalf("%v %v", problems, err)
	}
}
