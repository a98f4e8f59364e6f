package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// clientTimeout bounds one client's run.
const clientTimeout = 90 * time.Second

// cellPrefix marks the lines of a driver that are for us; all others are the client's.
const cellPrefix = "CELL "

// said is a driver's line about a call.
type said struct {
	Call string `json:"call"`
	OK   bool   `json:"ok"`
	Note string `json:"note"`
}

// run runs a client's driver and fills its column. The error is about the driver itself; failed cells are none.
func run(ctx context.Context, c client, dir string, env []string) (column, string, error) {
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	col := newColumn(c)
	home, err := os.MkdirTemp("", "satchel-compat-home-")
	if err != nil {
		return col, "", err
	}
	defer os.RemoveAll(home)                                        //nolint:errcheck // a temporary folder
	cmd := exec.CommandContext(ctx, c.command[0], c.command[1:]...) //nolint:gosec // our own drivers
	cmd.Dir = dir
	cmd.Env = append(environment(home), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ended := cmd.Run()
	if ctx.Err() != nil {
		ended = fmt.Errorf("it was stopped after %s: %w", clientTimeout, ended)
	}
	rest, err := read(&out, col)
	return col, rest, errors.Join(ended, err)
}

// environment is what a driver sees of ours: enough to find programs. The home is its own, for some clients keep
// their keys there.
func environment(home string) []string {
	return []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + home, "LANG=C.UTF-8"}
}

// read takes the cells out of a driver's output and gives back the rest.
func read(out io.Reader, col column) (rest string, err error) {
	var other strings.Builder
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text, ours := strings.CutPrefix(lines.Text(), cellPrefix)
		if !ours {
			other.WriteString(lines.Text() + "\n")
			continue
		}
		var s said
		if bad := json.Unmarshal([]byte(text), &s); bad != nil {
			err = errors.Join(err, fmt.Errorf("line %q: %w", text, bad))
			continue
		}
		err = errors.Join(err, col.put(s.Call, s.OK, s.Note))
	}
	return other.String(), errors.Join(err, lines.Err())
}
