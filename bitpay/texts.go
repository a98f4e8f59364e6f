package bitpay

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

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
