package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"

	"github.com/btcsuite/btcd/btcutil/base58"
)

// Secret is the server's own key for tokens.
type Secret [32]byte

// Token gives the string of a grant: base58(id ‖ HMAC-SHA256(secret, id)). It does not depend on what is granted, so
// that a client keeps its token through the approval.
func (s Secret) Token(id TokenID) string {
	return base58.Encode(append(id[:], s.mac("token", id[:])...))
}

// Resource gives the token of one resource under a grant: base58(parent ‖ HMAC-SHA256(secret, parent, resource, id)).
// The resource is its view and kind, such as "merchant/invoice". The zero parent is for "public/…", which everybody may
// see, and for "user/…", which needs the signature of the SIN that id names.
func (s Secret) Resource(parent TokenID, resource, id string) string {
	return base58.Encode(append(parent[:], s.mac("resource", parent[:], []byte(resource), []byte(id))...))
}

func (s Secret) mac(use string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, s[:])
	h.Write([]byte(use))
	for _, p := range parts {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(p))) //nolint:gosec // parts are short
		h.Write(n[:])
		h.Write(p)
	}
	return h.Sum(nil)
}

// maxToken bounds a presented token, so that a long one costs nothing.
const maxToken = 128

// idOf reads whose token a string claims to be.
func idOf(token string) (TokenID, bool) {
	if len(token) > maxToken {
		return TokenID{}, false
	}
	raw := base58.Decode(token)
	if len(raw) != len(TokenID{})+sha256.Size {
		return TokenID{}, false
	}
	return TokenID(raw[:len(TokenID{})]), true
}

// same compares in constant time.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
