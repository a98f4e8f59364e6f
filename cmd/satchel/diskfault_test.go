package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// traced is a daemon under strace, which makes one of its system calls on the database fail.
type traced struct {
	*exec.Cmd
	log  string // strace's
	done chan struct{}
}

// trace starts the daemon with a fault: a rule of strace's inject. It is sure to be gone in the end.
func (s *shop) trace(fault string) *traced {
	s.t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		s.t.Fatalf("%v; scripts/deps.sh test-tools installs it", err)
	}
	name, _, _ := strings.Cut(fault, ":")
	tr := &traced{log: filepath.Join(s.t.TempDir(), "calls"), done: make(chan struct{})}
	log, err := os.OpenFile(filepath.Join(s.dir, "satchel.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.must(err)
	defer log.Close()
	tr.Cmd = exec.Command(strace, "-f", "-qq", "-e", "signal=none", "-s", "0", "-P", filepath.Join(s.dir, "data", "satchel.db"), "-e", "trace="+name,
		"-e", "inject="+fault, "-o", tr.log, binary(s.t), "--config", s.config, "serve")
	tr.Stdout, tr.Stderr = log, log
	tr.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.must(tr.Start())
	go func() {
		defer close(tr.done)
		_ = tr.Wait()
	}()
	s.t.Cleanup(tr.kill)
	return tr
}

// kill ends strace and what it traces.
func (tr *traced) kill() {
	_ = syscall.Kill(-tr.Process.Pid, syscall.SIGKILL)
	<-tr.done
}

func (tr *traced) ended() bool {
	select {
	case <-tr.done:
		return true
	default:
		return false
	}
}

// fired counts how often the fault happened.
func (tr *traced) fired() int {
	text, _ := os.ReadFile(tr.log)
	return bytes.Count(text, []byte("(INJECTED)"))
}

// answered asks the daemon for something; 0: it gave no answer.
func (s *shop) answered(method, path, body string) (status int, answer string) {
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.api+path, strings.NewReader(body))
	s.must(err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, ""
	}
	return res.StatusCode, string(text)
}

// until polls, and gives up when the daemon ended.
func (s *shop) until(tr *traced, ok func() bool) bool {
	s.t.Helper()
	done := false
	s.eventually("something happens, or the daemon ends", func() bool {
		done = ok()
		return done || tr.ended()
	})
	return done
}

// shift is what a shop does until its daemon ends: it makes an invoice, a customer pays, callbacks come. It gives the
// invoices that were acknowledged.
func (s *shop) shift(tr *traced) (acked []order) {
	s.t.Helper()
	ready := func() bool { status, _ := s.answered(http.MethodGet, "/readyz", ""); return status == http.StatusOK }
	if !s.until(tr, ready) {
		return nil
	}
	for i := range 3 {
		inv, err := s.tryInvoice()
		if err != nil {
			break
		}
		acked = append(acked, inv)
		if i > 0 {
			continue
		}
		s.pay(inv.Address, 40_000)
		if !s.until(tr, func() bool { return s.receiver.statuses(inv.ID) == "paid" }) {
			break
		}
		s.mine(1)
		if !s.until(tr, func() bool { return s.receiver.statuses(inv.ID) == "paid confirmed" }) {
			break
		}
	}
	return acked
}

// A write or a sync of the database that fails ends the daemon at once and with a status that says so, whichever it is;
// and after a start without the fault everything that was acknowledged is there: by an answer, or by a callback. Some
// calls among the first ones are tried; with SATCHEL_DISK_FAULTS=300, as in `make ci-long`, each of the first 300.
func TestFailingDiskEndsTheDaemonAndLosesNothing(t *testing.T) {
	s := newShop(t)
	s.kill()
	for _, sweep := range []struct {
		call, fault string
		step        int
	}{{"fdatasync", "error=EIO", 1}, {"pwrite64", "error=ENOSPC", 4}, {"pwrite64", "error=EIO", 5}} {
		total, last := 0, 8*sweep.step
		if text := os.Getenv("SATCHEL_DISK_FAULTS"); text != "" {
			var err error
			sweep.step = 1
			last, err = strconv.Atoi(text)
			s.must(err)
		}
		for n := 1; n <= last; n += sweep.step {
			total += s.faulty(fmt.Sprintf("%s:%s:when=%d", sweep.call, sweep.fault, n))
		}
		if total < 4 {
			t.Errorf("%s %s fired only %d times", sweep.call, sweep.fault, total)
		}
	}
	s.checkStory()
}

// faulty works a shift under a fault, and checks what is left. It gives how often the fault fired.
func (s *shop) faulty(fault string) int {
	s.t.Helper()
	tr := s.trace(fault)
	acked := s.shift(tr)
	fired := tr.fired()
	if fired == 0 { // none of the threads came to its call of that number
		tr.kill()
	} else {
		begin := time.Now()
		s.eventually("the daemon ends after "+fault, tr.ended)
		if took := time.Since(begin); took > 5*time.Second {
			s.t.Errorf("%s: the daemon ended only after %s", fault, took)
		}
		if code := tr.ProcessState.ExitCode(); code != exitRefused {
			s.t.Errorf("%s: the daemon ended with status %d", fault, code)
		}
	}
	told := s.toldOf(acked)
	s.start()
	for _, lost := range s.losses(acked, told) {
		s.t.Errorf("%s: %s", fault, lost)
	}
	if len(acked) > 0 {
		s.mine(1)
		s.told(acked[0].ID, "paid confirmed")
	}
	s.kill()
	return fired
}

// toldOf gives what callbacks said of each invoice.
func (s *shop) toldOf(list []order) map[string]string {
	told := map[string]string{}
	for _, inv := range list {
		told[inv.ID] = s.receiver.statuses(inv.ID)
	}
	return told
}

// losses lists what was acknowledged and is not there: an invoice that was answered, a state that a callback told.
func (s *shop) losses(acked []order, told map[string]string) (lost []string) {
	s.t.Helper()
	for _, inv := range acked {
		status, text := s.answered(http.MethodGet, "/invoices/"+inv.ID+"?token="+s.token, "")
		switch {
		case status != http.StatusOK || !strings.Contains(text, inv.Address):
			lost = append(lost, fmt.Sprintf("invoice %s at %s was acknowledged, and is %d %s", inv.ID, inv.Address, status, text))
		case told[inv.ID] != "" && strings.Contains(text, `"status":"new"`):
			lost = append(lost, fmt.Sprintf("a callback said %q of invoice %s, which is new", told[inv.ID], inv.ID))
		}
	}
	return lost
}

// Control: what a disk forgot is seen. An old copy of the file stands for it.
func TestWhatADiskForgotIsSeen(t *testing.T) {
	s := newShop(t)
	db := filepath.Join(s.dir, "data", "satchel.db")
	var kept [][]byte
	copied := func() {
		s.kill()
		text, err := os.ReadFile(db)
		s.must(err)
		kept = append(kept, text)
		s.start()
	}
	copied()
	inv := s.invoice("10", "USD", "medium", nil)
	copied()
	s.pay(inv.Address, sats(t, inv.Due))
	s.told(inv.ID, "paid")
	acked := []order{inv}
	told := s.toldOf(acked)
	if lost := s.losses(acked, told); len(lost) > 0 {
		t.Fatalf("before: %v", lost)
	}
	s.kill()
	s.node.Shutdown() // it would tell the daemon of the payment again
	for i, text := range kept {
		s.must(os.WriteFile(db, text, 0o600))
		s.startFor("it answers", func(status int, _ string) bool { return status > 0 })
		if lost := s.losses(acked, told); len(lost) != 1 {
			t.Errorf("copy %d: %v", i, lost)
		}
		s.kill()
	}
}

// asRoot runs a command that only root may.
func asRoot(args ...string) error {
	if os.Geteuid() != 0 {
		args = append([]string{"sudo", "-n"}, args...)
	}
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// onSmallDisk moves the data directory to a disk of its own, of so many MiB.
func (s *shop) onSmallDisk(size int) string {
	s.t.Helper()
	s.kill()
	disk := s.t.TempDir()
	s.must(asRoot("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dM,mode=0777", size), "tmpfs", disk))
	s.t.Cleanup(func() {
		s.kill()
		if err := asRoot("umount", disk); err != nil {
			s.t.Error(err)
		}
	})
	data := filepath.Join(disk, "data")
	s.must(os.Mkdir(data, 0o700))
	text, err := os.ReadFile(filepath.Join(s.dir, "data", "satchel.db"))
	s.must(err)
	s.must(os.WriteFile(filepath.Join(data, "satchel.db"), bytes.TrimRight(text, "\x00"), 0o600))
	s.must(os.Truncate(filepath.Join(data, "satchel.db"), int64(len(text))))
	s.edit([2]string{"data_dir", data})
	return disk
}

// A disk that became read-only is refused with a sentence, by everything that would write.
func TestReadOnlyDisk(t *testing.T) {
	s := newShop(t)
	disk := s.onSmallDisk(160)
	file := filepath.Join(s.t.TempDir(), "backup.db")
	s.must(exec.Command("cp", filepath.Join(disk, "data", "satchel.db"), file).Run())
	s.must(asRoot("mount", "-o", "remount,ro", disk))
	for _, command := range []string{"serve", "check", "compact"} {
		s.refuses("satchel must be able to write it", command)
	}
	s.must(asRoot("mount", "-o", "remount,rw", disk))
	s.must(os.Remove(filepath.Join(disk, "data", "satchel.db")))
	s.must(asRoot("mount", "-o", "remount,ro", disk))
	s.refuses("read-only file system", "restore", file)
	s.must(asRoot("mount", "-o", "remount,rw", disk))
	s.run(nil, "restore", file)
	s.checkStory()
}

// fill leaves so many MiB of a disk free.
func (s *shop) fill(disk string, leave int64) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(disk, "ballast"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.must(err)
	defer f.Close()
	for {
		var st syscall.Statfs_t
		s.must(syscall.Statfs(disk, &st))
		if int64(st.Bavail)*st.Bsize <= leave<<20 {
			return
		}
		if _, err := f.Write(make([]byte, 1<<16)); errors.Is(err, syscall.ENOSPC) && leave == 0 {
			return
		} else if err != nil {
			s.t.Fatal(err)
		}
	}
}

// A disk that fills up is no crash and no loss. First new invoices are refused, while payments are still recorded; when
// nothing is left everything waits, also over a start; and when there is room again, it goes on by itself. Control: with
// the wait taken out (store.TestFullDiskControl does it) the first commit ends the daemon, and so does each start.
func TestFullDisk(t *testing.T) {
	s := newShop(t)
	disk := s.onSmallDisk(160)
	s.start()
	a, b := s.invoice("10", "USD", "medium", nil), s.invoice("20", "USD", "medium", nil)

	s.fill(disk, 30)
	refused := func() bool {
		status, text := s.answered(http.MethodPost, "/invoices", fmt.Sprintf(`{"token":%q,"price":10,"currency":"USD"}`, s.token))
		return status == http.StatusServiceUnavailable && strings.Contains(text, "error")
	}
	s.eventually("new invoices are refused", refused)
	if said, _ := s.answer("", "status"); !strings.Contains(said, "NO: store_unwritable (") || !strings.Contains(said, "MiB must stay free)") {
		t.Errorf("the operator does not learn why:\n%s", said)
	}
	s.pay(a.Address, sats(t, a.Due))
	s.becomes(a.ID, "paid", false)
	s.told(a.ID, "paid")

	s.fill(disk, 0)
	s.pay(b.Address, sats(t, b.Due))
	s.mine(1)
	log := filepath.Join(s.dir, "satchel.log")
	waits := func() int {
		text, err := os.ReadFile(log)
		s.must(err)
		return bytes.Count(text, []byte("the disk is full; commits wait"))
	}
	s.eventually("commits wait", func() bool { return waits() > 0 })
	if d := s.document(b.ID); d["status"] != "new" || s.receiver.statuses(b.ID) != "" {
		t.Errorf("what is not on the disk was told: %v, %q", d["status"], s.receiver.statuses(b.ID))
	}
	s.refuses("cannot be written", "token", "create", "--facade", "pos", "--bearer")
	if !refused() {
		t.Error("an invoice was made on a full disk")
	}
	s.kill() // a power cut while it is full
	s.startFull()
	s.eventually("commits wait again", func() bool { return waits() > 1 })
	if s.daemon.ProcessState != nil {
		t.Error("the daemon ended on a full disk")
	}
	s.must(os.Remove(filepath.Join(disk, "ballast")))
	s.becomes(b.ID, "confirmed", false)
	s.told(b.ID, "paid confirmed")
	s.eventually("invoices are made again", func() bool { _, err := s.tryInvoice(); return err == nil })
	s.checkStory()
}

// startFull starts a daemon that is alive and not ready.
func (s *shop) startFull() {
	s.t.Helper()
	s.startFor("the daemon says that it cannot write", func(status int, text string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(text, "store_unwritable")
	})
}

// startFor starts a daemon and waits for what /readyz says.
func (s *shop) startFor(what string, ok func(status int, text string) bool) {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "satchel.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.must(err)
	defer log.Close()
	s.daemon = exec.Command(binary(s.t), "--config", s.config, "serve")
	s.daemon.Stdout, s.daemon.Stderr = log, log
	s.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.must(s.daemon.Start())
	s.eventually(what, func() bool { return ok(s.answered(http.MethodGet, "/readyz", "")) })
}
