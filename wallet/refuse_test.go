package wallet

import (
	"bytes"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/base58"
)

type refusal struct {
	text    string
	network Network
	kind    AddressType
	reason  string
}

func (r refusal) check(t *testing.T) { refused(t, r.text, r.network, r.kind, r.reason) }

func TestRefusedKeys(t *testing.T) {
	xpub, tpub := as(t, "xpub", account84), as(t, "tpub", account84)
	depth := func(d byte, key string) string { return rewrite(t, key, func(p []byte) { p[depthAt] = d }) }
	for name, c := range map[string]refusal{
		"nothing":             {"", Mainnet, "", "is empty"},
		"white space only":    {" \n\t", Mainnet, "", "is empty"},
		"unknown network":     {account84, "moon", "", "network is none of"},
		"unknown type":        {account84, Mainnet, "p2wsh", "address type is none of"},
		"far too long":        {strings.Repeat("x", longestText+1), Mainnet, "", "too long"},
		"a word":              {"hello", Mainnet, "", "neither an extended public key"},
		"an address":          {"bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", Mainnet, "", "neither an extended public key"},
		"white space inside":  {"wpkh( " + xpub + "/0/*)", Mainnet, "", "white space"},
		"two keys":            {account84 + "\n" + account84, Mainnet, "", "white space"},
		"not ASCII":           {"wpkh(" + xpub + "/0/*)€", Mainnet, "", "no descriptor has"},
		"a zero-width space":  {account84 + "\u200b", Mainnet, "", "no descriptor has"},
		"bare xpub":           {xpub, Mainnet, "", "set address_type"},
		"bare tpub":           {tpub, Regtest, "", "set address_type"},
		"bare xpub, path":     {xpub + "/0/*", Mainnet, "", "set address_type"},
		"single public key":   {plainKey, Mainnet, P2WPKH, "single public key"},
		"master":              {master32, Mainnet, P2WPKH, "depth 0"},
		"branch":              {depth(4, account84), Mainnet, "", "depth 4"},
		"purpose":             {depth(1, account84), Mainnet, "", "depth 1"},
		"master with parent":  {depth(0, account84), Mainnet, "", "contradicts itself"},
		"too deep":            {"wpkh(" + depth(254, xpub) + "/0/*)", Mainnet, "", "deeper than"},
		"mainnet on regtest":  {account84, Regtest, "", "is for mainnet, but the network is regtest"},
		"mainnet on signet":   {xpub, Signet, P2TR, "is for mainnet, but the network is signet"},
		"test on mainnet":     {as(t, "vpub", account84), Mainnet, "", "is for a test network, but the network is mainnet"},
		"tpub in mainnet's":   {"wpkh(" + tpub + "/0/*)", Mainnet, "", "is for a test network"},
		"one foreign key":     {"wsh(multi(1," + xpub + "/*," + tpub + "/*))", Mainnet, "", "is for a test network"},
		"zpub as taproot":     {account84, Mainnet, P2TR, "address_type is not"},
		"zpub as tr()":        {"tr(" + account84 + "/0/*)", Mainnet, "", "prefix is for p2wpkh"},
		"ypub as wpkh()":      {"wpkh(" + as(t, "ypub", account84) + "/0/*)", Mainnet, "", "prefix is for p2sh-p2wpkh"},
		"zpub in a multisig":  {"wsh(multi(1," + account84 + "/*))", Mainnet, "", "prefix is for p2wpkh"},
		"Zpub":                {as(t, "Zpub", account84), Mainnet, "", "several of a multisig"},
		"Upub, with a type":   {as(t, "Upub", account84), Testnet4, P2WPKH, "several of a multisig"},
		"wpkh() as taproot":   {"wpkh(" + xpub + "/0/*)", Mainnet, P2TR, "address_type is p2tr"},
		"wsh() as wpkh":       {"wsh(multi(1," + xpub + "/*))", Mainnet, P2WPKH, "address_type is p2wpkh"},
		"combo() with a type": {"combo(" + xpub + "/*)", Mainnet, P2WPKH, "address_type is p2wpkh"},
		"a slip":              {account84[:50] + "x" + account84[51:], Mainnet, "", "own checksum"},
		"cut short":           {account84[:len(account84)-1], Mainnet, "", "own checksum"},
		"a slip in wpkh()":    {"wpkh(" + xpub[:50] + "x" + xpub[51:] + "/0/*)", Mainnet, "", "own checksum"},
		"two in one":          {account84 + account84, Mainnet, "", "own checksum"},
		"short payload":       {"xpub" + "2", Mainnet, P2WPKH, "own checksum"},
		"another coin":        {"Ltub2SSUS19CirucWFod2ZsYA2J4v4U76YiCXHdcQttnoiy5aGanFHCPDBX7utfG6f95u1cUbZJNafmvzNCzZZJTw1EmyFoL8u1gJbGM8ipu491", Mainnet, "", "not one of bitcoin's"},
		"off the curve":       {rewrite(t, account84, func(p []byte) { copy(p[keyAt+1:], make([]byte, 32)); p[keyAt+32] = 5 }), Mainnet, "", "curve"},
		"bad key byte":        {rewrite(t, account84, func(p []byte) { p[keyAt] = 4 }), Mainnet, "", "curve"},
	} {
		t.Run(name, c.check)
	}
}

func TestRefusedDescriptors(t *testing.T) {
	xpub := as(t, "xpub", account84)
	for name, c := range map[string]refusal{
		"hardened":            {"wpkh(" + xpub + "/0h/*)", Mainnet, "", "hardened step"},
		"hardened H":          {"wpkh(" + xpub + "/0H/*)", Mainnet, "", "hardened step"},
		"hardened '":          {"wpkh(" + xpub + "/0'/*)", Mainnet, "", "hardened step"},
		"hardened *":          {"wpkh(" + xpub + "/0/*h)", Mainnet, "", "hardened step"},
		"hardened *, bare":    {account84 + "/*'", Mainnet, "", "hardened step"},
		"hardened branches":   {"wpkh(" + xpub + "/<0h;1h>/*)", Mainnet, "", "hardened step"},
		"hardened in wsh()":   {"wsh(multi(1," + xpub + "/3h/*))", Mainnet, "", "hardened step"},
		"twice hardened":      {"wpkh(" + xpub + "/0hh/*)", Mainnet, "", "not a number"},
		"step too large":      {"wpkh(" + xpub + "/2147483648/*)", Mainnet, "", "not a number"},
		"step of letters":     {"wpkh(" + xpub + "/1aa/*)", Mainnet, "", "not a number"},
		"empty step":          {"wpkh(" + xpub + "//*)", Mainnet, "", "not a number"},
		"trailing slash":      {"wpkh(" + xpub + "/)", Mainnet, "", "not a number"},
		"* and more":          {"wpkh(" + xpub + "/*1)", Mainnet, "", "not a number"},
		"* in the middle":     {"wpkh(" + xpub + "/*/0)", Mainnet, "", "* comes last"},
		"no *":                {"wpkh(" + xpub + ")", Mainnet, "", "only one address"},
		"no * after steps":    {"wpkh(" + xpub + "/0/5)", Mainnet, "", "only one address"},
		"no *, bare":          {account84 + "/0", Mainnet, "", "only one address"},
		"no * in wsh()":       {"wsh(multi(1," + xpub + "/0))", Mainnet, "", "only one address"},
		"branches alone":      {"wpkh(" + xpub + "/<0;1>)", Mainnet, "", "only one address"},
		"plain in wpkh()":     {"wpkh(" + plainKey + ")", Mainnet, "", "only one address"},
		"plain in tr()":       {"tr(" + bareX + ")", Mainnet, "", "only one address"},
		"addr()":              {"addr(1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA)", Mainnet, "", "neither an extended public key"},
		"raw()":               {"raw(deadbeef)#89f8spxm", Mainnet, "", "only one address"},
		"two branches":        {"wpkh(" + xpub + "/<0;1>/<2;3>/*)", Mainnet, "", "once for a key"},
		"one branch":          {"wpkh(" + xpub + "/<0>/*)", Mainnet, "", "only one branch"},
		"no branch":           {"wpkh(" + xpub + "/<>/*)", Mainnet, "", "not different numbers"},
		"a branch missing":    {"wpkh(" + xpub + "/<0;>/*)", Mainnet, "", "not different numbers"},
		"the same branch":     {"wpkh(" + xpub + "/<1;1>/*)", Mainnet, "", "not different numbers"},
		"branches not begun":  {"wpkh(" + xpub + "/0>/*)", Mainnet, "", "not a number"},
		"branches not ended":  {"wpkh(" + xpub + "/<0/*)", Mainnet, "", "<0;1>"},
		"branches differ":     {"wsh(multi(1," + xpub + "/<0;1>/*," + other380 + "/<0;1;2>/*))", Mainnet, "", "different numbers of branches"},
		"branches in origin":  {"pkh([deadbeef/<0;1>]" + master32 + "/0/*)", Mainnet, "", "not a number"},
		"* in origin":         {"pkh([deadbeef/0h/*]" + xpub + "/0/*)", Mainnet, "", "not a number"},
		"origin's slash":      {"pkh([deadbeef/0h/]" + xpub + "/0/*)", Mainnet, "", "not a number"},
		"origin's letters":    {"pkh([deadbeef/0f]" + xpub + "/0/*)", Mainnet, "", "not a number"},
		"origin's sign":       {"pkh([deadbeef/-0]" + xpub + "/0/*)", Mainnet, "", "not a number"},
		"origin too short":    {"pkh([deadbef/0h]" + xpub + "/0/*)", Mainnet, "", "eight hex digits"},
		"origin too long":     {"pkh([deadbeeef/0h]" + xpub + "/0/*)", Mainnet, "", "eight hex digits"},
		"origin not hex":      {"pkh([gaaaaaaa]" + xpub + "/0/*)", Mainnet, "", "eight hex digits"},
		"origin not closed":   {"pkh([deadbeef/0h" + xpub + "/0/*)", Mainnet, "", "not closed"},
		"origin not begun":    {"pkh(deadbeef]" + xpub + "/0/*)", Mainnet, "", "where none belongs"},
		"two origins":         {"pkh([aaaaaaaa][aaaaaaaa]" + xpub + "/0/*)", Mainnet, "", "no public key follows"},
		"origin alone":        {"pkh([deadbeef])", Mainnet, "", "no public key follows"},
		"wrong checksum":      {"wpkh(" + xpub + "/0/*)#qqqqqqqq", Mainnet, "", "does not match"},
		"checksum of a key":   {account84 + "#qqqqqqqq", Mainnet, "", "whole descriptor"},
		"bracket open":        {"wpkh(" + xpub + "/0/*", Mainnet, "", "cut short"},
		"bracket twice":       {"wpkh(" + xpub + "/0/*))", Mainnet, "", "something follows"},
		"bracket alone":       {account84 + ")", Mainnet, "", "brackets do not match"},
		"brackets mixed":      {"wsh(multi(1," + xpub + "/*}", Mainnet, "", "brackets do not match"},
		"garbage behind":      {"wpkh(" + xpub + "/0/*)x", Mainnet, "", "something follows"},
		"key behind":          {"wpkh(" + xpub + "/0/*)," + xpub, Mainnet, "", "something follows"},
		"garbage behind key":  {account84 + ",", Mainnet, "", "where none belongs"},
		"a quote":             {"\"" + account84 + "\"", Mainnet, "", "where none belongs"},
		"template's mark":     {"wpkh(@)", Mainnet, "", "where none belongs"},
		"unknown function":    {"wpkx(" + xpub + "/0/*)", Mainnet, "", "node knows"},
		"two keys in wpkh()":  {"wpkh(" + xpub + "/0/*," + xpub + "/1/*)", Mainnet, "", "node knows"},
		"two keys in combo()": {"combo(" + xpub + "/0/*," + xpub + "/1/*)", Mainnet, "", "node knows"},
		"no function":         {"(" + xpub + "/0/*)", Mainnet, "", "node knows"},
		"a long word":         {"wsh(" + strings.Repeat("a", 15) + "(" + xpub + "/0/*))", Mainnet, "", "neither an extended public key"},
		"unknown word":        {"wsh(HELLO(" + xpub + "/0/*))", Mainnet, "", "neither an extended public key"},
		"empty function":      {"tr()", Mainnet, "", "only one address"},
	} {
		t.Run(name, c.check)
	}
}

// privateKeys gives a private key in every notation.
func privateKeys(t testing.TB) map[string]string {
	t.Helper()
	keys := map[string]string{
		"WIF": wif, "WIF, uncompressed": wifLong,
		"WIF, test network":   "cULrpoZGXiuC19Uhvykx7NugygA3k86b3hmdCeyvHYQZSxojGyXJ",
		"WIF, slip":           wif[:20] + "x" + wif[21:],
		"WIF, test, slip":     "cULrpoZGXiuC19Uhvykx7NugygA3k86b3hmdCeyvHYQZSxojGyXK",
		"WIF, another coin":   base58.CheckEncode(bytes.Repeat([]byte{7}, 32), 0xb0),
		"WIF, its short form": base58.CheckEncode(append(bytes.Repeat([]byte{7}, 32), 1), 0xb0),
		"hex":                 "c9bdb49cfbaedca21c4b1f3a7803c34636b1d7dc55a717132443fc3f4c5867e8",
		"BIP38":               "6PRVWUbkzzsbcVac2qwfssoUJAN1Xhrg6bNk8J7Nzm5H7kxEbn2Nh2ZoGg",
		"BIP93":               "ms10testsxxxxxxxxxxxxxxxxxxxxxxxxxx4nzvca9cmczlw",
		"private in an xpub":  rewrite(t, account86, func(p []byte) { p[keyAt] = 0 }),
		"private, no version": rewrite(t, private84, func(p []byte) { copy(p, []byte{1, 2, 3, 4}) }),
		"xprv, cut short":     as(t, "xprv", private84)[:90],
		"xprv, slip":          strings.Replace(as(t, "xprv", private84), "z", "y", 1),
		"xprv, upper case":    strings.ToUpper(as(t, "xprv", private84)),
		"xprv, public inside": as(t, "xprv", account84),
	}
	for prefix := range privateVersions() {
		keys[prefix] = as(t, prefix, private84)
		keys[prefix+", cut short"] = keys[prefix][:100]
	}
	return keys
}

// A private key is refused as such wherever it stands, on every network, and no part of it is in the error.
func TestPrivateKeysAreRefused(t *testing.T) {
	xpub := as(t, "xpub", account84)
	for name, key := range privateKeys(t) {
		t.Run(name, func(t *testing.T) {
			for _, around := range []string{
				"@", " @\n", "@/0/*", "[73c5da0a/84h/0h/0h]@", "wpkh(@/0/*)", "pkh(@)", "sh(wpkh([73c5da0a/84'/0'/0']@/<0;1>/*))",
				"wpkh(@/0h/*h)#qqqqqqqq", "wsh(sortedmulti(1," + xpub + "/0/*,@))", "wsh(multi(1,@/0/*," + xpub + "/0/*))",
				"wsh(and_v(v:pk(" + xpub + "/0/*),pk(@)))", "wpkh(" + xpub + "/0/*)#@",
			} {
				text := strings.Replace(around, "@", key, 1)
				for _, network := range []Network{Mainnet, Testnet4, Signet, Regtest} {
					for _, kind := range []AddressType{"", P2WPKH, P2TR} {
						_, err := ParseKey(text, network, kind)
						if err == nil {
							t.Fatalf("accepted in %s on %s", around, network)
						}
						echoes(t, err, text)
					}
				}
				// Which mistake is named first matters for a key that only its place shows to be private.
				if name != "hex" {
					refused(t, text, Mainnet, "", "private key")
				}
			}
		})
	}
	refused(t, privateKeys(t)["hex"], Mainnet, P2WPKH, "private key")
	refused(t, "tr("+xpub+"/*,pk("+wif+"))", Mainnet, "", "private key")
	refused(t, strings.Repeat("abandon ", 11)+"about", Mainnet, "", "private key")
	refused(t, strings.Repeat("そうがんきょう　", 12), Mainnet, "", "private key")
}

// The parser does not rely on the check before it.
func TestTheParserTakesNoPrivateKeyEither(t *testing.T) {
	for name, key := range privateKeys(t) {
		for _, text := range []string{key, "wpkh(" + key + "/0/*)", "wsh(multi(1," + key + "/*))"} {
			if e, err := parseExpression(text, Mainnet); err == nil {
				t.Errorf("%s: %s", name, e.template)
			} else {
				echoes(t, err, text)
			}
		}
	}
	inside := rewrite(t, account86, func(p []byte) { p[keyAt] = 0 })
	if _, err := parseExtended(inside, Mainnet); err == nil || !strings.Contains(err.Error(), "private key") {
		t.Error(err)
	}
}

// Whatever is given: no panic, no part of a private key in what comes back, and what is accepted is canonical.
func FuzzParseKey(f *testing.F) {
	xpub := as(f, "xpub", account84)
	for _, text := range []string{
		account84, xpub, as(f, "tpub", account84), "wpkh([73c5da0a/84'/0'/0']" + xpub + "/<0;1>/*)", "sh(wpkh(" + xpub + "/*))",
		"wsh(and_v(v:pk(" + xpub + "/0/*),older(144)))", "tr(" + bareX + ",{pk(" + xpub + "/0/*),pk(" + other380 + "/1/*)})", "raw(deadbeef)#89f8spxm",
	} {
		f.Add(text, uint16(40), uint8(0))
	}
	secrets := []string{as(f, "xprv", private84), as(f, "tprv", private84), private84, wif, wifLong}
	networks := []Network{Mainnet, Regtest}
	kinds := []AddressType{"", P2WPKH, P2TR, P2SHP2WPKH, P2PKH}
	f.Fuzz(func(t *testing.T, text string, at uint16, choice uint8) {
		network, kind := networks[int(choice)%2], kinds[int(choice/2)%5]
		if k, err := ParseKey(text, network, kind); err == nil {
			again := mustParse(t, k.Descriptor(), network, kind)
			if again.Descriptor() != k.Descriptor() || again.Fingerprint() != k.Fingerprint() {
				t.Fatalf("%s is not canonical", k.Descriptor())
			}
			if a, err := k.Derive(0); !k.NeedsNode() && (err != nil || a.Text == "") {
				t.Fatalf("no address: %v", err)
			}
		} else {
			echoes(t, err, text)
		}

		secret, cut := secrets[int(choice/10)%len(secrets)], min(int(at), len(text))
		k, err := ParseKey(text[:cut]+secret+text[cut:], network, kind)
		if err == nil {
			t.Fatalf("a private key was accepted in %s", k.Descriptor())
		}
		echoes(t, err, secret)
	})
}
