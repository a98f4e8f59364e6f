package auth

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/base58"
	"pgregory.net/rapid"
)

func TestBusTokenNamesItsInvoice(t *testing.T) {
	s, other := Secret{1}, Secret{2}
	rapid.Check(t, func(t *rapid.T) {
		id := base58.Encode(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		token := s.BusToken(id)
		if got, err := s.BusInvoice(token); err != nil || got != id || len(token) > maxToken || s.BusToken(id) != token {
			t.Fatalf("%s became %s (%v)", id, got, err)
		}
		if _, err := other.BusInvoice(token); !errors.Is(err, ErrToken) {
			t.Fatalf("another server's token: %v", err)
		}
		raw := base58.Decode(token)
		raw[rapid.IntRange(0, len(raw)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "by"))
		if got, err := s.BusInvoice(base58.Encode(raw)); !errors.Is(err, ErrToken) {
			t.Fatalf("a tampered token gives %s", got)
		}
	})
}

// TestBusTokenIsNoOtherToken: what one is good for, none of the others is.
func TestBusTokenIsNoOtherToken(t *testing.T) {
	s := Secret{1}
	var raw [16]byte
	_, _ = rand.Read(raw[:])
	id := base58.Encode(raw[:])
	for name, token := range map[string]string{
		"empty": "", "nonsense": "nonsense", "long": strings.Repeat("z", 10_000), "a grant's": s.Token(TokenID{1}),
		"an invoice's": s.Resource(TokenID{}, "public/invoice", id), "no id": s.BusToken(""), "not base58": "0OIl",
	} {
		if got, err := s.BusInvoice(token); !errors.Is(err, ErrToken) {
			t.Errorf("%s gives %q", name, got)
		}
	}
}
