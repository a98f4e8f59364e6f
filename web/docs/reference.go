package docs

import (
	"html/template"
	"strings"
)

// apiPage is the reference of the API.
type apiPage struct {
	About   template.HTML
	Ways    []way // of proving who calls
	Groups  []group
	Schemas []schema
}

// way is a way to prove who calls.
type way struct {
	Name, Where string
	About       template.HTML
}

// group is what belongs together.
type group struct {
	Name, ID   string
	About      template.HTML
	Operations []operation
}

// operation is a call.
type operation struct {
	ID, Method, Path string
	Summary, About   template.HTML
	Facades          []string
	Takes            []field
	Body             kind
	Bodies           []sample // of the request
	Answers          []answer
	Shown            []sample // of the answer
	Callbacks        []operation
}

// field is a parameter.
type field struct {
	Name, In string
	Required bool
	Kind     kind
	About    template.HTML
}

// sample is an example.
type sample struct{ Title, Text string }

// answer is a status with what it means.
type answer struct {
	Status string
	About  template.HTML
	Kind   kind
	Code   string // of the error; "" where it is none
}

// schema is what a value looks like.
type schema struct {
	Name    string
	About   template.HTML
	Kind    kind     // where it is no object
	Parts   []string // schemas whose members it has, too
	Members []schemaMember
	Example string
}

type schemaMember struct {
	member
	About template.HTML
}

// book reads a document.
type book struct {
	doc *node
	md  *markdown
}

// page makes the reference.
func (b *book) page() apiPage {
	p := apiPage{About: b.md.block(b.doc.at("info", "description").string())}
	b.doc.at("components", "securitySchemes").each(func(name string, v *node) {
		w := way{Name: name, Where: v.at("in").string() + " " + v.at("name").string(), About: b.md.line(v.at("description").string())}
		if v.at("type").string() == "http" {
			w.Where = "header authorization"
		}
		p.Ways = append(p.Ways, w)
	})
	for _, tag := range b.doc.at("tags").list() {
		name := tag.at("name").string()
		p.Groups = append(p.Groups, group{
			Name: name, ID: strings.ToLower(name), About: b.md.line(tag.at("description").string()), Operations: b.operations(name),
		})
	}
	b.doc.at("components", "schemas").each(func(name string, v *node) { p.Schemas = append(p.Schemas, b.schema(name, v)) })
	return p
}

// operations are those of a group, in the document's order.
func (b *book) operations(tag string) (list []operation) {
	b.doc.at("paths").each(func(path string, item *node) {
		item.each(func(method string, op *node) {
			if tags := op.at("tags").texts(); len(tags) > 0 && tags[0] == tag {
				list = append(list, b.operation(strings.ToUpper(method), path, op, item.at("parameters").list()))
			}
		})
	})
	return list
}

func (b *book) operation(method, path string, op *node, shared []*node) operation {
	o := operation{
		ID: op.at("operationId").string(), Method: method, Path: path, Facades: op.at("x-facades").texts(),
		Summary: b.md.line(op.at("summary").string()), About: b.md.block(op.at("description").string()),
	}
	for _, p := range append(append([]*node{}, op.at("parameters").list()...), shared...) {
		p = b.resolve(p)
		o.Takes = append(o.Takes, field{
			Name: p.at("name").string(), In: p.at("in").string(), Required: p.at("required").string() == "true",
			Kind: kindOf(p.at("schema")), About: b.md.line(p.at("description").string()),
		})
	}
	op.at("requestBody", "content").each(func(_ string, media *node) {
		o.Body = kindOf(media.at("schema"))
		o.Bodies = append(o.Bodies, b.samples(media)...)
	})
	op.at("responses").each(func(status string, res *node) { b.answer(&o, status, b.resolve(res)) })
	op.at("callbacks").each(func(_ string, cb *node) {
		cb.each(func(to string, item *node) {
			item.each(func(method string, op *node) {
				o.Callbacks = append(o.Callbacks, b.operation(strings.ToUpper(method), to, op, nil))
			})
		})
	})
	return o
}

// answer adds a status, and what is shown of a success.
func (b *book) answer(o *operation, status string, res *node) {
	a := answer{Status: status, About: b.md.line(res.at("description").string())}
	res.at("content").each(func(_ string, media *node) {
		if a.Kind == nil {
			a.Kind = kindOf(media.at("schema"))
		}
		if code := media.at("example", "code").string(); reference(media.at("schema")) == "Error" {
			a.Code = code
		} else if status == "200" {
			o.Shown = append(o.Shown, b.samples(media)...)
		}
	})
	at := len(o.Answers) // by status
	for at > 0 && o.Answers[at-1].Status > status {
		at--
	}
	o.Answers = append(o.Answers[:at], append([]answer{a}, o.Answers[at:]...)...)
}

func (b *book) samples(media *node) (list []sample) {
	if e := media.at("example"); e != nil {
		list = append(list, sample{Text: e.json("")})
	}
	media.at("examples").each(func(_ string, e *node) {
		list = append(list, sample{Title: e.at("summary").string(), Text: e.at("value").json("")})
	})
	return list
}

func (b *book) schema(name string, n *node) schema {
	s := schema{Name: name, About: b.md.block(n.at("description").string())}
	members, parts := membersOf(n, "")
	s.Parts = parts
	for _, m := range members {
		s.Members = append(s.Members, schemaMember{member: m, About: b.md.line(m.About)})
	}
	if len(members) == 0 && len(parts) == 0 {
		s.Kind = kindOf(n)
	}
	if e := n.at("example"); e != nil {
		s.Example = e.json("")
	}
	return s
}

// resolve follows a reference.
func (b *book) resolve(n *node) *node {
	ref := n.at("$ref").string()
	if ref == "" {
		return n
	}
	return b.doc.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
}

// contents are the reference's.
func (p apiPage) contents() []heading {
	list := []heading{{"who-calls", "Who calls", 2}}
	for _, g := range p.Groups {
		list = append(list, heading{g.ID, g.Name, 2})
		for _, o := range g.Operations {
			list = append(list, heading{o.ID, o.Method + " " + o.Path, 3})
		}
	}
	return append(list, heading{"schemas", "Schemas", 2})
}
