package docs

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// heading is an entry of a page's contents.
type heading struct {
	ID, Text string
	Level    int // 2 or 3
}

// markdown renders CommonMark with tables. Raw HTML in it is left out.
type markdown struct {
	prefix string // before links that begin with a slash
	md     goldmark.Markdown
}

func newMarkdown(prefix string) *markdown {
	m := &markdown{prefix: prefix}
	m.md = goldmark.New(
		goldmark.WithExtensions(extension.Table),
		goldmark.WithParserOptions(parser.WithAutoHeadingID(), parser.WithAttribute(), parser.WithASTTransformers(util.Prioritized(m, 100))),
		goldmark.WithRendererOptions(html.WithXHTML()),
	)
	return m
}

// Transform implements parser.ASTTransformer: links of our own lead to where the server is.
func (m *markdown) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	_ = ast.Walk(doc, func(n ast.Node, in bool) (ast.WalkStatus, error) { // the function does not fail
		if l, ok := n.(*ast.Link); ok && in && bytes.HasPrefix(l.Destination, []byte("/")) {
			l.Destination = append([]byte(m.prefix), l.Destination...)
		}
		return ast.WalkContinue, nil
	})
}

// page renders a page: its title, its contents, and all that is below the title.
func (m *markdown) page(src []byte) (title string, contents []heading, body template.HTML, err error) {
	doc := m.md.Parser().Parse(text.NewReader(src))
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		h, ok := n.(*ast.Heading)
		if !ok {
			continue
		}
		words := plain(h, src)
		if h.Level == 1 {
			title = words
			continue
		}
		id, _ := h.AttributeString("id")
		name, _ := id.([]byte)
		contents = append(contents, heading{ID: string(name), Text: words, Level: h.Level})
	}
	var b bytes.Buffer
	if err := m.md.Renderer().Render(&b, src, doc); err != nil {
		return "", nil, "", fmt.Errorf("render markdown: %w", err)
	}
	return title, contents, reachable(b.String()), nil
}

// plain is a heading's text without its marks.
func plain(h *ast.Heading, src []byte) string {
	var b strings.Builder
	_ = ast.Walk(h, func(n ast.Node, in bool) (ast.WalkStatus, error) { // the function does not fail
		if t, ok := n.(*ast.Text); ok && in {
			b.Write(t.Segment.Value(src))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// block renders a text of the OpenAPI document.
func (m *markdown) block(src string) template.HTML {
	var b bytes.Buffer
	if err := m.md.Convert([]byte(src), &b); err != nil {
		return template.HTML(template.HTMLEscapeString(src)) //nolint:gosec // escaped
	}
	return reachable(b.String())
}

// reachable lets who has no mouse scroll what is wider than the screen.
func reachable(page string) template.HTML {
	out := strings.NewReplacer("<pre>", `<pre tabindex="0">`, "<table>", `<div class="wide"><table>`, "</table>", "</table></div>").Replace(page)
	return template.HTML(out) //nolint:gosec // our own texts, and the renderer leaves HTML out
}

// line renders a text of one paragraph, without the paragraph.
func (m *markdown) line(src string) template.HTML {
	out := strings.TrimSpace(string(m.block(src)))
	if in, ok := strings.CutPrefix(out, "<p>"); ok && strings.Count(out, "<p>") == 1 {
		out = strings.TrimSuffix(in, "</p>")
	}
	return template.HTML(out) //nolint:gosec // as block
}
