package auth

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/btcsuite/btcd/btcutil/base58"
)

// BusToken gives the token under which an invoice's public events are followed: base58(id ‖ HMAC-SHA256). Nothing of it
// is stored. id is base58 itself, and goes in as its bytes.
func (s Secret) BusToken(id string) string {
	raw := base58.Decode(id)
	return base58.Encode(append(raw, s.mac("bus", raw)...))
}

// BusInvoice gives the invoice's id of such a token, or ErrToken.
func (s Secret) BusInvoice(token string) (id string, err error) {
	raw := []byte(nil)
	if len(token) <= maxToken {
		raw = base58.Decode(token)
	}
	at := len(raw) - sha256.Size
	if at <= 0 {
		return "", ErrToken
	}
	if subtle.ConstantTimeCompare(raw[at:], s.mac("bus", raw[:at])) != 1 {
		return "", ErrToken
	}
	return base58.Encode(raw[:at]), nil
}
