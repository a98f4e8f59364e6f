package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// spoken runs a command in a folder and home of its own, and gives its exit status and what it says.
func spoken(t *testing.T, typed string, args ...string) (code int, text string) {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Environ(), "HOME="+cmd.Dir, "SATCHEL_CONFIG=")
	cmd.Stdin = strings.NewReader(typed)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String()
}

// A command line that is not understood ends with status 2, whatever is wrong with it, and the words name what is.
func TestUsage(t *testing.T) {
	t.Parallel()
	for line, words := range map[string]string{
		"init":                          "--key and --network are needed; usage: satchel init --network NET --key KEY",
		"init --network regtest":        "--key is needed",
		"merchant add --key x":          "--name is needed",
		"invoice create":                "--currency is needed",
		"invoice mark X invalid":        "--reason is needed",
		"invoice return X":              "--txid is needed",
		"token create":                  "--sin SIN for one client, whose signature it needs, or --bearer",
		"token create --sin X --bearer": "--sin SIN for one client, whose signature it needs, or --bearer",
		"invoice show":                  "accepts 1 arg(s), received 0; usage: satchel invoice show ID",
		"merchant set X":                "at least one setting",
		"merchant set X speed":          "is not KEY=VALUE",
		"status --fast":                 "unknown flag: --fast",
		"statsu":                        "there is no command `satchel statsu`; did you mean `satchel status`",
		"invoce create --currency USD":  "there is no command `satchel invoce`; did you mean `satchel invoice`",
		"invoice shwo X --merchant Y":   "did you mean `satchel invoice show`",
		"invoice lst --status new":      "did you mean `satchel invoice list`",
		"frobnicate":                    "there is no command `satchel frobnicate`\n",
		"why":                           "an invoice's id",
		"merchant add --name a --key b --start-index=-4": "from 0 on",
	} {
		code, text := spoken(t, "", strings.Fields(line)...)
		if code != exitUsage || !strings.Contains(text, words) || !strings.Contains(text, "--help` tells more") {
			t.Errorf("satchel %s: status %d, want 2 and %q:\n%s", line, code, words, text)
		}
	}
	for _, line := range []string{"", "help", "invoice", "token create --help"} {
		if code, text := spoken(t, "", strings.Fields(line)...); code != exitDone || !strings.Contains(text, "Usage:") || strings.Contains(text, "payout") {
			t.Errorf("satchel %s: status %d\n%s", line, code, text)
		}
	}
}

// Whoever is asked and cannot answer, as in a script, learns how not to be asked.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	args := []string{"init", "--network", "regtest", "--key", demoKey, "--start-index", "0", "--node-url", "http://127.0.0.1:1"}
	for typed, words := range map[string]string{"": "run it again with --yes", "n\n": "nothing was written: the answer was not yes", "\n": "the answer was not yes"} {
		if code, text := spoken(t, typed, args...); code != exitRefused || !strings.Contains(text, words) {
			t.Errorf("to %q: status %d, want 1 and %q:\n%s", typed, code, words, text)
		}
	}
	if code, text := spoken(t, "Yes", args...); code != exitDone {
		t.Errorf("status %d: %s", code, text)
	}
}
