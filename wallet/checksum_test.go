package wallet

import (
	"strings"
	"testing"
)

// BIP380's vectors.
func TestChecksumVectors(t *testing.T) {
	if sum, ok := checksum("raw(deadbeef)"); !ok || sum != "89f8spxm" {
		t.Errorf("the checksum is %q", sum)
	}
	for _, good := range []string{"raw(deadbeef)#89f8spxm", "raw(deadbeef)"} {
		if got, err := cutChecksum(good); err != nil || got != "raw(deadbeef)" {
			t.Errorf("%s: %q, %v", good, got, err)
		}
	}
	for bad, reason := range map[string]string{
		"raw(deadbeef)#":          "0 characters",
		"raw(deadbeef)#89f8spxmx": "9 characters",
		"raw(deadbeef)#89f8spx":   "7 characters",
		"raw(deedbeef)#89f8spxm":  "does not match",
		"raw(deedbeef)##9f8spxm":  "no checksum has",
		"raw(Ü)#00000000":         "no descriptor has",
	} {
		if _, err := cutChecksum(bad); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want a reason about %q", bad, err, reason)
		}
	}
}

// One wrong character is always found (BIP380), wherever it is.
func TestChecksumFindsEverySlip(t *testing.T) {
	text := mustParse(t, account84, Mainnet, "").Descriptor()
	body, sum, _ := strings.Cut(text, "#")
	for i := range body {
		for _, c := range []byte("0a*Zq") {
			if body[i] == c {
				continue
			}
			slip := body[:i] + string(c) + body[i+1:]
			if got, ok := checksum(slip); !ok || got == sum {
				t.Fatalf("a slip at %d is not found", i)
			}
		}
	}
}
