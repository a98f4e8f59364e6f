package bitpay

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"satchel/fault"
)

// Body is the JSON object of a request, read once and checked as a document. What its members mean is decided by who
// asks for them.
type Body struct{ members []member }

// ParseBody reads a request's body. It refuses with fault.Invalid, and names the member at fault where there is one.
func ParseBody(src []byte) (Body, error) {
	s := &scanner{src: string(src)}
	if s.next() != '{' {
		return Body{}, s.fail("must be a JSON object")
	}
	members, err := s.object()
	if err != nil {
		return Body{}, err
	}
	if s.next() != 0 || s.pos != len(s.src) {
		return Body{}, s.fail("goes on after the JSON object")
	}
	return Body{members}, nil
}

// ParseForm reads a body that is an HTML form. Each of its members is a text. It refuses as ParseBody does.
func ParseForm(src []byte) (Body, error) {
	var b Body
	var seen names
	for part := range strings.SplitSeq(string(src), "&") {
		if part == "" { // some begin with the sign that parts members
			continue
		}
		name, content, _ := strings.Cut(part, "=")
		name, errName := url.QueryUnescape(name)
		content, err := url.QueryUnescape(content)
		if errName != nil || err != nil || !utf8.ValidString(name+content) || strings.ContainsRune(name+content, 0) {
			return Body{}, fault.New(fault.Invalid, "the form is not properly encoded UTF-8")
		}
		if !seen.add(b.members, name) {
			return Body{}, fault.Field(clip(name, maxName), "is given twice")
		}
		if b.members = append(b.members, member{name, value{text, content}}); len(b.members) > maxMembers {
			return Body{}, fault.New(fault.Invalid, "the form has more than %d members", maxMembers)
		}
	}
	return b, nil
}

func (b Body) find(name string) value {
	for i := range b.members {
		if b.members[i].name == name {
			return b.members[i].value
		}
	}
	return value{}
}

// Token gives the member "token", "" where there is none.
func (b Body) Token() string { return b.plain("token") }

// GUID gives the member "guid", which makes a repeated request the same request; "" where there is none that may be.
func (b Body) GUID() string {
	guid := b.plain("guid")
	if utf8.RuneCountInString(guid) > maxGUID {
		return ""
	}
	return guid
}

func (b Body) plain(name string) string {
	switch v := b.find(name); v.kind {
	case text, number:
		return v.src
	case absent, null, boolean, object, array:
		return ""
	}
	return ""
}

// Digest is SHA-256 over what the body says, whatever its order, spacing and escapes, so that a repeated request is
// known. Left out is what may differ between two sendings of one wish: who proves it (token), and the counters that
// clients add (nonce, sessionId, requestNumber).
func (b Body) Digest() [32]byte {
	h := sha256.New()
	kept := make([]member, 0, len(b.members))
	for _, m := range b.members {
		switch m.name {
		case "token", "nonce", "sessionId", "requestNumber":
		default:
			kept = append(kept, m)
		}
	}
	digestObject(h, kept)
	return [32]byte(h.Sum(nil))
}

// digestObject hashes members in order of their names. Everything has its kind and length before it, so that no two
// bodies run together.
func digestObject(h hash.Hash, members []member) {
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	digestHead(h, object, len(members))
	for _, m := range members {
		digestText(h, text, m.name)
		digestValue(h, m.value)
	}
}

func digestValue(h hash.Hash, v value) {
	switch v.kind {
	case object:
		digestObject(h, v.members())
	case array:
		elements := v.elements()
		digestHead(h, array, len(elements))
		for _, e := range elements {
			digestValue(h, e)
		}
	case absent, null, text, number, boolean:
		digestText(h, v.kind, v.src)
	}
}

func digestText(h hash.Hash, k kind, s string) {
	digestHead(h, k, len(s))
	h.Write([]byte(s))
}

func digestHead(h hash.Hash, k kind, n int) {
	var head [9]byte
	head[0] = byte(k)
	binary.BigEndian.PutUint64(head[1:], uint64(n)) //nolint:gosec // a length
	h.Write(head[:])
}

// members gives what is in an object; nothing for other kinds. It was checked when the body was read.
func (v value) members() []member {
	if v.kind != object {
		return nil
	}
	list, err := (&scanner{src: v.src}).object()
	if err != nil {
		return nil
	}
	return list
}

// elements gives what is in an array; nothing for other kinds.
func (v value) elements() []value {
	if v.kind != array {
		return nil
	}
	list, err := (&scanner{src: v.src}).array()
	if err != nil {
		return nil
	}
	return list
}

// again gives an error of another room the name of the member that it is about.
func again(field string, err error) error {
	return fault.Field(field, "%s", messageOf(err))
}
