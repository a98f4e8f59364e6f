package wallet

import "github.com/btcsuite/btcd/chaincfg"

// Network is the chain that keys and addresses belong to.
type Network string

// The networks. The test networks share their key versions (tpub, upub, vpub); testnet4 and signet also share their
// addresses.
const (
	Mainnet  Network = "mainnet"
	Testnet4 Network = "testnet4"
	Signet   Network = "signet"
	Regtest  Network = "regtest"
)

// ParseNetwork reads a network as the configuration writes it.
func ParseNetwork(text string) (Network, bool) {
	n := Network(text)
	return n, n.params() != nil
}

// params gives the address prefixes of the network, nil for an unknown one.
func (n Network) params() *chaincfg.Params {
	switch n {
	case Mainnet:
		return &chaincfg.MainNetParams
	case Testnet4:
		return &chaincfg.TestNet4Params
	case Signet:
		return &chaincfg.SigNetParams
	case Regtest:
		return &chaincfg.RegressionNetParams
	}
	return nil
}

// AddressType is the kind of script that an address stands for.
type AddressType string

// The types that Satchel derives itself, and that a bare key may be given.
const (
	P2WPKH     AddressType = "p2wpkh"      // BIP84, bc1q…
	P2TR       AddressType = "p2tr"        // BIP86, bc1p…
	P2SHP2WPKH AddressType = "p2sh-p2wpkh" // BIP49, 3…
	P2PKH      AddressType = "p2pkh"       // BIP44, 1…
)

// The types that only descriptors of the node's have.
const (
	P2WSH AddressType = "p2wsh" // a witness script, such as multisig
	P2SH  AddressType = "p2sh"  // a script hash around anything but wpkh
)

// template is the descriptor of a type, with @ for the key; empty for a type that needs the node.
func (t AddressType) template() string {
	switch t {
	case P2WPKH:
		return "wpkh(@)"
	case P2TR:
		return "tr(@)"
	case P2SHP2WPKH:
		return "sh(wpkh(@))"
	case P2PKH:
		return "pkh(@)"
	case P2WSH, P2SH:
	}
	return ""
}

// typeOf is the inverse of template.
func typeOf(template string) (AddressType, bool) {
	for _, t := range []AddressType{P2WPKH, P2TR, P2SHP2WPKH, P2PKH} {
		if t.template() == template {
			return t, true
		}
	}
	return "", false
}
