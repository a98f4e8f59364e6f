package docs

import (
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"satchel/bitpay"
	"satchel/fault"
)

// document is the API's own.
func document(t testing.TB) []byte {
	t.Helper()
	doc, err := os.ReadFile("../../api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func served(t testing.TB, base string) *Docs {
	t.Helper()
	d, err := New(Config{OpenAPI: document(t), Base: base, Version: "v9"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func get(d http.Handler, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, r)
	return rec
}

var (
	anchor = regexp.MustCompile(` id="([^"]+)"`)
	href   = regexp.MustCompile(`(?:href|src)="([^"]+)"`)
)

// anchors are the ids of a page; each is there once.
func anchors(t *testing.T, name, page string) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	for _, m := range anchor.FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("%s: the anchor %s is there twice", name, m[1])
		}
		ids[m[1]] = true
	}
	return ids
}

// Every link of every page leads to a page and an anchor that are there, or to another host by https.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	d := served(t, "https://pay.example/in/")
	pages, ids := map[string]string{}, map[string]map[string]bool{}
	for _, e := range entries() {
		rec := get(d, "/docs/"+e.Name)
		if rec.Code != http.StatusOK {
			t.Fatalf("%s: %d", e.Name, rec.Code)
		}
		pages[e.Name] = rec.Body.String()
		ids[e.Name] = anchors(t, e.Name, pages[e.Name])
	}
	n := 0
	for name, page := range pages {
		for _, m := range href.FindAllStringSubmatch(page, -1) {
			n++
			to, id, _ := strings.Cut(html.UnescapeString(m[1]), "#")
			target := strings.TrimPrefix(strings.TrimPrefix(to, "/in/docs"), "/")
			switch {
			case to == "":
				target = name
			case strings.HasPrefix(to, "https://"), to == "/in/openapi.json", to == "/in/dashboard":
				continue
			case !strings.HasPrefix(to, "/in/docs"):
				t.Errorf("%s: %s leads away", name, m[1])
				continue
			case get(d, strings.TrimPrefix(to, "/in")).Code != http.StatusOK:
				t.Errorf("%s: %s leads nowhere", name, m[1])
				continue
			}
			if id != "" && !ids[target][id] {
				t.Errorf("%s: %s has no such anchor", name, m[1])
			}
		}
	}
	if n < 500 {
		t.Errorf("only %d links were followed", n)
	}
}

// Every operation, schema and member of the document is on the page, and where it can be linked to.
func TestTheReferenceIsWhole(t *testing.T) {
	doc, err := parse(document(t), func(s string) string { return s })
	if err != nil {
		t.Fatal(err)
	}
	page := get(served(t, "https://pay.example"), "/docs/api").Body.String()
	ids := anchors(t, "api", page)
	text := html.UnescapeString(page)
	operations := 0
	doc.at("paths").each(func(path string, item *node) {
		item.each(func(method string, op *node) {
			if method == "parameters" {
				return
			}
			operations++
			if id := op.at("operationId").string(); !ids[id] {
				t.Errorf("%s %s: no anchor %s", method, path, id)
			}
			if summary := strings.TrimSpace(op.at("summary").string()); !strings.Contains(text, strings.ReplaceAll(summary, "`", "")) && !strings.Contains(summary, "`") {
				t.Errorf("%s %s: %q is not said", method, path, summary)
			}
		})
	})
	doc.at("components", "schemas").each(func(name string, s *node) {
		if !ids["schema-"+name] {
			t.Errorf("the schema %s has no anchor", name)
		}
		s.at("properties").each(func(member string, _ *node) {
			if !strings.Contains(text, "<code>"+member+"</code>") {
				t.Errorf("%s.%s is not there", name, member)
			}
		})
	})
	if operations < 40 {
		t.Errorf("only %d operations", operations)
	}
	for _, want := range []string{
		`<a href="#schema-InvoiceRequest">`, `<td><a href="/docs/errors#000003">401</a></td>`, "list of ", "&#34;price&#34;: 10", "{$request.body#/notificationURL}",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestEveryErrorHasItsAnchor(t *testing.T) {
	page := get(served(t, "https://pay.example"), "/docs/errors").Body.String()
	ids := anchors(t, "errors", page)
	for k := fault.Internal; k <= fault.NotOffered; k++ {
		if !ids[bitpay.Code(k)] {
			t.Errorf("the kind %d has no anchor %s", k, bitpay.Code(k))
		}
	}
	for _, code := range regexp.MustCompile(`"code": ?"(\d{6})"`).FindAllStringSubmatch(string(document(t)), -1) {
		if !ids[code[1]] {
			t.Errorf("the code %s has no anchor", code[1])
		}
	}
}

func TestThePagesSpeakOfThisServer(t *testing.T) {
	d := served(t, "https://till.example:8443/in/")
	for _, e := range entries() {
		page := get(d, "/docs/"+e.Name).Body.String()
		if strings.Contains(page, "pay.example") {
			t.Errorf("%s speaks of another server", e.Name)
		}
		for _, bad := range []string{"<script", "style=", "<style", "@sample", "<!-- raw HTML", "&lt;nil&gt;", "ZgotmplZ"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s has %s", e.Name, bad)
			}
		}
	}
	if page := get(d, "/docs").Body.String(); !strings.Contains(page, "curl https://till.example:8443/in/invoices") || !strings.Contains(page, "Satchel v9") {
		t.Errorf("the first page:\n%s", page)
	}
}

func TestHowThePagesAreServed(t *testing.T) {
	d := served(t, "https://pay.example")
	one := get(d, "/docs/")
	h := one.Header()
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Cache-Control": "public, max-age=300",
	} {
		if h.Get(name) != want {
			t.Errorf("%s: %q", name, h.Get(name))
		}
	}
	if p := h.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || strings.Contains(p, "script") || strings.Contains(p, "unsafe") {
		t.Error(p)
	}
	if again := get(d, "/docs", "If-None-Match", h.Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("%d", again.Code)
	}
	for _, name := range []string{"none", "/", "api/x", "../go.mod", "pages/index.md", "docs.css", "samples", "samples/"} {
		rec := get(d, "/docs/"+name)
		if name == "/" {
			continue // the first page
		}
		if rec.Code != http.StatusNotFound || !strings.Contains(rec.Body.String(), "No such page") {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	css := regexp.MustCompile(`/docs/docs\.[0-9a-f]{16}\.css`).FindString(one.Body.String())
	if rec := get(d, css); rec.Code != http.StatusOK || !strings.Contains(rec.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%q: %d", css, rec.Code)
	}
	if rec := get(d, "/docs/samples/receiver.py"); rec.Header().Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(rec.Body.String(), "def verify") {
		t.Errorf("%v", rec.Header())
	}
}

func TestWhatIsNoDocumentation(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no address":  {OpenAPI: document(t), Base: "pay.example"},
		"no document": {Base: "https://pay.example"},
		"half of one": {OpenAPI: document(t)[:1000], Base: "https://pay.example"},
		"another":     {OpenAPI: []byte(`{"a":[1,null,true]}`), Base: "https://pay.example"},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
