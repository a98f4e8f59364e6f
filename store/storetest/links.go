package storetest

import (
	"testing"
	"time"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

// A caller without a name is counted apart from whose link he uses.
func originCaps(t *testing.T, k *kit) {
	c := invoice.Creation{Creator: "link:1", MaxOpen: 3, Origin: "from:1", MaxFrom: 2}
	first, err := k.create(c)
	k.must(err)
	_, err = k.create(c)
	k.must(err)
	_, err = k.create(c)
	k.kind(err, fault.TooMany)
	other := c
	other.Creator = "link:2"
	_, err = k.create(other)
	k.kind(err, fault.TooMany)
	other.Origin, other.Creator = "from:2", c.Creator
	_, err = k.create(other)
	k.must(err)
	other.Origin = "from:3"
	_, err = k.create(other) // the link's own cap
	k.kind(err, fault.TooMany)
	k.pay(first, 1, 1_000_000, invoice.Place{Where: invoice.InMempool})
	if _, err := k.create(c); err != nil {
		t.Fatalf("a paid invoice still counts: %v", err)
	}
}

func links(t *testing.T, k *kit) {
	at := func(minutes int) time.Time { return Noon().Add(time.Duration(minutes) * time.Minute) }
	eur := merchant.Link{ID: merchant.LinkID{9}, Merchant: Shop, Label: "Till 1", Price: money.Fiat{Code: "EUR"}, Created: at(0)}
	usd := merchant.Link{ID: merchant.LinkID{1}, Merchant: Shop, Price: money.Fiat{Minor: 500, Code: "USD"}, Created: at(1)}
	foreign := merchant.Link{ID: merchant.LinkID{5}, Merchant: Other, Price: money.Fiat{Code: "BTC"}, Created: at(2)}
	for _, l := range []merchant.Link{usd, eur, foreign} {
		k.must(k.s.AddLink(k.ctx, l))
	}
	if err := k.s.AddLink(k.ctx, eur); err == nil {
		t.Error("one id, two links")
	}
	for _, l := range []merchant.Link{{Merchant: Shop, Price: eur.Price}, {ID: merchant.LinkID{2}, Merchant: Shop}} {
		if err := k.s.AddLink(k.ctx, l); err == nil {
			t.Errorf("%+v was kept", l)
		}
	}
	k.kind(k.s.AddLink(k.ctx, merchant.Link{ID: merchant.LinkID{3}, Merchant: "nobody", Price: eur.Price}), fault.NotFound)
	list, err := k.s.LinksOf(k.ctx, Shop)
	k.must(err)
	if d := diff([]merchant.Link{eur, usd}, list); d != "" {
		t.Error(d)
	}
	k.kind(k.s.RevokeLink(k.ctx, Shop, foreign.ID, at(3)), fault.NotFound)
	k.kind(k.s.RevokeLink(k.ctx, Shop, merchant.LinkID{8}, at(3)), fault.NotFound)
	k.must(k.s.RevokeLink(k.ctx, Shop, eur.ID, at(3)))
	k.must(k.s.RevokeLink(k.ctx, Shop, eur.ID, at(4)))
	eur.Revoked = at(3)
	for _, want := range []merchant.Link{eur, usd, foreign} {
		got, ok, err := k.s.Link(k.ctx, want.ID)
		if err != nil || !ok {
			t.Fatalf("%v %v", ok, err)
		}
		if d := diff(want, got); d != "" {
			t.Error(d)
		}
	}
	if _, ok, err := k.s.Link(k.ctx, merchant.LinkID{8}); ok || err != nil {
		t.Errorf("a link that is not there: %v %v", ok, err)
	}
}
