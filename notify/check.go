package notify

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"satchel/fault"
)

// maxURL is how long a callback's URL may be, in bytes.
const maxURL = 2048

// fieldURL is the member of BitPay's documents that CheckURL's errors name.
const fieldURL = "notificationURL"

// CheckURL tells whether callbacks may go to a URL, as far as the text can tell: absolute http or https with a plain host
// name or address, at most 2048 bytes, and nothing that could hide where it leads (credentials, a fragment, control
// characters, a host that only looks like a name). Unless private ones are allowed, a literal private address is refused
// here, and a name that resolves to one when it is dialled. The error is a fault.Invalid for "notificationURL".
func CheckURL(text string, allowPrivate bool) error {
	u, err := parseURL(text)
	if err != nil {
		return err
	}
	if allowPrivate {
		return nil
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761: always loopback
		return fault.Field(fieldURL, "must not lead to this machine (%s)", host)
	}
	if ip, err := netip.ParseAddr(host); err == nil && !Public(ip) {
		return fault.Field(fieldURL, "must not lead to the private address %s", ip)
	}
	return nil
}

// parseURL refuses whatever is malformed or ambiguous, wherever it leads.
func parseURL(text string) (*url.URL, error) {
	switch {
	case text == "":
		return nil, fault.Field(fieldURL, "must not be empty")
	case len(text) > maxURL:
		return nil, fault.Field(fieldURL, "must not be longer than %d bytes", maxURL)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, hidden):
		return nil, fault.Field(fieldURL, "must not contain spaces, control characters or broken text")
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fault.Field(fieldURL, "is not a URL")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fault.Field(fieldURL, "must start with http:// or https://")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, fault.Field(fieldURL, "must name a host")
	case u.User != nil:
		return nil, fault.Field(fieldURL, "must not contain a user name or password")
	case strings.Contains(text, "#"):
		return nil, fault.Field(fieldURL, "must not contain a fragment (#)")
	case !validPort(u):
		return nil, fault.Field(fieldURL, "must have a port from 1 to 65535, or none")
	case !validHost(u.Hostname()):
		return nil, fault.Field(fieldURL, "must have a plain host: a name in ASCII (xn--… for others), or an IP address as usual")
	}
	return u, nil
}

// hidden tells of characters that a reader does not see, or sees elsewhere: white space, controls, and the invisible
// format characters that reorder text.
func hidden(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// validHost takes an IP address in its usual form or a name of letters, digits, hyphens, underscores and dots. A name
// that ends in a number is refused: system resolvers read "2130706433", "0x7f.1" and "0177.0.0.1" as addresses.
func validHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Zone() == ""
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.ContainsFunc(l, func(r rune) bool { return !hostRune(r) }) {
			return false
		}
	}
	return len(host) <= 254 && !numeric(labels[len(labels)-1])
}

func hostRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// numeric tells that a label is a number to some resolver: decimal, octal or hexadecimal.
func numeric(label string) bool {
	digits, base := strings.ToLower(label), "0123456789"
	if rest, hex := strings.CutPrefix(digits, "0x"); hex {
		digits, base = rest, "0123456789abcdef"
	}
	return strings.Trim(digits, base) == ""
}
