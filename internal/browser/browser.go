// Package browser shows pages in Debian's Chromium, for tests: what a customer sees, and what the page did on the way.
//
// A Browser is one Chromium; each Page is a tab with cookies and a cache of its own. A page writes down what must not
// happen: exceptions, errors on the console (which is where a violated content security policy is told), requests that
// fail, and requests to other hosts. Audit asks axe-core, which scripts/deps.sh installs, whether people who cannot see
// or point well can use the page. Nothing waits for a time: Until polls for what the page shows.
package browser

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience is how long anything may take that should be quick; the machine may be busy.
const patience = 60 * time.Second

// Browser is a running Chromium.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// Start starts a Chromium that ends with the test. One that is not there fails the test: scripts/deps.sh installs it.
func Start(t testing.TB) *Browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(find(t)), chromedp.NoSandbox, // a container's root has no sandbox; the pages are our own
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("font-render-hinting", "none"),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(t.Logf))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %s", err)
	}
	return &Browser{t: t, ctx: ctx}
}

func find(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("there is no Chromium: run scripts/deps.sh test-tools")
	return ""
}
