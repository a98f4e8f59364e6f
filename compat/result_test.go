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
	result, err := os.ReadFile("RESULT.md")
	if err != nil {
		t.Fatalf("%s: run make compat", err)
	}
	var all []column
	for _, c := range clients("") {
		col := newColumn(c)
		for id, cell := range col.cells {
			if cell.mark == markFailed {
				if err := col.put(id, true, ""); err != nil {
					t.Fatal(err)
				}
			}
		}
		all = append(all, col)
	}
	if diff := cmp.Diff(page(all), string(result)); diff != "" {
		t.Errorf("RESULT.md is not that of a run without failures (-want +got):\n%s", diff)
	}
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), table(all)) {
		t.Error("the README's table is another than RESULT.md's")
	}
}
