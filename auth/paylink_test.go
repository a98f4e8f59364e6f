package auth

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"satchel/merchant"
)

func TestAPayLinkIsReadBack(t *testing.T) {
	s := Secret{1}
	rapid.Check(t, func(t *rapid.T) {
		id := merchant.LinkID(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "id"))
		key := s.PayLink(id)
		if got, ok := s.ReadPayLink(key); !ok || got != id || len(key) > maxPayLink {
			t.Fatalf("%s: %v %v", key, got, ok)
		}
		if _, ok := (Secret{2}).ReadPayLink(key); ok {
			t.Fatal("another server takes it")
		}
		at := rapid.IntRange(0, len(key)-1).Draw(t, "at")
		other := rapid.SampledFrom(strings.Split(alphabet, "")).Draw(t, "other")
		if changed := key[:at] + other + key[at+1:]; changed != key {
			if _, ok := s.ReadPayLink(changed); ok {
				t.Fatalf("%s was changed to %s, and opens", key, changed)
			}
		}
	})
}

// A till's key opens the till, and is neither the token nor a link.
func TestATillIsReadBack(t *testing.T) {
	s := Secret{1}
	rapid.Check(t, func(t *rapid.T) {
		id := TokenID(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "id"))
		key := s.Till(id)
		if got, ok := s.ReadTill(key); !ok || got != id {
			t.Fatalf("%s: %v %v", key, got, ok)
		}
		if _, ok := (Secret{2}).ReadTill(key); ok {
			t.Fatal("another server takes it")
		}
		if _, ok := s.ReadPayLink(key); ok {
			t.Fatal("it is a link")
		}
		for _, other := range []string{s.PayLink(merchant.LinkID(id)), s.Token(id), s.Resource(id, "pos/invoice", "x"), key[1:], key + "1", ""} {
			if _, ok := s.ReadTill(other); ok {
				t.Fatalf("%s opens a till", other)
			}
		}
	})
}

func TestWhatIsNoPayLink(t *testing.T) {
	s := Secret{1}
	key := s.PayLink(merchant.LinkID{7})
	for _, text := range []string{
		"", key[1:], key + "1", key + " ", strings.Repeat(key, 1000), s.Token(TokenID{7}), s.Resource(TokenID{7}, "pos/invoice", "x"), "0OIl",
	} {
		if _, ok := s.ReadPayLink(text); ok {
			t.Errorf("%.60q opens", text)
		}
	}
}

func TestAnOriginDoesNotTellTheAddress(t *testing.T) {
	s := Secret{1}
	one := s.Origin("192.0.2.7")
	if one != s.Origin("192.0.2.7") || one == s.Origin("192.0.2.8") || one == (Secret{2}).Origin("192.0.2.7") || strings.Contains(one, "192") {
		t.Error(one)
	}
}
