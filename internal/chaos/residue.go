package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// residue is what the daemon holds when nothing is under way.
type residue struct {
	files  int
	memory int64 // bytes that are backed by no file
}

// Bounds of what may be left in the end: idle connections are kept for a while, and the heap is as large as it once was.
const (
	filesLeft  = 32
	memoryLeft = 64 << 20
)

// measure looks at the process.
func (d *daemon) measure() (r residue, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	proc := filepath.Join("/proc", strconv.Itoa(d.cmd.Process.Pid))
	open, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return r, err
	}
	text, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		return r, err
	}
	_, after, _ := bytes.Cut(text, []byte("\nRssAnon:"))
	line, _, _ := bytes.Cut(after, []byte(" kB"))
	kib, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	return residue{files: len(open), memory: kib << 10}, err
}

// left tells what is more than it was at first, beyond what may be.
func (r residue) left(base residue) (problems []string) {
	if r.files > base.files+filesLeft {
		problems = append(problems, fmt.Sprintf("%d files are open in the end, %d were at first", r.files, base.files))
	}
	if r.memory > base.memory+memoryLeft {
		problems = append(problems, fmt.Sprintf("%d MB are in use in the end, %d were at first", r.memory>>20, base.memory>>20))
	}
	return problems
}

// secrets are what the daemon knows and nobody may read in its log, by what they are.
func (w *world) secrets() (map[string]string, error) {
	cookie, err := os.ReadFile(w.node.CookieFile())
	if err != nil {
		return nil, err
	}
	_, password, _ := strings.Cut(strings.TrimSpace(string(cookie)), ":")
	webhook := w.r.secret.Load().Reveal()
	return map[string]string{
		"the token": w.d.token, "the callbacks' secret": webhook, "the callbacks' key": strings.TrimPrefix(webhook, "whsec_"),
		"the node's password": password, "the node's credentials": base64.StdEncoding.EncodeToString(bytes.TrimSpace(cookie)),
	}, nil
}

// spilled tells which secrets a log holds. A secret that is too short to be one is a problem, too: it would hide others.
func spilled(log string, secrets map[string]string) (problems []string) {
	for what, secret := range secrets {
		switch {
		case len(secret) < 16:
			problems = append(problems, what+" is not known, and cannot be looked for")
		case strings.Contains(log, secret):
			problems = append(problems, "the daemon's log holds "+what)
		}
	}
	return problems
}

// kept looks at the log of all the daemon's lives.
func (w *world) kept() ([]string, error) {
	log, err := os.ReadFile(filepath.Join(w.d.dir, "log"))
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(log, []byte("msg=ready")) {
		return []string{"the daemon's log is not there"}, nil
	}
	secrets, err := w.secrets()
	return spilled(string(log), secrets), err
}
