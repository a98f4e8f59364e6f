package auth

import (
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"time"

	"github.com/btcsuite/btcd/btcutil/base58"
)

// LinkLife is how long the key of a link to the approval page works.
const LinkLife = 15 * time.Minute

// ErrLink is the answer to every key that is wrong or too old, whatever the reason.
var ErrLink = errors.New("invalid approval link")

// A link's key is a grant's id, the second since 1970 in which it ends, and half an HMAC-SHA256 (128 bits) of both and
// of the pairing code.
const (
	linkEnd = len(TokenID{}) + 8
	linkLen = linkEnd + 16
	maxLink = 64 // characters; a key has 44
)

// Link makes the key that lets its holder decide about a grant that waits for approval, until the end. Nothing of it is
// stored: whoever takes it must look whether the grant still waits.
func (s Secret) Link(id TokenID, code string, end time.Time) string {
	raw := binary.BigEndian.AppendUint64(id[:], uint64(end.Unix())) //nolint:gosec // after 1970
	return base58.Encode(append(raw, s.linkMAC(raw, code)...))
}

// ReadLink finds the grant that a key and a pairing code lead to; ErrLink for any key that Link did not make for this
// code, and for one whose end has come.
func (s Secret) ReadLink(key, code string, now time.Time) (TokenID, time.Time, error) {
	var raw []byte
	if len(key) <= maxLink {
		raw = base58.Decode(key)
	}
	if len(raw) != linkLen || !hmac.Equal(raw[linkEnd:], s.linkMAC(raw[:linkEnd], code)) {
		return TokenID{}, time.Time{}, ErrLink
	}
	end := time.Unix(int64(binary.BigEndian.Uint64(raw[len(TokenID{}):linkEnd])), 0) //nolint:gosec // we made it
	if !now.Before(end) {
		return TokenID{}, time.Time{}, ErrLink
	}
	return TokenID(raw[:len(TokenID{})]), end, nil
}

func (s Secret) linkMAC(head []byte, code string) []byte {
	return s.mac("link", head, []byte(code))[:linkLen-linkEnd]
}
