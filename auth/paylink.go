package auth

import (
	"crypto/hmac"

	"github.com/btcsuite/btcd/btcutil/base58"

	"satchel/merchant"
)

// A point-of-sale link's key is its id and half an HMAC-SHA256 (128 bits) of it.
const (
	payLinkID  = len(merchant.LinkID{})
	payLinkLen = payLinkID + 16
	maxPayLink = 40 // characters; a key has about 33
)

// PayLink makes the key that opens a link of the point of sale. Nothing of it is stored: whoever takes it must look
// whether the link still works.
func (s Secret) PayLink(id merchant.LinkID) string {
	return base58.Encode(append(id[:], s.payLinkMAC(id)...))
}

// ReadPayLink finds the link that a key opens; false for any text that PayLink did not make.
func (s Secret) ReadPayLink(key string) (merchant.LinkID, bool) {
	if len(key) > maxPayLink {
		return merchant.LinkID{}, false
	}
	raw := base58.Decode(key)
	if len(raw) != payLinkLen {
		return merchant.LinkID{}, false
	}
	id := merchant.LinkID(raw[:payLinkID])
	return id, hmac.Equal(raw[payLinkID:], s.payLinkMAC(id))
}

func (s Secret) payLinkMAC(id merchant.LinkID) []byte {
	return s.mac("pay link", id[:])[:payLinkLen-payLinkID]
}

// Origin makes of a caller's address what invoices remember of it: enough to count his open ones, and not the address.
func (s Secret) Origin(address string) string {
	return "from:" + base58.Encode(s.mac("origin", []byte(address))[:16])
}
