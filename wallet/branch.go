package wallet

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"hash"
	"sync"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// ErrSkip says that no address exists at an index (one in 2^127, BIP32); take the next one.
var ErrSkip = errors.New("no key exists at this index; take the next one")

// branch is a public key whose children are the addresses: CKDpub of BIP32 with the parent's point and the HMAC's
// keyed state kept, which is most of the work besides the curve's.
type branch struct {
	point     btcec.JacobianPoint // affine
	pub       [33]byte
	chainCode []byte
	macs      sync.Pool // of *macState
}

// macState is an HMAC-SHA512 with the chain code as its key, and room for what goes in and out.
type macState struct {
	mac hash.Hash
	in  [37]byte
	out [64]byte
}

// newBranch follows a key's path up to the *.
func newBranch(k keyExpression) (*branch, error) {
	key := k.key.ExtendedKey
	for _, step := range k.path {
		child, err := key.Derive(step)
		if err != nil {
			return nil, refusedBranch()
		}
		key = child
	}
	public, err := key.ECPubKey()
	if err != nil {
		return nil, refusedBranch()
	}

	b := &branch{pub: [33]byte(public.SerializeCompressed()), chainCode: key.ChainCode()}
	public.AsJacobian(&b.point)
	b.macs.New = func() any {
		s := &macState{mac: hmac.New(sha512.New, b.chainCode)}
		copy(s.in[:], b.pub[:])
		return s
	}
	return b, nil
}

// child computes the point of an unhardened child (CKDpub), affine.
func (b *branch) child(index uint32) (btcec.JacobianPoint, error) {
	s, ok := b.macs.Get().(*macState)
	if !ok {
		return btcec.JacobianPoint{}, errors.New("the pool of HMAC states holds something else")
	}
	defer b.macs.Put(s)
	binary.BigEndian.PutUint32(s.in[33:], index)
	s.mac.Reset()
	_, _ = s.mac.Write(s.in[:]) // never fails (hash.Hash)
	sum := s.mac.Sum(s.out[:0])
	return tweaked(&b.point, sum[:32])
}

// tweaked adds to an affine point the base point times a scalar: the step that BIP32 and BIP341 share.
func tweaked(point *btcec.JacobianPoint, scalar []byte) (btcec.JacobianPoint, error) {
	var factor btcec.ModNScalar
	if overflow := factor.SetByteSlice(scalar); overflow || factor.IsZero() {
		return btcec.JacobianPoint{}, ErrSkip
	}
	var addend, sum btcec.JacobianPoint
	btcec.ScalarBaseMultNonConst(&factor, &addend)
	btcec.AddNonConst(&addend, point, &sum)
	if sum.X.IsZero() && sum.Y.IsZero() || sum.Z.IsZero() {
		return btcec.JacobianPoint{}, ErrSkip
	}
	sum.ToAffine()
	return sum, nil
}

// compressed serializes an affine point in 33 bytes (SEC 1).
func compressed(point *btcec.JacobianPoint) (out [33]byte) {
	out[0] = 2
	if point.Y.IsOdd() {
		out[0] = 3
	}
	point.X.PutBytesUnchecked(out[1:])
	return out
}

// taproot makes the output key of BIP341 for an internal key without scripts (BIP86), x only.
func taproot(internal btcec.JacobianPoint) (out [32]byte, err error) {
	if internal.Y.IsOdd() {
		internal.Y.Negate(1).Normalize()
	}
	var x [32]byte
	internal.X.PutBytesUnchecked(x[:])
	tweak := chainhash.TaggedHash(chainhash.TagTapTweak, x[:])
	point, err := tweaked(&internal, tweak[:])
	if err != nil {
		return out, err
	}
	point.X.PutBytesUnchecked(out[:])
	return out, nil
}
