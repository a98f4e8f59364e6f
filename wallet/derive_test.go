package wallet

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPublishedAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		key     string
		network Network
		kind    AddressType
		want    []string
	}{
		"BIP44": {account44, Mainnet, P2PKH, []string{"1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA", "1Ak8PffB2meyfYnbXZR9EGfLfFZVpzJvQP"}},
		"BIP49": {account49, Testnet4, "", []string{"2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2"}},
		"BIP84, SLIP-132": {account84, Mainnet, "", []string{
			"bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g",
		}},
		"BIP84, change": {"wpkh(" + account84 + "/1/*)", Mainnet, "", []string{"bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"}},
		"BIP86": {account86, Mainnet, P2TR, []string{
			"bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
			"bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh",
		}},
		"BIP86, change": {"tr(" + account86 + "/1/*)", Mainnet, "", []string{"bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := mustParse(t, c.key, c.network, c.kind)
			for i, want := range c.want {
				got, err := k.Derive(uint32(i))
				if err != nil {
					t.Fatal(err)
				}
				script, err := ScriptFor(want, c.network)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(Address{Text: want, Script: script, Index: uint32(i)}, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// BIP32's second vector: M/0.
func TestPublishedChild(t *testing.T) {
	parent, err := parseExtended(master32, Mainnet)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBranch(keyExpression{key: parent})
	if err != nil {
		t.Fatal(err)
	}
	point, err := b.child(0)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := decodeCheck(child32)
	got := compressed(&point)
	if hex.EncodeToString(got[:]) != hex.EncodeToString(want[keyAt:]) {
		t.Fatalf("got %x, want %x", got, want[keyAt:])
	}
}

// BIP386's first vector: a taproot output key from an internal key alone.
func TestPublishedTaproot(t *testing.T) {
	for _, sign := range []string{"02", "03"} {
		raw, err := hex.DecodeString(sign + bareX)
		if err != nil {
			t.Fatal(err)
		}
		key, err := btcec.ParsePubKey(raw)
		if err != nil {
			t.Fatal(err)
		}
		var point btcec.JacobianPoint
		key.AsJacobian(&point)
		out, err := taproot(point)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(witness(1, out[:])); got != "512077aab6e066f8a7419c5ab714c12c67d25007ed55a43cadcacb4d7a970a093f11" {
			t.Errorf("sign %s: %s", sign, got)
		}
	}
}

func TestIndexLimits(t *testing.T) {
	k := mustParse(t, account84, Mainnet, "")
	if a, err := k.Derive(hardened - 1); err != nil || a.Index != hardened-1 {
		t.Errorf("the last index: %v, %v", a, err)
	}
	for _, index := range []uint32{hardened, math.MaxUint32} {
		if _, err := k.Derive(index); err == nil {
			t.Errorf("index %d was derived", index)
		}
	}
	if _, err := mustParse(t, "wsh(multi(1,"+other380+"/*))", Mainnet, "").Derive(0); !errors.Is(err, ErrNeedsNode) {
		t.Errorf("a key for the node says %v", err)
	}
}

// The children that BIP32 calls invalid cannot be found by search, so the step is given their scalars.
func TestSkipsWhatHasNoKey(t *testing.T) {
	var generator, sum btcec.JacobianPoint
	btcec.GeneratorJacobian(&generator)
	order := btcec.S256().N.Bytes()
	minusOne := append([]byte(nil), order...)
	minusOne[31]--
	for name, scalar := range map[string][]byte{
		"the order itself": order, "zero": make([]byte, 32), "the parent's negative": minusOne,
	} {
		if _, err := tweaked(&generator, scalar); !errors.Is(err, ErrSkip) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// The same step with the parent itself as addend doubles the point.
	one := make([]byte, 32)
	one[31] = 1
	got, err := tweaked(&generator, one)
	if err != nil {
		t.Fatal(err)
	}
	btcec.DoubleNonConst(&generator, &sum)
	sum.ToAffine()
	if compressed(&got) != compressed(&sum) {
		t.Error("G + G is not 2G")
	}
}

// reference derives with the library alone.
func reference(t *rapid.T, parent *hdkeychain.ExtendedKey, kind AddressType, index uint32, params *chaincfg.Params) Address {
	child, err := parent.Derive(index)
	if err != nil {
		t.Fatal(err)
	}
	public, err := child.ECPubKey()
	if err != nil {
		t.Fatal(err)
	}
	hash := btcutil.Hash160(public.SerializeCompressed())
	var address btcutil.Address
	switch kind {
	case P2PKH:
		address, err = btcutil.NewAddressPubKeyHash(hash, params)
	case P2WPKH:
		address, err = btcutil.NewAddressWitnessPubKeyHash(hash, params)
	case P2SHP2WPKH:
		address, err = btcutil.NewAddressScriptHash(append([]byte{0, 20}, hash...), params)
	case P2TR:
		address, err = btcutil.NewAddressTaproot(txscript.ComputeTaprootKeyNoScript(public).SerializeCompressed()[1:], params)
	case P2WSH, P2SH:
	}
	if err != nil {
		t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(address)
	if err != nil {
		t.Fatal(err)
	}
	return Address{Text: address.EncodeAddress(), Script: script, Index: index}
}

// Any key, any branch, any index: equal to the library's derivation, the same on every call and from many goroutines,
// and another for each index.
func TestDeriveEqualsTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed")
		kind := rapid.SampledFrom([]AddressType{P2WPKH, P2TR, P2SHP2WPKH, P2PKH}).Draw(t, "type")
		network := rapid.SampledFrom([]Network{Mainnet, Testnet4, Signet, Regtest}).Draw(t, "network")
		step := rapid.Uint32Range(0, hardened-1).Draw(t, "branch")
		indexes := rapid.SliceOfNDistinct(rapid.Uint32Range(0, hardened-1), 1, 6, rapid.ID).Draw(t, "indexes")

		master, err := hdkeychain.NewMaster(seed, network.params())
		if err != nil {
			t.Fatal(err)
		}
		public, err := master.Neuter()
		if err != nil {
			t.Fatal(err)
		}
		parent, err := public.Derive(step)
		if err != nil {
			t.Fatal(err)
		}
		e := expression{template: kind.template(), keys: []keyExpression{{
			key: extended{ExtendedKey: public}, path: []uint32{step}, ranged: true,
		}}}
		k, err := ParseKey(e.render(keyExpression.String), network, kind)
		if err != nil {
			t.Fatal(err)
		}

		got := make([]Address, 3*len(indexes))
		var group sync.WaitGroup
		for i := range got {
			group.Go(func() { got[i], _ = k.Derive(indexes[i%len(indexes)]) })
		}
		group.Wait()

		seen := map[string]bool{}
		for i, a := range got {
			want := reference(t, parent, kind, indexes[i%len(indexes)], network.params())
			if diff := cmp.Diff(want, a); diff != "" {
				t.Fatal(diff)
			}
			seen[string(a.Script)] = true
		}
		if len(seen) != len(indexes) {
			t.Fatalf("%d scripts for %d indexes", len(seen), len(indexes))
		}
	})
}

func BenchmarkDerive(b *testing.B) {
	for _, kind := range []AddressType{P2WPKH, P2TR, P2SHP2WPKH, P2PKH} {
		b.Run(string(kind), func(b *testing.B) {
			k := mustParse(b, account44, Mainnet, kind)
			b.ReportAllocs()
			for i := uint32(0); b.Loop(); i++ {
				if _, err := k.Derive(i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		k := mustParse(b, account84, Mainnet, "")
		b.RunParallel(func(pb *testing.PB) {
			for i := uint32(0); pb.Next(); i++ {
				if _, err := k.Derive(i); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkBasePoint is the part that no derivation can do without.
func BenchmarkBasePoint(b *testing.B) {
	var point btcec.JacobianPoint
	var scalar btcec.ModNScalar
	var raw [32]byte
	for i := range raw {
		raw[i] = 0xa5
	}
	for i := uint32(0); b.Loop(); i++ {
		binary.BigEndian.PutUint32(raw[28:], i)
		scalar.SetBytes(&raw)
		btcec.ScalarBaseMultNonConst(&scalar, &point)
	}
}

func BenchmarkParseKey(b *testing.B) {
	for b.Loop() {
		if _, err := ParseKey(account84, Mainnet, ""); err != nil {
			b.Fatal(err)
		}
	}
}
