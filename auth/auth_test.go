package auth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

type grants map[TokenID]Grant

func (g grants) Grant(_ context.Context, id TokenID) (Grant, bool, error) {
	v, ok := g[id]
	return v, ok, nil
}

func one() (Secret, Grant, grants) {
	g := Grant{ID: TokenID{1, 2, 3, 4, 5, 6, 7, 8}, Merchant: "merchant-1", Facade: POS, Label: "till"}
	return Secret{7}, g, grants{g.ID: g}
}

func TestBearerTokenProvesItsGrant(t *testing.T) {
	secret, g, all := one()
	p, err := Authenticate(t.Context(), secret, all, secret.Token(g))
	if err != nil {
		t.Fatal(err)
	}
	if p.Facade() != POS || p.Merchant() != g.Merchant || p.Token() != g.ID.String() {
		t.Fatalf("principal %+v", p)
	}
	if Anybody().Merchant() != "" || Anybody().Facade() != Public || Anybody().Token() != "" {
		t.Fatal("anybody has rights")
	}
	if (Principal{}).Facade() == Public {
		t.Fatal("the zero principal is somebody")
	}
}

func TestEveryOtherTokenIsRefusedAlike(t *testing.T) {
	secret, g, all := one()
	good := secret.Token(g)
	bad := map[string]string{
		"empty": "", "nonsense": "not base58 0OIl", "short": good[:10], "long": strings.Repeat("z", 1<<20),
		"another server's": Secret{8}.Token(g), "a facade's name": "merchant",
	}
	for i := range len(good) {
		swap := byte('1')
		if good[i] == swap {
			swap = '2'
		}
		bad["byte "+string(rune('A'+i))] = good[:i] + string(swap) + good[i+1:]
	}
	for name, token := range bad {
		if _, err := Authenticate(t.Context(), secret, all, token); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unknown := g
	unknown.ID[0]++
	if _, err := Authenticate(t.Context(), secret, all, secret.Token(unknown)); !errors.Is(err, ErrToken) {
		t.Errorf("an unknown grant: %v", err)
	}
}

func TestRevokedAndBoundGrantsAreNoBearers(t *testing.T) {
	secret, g, all := one()
	token := secret.Token(g)
	g.Revoked = time.Unix(1, 0)
	all[g.ID] = g
	if _, err := Authenticate(t.Context(), secret, all, token); !errors.Is(err, ErrToken) {
		t.Errorf("revoked: %v", err)
	}
	g.Revoked, g.SIN = time.Time{}, "Tf3yr5tYvccKNVrE26BrPs6LWZRh8woHwjR"
	all[g.ID] = g
	if _, err := Authenticate(t.Context(), secret, all, secret.Token(g)); !errors.Is(err, ErrToken) {
		t.Errorf("bound to a signature: %v", err)
	}
}

// A grant that was changed behind the token's back, to another merchant or facade, does not fit it any more.
func TestTokenIsBoundToWhatItGrants(t *testing.T) {
	secret, g, all := one()
	token := secret.Token(g)
	for name, change := range map[string]func(*Grant){
		"merchant": func(g *Grant) { g.Merchant = "merchant-2" },
		"facade":   func(g *Grant) { g.Facade = Merchant },
	} {
		other := g
		change(&other)
		all[g.ID] = other
		if _, err := Authenticate(t.Context(), secret, all, token); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestResourceTokensDifferInEachPart(t *testing.T) {
	secret, _, _ := one()
	base := secret.Resource("m", "pos/invoice", "id")
	if base != secret.Resource("m", "pos/invoice", "id") {
		t.Fatal("the same resource has two tokens")
	}
	for _, other := range []string{
		secret.Resource("n", "pos/invoice", "id"), secret.Resource("m", "merchant/invoice", "id"), secret.Resource("m", "pos/invoice", "ie"),
		secret.Resource("mp", "os/invoice", "id"), Secret{9}.Resource("m", "pos/invoice", "id"),
	} {
		if other == base {
			t.Errorf("%s twice", base)
		}
	}
}

func TestWordsOfTheWire(t *testing.T) {
	for text, want := range map[string]Facade{"pos": POS, "merchant": Merchant, "payout": Payout, "payroll": Payout} {
		if f, ok := ParseFacade(text); !ok || f != want {
			t.Errorf("%s: %v %v", text, f, ok)
		}
	}
	for _, text := range []string{"", "public", "POS", "none"} {
		if f, ok := ParseFacade(text); ok {
			t.Errorf("%q is %v", text, f)
		}
	}
	id := TokenID{0, 0, 9}
	if back, err := ParseTokenID(id.String()); err != nil || back != id {
		t.Errorf("%v %v", back, err)
	}
	if _, err := ParseTokenID(strings.Repeat("1", 100)); err == nil {
		t.Error("a long id was taken")
	}
}
