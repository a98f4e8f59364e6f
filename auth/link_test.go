package auth

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/base58"
	"pgregory.net/rapid"
)

func TestLinkLeadsToItsGrantUntilItsEnd(t *testing.T) {
	secret, id, end := Secret{7}, TokenID{1, 2, 3, 4, 5, 6, 7, 8}, time.Unix(1_800_000_000, 0)
	key := secret.Link(id, "aB3dE5g", end)
	if len(key) > maxLink || strings.ContainsAny(key, "+/=&?%") {
		t.Fatalf("%q does not fit in a URL", key)
	}
	got, until, err := secret.ReadLink(key, "aB3dE5g", end.Add(-time.Nanosecond))
	if err != nil || got != id || !until.Equal(end) {
		t.Fatalf("%v %v %v", got, until, err)
	}
	for _, now := range []time.Time{end, end.Add(time.Hour)} {
		if _, _, err := secret.ReadLink(key, "aB3dE5g", now); !errors.Is(err, ErrLink) {
			t.Errorf("at %s: %v", now, err)
		}
	}
	if (TokenID{1, 2, 3, 4, 5, 6, 7, 8}) != id {
		t.Error("making a key changed the id")
	}
}

// Only the key itself opens: no other code, server, id, end or bit.
func TestEveryOtherLinkIsRefused(t *testing.T) {
	secret, now := Secret{7}, time.Unix(1_800_000_000, 0)
	rapid.Check(t, func(t *rapid.T) {
		id := TokenID(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "id"))
		code := rapid.StringMatching(`[a-zA-Z0-9]{7}`).Draw(t, "code")
		key := secret.Link(id, code, now.Add(LinkLife))
		if got, _, err := secret.ReadLink(key, code, now); err != nil || got != id {
			t.Fatalf("its own key: %v %v", got, err)
		}
		raw := base58.Decode(key)
		bit := rapid.IntRange(0, 8*len(raw)-1).Draw(t, "bit")
		raw[bit/8] ^= 1 << (bit % 8)
		flipped := base58.Encode(raw)
		for _, other := range []string{flipped, key + "1", "1" + key, key[:len(key)-1], "", strings.Repeat("1", 1000)} {
			if _, _, err := secret.ReadLink(other, code, now); !errors.Is(err, ErrLink) {
				t.Fatalf("%q opens", other)
			}
		}
		if _, _, err := secret.ReadLink(key, code+"x", now); !errors.Is(err, ErrLink) {
			t.Fatal("another code opens")
		}
		if _, _, err := (Secret{8}).ReadLink(key, code, now); !errors.Is(err, ErrLink) {
			t.Fatal("another server's key opens")
		}
	})
}
