package wallet

import (
	"errors"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil"
)

// Address is where one invoice is paid.
type Address struct {
	Text   string // as the payer sees it
	Script []byte // the output script, which the chain is watched for
	Index  uint32 // its number under the key
}

// ErrNeedsNode says that this key's addresses come from the node and not from Derive.
var ErrNeedsNode = errors.New("only the node can derive from this descriptor")

// errHardened is for an index that no public key reaches.
var errHardened = errors.New("an address index is below 2147483648")

// Derive gives the address at an index below 2^31. It returns ErrSkip for the one index in 2^127 that has none, and
// ErrNeedsNode where NeedsNode says so.
func (k *WatchKey) Derive(index uint32) (Address, error) {
	if k.NeedsNode() {
		return Address{}, ErrNeedsNode
	}
	if index >= hardened {
		return Address{}, errHardened
	}
	point, err := k.branch.child(index)
	if err != nil {
		return Address{}, err
	}
	script, err := k.script(&point)
	if err != nil {
		return Address{}, err
	}
	text, ok := AddressFor(script, k.network)
	if !ok {
		return Address{}, errors.New("a derived script has no address")
	}
	return Address{Text: text, Script: script, Index: index}, nil
}

// script makes the output script for a child's point.
func (k *WatchKey) script(point *btcec.JacobianPoint) ([]byte, error) {
	if k.kind == P2TR {
		key, err := taproot(*point)
		return witness(1, key[:]), err
	}
	public := compressed(point)
	hash := btcutil.Hash160(public[:])
	switch k.kind {
	case P2WPKH:
		return witness(0, hash), nil
	case P2SHP2WPKH:
		return scriptHash(btcutil.Hash160(witness(0, hash))), nil
	case P2PKH:
		return pubKeyHash(hash), nil
	case P2TR, P2WSH, P2SH:
	}
	return nil, ErrNeedsNode
}
