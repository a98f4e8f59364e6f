package admin

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"satchel/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type echo struct {
	Text string `json:"text"`
}

// serve runs a server with three commands until the test ends.
func serve(t *testing.T) (*Client, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "admin.sock")
	s := NewServer(path, slog.New(slog.DiscardHandler))
	Handle(s, "echo", func(_ context.Context, r echo) (echo, error) { return r, nil })
	Handle(s, "refuse", func(context.Context, Nothing) (Nothing, error) {
		return Nothing{}, fault.Field("price", "must not be negative").Because(errors.New("secret cause"))
	})
	Handle(s, "break", func(context.Context, Nothing) (Nothing, error) { return Nothing{}, errors.New("disk on fire") })
	return run(t, s), path
}

// run runs a server until the test ends.
func run(t *testing.T, s *Server) *Client {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	c := NewClient(s.path)
	t.Cleanup(func() {
		c.http.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for { // the socket appears with the first listen
		err := c.Call(t.Context(), "nothing", echo{"x"}, nil)
		switch {
		case strings.Contains(err.Error(), "no daemon answers"):
		case strings.Contains(err.Error(), "does not know"):
			return c
		default:
			t.Fatal(err)
		}
	}
}

func TestCommandsAnswer(t *testing.T) {
	c, path := serve(t)
	var out echo
	if err := c.Call(t.Context(), "echo", echo{"hello"}, &out); err != nil || out.Text != "hello" {
		t.Fatalf("%+v %v", out, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the socket's permissions are its authority: %v %v", info, err)
	}
}

func TestRefusalsNameTheFieldAndHideTheCause(t *testing.T) {
	c, _ := serve(t)
	err := c.Call(t.Context(), "refuse", Nothing{}, nil)
	var f *fault.Error
	if !errors.As(err, &f) || f.Field != "price" || f.Message != "must not be negative" || strings.Contains(err.Error(), "secret") {
		t.Fatalf("got %v", err)
	}
	if err := c.Call(t.Context(), "break", Nothing{}, nil); err == nil {
		t.Fatal("a failure is no success")
	}
}

func TestOtherVersionsAreTold(t *testing.T) {
	c, _ := serve(t)
	if err := c.Call(t.Context(), "unheard-of", Nothing{}, nil); err == nil || !strings.Contains(err.Error(), "same version") {
		t.Errorf("an unknown command: %v", err)
	}
	if err := c.Call(t.Context(), "echo", map[string]int{"colour": 1}, nil); err == nil || !strings.Contains(err.Error(), "versions") {
		t.Errorf("an unknown member: %v", err)
	}
}

func TestNoDaemonIsSaid(t *testing.T) {
	err := NewClient(filepath.Join(t.TempDir(), "admin.sock")).Call(t.Context(), "echo", echo{}, nil)
	if err == nil || !strings.Contains(err.Error(), "satchel serve") {
		t.Fatalf("got %v", err)
	}
}

// Who comes before the daemon answers waits, and is not told that there is none.
func TestCommandsWaitForRun(t *testing.T) {
	s := NewServer(filepath.Join(t.TempDir(), "admin.sock"), slog.New(slog.DiscardHandler))
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "404") {
		t.Errorf("%q %v", line, err)
	}
}

// A socket that a killed daemon left behind does not keep the next one from starting.
func TestLeftoverSocketIsTakenOver(t *testing.T) {
	_, path := serve(t)
	s := NewServer(path, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
}
