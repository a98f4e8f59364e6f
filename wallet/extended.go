package wallet

import (
	"encoding/binary"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"satchel/fault"
)

// The layout of a serialized extended key (BIP32): version 4, depth 1, parent fingerprint 4, child number 4, chain
// code 32, key 33.
const (
	extendedLength = 78
	depthAt        = 4
	originEnd      = 13
	keyAt          = 45
)

// longestKey bounds what is decoded from base58, whose cost grows with the square of the length.
const longestKey = 120

// accountDepth is how deep the key of an account lies: purpose, coin type, account (BIP44).
const accountDepth = 3

// slip132 is what the version bytes of an extended public key say (SLIP-132).
type slip132 struct {
	mainnet  bool
	implied  AddressType // what the prefix promises; empty for xpub and tpub, which promise nothing
	multisig bool        // Ypub, Zpub, Upub, Vpub: one key of several
}

// version looks up the version bytes of a public key.
func version(bytes uint32) (slip132, bool) {
	switch bytes {
	case 0x0488b21e: // xpub
		return slip132{mainnet: true}, true
	case 0x049d7cb2: // ypub
		return slip132{mainnet: true, implied: P2SHP2WPKH}, true
	case 0x04b24746: // zpub
		return slip132{mainnet: true, implied: P2WPKH}, true
	case 0x0295b43f: // Ypub
		return slip132{mainnet: true, implied: P2SH, multisig: true}, true
	case 0x02aa7ed3: // Zpub
		return slip132{mainnet: true, implied: P2WSH, multisig: true}, true
	case 0x043587cf: // tpub
		return slip132{}, true
	case 0x044a5262: // upub
		return slip132{implied: P2SHP2WPKH}, true
	case 0x045f1cf6: // vpub
		return slip132{implied: P2WPKH}, true
	case 0x024289ef: // Upub
		return slip132{implied: P2SH, multisig: true}, true
	case 0x02575483: // Vpub
		return slip132{implied: P2WSH, multisig: true}, true
	}
	return slip132{}, false
}

// extended is an extended public key of the network, and what its prefix said before it was made an xpub or tpub.
type extended struct {
	*hdkeychain.ExtendedKey
	slip132
}

// parseExtended reads an extended public key in any of SLIP-132's versions.
func parseExtended(token string, network Network) (extended, error) {
	payload, ok := decodeCheck(token)
	switch {
	case !ok:
		return extended{}, refuse("the key's own checksum does not match; it is cut short or mistyped, copy it again from your wallet")
	case len(payload) != extendedLength:
		return extended{}, refuse("the key has the wrong length; give the account's extended public key")
	case payload[keyAt] == 0:
		return extended{}, refusePrivate()
	}

	kind, ok := version(binary.BigEndian.Uint32(payload))
	if !ok {
		return extended{}, refuse("the key's prefix is not one of bitcoin's; give an xpub, ypub, zpub, tpub, upub, vpub or a public descriptor")
	}
	if kind.mainnet != (network == Mainnet) {
		return extended{}, refuseNetwork(kind.mainnet, network)
	}
	if payload[depthAt] == 0 && [8]byte(payload[depthAt+1:originEnd]) != [8]byte{} {
		return extended{}, refuse("the key contradicts itself (a master key with a parent); copy it again from your wallet")
	}

	key, err := hdkeychain.NewKeyFromString(token)
	if err != nil || key.IsPrivate() {
		return extended{}, refuse("the key is not a point of bitcoin's curve; copy it again from your wallet")
	}
	params := network.params()
	key, err = key.CloneWithVersion(params.HDPublicKeyID[:])
	if err != nil {
		return extended{}, refuse("the key cannot be written for %s; copy it again from your wallet", network)
	}
	return extended{ExtendedKey: key, slip132: kind}, nil
}

// decodeCheck decodes base58 with a checksum of four bytes.
func decodeCheck(token string) ([]byte, bool) {
	if len(token) > longestKey {
		return nil, false
	}
	raw := base58.Decode(token)
	if len(raw) < 5 {
		return nil, false
	}
	payload, sum := raw[:len(raw)-4], raw[len(raw)-4:]
	return payload, [4]byte(chainhash.DoubleHashB(payload)) == [4]byte(sum)
}

// refuse makes the error for a key that is not accepted. No part of the key may go into it.
func refuse(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, format, args...)
}

func refusePrivate() *fault.Error {
	return refuse("this is a private key or a seed, and Satchel must never see one; give the account's public key (xpub, zpub) " +
		"or a public descriptor, and consider what you pasted as exposed")
}

func refuseNetwork(mainnet bool, network Network) *fault.Error {
	if mainnet {
		return refuse("the key is for mainnet, but the network is %s; give a tpub, upub or vpub, or change the network", network)
	}
	return refuse("the key is for a test network, but the network is %s; give an xpub, ypub or zpub, or change the network", network)
}
