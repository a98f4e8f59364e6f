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

func bearer(t *testing.T, s Secret, all grants, token string) (Principal, error) {
	t.Helper()
	p, err := Authenticate(t.Context(), s, all, Call{Token: token, Resource: "invoice", ID: "inv-1"})
	if err != nil && p != (Principal{}) {
		t.Fatalf("an error and the rights of %+v", p)
	}
	return p, err
}

func TestBearerTokenProvesItsGrant(t *testing.T) {
	secret, g, all := one()
	p, err := bearer(t, secret, all, secret.Token(g.ID))
	if err != nil {
		t.Fatal(err)
	}
	if p.Facade() != POS || p.Merchant() != g.Merchant || p.Token() != g.ID.String() || p.Grant() != g.ID || p.SIN() != "" {
		t.Fatalf("principal %+v", p)
	}
	if _, _, limited := p.Only(); limited {
		t.Fatal("a whole token is limited")
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
	good := secret.Token(g.ID)
	bad := map[string]string{
		"nonsense": "not base58 0OIl", "short": good[:10], "long": strings.Repeat("z", 1<<20),
		"another server's": Secret{8}.Token(g.ID), "a facade's name": "merchant", "of no grant": secret.Token(TokenID{}),
		"of another resource":  secret.Resource(g.ID, "pos/invoice", "inv-2"),
		"of another kind":      secret.Resource(g.ID, "pos/bill", "inv-1"),
		"of another facade":    secret.Resource(g.ID, "merchant/invoice", "inv-1"),
		"public of another":    secret.Resource(TokenID{}, "public/invoice", "inv-2"),
		"nobody's merchant's":  secret.Resource(TokenID{}, "merchant/invoice", "inv-1"),
		"public under a grant": secret.Resource(g.ID, "public/invoice", "inv-1"),
	}
	for i := range len(good) {
		swap := byte('1')
		if good[i] == swap {
			swap = '2'
		}
		bad["byte "+string(rune('A'+i))] = good[:i] + string(swap) + good[i+1:]
	}
	for name, token := range bad {
		if _, err := bearer(t, secret, all, token); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unknown := g.ID
	unknown[0]++
	if _, err := bearer(t, secret, all, secret.Token(unknown)); !errors.Is(err, ErrToken) {
		t.Errorf("an unknown grant: %v", err)
	}
}

// What is not decided, not whole or revoked proves nothing, and its token is the one that it will have.
func TestOnlyUsableGrantsProve(t *testing.T) {
	secret, g, all := one()
	token := secret.Token(g.ID)
	later := time.Unix(1_000_000, 0)
	for name, change := range map[string]func(*Grant){
		"revoked":             func(g *Grant) { g.Revoked = time.Unix(1, 0) },
		"waits for approval":  func(g *Grant) { g.Pairing = Pairing{Code: "abcdefg", Client: true, Expires: later} },
		"waits to be claimed": func(g *Grant) { g.Pairing = Pairing{Code: "abcdefg", Expires: later} },
		"nobody's":            func(g *Grant) { g.Merchant = "" },
		"no facade":           func(g *Grant) { g.Facade = 0 },
		"public":              func(g *Grant) { g.Facade = Public },
		"user":                func(g *Grant) { g.Facade = User },
	} {
		other := g
		change(&other)
		all[g.ID] = other
		if _, err := bearer(t, secret, all, token); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := bearer(t, secret, all, secret.Resource(g.ID, other.Facade.String()+"/invoice", "inv-1")); !errors.Is(err, ErrToken) {
			t.Errorf("%s, by a resource token: %v", name, err)
		}
	}
	g.Facade, g.Merchant, g.Label = Merchant, "merchant-2", "renamed"
	all[g.ID] = g
	if p, err := bearer(t, secret, all, token); err != nil || p.Facade() != Merchant || p.Merchant() != "merchant-2" {
		t.Errorf("the token does not follow its grant: %+v %v", p, err)
	}
}

func TestBoundTokensNeedTheirSignature(t *testing.T) {
	secret, g, all := one()
	const sin SIN = "Tf3yr5tYvccKNVrE26BrPs6LWZRh8woHwjR"
	g.SIN = sin
	all[g.ID] = g
	whole, part := secret.Token(g.ID), secret.Resource(g.ID, "pos/invoice", "inv-1")
	user := secret.Resource(TokenID{}, "user/invoice", "inv-1")
	own, other := Identity{sins: []SIN{"TfX", sin}}, Identity{sins: []SIN{"TeyN4LPrXiG5t2yuSamKqP3ynVk3F52iHrX"}}
	for name, c := range map[string]struct {
		call Call
		want error
	}{
		"signed":                   {Call{Token: whole, Identity: &own, Signed: true}, nil},
		"unsigned":                 {Call{Token: whole}, ErrUnsigned},
		"badly signed":             {Call{Token: whole, Signed: true}, ErrSignature},
		"signed by another":        {Call{Token: whole, Identity: &other, Signed: true}, ErrToken},
		"unsigned where a part is": {Call{Token: whole, Unsigned: true}, ErrUnsigned},
		"a part, signed":           {Call{Token: part, Identity: &own, Signed: true}, nil},
		"a part, unsigned":         {Call{Token: part}, ErrUnsigned},
		"a part that may be":       {Call{Token: part, Unsigned: true}, nil},
		"a user's, unsigned":       {Call{Token: user}, ErrUnsigned},
		"a user's, by another":     {Call{Token: user, Identity: &own, Signed: true}, ErrToken},
	} {
		c.call.Resource, c.call.ID = "invoice", "inv-1"
		p, err := Authenticate(t.Context(), secret, all, c.call)
		if !errors.Is(err, c.want) || (err == nil) != (p.Facade() == POS) {
			t.Errorf("%s: %+v %v", name, p, err)
		}
		if _, _, limited := p.Only(); err == nil && limited != (c.call.Token == part) {
			t.Errorf("%s: limited is %v", name, limited)
		}
		if err == nil && (p.SIN() == sin) != (c.call.Identity != nil) {
			t.Errorf("%s: SIN %q", name, p.SIN())
		}
	}
	p, err := Authenticate(t.Context(), secret, all, Call{
		Token: secret.Resource(TokenID{}, "user/client", string(sin)), Identity: &own, Resource: "client", ID: string(sin),
	})
	if kind, id, _ := p.Only(); err != nil || p.Facade() != User || p.SIN() != sin || kind != "client" || id != string(sin) || p.Token() != "" {
		t.Errorf("a client's own token: %+v %v", p, err)
	}
}

func TestWithoutTokenASignatureGivesTheUser(t *testing.T) {
	secret, _, all := one()
	me := Identity{sins: []SIN{"TeyN4LPrXiG5t2yuSamKqP3ynVk3F52iHrX"}}
	p, err := Authenticate(t.Context(), secret, all, Call{Identity: &me, Signed: true})
	if err != nil || p.Facade() != User || p.SIN() != me.SIN() || p.Merchant() != "" || p.Token() != "" {
		t.Errorf("%+v %v", p, err)
	}
	for name, c := range map[string]Call{
		"nothing": {}, "a bad signature": {Signed: true},
		"a public part": {Token: secret.Resource(TokenID{}, "public/invoice", "inv-1"), Resource: "invoice", ID: "inv-1"},
	} {
		if p, err := Authenticate(t.Context(), secret, all, c); err != nil || p != Anybody() {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
}

func TestStoreFailuresAreNoBadTokens(t *testing.T) {
	secret, g, _ := one()
	boom := errors.New("boom")
	_, err := Authenticate(t.Context(), secret, failing{boom}, Call{Token: secret.Token(g.ID)})
	if !errors.Is(err, boom) || errors.Is(err, ErrToken) {
		t.Fatalf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Grant(context.Context, TokenID) (Grant, bool, error) { return Grant{}, false, f.err }

func TestResourceTokensDifferInEachPart(t *testing.T) {
	secret, g, _ := one()
	base := secret.Resource(g.ID, "pos/invoice", "id")
	if base != secret.Resource(g.ID, "pos/invoice", "id") {
		t.Fatal("the same resource has two tokens")
	}
	for _, other := range []string{
		secret.Resource(TokenID{9}, "pos/invoice", "id"), secret.Resource(g.ID, "merchant/invoice", "id"), secret.Resource(g.ID, "pos/invoice", "ie"),
		secret.Resource(g.ID, "pos/invoicei", "d"), Secret{9}.Resource(g.ID, "pos/invoice", "id"), secret.Token(g.ID),
	} {
		if other == base {
			t.Errorf("%s twice", base)
		}
	}
}

func TestStates(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	waiting := Pairing{Code: "abcdefg", Expires: now.Add(PairingTime), Client: true}
	offer := Pairing{Code: "abcdefg", Expires: now.Add(PairingTime)}
	for _, c := range []struct {
		grant Grant
		after time.Duration
		want  GrantState
		word  string
	}{
		{Grant{}, 0, Active, "active"},
		{Grant{Pairing: waiting}, PairingTime - 1, Inactive, "inactive"},
		{Grant{Pairing: waiting}, PairingTime, Expired, "expired"},
		{Grant{Pairing: offer}, PairingTime - 1, Unclaimed, "unclaimed"},
		{Grant{Pairing: offer}, PairingTime, Expired, "expired"},
		{Grant{Pairing: offer, Revoked: now}, 0, Invalidated, "invalidated"},
	} {
		if got := c.grant.State(now.Add(c.after)); got != c.want || got.String() != c.word {
			t.Errorf("%+v after %v: %v, want %v", c.grant, c.after, got, c.want)
		}
	}
	if PairingTime.Milliseconds() != 86_400_000 || GrantState(0).String() != "none" {
		t.Error("a code lives another time, or nothing is a state")
	}
}

func TestWordsOfTheWire(t *testing.T) {
	for text, want := range map[string]Facade{"pos": POS, "merchant": Merchant, "payout": Payout, "payroll": Payout} {
		if f, ok := ParseFacade(text); !ok || f != want {
			t.Errorf("%s: %v %v", text, f, ok)
		}
	}
	for _, text := range []string{"", "public", "user", "POS", "none"} {
		if f, ok := ParseFacade(text); ok {
			t.Errorf("%q is %v", text, f)
		}
	}
	for f, word := range map[Facade]string{Public: "public", User: "user", POS: "pos", 0: "none"} {
		if f.String() != word {
			t.Errorf("%d is %s", f, f)
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

func TestCodesAreSevenOfBase58(t *testing.T) {
	seen := map[string]bool{}
	count := map[rune]int{}
	for range 10_000 {
		code := newCode()
		if len(code) != 7 || strings.Trim(code, alphabet) != "" || seen[code] {
			t.Fatalf("code %q", code)
		}
		seen[code] = true
		for _, c := range code {
			count[c]++
		}
	}
	for _, c := range alphabet { // 1,207 each; six sigma are 207
		if n := count[c]; n < 990 || n > 1430 {
			t.Errorf("%c came %d times of 70,000", c, n)
		}
	}
	if a, b := newID(), newID(); a == b {
		t.Errorf("id %s twice", a)
	}
	if a, b := newSession(), newSession(); a == b {
		t.Errorf("session %s twice", a)
	}
}

func TestLabelsArePrintableAndShort(t *testing.T) {
	for text, want := range map[string]string{
		"  shop 1 ": "shop 1", "a\x00b\nc\u202ed\xff": "abcd", "магазин №1": "магазин №1", "<b>": "<b>", "\t": "",
		strings.Repeat("ß", 100): strings.Repeat("ß", 60), strings.Repeat("a", 59) + " b": strings.Repeat("a", 59),
	} {
		if got := CleanLabel(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
}
