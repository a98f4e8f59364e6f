package auth

import (
	"errors"
	"slices"
)

// SIN is a BitPay client id: 35 characters of base58 that stand for a public key.
type SIN string

// Identity is a public key that a caller presents.
type Identity struct{ sins []SIN }

// SIN gives the key's SIN.
func (i Identity) SIN() SIN { return i.sins[0] }

// SINs gives every SIN that the key stands for.
func (i Identity) SINs() []SIN { return slices.Clone(i.sins) }

// Has tells whether the key stands for a SIN.
func (i Identity) Has(s SIN) bool { return slices.Contains(i.sins, s) }

// ErrSignature is a signature that does not verify.
var ErrSignature = errors.New("invalid signature")
