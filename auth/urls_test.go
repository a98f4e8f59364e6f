package auth

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestNewVerifierTakesPublicURLsOnly(t *testing.T) {
	for _, ok := range []string{
		"http://127.0.0.1:8350", "https://pay.example/", "https://pay.example/shop/", "HTTPS://Pay.example", "http://[::1]:80",
	} {
		verifier(t, ok)
	}
	for _, bad := range [][]string{
		nil,
		{""},
		{"pay.example"},
		{"ftp://pay.example"},
		{"https://"},
		{"https:///x"},
		{"https://user@pay.example"},
		{"https://pay.example?a=b"},
		{"https://pay.example?"},
		{"https://pay.example#a"},
		{"https://pay.example:"},
		{"https://pay.example:123456"},
		{"https://:443"},
		{"https://pay.example", "x"},
		{"http://\x00"},
	} {
		if _, err := NewVerifier(bad); err == nil {
			t.Errorf("%q were taken", bad)
		}
	}
}

// spelled is how one client spells the URL that it signs, and how the request comes to us.
type spelled struct {
	public         []string
	scheme, host   string
	target, signed string
	body, hashed   string // hashed: where the client hashes other bytes than the body's
	first          bool   // one verification is enough
}

func spellingsOfClients() map[string]spelled {
	local, shop := []string{"http://127.0.0.1:8350"}, []string{"https://pay.example"}
	return map[string]spelled{
		"bitpay-rest, port always":                      {public: local, scheme: "http", host: "127.0.0.1:8350", target: "/tokens", signed: "http://127.0.0.1:8350/tokens", first: true},
		"bitpay-rest, :443 in the URL and none in Host": {public: shop, scheme: "https", host: "pay.example", target: "/tokens", signed: "https://pay.example:443/tokens"},
		"bitpay-rest, :443 in both":                     {public: shop, scheme: "https", host: "pay.example:443", target: "/tokens", signed: "https://pay.example:443/tokens", first: true},
		"bitpay-rest, :80":                              {public: []string{"http://pay.example"}, scheme: "http", host: "pay.example", target: "/tokens", signed: "http://pay.example:80/tokens"},
		"bitpay-go and most others":                     {public: shop, scheme: "https", host: "pay.example", target: "/invoices", body: postBody, signed: "https://pay.example/invoices", first: true},
		"TLS ends before us":                            {public: shop, scheme: "http", host: "pay.example", target: "/invoices", body: postBody, signed: "https://pay.example/invoices", first: true},
		"TLS ends before us, nothing is known of it":    {public: shop, scheme: "", host: "pay.example", target: "/invoices", signed: "https://pay.example/invoices", first: true},
		"Host rewritten to ours by a proxy":             {public: shop, scheme: "http", host: "127.0.0.1:8350", target: "/invoices", signed: "https://pay.example/invoices", first: true},
		"Host rewritten, port always":                   {public: shop, scheme: "http", host: "127.0.0.1:8350", target: "/invoices", signed: "https://pay.example:443/invoices"},
		"Host rewritten to another public one": {
			public: []string{"http://127.0.0.1:8350", "https://pay.example"}, scheme: "http", host: "127.0.0.1:8350", target: "/invoices",
			signed: "https://pay.example/invoices",
		},
		"public port, Host without": {
			public: []string{"https://pay.example:8443"}, scheme: "http", host: "pay.example", target: "/invoices", signed: "https://pay.example:8443/invoices",
		},
		"no public port, Host with ours":           {public: shop, scheme: "http", host: "pay.example:8350", target: "/invoices", signed: "https://pay.example/invoices"},
		"php v1, no port":                          {public: local, scheme: "https", host: "127.0.0.1:8350", target: "/invoices", signed: "https://127.0.0.1/invoices"},
		"php v1, no port, TLS ends before us":      {public: []string{"https://pay.example:8443"}, scheme: "http", host: "pay.example:8443", target: "/invoices", signed: "https://pay.example/invoices"},
		"php v1, no port, Host rewritten":          {public: []string{"https://pay.example:8443"}, scheme: "http", host: "10.0.0.2:80", target: "/invoices", signed: "https://pay.example/invoices"},
		"php v1, port required":                    {public: shop, scheme: "https", host: "pay.example", target: "/invoices", signed: "https://pay.example:443/invoices"},
		"BTCPay's php, never a port":               {public: local, scheme: "http", host: "127.0.0.1:8350", target: "/invoices", signed: "http://127.0.0.1/invoices"},
		"another scheme than configured":           {public: shop, scheme: "http", host: "pay.example:8350", target: "/invoices", signed: "http://pay.example:8350/invoices"},
		"both schemes configured, plain":           {public: []string{"https://pay.example", "http://pay.example"}, scheme: "http", host: "pay.example", target: "/invoices", signed: "http://pay.example/invoices", first: true},
		"prefix taken away by a proxy":             {public: []string{"https://pay.example/shop/"}, scheme: "http", host: "pay.example", target: "/invoices", signed: "https://pay.example/shop/invoices", first: true},
		"prefix kept":                              {public: []string{"https://pay.example/shop"}, scheme: "http", host: "pay.example", target: "/shop/invoices", signed: "https://pay.example/shop/invoices", first: true},
		"prefix away, Host rewritten, port always": {public: []string{"https://pay.example/shop"}, scheme: "http", host: "proxy.internal", target: "/invoices", signed: "https://pay.example:443/shop/invoices"},
		"prefix of an escaped name":                {public: []string{"https://pay.example/a%20b"}, scheme: "http", host: "pay.example", target: "/invoices", signed: "https://pay.example/a%20b/invoices", first: true},
		"ruby, signs a path that it does not ask for": {
			public: []string{"http://127.0.0.1:8350/api"}, scheme: "http", host: "127.0.0.1:8350", target: "/invoices",
			signed: "http://127.0.0.1:8350/api/invoices", first: true,
		},
		"without the configured prefix":       {public: []string{"https://pay.example/shop"}, scheme: "http", host: "pay.example", target: "/invoices", signed: "https://pay.example/invoices"},
		"btcpay-python, slash at the end":     {public: shop, scheme: "https", host: "pay.example", target: "/invoices/", body: postBody, signed: "https://pay.example/invoices/", first: true},
		"two slashes":                         {public: shop, scheme: "https", host: "pay.example", target: "//BTC", signed: "https://pay.example//BTC", first: true},
		"sdk 5, question mark and no query":   {public: shop, scheme: "https", host: "pay.example", target: "/tokens?", signed: "https://pay.example/tokens?", first: true},
		"NBitpayClient, raw dates":            {public: shop, scheme: "https", host: "pay.example", target: "/invoices?dateStart=08/01/2019", signed: "https://pay.example/invoices?dateStart=08/01/2019", first: true},
		"bitpay-rest, marks bare":             {public: local, scheme: "http", host: "127.0.0.1:8350", target: "/invoices?orderId=o%271%20%28x%29%21%2A%2B%26%C3%BC", signed: "http://127.0.0.1:8350/invoices?orderId=o'1%20(x)!*%2B%26%C3%BC"},
		"bitpay-rest, marks bare and :443":    {public: shop, scheme: "http", host: "pay.example", target: "/invoices?orderId=o%271", signed: "https://pay.example:443/invoices?orderId=o'1"},
		"bitpay-rest, arrays":                 {public: shop, scheme: "https", host: "pay.example", target: "/i?events%5B0%5D=a%20b", signed: "https://pay.example/i?events%5B0%5D=a%20b", first: true},
		"sdk 3 and 4, plus on the wire":       {public: shop, scheme: "https", host: "pay.example", target: "/invoices?orderId=ord+1:&limit=5", signed: "https://pay.example/invoices?orderId=ord%201%3A&limit=5"},
		"php v2, plus signed":                 {public: shop, scheme: "https", host: "pay.example", target: "/invoices?orderId=o%201", signed: "https://pay.example/invoices?orderId=o+1"},
		"php v2, tilde signed as %7E":         {public: shop, scheme: "https", host: "pay.example", target: "/invoices?orderId=~o%201", signed: "https://pay.example/invoices?orderId=%7Eo+1"},
		"RFC 3986 signed, marks on the wire":  {public: shop, scheme: "https", host: "pay.example", target: "/invoices?orderId=o'1~", signed: "https://pay.example/invoices?orderId=o%271~"},
		"marks bare, the rest as it came":     {public: shop, scheme: "https", host: "pay.example", target: "/invoices?a=%2a&d=08/01", signed: "https://pay.example/invoices?a=*&d=08/01"},
		"PHP escapes":                         {public: shop, scheme: "https", host: "pay.example", target: "/invoices", body: `{"u":"https:\/\/a.example","d":"\u00e9"}`, signed: "https://pay.example/invoices", first: true},
		"Python spaces":                       {public: shop, scheme: "https", host: "pay.example", target: "/invoices", body: `{"a": 1, "b": "\u00e9"}`, signed: "https://pay.example/invoices", first: true},
		"UTF-8":                               {public: shop, scheme: "https", host: "pay.example", target: "/invoices", body: `{"d":"ünïcödé €"}`, signed: "https://pay.example/invoices", first: true},
		"bitpay 0.3.1, hash.js":               {public: shop, scheme: "https", host: "pay.example", target: "/invoices", body: `{"d":"ün €"}`, signed: "https://pay.example/invoices", hashed: "{\"d\":\"\xfcn \x20\xac\"}"},
		"bitpay 0.3.1, hash.js, and the port": {public: local, scheme: "http", host: "127.0.0.1", target: "/invoices", body: `{"d":"😀"}`, signed: "http://127.0.0.1:8350/invoices", hashed: "{\"d\":\"\xd8\x3d\xde\x00\"}"},
		"no JSON and no text":                 {public: shop, scheme: "https", host: "pay.example", target: "/invoices", body: "\xff\xfe{", signed: "https://pay.example/invoices", first: true},
		"localhost is 127.0.0.1":              {public: local, scheme: "http", host: "localhost:8350", target: "/tokens", signed: "http://localhost:8350/tokens", first: true},
		"[::1] is localhost":                  {public: []string{"http://localhost:8350"}, scheme: "http", host: "[::1]:8350", target: "/tokens", signed: "http://[::1]:8350/tokens", first: true},
		"[::1] without its port":              {public: []string{"http://localhost:8350"}, scheme: "http", host: "[::1]:8350", target: "/tokens", signed: "http://[::1]/tokens"},
		"capitals":                            {public: shop, scheme: "https", host: "Pay.EXAMPLE", target: "/tokens", signed: "https://Pay.EXAMPLE/tokens", first: true},
		"capitals that a proxy lowered":       {public: []string{"https://Pay.example"}, scheme: "https", host: "pay.example", target: "/tokens", signed: "https://Pay.example/tokens"},
		"absolute request-target":             {public: shop, scheme: "https", host: "pay.example", target: "HTTPS://pay.example/tokens?a=b", signed: "https://pay.example/tokens?a=b", first: true},
		"port of another proxy":               {public: shop, scheme: "https", host: "pay.example:9443", target: "/tokens", signed: "https://pay.example:9443/tokens", first: true},
	}
}

func TestEveryClientsSpellingVerifies(t *testing.T) {
	key := privateKey(t, privateHex)
	for name, c := range spellingsOfClients() {
		v := verifier(t, c.public...)
		hashed := c.body
		if c.hashed != "" {
			hashed = c.hashed
		}
		s := Signed{
			Identity: publicHex, Signature: sign(key, c.signed+hashed), Scheme: c.scheme, Host: c.host, Target: c.target, Body: []byte(c.body),
		}
		id, err := v.Verify(s)
		if err != nil || id.SIN() != publicSIN {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.first {
			for got := range v.candidates(s) {
				if got.base+got.target != c.signed || got.oldBody {
					t.Errorf("%s: first candidate %+v", name, got)
				}
				break
			}
		}
		refuseTwins(t, v, name, s)
		for what, message := range map[string]string{
			"another host":           strings.Replace(c.signed, "://", "://evil.", 1) + hashed,
			"the name as a password": strings.Replace(c.signed, "://", "://pay.example:443@evil.example/", 1) + hashed,
			"no URL":                 c.target + hashed,
			"no scheme":              strings.SplitN(c.signed, "://", 2)[1] + hashed,
			"a separator":            c.signed + "\n" + hashed,
		} {
			twin := s
			twin.Signature = sign(key, message)
			if _, err := v.Verify(twin); !errors.Is(err, ErrSignature) {
				t.Errorf("%s, signed for %s: %v", name, what, err)
			}
		}
	}
}

// Whoever has a request signed for a server of his own must not be able to pass it on with his Host.
func TestForeignHostIsNotBelieved(t *testing.T) {
	key, v := privateKey(t, privateHex), verifier(t, "https://pay.example", "http://localhost:8350")
	for _, host := range []string{
		"evil.example", "pay.example.evil.example", "evil.example:443", "pay.example:443@evil.example", "pay.example:@evil.example", "pay.example@evil.example",
		"pay.example:80/x", "pay.example:", "pay.example:123456", "pay.example:-1", "xpay.example", "pay.example.", "127.0.0.2", "127.1", "::1", "[::2]", "", ":80",
		"pay.example:8x", "[::1]x", "localhost.evil.example", "pay.example evil.example", "evil.example/pay.example",
	} {
		for _, scheme := range []string{"https", "http"} {
			s := Signed{
				Identity: publicHex, Signature: sign(key, scheme+"://"+host+"/tokens"), Scheme: scheme, Host: host, Target: "/tokens",
			}
			if _, err := v.Verify(s); !errors.Is(err, ErrSignature) {
				t.Errorf("%s://%s: %v", scheme, host, err)
			}
			s.Signature = sign(key, "https://pay.example/tokens")
			if _, err := v.Verify(s); err != nil {
				t.Errorf("signed for the public URL, Host %q: %v", host, err)
			}
		}
	}
}

func TestTargetThatNamesNoPathIsRefused(t *testing.T) {
	key, v := privateKey(t, privateHex), verifier(t, "https://pay.example")
	for _, target := range []string{"", "*", "tokens", "@evil.example/", ":443", "http://", "https://pay.example", "ftp://pay.example/", "?a=b", "http://pay.example?/tokens"} {
		for _, signed := range []string{"https://pay.example" + target, "https://pay.example/tokens"} {
			s := Signed{Identity: publicHex, Signature: sign(key, signed), Scheme: "https", Host: "pay.example", Target: target}
			if _, err := v.Verify(s); !errors.Is(err, ErrSignature) {
				t.Errorf("%q: %v", target, err)
			}
		}
	}
}

func collect(v *Verifier, s Signed) []string {
	var out []string
	for c := range v.candidates(s) {
		text := c.base + c.target
		if c.oldBody {
			text += " hash.js"
		}
		out = append(out, text)
	}
	return out
}

func TestCandidatesInTheirOrder(t *testing.T) {
	for name, c := range map[string]struct {
		public []string
		s      Signed
		want   []string
	}{
		"plain": {
			[]string{"https://pay.example"},
			Signed{Scheme: "http", Host: "pay.example", Target: "/t"},
			[]string{"https://pay.example/t", "https://pay.example:443/t", "http://pay.example/t", "http://pay.example:80/t"},
		},
		"local, with query": {
			[]string{"http://localhost:8350"},
			Signed{Scheme: "http", Host: "127.0.0.1:8350", Target: "/t?a=%20"},
			[]string{
				"http://127.0.0.1:8350/t?a=%20", "http://127.0.0.1:8350/t?a=+", "http://localhost:8350/t?a=%20", "http://localhost:8350/t?a=+",
				"http://localhost/t?a=%20", "http://localhost/t?a=+", "http://127.0.0.1/t?a=%20", "http://127.0.0.1/t?a=+",
				"https://127.0.0.1:8350/t?a=%20", "https://127.0.0.1:8350/t?a=+", "https://127.0.0.1/t?a=%20", "https://127.0.0.1/t?a=+",
			},
		},
		"foreign, with a body": {
			[]string{"https://pay.example:8443/shop"},
			Signed{Scheme: "http", Host: "evil.example", Target: "/t", Body: []byte(`"ü"`)},
			[]string{
				"https://pay.example:8443/shop/t", "https://pay.example:8443/shop/t hash.js", "https://pay.example:8443/t", "https://pay.example:8443/t hash.js",
				"https://pay.example/shop/t", "https://pay.example/shop/t hash.js", "https://pay.example/t", "https://pay.example/t hash.js",
			},
		},
	} {
		got := collect(verifier(t, c.public...), c.s)
		if name == "local, with query" { // along the diagonals, the order is another one; the set is what counts
			slices.Sort(got)
			slices.Sort(c.want)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Each candidate of a request, whatever it is, means the request: a public or believed host, and the same pairs.
func checkCandidates(t interface{ Fatalf(string, ...any) }, v *Verifier, s Signed) {
	all := collect(v, s)
	if len(all) > maxCandidates {
		t.Fatalf("%d candidates", len(all))
	}
	target, ok := originForm(s.Target)
	if !ok && len(all) > 0 {
		t.Fatalf("%q has candidates", s.Target)
	}
	_, query, _ := strings.Cut(target, "?")
	want, errWant := url.ParseQuery(query)
	for i, text := range all {
		if slices.Contains(all[:i], text) {
			t.Fatalf("%s twice", text)
		}
		text = strings.TrimSuffix(text, " hash.js")
		scheme, rest, _ := strings.Cut(text, "://")
		host, _, slash := strings.Cut(rest, "/")
		name, ok := hostName(host)
		if !ok || !slash || scheme != "http" && scheme != "https" || !slices.ContainsFunc(v.sites, func(s site) bool { return s.name == name }) {
			t.Fatalf("%s is not ours", text)
		}
		_, query, _ := strings.Cut(text, "?")
		got, err := url.ParseQuery(query)
		if (err == nil) != (errWant == nil) || !cmp.Equal(want, got) {
			t.Fatalf("%s says %v, the request %v", text, got, want)
		}
	}
}

func TestCandidatesMeanTheRequest(t *testing.T) {
	v := verifier(t, "https://pay.example/shop", "http://localhost:8350", "https://www.pay.example:8443")
	rapid.Check(t, func(t *rapid.T) {
		checkCandidates(t, v, Signed{
			Scheme: rapid.SampledFrom([]string{"http", "https", ""}).Draw(t, "scheme"),
			Host:   rapid.StringMatching(`((www\.)?pay\.example|localhost|\[::1\]|x)?(:[0-9]{0,6})?`).Draw(t, "host"),
			Target: rapid.StringMatching(`/(shop)?(/[a-z]{0,4})?(\?([a-c%=&+;'~!*() é:/]|%[0-9a-fA-F]{2}){0,12})?`).Draw(t, "target"),
			Body:   []byte(rapid.String().Draw(t, "body")),
		})
	})
}

func FuzzCandidates(f *testing.F) {
	f.Add("http", "127.0.0.1:8350", "/invoices?orderId=o%271%20%28x%29+%2a~", []byte(`{"d":"ü"}`))
	f.Add("https", "pay.example:443@evil.example", "http://pay.example/tokens", []byte("中"))
	f.Add("", "[::1]:", "/shop/?a;b&%zz&=&&", []byte{0xff})
	f.Add("x", "WWW.Pay.Example:1", "/shop", []byte(nil))
	v := verifier(f, "https://pay.example/shop", "http://localhost:8350", "https://www.pay.example:8443")
	f.Fuzz(func(t *testing.T, scheme, host, target string, body []byte) {
		checkCandidates(t, v, Signed{Scheme: scheme, Host: host, Target: target, Body: body})
	})
}
