package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A terminal that is closed stops the daemon as any other signal does, with what is under way done. One that was started
// to outlive its terminal, by nohup, does.
func TestTheTerminalIsClosed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	log := filepath.Join(s.dir, "satchel.log")
	stops := func() {
		t.Helper()
		err := s.daemon.Wait()
		code := s.daemon.ProcessState.ExitCode()
		s.daemon = nil
		if text, _ := os.ReadFile(log); err != nil || code != 0 || !strings.HasSuffix(strings.TrimSpace(string(text)), "msg=stopped") {
			t.Fatalf("%v; the log ends\n%s", err, text)
		}
	}
	s.must(s.daemon.Process.Signal(syscall.SIGHUP))
	stops()

	s.before = `trap "" HUP`
	s.start()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.daemon.Process.Pid), "status"))
	s.must(err)
	_, mask, _ := strings.Cut(string(text), "SigIgn:\t")
	if ignored, err := strconv.ParseUint(mask[:16], 16, 64); err != nil || ignored&(1<<(syscall.SIGHUP-1)) == 0 {
		t.Errorf("the daemon listens to SIGHUP, which nobody wants: %s", mask[:16])
	}
	s.must(s.daemon.Process.Signal(syscall.SIGHUP))
	s.invoice("10", "USD", "medium", nil)
	s.must(s.daemon.Process.Signal(syscall.SIGTERM))
	stops()
}
