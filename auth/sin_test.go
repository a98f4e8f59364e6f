package auth

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The worked vector of BitAuth.
const (
	privateHex = "97811b691dd7ebaeb67977d158e1da2c4d3eaa4ee4e2555150628acade6b344c"
	publicHex  = "02326209e52f6f17e987ec27c56a1321acf3d68088b8fb634f232f12ccbc9a4575"
	publicSIN  = SIN("Tf3yr5tYvccKNVrE26BrPs6LWZRh8woHwjR")
	longSIN    = SIN("TfCGpP1WXA4Jk71Dj9gMy7bFeKbsx62oFUg") // of the same key, uncompressed
)

func privateKey(t testing.TB, text string) *btcec.PrivateKey {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := btcec.PrivKeyFromBytes(raw)
	return key
}

func identity(t testing.TB, text string) Identity {
	t.Helper()
	id, err := ParseIdentity(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return id
}

func nobody(id Identity) bool { return id.key == nil && len(id.sins) == 0 }

func TestVectorsOfSINs(t *testing.T) {
	public := func(private string) string {
		return hex.EncodeToString(privateKey(t, private).PubKey().SerializeCompressed())
	}
	if got := public(privateHex); got != publicHex {
		t.Fatalf("public key %s", got)
	}
	for key, want := range map[string]SIN{
		publicHex: publicSIN,
		"038d970d6ba29dcfa190c177140fd889fadd6d2590b1ee1a6a06e255dbf22b4017":                  "TeyN4LPrXiG5t2yuSamKqP3ynVk3F52iHrX",
		public("31eb31ecf1a640cd91e0a1105501f36235f8c7d51d67dcf74ccc968d74cb6b25"):            "TfDnXWvj6bBhkduYiZnohg5qhtDu5VWohhw",
		"0242b175884b2548dbb00ba51adad73f9727379df88373649ee4da2b2e680bbf71":                  "TfCZFCEvViSG7Xmqec8EoRZ68N5DwtJR5zD",
		"0345b1f08e7dba2d908ac7d11d9c6edc4becbe5633e969981a5422b31b5d1c7f68":                  "Tf5NWVzmTEyDTsJn6M9a39V3gMwHGSb4fJH",
		"032851ccc63b9401f4d3c23d2b97fc9a1f6d9ba6f458004d9490a0ac24b9e4c170":                  "Tf6iDzfFCSU3ZoLGpAksWbu3kwvzgWnhTwL",
		strings.ToUpper("02326209e52f6f17e987ec27c56a1321acf3d68088b8fb634f232f12ccbc9a4575"): publicSIN,
	} {
		id := identity(t, key)
		if got := id.SIN(); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
		if diff := cmp.Diff([]SIN{want}, id.SINs()); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
		if back, err := ParseSIN(string(want)); err != nil || back != want {
			t.Errorf("%s: %q %v", want, back, err)
		}
	}
}

// Ruby with a newer OpenSSL sends the key uncompressed and registers the SIN over those bytes; the same key compressed
// is the same client.
func TestUncompressedKeyStandsForBothItsSINs(t *testing.T) {
	long := identity(t, hex.EncodeToString(privateKey(t, privateHex).PubKey().SerializeUncompressed()))
	if long.SIN() != longSIN {
		t.Errorf("SIN %s", long.SIN())
	}
	if diff := cmp.Diff([]SIN{longSIN, publicSIN}, long.SINs()); diff != "" {
		t.Error(diff)
	}
	short := identity(t, publicHex)
	for _, c := range []struct {
		id   Identity
		sin  SIN
		want bool
	}{
		{long, longSIN, true},
		{long, publicSIN, true},
		{short, publicSIN, true},
		{short, longSIN, false},
		{short, "", false},
		{long, "TeyN4LPrXiG5t2yuSamKqP3ynVk3F52iHrX", false},
		{Identity{}, "", false},
		{Identity{}, publicSIN, false},
	} {
		if got := c.id.Has(c.sin); got != c.want {
			t.Errorf("%s has %q: %v", c.id.SIN(), c.sin, got)
		}
	}
	if (Identity{}).SIN() != "" || len(Identity{}.SINs()) != 0 {
		t.Error("nobody has a SIN")
	}
}

func TestParseSINRefusesWhatIsNone(t *testing.T) {
	if _, err := ParseSIN("TfG4ScDgysrSpodWD4Re5UtXmcLbY5CiUHA"); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"bad checksum": "Tf1Jc1xSbqasm5QLwwSQc5umddx2h7mAMhX", "empty": "", "short": string(publicSIN[:34]), "long": string(publicSIN) + "1",
		"space": " " + string(publicSIN[1:]), "not base58": "0" + string(publicSIN[1:]), "huge": strings.Repeat("T", 1<<20),
		"leading zero": "1" + string(publicSIN[:34]), "no ASCII": strings.Repeat("é", 17) + "T",
		"another version": sinWith(0x00, 0x02), "another type": sinWith(0x0f, 0x01),
	} {
		if sin, err := ParseSIN(text); err == nil || sin != "" {
			t.Errorf("%s was taken: %q", name, sin)
		}
	}
}

// sinWith gives a name with a right checksum and another prefix.
func sinWith(version, kind byte) string {
	body := append([]byte{version, kind}, make([]byte, 20)...)
	return base58.Encode(append(body, sinChecksum(body)...))
}

func TestParseIdentityRefusesWhatIsNoKey(t *testing.T) {
	long := hex.EncodeToString(privateKey(t, privateHex).PubKey().SerializeUncompressed())
	odd := privateKey(t, privateHex).PubKey().Y().Bit(0)
	hybrid, wrong := "06", "07"
	if odd == 1 {
		hybrid, wrong = wrong, hybrid
	}
	for name, text := range map[string]string{
		"empty": "", "one digit": "0", "half a byte": publicHex[:65], "32 bytes": publicHex[2:], "34 bytes": publicHex + "00",
		"64 bytes": long[2:], "66 bytes": long + "00", "hybrid": hybrid + long[2:], "hybrid, other parity": wrong + long[2:],
		"compressed marked long": "04" + publicHex[2:], "long marked compressed": "02" + long[2:], "zero prefix": "00" + publicHex[2:],
		"not on the curve": "02" + strings.Repeat("0", 63) + "5", "x over the prime": "02" + strings.Repeat("f", 64),
		"long, not on the curve": long[:129] + flip(long[129]), "infinity": "04" + strings.Repeat("0", 128),
		"no hex": "0x" + publicHex[2:], "spaces": " " + publicHex[1:], "huge": strings.Repeat("02", 1<<20), "a SIN": string(publicSIN),
	} {
		id, err := ParseIdentity(text)
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
		if !nobody(id) {
			t.Errorf("%s: an identity came along", name)
		}
	}
}

// flip gives another hex digit.
func flip(digit byte) string {
	if digit == '0' {
		return "1"
	}
	return "0"
}

func TestEverySINReadsBackAndNoNeighbourDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, _ := btcec.PrivKeyFromBytes(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
		if key.Key.IsZero() {
			t.Skip("no key")
		}
		id, err := ParseIdentity(hex.EncodeToString(key.PubKey().SerializeUncompressed()))
		if err != nil {
			t.Fatal(err)
		}
		for _, sin := range id.SINs() {
			if back, err := ParseSIN(string(sin)); err != nil || back != sin || !id.Has(sin) {
				t.Fatalf("%s: %v", sin, err)
			}
			at := rapid.IntRange(0, len(sin)-1).Draw(t, "at")
			other := []byte(sin)
			other[at] = rapid.SampledFrom([]byte("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")).Draw(t, "letter")
			if _, err := ParseSIN(string(other)); (err == nil) != (string(other) == string(sin)) {
				t.Fatalf("%s beside %s: %v", other, sin, err)
			}
		}
	})
}

func FuzzIdentity(f *testing.F) {
	for _, seed := range []string{publicHex, strings.ToUpper(publicHex), "04" + strings.Repeat("0", 128), "06" + strings.Repeat("1", 128), "", string(publicSIN)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if sin, err := ParseSIN(text); err == nil && string(sin) != text {
			t.Fatalf("%q became %q", text, sin)
		}
		id, err := ParseIdentity(text)
		if err != nil {
			if !errors.Is(err, ErrKey) || !nobody(id) {
				t.Fatalf("%v, %+v", err, id)
			}
			return
		}
		want := 1
		if len(text) == 2*uncompressedLen {
			want = 2
		}
		if len(id.SINs()) != want {
			t.Fatalf("%d SINs", len(id.SINs()))
		}
		compressed := identity(t, hex.EncodeToString(id.key.SerializeCompressed()))
		if !id.Has(compressed.SIN()) {
			t.Fatal("the compressed key is another client")
		}
		if _, err := ParseSIN(string(id.SIN())); err != nil {
			t.Fatal(err)
		}
	})
}
