package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/btcsuite/btcd/btcutil/base58"

	"satchel/merchant"
)

// TokenID names a grant: 8 random bytes. The zero TokenID is no grant; it is the parent of public resource tokens.
type TokenID [8]byte

// String gives it in base58, for people.
func (t TokenID) String() string { return base58.Encode(t[:]) }

// IsZero tells that it names no grant.
func (t TokenID) IsZero() bool { return t == TokenID{} }

// ParseTokenID reads what String gives.
func ParseTokenID(text string) (TokenID, error) {
	b := base58.Decode(text)
	if len(text) > 16 || len(b) != len(TokenID{}) {
		return TokenID{}, errors.New("not a token id")
	}
	return TokenID(b), nil
}

// Grant is what a token stands for.
type Grant struct {
	ID       TokenID
	Merchant merchant.ID // "" while nobody approved it
	Facade   Facade      // 0 while the approver is to pick
	Label    string
	SIN      SIN // whose signature it needs; "": none, a bearer token, or nobody claimed it yet
	Created  time.Time
	Revoked  time.Time // zero: it is valid
	Pairing  Pairing   // zero: none is open
}

// Pairing is an open pairing of a grant. Until it is decided the grant's token allows nothing.
type Pairing struct {
	Code    string    // 7 characters of base58
	Expires time.Time // exclusive
	Client  bool      // the client asked and waits for approval; else a merchant offers, and it waits to be claimed
}

// GrantState is how far a grant has come.
type GrantState uint8

// The states of a grant (BitPay API, "Policies").
const (
	Active      GrantState = iota + 1 // its token may be used
	Inactive                          // waits for approval
	Unclaimed                         // waits for a client that presents its code
	Expired                           // its pairing was not decided in time
	Invalidated                       // revoked
)

// String gives a word for people.
func (s GrantState) String() string {
	switch s {
	case Active:
		return "active"
	case Inactive:
		return "inactive"
	case Unclaimed:
		return "unclaimed"
	case Expired:
		return "expired"
	case Invalidated:
		return "invalidated"
	}
	return "none"
}

// State tells how far the grant has come at a time.
func (g Grant) State(now time.Time) GrantState {
	switch {
	case !g.Revoked.IsZero():
		return Invalidated
	case g.Pairing.Code == "":
		return Active
	case !now.Before(g.Pairing.Expires):
		return Expired
	case g.Pairing.Client:
		return Inactive
	}
	return Unclaimed
}

// usable tells whether the grant's token may be used: nothing about it is open, and it was not revoked.
func (g Grant) usable() bool {
	return g.Revoked.IsZero() && g.Pairing.Code == "" && g.Merchant != "" && g.Facade.grantable()
}

// older orders grants by age; the id settles a tie.
func older(a, b Grant) int {
	if c := a.Created.Compare(b.Created); c != 0 {
		return c
	}
	return slices.Compare(a.ID[:], b.ID[:])
}

// Grants finds grants, also those that are not usable.
type Grants interface {
	Grant(ctx context.Context, id TokenID) (Grant, bool, error)
}
