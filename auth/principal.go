package auth

import (
	"context"
	"errors"

	"satchel/merchant"
)

// Principal is a caller whose rights were proved. Only this package makes one that has any.
type Principal struct {
	facade   Facade
	merchant merchant.ID
	token    TokenID
	sin      SIN
	resource string // with id: the one resource that it is limited to; "": any of the merchant's
	id       string
}

// Anybody is a caller without a token.
func Anybody() Principal { return Principal{facade: Public} }

// Facade says what the caller may use.
func (p Principal) Facade() Facade { return p.facade }

// Merchant says whose records the caller may use; "" for anybody and for a signature without a token.
func (p Principal) Merchant() merchant.ID { return p.merchant }

// Grant names the grant that proved it, also where a resource token of it was presented; zero: no grant did.
func (p Principal) Grant() TokenID { return p.token }

// Token gives the grant's id as text; "" where no grant proved it.
func (p Principal) Token() string {
	if p.token.IsZero() {
		return ""
	}
	return p.token.String()
}

// SIN says whose signature was verified; "" where none was needed.
func (p Principal) SIN() SIN { return p.sin }

// Only tells the one resource that the caller is limited to, of a route's kind ("invoice") and id.
func (p Principal) Only() (resource, id string, limited bool) {
	return p.resource, p.id, p.resource != ""
}

// Call is what a caller presents, and for what.
type Call struct {
	Token    string    // "": none
	Identity *Identity // whose signature was verified; nil: nobody's
	Signed   bool      // there was a signature; without Identity it was not good
	Resource string    // what the route addresses, such as "invoice", and its id; "": a collection
	ID       string
	Unsigned bool // a resource token suffices here without the signature that its parent needs
}

// What Authenticate answers to a call that proves nothing, beside ErrSignature.
var (
	// ErrToken is the answer to every token that is not valid, whatever the reason.
	ErrToken = errors.New("invalid token")
	// ErrUnsigned is the answer where the token is good for a signature that is not there.
	ErrUnsigned = errors.New("the token needs a signature")
	// ErrUnknownSIN is the answer to a good signature of somebody who was never paired.
	ErrUnknownSIN = errors.New("unauthorized sin")
)

// Authenticate proves a call. Without a token, a signature gives the facade User and nothing else gives Public. The
// token of a grant with a SIN needs that SIN's signature: ErrUnsigned where there is none, ErrSignature where it is bad,
// ErrToken where it is somebody else's. A bearer token ignores signatures. A resource token is its parent, limited to
// the resource. Whatever is not valid gives ErrToken.
func Authenticate(ctx context.Context, s Secret, grants Grants, c Call) (Principal, error) {
	if c.Token == "" {
		if c.Identity == nil {
			return Anybody(), nil
		}
		return Principal{facade: User, sin: c.Identity.SIN()}, nil
	}
	id, ok := idOf(c.Token)
	if !ok {
		return Principal{}, ErrToken
	}
	if id.IsZero() {
		return s.parentless(c)
	}
	g, ok, err := grants.Grant(ctx, id)
	if err != nil {
		return Principal{}, err
	}
	whole := same(s.Token(id), c.Token)
	part := c.Resource != "" && same(s.Resource(id, g.Facade.String()+"/"+c.Resource, c.ID), c.Token)
	if !ok || !whole && !part || !g.usable() {
		return Principal{}, ErrToken
	}
	p := Principal{facade: g.Facade, merchant: g.Merchant, token: g.ID}
	if part {
		p.resource, p.id = c.Resource, c.ID
	}
	if g.SIN == "" || part && c.Unsigned {
		return p, nil
	}
	return p.signed(c, g.SIN)
}

// parentless proves the resource tokens that no grant stands behind.
func (s Secret) parentless(c Call) (Principal, error) {
	switch {
	case c.Resource == "":
		return Principal{}, ErrToken
	case same(s.Resource(TokenID{}, "public/"+c.Resource, c.ID), c.Token):
		return Anybody(), nil
	case same(s.Resource(TokenID{}, "user/"+c.Resource, c.ID), c.Token):
		return Principal{facade: User, resource: c.Resource, id: c.ID}.signed(c, SIN(c.ID))
	}
	return Principal{}, ErrToken
}

// signed gives the principal, if the call carries the SIN's own signature.
func (p Principal) signed(c Call, s SIN) (Principal, error) {
	switch {
	case c.Identity != nil && c.Identity.Has(s):
		p.sin = s
		return p, nil
	case c.Identity != nil:
		return Principal{}, ErrToken
	case c.Signed:
		return Principal{}, ErrSignature
	}
	return Principal{}, ErrUnsigned
}
