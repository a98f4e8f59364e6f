package bitpay

import (
	"strings"
	"unicode/utf16"
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

// string reads a string. One without escapes is a part of the source and costs nothing.
func (s *scanner) string() (string, error) {
	s.pos++
	from, ascii := s.pos, true
	for ; s.pos < len(s.src); s.pos++ {
		switch c := s.src[s.pos]; {
		case c == '"':
			str := s.src[from:s.pos]
			s.pos++
			if !ascii && !utf8.ValidString(str) {
				return "", s.fail("is not valid UTF-8")
			}
			return str, nil
		case c == '\\':
			return s.escaped(from)
		case c < ' ':
			return "", s.fail("holds a bare control character")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", s.fail("ends too early")
}

// escaped reads on at the first escape.
func (s *scanner) escaped(from int) (string, error) {
	var b strings.Builder
	b.WriteString(s.src[from:s.pos])
	for s.pos < len(s.src) {
		c := s.src[s.pos]
		s.pos++
		switch {
		case c == '"':
			if !utf8.ValidString(b.String()) {
				return "", s.fail("is not valid UTF-8")
			}
			return b.String(), nil
		case c < ' ':
			return "", s.fail("holds a bare control character")
		case c != '\\':
			b.WriteByte(c)
			continue
		}
		r, err := s.escape()
		if err != nil {
			return "", err
		}
		b.WriteRune(r)
	}
	return "", s.fail("ends too early")
}

// escape reads what follows a backslash.
func (s *scanner) escape() (rune, error) {
	if s.pos == len(s.src) {
		return 0, s.fail("ends too early")
	}
	c := s.src[s.pos]
	s.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return s.unicode()
	}
	return 0, s.fail("holds an escape that JSON does not have")
}

// unicode reads \uXXXX, or two of them that make one rune. Half a pair stands for nothing.
func (s *scanner) unicode() (rune, error) {
	r, ok := s.hex()
	if !ok {
		return 0, s.fail("holds an escape that JSON does not have")
	}
	if r == 0 {
		return 0, s.fail("holds a NUL")
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if strings.HasPrefix(s.src[s.pos:], `\u`) {
		s.pos += 2
		if low, ok := s.hex(); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, nil
			}
		}
	}
	return 0, s.fail("holds half a surrogate pair")
}

func (s *scanner) hex() (rune, bool) {
	if len(s.src)-s.pos < 4 {
		return 0, false
	}
	var r rune
	for range 4 {
		c := s.src[s.pos]
		s.pos++
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
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
