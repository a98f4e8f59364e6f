package browser

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// site serves one page, with a policy that allows its own script only.
func site(t *testing.T, body string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "script-src 'self'")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,"><main><h1>Hello</h1>%s<p id="asked">%s</p></main>`, body, r.Header.Get("Accept-Language"))
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAPageIsSeen(t *testing.T) {
	b := Start(t)
	p := b.Open(Look{Width: 400, Height: 300, Languages: "de-CH,de;q=0.9", Dark: true})
	p.Go(site(t, `<button id="b">Press</button><p id="late" hidden>there</p>`))
	if got := p.Text("h1"); got != "Hello" {
		t.Errorf("the heading says %q", got)
	}
	if got := p.Text("#late"); got != "" {
		t.Errorf("what is hidden says %q", got)
	}
	if got := p.Text("#asked"); !strings.HasPrefix(got, "de-CH") {
		t.Errorf("the browser asked for %q", got)
	}
	if !Eval[bool](p, `matchMedia("(prefers-color-scheme: dark)").matches`) {
		t.Error("the screen is not dark")
	}
	p.Do(`document.getElementById("b").onclick = () => setTimeout(() => { document.getElementById("late").hidden = false; }, 50)`)
	p.Click("#b")
	p.Says("#late", "there")
	if list := p.Problems(); len(list) > 0 {
		t.Errorf("problems of a good page: %q", list)
	}
	picture, err := png.Decode(bytes.NewReader(p.Shot()))
	if err != nil || picture.Bounds().Dx() != 400 {
		t.Errorf("the picture: %v %v", picture, err)
	}
}

func TestWhatMustNotHappenIsWrittenDown(t *testing.T) {
	b := Start(t)
	for name, c := range map[string]struct{ body, problem string }{
		"inline script": {`<script>document.title = "no"</script>`, "Content Security Policy"},
		"missing file":  {`<img alt="" src="/missing.png">`, "404"},
		"other host":    {`<img alt="" src="http://127.0.0.1:1/x.png">`, "another host"},
	} {
		p := b.Open(Look{})
		p.Go(site(t, c.body))
		list := p.Problems()
		if !slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, c.problem) }) {
			t.Errorf("%s: %q", name, list)
		}
		if list := p.Problems(); len(list) > 0 {
			t.Errorf("%s: told twice: %q", name, list)
		}
	}
	p := b.Open(Look{})
	p.Go(site(t, ""))
	p.Do(`window.onerror = () => { window.failed = true }; setTimeout(() => { throw new Error("oops") }, 0)`)
	p.Until(`window.failed`)
	if list := p.Problems(); len(list) != 1 || !strings.Contains(list[0], "exception") {
		t.Errorf("an exception: %q", list)
	}
}

func TestAuditFindsWhatABlindReaderMisses(t *testing.T) {
	b := Start(t)
	p := b.Open(Phone())
	p.Go(site(t, ""))
	if list := p.Audit(); len(list) > 0 {
		t.Errorf("a good page: %q", list)
	}
	p.Go(site(t, `<button></button>`))
	if list := p.Audit(); len(list) != 1 || !strings.Contains(list[0], "button-name") {
		t.Errorf("a button without a name: %q", list)
	}
}

func TestAPageWithoutScript(t *testing.T) {
	b := Start(t)
	p := b.Open(Look{NoScript: true})
	p.Go(site(t, `<noscript><p id="n">plain</p></noscript>`))
	p.Says("#n", "plain")
}
