package admin

import (
	"strings"
	"testing"

	"satchel/auth"
	"satchel/fault"
)

func TestTokensAreBoundOrBearer(t *testing.T) {
	d := newDesk(t)
	bound, err := d.createToken(t.Context(), "first", TokenRequest{Facade: "merchant", Label: "till", SIN: string(aSIN)})
	if err != nil || bound.SIN != string(aSIN) || bound.Facade != "merchant" || bound.Label != "till" {
		t.Fatalf("%+v %v", bound, err)
	}
	bearer, err := d.createToken(t.Context(), "first", TokenRequest{Facade: "pos", Bearer: true})
	if err != nil || bearer.SIN != "" {
		t.Fatalf("%+v %v", bearer, err)
	}
	for _, c := range []struct {
		token string
		want  error
	}{{bound.Token, auth.ErrUnsigned}, {bearer.Token, nil}} {
		if _, err := d.auth.Authenticate(t.Context(), auth.Call{Token: c.token}); err != c.want { //nolint:errorlint // a sentinel
			t.Errorf("unsigned: %v, want %v", err, c.want)
		}
	}
	for _, c := range []struct {
		r    TokenRequest
		text string
	}{
		{TokenRequest{Facade: "pos"}, "--bearer"},
		{TokenRequest{Facade: "user", Bearer: true}, "pos or merchant"},
		{TokenRequest{Facade: "pos", Bearer: true, SIN: string(aSIN)}, "cannot be combined"},
		{TokenRequest{Facade: "pos", SIN: "Tf1Jc1xSbqasm5QLwwSQc5umddx2h7mAMhX"}, "checksum"},
		{TokenRequest{Facade: "pos", SIN: "x"}, "35 characters"},
		{TokenRequest{Facade: "pos", Bearer: true, Label: strings.Repeat("ä", 61)}, "60 characters"},
	} {
		_, err := d.createToken(t.Context(), "first", c.r)
		says(t, err, fault.Invalid, c.text)
	}
	if _, err := d.createPairing(t.Context(), "first", PairingRequest{Facade: "pos"}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.revokeToken(t.Context(), "first", ByID{ID: bearer.ID}); err != nil {
		t.Fatal(err)
	}
	list, err := d.listTokens(t.Context(), "first", Of{})
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v %v", list, err)
	}
	for _, g := range list {
		want := map[string]string{bound.ID: "active", bearer.ID: "invalidated"}[g.ID]
		if want == "" {
			want = "unclaimed"
		}
		if g.State != want || (g.SIN != "") != (g.ID == bound.ID) {
			t.Errorf("%+v, want it %s", g, want)
		}
	}
}
