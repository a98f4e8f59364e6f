package docs

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

//go:embed pages assets samples
var embedded embed.FS

// policy lets in the page's own stylesheet and icon, and nothing else.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// The server that the texts speak of.
const (
	exampleHost = "pay.example"
	example     = "https://" + exampleHost
)

// Config is what the documentation is made of.
type Config struct {
	OpenAPI []byte // the API's document, as JSON (OpenAPI 3.0)
	Base    string // the public URL, absolute http or https; its path goes before every path of the pages
	Version string // of the server
}

// Docs serves the documentation. It is safe for concurrent use.
type Docs struct {
	prefix string
	files  map[string]file // by what is behind /docs; "" is the first page
}

// file is an answer, made when the server started.
type file struct {
	kind, etag string
	body       []byte
	kept       bool // it never changes under its name
}

// entry is a page: its name in the address, and its name in the list of pages.
type entry struct{ Name, Title string }

// entries are the pages, in the order in which they are read.
func entries() []entry {
	return []entry{
		{"", "Start"},
		{"api", "API"},
		{"errors", "Errors"},
		{"callbacks", "Callbacks"},
		{"pos", "Point of sale"},
		{"bitpay", "From BitPay"},
		{"btcpay", "From BTCPay"},
	}
}

// New renders every page; what is wrong with one is known then.
func New(cfg Config) (*Docs, error) {
	base, err := url.Parse(cfg.Base)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, errors.New("docs: the public URL is not absolute http or https")
	}
	d := &Docs{prefix: strings.TrimRight(base.EscapedPath(), "/"), files: map[string]file{}}
	shelf := &shelf{docs: d, cfg: cfg, base: strings.TrimRight(cfg.Base, "/"), host: base.Host, md: newMarkdown(d.prefix)}
	if err := shelf.fill(); err != nil {
		return nil, fmt.Errorf("docs: %w", err)
	}
	return d, nil
}

// shelf fills a Docs.
type shelf struct {
	docs      *Docs
	cfg       Config
	base      string
	host      string // of base
	md        *markdown
	css, icon string
}

func (s *shelf) fill() (err error) {
	if s.css, err = s.asset("docs.css", "text/css; charset=utf-8"); err != nil {
		return err
	}
	if s.icon, err = s.asset("icon.svg", "image/svg+xml"); err != nil {
		return err
	}
	if err := s.samples(); err != nil {
		return err
	}
	pages, err := template.New("").Funcs(template.FuncMap{"docs": s.address, "root": func(path string) string { return s.docs.prefix + path }}).ParseFS(embedded, "pages/*.html")
	if err != nil {
		return err
	}
	for _, e := range entries() {
		v := view{Pages: entries(), Here: e.Name, CSS: s.address(s.css), Icon: s.address(s.icon), Version: s.cfg.Version}
		if e.Name == "api" {
			err = s.reference(&v)
		} else {
			err = s.written(&v, e)
		}
		if err == nil {
			err = s.render(pages, v)
		}
		if err != nil {
			return fmt.Errorf("page %q: %w", e.Name, err)
		}
	}
	return s.render(pages, view{
		Pages: entries(), Here: lost, CSS: s.address(s.css), Icon: s.address(s.icon), Version: s.cfg.Version,
		Title: "No such page", Body: "<p>There is no page of this name. Every page is in the list above.</p>",
	})
}

// lost is the name of the page that is shown where there is none; no address has it.
const lost = "/"

// view is a page to be rendered.
type view struct {
	Pages          []entry
	Here           string
	CSS, Icon      string
	Version, Title string
	Contents       []heading
	Body           template.HTML
	API            *apiPage
}

// address gives the path of a page or a file behind /docs.
func (s *shelf) address(name string) string {
	if name == "" {
		return s.docs.prefix + "/docs"
	}
	return s.docs.prefix + "/docs/" + name
}

func (s *shelf) asset(name, kind string) (string, error) {
	body, err := embedded.ReadFile("assets/" + name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	ext := path.Ext(name)
	name = strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:8]) + ext
	s.docs.files[name] = made(kind, body, true)
	return name, nil
}

func made(kind string, body []byte, kept bool) file {
	sum := sha256.Sum256(body)
	return file{kind: kind, body: body, kept: kept, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

// samples are served as they are run.
func (s *shelf) samples() error {
	list, err := embedded.ReadDir("samples")
	if err != nil {
		return err
	}
	for _, f := range list {
		body, err := embedded.ReadFile("samples/" + f.Name())
		if err != nil {
			return err
		}
		s.docs.files["samples/"+f.Name()] = made("text/plain; charset=utf-8", body, false)
	}
	return nil
}

// reference fills the page that is made from the OpenAPI document.
func (s *shelf) reference(v *view) error {
	doc, err := parse(s.cfg.OpenAPI, s.here)
	if err != nil {
		return err
	}
	p := (&book{doc: doc, md: s.md}).page()
	if len(p.Groups) == 0 || len(p.Schemas) == 0 {
		return errors.New("the OpenAPI document has no operations or no schemas")
	}
	v.Title, v.API, v.Contents = "The API", &p, p.contents()
	return nil
}

// written fills a page of pages/, with its samples.
func (s *shelf) written(v *view, e entry) error {
	name := e.Name
	if name == "" {
		name = "index"
	}
	src, err := embedded.ReadFile("pages/" + name + ".md")
	if err != nil {
		return err
	}
	text, err := include(s.here(string(src)))
	if err != nil {
		return err
	}
	v.Title, v.Contents, v.Body, err = s.md.page([]byte(text))
	return err
}

// here puts the server's own address where the texts have an example.
func (s *shelf) here(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, example, s.base), exampleHost, s.host)
}

// include replaces each line "@sample FILE" by the sample.
func include(text string) (string, error) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		name, ok := strings.CutPrefix(line, "@sample ")
		if !ok {
			continue
		}
		body, err := embedded.ReadFile("samples/" + name)
		if err != nil {
			return "", err
		}
		lines[i] = "```" + strings.TrimPrefix(path.Ext(name), ".") + "\n" + strings.TrimSpace(string(body)) + "\n```\n\n[" + name + "](/docs/samples/" + name + ")"
	}
	return strings.Join(lines, "\n"), nil
}

func (s *shelf) render(pages *template.Template, v view) error {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, "page.html", v); err != nil {
		return err
	}
	s.docs.files[v.Here] = made("text/html; charset=utf-8", b.Bytes(), false)
	return nil
}

// age is how long a page may be shown without asking, in seconds, so that an update of the server is soon seen.
const age = "300"

// ServeHTTP answers GET and HEAD of /docs and what is below it, behind the public URL's path.
func (d *Docs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/docs"), "/")
	f, ok := d.files[name]
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	if !ok {
		f = d.files[lost]
		h.Set("Content-Type", f.kind)
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write(f.body) // a client that went away is no news
		return
	}
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", "public, max-age="+age)
	if f.kept {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
}
