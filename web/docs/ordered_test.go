package docs

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func same(s string) string { return s }

// values draws any JSON value.
func values() *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return float64(rapid.IntRange(-1000, 1000).Draw(t, "number"))
		case 3:
			return rapid.SliceOfN(rapid.Deferred(values), 0, 4).Draw(t, "list")
		case 4:
			return rapid.MapOfN(rapid.String(), rapid.Deferred(values), 0, 4).Draw(t, "object")
		}
		return rapid.String().Draw(t, "text")
	})
}

// What is read and written again says the same, short or long.
func TestJSONSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src, err := json.Marshal(values().Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := parse(src, same)
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		if err := json.Unmarshal(src, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(n.json("")), &got); err != nil {
			t.Fatalf("%s\n%s", err, n.json(""))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestMembersKeepTheirOrder(t *testing.T) {
	n, err := parse([]byte(`{"z":1,"a":{"m":"<b>","b":[1,2]},"k":null}`), strings.ToUpper)
	if err != nil {
		t.Fatal(err)
	}
	if got := n.json(""); got != `{"z": 1, "a": {"m": "<B>", "b": [1, 2]}, "k": null}` {
		t.Error(got)
	}
	if n.at("a", "m").string() != "<B>" || n.at("a", "x", "y") != nil || n.at("x").string() != "" || len(n.at("x").list()) != 0 || n.at("x").json("") != "" {
		t.Error("what is not there is not empty")
	}
	for _, text := range []string{"", "{", `{"a"`, `{"a":`, `[1,`, `{"a":1`, `["a"`, "nothing"} {
		if _, err := parse([]byte(text), same); err == nil {
			t.Errorf("%q is a document", text)
		}
	}
}

// plainly writes a kind as a reader sees it.
func plainly(k kind) string {
	var b strings.Builder
	for _, p := range k {
		b.WriteString(p.Text)
	}
	return b.String()
}

func TestKindsAreSaid(t *testing.T) {
	for src, want := range map[string]string{
		`{"type":"string"}`:                                                    "text",
		`{"type":"string","format":"date-time"}`:                               "text (date-time)",
		`{"type":"integer","format":"int64"}`:                                  "integer",
		`{"type":"array","items":{"$ref":"#/components/schemas/Rate"}}`:        "list of Rate",
		`{"type":"object","additionalProperties":{"type":"number"}}`:           "object of number",
		`{"type":"object","additionalProperties":true}`:                        "object",
		`{"type":"string","enum":["a","b"]}`:                                   `"a", "b"`,
		`{"oneOf":[{"$ref":"#/components/schemas/A"},{"type":"boolean"}]}`:     "A or boolean",
		`{"description":"x","allOf":[{"$ref":"#/components/schemas/TextIn"}]}`: "TextIn",
		`{}`: "any value",
	} {
		n, err := parse([]byte(src), same)
		if err != nil {
			t.Fatal(err)
		}
		if got := plainly(kindOf(n)); got != want {
			t.Errorf("%s is %q, want %q", src, got, want)
		}
	}
	if got := plainly(kindOf(nil)); got != "any value" {
		t.Error(got)
	}
}

func TestMembersOfMembersAreListed(t *testing.T) {
	n, err := parse([]byte(`{"required":["a"],"allOf":[{"$ref":"#/x/Base"},{"properties":{"own":{"type":"string"}}}],
		"properties":{"a":{"properties":{"b":{"type":"string"}}},"list":{"type":"array","items":{"properties":{"c":{}}}}}}`), same)
	if err != nil {
		t.Fatal(err)
	}
	list, parts := membersOf(n, "")
	var names []string
	for _, m := range list {
		if names = append(names, m.Name); m.Required != (m.Name == "a") {
			t.Errorf("%s: required %v", m.Name, m.Required)
		}
	}
	if got := strings.Join(names, " ") + " + " + strings.Join(parts, " "); got != "a a.b list list[].c own + Base" {
		t.Error(got)
	}
}

func TestMarkdownIsTame(t *testing.T) {
	md := newMarkdown("/in")
	title, contents, body, err := md.page([]byte("# A `title`\n\n## One {#first}\n\n[in](/docs/x#y) [out](https://a.example/)\n\n<script>x</script>\n\n### Two\n\n|a|\n|-|\n|`b`|\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []heading{{"first", "One", 2}, {"two", "Two", 3}}; title != "A title" || !cmp.Equal(want, contents) {
		t.Errorf("%q %v", title, contents)
	}
	for _, want := range []string{`href="/in/docs/x#y"`, `href="https://a.example/"`, `<h2 id="first">`, `<div class="wide"><table>`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if strings.Contains(string(body), "<script>") {
		t.Errorf("HTML passes:\n%s", body)
	}
	for src, want := range map[string]string{"one `x`": "one <code>x</code>", "a\n\nb": "<p>a</p>\n<p>b</p>", "": ""} {
		if got := string(md.line(src)); got != want {
			t.Errorf("%q: %q", src, got)
		}
	}
	if _, err := include("@sample none.xyz"); err == nil {
		t.Error("a sample that is not there")
	}
}
