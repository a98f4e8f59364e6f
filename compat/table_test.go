package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestACellIsOKOnlyIfTheDriverSaysSo(t *testing.T) {
	col := newColumn(client{name: "c", rows: calls(), lacks: []string{"tokens"}})
	for id, want := range map[string]string{"create": markFailed, "tokens": markNone} {
		if got := col.cells[id].mark; got != want {
			t.Errorf("%s before anything was said: %q, want %q", id, got, want)
		}
	}
	for _, s := range []said{{Call: "create", OK: true}, {Call: "get", Note: "it panicked"}} {
		if err := col.put(s.Call, s.OK, s.Note); err != nil {
			t.Fatal(err)
		}
	}
	if col.cells["create"].mark != markOK || col.cells["get"].mark != markFailed {
		t.Errorf("cells %+v", col.cells)
	}
	lines, count := col.failures()
	if count != len(calls())-2 || lines[0] != "get: it panicked" || !strings.HasPrefix(lines[1], silent) {
		t.Errorf("%d failures: %q", count, lines)
	}
}

func TestADriverCannotInventCalls(t *testing.T) {
	col := newColumn(client{name: "c", rows: calls(), lacks: []string{"tokens"}})
	for _, id := range []string{"tokens", "nonsense"} {
		if err := col.put(id, true, ""); err == nil || !strings.Contains(err.Error(), id) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if col.cells["tokens"].mark != markNone {
		t.Error("a call that the client lacks became ok")
	}
}

func TestTheTableIsTheSameWheneverTheCellsAre(t *testing.T) {
	col := newColumn(client{name: "a 1.0", rows: calls(), lacks: []string{"cli"}})
	if err := col.put("create", true, ""); err != nil {
		t.Fatal(err)
	}
	text := table([]column{col, newColumn(client{name: "b 2.0", rows: calls(), speaks: "Latin"})})
	if again := table([]column{col, newColumn(client{name: "b 2.0", rows: calls(), speaks: "Latin"})}); again != text {
		t.Error("it differs")
	}
	lines := strings.Split(text, "\n")
	if got, want := lines[0], "| call | a 1.0 | b 2.0, Latin |"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !slices.Contains(lines, "| `POST /invoices`, merchant, signed | ok | FAIL |") {
		t.Errorf("the table\n%s", text)
	}
	if len(lines) != len(calls())+3 {
		t.Errorf("%d lines", len(lines))
	}
}

// Names of calls are unique, and every call that a client is said to lack exists.
func TestTheListsFitTogether(t *testing.T) {
	for _, c := range slices.Concat(clients(""), wallets("")) {
		known := map[string]bool{}
		for _, call := range c.rows {
			if known[call.id] {
				t.Errorf("%s is there twice", call.id)
			}
			known[call.id] = true
		}
		for _, id := range c.lacks {
			if !known[id] {
				t.Errorf("%s lacks %q, which is no call", c.title(), id)
			}
		}
		if len(c.rows) <= len(c.lacks) {
			t.Errorf("%s has no call", c.title())
		}
	}
}

// The versions that the table names are those that are installed.
func TestTheTableNamesTheInstalledVersions(t *testing.T) {
	listed := map[string]string{}
	for _, folder := range []string{"clients", filepath.Join("clients", "wallets")} {
		maps.Copy(listed, dependencies(t, folder))
	}
	module, err := os.ReadFile(filepath.Join("clients", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	installed := strings.ReplaceAll(string(module), "github.com/bitpay/bitpay-go v2.2.2", "bitpay-go 2.2.2")
	for name, version := range listed {
		if _, alias, ok := strings.Cut(version, "npm:"); ok {
			name, version, _ = strings.Cut(alias, "@")
		}
		installed += "\n" + name + " " + version + "\n"
	}
	for _, c := range slices.Concat(clients(""), wallets("")) {
		if !strings.Contains(installed, c.name) {
			t.Errorf("%s is not among what is installed:\n%s", c.name, installed)
		}
	}
}

func dependencies(t *testing.T, folder string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Dependencies
}
