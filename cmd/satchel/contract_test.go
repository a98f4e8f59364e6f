package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"satchel/admin"
	"satchel/cmd/satchel/internal/config"
	"satchel/cmd/satchel/internal/daemon"
	"satchel/regtest"
)

// systemd hears that the daemon is ready, that it is alive, and that it stops while it still answers what is under way.
func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	s := unopened(t, regtest.WatchKey)
	dir := t.TempDir()
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	s.must(err)
	t.Cleanup(func() { _ = socket.Close() })
	told := make(chan string, 1000)
	go func() {
		defer close(told)
		for b := make([]byte, 1000); ; {
			n, err := socket.Read(b)
			if err != nil {
				return
			}
			told <- string(b[:n])
		}
	}()
	comes := func(word string) {
		t.Helper()
		for got := range told {
			switch got {
			case word:
				return
			case "WATCHDOG=1":
			default:
				t.Fatalf("systemd hears %q, not %q", got, word)
			}
		}
		t.Fatalf("systemd never hears %q", word)
	}

	s.daemon = exec.Command(binary(t), "--config", s.config, "serve")
	var said strings.Builder
	s.daemon.Stderr = &said
	s.daemon.Env = append(s.daemon.Environ(), "NOTIFY_SOCKET="+filepath.Join(dir, "s"), "WATCHDOG_USEC=20000")
	s.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.must(s.daemon.Start())
	comes("READY=1")
	comes("WATCHDOG=1")

	conn, err := net.Dial("tcp", s.api)
	s.must(err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /invoices HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n", s.api)
	s.must(err)
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	s.must(err)
	if res.StatusCode != http.StatusContinue {
		t.Fatalf("the request is not under way: %s", res.Status)
	}
	s.must(s.daemon.Process.Signal(syscall.SIGTERM))
	comes("STOPPING=1")
	_, err = io.WriteString(conn, "{}")
	s.must(err)
	res, err = http.ReadResponse(r, nil)
	s.must(err)
	_ = res.Body.Close()
	if res.StatusCode < 400 || res.StatusCode > 499 {
		t.Errorf("what was under way is answered with %s", res.Status)
	}
	if err := s.daemon.Wait(); err != nil {
		t.Errorf("a clean stop: %s\n%s", err, &said)
	}
	s.daemon = nil
}

// A configuration that $SATCHEL_CONFIG names is made there, where every other command looks for it; --config goes before.
func TestInitWritesWhereItIsLookedFor(t *testing.T) {
	t.Parallel()
	for _, flag := range []bool{false, true} {
		dir := t.TempDir()
		want, other := filepath.Join(dir, "etc", "shop.toml"), filepath.Join(dir, "other.toml")
		run := func(args ...string) {
			t.Helper()
			if flag {
				args = append(args, "--config", want)
			}
			cmd := exec.Command(binary(t), args...)
			cmd.Dir, cmd.Env = dir, append(cmd.Environ(), "HOME="+dir, "SATCHEL_CONFIG="+want)
			if flag {
				cmd.Env = append(cmd.Env, "SATCHEL_CONFIG="+other)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s\n%s", args, err, out)
			}
		}
		run("init", "--network", "regtest", "--key", regtest.WatchKey, "--start-index", "0", "--data-dir", filepath.Join(dir, "data"), "--yes")
		run("config", "check")
		info, err := os.Stat(want)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("the configuration has mode %o", info.Mode().Perm())
		}
	}
}

// A list is an array for programs, also where it is empty, and also within a document.
func TestEmptyListsInDocuments(t *testing.T) {
	t.Parallel()
	s := newShop(t, [2]string{"notification_url", ""})
	inv := s.invoice("5", "USD", "medium", nil)
	for line, members := range map[string][]string{
		"status":                    {"zmq", "keys", "warnings", "rates.sources"},
		"invoice show " + inv.ID:    {"payments", "history", "deliveries"},
		"reconcile":                 {"missing", "extra", "beyond"},
		"config check":              {"problems", "notes"},
		"why " + inv.ID + " --json": {"details", "next", "invoices", "story"},
	} {
		var doc map[string]any
		s.run(&doc, strings.Fields(line)...)
		for _, name := range members {
			in := doc
			if outer, inner, ok := strings.Cut(name, "."); ok {
				in, _ = doc[outer].(map[string]any)
				name = inner
			}
			if _, ok := in[name].([]any); !ok {
				t.Errorf("satchel %s --json: %s is %v", line, name, in[name])
			}
		}
	}
}

// A sample that the endpoint does not take is a failure; what came of it is told all the same.
func TestSampleThatIsNotTaken(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.run(nil, "delivery", "test", s.receiver.url)
	nobody := "http://" + freePort(t) + "/ipn"
	for _, format := range []string{"--json=false", "--json"} {
		cmd := exec.Command(binary(t), "--config", s.config, format, "delivery", "test", nobody)
		var said strings.Builder
		cmd.Stderr = &said
		out, _ := cmd.Output()
		if code := cmd.ProcessState.ExitCode(); code != exitRefused || said.String() != "satchel: "+nobody+" did not take the sample: connection refused\n" {
			t.Errorf("%s: status %d: %s", format, code, &said)
		}
		var a admin.Attempt
		if format == "--json" && (json.Unmarshal(out, &a) != nil || a.OK || a.Error != "connection refused") || !strings.Contains(string(out), "connection refused") {
			t.Errorf("%s: %s", format, out)
		}
	}
}

// The failures among one invoice's callbacks are only its failures.
func TestFailuresOfOneInvoice(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	inv := s.invoice("5", "USD", "medium", nil)
	s.pay(inv.Address, 10_000)
	s.told(inv.ID, "paid")
	list := func(args ...string) (list []admin.Delivery) {
		t.Helper()
		s.run(&list, append([]string{"delivery", "list", "--invoice", inv.ID}, args...)...)
		return list
	}
	s.eventually("the delivery is recorded", func() bool { return list()[0].State == "delivered" })
	s.receiver.breakDown(true)
	s.mine(1)
	s.eventually("a callback fails", func() bool { return len(list("--failed")) == 1 })
	all, failed, one := list(), list("--failed"), list("--limit", "1")
	if len(all) != 2 || failed[0].ID != all[1].ID || len(one) != 1 || one[0].ID != all[0].ID {
		t.Errorf("all %+v\nfailed %+v\none %+v", all, failed, one)
	}
}

// Whoever stops the daemon in the midst of its start has stopped it cleanly.
func TestStoppedWhileItStarts(t *testing.T) {
	t.Parallel()
	s := unopened(t, regtest.WatchKey)
	set, err := config.Load(s.config)
	s.must(err)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := daemon.Serve(ctx, daemon.Options{Settings: set, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Errorf("a clean stop: %s", err)
	}
}
