package auth

import (
	"context"
	"errors"
	"strings"
	"testing"

	"satchel/fault"
)

// small makes a test quick; the parameters are in every hash.
func small() cost { return cost{memory: 64, passes: 1, lanes: 1} }

func TestPasswordsAreHashed(t *testing.T) {
	one, two := small().hashPassword("correct horse battery"), small().hashPassword("correct horse battery")
	if one == two || strings.Contains(one, "horse") || !strings.HasPrefix(one, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatalf("%s\n%s", one, two)
	}
	for password, want := range map[string]bool{"correct horse battery": true, "correct horse batterz": false, "": false, "correct horse battery ": false} {
		if got, err := usual().isPassword(password, one); err != nil || got != want {
			t.Errorf("%q: %v %v", password, got, err)
		}
	}
	if got, err := small().isPassword("", ""); err != nil || got {
		t.Errorf("without a hash: %v %v", got, err)
	}
	if c := usual(); c.memory < 19<<10 || c.passes < 2 {
		t.Errorf("%+v is less than what is asked for", c)
	}
}

// The value is the one of RFC 9106's reference implementation, so that another tool can make or check a hash.
func TestAKnownHash(t *testing.T) {
	const stored = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	if ok, err := usual().isPassword("password", stored); err != nil || !ok {
		t.Fatalf("%v %v", ok, err)
	}
}

func TestADamagedHashLetsNobodyIn(t *testing.T) {
	good := small().hashPassword("correct horse battery")
	for _, bad := range []string{
		"x", "$", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1), strings.Replace(good, "m=64", "m=4294967295", 1),
		strings.Replace(good, "t=1", "t=0", 1), strings.Replace(good, "p=1", "p=0", 1), strings.Replace(good, "t=1", "t=999999", 1), good + "$", good[:len(good)-40],
		good + "!", strings.Replace(good, "m=64", "m=-1", 1),
	} {
		if ok, err := small().isPassword("correct horse battery", bad); ok || !errors.Is(err, errHash) {
			t.Errorf("%s: %v %v", bad, ok, err)
		}
	}
}

func TestPasswordsAndNamesThatAreRefused(t *testing.T) {
	for password, ok := range map[string]bool{
		"twelve chars": true, "eleven char": false, "": false, "ääääääääääää": false, "äöüäöüäöüäöü": true, "aaaaaaaaaaaaaaaa": false,
		strings.Repeat("ab", 256): true, strings.Repeat("ab", 257): false, "twelve char\xff": false, "alice@tea.example": false,
	} {
		if err := CheckPassword("alice@tea.example", password); (err == nil) != ok || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", password, err)
		}
	}
	for name, ok := range map[string]bool{
		"alice": true, "a": true, "7": true, "alice.b-c_d@tea.example": true, "": false, "Alice": false, ".alice": false, "al ice": false, "älice": false,
		strings.Repeat("a", 32): true, strings.Repeat("a", 33): false, "a\n": false, "a/b": false, "a\x00": false,
	} {
		if err := CheckOperatorName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestFewHashesAtATime(t *testing.T) {
	h := newHashes(1)
	leave, err := h.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a second one came in: %v", err)
	}
	leave()
	if _, err := h.enter(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRoles(t *testing.T) {
	for _, r := range []Role{Viewer, Owner} {
		if got, ok := ParseRole(r.String()); !ok || got != r {
			t.Errorf("%s is read as %v", r, got)
		}
	}
	if _, ok := ParseRole("none"); ok {
		t.Error("none is no role")
	}
	owner, viewer, nobody := Operator{Name: "o", Role: Owner}, Operator{Name: "v", Role: Viewer, Merchant: "one"}, Operator{}
	if !owner.May(Owner) || !owner.May(Viewer) || viewer.May(Owner) || !viewer.May(Viewer) || nobody.May(Viewer) || owner.May(0) {
		t.Error("a role does not include what it should")
	}
	if !owner.Sees("one") || !owner.Sees("two") || !viewer.Sees("one") || viewer.Sees("two") || viewer.Sees("") || owner.Sees("") || nobody.Sees("one") {
		t.Error("somebody sees what he should not, or does not see what he should")
	}
}

func TestKeysOfFormsAndBrowsers(t *testing.T) {
	s, other := Secret{1}, Secret{2}
	key := s.FormKey("seat")
	if !s.IsFormKey("seat", key) || s.IsFormKey("seat2", key) || s.IsFormKey("seat", "") || other.IsFormKey("seat", key) || strings.Contains(key, "seat") {
		t.Error("a form's key fits where it should not, or the reverse")
	}
	known := s.KnownKey("alice", [16]byte{7})
	if nonce, ok := s.ReadKnown("alice", known); !ok || nonce != [16]byte{7} {
		t.Error("a browser is not known again")
	}
	for _, bad := range []string{"", known[1:], known + "1", strings.Repeat("1", 200), "0OIl"} {
		if _, ok := s.ReadKnown("alice", bad); ok {
			t.Errorf("%q is known", bad)
		}
	}
	if _, ok := s.ReadKnown("bob", known); ok {
		t.Error("another operator's browser is known")
	}
	if _, ok := other.ReadKnown("alice", known); ok {
		t.Error("another server's browser is known")
	}
}
