package bitpay

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"satchel/fault"
)

// Query is the query of a URL. Only what is asked for is looked at, so that odd parameters of a client do no harm.
type Query struct{ raw string }

// ParseQuery takes a raw query, without its "?".
func ParseQuery(raw string) Query { return Query{raw} }

// Text gives a parameter, "" where it is absent. It refuses one that is given twice with different values, or that is
// not properly encoded UTF-8, with fault.Invalid.
func (q Query) Text(name string) (string, error) {
	found, ok := "", false
	for part := range strings.SplitSeq(q.raw, "&") {
		key, val, _ := strings.Cut(part, "=")
		if !sameName(key, name) {
			continue
		}
		v, err := url.QueryUnescape(val)
		if err != nil || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return "", fault.Field(name, "is not properly encoded")
		}
		if ok && v != found {
			return "", fault.Field(name, "is given twice, and differs")
		}
		found, ok = v, true
	}
	return found, nil
}

// sameName compares a key as it came with a name, and decodes it only where it is encoded.
func sameName(key, name string) bool {
	if !strings.ContainsAny(key, "%+") {
		return key == name
	}
	k, err := url.QueryUnescape(key)
	return err == nil && k == name
}

// List gives every value of a parameter in the forms that a list is written in: name=a,b and name[]=a and name[0]=a.
// Values that are not properly encoded are left out, and so is what comes after the first 32.
func (q Query) List(name string) (list []string) {
	for part := range strings.SplitSeq(q.raw, "&") {
		key, val, _ := strings.Cut(part, "=")
		key, err := url.QueryUnescape(key)
		if base, _, _ := strings.Cut(key, "["); err != nil || base != name {
			continue
		}
		if val, err = url.QueryUnescape(val); err != nil {
			continue
		}
		for v := range strings.SplitSeq(val, ",") {
			if v = strings.TrimSpace(v); v != "" {
				list = append(list, v)
			}
			if len(list) == maxListed {
				return list
			}
		}
	}
	return list
}

// maxListed bounds a list in a query.
const maxListed = 32
