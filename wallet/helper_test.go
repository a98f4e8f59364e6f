package wallet

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"go.uber.org/goleak"

	"satchel/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The accounts of the words "abandon … about", as BIP44, 49, 84 and 86 print them.
const (
	account44 = "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj"
	account49 = "upub5EFU65HtV5TeiSHmZZm7FUffBGy8UKeqp7vw43jYbvZPpoVsgU93oac7Wk3u6moKegAEWtGNF8DehrnHtv21XXEMYRUocHqguyjknFHYfgY"
	account84 = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
	account86 = "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ"
	private84 = "zprvAdG4iTXWBoARxkkzNpNh8r6Qag3irQB8PzEMkAFeTRXxHpbF9z4QgEvBRmfvqWvGp42t42nvgGpNgYSJA9iefm1yYNZKEm7z6qUWCroSQnE"
)

// Keys of BIP32 and BIP380.
const (
	master32 = "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB"
	child32  = "xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH"
	other380 = "xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL"
	wif      = "L4rK1yDtCWekvXuE6oXD9jCYfFNV2cWRpVuPLBcCU2z8TrisoyY1"
	wifLong  = "5KYZdUEo39z3FPrtuX2QbbwGnNP5zTd7yyr2SC1j299sBCnWjss"
	plainKey = "0260b2003c386519fc9eadf2b5cf124dd8eea4c4e68d5e154050a9346ea98ce600"
	bareX    = "a34b99f22c790c4e36b2b3c2c35a36db06226e41c692fc82b8b56ac1c540c5bd"
)

// publicVersions and privateVersions are the version bytes of SLIP-132.
func publicVersions() map[string]uint32 {
	return map[string]uint32{
		"xpub": 0x0488b21e, "ypub": 0x049d7cb2, "zpub": 0x04b24746, "Ypub": 0x0295b43f, "Zpub": 0x02aa7ed3,
		"tpub": 0x043587cf, "upub": 0x044a5262, "vpub": 0x045f1cf6, "Upub": 0x024289ef, "Vpub": 0x02575483,
	}
}

func privateVersions() map[string]uint32 {
	return map[string]uint32{
		"xprv": 0x0488ade4, "yprv": 0x049d7878, "zprv": 0x04b2430c, "Yprv": 0x0295b005, "Zprv": 0x02aa7a99,
		"tprv": 0x04358394, "uprv": 0x044a4e28, "vprv": 0x045f18bc, "Uprv": 0x024285b5, "Vprv": 0x02575048,
	}
}

// rewrite changes the bytes of an extended key and mends its checksum.
func rewrite(t testing.TB, key string, change func(payload []byte)) string {
	t.Helper()
	payload, ok := decodeCheck(key)
	if !ok || len(payload) != extendedLength {
		t.Fatalf("%s is no extended key", key)
	}
	change(payload)
	return base58.CheckEncode(payload[1:], payload[0])
}

// as writes an extended key with the version bytes of a prefix.
func as(t testing.TB, prefix, key string) string {
	t.Helper()
	v, ok := publicVersions()[prefix]
	if !ok {
		v = privateVersions()[prefix]
	}
	out := rewrite(t, key, func(p []byte) { binary.BigEndian.PutUint32(p, v) })
	if !strings.HasPrefix(out, prefix) {
		t.Fatalf("%s became %s", prefix, out)
	}
	return out
}

// account derives an account's public key from a seed made of one repeated byte.
func account(t testing.TB, seed byte) string {
	t.Helper()
	key, err := hdkeychain.NewMaster(bytes.Repeat([]byte{seed}, 32), &chaincfg.RegressionNetParams)
	for _, step := range []uint32{84, 1, 0} {
		if err == nil {
			key, err = key.Derive(hdkeychain.HardenedKeyStart + step)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.Neuter()
	if err != nil {
		t.Fatal(err)
	}
	return public.String()
}

func mustParse(t testing.TB, text string, network Network, addressType AddressType) *WatchKey {
	t.Helper()
	k, err := ParseKey(text, network, addressType)
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return k
}

// refused checks that a text is refused as the asker's mistake, for a reason, and that the reason shows nothing of it.
func refused(t testing.TB, text string, network Network, addressType AddressType, reason string) {
	t.Helper()
	k, err := ParseKey(text, network, addressType)
	if err == nil {
		t.Fatalf("accepted as %s", k.Descriptor())
	}
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("kind %v", fault.KindOf(err))
	}
	if !strings.Contains(err.Error(), reason) {
		t.Errorf("the reason is %q, want one about %q", err, reason)
	}
	echoes(t, err, text)
}

// echoes checks that an error repeats no run of eight characters from the long words of a text.
func echoes(t testing.TB, err error, text string) {
	t.Helper()
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !isWord(r) }) {
		for i := 0; len(word) > 20 && i+8 <= len(word); i++ {
			if strings.Contains(err.Error(), word[i:i+8]) {
				t.Fatalf("the error shows a part of what was given: %v", err)
			}
		}
	}
}
