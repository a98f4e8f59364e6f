package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sources are the files whose refusals clients of the API see.
var sources = []string{
	"../../api/*.go", "../../bitpay/*.go", "../../auth/turns.go", "../../auth/client.go", "../../auth/session.go",
	"../../invoice/adjust.go", "../../store/once.go", "../../store/issue.go", "../../tracker/health.go",
}

// unseen are refusals in those files that never reach a client as they are.
var unseen = []string{
	"no such id",     // told as Object not found
	"No such client", // as well
	"%s",             // made of others, which stand beside it
}

var verb = regexp.MustCompile(`"?%[a-z]"?`)

// refusals collects the sentences of fault.New in a file.
func refusals(t *testing.T, path string) (list []string) {
	t.Helper()
	src, err := os.ReadFile(path) // through os, so that the test's cache notices every change
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 2 {
			return true
		}
		if !isFault(call.Fun) {
			return true
		}
		if text, ok := call.Args[1].(*ast.BasicLit); ok {
			sentence, err := strconv.Unquote(text.Value)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, sentence)
		}
		return true
	})
	return list
}

// isFault tells whether a function is fault.New.
func isFault(e ast.Expr) bool {
	fn, ok := e.(*ast.SelectorExpr)
	if !ok || fn.Sel.Name != "New" {
		return false
	}
	from, ok := fn.X.(*ast.Ident)
	return ok && from.Name == "fault"
}

// Every sentence with which the API refuses is on the page of errors, under a heading that can be linked to.
func TestEveryRefusalIsExplained(t *testing.T) {
	page, err := os.ReadFile("pages/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, pattern := range sources {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			for _, sentence := range refusals(t, path) {
				if slices.Contains(unseen, sentence) {
					continue
				}
				n++
				if heading := "\n### " + verb.ReplaceAllString(sentence, "…") + "\n"; !strings.Contains(string(page), heading) {
					t.Errorf("%s refuses with %q, which pages/errors.md does not explain", path, sentence)
				}
			}
		}
	}
	if n < 25 {
		t.Errorf("only %d refusals were found", n)
	}
}
