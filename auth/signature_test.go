package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The signatures of the reference, over URLs of http://127.0.0.1:8180.
const (
	getSignature  = "30450221008fdcf801a2a84861d9d5d240280fdb60a9ad3dd6870335ccd8e0bafaa18bb64c022068c9ac528f3a7ce915066506d5529d1831f05dbaf73fc5b32526c9b11341fb67"
	postSignature = "304402201ca32200ca762914f9ed0c71a9dc895886f2c3cc0a21f01178289d13cc8615a5022063d179de9f4f2990e4c10a713d7fb0f0232057bcaf841a0557efe4a3227c72fb"
	postBody      = `{"price":10,"currency":"USD","token":"9Xe2","guid":"5c9cbf6c-7a7d-4a0a-8a56-0c1a8e3a8d11"}`
)

func verifier(t testing.TB, urls ...string) *Verifier {
	t.Helper()
	v, err := NewVerifier(urls)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func getTokens() Signed {
	return Signed{Identity: publicHex, Signature: getSignature, Scheme: "http", Host: "127.0.0.1:8180", Target: "/tokens"}
}

// sign signs bytes as a client does.
func sign(key *btcec.PrivateKey, message string) string {
	digest := sha256.Sum256([]byte(message))
	return hex.EncodeToString(ecdsa.Sign(key, digest[:]).Serialize())
}

func TestVectorsVerify(t *testing.T) {
	v := verifier(t, "http://127.0.0.1:8180")
	post := getTokens()
	post.Signature, post.Target, post.Body = postSignature, "/invoices", []byte(postBody)
	upper := getTokens()
	upper.Identity, upper.Signature = strings.ToUpper(publicHex), strings.ToUpper(getSignature)
	for name, s := range map[string]Signed{"GET": getTokens(), "POST": post, "upper case": upper} {
		id, err := v.Verify(s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if id.SIN() != publicSIN {
			t.Errorf("%s: %s", name, id.SIN())
		}
	}
}

// BitAuth's own vector with a high s, over "baz".
func TestHighSVerifies(t *testing.T) {
	const high = "304502206ac2ffc240d23fd218a5aa9857065b8bb09ed6c154f1d7da2b56f993bd6e1e3e022100e8dba80dea09122ab87aae82f91e23876aa6628055e24afc895405482ac97aae"
	sig, err := parseSignature(high)
	if err != nil {
		t.Fatal(err)
	}
	s := sig.S()
	if !s.IsOverHalfOrder() {
		t.Fatal("s is low")
	}
	digest := sha256.Sum256([]byte("baz"))
	if !sig.Verify(digest[:], privateKey(t, "8295702b2273896ae085c3caebb02985cab02038251e10b6f67a14340edb51b0").PubKey()) {
		t.Error("refused")
	}
	v, low := verifier(t, "http://127.0.0.1:8180"), getTokens()
	twin := low
	twin.Signature = otherS(t, low.Signature)
	if twin.Signature == low.Signature {
		t.Fatal("the twin is the same")
	}
	if _, err := v.Verify(twin); err != nil {
		t.Errorf("the twin of a signature with a low s: %v", err)
	}
}

// otherS gives the signature with n-s instead of s.
func otherS(t testing.TB, text string) string {
	t.Helper()
	sig, err := parseSignature(text)
	if err != nil {
		t.Fatal(err)
	}
	r, s := sig.R(), sig.S()
	s.Negate()
	rb, sb := r.Bytes(), s.Bytes()
	return derHex(new(big.Int).SetBytes(rb[:]), new(big.Int).SetBytes(sb[:]))
}

// derHex writes two numbers as DER, whatever they are.
func derHex(r, s *big.Int) string { return derBytes(integer(r), integer(s)) }

func derBytes(r, s []byte) string {
	body := append(append([]byte{0x02, byte(len(r))}, r...), append([]byte{0x02, byte(len(s))}, s...)...)
	return hex.EncodeToString(append([]byte{0x30, byte(len(body))}, body...))
}

func integer(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return b
}

func TestMalformedSignaturesAreRefusedAlike(t *testing.T) {
	v := verifier(t, "http://127.0.0.1:8180")
	sig, err := parseSignature(getSignature)
	if err != nil {
		t.Fatal(err)
	}
	rs, ss := sig.R(), sig.S()
	rb, sb := rs.Bytes(), ss.Bytes()
	r, s, n, one := new(big.Int).SetBytes(rb[:]), new(big.Int).SetBytes(sb[:]), btcec.S256().N, big.NewInt(1)
	if derHex(r, s) != getSignature {
		t.Fatal("the test writes another DER")
	}
	raw := getSignature
	for name, text := range map[string]string{
		"empty": "", "half a byte": raw[:len(raw)-1], "no hex": "zz" + raw[2:], "truncated": raw[:len(raw)-2], "trailing byte": raw + "00",
		"trailing bytes, short": derHex(one, one) + "0000", "huge": strings.Repeat("30", 1<<20), "64 bytes bare": hex.EncodeToString(append(rb[:], sb[:]...)),
		"r zero": derHex(new(big.Int), s), "s zero": derHex(r, new(big.Int)), "r is n": derHex(n, s), "s is n": derHex(r, n),
		"r over n": derHex(new(big.Int).Add(n, one), s), "s plus n": derHex(r, new(big.Int).Add(n, s)),
		"negative r": derBytes(rb[:], sb[:]), "negative s": derBytes(integer(r), append([]byte{0x80}, sb[1:]...)),
		"padded s": derBytes(integer(r), append([]byte{0}, sb[:]...)), "r of 34 bytes": derBytes(append([]byte{1}, integer(r)...), sb[:31]),
		"no r": derBytes(nil, sb[:]), "no s": derBytes(integer(r), nil), "another tag": "31" + raw[2:], "long length": "308145" + raw[4:],
		"length over the end": raw[:2] + "46" + raw[4:], "length 254": raw[:2] + "fe" + raw[4:], "length 255": raw[:2] + "ff" + raw[4:],
		"zeros": strings.Repeat("00", 70), "ones": strings.Repeat("ff", 72), "sequence only": "3006" + strings.Repeat("00", 6),
		"another": derHex(one, one), "spaces": " " + raw[1:],
	} {
		req := getTokens()
		req.Signature = text
		id, err := v.Verify(req)
		if !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
		if !nobody(id) {
			t.Errorf("%s: an identity came along", name)
		}
	}
}

func TestBadKeyIsToldFromBadSignature(t *testing.T) {
	v, s := verifier(t, "http://127.0.0.1:8180"), getTokens()
	s.Identity = "02"
	if _, err := v.Verify(s); !errors.Is(err, ErrKey) {
		t.Errorf("%v", err)
	}
}

// recorded is a request of a real client, as it went over the wire to a recording server.
type recorded struct {
	Client, Method, Host, Target, Body, Identity, Signature string
	Verifies                                                bool // false: the client sent an old signature along
}

func (r recorded) signed() Signed {
	return Signed{Identity: r.Identity, Signature: r.Signature, Scheme: "http", Host: r.Host, Target: r.Target, Body: []byte(r.Body)}
}

func recordings(t testing.TB) []recorded {
	t.Helper()
	raw, err := os.ReadFile("testdata/requests.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []recorded
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRecordedRequestsOfRealClients(t *testing.T) {
	v := verifier(t, "http://localhost:38080")
	stale := 0
	for _, r := range recordings(t) {
		name := r.Client + " " + r.Method + " " + r.Target
		_, err := v.Verify(r.signed())
		switch {
		case r.Verifies && err != nil:
			t.Errorf("%s: %v", name, err)
		case !r.Verifies && !errors.Is(err, ErrSignature):
			t.Errorf("%s: stale, %v", name, err)
		}
		if !r.Verifies {
			stale++
			continue
		}
		refuseTwins(t, v, name, r.signed())
	}
	if stale == 0 {
		t.Error("no stale request among them")
	}
}

// refuseTwins changes each part of a request that verifies: none of the twins may verify.
func refuseTwins(t *testing.T, v *Verifier, name string, s Signed) {
	t.Helper()
	other := privateKey(t, strings.Repeat("07", 32)).PubKey()
	for what, change := range map[string]func(*Signed){
		"path":     func(s *Signed) { s.Target = "/x" + s.Target },
		"query":    func(s *Signed) { s.Target += "&a=b" },
		"body":     func(s *Signed) { s.Body = append([]byte(nil), append(s.Body, ' ')...) },
		"bit":      func(s *Signed) { s.Body, s.Target = flipFirst(s.Body, s.Target) },
		"host":     func(s *Signed) { s.Host, s.Target = "evil.example", "//evil.example"+s.Target },
		"key":      func(s *Signed) { s.Identity = hex.EncodeToString(other.SerializeCompressed()) },
		"negative": func(s *Signed) { s.Identity = negated(s.Identity) },
	} {
		twin := s
		twin.Body = append([]byte(nil), s.Body...)
		change(&twin)
		if _, err := v.Verify(twin); !errors.Is(err, ErrSignature) {
			t.Errorf("%s, %s changed: %v", name, what, err)
		}
	}
}

// negated gives the key with the other sign.
func negated(key string) string {
	flipped := map[string]string{"02": "03", "03": "02"}
	return flipped[key[:2]] + key[2:]
}

// flipFirst changes one bit of the body, or of the target's last character where there is no body.
func flipFirst(body []byte, target string) ([]byte, string) {
	if len(body) == 0 {
		last := len(target) - 1
		return body, target[:last] + string(target[last]^1)
	}
	out := append([]byte(nil), body...)
	out[0] ^= 1
	return out, target
}

func TestHashJSBytes(t *testing.T) {
	for text, want := range map[string]string{
		"abc": "616263", "ü": "fc", "€": "20ac", "Я": "042f", "中": "4e2d", "😀": "d83dde00", "ÿĀ": "ff0100", "": "",
	} {
		if got := hex.EncodeToString(hashJS([]byte(text))); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// The 2014 client's bytes count for nothing where a client of today may have signed the same: characters that stand
// for two others must not move into a request that somebody else signed.
func TestHashJSCannotRewriteWhatOthersSigned(t *testing.T) {
	v, key := verifier(t, "http://127.0.0.1:8180"), privateKey(t, privateHex)
	for name, c := range map[string]struct {
		signed, sent string
		want         bool
	}{
		"the old client":            {"{\"d\":\"\xfcn\"}", `{"d":"ün"}`, true},
		"the old client, Cyrillic":  {"{\"d\":\"\x04\x10\"}", `{"d":"А"}`, true},
		"pair of marks":             {"{\"d\":\"!\"\"}", `{"d":"™"}`, true},
		"N- was signed":             {`{"d":"N-"}`, `{"d":"中"}`, false},
		"a member swallowed":        {`{"a":"x","b":"y"}`, "{\"a\":\"x\u222c\u2262\u223a\u2279\"}", false},
		"plain UTF-8 stays allowed": {`{"d":"中"}`, `{"d":"中"}`, true},
		"no text":                   {"{\"d\":\"\xff\xfd\"}", "{\"d\":\"\x80\"}", false},
	} {
		s := Signed{
			Identity: publicHex, Signature: sign(key, "http://127.0.0.1:8180/invoices"+c.signed),
			Scheme: "http", Host: "127.0.0.1:8180", Target: "/invoices", Body: []byte(c.sent),
		}
		if _, err := v.Verify(s); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoBodyOrTargetButTheSignedOneVerifies(t *testing.T) {
	v, key := verifier(t, "https://pay.example/shop", "http://localhost:8350"), privateKey(t, privateHex)
	rapid.Check(t, func(t *rapid.T) {
		target, body := "/"+rapid.StringMatching(`[a-z]{0,6}`).Draw(t, "path"), []byte(nil)
		if rapid.Bool().Draw(t, "with a body") {
			body = rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "body")
		} else {
			target += rapid.StringMatching(`(\?[a-c]=[a-z0-9%+]{0,5}(&[a-c]=[a-z0-9%]{0,4})?)?`).Draw(t, "query")
		}
		host := rapid.SampledFrom([]string{"pay.example", "pay.example:8443", "localhost:8350", "127.0.0.1", "proxy.internal"}).Draw(t, "host")
		s := Signed{Identity: publicHex, Scheme: rapid.SampledFrom([]string{"http", "https"}).Draw(t, "scheme"), Host: host, Target: target, Body: body}
		base := "https://pay.example/shop"
		if rapid.Bool().Draw(t, "as seen") {
			switch {
			case strings.HasPrefix(host, "pay."):
				base = "https://" + host
			case host != "proxy.internal":
				base = s.Scheme + "://" + host
			}
		}
		s.Signature = sign(key, base+target+string(body))
		if _, err := v.Verify(s); err != nil {
			t.Fatalf("%+v over %s: %v", s, base, err)
		}
		twin := s
		if rapid.Bool().Draw(t, "another body") {
			twin.Body = rapid.SliceOfN(rapid.Byte(), 0, 20).Filter(func(b []byte) bool { return string(b) != string(body) }).Draw(t, "other body")
		} else {
			twin.Target = target + rapid.StringMatching(`[a-z]{1,3}`).Draw(t, "suffix")
		}
		if twin.Target+string(twin.Body) == target+string(body) {
			return // BitAuth has nothing between the URL and the body
		}
		if _, err := v.Verify(twin); !errors.Is(err, ErrSignature) {
			t.Fatalf("%+v: %v", twin, err)
		}
	})
}

func FuzzSignature(f *testing.F) {
	f.Add(getSignature, []byte(nil))
	f.Add(postSignature, []byte(postBody))
	f.Add(derHex(big.NewInt(1), big.NewInt(1))+"00", []byte("{}"))
	f.Add("30fe"+strings.Repeat("02", 70), []byte("ü"))
	v := verifier(f, "http://127.0.0.1:8180")
	f.Fuzz(func(t *testing.T, text string, body []byte) {
		s := getTokens()
		s.Signature, s.Body = text, body
		id, err := v.Verify(s)
		if err != nil && (!errors.Is(err, ErrSignature) || !nobody(id)) {
			t.Fatalf("%v, %+v", err, id)
		}
		sig, err := parseSignature(text)
		if err != nil {
			return
		}
		r, sv := sig.R(), sig.S()
		rb, sb := r.Bytes(), sv.Bytes()
		if again := derHex(new(big.Int).SetBytes(rb[:]), new(big.Int).SetBytes(sb[:])); !strings.EqualFold(again, text) {
			t.Fatalf("%s reads as %s", text, again)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	v, s := verifier(b, "http://127.0.0.1:8180"), getTokens()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(s); err != nil {
			b.Fatal(err)
		}
	}
}

// The dearest bad request: 16 candidates with a body of the size that a client's request may have.
func BenchmarkVerifyWorstCase(b *testing.B) {
	v := verifier(b, "https://pay.example:8443/shop", "http://localhost:8350", "https://www.pay.example")
	s := getTokens()
	s.Host, s.Target, s.Body = "pay.example", "/invoices?orderId=o%271+%2A~", []byte(`{"d":"`+strings.Repeat("ü", 8<<10)+`"}`)
	n := 0
	for range v.candidates(s) {
		n++
	}
	if diff := cmp.Diff(maxCandidates, n); diff != "" {
		b.Fatal(diff)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(s); !errors.Is(err, ErrSignature) {
			b.Fatal(err)
		}
	}
}
