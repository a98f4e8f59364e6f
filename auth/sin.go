package auth

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/btcutil/base58"
)

// ErrKey is the answer to every identity that is no public key of secp256k1 (BitPay: "Bad public key from identity").
var ErrKey = errors.New("bad public key from identity")

// SIN names a client (BitAuth "System Identification Number"): 35 characters of base58 over 0x0f02, the hash of the
// client's public key, and a checksum.
type SIN string

const (
	sinText  = 35 // characters; always so, for the first byte is 0x0f
	sinBytes = 26 // prefix, hash and checksum
	sinBody  = 22 // prefix and hash
)

// sinPrefix is the version of a SIN (0x0f) and its type, which needs no entry on a chain (0x02).
func sinPrefix() []byte { return []byte{0x0f, 0x02} }

// ParseSIN reads a SIN and checks its length, prefix and checksum. What is wrong is said in a sentence for anybody.
func ParseSIN(text string) (SIN, error) {
	if len(text) != sinText {
		return "", errors.New("a SIN has 35 characters")
	}
	raw := base58.Decode(text)
	if len(raw) != sinBytes || !bytes.HasPrefix(raw, sinPrefix()) {
		return "", errors.New("a SIN is base58 and begins with Te or Tf")
	}
	if !bytes.Equal(raw[sinBody:], sinChecksum(raw[:sinBody])) {
		return "", errors.New("the SIN's checksum is wrong")
	}
	return SIN(text), nil
}

// sinOf names a public key by the bytes given: a key has one SIN for each way to write it.
func sinOf(public []byte) SIN {
	body := append(sinPrefix(), btcutil.Hash160(public)...)
	return SIN(base58.Encode(append(body, sinChecksum(body)...)))
}

func sinChecksum(body []byte) []byte {
	first := sha256.Sum256(body)
	second := sha256.Sum256(first[:])
	return second[:sinBytes-sinBody]
}

// Identity is a public key that a caller presents. Only one that came out of Verifier.Verify is proved to be the
// caller's. The zero Identity is nobody.
type Identity struct {
	key  *btcec.PublicKey
	sins []SIN // over the bytes as sent; then, for an uncompressed key, over the compressed ones
}

// ParseIdentity reads the hex of a public key (SEC 1), 33 bytes compressed or 65 uncompressed, in either case. Anything
// else gives ErrKey, and so do the hybrid form and a point that is not on the curve.
func ParseIdentity(hexKey string) (Identity, error) {
	if n := hex.DecodedLen(len(hexKey)); len(hexKey)%2 != 0 || n != btcec.PubKeyBytesLenCompressed && n != uncompressedLen {
		return Identity{}, ErrKey
	}
	raw, err := hex.DecodeString(hexKey)
	if err != nil || len(raw) == uncompressedLen && raw[0] != uncompressedKey {
		return Identity{}, ErrKey
	}
	key, err := btcec.ParsePubKey(raw)
	if err != nil {
		return Identity{}, ErrKey
	}
	id := Identity{key: key, sins: []SIN{sinOf(raw)}}
	if len(raw) == uncompressedLen {
		id.sins = append(id.sins, sinOf(key.SerializeCompressed()))
	}
	return id, nil
}

// An uncompressed key is this byte and both coordinates.
const (
	uncompressedKey = 0x04
	uncompressedLen = 65
)

// SIN names the key by the bytes that were sent, as the caller computes it; "" for nobody.
func (i Identity) SIN() SIN {
	if len(i.sins) == 0 {
		return ""
	}
	return i.sins[0]
}

// SINs gives every SIN the key stands for, the one of the bytes as sent first: one, or two for an uncompressed key. The
// same client sends either form, depending on the library under it.
func (i Identity) SINs() []SIN { return slices.Clone(i.sins) }

// Has says whether the key stands for a SIN; "" is nobody's.
func (i Identity) Has(s SIN) bool { return slices.Contains(i.sins, s) }
