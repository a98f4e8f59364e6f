package docs

import (
	"strings"
)

// kind is what a value may be, as a text in which schemas are linked.
type kind []part

// part is a text, or the name of a schema.
type part struct{ Text, Schema string }

func words(text string) kind { return kind{{Text: text}} }

// reference is the name of the schema that a node refers to.
func reference(n *node) string {
	ref := n.at("$ref").string()
	return ref[strings.LastIndexByte(ref, '/')+1:]
}

// kindOf says what a schema allows.
func kindOf(n *node) kind {
	if n == nil {
		return words("any value")
	}
	if name := reference(n); name != "" {
		return kind{{Text: name, Schema: name}}
	}
	for _, of := range []string{"oneOf", "anyOf"} {
		if list := n.at(of).list(); len(list) > 0 {
			return anyOf(list)
		}
	}
	if list := n.at("allOf").list(); len(list) == 1 {
		return kindOf(list[0])
	}
	if list := n.at("enum").list(); len(list) > 0 {
		return words(choices(list))
	}
	switch t := n.at("type").string(); t {
	case "array":
		return append(words("list of "), kindOf(n.at("items"))...)
	case "object":
		if others := n.at("additionalProperties"); others != nil && others.kind == '{' {
			return append(words("object of "), kindOf(others)...)
		}
		return words("object")
	case "string":
		return words(stringKind(n))
	case "":
		return words("any value")
	default:
		return words(t)
	}
}

func stringKind(n *node) string {
	switch f := n.at("format").string(); f {
	case "":
		return "text"
	default:
		return "text (" + f + ")"
	}
}

func anyOf(list []*node) kind {
	var k kind
	for i, one := range list {
		if i > 0 {
			k = append(k, part{Text: " or "})
		}
		k = append(k, kindOf(one)...)
	}
	return k
}

// choices lists the values that there are.
func choices(list []*node) string {
	var texts []string
	for _, v := range list {
		texts = append(texts, v.json(""))
	}
	return strings.Join(texts, ", ")
}

// member is a row of a schema's table.
type member struct {
	Name     string
	Required bool
	Kind     kind
	About    string
}

// membersOf lists what an object has, with the members of objects in it behind their names. Parts that have a name of
// their own are told apart: their names are given back.
func membersOf(n *node, before string) (list []member, parts []string) {
	required := map[string]bool{}
	for _, name := range n.at("required").texts() {
		required[name] = true
	}
	n.at("properties").each(func(name string, v *node) {
		list = append(list, member{Name: before + name, Required: required[name], Kind: kindOf(v), About: v.at("description").string()})
		inner, _ := membersOf(v, before+name+".")
		if v.at("type").string() == "array" {
			inner, _ = membersOf(v.at("items"), before+name+"[].")
		}
		list = append(list, inner...)
	})
	for _, p := range n.at("allOf").list() {
		if name := reference(p); name != "" {
			parts = append(parts, name)
			continue
		}
		inner, more := membersOf(p, before)
		list, parts = append(list, inner...), append(parts, more...)
	}
	return list, parts
}
