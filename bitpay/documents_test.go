package bitpay

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"satchel/fault"
	"satchel/money"
)

func TestRefusals(t *testing.T) {
	golden(t, "error-field", Refusal(fmt.Errorf("create: %w", fault.Field("price", "%q is \"bad\"", "x").Because(errors.New("secret cause")))))
	golden(t, "error-plain", Refusal(fault.New(fault.Unavailable, "The node is away").After(time.Second).Because(errors.New("secret cause"))))
	golden(t, "error-internal", Refusal(fmt.Errorf("read page 7 of /secret/path: %w", errors.New("disk"))))
	golden(t, "error-internal-kind", Refusal(fault.New(fault.Internal, "secret")))
}

// TestEveryRefusalIsReadable: the shape that all known clients read, and nothing besides.
func TestEveryRefusalIsReadable(t *testing.T) {
	codes := map[string]fault.Kind{}
	for k := fault.Internal; k <= fault.NotOffered+1; k++ {
		var doc map[string]any
		if err := json.Unmarshal(Refusal(fault.New(k, "sentence")), &doc); err != nil {
			t.Fatal(err)
		}
		code, _ := doc["code"].(string)
		data, there := doc["data"]
		text, _ := doc["error"].(string)
		if len(doc) != 5 || doc["status"] != "error" || len(code) != 6 || !there || data != nil || text == "" || doc["message"] != text {
			t.Errorf("kind %d: %v", k, doc)
		}
		if other, ok := codes[code]; ok && k <= fault.NotOffered {
			t.Errorf("kinds %d and %d have one code", k, other)
		}
		codes[code] = k
	}
}

func TestCurrencies(t *testing.T) {
	document := CurrenciesDocument()
	var doc struct{ Data []map[string]any }
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	noNulls(t, "", any(map[string]any{"data": toAny(doc.Data)}))
	if len(doc.Data) != len(money.Currencies()) || doc.Data[0]["code"] != "BTC" {
		t.Fatalf("%d currencies, first %v", len(doc.Data), doc.Data[0]["code"])
	}
	golden(t, "currencies-first", mustJSON(t, doc.Data[:3]))
	for _, c := range doc.Data {
		for _, member := range []string{
			"code", "symbol", "precision", "exchangePctFee", "payoutEnabled", "name", "plural", "alts", "payoutFields",
			"minimum", "sanctioned", "decimals",
		} {
			if _, ok := c[member]; !ok {
				t.Errorf("%v: no %s", c["code"], member)
			}
		}
		if m, ok := c["minimum"].(float64); !ok || m <= 0 {
			t.Errorf("%v: the minimum is %v", c["code"], c["minimum"])
		}
	}
	for name, want := range map[string]string{
		"US Dollar": "US Dollars", "Japanese Yen": "Japanese Yen", "Euro": "Euros", "Bitcoin": "Bitcoins",
	} {
		if got := plural(name); got != want {
			t.Errorf("several %s are %s", name, got)
		}
	}
}

func toAny(list []map[string]any) []any {
	out := make([]any, len(list))
	for i := range list {
		out[i] = list[i]
	}
	return out
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRates(t *testing.T) {
	usd, _ := money.Lookup("USD")
	long := "61234.56789012"
	list := []Rate{{money.BTC(), rateOfUSD("1")}, {usd, rateOfUSD(long)}}
	golden(t, "rates", RatesDocument(list, false))
	golden(t, "rates-bare", RatesDocument(list, true))
	golden(t, "rates-none", RatesDocument(nil, false))
	golden(t, "rate", RateDocument(list[1]))
	if d := string(RateDocument(list[1])); !strings.Contains(d, `"rate":`+long+`}`) {
		t.Errorf("the rate lost digits: %s", d)
	}
	var doc struct{ Data []map[string]any }
	if err := json.Unmarshal(RatesDocument(list, false), &doc); err != nil {
		t.Fatal(err)
	}
	for _, r := range doc.Data {
		if len(r) != 3 {
			t.Errorf("a client fails on any other key: %v", r)
		}
	}
}
