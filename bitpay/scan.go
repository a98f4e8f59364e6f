package bitpay

import (
	"strings"
	"unicode/utf8"

	"satchel/fault"
)

// Bounds of a body that has any business here. The deepest one a client sends has four levels.
const (
	maxDepth   = 16
	maxMembers = 256 // of one object
	maxName    = 64  // how much of a name an error repeats
	fewNames   = 16  // up to here comparing beats a map
)

// kind is what a JSON value is.
type kind uint8

const (
	absent kind = iota
	null
	text
	number
	boolean
	object
	array
)

// value is one JSON value. src is the decoded text of a string, and the source of everything else: numbers stay the
// text they were, and what is inside an object or array was checked but not kept.
type value struct {
	kind kind
	src  string
}

type member struct {
	name string
	value
}

// scanner walks a document once. It accepts RFC 8259 less what is only good for attacks.
type scanner struct {
	src   string
	pos   int
	depth int
	field string // the member of the outermost object that we are in
}

func (s *scanner) fail(format string, args ...any) error {
	e := fault.Field(s.field, format, args...)
	if s.field == "" {
		e.Message = "the body " + e.Message
	}
	return e
}

func (s *scanner) space() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// next steps over white space and gives the byte there; 0 at the end.
func (s *scanner) next() byte {
	s.space()
	if s.pos == len(s.src) {
		return 0
	}
	return s.src[s.pos]
}

func (s *scanner) value() (value, error) {
	start := s.next()
	from := s.pos
	switch {
	case start == '"':
		str, err := s.string()
		return value{text, str}, err
	case start == '{':
		_, err := s.object()
		return value{object, s.src[from:s.pos]}, err
	case start == '[':
		_, err := s.array()
		return value{array, s.src[from:s.pos]}, err
	case start == '-' || start >= '0' && start <= '9':
		err := s.number()
		return value{number, s.src[from:s.pos]}, err
	}
	return s.literal()
}

func (s *scanner) literal() (value, error) {
	for _, l := range [...]struct {
		word string
		kind kind
	}{{"true", boolean}, {"false", boolean}, {"null", null}} {
		if strings.HasPrefix(s.src[s.pos:], l.word) {
			s.pos += len(l.word)
			return value{l.kind, l.word}, nil
		}
	}
	return value{}, s.malformed()
}

func (s *scanner) number() error {
	if s.src[s.pos] == '-' {
		s.pos++
	}
	leading := s.pos
	if s.digits() == 0 || s.src[leading] == '0' && s.pos > leading+1 {
		return s.fail("is not a valid number")
	}
	if s.at('.') {
		s.pos++
		if s.digits() == 0 {
			return s.fail("is not a valid number")
		}
	}
	if s.at('e') || s.at('E') {
		s.pos++
		if s.at('+') || s.at('-') {
			s.pos++
		}
		if s.digits() == 0 {
			return s.fail("is not a valid number")
		}
	}
	return nil
}

func (s *scanner) at(c byte) bool { return s.pos < len(s.src) && s.src[s.pos] == c }

func (s *scanner) digits() int {
	from := s.pos
	for s.pos < len(s.src) && s.src[s.pos] >= '0' && s.src[s.pos] <= '9' {
		s.pos++
	}
	return s.pos - from
}

func (s *scanner) down() error {
	if s.depth++; s.depth > maxDepth {
		return s.fail("is nested more than %d levels deep", maxDepth)
	}
	return nil
}

// object reads an object and gives its members. A name that is given twice is refused: two readers of one body must
// never see two different values.
func (s *scanner) object() ([]member, error) {
	if err := s.down(); err != nil {
		return nil, err
	}
	s.pos++
	var list []member
	var seen names
	for c := s.next(); c != '}'; c = s.next() {
		if len(list) > 0 {
			if c != ',' {
				return nil, s.named(list[len(list)-1].name).malformed() // 0x10 is a zero with something behind it
			}
			s.pos++
		}
		m, err := s.member()
		if err != nil {
			return nil, err
		}
		if !seen.add(list, m.name) {
			return nil, s.named(m.name).fail("is given twice")
		}
		if list = append(list, m); len(list) > maxMembers {
			return nil, s.fail("has more than %d members", maxMembers)
		}
	}
	s.pos++
	s.depth--
	return list, nil
}

// names finds a repeated name: by comparing while there are few, since most objects are small.
type names map[string]struct{}

func (n *names) add(list []member, name string) bool {
	if len(list) < fewNames {
		for i := range list {
			if list[i].name == name {
				return false
			}
		}
		return true
	}
	if *n == nil {
		*n = make(names, 2*fewNames)
		for i := range list {
			(*n)[list[i].name] = struct{}{}
		}
	}
	if _, ok := (*n)[name]; ok {
		return false
	}
	(*n)[name] = struct{}{}
	return true
}

// named gives the scanner as it complains about a member of the outermost object.
func (s *scanner) named(name string) *scanner {
	c := *s
	if s.depth == 1 {
		c.field = clip(name, maxName)
	}
	return &c
}

func (s *scanner) malformed() error {
	if s.pos == len(s.src) {
		return s.fail("ends too early")
	}
	return s.fail("is not valid JSON")
}

func (s *scanner) member() (member, error) {
	if s.next() != '"' {
		return member{}, s.malformed()
	}
	name, err := s.string()
	if err != nil {
		return member{}, err
	}
	outer := s.field
	if s.depth == 1 {
		s.field = clip(name, maxName)
	}
	if s.next() != ':' {
		return member{}, s.malformed()
	}
	s.pos++
	v, err := s.value()
	if err != nil {
		return member{}, err
	}
	s.field = outer
	return member{name, v}, nil
}

// array reads an array and gives its elements.
func (s *scanner) array() ([]value, error) {
	if err := s.down(); err != nil {
		return nil, err
	}
	s.pos++
	var list []value
	for c := s.next(); c != ']'; c = s.next() {
		if len(list) > 0 {
			if c != ',' {
				return nil, s.malformed()
			}
			s.pos++
		}
		v, err := s.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	s.pos++
	s.depth--
	return list, nil
}

// clip shortens what an error repeats.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
