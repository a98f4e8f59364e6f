package wallet

import (
	"strings"
	"testing"
)

func TestParseNetwork(t *testing.T) {
	for text, want := range map[string]bool{
		"mainnet": true, "testnet4": true, "signet": true, "regtest": true,
		"": false, "main": false, "testnet": false, "Mainnet": false, "bitcoin": false,
	} {
		if n, ok := ParseNetwork(text); ok != want || ok && string(n) != text {
			t.Errorf("%q: %q, %v", text, n, ok)
		}
	}
}

// Every notation of a key and branch gives the same descriptor body, type and identity.
func TestNotationsOfOneKey(t *testing.T) {
	const origin = "[73c5da0a/84h/0h/0h]"
	xpub := as(t, "xpub", account84)
	first := mustParse(t, account84, Mainnet, "")
	if want := withChecksum("wpkh(" + xpub + "/0/*)"); first.Descriptor() != want {
		t.Fatalf("the descriptor is %s, want %s", first.Descriptor(), want)
	}
	branch := childKey(t, xpub, 0)

	for name, c := range map[string]struct {
		text   string
		kind   AddressType
		origin string
		body   string
	}{
		"zpub":                       {account84, "", "", xpub + "/0/*"},
		"zpub with its type":         {account84, P2WPKH, "", xpub + "/0/*"},
		"xpub with a type":           {xpub, P2WPKH, "", xpub + "/0/*"},
		"white space around":         {" \t" + account84 + "\r\n", "", "", xpub + "/0/*"},
		"zpub with a path":           {account84 + "/0/*", "", "", xpub + "/0/*"},
		"zpub with branches":         {account84 + "/<0;1>/*", "", "", xpub + "/0/*"},
		"zpub with an origin":        {origin + account84, "", origin, xpub + "/0/*"},
		"descriptor":                 {"wpkh(" + xpub + "/0/*)", "", "", xpub + "/0/*"},
		"descriptor, type":           {"wpkh(" + xpub + "/0/*)", P2WPKH, "", xpub + "/0/*"},
		"descriptor, checksum":       {first.Descriptor(), "", "", xpub + "/0/*"},
		"descriptor of a zpub":       {"wpkh(" + account84 + "/0/*)", "", "", xpub + "/0/*"},
		"descriptor, branches":       {"wpkh(" + xpub + "/<0;1>/*)", "", "", xpub + "/0/*"},
		"descriptor, three branches": {"wpkh(" + xpub + "/<0;1;7>/*)", "", "", xpub + "/0/*"},
		"origin with h":              {"wpkh(" + origin + xpub + "/0/*)", "", origin, xpub + "/0/*"},
		"origin with H":              {"wpkh([73C5DA0A/84H/0H/0H]" + xpub + "/0/*)", "", origin, xpub + "/0/*"},
		"origin with '":              {"wpkh([73c5da0a/84'/0'/0']" + xpub + "/0/*)", "", origin, xpub + "/0/*"},
		"origin, mixed":              {"wpkh([73c5da0a/84'/0h/0H]" + xpub + "/00/*)", "", origin, xpub + "/0/*"},
		"the branch's own key":       {"wpkh(" + branch + "/*)", "", "", branch + "/*"},
	} {
		t.Run(name, func(t *testing.T) {
			k := mustParse(t, c.text, Mainnet, c.kind)
			if want := withChecksum("wpkh(" + c.origin + c.body + ")"); k.Descriptor() != want {
				t.Errorf("the descriptor is %s, want %s", k.Descriptor(), want)
			}
			if k.Fingerprint() != first.Fingerprint() {
				t.Error("another identity")
			}
			if k.Type() != P2WPKH || k.NeedsNode() {
				t.Errorf("type %s, needs the node: %v", k.Type(), k.NeedsNode())
			}
			got, _ := k.Derive(5)
			if want, _ := first.Derive(5); got.Text != want.Text || got.Text == "" {
				t.Errorf("address %s, want %s", got.Text, want.Text)
			}
		})
	}
}

// childKey writes the extended key of a child.
func childKey(t *testing.T, parent string, step uint32) string {
	t.Helper()
	key, err := parseExtended(parent, Mainnet)
	if err != nil {
		t.Fatal(err)
	}
	child, err := key.Derive(step)
	if err != nil {
		t.Fatal(err)
	}
	return child.String()
}

// Another key, branch or script type is another identity; another test network is not.
func TestIdentities(t *testing.T) {
	xpub := as(t, "xpub", account84)
	seen := map[string]string{}
	for _, text := range []string{
		"wpkh(" + xpub + "/0/*)", "wpkh(" + xpub + "/1/*)", "wpkh(" + xpub + "/*)", "wpkh(" + xpub + "/0/0/*)",
		"tr(" + xpub + "/0/*)", "pkh(" + xpub + "/0/*)", "sh(wpkh(" + xpub + "/0/*))", "wpkh(" + other380 + "/0/*)",
		"wsh(multi(1," + xpub + "/0/*))", "wsh(multi(1," + xpub + "/1/*))", "wsh(sortedmulti(1," + xpub + "/0/*))",
		"sh(multi(1," + xpub + "/0/*))", "wsh(multi(1," + other380 + "/0/*))",
	} {
		k := mustParse(t, text, Mainnet, "")
		if before := seen[k.Fingerprint()]; before != "" || len(k.Fingerprint()) != 32 {
			t.Errorf("%s and %s share the identity %s", text, before, k.Fingerprint())
		}
		seen[k.Fingerprint()] = text
	}

	tpub := as(t, "tpub", account84)
	want := mustParse(t, account84, Mainnet, "").Fingerprint()
	for _, network := range []Network{Testnet4, Signet, Regtest} {
		for _, text := range []string{"wpkh(" + tpub + "/0/*)", as(t, "vpub", account84)} {
			if got := mustParse(t, text, network, "").Fingerprint(); got != want {
				t.Errorf("on %s the identity is %s, want %s", network, got, want)
			}
		}
	}
}

// The identity of a key is stored with its counters for ever: these values must never change.
func TestIdentitiesAreForEver(t *testing.T) {
	for text, want := range map[string]string{
		account84: "f9c286f5fcf2c1e646a32d6a9cf7b210",
		"wsh(sortedmulti(2," + other380 + "/0/*," + account86 + "/0/*))": "82494fb9c4ec6ae6f06137b52ae8926a",
	} {
		if got := mustParse(t, text, Mainnet, "").Fingerprint(); got != want {
			t.Errorf("the identity of %s is %s, want %s", text, got, want)
		}
	}
}

func TestTypesByPrefix(t *testing.T) {
	for _, c := range []struct {
		prefix  string
		network Network
		given   AddressType
		want    string
	}{
		{"ypub", Mainnet, "", "sh(wpkh(@))"},
		{"ypub", Mainnet, P2SHP2WPKH, "sh(wpkh(@))"},
		{"upub", Signet, "", "sh(wpkh(@))"},
		{"vpub", Regtest, "", "wpkh(@)"},
		{"tpub", Testnet4, P2TR, "tr(@)"},
		{"tpub", Regtest, P2PKH, "pkh(@)"},
		{"xpub", Mainnet, P2SHP2WPKH, "sh(wpkh(@))"},
		{"xpub", Mainnet, P2TR, "tr(@)"},
	} {
		k := mustParse(t, as(t, c.prefix, account84), c.network, c.given)
		key := as(t, "tpub", account84)
		if c.network == Mainnet {
			key = as(t, "xpub", account84)
		}
		if want := withChecksum(strings.Replace(c.want, "@", key+"/0/*", 1)); k.Descriptor() != want {
			t.Errorf("%s on %s: %s, want %s", c.prefix, c.network, k.Descriptor(), want)
		}
	}
}

// What only the node derives is kept as it is, canonically, and without its origins in the identity.
func TestDescriptorsForTheNode(t *testing.T) {
	a, b := other380, account86
	for text, want := range map[string]struct {
		body string
		kind AddressType
	}{
		"wsh(sortedmulti(2," + a + "/<0;1>/*,[73C5DA0A/48'/0']" + b + "/<0;1>/*))": {"wsh(sortedmulti(2," + a + "/0/*,[73c5da0a/48h/0h]" + b + "/0/*))", P2WSH},
		"sh(wsh(multi(1," + a + "/0/*," + plainKey + ")))":                         {"", P2SH},
		"sh(multi(1," + a + "/0/*))":                                               {"", P2SH},
		"wsh(pkh(" + a + "/0/*))":                                                  {"", P2WSH},
		"wsh(and_v(v:pk(" + a + "/0/*),older(144)))":                               {"", P2WSH},
		"wsh(and_v(v:sha256(" + bareX + "),pk(" + a + "/*)))":                      {"", P2WSH},
		"tr(" + bareX + ",{pk(" + a + "/0/*),pk(" + b + "/0/*)})":                  {"", P2TR},
		"tr(" + a + "/0/*,sortedmulti_a(2," + a + "/1/*," + b + "/0/*))":           {"", P2TR},
		"rawtr(" + a + "/*)":                                                       {"", P2TR},
		"combo(" + a + "/*)":                                                       {"", ""},
		"pk(" + a + "/*)":                                                          {"", ""},
		"multi(1," + a + "/<1;2>/*," + b + "/<3;4>/0/*)":                           {"multi(1," + a + "/1/*," + b + "/3/0/*)", ""},
		"wsh(sortedmulti(1," + as(t, "Zpub", a) + "/*))":                           {"wsh(sortedmulti(1," + a + "/*))", P2WSH},
		"sh(wsh(sortedmulti(1," + as(t, "Ypub", a) + "/*)))":                       {"sh(wsh(sortedmulti(1," + a + "/*)))", P2SH},
		withChecksum("wsh(multi(1," + a + "/*,[00000001/1/2']" + b + "))"):         {"wsh(multi(1," + a + "/*,[00000001/1/2h]" + b + "))", P2WSH},
	} {
		k := mustParse(t, text, Mainnet, "")
		body := want.body
		if body == "" {
			body = text
		}
		if k.Descriptor() != withChecksum(body) {
			t.Errorf("%s became %s", text, k.Descriptor())
		}
		if !k.NeedsNode() || k.Type() != want.kind {
			t.Errorf("%s: type %q, needs the node: %v", text, k.Type(), k.NeedsNode())
		}
		again := mustParse(t, k.Descriptor(), Mainnet, "")
		if again.Descriptor() != k.Descriptor() || again.Fingerprint() != k.Fingerprint() {
			t.Errorf("%s is not canonical", k.Descriptor())
		}
	}

	with := mustParse(t, "wsh(multi(1,[73c5da0a/48h]"+a+"/<0;1>/*))", Mainnet, "")
	without := mustParse(t, "wsh(multi(1,"+a+"/0/*))", Mainnet, "")
	if with.Fingerprint() != without.Fingerprint() {
		t.Error("the origin changes the identity")
	}
}

func TestStringHidesTheKey(t *testing.T) {
	k := mustParse(t, account84, Mainnet, "")
	if got := k.String(); got != "watch key "+k.Fingerprint() {
		t.Error(got)
	}
}
