package auth

import (
	"crypto/hmac"

	"github.com/btcsuite/btcd/btcutil/base58"

	"satchel/merchant"
)

// The key of a point-of-sale link, or of a token's till, is its id and half an HMAC-SHA256 (128 bits) of it.
const (
	payLinkID  = len(merchant.LinkID{})
	payLinkLen = payLinkID + 16
	maxPayLink = 40 // characters; a key has about 33
)

// PayLink makes the key that opens a link of the point of sale. Nothing of it is stored: whoever takes it must look
// whether the link still works.
func (s Secret) PayLink(id merchant.LinkID) string {
	return s.keyOf("pay link", id)
}

// ReadPayLink finds the link that a key opens; false for any text that PayLink did not make.
func (s Secret) ReadPayLink(key string) (merchant.LinkID, bool) {
	id, ok := s.readKey("pay link", key)
	return merchant.LinkID(id), ok
}

// Till makes the key that opens the keypad of a token's point of sale and nothing else, so that the token itself need not
// stand in an address. Nothing of it is stored: it works as long as the token does.
func (s Secret) Till(id TokenID) string { return s.keyOf("till", id) }

// ReadTill finds the token whose keypad a key opens; false for any text that Till did not make.
func (s Secret) ReadTill(key string) (TokenID, bool) { return s.readKey("till", key) }

func (s Secret) keyOf(use string, id [payLinkID]byte) string {
	return base58.Encode(append(id[:], s.keyMAC(use, id)...))
}

func (s Secret) readKey(use, key string) (id [payLinkID]byte, ok bool) {
	if len(key) > maxPayLink {
		return id, false
	}
	raw := base58.Decode(key)
	if len(raw) != payLinkLen {
		return id, false
	}
	id = [payLinkID]byte(raw[:payLinkID])
	return id, hmac.Equal(raw[payLinkID:], s.keyMAC(use, id))
}

func (s Secret) keyMAC(use string, id [payLinkID]byte) []byte {
	return s.mac(use, id[:])[:payLinkLen-payLinkID]
}

// Origin makes of a caller's address what invoices remember of it: enough to count his open ones, and not the address.
func (s Secret) Origin(address string) string {
	return "from:" + base58.Encode(s.mac("origin", []byte(address))[:16])
}
