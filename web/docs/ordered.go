package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// node is a JSON value whose members keep their order. A nil node is an absent one, of which everything is empty.
type node struct {
	kind    byte // '{', '[', '"', or 'x' for numbers, booleans and null
	text    string
	names   []string
	members map[string]*node
	items   []*node
}

// parse reads a document. Every text is changed first.
func parse(doc []byte, change func(string) string) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	n, err := read(d, change)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	return n, nil
}

func read(d *json.Decoder, change func(string) string) (*node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		return readMany(d, t, change)
	case string:
		return &node{kind: '"', text: change(t)}, nil
	case nil:
		return &node{kind: 'x', text: "null"}, nil
	}
	return &node{kind: 'x', text: fmt.Sprint(t)}, nil
}

// readMany reads an object's or an array's values, and its end.
func readMany(d *json.Decoder, open json.Delim, change func(string) string) (*node, error) {
	n := &node{kind: byte(open), members: map[string]*node{}} //nolint:gosec // one of { and [
	for d.More() {
		name := ""
		if open == '{' {
			t, err := d.Token()
			if err != nil {
				return nil, err
			}
			name, _ = t.(string)
		}
		v, err := read(d, change)
		if err != nil {
			return nil, err
		}
		if open == '[' {
			n.items = append(n.items, v)
			continue
		}
		n.names = append(n.names, name)
		n.members[name] = v
	}
	_, err := d.Token()
	return n, err
}

// at gives what is under a path of names.
func (n *node) at(path ...string) *node {
	for _, name := range path {
		if n == nil {
			return nil
		}
		n = n.members[name]
	}
	return n
}

// string gives a text, or a number as it is written.
func (n *node) string() string {
	if n == nil {
		return ""
	}
	return n.text
}

// list gives an array's values.
func (n *node) list() []*node {
	if n == nil {
		return nil
	}
	return n.items
}

// texts gives an array's values as texts.
func (n *node) texts() []string {
	var list []string
	for _, v := range n.list() {
		list = append(list, v.text)
	}
	return list
}

// each visits an object's members in order.
func (n *node) each(fn func(name string, v *node)) {
	if n == nil {
		return
	}
	for _, name := range n.names {
		fn(name, n.members[name])
	}
}

// json writes the value, two spaces deep for each level; what is short stays on one line.
func (n *node) json(indent string) string {
	if n == nil {
		return ""
	}
	switch n.kind {
	case '{', '[':
	case '"':
		return quote(n.text)
	default:
		return n.text
	}
	var parts []string
	for i := range max(len(n.names), len(n.items)) {
		if n.kind == '[' {
			parts = append(parts, n.items[i].json(indent+"  "))
			continue
		}
		parts = append(parts, quote(n.names[i])+": "+n.members[n.names[i]].json(indent+"  "))
	}
	open, end := string(n.kind), string(n.kind+2) // in ASCII the closing one is two after the opening one
	line := open + strings.Join(parts, ", ") + end
	if len(line) <= 60 && !strings.Contains(line, "\n") {
		return line
	}
	return open + "\n" + indent + "  " + strings.Join(parts, ",\n"+indent+"  ") + "\n" + indent + end
}

func quote(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a text cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}
