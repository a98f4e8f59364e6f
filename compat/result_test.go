package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// RESULT.md is what the last run wrote: it knows today's clients and calls, nothing of it has failed, and the README
// shows the same.
func TestTheResultIsOfTodayAndInTheREADME(t *testing.T) {
	text, err := os.ReadFile("RESULT.md")
	if err != nil {
		t.Fatalf("%s: run make compat", err)
	}
	all := flawless(t)
	if diff := cmp.Diff(page(all), string(text)); diff != "" {
		t.Errorf("RESULT.md is not that of a run without failures (-want +got):\n%s", diff)
	}
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), table(all.shops)) || !strings.Contains(string(readme), table(all.payers)) {
		t.Error("a table of the README is another than RESULT.md's")
	}
}

// flawless is what a run without failures comes to.
func flawless(t *testing.T) result {
	t.Helper()
	fill := func(list []client) (columns []column) {
		for _, c := range list {
			col := newColumn(c)
			for id, cell := range col.cells {
				if cell.mark == markFailed {
					if err := col.put(id, true, ""); err != nil {
						t.Fatal(err)
					}
				}
			}
			columns = append(columns, col)
		}
		return columns
	}
	return result{shops: fill(clients("")), payers: fill(wallets(""))}
}
