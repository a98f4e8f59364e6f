package paypro

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/btcutil/base58"
)

// Key signs answers, so that a wallet that trusts it needs to trust nobody on the way.
type Key struct {
	private  *btcec.PrivateKey
	public   string
	identity string
}

// NewKey makes the signing key of a secret. One in 2^128 secrets gives none.
func NewKey(secret [32]byte, n Network) (Key, error) {
	var scalar btcec.ModNScalar
	if overflow := scalar.SetBytes(&secret); overflow != 0 || scalar.IsZero() {
		return Key{}, errors.New("the secret of the payment protocols gives no key")
	}
	private := btcec.PrivKeyFromScalar(&scalar)
	public := private.PubKey().SerializeCompressed()
	return Key{
		private:  private,
		public:   hex.EncodeToString(public),
		identity: identity(public, n),
	}, nil
}

func identity(public []byte, n Network) string {
	return base58.CheckEncode(btcutil.Hash160(public), n.version())
}

// PublicKey is the compressed public key in hex.
func (k Key) PublicKey() string { return k.public }

// Identity names the key as the header x-identity does: like the P2PKH address of the public key, but nothing is paid there.
func (k Key) Identity() string { return k.identity }

// String names the key and shows nothing of it.
func (k Key) String() string { return "signing key " + k.identity }

// GoString is String, for %#v.
func (k Key) GoString() string { return k.String() }

// Signature is what goes with a signed answer.
type Signature struct {
	Digest    string // the header digest
	Signature string // the headers signature and x-signature: 64 bytes in hex
	Identity  string // the header x-identity
}

// Sign signs the exact bytes of a body: SHA-256, ECDSA over secp256k1 with a nonce after RFC 6979, low s, and r and s next
// to each other, not DER (JSON Payment Protocol, "Signatures").
func (k Key) Sign(body []byte) Signature {
	hash := sha256.Sum256(body)
	compact := ecdsa.SignCompact(k.private, hash[:], true)
	return Signature{
		Digest:    "SHA-256=" + hex.EncodeToString(hash[:]),
		Signature: hex.EncodeToString(compact[1:]), // the first byte is for finding the public key
		Identity:  k.identity,
	}
}

// SignatureType is the header x-signature-type. The specification says ECC; wallets compare with this.
const SignatureType = "ecc"

// Keys is the document by which wallets learn whom to trust: for the hosts, until the end of next year.
func (k Key) Keys(owner string, hosts []string, now time.Time) []byte {
	doc := struct {
		Owner   string   `json:"owner"`
		Expires string   `json:"expirationDate"`
		Domains []string `json:"validDomains"`
		Keys    []string `json:"publicKeys"`
	}{plain(owner), iso(time.Date(now.UTC().Year()+2, 1, 1, 0, 0, 0, 0, time.UTC)), hosts, []string{k.public}}
	return encode(doc)
}

// encode writes a document. Texts, integers and json.Number always can be.
func encode(doc any) []byte {
	b, _ := json.Marshal(doc)
	return b
}

// iso is a time as JavaScript writes it.
func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
