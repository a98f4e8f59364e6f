package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"satchel/admin"
)

// printed keeps what a program prints, for whoever waits for some of it.
type printed struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write keeps everything.
func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *printed) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

// started runs the program in a folder until the test ends.
func started(t *testing.T, dir string, env []string, args ...string) *printed {
	t.Helper()
	out := &printed{}
	cmd := exec.Command(binary(t), args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("satchel %s: %s", strings.Join(args, " "), err)
		}
		if t.Failed() {
			t.Logf("satchel %s said:\n%s", strings.Join(args, " "), out.text())
		}
	})
	return out
}

// The commands that the demo prints work as they are printed, in any folder and with nothing of ours on the PATH; and its
// shop takes callbacks also after the clock was moved.
func TestDemoPrintsCommandsThatWork(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a shop's folder")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	out := started(t, dir, []string{"TMPDIR=" + dir}, "demo", "--listen", "127.0.0.1:0")
	eventually(t, "the demo prints its commands", func() bool { return strings.Contains(out.text(), "\n  again  ") })
	commands := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^  (pay|mine|look|expire|again) +(.*)$`).FindAllStringSubmatch(out.text(), -1) {
		commands[m[1]] = m[2]
	}
	run := func(command string) string {
		t.Helper()
		cmd := exec.Command("/bin/sh", "-c", command)
		cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "GORACE=atexit_sleep_ms=0"}
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %s\n%s", command, err, text)
		}
		return string(text)
	}
	verified := func(status string, times int) {
		t.Helper()
		line := `callback: status "` + status + `", event #`
		eventually(t, status+" is called back", func() bool { return strings.Count(out.text(), line) == times })
	}
	run(commands["expire"])
	eventually(t, "the invoice is expired", func() bool { return strings.Contains(run(commands["look"]), "status   expired") })
	var inv admin.Invoice
	if err := json.Unmarshal([]byte(run(commands["again"]+" --json")), &inv); err != nil {
		t.Fatal(err)
	}
	pay := strings.Fields(commands["pay"])
	run(strings.Join(pay[:len(pay)-2], " ") + " " + inv.Address + " " + inv.DueBTC)
	verified("paid", 2)
	run(commands["mine"])
	verified("confirmed", 2)
	if strings.Contains(out.text(), "refused") {
		t.Error("the shop refused a callback")
	}
}

// `satchel delivery listen` is a shop that is not written yet: it prints what comes, and takes nothing that the secret did
// not sign, or that is old by the daemon's clock.
func TestDeliveryListen(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	listens := func(env, addr string, args ...string) *printed {
		args = append([]string{"--config", s.config}, append(args, "delivery", "listen", "--listen", addr)...)
		out := started(t, s.dir, []string{secretVariable + "=" + env}, args...)
		eventually(t, "somebody listens", func() bool { return strings.Contains(out.text(), "callbacks to http://"+addr) })
		return out
	}
	knows, guesses, trusts := freePort(t), freePort(t), freePort(t)
	good, bad := listens(s.secret, knows), listens("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", guesses)
	program := listens("", trusts, "--json")
	eventually(t, "somebody says that signatures are not verified", func() bool {
		return strings.Contains(program.text(), secretVariable+" is empty")
	})
	s.run(nil, "clock", "advance", "16m")
	for addr, out := range map[string]*printed{knows: good, guesses: bad, trusts: program} {
		var inv admin.Invoice
		s.run(&inv, "invoice", "create", "--currency", "USD", "--price", "5", "--notification-url", "http://"+addr+"/ipn")
		s.pay(inv.Address, sats(t, inv.DueBTC))
		want := "invoice " + inv.ID + " is paid, event #"
		switch addr {
		case guesses:
			want = "refused: verify callback"
		case trusts:
			want = `{"id":"` + inv.ID + `"`
		}
		eventually(t, addr+" prints "+want, func() bool { return strings.Contains(out.text(), want) })
	}
	if text := good.text(); !strings.Contains(text, "signature verified") || strings.Contains(text, "refused") {
		t.Error(text)
	}
	if text := s.refused(exitRefused, "delivery", "listen", "--listen", knows); !strings.Contains(text, "--listen") {
		t.Error(text)
	}
}
