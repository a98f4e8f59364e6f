package merchant

import (
	"testing"

	"satchel/money"
)

func TestLinkIDsAreRead(t *testing.T) {
	id := LinkID{0, 1, 2, 255, 4, 5, 6, 7}
	got, err := ParseLinkID(id.String())
	if err != nil || got != id {
		t.Fatalf("%v %v", got, err)
	}
	for _, text := range []string{"", "1", id.String() + "111", "0OIl", "111111111111111111111", id.String()[1:]} {
		if got, err := ParseLinkID(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestTheCurrencyOfPrices(t *testing.T) {
	for text, want := range map[string]string{"": "USD", "eur": "EUR", "JPY": "JPY", "BTC": "BTC", "XXX": "USD"} {
		if got := (Settings{Currency: text}).PriceCurrency().Code; got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestALinkWithoutAnAmountIsFree(t *testing.T) {
	if !(Link{Price: money.Fiat{Code: "EUR"}}).Free() || (Link{Price: money.Fiat{Minor: 1, Code: "EUR"}}).Free() {
		t.Error("free means that there is no amount")
	}
}
