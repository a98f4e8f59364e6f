package regtest

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// dieWithUs makes the kernel kill the node when the thread that started it ends, and so when the process does.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// untilStopped waits until every thread of a process has taken its SIGSTOP, which each does when it next looks; a call
// that is under way may be answered before.
func untilStopped(pid int) {
	for range 1000 {
		if allStopped(pid) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func allStopped(pid int) bool {
	threads, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "stat"))
	if err != nil || len(threads) == 0 {
		return false
	}
	for _, path := range threads {
		stat, err := os.ReadFile(path) //nolint:gosec // the kernel's own file
		if err != nil {
			continue // the thread has ended
		}
		if _, after, ok := bytes.Cut(stat, []byte(") ")); !ok || len(after) == 0 || after[0] != 'T' {
			return false
		}
	}
	return true
}
