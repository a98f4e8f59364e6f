// Package keystest makes keys for tests.
package keystest

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
)

// Account makes an account's public key of regtest from a number: as tpub, and as the vpub that wallets show.
func Account(t *testing.T, n byte) (tpub, vpub string) {
	t.Helper()
	key, err := hdkeychain.NewMaster(bytes.Repeat([]byte{n}, 32), &chaincfg.RegressionNetParams)
	for _, step := range []uint32{84, 1, 0} {
		if err == nil {
			key, err = key.Derive(hdkeychain.HardenedKeyStart + step)
		}
	}
	if err == nil {
		key, err = key.Neuter()
	}
	if err != nil {
		t.Fatal(err)
	}
	other, err := key.CloneWithVersion([]byte{0x04, 0x5f, 0x1c, 0xf6})
	if err != nil {
		t.Fatal(err)
	}
	return key.String(), other.String()
}

// Private is the same account's private key.
func Private(t *testing.T, n byte) string {
	t.Helper()
	key, err := hdkeychain.NewMaster(bytes.Repeat([]byte{n}, 32), &chaincfg.RegressionNetParams)
	if err != nil {
		t.Fatal(err)
	}
	return key.String()
}
