package auth

import (
	"errors"
	"iter"
	"net/url"
	"slices"
	"strings"
)

// maxCandidates bounds what one bad request costs: so many hashes and verifications.
const maxCandidates = 16

// Verifier checks signed requests against the URLs under which clients may know this server. It has no state and is
// safe for concurrent use.
type Verifier struct{ sites []site }

// site is one public URL, in parts.
type site struct {
	scheme string // http or https
	host   string // as configured, with the port if one was given
	name   string // the host's name for comparing
	prefix string // the path, without a slash at its end
}

// NewVerifier takes the public URLs: absolute, http or https, with a path or none. At least one is needed, for a Host
// header that names none of them is not believed.
func NewVerifier(publicURLs []string) (*Verifier, error) {
	v := &Verifier{}
	for _, text := range publicURLs {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.ContainsAny(text, "?#") {
			return nil, errors.New("auth: a public URL is http:// or https://, a host, and no more than a path")
		}
		name, ok := hostName(u.Host)
		if !ok {
			return nil, errors.New("auth: a public URL has no usable host")
		}
		v.sites = append(v.sites, site{
			scheme: u.Scheme, host: u.Host, name: name, prefix: strings.TrimRight(u.EscapedPath(), "/"),
		})
	}
	if len(v.sites) == 0 {
		return nil, errors.New("auth: no public URL")
	}
	return v, nil
}

// candidates gives the strings that the client may have signed, each once, the likeliest first, at most 16. Spellings
// of the host and of the rest are tried along the diagonals, so that a common one of either meets a rare one of the
// other.
func (v *Verifier) candidates(s Signed) iter.Seq[candidate] {
	return func(yield func(candidate) bool) {
		target, ok := originForm(s.Target)
		if !ok {
			return
		}
		bases := v.bases(s.Scheme, s.Host, target)
		rests := rests(target, s.Body)
		left := maxCandidates
		for sum := range len(bases) + len(rests) - 1 {
			for r := min(sum, len(rests)-1); r >= max(0, sum-len(bases)+1); r-- {
				c := rests[r]
				c.base = bases[sum-r]
				if left--; left < 0 || !yield(c) {
					return
				}
			}
		}
	}
}

// rests gives the spellings of what follows the base, with both ways to hash the body.
func rests(target string, body []byte) []candidate {
	var out []candidate
	targets := spellings(target)
	for _, t := range targets {
		out = append(out, candidate{target: t})
	}
	if needsHashJS(body) {
		for _, t := range targets {
			out = append(out, candidate{target: t, oldBody: true})
		}
	}
	return out
}

// originForm gives the path and query of a request-target; an absolute one, as proxies get it, has its Host elsewhere.
func originForm(target string) (string, bool) {
	for _, scheme := range []string{"http://", "https://"} {
		if len(target) > len(scheme) && strings.EqualFold(target[:len(scheme)], scheme) {
			path := strings.TrimLeftFunc(target[len(scheme):], func(r rune) bool { return r != '/' && r != '?' })
			return path, strings.HasPrefix(path, "/")
		}
	}
	return target, strings.HasPrefix(target, "/")
}

// bases gives every scheme, host and prefix that may stand before the target, the likeliest first, each once. A Host
// that is none of ours stands in none of them: its owner may have had the request signed for itself, and passed it on.
func (v *Verifier) bases(scheme, host, target string) []string {
	l := list{target: target}
	own, others := v.split(host)
	if len(own) == 0 {
		l.addSites(others)
		return l.bases
	}
	// Whatever takes TLS away in front of us leaves the wrong scheme: the one that is configured for this name counts.
	public := own[0].scheme
	if slices.ContainsFunc(own, func(s site) bool { return s.scheme == scheme }) {
		public = scheme
	}
	l.add(public, host, own)
	l.addSites(own)
	l.add(public, otherPort(public, host), own)
	l.add(otherScheme(public), host, own)
	l.addSites(others)
	l.add(otherScheme(public), otherPort(otherScheme(public), host), own)
	return l.bases
}

// split tells the sites that a Host header names from the others. Ports differ behind proxies and are not compared.
func (v *Verifier) split(host string) (own, others []site) {
	name, ok := hostName(host)
	for _, s := range v.sites {
		if ok && s.name == name {
			own = append(own, s)
		} else {
			others = append(others, s)
		}
	}
	return own, others
}

// list collects bases for a target.
type list struct {
	target string
	bases  []string
}

// addSites adds the sites as they are configured, and with the port told in the other way.
func (l *list) addSites(sites []site) {
	for i, s := range sites {
		l.add(s.scheme, s.host, sites[i:i+1])
		l.add(s.scheme, otherPort(s.scheme, s.host), sites[i:i+1])
	}
}

// add adds one origin: with the prefixes of the sites, which a proxy took away if the target is without, and bare.
func (l *list) add(scheme, host string, sites []site) {
	origin := scheme + "://" + host
	for _, s := range sites {
		if s.prefix != "" && !strings.HasPrefix(l.target, s.prefix+"/") {
			l.once(origin + s.prefix)
		}
	}
	l.once(origin)
}

func (l *list) once(base string) {
	if !slices.Contains(l.bases, base) {
		l.bases = append(l.bases, base)
	}
}

// otherPort gives a host without its port, or, if it has none, with the scheme's own: clients drop a port, and name the
// one that goes without saying.
func otherPort(scheme, host string) string {
	if bare, _, ok := cutPort(host); ok {
		return bare
	}
	if scheme == "https" {
		return host + ":443"
	}
	return host + ":80"
}

func otherScheme(scheme string) string {
	if scheme == "https" {
		return "http"
	}
	return "https"
}

// hostName gives the name of a host for comparing. A port, where there is one, must be one: what looks like a port may
// else be the rest of a password, and the true host behind it. The names of this machine count as one.
func hostName(host string) (string, bool) {
	name, port, ok := cutPort(host)
	if ok && (port == "" || len(port) > maxPortDigits || strings.Trim(port, "0123456789") != "") {
		return "", false
	}
	name = strings.ToLower(name)
	switch name {
	case "localhost", "127.0.0.1", "[::1]":
		return "localhost", true
	}
	return name, name != ""
}

// maxPortDigits is the length of 65535.
const maxPortDigits = 5

// cutPort splits a host at its port, if it has one; brackets stay with the address that they hold.
func cutPort(host string) (name, port string, ok bool) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || i < strings.LastIndexByte(host, ']') {
		return host, "", false
	}
	return host[:i], host[i+1:], true
}
