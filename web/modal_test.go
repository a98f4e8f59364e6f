package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"satchel/internal/browser"
)

// frontOf is a shop's page on another host that comes by bitpay.js in some way, with things before and behind it that
// take the focus.
func frontOf(t *testing.T, script string, files map[string]string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if file, ok := files[r.URL.Path]; ok {
			rw.Header().Set("Content-Type", "text/javascript")
			_, _ = rw.Write([]byte(file))
			return
		}
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(rw, `<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><body>
<main><h1>Thank you</h1><a id="first" href="/cart">Cart</a> <button id="pay">Pay</button></main>
<script>window.seen = []; window.said = []; console.error = (text) => said.push(text); onmessage = (e) => seen.push(e.data);</script>
%s<script>document.getElementById("pay").onclick = () => bitpay.showInvoice(%q);</script>
<footer><a id="last" href="/terms">Terms</a></footer>`, script, anID)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// opened opens the invoice over the shop's page.
func opened(tab *browser.Page, front string) {
	tab.Go(front)
	tab.Click("#pay")
	tab.Until(`seen.includes("loaded") && document.querySelector("dialog").checkVisibility()`)
}

// Who uses the keyboard stays in the window until it is closed, and is then where he was.
func TestTheModalKeepsTheFocus(t *testing.T) {
	b := browser.Start(t)
	home := serveOn(t, newWorld(t, 10, sample()))
	front := frontOf(t, `<script src="`+home+`/bitpay.js"></script>`, nil)
	for name, look := range map[string]browser.Look{"phone": browser.Phone(), "desktop": {}} {
		tab := b.Open(look)
		opened(tab, front)
		inside := 0
		for n := range 60 {
			tab.Press("\t")
			at := browser.Eval[string](tab, `document.activeElement.id || document.activeElement.localName`)
			switch at {
			case "iframe":
				inside++
			case "body", "dialog": // on its way round
			default:
				t.Fatalf("%s: after %d tabs the focus is on %s", name, n+1, at)
			}
		}
		if inside < 30 {
			t.Errorf("%s: only %d of 60 tabs are in the frame", name, inside)
		}
		if browser.Eval[bool](tab, `document.getElementById("last").focus(), document.activeElement.id === "last"`) {
			t.Errorf("%s: the page behind takes the focus", name)
		}
		tab.Do(`document.querySelector("iframe").blur()`) // whoever is not in the frame closes it as well
		tab.Press("\x1b")
		tab.Until(`!document.querySelector("dialog, iframe") && document.activeElement.id === "pay"`)
		opened(tab, front)
		tab.Press("\x1b") // in the frame
		tab.Until(`!document.querySelector("dialog, iframe") && document.activeElement.id === "pay"`)
		tab.Press("\t")
		if at := browser.Eval[string](tab, `document.activeElement.id`); at != "last" {
			t.Errorf("%s: when it is closed, a tab leads to %q", name, at)
		}
		tab.Close()
	}
}

// A module, a bundle and eval have no script tag that tells where the file is from: the file itself does. Nobody else is
// ever asked.
func TestTheModalFindsItsServer(t *testing.T) {
	b := browser.Start(t)
	w := newWorld(t, 10, sample())
	home := serveOn(t, w)
	lost := string(w.shopScript.body)
	lost = strings.Replace(lost, `home = "https://pay.example"`, `home = ""`, 1) // as it is in the repository
	var err error
	if w.shopScript, err = shopScriptFor(w.assets, home); err != nil {
		t.Fatal(err)
	}
	file := body(t, w.get(t, "/bitpay.js"))
	for name, c := range map[string]struct {
		script string
		files  map[string]string
	}{
		"a tag":    {`<script src="` + home + `/bitpay.min.js?v=2"></script>`, nil},
		"inline":   {`<script>` + file + `</script>`, nil},
		"a bundle": {`<script src="/app.js"></script>`, map[string]string{"/app.js": "void 0;" + file}},
		"eval":     {`<script>fetch("/x").then(r => r.text()).then(t => (0, eval)(t))</script>`, map[string]string{"/x": file}},
		"a module": {`<script type="module" src="/bitpay.js"></script>`, map[string]string{"/bitpay.js": file}},
	} {
		tab := b.Open(browser.Look{})
		tab.Go(frontOf(t, c.script, c.files))
		tab.Until(`!!window.bitpay`)
		tab.Click("#pay")
		tab.Until(`seen.includes("loaded")`)
		if src := attr(tab, "iframe", "src"); !strings.HasPrefix(src, home+"/invoice?id="+anID) {
			t.Errorf("%s: the invoice is asked for at %s", name, src)
		}
		tab.Close()
	}

	tab, front := b.Open(browser.Look{}), frontOf(t, `<script>`+lost+`</script>`, nil)
	tab.Go(front)
	tab.Click("#pay")
	tab.Until(`said.length === 1 && said[0].includes("bitpay.setApiUrlPrefix")`)
	elsewhere := func(u string) bool { return !strings.HasPrefix(u, front) && !strings.HasPrefix(u, "data:") }
	if list := tab.Requests(); slices.ContainsFunc(list, elsewhere) || browser.Eval[bool](tab, `!!document.querySelector("iframe")`) {
		t.Errorf("without a server it asks %q", list)
	}
	tab.Do(fmt.Sprintf(`bitpay.setApiUrlPrefix(%q)`, home))
	tab.Click("#pay")
	tab.Until(`seen.includes("loaded")`)
}
