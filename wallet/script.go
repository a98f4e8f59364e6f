package wallet

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/btcutil"
)

// The opcodes of the scripts that have addresses.
const (
	op0           = 0x00
	op1           = 0x51
	opDup         = 0x76
	opEqual       = 0x87
	opEqualVerify = 0x88
	opHash160     = 0xa9
	opCheckSig    = 0xac
	push20        = 20
)

// pubKeyHash is the script of P2PKH.
func pubKeyHash(hash []byte) []byte {
	return slices.Concat([]byte{opDup, opHash160, push20}, hash, []byte{opEqualVerify, opCheckSig})
}

// scriptHash is the script of P2SH (BIP16).
func scriptHash(hash []byte) []byte {
	return slices.Concat([]byte{opHash160, push20}, hash, []byte{opEqual})
}

// witness is the script of a witness program (BIP141) of version 0 or 1.
func witness(version byte, program []byte) []byte {
	opcode := byte(op0)
	if version > 0 {
		opcode = op1 + version - 1
	}
	return slices.Concat([]byte{opcode, byte(len(program))}, program) //nolint:gosec // 20 or 32 bytes
}

// AddressFor gives the address that stands for a script on the network: P2PKH, P2SH, P2WPKH, P2WSH, P2TR. Other scripts
// have none.
func AddressFor(script []byte, network Network) (string, bool) {
	params := network.params()
	if params == nil {
		return "", false
	}
	var (
		address btcutil.Address
		err     error
	)
	switch n := len(script); {
	case n == 22 && bytes.Equal(script, witness(0, script[2:])):
		address, err = btcutil.NewAddressWitnessPubKeyHash(script[2:], params)
	case n == 34 && bytes.Equal(script, witness(0, script[2:])):
		address, err = btcutil.NewAddressWitnessScriptHash(script[2:], params)
	case n == 34 && bytes.Equal(script, witness(1, script[2:])):
		address, err = btcutil.NewAddressTaproot(script[2:], params)
	case n == 23 && bytes.Equal(script, scriptHash(script[2:22])):
		address, err = btcutil.NewAddressScriptHashFromHash(script[2:22], params)
	case n == 25 && bytes.Equal(script, pubKeyHash(script[3:23])):
		address, err = btcutil.NewAddressPubKeyHash(script[3:23], params)
	default:
		return "", false
	}
	if err != nil {
		return "", false
	}
	return address.EncodeAddress(), true
}

// ScriptFor gives the script that an address of the network stands for; fault.Invalid where there is none. Addresses
// of testnet4 and signet cannot be told apart, nor can the old kinds of all test networks.
func ScriptFor(address string, network Network) ([]byte, error) {
	params := network.params()
	if params == nil {
		return nil, refuse("the network is none of mainnet, testnet4, signet, regtest")
	}
	decoded, err := btcutil.DecodeAddress(address, params)
	if errors.Is(err, btcutil.ErrUnknownAddressType) || err == nil && !decoded.IsForNet(params) {
		return nil, refuse("the address is not one of %s", network)
	}
	if err != nil {
		return nil, refuse("this is not a bitcoin address that can be paid")
	}

	var script []byte
	switch decoded := decoded.(type) {
	case *btcutil.AddressPubKeyHash:
		script = pubKeyHash(decoded.ScriptAddress())
	case *btcutil.AddressScriptHash:
		script = scriptHash(decoded.ScriptAddress())
	case *btcutil.AddressWitnessPubKeyHash:
		script = witness(0, decoded.ScriptAddress())
	case *btcutil.AddressWitnessScriptHash:
		script = witness(0, decoded.ScriptAddress())
	case *btcutil.AddressTaproot:
		script = witness(1, decoded.ScriptAddress())
	}

	// The decoder takes a public key for an address, and a program of version 1 with 20 bytes for one of version 0. So
	// an address counts only if it is what its script would be written as.
	text, ok := AddressFor(script, network)
	if !ok || text != address && strings.ToUpper(text) != address {
		return nil, refuse("this is not a bitcoin address that can be paid")
	}
	return script, nil
}
