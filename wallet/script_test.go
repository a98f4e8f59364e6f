package wallet

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/bech32"
	"pgregory.net/rapid"

	"satchel/fault"
)

func TestPublishedScripts(t *testing.T) {
	for address, c := range map[string]struct {
		network Network
		script  string
	}{
		// BIP173 and BIP350.
		"BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4": {Mainnet, "0014751e76e8199196d454941c45d1b3a323f1433bd6"},
		"tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7": {
			Testnet4, "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
		},
		"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0": {
			Mainnet, "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
		},
		"tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c": {
			Signet, "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
		},
		"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa":  {Mainnet, "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"},
		"2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2": {Regtest, "a914336caa13e08b96080a32b5d818d59b4ab3b3674287"},
	} {
		script, err := ScriptFor(address, c.network)
		if err != nil || hex.EncodeToString(script) != c.script {
			t.Errorf("%s: %x, %v", address, script, err)
		}
		if back, ok := AddressFor(script, c.network); !ok || !strings.EqualFold(back, address) {
			t.Errorf("%s came back as %s", address, back)
		}
	}
}

func TestAddressesOfOtherNetworks(t *testing.T) {
	addresses := map[string][]Network{
		"bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu":                     {Mainnet},
		"1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA":                             {Mainnet},
		"37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf":                             {Mainnet},
		"tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c": {Testnet4, Signet},
		"2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2":                            {Testnet4, Signet, Regtest},
	}
	hash := bytes.Repeat([]byte{7}, 20)
	if text, ok := AddressFor(witness(0, hash), Regtest); ok {
		addresses[text] = []Network{Regtest}
	}
	if len(addresses) != 6 {
		t.Fatal("regtest has no address for the hash")
	}
	for address, on := range addresses {
		for _, network := range []Network{Mainnet, Testnet4, Signet, Regtest} {
			want := strings.Contains(" "+joined(on)+" ", " "+string(network)+" ")
			_, err := ScriptFor(address, network)
			if (err == nil) != want {
				t.Errorf("%s on %s: %v", address, network, err)
			}
			if err != nil && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "not one of "+string(network))) {
				t.Errorf("%s on %s is refused with %v", address, network, err)
			}
		}
	}
}

func joined(networks []Network) string {
	var out []string
	for _, n := range networks {
		out = append(out, string(n))
	}
	return strings.Join(out, " ")
}

// segwit writes a witness program of any version and length, as bech32m.
func segwit(t *testing.T, version byte, program []byte) string {
	t.Helper()
	data, err := bech32.ConvertBits(program, 8, 5, true)
	if err != nil {
		t.Fatal(err)
	}
	text, err := bech32.EncodeM("bc", append([]byte{version}, data...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestWhatIsNoAddress(t *testing.T) {
	for name, address := range map[string]string{
		"nothing":               "",
		"a word":                "satoshi",
		"a slip":                "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyx",
		"an old kind's slip":    "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabB",
		"mixed case":            "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyU",
		"white space":           " bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
		"a public key":          plainKey,
		"version 1, 20 bytes":   segwit(t, 1, bytes.Repeat([]byte{1}, 20)),
		"version 2":             segwit(t, 2, bytes.Repeat([]byte{1}, 32)),
		"an anchor":             segwit(t, 1, []byte{0x4e, 0x73}),
		"version 0 as bech32m":  segwit(t, 0, bytes.Repeat([]byte{1}, 20)),
		"another coin's prefix": "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
	} {
		if script, err := ScriptFor(address, Mainnet); err == nil {
			t.Errorf("%s gives the script %x", name, script)
		} else if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ScriptFor("bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "moon"); err == nil {
		t.Error("an unknown network has addresses")
	}
}

func TestWhatHasNoAddress(t *testing.T) {
	for name, script := range map[string]string{
		"nothing":             "",
		"a public key":        "21" + plainKey + "ac",
		"data":                "6a0474657374",
		"an anchor":           "51024e73",
		"version 2":           "5220" + bareX,
		"a short P2SH":        "a914336caa13e08b96080a32b5d818d59b4ab3b36787",
		"P2SH, wrong end":     "a914336caa13e08b96080a32b5d818d59b4ab3b3674288",
		"P2PKH, wrong middle": "76a91562e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac",
		"program, wrong push": "0021" + bareX,
	} {
		raw, err := hex.DecodeString(script)
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := AddressFor(raw, Mainnet); ok {
			t.Errorf("%s has the address %s", name, text)
		}
	}
	if _, ok := AddressFor(witness(0, make([]byte, 20)), "moon"); ok {
		t.Error("an unknown network has addresses")
	}
}

// Every script with an address is the script of that address, and of no other network's but where they are shared.
func TestScriptsAndAddressesAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		network := rapid.SampledFrom([]Network{Mainnet, Testnet4, Signet, Regtest}).Draw(t, "network")
		hash := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash")
		script := rapid.SampledFrom([][]byte{
			pubKeyHash(hash[:20]), scriptHash(hash[:20]), witness(0, hash[:20]), witness(0, hash), witness(1, hash),
		}).Draw(t, "script")
		text, ok := AddressFor(script, network)
		if !ok {
			t.Fatalf("%x has no address", script)
		}
		back, err := ScriptFor(text, network)
		if err != nil || !bytes.Equal(back, script) {
			t.Fatalf("%s gives %x (%v), want %x", text, back, err, script)
		}
	})
}
