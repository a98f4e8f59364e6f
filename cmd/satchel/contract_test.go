package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// systemd hears that the daemon is ready, that it is alive, and that it stops while it still answers what is under way.
func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	s := unopened(t, demoKey)
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

// Whoever stops the daemon in the midst of its start has stopped it cleanly.
func TestStoppedWhileItStarts(t *testing.T) {
	t.Parallel()
	s := unopened(t, demoKey)
	set, err := loadConfig(s.config)
	s.must(err)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := serve(ctx, set, slog.New(slog.DiscardHandler), nil); err != nil {
		t.Errorf("a clean stop: %s", err)
	}
}
