package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
)

// ErrSignature is the answer to every signature that does not fit the request, whatever the reason (BitPay: "Invalid
// signature").
var ErrSignature = errors.New("invalid signature")

// Signed is a request that carries a key and a signature (BitAuth): the two headers' values, and the request as it
// came. The signature is over SHA-256 of the URL that the client saw and the body's bytes, nothing between them.
type Signed struct {
	Identity  string // x-identity: hex of the public key
	Signature string // x-signature: hex of the ECDSA signature over secp256k1, DER
	Scheme    string // http or https, as the request came to us
	Host      string // the Host header, with the port if one was there
	Target    string // the request-target, before any decoding
	Body      []byte // before any decoding
}

// Verify proves that the holder of the request's key signed the request. The errors are ErrKey and ErrSignature. The
// client's spelling of its URL is not known: up to 16 candidates are tried, the likeliest first. High s is fine; half
// of the real clients send it.
func (v *Verifier) Verify(s Signed) (Identity, error) {
	id, err := ParseIdentity(s.Identity)
	if err != nil {
		return Identity{}, err
	}
	sig, err := parseSignature(s.Signature)
	if err != nil {
		return Identity{}, err
	}
	body := signedBody{sent: s.Body}
	for c := range v.candidates(s) {
		digest := body.digest(c)
		if sig.Verify(digest[:], id.key) {
			return id, nil
		}
	}
	return Identity{}, ErrSignature
}

// parseSignature reads strict DER: minimal, nothing behind it, r and s from 1 to n-1.
func parseSignature(text string) (*ecdsa.Signature, error) {
	if len(text)%2 != 0 || len(text) < 2*ecdsa.MinSigLen || len(text) > 2*ecdsa.MaxSigLen {
		return nil, ErrSignature
	}
	der, err := hex.DecodeString(text)
	if err != nil || int(der[1])+2 != len(der) { // the library overlooks what follows the sequence
		return nil, ErrSignature
	}
	sig, err := ecdsa.ParseDERSignature(der)
	if err != nil {
		return nil, ErrSignature
	}
	return sig, nil
}

// candidate is one string that the client may have signed.
type candidate struct {
	base, target string // their concatenation is the URL
	oldBody      bool   // the body's bytes are those of hash.js
}

// signedBody gives the body's bytes in both ways to hash them, the second one only when it is asked for.
type signedBody struct{ sent, old []byte }

func (b *signedBody) digest(c candidate) [sha256.Size]byte {
	body := b.sent
	if c.oldBody {
		if b.old == nil {
			b.old = hashJS(b.sent)
		}
		body = b.old
	}
	h := sha256.New()
	h.Write([]byte(c.base))
	h.Write([]byte(c.target))
	h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}

// needsHashJS says whether the 2014 client, whose library hashed text in a way of its own, signs other bytes than
// those it sends.
//
// That way loses information: the pair of ASCII characters N- and the one character U+4E2D hash alike. Who sees a
// request that was signed over plain bytes could so turn pairs of its characters into single ones and keep the
// signature. Hence the other bytes count only where nobody could have signed them as they are: where they are no JSON.
func needsHashJS(body []byte) bool {
	ascii := true
	for _, c := range body {
		ascii = ascii && c < utf8.RuneSelf
	}
	if ascii || !utf8.Valid(body) {
		return false
	}
	old := hashJS(body)
	return !utf8.Valid(old) || !json.Valid(old)
}

// hashJS gives the bytes that hash.js took from a text before it knew UTF-8: of every UTF-16 unit its high byte unless
// that is zero, then its low byte.
func hashJS(text []byte) []byte {
	out := make([]byte, 0, len(text))
	var pair [2]uint16
	for _, r := range string(text) {
		for _, unit := range utf16.AppendRune(pair[:0], r) {
			if hi := byte(unit >> 8); hi != 0 {
				out = append(out, hi)
			}
			out = append(out, byte(unit)) //nolint:gosec // the low byte is meant
		}
	}
	return out
}
