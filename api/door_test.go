package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"

	"satchel/auth"
	"satchel/merchant"
	"satchel/store/storetest"
)

// client is a BitPay client: a key, and the habit of signing URL and body.
type client struct{ key *btcec.PrivateKey }

func newClient(seed byte) client {
	key, _ := btcec.PrivKeyFromBytes([]byte{31: seed})
	return client{key}
}

func (c client) identity() string { return hex.EncodeToString(c.key.PubKey().SerializeCompressed()) }

func (c client) sign(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(ecdsa.Sign(c.key, sum[:]).Serialize())
}

func (c client) parsed(t testing.TB) auth.Identity {
	t.Helper()
	id, err := auth.ParseIdentity(c.identity())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (c client) sin(t testing.TB) auth.SIN { t.Helper(); return c.parsed(t).SIN() }

// headers sign a call to a URL.
func (c client) headers(target, body string) []string {
	return []string{"X-Identity", c.identity(), "X-Signature", c.sign(target + body)}
}

// signed makes a call that the client signs.
func (w *world) signed(c client, method, path, body string, more ...string) reply {
	w.t.Helper()
	return w.send(method, path, body, append(c.headers(w.url+path, body), more...)...)
}

// issue makes a token as the operator does: bound to a SIN, or a bearer one.
func (s *shop) issue(m merchant.ID, f auth.Facade, sin auth.SIN) string {
	s.t.Helper()
	g, err := s.api.cfg.Auth.Issue(s.t.Context(), auth.IssueRequest{Merchant: m, Facade: f, SIN: sin})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.api.cfg.Auth.Token(g)
}

// paired gives a client with a merchant's token.
func (s *shop) paired(seed byte) (client, string) {
	s.t.Helper()
	c := newClient(seed)
	return c, s.issue(storetest.Shop, auth.Merchant, c.sin(s.t))
}

// TestSignedCalls: what a client with a bound token sends is accepted, however it carries the token.
func TestSignedCalls(t *testing.T) {
	s := newShop(t, nil)
	c, token := s.paired(7)
	body := `{"price":50,"currency":"USD","orderId":"o/1","token":"` + token + `"}`
	r := s.signed(c, http.MethodPost, "/invoices", body)
	if r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	id := r.json(t)["data"].(map[string]any)["id"].(string)
	for _, path := range []string{"/invoices/" + id + "?token=" + token, "/Invoices/" + id + "/?token=" + token, "/invoices?x=%27&limit=1&token=" + token} {
		if r := s.signed(c, http.MethodGet, path, ""); r.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	old := append([]string{"X-Pubkey"}, c.headers(s.url+"/tokens", "")[1:]...)
	if r := s.send(http.MethodGet, "/tokens", "", old...); r.status != http.StatusOK {
		t.Errorf("by the header's old name: %d %s", r.status, r.body)
	}
	upper := []string{"x-identity", strings.ToUpper(c.identity()), "x-signature", strings.ToUpper(c.sign(s.url + "/tokens"))}
	if r := s.send(http.MethodGet, "/tokens", "", upper...); r.status != http.StatusOK {
		t.Errorf("in upper case: %d %s", r.status, r.body)
	}
	carried := append([]string{"Authorization", "Bearer " + token}, c.headers(s.url+"/invoices/"+id, "")...)
	if r := s.send(http.MethodGet, "/invoices/"+id, "", carried...); r.status != http.StatusOK || !strings.Contains(r.body, "merchant/invoice") {
		t.Errorf("in the Authorization header: %d %s", r.status, r.body)
	}
}

// TestBehindAProxy: the proxy ends TLS, and says so or not; the client signs what it sees.
func TestBehindAProxy(t *testing.T) {
	s := newShop(t, nil)
	c, _ := s.paired(7)
	for _, more := range [][]string{{"Host", "pay.example"}, {"Host", "pay.example", "X-Forwarded-Proto", "https"}, {"Host", "pay.example:443"}} {
		for _, signed := range []string{"https://pay.example/tokens", "https://pay.example:443/tokens"} {
			if r := s.send(http.MethodGet, "/tokens", "", append(more, c.headers(signed, "")...)...); r.status != http.StatusOK {
				t.Errorf("%v, signed as %s: %d %s", more, signed, r.status, r.body)
			}
		}
		if r := s.send(http.MethodGet, "/tokens", "", append(more, c.headers("https://evil.example/tokens", "")...)...); r.status != http.StatusBadRequest {
			t.Errorf("%v, signed for another host: %d %s", more, r.status, r.body)
		}
	}
	if r := s.send(http.MethodGet, "/tokens", "", append([]string{"Host", "evil.example"}, c.headers("https://evil.example/tokens", "")...)...); r.status != http.StatusBadRequest {
		t.Errorf("a host that is not ours is believed: %d", r.status)
	}
}

// TestSignatureErrors: the words of BitPay's signature layer, which some clients look for (BitPay API, 1.6).
func TestSignatureErrors(t *testing.T) {
	s := newShop(t, nil)
	c, token := s.paired(7)
	stranger, other := newClient(8), newClient(9)
	bound := s.issue(storetest.Shop, auth.POS, other.sin(t))
	good := c.headers(s.url+"/tokens", "")
	for _, k := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		text                     string
	}{
		{"wrong signature", "GET", "/tokens", "", c.headers(s.url+"/other", ""), 400, "Invalid signature"},
		{"no signature at all", "GET", "/tokens", "", []string{"X-Identity", c.identity(), "X-Signature", "zz"}, 400, "Invalid signature"},
		{"no key", "GET", "/tokens", "", []string{"X-Identity", "02" + strings.Repeat("f", 64), good[2], good[3]}, 400, "Bad public key from identity"},
		{"a SIN for a key", "GET", "/tokens", "", []string{"X-Identity", string(c.sin(t)), good[2], good[3]}, 400, "Bad public key from identity"},
		{"unknown SIN", "GET", "/tokens", "", stranger.headers(s.url+"/tokens", ""), 401, "Unauthorized sin"},
		{"unknown SIN and its record", "GET", "/clients", "", stranger.headers(s.url+"/clients", ""), 401, "Unauthorized sin"},
		{"unknown SIN and its user", "GET", "/user", "", stranger.headers(s.url+"/user", ""), 401, "Unauthorized sin"},
		{"signed without a token", "GET", "/invoices", "", c.headers(s.url+"/invoices", ""), 401, "This endpoint does not support the `user` facade"},
		{"signed with an empty token", "GET", "/invoices?token=", "", c.headers(s.url+"/invoices?token=", ""), 401, "This endpoint does not support the `user` facade"},
		{"signed badly without a token", "GET", "/invoices", "", good, 400, "Invalid signature"},
		{"neither", "GET", "/invoices", "", nil, 401, "This endpoint does not support the `public` facade"},
		{"neither, for tokens", "GET", "/tokens", "", nil, 401, "This endpoint does not support the `public` facade"},
		{"identity alone", "GET", "/tokens", "", good[:2], 401, "This endpoint does not support the `public` facade"},
		{"signature alone", "GET", "/tokens", "", good[2:], 401, "This endpoint does not support the `public` facade"},
		{"the name of a facade for a token", "GET", "/invoices?token=merchant", "", c.headers(s.url+"/invoices?token=merchant", ""), 401, "Invalid token"},
		{"a token of nobody", "GET", "/invoices?token=" + secret().Token(auth.TokenID{1}), "", nil, 401, "Invalid token"},
		{"a bound token unsigned", "GET", "/invoices?token=" + token, "", nil, 401, "Invalid token"},
		{"a bound token with half a signature", "GET", "/invoices?token=" + token, "", good[:2], 401, "Invalid token"},
		{"a bound token signed badly", "GET", "/invoices?token=" + token, "", good, 400, "Invalid signature"},
		{"a bound token of another SIN", "GET", "/invoices/x?token=" + bound, "", c.headers(s.url+"/invoices/x?token="+bound, ""), 401, "Invalid token"},
		{"a token where none belongs", "GET", "/tokens?token=" + token, "", c.headers(s.url+"/tokens?token="+token, ""), 403, "This endpoint does not support the `merchant` facade"},
	} {
		r := s.send(k.method, k.path, k.body, k.headers...)
		if r.status != k.status {
			t.Errorf("%s: %d %s", k.name, r.status, r.body)
			continue
		}
		if got := r.refused(t, k.status); got != k.text {
			t.Errorf("%s: %q, want %q", k.name, got, k.text)
		}
	}
}

// TestStaleSignatures: some clients carry the last call's headers over to calls that need none.
func TestStaleSignatures(t *testing.T) {
	s := newShop(t, nil)
	c, bound := s.paired(7)
	id := s.make("")
	stale := c.headers("http://elsewhere.example/", "")
	for _, headers := range [][]string{stale, {"X-Identity", "zz", "X-Signature", "zz"}} {
		for _, k := range []struct{ method, path, body string }{
			{"GET", "/rates", ""},
			{"GET", "/currencies", ""},
			{"GET", "/invoices/" + id, ""},
			{"GET", "/invoices/" + id + "?token=", ""},
			{"GET", "/invoices/" + id + "?token=" + s.pos, ""},
			{"POST", "/invoices", `{"price":1,"currency":"USD","token":"` + s.pos + `"}`},
			{"POST", "/sessions", `{}`},
			{"POST", "/tokens", `{"id":"` + string(c.sin(t)) + `"}`},
		} {
			if r := s.send(k.method, k.path, k.body, headers...); r.status != http.StatusOK {
				t.Errorf("%s %s: %d %s", k.method, k.path, r.status, r.body)
			}
		}
	}
	s.send(http.MethodGet, "/invoices/"+id+"?token="+bound, "", stale...).refused(t, http.StatusBadRequest)
}

// TestTamperedTwins: of every call that is accepted, the one that differs in anything the signature covers is not.
func TestTamperedTwins(t *testing.T) {
	s := newShop(t, nil)
	c, token := s.paired(7)
	thief := newClient(8)
	id := s.make("")
	for _, k := range []struct{ method, path, body string }{
		{"GET", "/tokens", ""},
		{"GET", "/invoices?token=" + token, ""},
		{"GET", "/invoices/" + id + "?token=" + token, ""},
		{"POST", "/invoices", `{"price":1,"currency":"USD","token":"` + token + `"}`},
		{"POST", "/tokens", `{"facade":"pos","token":"` + token + `"}`},
		{"PUT", "/clients/" + string(c.sin(t)), `{"label":"me"}`},
	} {
		headers := c.headers(s.url+k.path, k.body)
		if r := s.send(k.method, k.path, k.body, headers...); r.status != http.StatusOK {
			t.Fatalf("%s %s: %d %s", k.method, k.path, r.status, r.body)
		}
		more := "?x=1"
		if strings.Contains(k.path, "?") {
			more = "&x=1"
		}
		twins := map[string]reply{
			"target": s.send(k.method, k.path+more, k.body, headers...),
			"key":    s.send(k.method, k.path, k.body, "X-Identity", thief.identity(), headers[2], headers[3]),
			"signer": s.signed(thief, k.method, k.path, k.body),
			"host":   s.send(k.method, k.path, k.body, c.headers("http://evil.example"+k.path, k.body)...),
		}
		if k.body != "" {
			twins["body"] = s.send(k.method, k.path, " "+k.body, headers...)
		}
		for what, r := range twins {
			if r.status != http.StatusBadRequest && r.status != http.StatusUnauthorized {
				t.Errorf("%s %s with another %s: %d %s", k.method, k.path, what, r.status, r.body)
			}
		}
	}
}

// TestRevokedAndWaitingTokens prove nothing, signed or not.
func TestRevokedAndWaitingTokens(t *testing.T) {
	s := newShop(t, nil)
	c := newClient(7)
	id, err := auth.ParseTokenID(parent(s.owner).String())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.api.cfg.Auth.Revoke(t.Context(), storetest.Shop, id); err != nil {
		t.Fatal(err)
	}
	s.send(http.MethodGet, "/invoices?token="+s.owner, "").refused(t, http.StatusUnauthorized)
	waiting := s.newToken(`{"id":"` + string(c.sin(t)) + `","facade":"merchant"}`)["token"].(string)
	path := "/invoices?token=" + waiting
	if got := s.signed(c, http.MethodGet, path, "").refused(t, http.StatusUnauthorized); got != "Invalid token" {
		t.Error(got)
	}
}

// TestResourceTokens: an invoice's own token is its parent's, limited to it.
func TestResourceTokens(t *testing.T) {
	s := newShop(t, nil)
	c, token := s.paired(7)
	doc := func(r reply) map[string]any {
		t.Helper()
		if r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
		return r.json(t)["data"].(map[string]any)
	}
	create := `{"price":50,"currency":"USD","notificationURL":"http://127.0.0.1:1/","token":"` + token + `"}`
	one := doc(s.signed(c, http.MethodPost, "/invoices", create))
	two := doc(s.signed(c, http.MethodPost, "/invoices", create))
	path, own := "/invoices/"+one["id"].(string), one["token"].(string)
	if got := doc(s.signed(c, http.MethodGet, path+"?token="+own, "")); got["token"] != own {
		t.Errorf("the invoice's token is %v, then %v", own, got["token"])
	}
	resend := `{"token":"` + own + `"}`
	if r := s.send(http.MethodPost, path+"/notifications", resend); r.status != http.StatusOK {
		t.Errorf("a callback asked for again, unsigned: %d %s", r.status, r.body)
	}
	if r := s.signed(c, http.MethodPost, path+"/notifications", resend); r.status != http.StatusOK {
		t.Errorf("and signed: %d %s", r.status, r.body)
	}
	for name, r := range map[string]reply{
		"unsigned":             s.send(http.MethodGet, path+"?token="+own, ""),
		"of another invoice":   s.signed(c, http.MethodGet, path+"?token="+two["token"].(string), ""),
		"for the list":         s.signed(c, http.MethodGet, "/invoices?token="+own, ""),
		"to make an invoice":   s.signed(c, http.MethodPost, "/invoices", `{"price":1,"currency":"USD","token":"`+own+`"}`),
		"to make a token":      s.signed(c, http.MethodPost, "/tokens", `{"facade":"pos","token":"`+own+`"}`),
		"notify for another":   s.send(http.MethodPost, "/invoices/"+two["id"].(string)+"/notifications", resend),
		"unsigned cancel":      s.send(http.MethodDelete, path+"?token="+own, ""),
		"unsigned adjustments": s.send(http.MethodPost, path+"/adjustments", `{"type":"acceptLate","token":"`+own+`"}`),
		"facade unsigned":      s.send(http.MethodPost, path+"/notifications", `{"token":"`+token+`"}`),
	} {
		if got := r.refused(t, http.StatusUnauthorized); got != "Invalid token" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if r := s.signed(c, http.MethodDelete, path+"?token="+own, ""); r.status != http.StatusOK {
		t.Errorf("cancel: %d %s", r.status, r.body)
	}
	public := doc(s.send(http.MethodGet, path, ""))["token"].(string)
	if got := doc(s.send(http.MethodGet, path+"?token="+public, "")); got["token"] != public {
		t.Errorf("the public token is %v, then %v", public, got["token"])
	}
	if got := s.send(http.MethodDelete, path+"?token="+public, "").refused(t, http.StatusUnauthorized); !strings.Contains(got, "`public`") {
		t.Error(got)
	}
}

// TestFailuresAreLimited: who proves wrong things is refused before his signature is looked at, and nobody beside him.
func TestFailuresAreLimited(t *testing.T) {
	s := newShop(t, func(_ *shop, c *Config) { c.Limits.PerSecond, c.Limits.Burst = 1, 3 })
	c, token := s.paired(7)
	from := func(addr string, headers ...string) reply {
		return s.send(http.MethodGet, "/tokens", "", append(headers, "X-Forwarded-For", addr)...)
	}
	bad, good := c.headers(s.url+"/x", ""), c.headers(s.url+"/tokens", "")
	for range 20 { // what proves something costs nothing
		if r := from("203.0.113.1", good...); r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	for i := range 5 {
		r := from("203.0.113.1", bad...)
		if want := map[bool]int{true: 400, false: 429}[i < 3]; r.status != want {
			t.Errorf("failure %d: %d, want %d", i, r.status, want)
		}
	}
	if r := from("203.0.113.1", good...); r.status != http.StatusTooManyRequests {
		t.Errorf("a signature was looked at: %d %s", r.status, r.body)
	}
	if r := from("203.0.113.2", good...); r.status != http.StatusOK {
		t.Errorf("beside it: %d %s", r.status, r.body)
	}
	if r := s.send(http.MethodGet, "/rates", "", "X-Forwarded-For", "203.0.113.1"); r.status != http.StatusOK {
		t.Errorf("what needs no proof: %d", r.status)
	}
	s.wait(time.Second)
	if r := from("203.0.113.1", good...); r.status != http.StatusOK {
		t.Errorf("a second later: %d %s", r.status, r.body)
	}
	stranger := newClient(9)
	for i := range 4 {
		r := from("203.0.113.3", stranger.headers(s.url+"/tokens", "")...)
		if want := map[bool]int{true: 401, false: 429}[i < 3]; r.status != want {
			t.Errorf("a key of nobody, %d: %d, want %d", i, r.status, want)
		}
	}
	path := "/invoices?token=" + token
	for i := range 4 {
		r := s.send(http.MethodGet, path, "", append(stranger.headers(s.url+path, ""), "X-Forwarded-For", "203.0.113.4")...)
		if want := map[bool]int{true: 401, false: 429}[i < 3]; r.status != want {
			t.Errorf("a token of somebody else, %d: %d, want %d", i, r.status, want)
		}
	}
}

// TestCORS: BitPay's own list, header by header.
func TestCORSNamesWhatClientsSend(t *testing.T) {
	w := start(t, nil)
	r := w.send(http.MethodOptions, "/tokens", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST")
	allowed := strings.Split(strings.ToLower(r.header.Get("Access-Control-Allow-Headers")), ",")
	have := map[string]bool{}
	for _, h := range allowed {
		have[h] = true
	}
	for h := range strings.SplitSeq("Content-Type,Authorization,Content-Length,X-Requested-With,Cache-Control,X-Accept-Version,"+
		"x-signature,x-pubkey,x-identity,cf-connecting-ip", ",") {
		if !have[strings.ToLower(h)] {
			t.Errorf("%s is not allowed", h)
		}
	}
	if r.header.Get("Access-Control-Allow-Methods") != "HEAD,GET,POST,PUT,DELETE,OPTIONS" || r.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%v", r.header)
	}
}

// newToken makes a token by POST /tokens, and gives the one object of the answer.
func (s *shop) newToken(body string, headers ...string) map[string]any {
	s.t.Helper()
	r := s.send(http.MethodPost, "/tokens", body, headers...)
	if r.status != http.StatusOK {
		s.t.Fatalf("POST /tokens %s: %d %s", body, r.status, r.body)
	}
	var doc struct{ Data []map[string]any }
	d := json.NewDecoder(strings.NewReader(r.body))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil || len(doc.Data) != 1 {
		s.t.Fatalf("%v: %s", err, r.body)
	}
	return doc.Data[0]
}

func query(path string, kv ...string) string {
	v := make([]string, 0, len(kv)/2)
	for i := 0; i < len(kv); i += 2 {
		v = append(v, fmt.Sprintf("%s=%s", kv[i], url.QueryEscape(kv[i+1])))
	}
	return path + "?" + strings.Join(v, "&")
}

// BenchmarkSignedCall is a signed GET /invoices/:id of a bound token, and what a bad signature costs instead.
func BenchmarkSignedCall(b *testing.B) {
	s := newShop(b, nil)
	c, token := s.paired(7)
	path := "/invoices/" + s.make("") + "?token=" + token
	for name, headers := range map[string][]string{"good": c.headers("https://pay.example"+path, ""), "bad": c.headers("x", "")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if rec := s.straight("127.0.0.1", http.MethodGet, path, "", headers...); (rec.Code == http.StatusOK) != (name == "good") {
					b.Fatal(rec.Code, rec.Body)
				}
			}
		})
	}
}
