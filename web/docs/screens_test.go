package docs

import (
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"satchel/internal/browser"
)

// pictures is where `make screenshots` wants them; empty: they are only looked at.
var pictures = flag.String("screenshots", "", "write a picture of every page to this folder")

// Every page on a phone and a desktop, light and dark: nothing goes wrong, nothing is wider than the screen, and everybody
// can read it.
func TestEveryPageOnEveryScreen(t *testing.T) {
	srv := httptest.NewServer(served(t, "https://pay.example"))
	defer srv.Close()
	b := browser.Start(t)
	dark := browser.Phone()
	dark.Dark = true
	for screen, look := range map[string]browser.Look{"phone": browser.Phone(), "phone-dark": dark, "desktop": {}, "desktop-dark": {Dark: true}} {
		look.Scale = 1
		tab := b.Open(look)
		for _, e := range entries() {
			tab.Go(srv.URL + "/docs/" + e.Name)
			tab.Until(`document.querySelector("h1").checkVisibility()`)
			if browser.Eval[bool](tab, `document.documentElement.scrollWidth > innerWidth`) {
				t.Errorf("%q on %s is wider than the screen", e.Name, screen)
			}
			problems := tab.Problems()
			if look.Touch { // what is audited is the same on a desktop
				problems = append(problems, tab.Audit()...)
			}
			for _, problem := range problems {
				t.Errorf("%q on %s: %s", e.Name, screen, problem)
			}
			if *pictures != "" && e.Name != "api" { // that one has no end
				if err := os.WriteFile(filepath.Join(*pictures, "docs-"+e.Name+"-"+screen+".png"), tab.Shot(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		tab.Close()
	}
}
