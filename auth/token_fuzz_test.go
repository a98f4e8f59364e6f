package auth

import (
	"strings"
	"testing"
	"time"
)

// FuzzTokens: a key or a token that we did not make opens nothing, and one that we made, nothing but its own.
func FuzzTokens(f *testing.F) {
	secret := Secret{1, 2, 3}
	id := TokenID{9, 8, 7, 6, 5, 4, 3, 2}
	now := time.Unix(1_800_000_000, 0)
	invoice := "7tUMkzxpYvYvRfGiWKzxJA"
	made := map[string]bool{
		secret.Token(id): true, secret.BusToken(invoice): true, secret.Link(id, "aB3dE5g", now.Add(time.Hour)): true,
		secret.KnownKey("ann", [16]byte{4}): true,
	}
	for text := range made {
		f.Add(text)
		f.Add(text[:len(text)-1])
		f.Add(strings.ToUpper(text))
	}
	f.Add("")
	f.Add("1111111111111111111111")
	f.Add(strings.Repeat("1", 5_000))
	f.Add("0OIl")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := secret.BusInvoice(text); err == nil && (!made[text] || got != invoice) {
			t.Fatalf("%q opens the stream of %q", text, got)
		}
		if got, end, err := secret.ReadLink(text, "aB3dE5g", now); err == nil && (!made[text] || got != id || !end.After(now)) {
			t.Fatalf("%q leads to %v until %s", text, got, end)
		}
		if _, _, err := secret.ReadLink(text, "aB3dE5h", now); err == nil {
			t.Fatalf("%q leads to another code's grant", text)
		}
		if nonce, ok := secret.ReadKnown("ann", text); ok && (!made[text] || nonce != [16]byte{4}) {
			t.Fatalf("%q is a browser that was here", text)
		}
		if got, err := ParseTokenID(text); err == nil && got.String() != text {
			t.Fatalf("%q became %s", text, got)
		}
		if got, ok := idOf(text); ok && same(text, secret.Token(got)) != (made[text] && got == id) {
			t.Fatalf("%q is the token of %s", text, got)
		}
	})
}
