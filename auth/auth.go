// Package auth turns what a caller presents into a Principal: the only proof of who may do what. Tokens are opaque
// base58 strings that the server can recompute: an id, and a keyed hash of what the token grants. The store holds the
// grant and never the string.
//
// It knows merchants, and nothing of invoices, HTTP or storage.
package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"time"

	"github.com/btcsuite/btcd/btcutil/base58"

	"satchel/merchant"
)

// Facade is what a token allows (BitPay API, "Facades"). The zero Facade allows nothing and matches nobody.
type Facade uint8

// The facades. Public is what a caller without a token has.
const (
	Public Facade = iota + 1
	POS
	Merchant
	Payout
)

// String gives the word of the wire.
func (f Facade) String() string {
	switch f {
	case Public:
		return "public"
	case POS:
		return "pos"
	case Merchant:
		return "merchant"
	case Payout:
		return "payout"
	}
	return "none"
}

// ParseFacade reads the word of the wire; "payroll" is the older name of payout.
func ParseFacade(text string) (Facade, bool) {
	switch text {
	case "pos":
		return POS, true
	case "merchant":
		return Merchant, true
	case "payout", "payroll":
		return Payout, true
	}
	return 0, false
}

// TokenID names a grant: 8 random bytes.
type TokenID [8]byte

// String gives it in base58, for people.
func (t TokenID) String() string { return base58.Encode(t[:]) }

// ParseTokenID reads what String gives.
func ParseTokenID(text string) (TokenID, error) {
	b := base58.Decode(text)
	if len(text) > 16 || len(b) != len(TokenID{}) {
		return TokenID{}, errors.New("not a token id")
	}
	return TokenID(b), nil
}

// Grant is what a token stands for.
type Grant struct {
	ID       TokenID
	Merchant merchant.ID
	Facade   Facade
	Label    string
	SIN      string // whose signature it needs; "": none, a bearer token
	Created  time.Time
	Revoked  time.Time // zero: it is valid
}

// Principal is a caller whose rights were proved. Only this package makes one that has any.
type Principal struct {
	facade   Facade
	merchant merchant.ID
	token    TokenID
}

// Anybody is a caller without a token.
func Anybody() Principal { return Principal{facade: Public} }

// Facade says what the caller may use.
func (p Principal) Facade() Facade { return p.facade }

// Merchant says whose records the caller may use; "" for anybody.
func (p Principal) Merchant() merchant.ID { return p.merchant }

// Token names the grant that proved it; "" for anybody.
func (p Principal) Token() string {
	if p.facade == Public || p.facade == 0 {
		return ""
	}
	return p.token.String()
}

// Secret is the server's own key for tokens.
type Secret [32]byte

// ErrToken is the answer to every token that is not valid, whatever the reason.
var ErrToken = errors.New("invalid token")

// Token gives the string of a grant: base58(id ‖ HMAC-SHA256(secret, what it grants)).
func (s Secret) Token(g Grant) string {
	mac := s.mac("token", []byte(g.Merchant), []byte{byte(g.Facade)}, g.ID[:], []byte(g.SIN))
	return base58.Encode(append(g.ID[:], mac...))
}

// Resource gives the token of one resource under a grant; nothing of it is stored.
func (s Secret) Resource(m merchant.ID, resource, id string) string {
	return base58.Encode(s.mac("resource", []byte(m), []byte(resource), []byte(id)))
}

func (s Secret) mac(parts0 string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, s[:])
	h.Write([]byte(parts0))
	for _, p := range parts {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(p))) //nolint:gosec // parts are short
		h.Write(n[:])
		h.Write(p)
	}
	return h.Sum(nil)
}

// Grants finds grants.
type Grants interface {
	Grant(ctx context.Context, id TokenID) (Grant, bool, error)
}

// maxToken bounds a presented token, so that a long one costs nothing.
const maxToken = 128

// Authenticate proves a bearer token. An unknown, revoked, malformed or signature-bound token gives ErrToken.
func Authenticate(ctx context.Context, s Secret, grants Grants, token string) (Principal, error) {
	raw := []byte(nil)
	if len(token) <= maxToken {
		raw = base58.Decode(token)
	}
	if len(raw) != len(TokenID{})+sha256.Size {
		return Principal{}, ErrToken
	}
	id := TokenID(raw[:8])
	g, ok, err := grants.Grant(ctx, id)
	if err != nil {
		return Principal{}, err
	}
	want := s.Token(g)
	same := subtle.ConstantTimeCompare([]byte(want), []byte(token)) == 1
	if !ok || !same || !g.Revoked.IsZero() || g.SIN != "" {
		return Principal{}, ErrToken
	}
	return Principal{facade: g.Facade, merchant: g.Merchant, token: g.ID}, nil
}
