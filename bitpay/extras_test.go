package bitpay

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/fault"
	"satchel/invoice"
	"satchel/money"
)

// What a later client says of an invoice is read, whatever its spelling, and told again in the types that it expects.
func TestExtrasComeBack(t *testing.T) {
	body, err := ParseBody([]byte(`{"price":"12.30","currency":"USD","jsonPayProRequired":"true","bitpayIdRequired":1,
		"forcedBuyerSelectedWallet":"any","forcedBuyerSelectedTransactionCurrency":"BTC",
		"itemizedDetails":[{"amount":"10.50","description":"book","isFee":false},{"amount":1.8,"isFee":"true"},{}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req, err := DecodeInvoice(body, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := []invoice.Item{
		{Amount: money.Fiat{Minor: 1050, Code: "USD"}, Description: "book"},
		{Amount: money.Fiat{Minor: 180, Code: "USD"}, Fee: true},
		{Amount: money.Fiat{Code: "USD"}},
	}
	if diff := cmp.Diff(want, req.Order.Items); diff != "" {
		t.Error(diff)
	}
	e := newEncoder(0)
	e.open()
	e.extras(req.Order)
	e.close()
	const told = `{"jsonPayProRequired":true,"bitpayIdRequired":true,"forcedBuyerSelectedWallet":"any",` +
		`"forcedBuyerSelectedTransactionCurrency":"BTC","itemizedDetails":[{"amount":10.5,"description":"book","isFee":false},` +
		`{"amount":1.8,"description":"","isFee":true},{"amount":0,"description":"","isFee":false}]}`
	if string(e.b) != told {
		t.Errorf("got %s", e.b)
	}
}

func TestExtrasAreRefusedByName(t *testing.T) {
	for text, field := range map[string]string{
		`"itemizedDetails":{}`:                                           "itemizedDetails",
		`"itemizedDetails":[3]`:                                          "itemizedDetails[0]",
		`"itemizedDetails":[{},{"amount":"1.234"}]`:                      "itemizedDetails[1].amount",
		`"itemizedDetails":[{"amount":"-1"}]`:                            "itemizedDetails[0].amount",
		`"itemizedDetails":[{"isFee":"perhaps"}]`:                        "itemizedDetails[0].isFee",
		`"itemizedDetails":[{}` + strings.Repeat(",{}", maxItems) + `]`:  "itemizedDetails",
		`"jsonPayProRequired":"sure"`:                                    "jsonPayProRequired",
		`"forcedBuyerSelectedWallet":"` + strings.Repeat("x", 400) + `"`: "forcedBuyerSelectedWallet",
	} {
		body, err := ParseBody([]byte(`{"price":1,"currency":"USD",` + text + `}`))
		if err != nil {
			t.Fatal(err)
		}
		_, err = DecodeInvoice(body, time.Unix(0, 0))
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Field != field {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}
