// Package arch holds the import picture as a test: a new arrow between rooms is a design decision, and changes this
// table and the picture in the README with it.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// picture lists what each room may import of the others. Every room may import fault; a room that is not listed may
// import nothing. "*" is everything.
var picture = map[string][]string{
	"":                 {},
	"fault":            {},
	"money":            {},
	"live":             {},
	"chain":            {"money"},
	"wallet":           {"money"},
	"merchant":         {"money"},
	"rate":             {"money"},
	"auth":             {"merchant"},
	"invoice":          {"money", "merchant"},
	"bitpay":           {"invoice", "merchant", "money"},
	"paypro":           {"money"},
	"tracker":          {"chain", "invoice", "money", "merchant"},
	"notify":           {"invoice", "merchant"},
	"store":            {"auth", "chain", "invoice", "merchant", "money", "notify", "tracker"},
	"api":              {"auth", "bitpay", "invoice", "live", "merchant", "money", "notify", "paypro", "rate", "tracker"},
	"web":              {"auth", "bitpay", "invoice", "live", "merchant", "money", "notify", "paypro", "rate", "tracker", "web/static", "web/text"},
	"web/desk":         {"auth", "invoice", "live", "merchant", "money", "notify", "rate", "web/static", "web/text"},
	"web/static":       {},
	"web/text":         {"money"},
	"web/docs":         {},
	"web/docs/samples": {},
	"admin":            {"auth", "invoice", "merchant", "money", "notify", "tracker"},
	"regtest":          {"chain", "money"},
	"cmd/satchel":      {"*"},
	"chain/chaintest":  {"chain", "money", "regtest"},
	"store/storetest":  {"*"},
	"internal/arch":    {},
	"internal/bench":   {"*"},
	"internal/browser": {},
	"internal/chaos":   {"*"},

	"cmd/satchel/internal/config":        {"", "auth", "chain", "merchant", "money", "notify", "rate", "wallet"},
	"cmd/satchel/internal/keys":          {"chain", "cmd/satchel/internal/config", "invoice", "merchant", "wallet"},
	"cmd/satchel/internal/keys/keystest": {},
	"cmd/satchel/internal/daemon":        {"*"},
	"cmd/satchel/internal/sink":          {"merchant", "notify"},
	"cmd/satchel/internal/demo":          {"*"},
}

// unknown lists the rooms that nobody else may import.
var unknown = []string{"api", "web", "web/desk", "store", "cmd/satchel", "internal/bench", "internal/browser", "internal/chaos"}

// forbidden lists packages outside this module that a room must not touch: the domain has no network and no database,
// and bitcoin's libraries stay where they can be exchanged.
var forbidden = map[string][]string{
	"net/http":              {"money", "fault", "merchant", "invoice", "auth", "tracker", "bitpay", "wallet", "live"},
	"go.etcd.io/bbolt":      {"money", "fault", "merchant", "invoice", "auth", "tracker", "bitpay", "wallet", "live", "chain", "notify", "rate", "api", "web", "web/desk", "web/static", "web/text", "admin"},
	"github.com/pebbe/zmq4": {"money", "fault", "merchant", "invoice", "auth", "tracker", "bitpay", "wallet", "live", "store", "notify", "rate", "api", "web", "admin"},
}

// The files are read through os, so that the test's cache notices every change.
func TestImportsFollowThePicture(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "compat") {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			seen++
			checkFile(t, root, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 50 {
		t.Fatalf("only %d files were read", seen)
	}
}

func checkFile(t *testing.T, root, path string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Rel(root, filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	room := strings.TrimPrefix(filepath.ToSlash(dir), ".")
	allowed, known := picture[room]
	if !known {
		t.Errorf("%s: the room %q is not in the picture", path, room)
		return
	}
	for _, spec := range file.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(forbidden[target], room) {
			t.Errorf("%s: %s must not import %s", path, room, target)
		}
		checkArrow(t, path, room, target, allowed)
	}
}

func checkArrow(t *testing.T, path, room, target string, allowed []string) {
	t.Helper()
	if target != "satchel" && !strings.HasPrefix(target, "satchel/") {
		return
	}
	other := strings.TrimPrefix(strings.TrimPrefix(target, "satchel"), "/")
	free := slices.Contains(allowed, "*")
	switch {
	case other == "fault", other == room:
	case slices.Contains(unknown, other) && !free:
		t.Errorf("%s: nobody imports %s", path, other)
	case !free && !slices.Contains(allowed, other):
		t.Errorf("%s: %s may not import %s", path, room, other)
	}
}
