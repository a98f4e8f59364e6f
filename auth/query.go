package auth

import (
	"net/url"
	"slices"
	"strings"
)

// spellings gives the target as it came, and, each once, the ways in which clients write the same query when they sign
// it: their HTTP library encodes it anew before it goes out. All of them decode to the same names and values in the
// same order, so that none says what the request does not.
func spellings(target string) []string {
	out := []string{target}
	path, query, ok := strings.Cut(target, "?")
	if !ok || strings.Contains(query, ";") { // it parts pairs for some and not for others
		return out
	}
	all, ok := decode(query)
	if !ok {
		return out
	}
	for _, same := range []string{all.encode(uriComponent()), all.encode(form()), all.encode(strict()), bareMarks(query)} {
		if t := path + "?" + same; !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// params are the names and values of a query, decoded, in their order.
type params []param

type param struct {
	name, value string
	equals      bool // a = stood there
}

func decode(query string) (params, bool) {
	var out params
	for text := range strings.SplitSeq(query, "&") {
		name, value, equals := strings.Cut(text, "=")
		n, errName := url.QueryUnescape(name)
		v, errValue := url.QueryUnescape(value)
		if errName != nil || errValue != nil {
			return nil, false
		}
		out = append(out, param{n, v, equals})
	}
	return out, true
}

func (p params) encode(e encoding) string {
	var b strings.Builder
	for i, one := range p {
		if i > 0 {
			b.WriteByte('&')
		}
		e.write(&b, one.name)
		if one.equals {
			b.WriteByte('=')
		}
		e.write(&b, one.value)
	}
	return b.String()
}

// encoding is a way to percent-encode: which marks stay as they are beside letters, digits, - . and _, and what a space
// becomes.
type encoding struct{ marks, space string }

// uriComponent is JavaScript's encodeURIComponent: bitpay-rest, bitpay, btcpay, and bitpay-sdk before 5.
func uriComponent() encoding { return encoding{marks: "~!'()*", space: "%20"} }

// form is PHP's http_build_query (RFC 1738): the SDK of PHP.
func form() encoding { return encoding{space: "+"} }

// strict is RFC 3986.
func strict() encoding { return encoding{marks: "~", space: "%20"} }

// bareMarks leaves a query as it came, but for the marks that encodeURIComponent does not touch.
func bareMarks(query string) string {
	return strings.NewReplacer("%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%2a", "*").Replace(query)
}

func (e encoding) write(b *strings.Builder, text string) {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		c := text[i]
		switch {
		case unreserved(c) || strings.IndexByte(e.marks, c) >= 0:
			b.WriteByte(c)
		case c == ' ':
			b.WriteString(e.space)
		default:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&0x0f])
		}
	}
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}
