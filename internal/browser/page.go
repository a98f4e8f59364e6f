package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Look is who looks at a page. The zero value is an English desktop with a light screen.
type Look struct {
	Width, Height int64 // of the window, in CSS pixels; 1280 by 800 when 0
	Scale         float64
	Touch         bool   // a phone
	Dark          bool   // prefers dark colours
	Forced        bool   // has few colours, and its own
	NoScript      bool   // has JavaScript turned off
	Languages     string // Accept-Language; "en" when empty
}

// Phone is a phone of a common size.
func Phone() Look { return Look{Width: 390, Height: 844, Scale: 2, Touch: true} }

// Page is a tab.
type Page struct {
	t     testing.TB
	ctx   context.Context
	close func()

	mu       sync.Mutex
	hosts    map[string]bool // of every Go: an icon may be asked for when the next page is on its way
	problems []string
	requests []string
}

// Open opens a tab. It is closed with the test at the latest.
func (b *Browser) Open(look Look) *Page {
	b.t.Helper()
	p := &Page{t: b.t, hosts: map[string]bool{}}
	p.ctx, p.close = chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(p.close)
	p.do("open a tab", chromedp.Func(func(context.Context, *chromedp.Target) error { return nil }))
	if err := chromedp.Listen(p.ctx, p.note); err != nil {
		b.t.Fatalf("listen to a tab: %s", err)
	}
	p.do("dress a tab", dress(look))
	return p
}

func dress(l Look) chromedp.Action[chromedp.Void] {
	if l.Width == 0 {
		l.Width, l.Height = 1280, 800
	}
	if l.Languages == "" {
		l.Languages = "en"
	}
	if l.Scale == 0 {
		l.Scale = 1
	}
	scheme := "light"
	if l.Dark {
		scheme = "dark"
	}
	forced := "none"
	if l.Forced {
		forced = "active"
	}
	size := []chromedp.EmulateViewportOption{chromedp.EmulateScale(l.Scale)}
	if l.Touch {
		size = append(size, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	return chromedp.Steps(chromedp.EmulateViewport(l.Width, l.Height, size...), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		agent, err := cdp.Call(ctx, t, runtime.Evaluate, runtime.EvaluateParams{Expression: "navigator.userAgent"})
		if err != nil {
			return err
		}
		var name string
		if err := json.Unmarshal(agent.Result.Value, &name); err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, t, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: name, AcceptLanguage: l.Languages}); err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "forced-colors", Value: forced}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		}); err != nil {
			return err
		}
		_, err = cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.NoScript})
		return err
	}))
}

// note writes down what must not happen. It runs in the tab's loop.
func (p *Page) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			p.problems = append(p.problems, "console: "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
		if u, err := url.Parse(e.Request.URL); err == nil && !p.hosts[u.Host] && u.Scheme != "data" && u.Scheme != "about" {
			p.problems = append(p.problems, "request to another host: "+e.Request.URL)
		}
	}
}

// Problems gives what should not have happened since it was last asked.
func (p *Page) Problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.problems
	p.problems = nil
	return list
}

// Requests gives the URLs that were asked for since the last Go.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

// UntilRequest waits until a URL that holds a text was asked for since the last Go.
func (p *Page) UntilRequest(part string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !slices.ContainsFunc(p.Requests(), func(u string) bool { return strings.Contains(u, part) }) {
		select {
		case <-ctx.Done():
			p.t.Fatalf("not within %s: a request for %s", patience, part)
		case <-tick.C:
		}
	}
}

func (p *Page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if chromedp.FromContext(p.ctx).Target == nil { // the life of a tab is that of the context of its first call
		if err := chromedp.Do(p.ctx, steps...); err != nil {
			p.t.Fatalf("%s: %s", what, err)
		}
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %s", what, err)
	}
}

// Go loads a page and waits until it is there.
func (p *Page) Go(address string) {
	p.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.hosts[u.Host], p.requests = true, nil
	p.mu.Unlock()
	p.do("load "+address, chromedp.Navigate(address))
}

// Reload loads the page again, as a customer does.
func (p *Page) Reload() {
	p.t.Helper()
	p.do("reload", chromedp.Reload())
}

// Close closes the tab.
func (p *Page) Close() { p.close() }

// Do runs an expression for what it does.
func (p *Page) Do(expression string) {
	p.t.Helper()
	p.do(expression, chromedp.Evaluate[chromedp.Void](expression, chromedp.EvalAwaitPromise))
}

// Eval gives the value of an expression; a promise is awaited.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("evaluate %.200s: %s", expression, err)
	}
	return v
}

// Text gives what a reader sees of the first element that a selector finds; "" when there is none or it is hidden.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	return Eval[string](p, fmt.Sprintf(`(e => e && e.checkVisibility() ? e.innerText : "")(document.querySelector(%q))`, selector))
}

// Click clicks the first visible element that a selector finds.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// ClickAt clicks a point of the window, in CSS pixels: what lies in a frame of another host has no selector here.
func (p *Page) ClickAt(x, y float64) {
	p.t.Helper()
	p.do("click a point", chromedp.MouseClickXY(x, y))
}

// Press presses a key, such as "\x1b" for Escape, where the focus is.
func (p *Page) Press(keys string) {
	p.t.Helper()
	p.do("press keys", chromedp.KeyEvent(keys))
}

// Until waits until an expression is true. A page that is being loaded is asked again.
func (p *Page) Until(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err == nil && ok {
			return
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("not within %s: %s (%v)\nthe page says: %s", patience, expression, err, p.body())
		case <-tick.C:
		}
	}
}

// Says waits until the first element that a selector finds is visible and holds a text.
func (p *Page) Says(selector, text string) {
	p.t.Helper()
	p.Until(fmt.Sprintf(`(e => e && e.checkVisibility() && e.innerText.includes(%q))(document.querySelector(%q))`, text, selector))
}

// body is what the page shows, for a test that failed.
func (p *Page) body() string {
	ctx, cancel := context.WithTimeout(p.ctx, time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return text
}

// Shot is a picture of the whole page, as PNG.
func (p *Page) Shot() []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	r, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: new(true)})
	if err != nil {
		p.t.Fatalf("take a picture: %s", err)
	}
	return r.Data
}
