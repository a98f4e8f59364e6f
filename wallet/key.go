package wallet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"satchel/fault"
)

// longestText bounds what is read as a key; the node accepts no descriptor that comes near.
const longestText = 16 << 10

// WatchKey is a public key, or a public descriptor, from which receiving addresses come. It never changes, and is safe
// for concurrent use.
type WatchKey struct {
	network     Network
	kind        AddressType
	descriptor  string
	fingerprint string
	branch      *branch // nil where only the node can derive
}

// ParseKey reads an extended public key (xpub, ypub, zpub, tpub, upub, vpub; BIP32, SLIP-132) or a public descriptor
// (BIP380 to 386, 389). addressType is needed for an xpub and a tpub, which do not say theirs, and may be empty
// otherwise. A bare account key receives on its branch 0, and of branches <0;1> the first receives.
//
// All errors are fault.Invalid. Their sentences say what to do and repeat no part of the text.
func ParseKey(text string, network Network, addressType AddressType) (*WatchKey, error) {
	text = strings.TrimSpace(text)
	switch {
	case network.params() == nil:
		return nil, refuse("the network is none of mainnet, testnet4, signet, regtest")
	case addressType != "" && addressType.template() == "":
		return nil, refuse("the address type is none of p2wpkh, p2tr, p2sh-p2wpkh, p2pkh")
	case text == "":
		return nil, refuse("the key is empty; give an extended public key or a public descriptor")
	case len(text) > longestText:
		return nil, refuse("the key is too long; give one extended public key or one public descriptor")
	case holdsPrivate(text):
		return nil, refusePrivate()
	case strings.ContainsAny(text, " \t\r\n"):
		return nil, refuse("the key contains white space; give it in one piece")
	}

	body, err := cutChecksum(text)
	if err != nil {
		return nil, err
	}
	e, err := parseExpression(body, network)
	if err != nil {
		return nil, err
	}
	if e.template == "@" {
		e, err = fromBareKey(e, addressType)
		if err != nil {
			return nil, err
		}
	}
	return newWatchKey(e, network, addressType)
}

// fromBareKey gives a key without a script the script that its prefix or the address type says.
func fromBareKey(e expression, addressType AddressType) (expression, error) {
	k := &e.keys[0]
	switch {
	case k.plain != "":
		return e, refuse("this is a single public key, from which only one address can come; give the account's extended public key")
	case k.key.multisig:
		return e, refuse("this key is one of several of a multisig wallet; give the wallet's whole descriptor, such as wsh(sortedmulti(…))")
	case k.key.implied == "" && addressType == "":
		return e, refuse("an xpub or tpub does not say which addresses its wallet shows, because wallets export it for every type; " +
			"set address_type (--address-type where there are flags) to p2wpkh, p2tr, p2sh-p2wpkh or p2pkh, or give the wallet's descriptor")
	case len(k.path) == 0 && !k.ranged && k.key.Depth() != accountDepth:
		return e, refuse("the key is at depth %d, where account keys are at depth 3; give the account's key, "+
			"or say where the addresses are in a descriptor such as wpkh(KEY/0/*)", k.key.Depth())
	case len(k.path) == 0 && !k.ranged:
		k.path, k.ranged = []uint32{0}, true
	}
	if addressType == "" {
		addressType = k.key.implied
	}
	e.template = addressType.template()
	return e, nil
}

// newWatchKey checks what the parts say about each other.
func newWatchKey(e expression, network Network, addressType AddressType) (*WatchKey, error) {
	kind, ours := typeOf(e.template)
	if !ours {
		var err error
		if kind, err = typeOfForeign(e.template); err != nil {
			return nil, err
		}
	}
	if !e.ranged() {
		return nil, refuse("only one address can come from this descriptor; give one whose extended public key ends in /0/*")
	}
	if addressType != "" && addressType != kind {
		return nil, refuse("address_type is %s, but the key or descriptor is for another type; remove address_type, or give the %s key",
			addressType, addressType)
	}
	for _, k := range e.keys {
		if k.plain == "" && k.key.implied != "" && k.key.implied != kind {
			return nil, refuse("the key's prefix is for %s addresses, but the descriptor or address_type is not; give the key as it belongs to the wallet, as xpub or tpub",
				k.key.implied)
		}
	}

	k := &WatchKey{network: network, kind: kind, descriptor: withChecksum(e.render(keyExpression.String))}
	if !ours {
		k.fingerprint = identify("descriptor", e.render(keyExpression.material))
		return k, nil
	}
	parent, err := newBranch(e.keys[0])
	if err != nil {
		return nil, err
	}
	k.branch = parent
	k.fingerprint = identify(string(kind), string(parent.pub[:])+string(parent.chainCode))
	return k, nil
}

// typeOfForeign checks that a descriptor which Satchel does not derive begins with a function the node knows, and
// gives its type; empty where its outputs have no single address.
func typeOfForeign(template string) (AddressType, error) {
	name, _, _ := strings.Cut(template, "(")
	switch name {
	case "wsh":
		return P2WSH, nil
	case "sh":
		return P2SH, nil
	case "tr", "rawtr":
		return P2TR, nil
	case "pk", "combo":
		if template == name+"(@)" {
			return "", nil
		}
	case "multi", "sortedmulti":
		return "", nil
	case "addr", "raw":
		return "", refuse("only one address can come from this descriptor; give one with the wallet's extended public key")
	}
	return "", refuse("this is not a descriptor that bitcoin's node knows; give one such as wpkh(KEY/0/*), or the account's extended public key")
}

// material writes what a key's addresses depend on, and nothing of how the key was noted: neither its origin, nor its
// version, nor its place in the tree.
func (k keyExpression) material() string {
	if k.plain != "" {
		return k.plain
	}
	point, err := k.key.ECPubKey()
	if err != nil { // it was parsed as a point before
		return k.String()
	}
	return hex.EncodeToString(append(point.SerializeCompressed(), k.key.ChainCode()...)) + k.steps()
}

// identify makes a fingerprint: 32 hex digits.
func identify(parts ...string) string {
	h := sha256.Sum256([]byte("satchel watch key 1\x00" + strings.Join(parts, "\x00")))
	return hex.EncodeToString(h[:16])
}

// Fingerprint is the permanent identity of the key with its branch and script type, to which address counters belong:
// 32 hex digits. It is the same however the key is written: with or without origin and checksum, as zpub or in a
// descriptor, with the branch as a path or (where NeedsNode is false) already derived.
func (k *WatchKey) Fingerprint() string { return k.fingerprint }

// Descriptor is the canonical descriptor with its checksum (BIP380), ranged, of the receiving branch only: what
// bitcoind's deriveaddresses and importdescriptors take.
func (k *WatchKey) Descriptor() string { return k.descriptor }

// Type is the kind of the addresses; empty for a descriptor whose outputs have no single address (combo, multi, pk).
func (k *WatchKey) Type() AddressType { return k.kind }

// NeedsNode tells whether only the node can derive from this key (multisig, miniscript, script trees).
func (k *WatchKey) NeedsNode() bool { return k.branch == nil }

// String names the key without showing it, for logs: who has the key sees all its payments.
func (k *WatchKey) String() string { return fmt.Sprintf("watch key %s", k.fingerprint) }

// refusedBranch tells of the one key in 2^127 whose path leads nowhere.
func refusedBranch() *fault.Error {
	return refuse("no address can come from this key's path (BIP32 calls it invalid); give another branch")
}

var _ fmt.Stringer = (*WatchKey)(nil)
