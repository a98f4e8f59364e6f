package bitpay

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"satchel/fault"
)

// reader takes members out of a body by name, and remembers the first one that is not what it must be. The first name
// is the one that errors use; the others are older or mistaken spellings that clients send.
type reader struct {
	body   Body
	prefix string // of names in errors: "buyer."
	err    error
}

func (r *reader) fail(field, format string, args ...any) {
	if r.err == nil {
		r.err = fault.Field(r.prefix+field, format, args...)
	}
}

// value finds a member that is not absent. Two spellings that say different things are refused.
func (r *reader) value(names []string) value {
	var found value
	for _, n := range names {
		v := r.body.find(n)
		switch {
		case v.kind == absent, v.kind == null, v.kind == text && v.src == "":
		case found.kind == absent:
			found = v
		case found != v:
			r.fail(names[0], "is given twice, also as %s, and differs", n)
		}
	}
	return found
}

// rule says what a text may be.
type rule struct {
	max   int  // characters
	lines bool // line breaks and tabs are part of it
	plain bool // shown to people: bidirectional overrides are taken out, and marks may not pile up
	ascii bool // printable ASCII only
}

// text reads a text. A number stands for its own digits.
func (r *reader) text(to rule, names ...string) string {
	v := r.value(names)
	switch v.kind {
	case absent, null:
		return ""
	case text, number:
	case boolean, object, array:
		r.fail(names[0], "must be a text")
		return ""
	}
	if n := utf8.RuneCountInString(v.src); n > to.max {
		r.fail(names[0], "has %d characters; the most is %d", n, to.max)
		return ""
	}
	s, why := to.check(v.src)
	if why != "" {
		r.fail(names[0], "%s", why)
	}
	return s
}

// maxMarks is how many combining marks may follow each other: no script needs more, and piles of them deface a page.
const maxMarks = 8

// check refuses control characters, and takes out of a text for people what turns it around.
func (to rule) check(s string) (clean, why string) {
	marks := 0
	for _, c := range s {
		switch {
		case unicode.IsControl(c) && (!to.lines || !isLayout(c)):
			return "", "holds a control character"
		case to.ascii && c > '~':
			return "", "may only hold printable ASCII characters"
		}
		if marks++; !unicode.In(c, unicode.Mn, unicode.Me) {
			marks = 0
		}
		if to.plain && marks > maxMarks {
			return "", "holds too many combining marks in a row"
		}
	}
	if to.plain && strings.ContainsFunc(s, isOverride) {
		s = strings.Map(straight, s)
	}
	return s, ""
}

func isLayout(c rune) bool { return c == '\n' || c == '\r' || c == '\t' }

// straight drops what changes the direction of a text.
func straight(c rune) rune {
	if isOverride(c) {
		return -1
	}
	return c
}

// legible drops what a name cannot show, and what changes the direction of the text around it.
func legible(c rune) rune {
	if unicode.IsControl(c) || isOverride(c) {
		return -1
	}
	return c
}

// isOverride tells the characters that change the direction of a text around them (Unicode UAX #9).
func isOverride(c rune) bool { return c >= 0x202A && c <= 0x202E || c >= 0x2066 && c <= 0x2069 }

// flag reads a boolean: true, false, 1, 0, or these as texts; nil where it is absent.
func (r *reader) flag(names ...string) *bool {
	v := r.value(names)
	var b bool
	switch strings.ToLower(v.src) {
	case "true", "1":
		b = true
	case "false", "0":
	default:
		if v.kind != absent {
			r.fail(names[0], "must be true or false")
		}
		return nil
	}
	return &b
}

// is reads a boolean that is false where it is absent.
func (r *reader) is(names ...string) bool {
	b := r.flag(names...)
	return b != nil && *b
}

// millis reads a count of milliseconds, as a number or a text; false where it is absent. What does not fit is the
// largest there is.
func (r *reader) millis(name string) (time.Duration, bool) {
	v := r.value([]string{name})
	switch v.kind {
	case absent, null:
		return 0, false
	case text, number:
	case boolean, object, array:
		r.fail(name, "must be a number of milliseconds")
		return 0, false
	}
	n, err := strconv.ParseInt(v.src, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		r.fail(name, "must be a whole number of milliseconds")
		return 0, false
	}
	const most = math.MaxInt64 / int64(time.Millisecond)
	return time.Duration(min(max(n, -most), most)) * time.Millisecond, true
}

// time reads a point in time in any of the spellings of ParseTime; false where it is absent.
func (r *reader) time(name string) (time.Time, bool) {
	v := r.value([]string{name})
	switch v.kind {
	case absent, null:
		return time.Time{}, false
	case text, number:
	case boolean, object, array:
		r.fail(name, "must be a time")
		return time.Time{}, false
	}
	t, err := ParseTime(v.src)
	if err != nil {
		r.fail(name, "%s", messageOf(err))
		return time.Time{}, false
	}
	return t, true
}

// inner gives a reader of an object within the body; of an empty one where it is absent. An empty list is what PHP makes
// of an empty map.
func (r *reader) inner(name string) *reader {
	v := r.value([]string{name})
	empty := v.kind == array && len(v.elements()) == 0
	if v.kind != absent && v.kind != object && !empty {
		r.fail(name, "must be an object")
	}
	return &reader{body: Body{v.members()}, prefix: r.prefix + name + ".", err: r.err}
}
