package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	yaml "github.com/oasdiff/yaml3"

	"satchel/auth"
)

// TestOpenAPIDocument holds what is served against what is written, and both against the rules of OpenAPI.
func TestOpenAPIDocument(t *testing.T) {
	src, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := fromYAML(src)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", want, 0o600); err != nil {
			t.Fatal(err)
		}
		openAPI = string(want)
	}
	if openAPI != string(want) {
		t.Fatal("openapi.json is not openapi.yaml: go test ./api -run TestOpenAPIDocument -update")
	}
	doc, err := openapi3.NewLoader().LoadFromData(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation()); err != nil {
		t.Fatal(err)
	}
	// A YAML reader of somebody else's must come to the same.
	other, err := openapi3.NewLoader().LoadFromData(src)
	if err != nil {
		t.Fatal(err)
	}
	delete(other.Extensions, "x-shared")
	a, errA := json.Marshal(doc)
	b, errB := json.Marshal(other)
	if err := errors.Join(errA, errB); err != nil || !bytes.Equal(a, b) {
		t.Errorf("another reader sees another document: %v", err)
	}
}

// fromYAML writes a document as JSON in its own order. Merged members come after those that stand there; x-shared is left
// out.
func fromYAML(src []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(src, &root); err != nil {
		return nil, err
	}
	var flat, out bytes.Buffer
	if err := writeNode(&flat, root.Content[0]); err != nil {
		return nil, err
	}
	if err := json.Indent(&out, flat.Bytes(), "", " "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func writeNode(w *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.AliasNode:
		return writeNode(w, n.Alias)
	case yaml.MappingNode:
		w.WriteByte('{')
		for i, m := range membersOf(n, map[string]bool{"x-shared": true}) {
			if i > 0 {
				w.WriteByte(',')
			}
			writeText(w, m[0].Value)
			w.WriteByte(':')
			if err := writeNode(w, m[1]); err != nil {
				return err
			}
		}
		w.WriteByte('}')
		return nil
	case yaml.SequenceNode:
		w.WriteByte('[')
		for i, e := range n.Content {
			if i > 0 {
				w.WriteByte(',')
			}
			if err := writeNode(w, e); err != nil {
				return err
			}
		}
		w.WriteByte(']')
		return nil
	case yaml.ScalarNode:
		return writeScalar(w, n)
	case yaml.DocumentNode:
	}
	return fmt.Errorf("line %d: a node of kind %d", n.Line, n.Kind)
}

// membersOf gives the members of a mapping, with those that are merged into it and that it does not have itself.
func membersOf(n *yaml.Node, seen map[string]bool) (list [][2]*yaml.Node) {
	var merged []*yaml.Node
	for i := 0; i < len(n.Content); i += 2 {
		name, v := n.Content[i], n.Content[i+1]
		switch {
		case name.Tag == "!!merge":
			merged = append(merged, v.Alias)
		case !seen[name.Value]:
			seen[name.Value] = true
			list = append(list, [2]*yaml.Node{name, v})
		}
	}
	for _, m := range merged {
		list = append(list, membersOf(m, seen)...)
	}
	return list
}

func writeScalar(w *bytes.Buffer, n *yaml.Node) error {
	switch n.Tag {
	case "!!str":
		writeText(w, n.Value)
	case "!!int", "!!float", "!!bool", "!!null":
		if !json.Valid([]byte(n.Value)) {
			return fmt.Errorf("line %d: %s is not JSON", n.Line, n.Value)
		}
		w.WriteString(n.Value)
	default:
		return fmt.Errorf("line %d: what is %s?", n.Line, n.Tag)
	}
	return nil
}

func writeText(w *bytes.Buffer, s string) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text cannot fail
}

// openAPIDocument is the document, read once for all tests.
var openAPIDocument = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromData([]byte(openAPI))
})

func document(tb testing.TB) *openapi3.T {
	tb.Helper()
	doc, err := openAPIDocument()
	if err != nil {
		tb.Fatal(err)
	}
	return doc
}

// documented gives a route's path as the document writes it.
func documented(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		switch {
		case s == "*":
			segments[i] = "{path}"
		case strings.HasPrefix(s, ":"):
			segments[i] = "{" + s[1:] + "}"
		}
	}
	return strings.Join(segments, "/")
}

// TestOpenAPIRoutes: the document has the routes of the table, with who may call them, and no others.
func TestOpenAPIRoutes(t *testing.T) {
	w := start(t, func(c *Config) { c.Web, c.Desk = http.NotFoundHandler(), http.NotFoundHandler() })
	doc := document(t)
	var want, got []string
	for _, r := range w.api.routes.list {
		want = append(want, fmt.Sprintf("%s %s %s", r.method, documented(r.path), facadesOf(r.facades)))
	}
	ids := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			var facades []string
			for _, f := range op.Extensions["x-facades"].([]any) {
				facades = append(facades, f.(string))
			}
			got = append(got, fmt.Sprintf("%s %s %s", method, path, strings.Join(facades, ",")))
			if ids[op.OperationID] {
				t.Errorf("the operation %q is there twice", op.OperationID)
			}
			ids[op.OperationID] = true
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("only the document has %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("the document lacks %s", line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d operations, %d routes", len(got), len(want))
	}
	for _, r := range w.api.routes.list {
		if op := doc.Paths.Value(documented(r.path)).GetOperation(r.method); op != nil {
			checkSecurity(t, r, op)
		}
	}
}

func facadesOf(facades []auth.Facade) string {
	list := make([]string, len(facades))
	for i, f := range facades {
		list[i] = f.String()
	}
	return strings.Join(list, ",")
}

// checkSecurity holds how a caller can prove himself against who may call.
func checkSecurity(t *testing.T, r route, op *openapi3.Operation) {
	t.Helper()
	if op.Security == nil {
		t.Errorf("%s says nothing of security", op.OperationID)
		return
	}
	var open, token, signature bool
	for _, way := range *op.Security {
		open = open || len(way) == 0
		token = token || way["token"] != nil && way["bearer"] == nil
		signature = signature || way["signature"] != nil && way["identity"] != nil
	}
	public := slices.Contains(r.facades, auth.Public)
	seller := slices.Contains(r.facades, auth.POS) || slices.Contains(r.facades, auth.Merchant)
	user := slices.Contains(r.facades, auth.User)
	switch {
	case public && !seller:
		if len(*op.Security) != 0 {
			t.Errorf("%s needs no proof", op.OperationID)
		}
	case open != public || token != seller || signature != (seller || user):
		t.Errorf("%s: the document's ways to prove oneself do not fit %s", op.OperationID, facadesOf(r.facades))
	}
}

// TestOpenAPIIsSaid: everything has a sentence, and what is sent and answered has an example.
func TestOpenAPIIsSaid(t *testing.T) {
	doc := document(t)
	said := func(what, text string) {
		t.Helper()
		if text = strings.TrimSpace(text); !strings.HasSuffix(text, ".") {
			t.Errorf("%s is not explained by a sentence: %q", what, text)
		}
	}
	for name, s := range doc.Components.Schemas {
		eachSchema(name, s, func(where string, s *openapi3.Schema) { said(where, s.Description) })
	}
	for name, p := range doc.Components.Parameters {
		said(name, p.Value.Description)
	}
	for name, h := range doc.Components.Headers {
		said(name, h.Value.Description)
	}
	for name, s := range doc.Components.SecuritySchemes {
		said(name, s.Value.Description)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			where := method + " " + path
			said(where, op.Summary)
			if op.Description != "" {
				said(where, op.Description)
			}
			for _, p := range slices.Concat(op.Parameters, item.Parameters) {
				said(where+" "+p.Value.Name, p.Value.Description)
			}
			if op.RequestBody != nil {
				hasExample(t, where, op.RequestBody.Value.Content)
			}
			for status, res := range op.Responses.Map() {
				said(where+" "+status, *res.Value.Description)
				if !slices.Contains(op.Tags, "Pages") && op.OperationID != "showOpenAPI" {
					hasExample(t, where+" "+status, res.Value.Content)
				}
			}
		}
	}
}

func hasExample(t *testing.T, where string, content openapi3.Content) {
	t.Helper()
	for kind, media := range content {
		if media.Example == nil && len(media.Examples) == 0 && kind != "text/event-stream" {
			t.Errorf("%s, %s: there is no example", where, kind)
		}
	}
}

// eachSchema visits a schema and all that is written in it, not what it refers to.
func eachSchema(where string, ref *openapi3.SchemaRef, fn func(string, *openapi3.Schema)) {
	if ref == nil || ref.Value == nil {
		return
	}
	s := ref.Value
	fn(where, s)
	for name, p := range s.Properties {
		if p.Ref == "" {
			eachSchema(where+"."+name, p, fn)
		}
	}
	for i, part := range s.AllOf {
		if part.Ref == "" {
			eachSchema(fmt.Sprintf("%s/%d", where, i), part, fn)
		}
	}
}

// TestOpenAPIIsServed to anybody, at the address by which he called, and not twice.
func TestOpenAPIIsServed(t *testing.T) {
	w := start(t, nil)
	one := w.send(http.MethodGet, "/openapi.json", "", "Host", "pay.example")
	two := w.send(http.MethodGet, "/OpenAPI.json/", "", "Host", "localhost:8350")
	for _, c := range []struct {
		reply
		url string
	}{{one, "https://pay.example"}, {two, "http://localhost:8350"}} {
		doc, err := openapi3.NewLoader().LoadFromData([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.status != http.StatusOK || len(doc.Servers) != 1 || doc.Servers[0].URL != c.url {
			t.Errorf("%d, with the servers %v", c.status, doc.Servers)
		}
		if c.header.Get("Access-Control-Allow-Origin") != "*" || c.header.Get("Content-Type") != "application/json; charset=utf-8" ||
			c.header.Get("Cache-Control") != "public, max-age=300" {
			t.Errorf("%v", c.header)
		}
	}
	tag := one.header.Get("ETag")
	if tag == "" || tag == two.header.Get("ETag") {
		t.Errorf("the tags are %q and %q", tag, two.header.Get("ETag"))
	}
	for sent, status := range map[string]int{
		tag: 304, `"other", W/` + tag: 304, "*": 304, `"other"`: 200, strings.Trim(tag, `"`): 200, "": 200,
	} {
		r := w.send(http.MethodGet, "/openapi.json", "", "Host", "pay.example", "If-None-Match", sent)
		if r.status != status || (r.body == "") != (status == 304) || r.header.Get("ETag") != tag {
			t.Errorf("with %s: %d, %d bytes, %q", sent, r.status, len(r.body), r.header.Get("ETag"))
		}
	}
	if r := w.send(http.MethodHead, "/openapi.json", "", "Host", "pay.example"); r.status != 200 || r.body != "" || r.header.Get("ETag") != tag {
		t.Errorf("HEAD: %d, %d bytes", r.status, len(r.body))
	}
}

// sent gives the body of a request that was sent.
func sent(req *http.Request) ([]byte, bool) {
	if req.GetBody == nil {
		return nil, req.Body == nil || req.Body == http.NoBody
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, false
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	return b, err == nil
}
