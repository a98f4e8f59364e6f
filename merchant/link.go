package merchant

import (
	"errors"
	"time"

	"github.com/btcsuite/btcd/btcutil/base58"

	"satchel/money"
)

// LinkID names a link of the point of sale: 8 random bytes. The id opens nothing; what does is made of it with the
// server's secret.
type LinkID [8]byte

// String gives it in base58, for people.
func (id LinkID) String() string { return base58.Encode(id[:]) }

// ParseLinkID reads what String gives.
func ParseLinkID(text string) (LinkID, error) {
	b := base58.Decode(text)
	if len(text) > 16 || len(b) != len(LinkID{}) {
		return LinkID{}, errors.New("not a link's id")
	}
	return LinkID(b), nil
}

// Link is a page on which anybody who has its address makes an invoice of one merchant.
type Link struct {
	ID       LinkID
	Merchant ID
	Label    string     // payers see it
	Price    money.Fiat // the currency, and the amount; zero: whoever pays says how much
	Created  time.Time
	Revoked  time.Time // zero: it works
}

// Free tells that the payer says how much.
func (l Link) Free() bool { return l.Price.IsZero() }
