package paypro

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// BitPay's published test key has this name.
func TestAKeyIsNamedLikeItsAddress(t *testing.T) {
	public := unhex(t, "03159069584176096f1c89763488b94dbc8d5e1fa7bf91f50b42f4befe4e45295a")
	for n, want := range map[Network]string{
		Test: "mh65MN7drqmwpCRZcEeBEE9ceQCQ95HtZc", Regtest: "mh65MN7drqmwpCRZcEeBEE9ceQCQ95HtZc", Main: "12a84K2f3pLh35wwtffoQJwHnQbhJupJ6f",
	} {
		if got := identity(public, n); got != want {
			t.Errorf("%s: %s, want %s", n, got, want)
		}
	}
}

// recovered names the key that made a signature, if it is one of a digest by a key with that name.
func recovered(t testing.TB, s Signature, body string) bool {
	t.Helper()
	hash := sha256.Sum256([]byte(body))
	if s.Digest != "SHA-256="+hex.EncodeToString(hash[:]) {
		return false
	}
	compact := unhex(t, s.Signature)
	if len(compact) != 64 {
		t.Fatalf("a signature of %d bytes", len(compact))
	}
	var half btcec.ModNScalar
	if half.SetByteSlice(compact[32:]); half.IsOverHalfOrder() {
		t.Error("the signature has a high s")
	}
	for code := range byte(2) {
		public, _, err := ecdsa.RecoverCompact(append([]byte{27 + 4 + code}, compact...), hash[:])
		if err == nil && identity(public.SerializeCompressed(), Regtest) == s.Identity {
			return true
		}
	}
	return false
}

// What a JSON Payment Protocol client of BitPay's verified and took, byte by byte.
func TestExchangesThatAClientVerified(t *testing.T) {
	for _, c := range []struct{ body, digest, signature string }{
		{
			`{"time":"2026-11-22T14:40:15.483Z","expires":"2026-11-22T14:55:15.483Z","memo":"Payment request for Stub invoice S6S76F824RBfQ9U4Lwyvm5","paymentUrl":"https://127.0.0.1:38443/i/S6S76F824RBfQ9U4Lwyvm5","paymentId":"S6S76F824RBfQ9U4Lwyvm5","paymentOptions":[{"chain":"BTC","currency":"BTC","network":"regtest","estimatedAmount":20100,"requiredFeeRate":1,"minerFee":100,"decimals":8,"selected":false},{"chain":"BCH","currency":"BCH","network":"regtest","estimatedAmount":2010000,"requiredFeeRate":1,"minerFee":0,"decimals":8,"selected":false}]}`,
			"2f6cd8f903b7ebdc4933561e39a33817bb5b636492982e1da8ed4d4a79eaf0f3",
			"976f8f4a5c78458f48fb1f2faf4c030da6766e701015f17ea39413bd1737b32959bbe7a6ea4e4e7fac7bc8d0d9fd799c33209ecdeaee8d0940ce3e1c830b4db6",
		},
		{
			`{"time":"2026-11-22T14:40:15.613Z","expires":"2026-11-22T14:55:15.613Z","memo":"Payment request for Stub invoice S6S76F824RBfQ9U4Lwyvm5","paymentUrl":"https://127.0.0.1:38443/i/S6S76F824RBfQ9U4Lwyvm5","paymentId":"S6S76F824RBfQ9U4Lwyvm5","chain":"BTC","currency":"BTC","network":"regtest","instructions":[{"type":"transaction","requiredFeeRate":1,"outputs":[{"amount":20100,"address":"mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"}]}]}`,
			"6c2fad9b2d5c91017a70138377daca356e0c74f5ced85ff0008b516080c16462",
			"48418885087d486451425e655373cac8b2978d918dff813282d76ed86f5afb740bac10551e0029df5b48e4f4c78f27d8c822824f22948403617f8c667b471ee7",
		},
	} {
		s := Signature{"SHA-256=" + c.digest, c.signature, "n4nRScAwU6kBHbfDDoH2TuoVPsyu8j4bnz"}
		if !recovered(t, s, c.body) {
			t.Errorf("what a client verified is not what is made here: %s", c.body)
		}
		if recovered(t, s, c.body+" ") {
			t.Error("a body with a byte more verifies")
		}
	}
}

// Ours are the same, and the same again.
func TestSignaturesAreAsClientsVerifyThem(t *testing.T) {
	k := testKey(t)
	for i := range 64 {
		body := fmt.Sprintf(`{"n":%d}`, i)
		s := k.Sign([]byte(body))
		if s.Identity != k.Identity() || !recovered(t, s, body) {
			t.Fatalf("%+v", s)
		}
		if s != k.Sign([]byte(body)) {
			t.Fatal("the same body is signed in two ways")
		}
	}
}

func testKey(t testing.TB) Key {
	t.Helper()
	k, err := NewKey([32]byte{31: 1}, Regtest)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A secret beyond the group's order, or none, is no key; and a key shows nothing of itself.
func TestAKeyKeepsItsSecret(t *testing.T) {
	over := [32]byte{}
	for i := range over {
		over[i] = 0xff
	}
	for _, secret := range [][32]byte{{}, over} {
		if _, err := NewKey(secret, Main); err == nil {
			t.Error("a key of nothing")
		}
	}
	secret := sha256.Sum256([]byte("secret"))
	k, err := NewKey(secret, Main)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		shown := fmt.Sprintf(format, k)
		if strings.Contains(strings.ToLower(shown), hex.EncodeToString(secret[:4])) || !strings.Contains(shown, k.Identity()) {
			t.Errorf("%s shows %s", format, shown)
		}
	}
}

func TestTheKeysDocument(t *testing.T) {
	doc := string(testKey(t).Keys("The Shop", []string{"pay.example"}, time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC)))
	want := `{"owner":"The Shop","expirationDate":"2028-01-01T00:00:00.000Z","validDomains":["pay.example"],` +
		`"publicKeys":["0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"]}`
	if doc != want {
		t.Errorf("%s", doc)
	}
}
