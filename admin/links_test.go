package admin

import (
	"strings"
	"testing"
	"time"

	"satchel/fault"
	"satchel/merchant"
)

func TestLinksAreMadeListedAndRevoked(t *testing.T) {
	d := newDesk(t)
	if err := d.db.PutMerchant(t.Context(), merchant.Merchant{
		ID: "second", Name: "Books", Settings: merchant.Settings{Currency: "EUR"}, Secrets: merchant.Secrets{Webhook: "whsec_y"},
	}); err != nil {
		t.Fatal(err)
	}
	made := map[string]PayLink{}
	for _, c := range []struct {
		m    merchant.ID
		r    LinkRequest
		want PayLink
	}{
		{"first", LinkRequest{}, PayLink{Currency: "USD"}},
		{"second", LinkRequest{Label: " Coffee "}, PayLink{Currency: "EUR", Label: "Coffee"}},
		{"first", LinkRequest{Currency: "jpy", Amount: "500"}, PayLink{Currency: "JPY", Amount: "500"}},
		{"first", LinkRequest{Currency: "BTC", Amount: "0.001"}, PayLink{Currency: "BTC", Amount: "0.00100000"}},
	} {
		l, err := d.createLink(t.Context(), c.m, c.r)
		if err != nil || l.Currency != c.want.Currency || l.Amount != c.want.Amount || l.Label != c.want.Label {
			t.Fatalf("%+v: %+v %v", c.r, l, err)
		}
		key, ok := strings.CutPrefix(l.URL, "https://pay.example/shop/pos/")
		if id, opens := d.cfg.Secret.ReadPayLink(key); !ok || !opens || id.String() != l.ID {
			t.Errorf("%s does not open %s", l.URL, l.ID)
		}
		made[c.want.Currency] = l
		d.clock.now = d.clock.now.Add(time.Minute)
	}
	if _, err := d.revokeLink(t.Context(), "second", ByID{ID: made["USD"].ID}); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	for _, text := range []string{made["USD"].ID, made["JPY"].URL} {
		if _, err := d.revokeLink(t.Context(), "first", ByID{ID: text}); err != nil {
			t.Error(err)
		}
	}
	list, err := d.listLinks(t.Context(), "first", Of{})
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v %v", list, err)
	}
	for i, code := range []string{"USD", "JPY", "BTC"} {
		if l := list[i]; l.Currency != code || l.URL != made[code].URL || (l.Revoked != nil) != (code != "BTC") {
			t.Errorf("%+v", l)
		}
	}
}

func TestLinksThatAreRefused(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		r    LinkRequest
		text string
	}{
		{LinkRequest{Currency: "XXX"}, "currency"},
		{LinkRequest{Amount: "0.00"}, "nothing"},
		{LinkRequest{Amount: "1.001"}, "amount"},
		{LinkRequest{Amount: "-1"}, "amount"},
		{LinkRequest{Label: strings.Repeat("ä", 61)}, "60 characters"},
	} {
		_, err := d.createLink(t.Context(), "first", c.r)
		says(t, err, fault.Invalid, c.text)
	}
	for _, text := range []string{"", "x", "https://pay.example/pos/", "11111111111111111111"} {
		_, err := d.revokeLink(t.Context(), "first", ByID{ID: text})
		says(t, err, fault.Invalid, "satchel pos link list")
	}
	if list, err := d.listLinks(t.Context(), "first", Of{}); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
}
