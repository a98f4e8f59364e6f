package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

func shell(script string) client {
	return client{name: "sh 1", rows: calls(), command: []string{"/bin/sh", "-c", script}}
}

func TestADriversLinesBecomeCells(t *testing.T) {
	col, rest, err := run(t.Context(), shell(`echo 'CELL {"call":"create","ok":true}'
		echo 'CELL {"call":"get","ok":false,"note":"no"}'; echo hello; echo "api is $COMPAT_API" >&2`), ".", []string{"COMPAT_API=http://x"})
	if err != nil {
		t.Fatal(err)
	}
	if col.cells["create"].mark != markOK || col.cells["get"] != (cell{mark: markFailed, note: "no"}) {
		t.Errorf("cells %+v", col.cells)
	}
	if rest != "hello\napi is http://x\n" {
		t.Errorf("the rest is %q", rest)
	}
}

// What a driver had done before it failed still counts.
func TestADriverThatFailsIsTold(t *testing.T) {
	for name, script := range map[string]string{
		"exit":    `echo 'CELL {"call":"create","ok":true}'; exit 3`,
		"unknown": `echo 'CELL {"call":"create","ok":true}'; echo 'CELL {"call":"nonsense","ok":true}'`,
		"no JSON": `echo 'CELL {"call":"create","ok":true}'; echo 'CELL {'`,
	} {
		col, _, err := run(t.Context(), shell(script), ".", nil)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if col.cells["create"].mark != markOK {
			t.Errorf("%s: %+v", name, col.cells["create"])
		}
	}
}

// A driver that hangs is ended with everything that it started.
func TestADriverThatHangsIsEnded(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	col, _, err := run(ctx, shell(`echo 'CELL {"call":"create","ok":true}'; sleep 60 & sleep 60`), ".", nil)
	if err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	if col.cells["create"].mark != markOK {
		t.Errorf("cells %+v", col.cells)
	}
}

// A driver sees no more of our environment than it needs, and a home of its own.
func TestADriverHasAHomeOfItsOwn(t *testing.T) {
	t.Setenv("COMPAT_TEST_SECRET", "hunter2")
	t.Setenv("HOME", "/nowhere")
	_, rest, err := run(t.Context(), shell(`env; test -d "$HOME"`), ".", nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(rest, "hunter2") || strings.Contains(rest, "HOME=/nowhere") || !strings.Contains(rest, "HOME=") {
		t.Errorf("the environment is\n%s", rest)
	}
}
