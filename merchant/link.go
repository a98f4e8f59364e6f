package merchant

import (
	"crypto/rand"
	"errors"
	"time"

	"github.com/btcsuite/btcd/btcutil/base58"

	"satchel/fault"
	"satchel/money"
)

// LinkID names a link of the point of sale: 8 random bytes. The id opens nothing; what does is made of it with the
// server's secret.
type LinkID [8]byte

// NewLinkID makes the id of a new link.
func NewLinkID() (id LinkID) {
	for id == (LinkID{}) {
		_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	}
	return id
}

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

// LinkPrice reads what a new link asks for, as somebody typed it. No currency is the merchant's own; no amount lets whoever
// pays say how much. It gives fault.Invalid.
func (s Settings) LinkPrice(amount, currency string) (money.Fiat, error) {
	cur := s.PriceCurrency()
	if currency != "" {
		var ok bool
		if cur, ok = money.Lookup(currency); !ok {
			return money.Fiat{}, fault.Field("currency", "%q is not a currency such as EUR (ISO 4217), or BTC", currency)
		}
	}
	if amount == "" {
		return money.Fiat{Code: cur.Code}, nil
	}
	price, err := money.ParseTyped(amount, cur, ".")
	switch {
	case err != nil:
		return price, fault.Field("amount", "%s", err)
	case price.IsZero():
		return price, fault.Field("amount", "is nothing; without it whoever pays says how much")
	}
	return price, nil
}
