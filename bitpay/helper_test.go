package bitpay

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden holds a document against its file, byte for byte but for the indentation that makes the file readable.
func golden(t *testing.T, name string, document []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".json")
	if *update {
		var b bytes.Buffer
		if err := json.Indent(&b, document, "", "  "); err != nil {
			t.Fatalf("%s is not JSON: %v\n%s", name, err, document)
		}
		b.WriteByte('\n')
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, file); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.String(), string(document)); d != "" {
		t.Errorf("%s differs (-file +document):\n%s", path, d)
	}
}

// faultOf takes an error apart; it fails the test when it is not a client's mistake.
func faultOf(t *testing.T, err error) *fault.Error {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Invalid {
		t.Fatalf("got %v, which is not fault.Invalid", err)
	}
	return f
}

func parse(t *testing.T, body string) Body {
	t.Helper()
	b, err := ParseBody([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return b
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func rateOfUSD(s string) money.Rate {
	r, err := money.ParseRate(s)
	if err != nil {
		panic(err)
	}
	return r
}

// sample is an invoice of 10 USD at 4,000, with everything said that can be said.
func sample() invoice.Invoice {
	made := at("2019-01-01T00:00:00Z")
	return invoice.Invoice{
		Ref: invoice.Ref{Merchant: "shop", Seq: 7},
		ID:  "Hq7mZk3VtWc9sXyB2nLdRe",
		Order: invoice.Order{
			GUID: "5c9cbf6c-7a7d", OrderID: "A-1001", ItemDesc: "Zwölf \"Brötchen\"\n</script>", ItemCode: "SKU 1",
			PosData: `{"ref":7}`, NotificationURL: "https://shop.example/ipn?k=1&b=2", NotificationEmail: "shop@shop.example",
			RedirectURL: "https://shop.example/thanks", CloseURL: "https://shop.example/close", AutoRedirect: true, Physical: true,
			Buyer: invoice.Buyer{
				Name: "Zoë Doe", Email: "zoe@mail.example", Phone: "+49 1", Address1: "Street 1", Address2: "2nd floor",
				City: "Town", State: "ST", Zip: "01234", Country: "DE", Notify: true, Provided: "given@mail.example",
			},
			Creator: "token",
		},
		Terms: invoice.Terms{Speed: merchant.Medium, FullNotifications: true},
		Quote: money.Quote{Price: money.Fiat{Minor: 1000, Code: "USD"}, Rate: rateOfUSD("4000"), Due: 250_000},
		Address: invoice.Address{
			Text: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", Script: []byte{0, 20}, Key: "f00dbabe", Index: 3,
		},
		Created: made, Expires: made.Add(15 * time.Minute),
		State: invoice.State{Status: invoice.New},
	}
}

// bare is an invoice of which nothing was said.
func bare() invoice.Invoice {
	inv := sample()
	inv.Order = invoice.Order{}
	return inv
}

func facts(inv invoice.Invoice, receipts ...invoice.Receipt) Facts {
	return Facts{
		Invoice: inv, Receipts: receipts, Tip: 105, Now: inv.Created.Add(31 * time.Millisecond),
		Base: "https://pay.example", Token: "6uVwTokenOfTheInvoice", Merchant: "My \"shop\"",
	}
}

func receipt(n byte, sats money.Sats) invoice.Receipt {
	return invoice.Receipt{
		Outpoint: invoice.Outpoint{TxID: invoice.TxID{n, 1, 2}}, Sats: sats,
		FirstSeen: at("2019-01-01T00:01:02.5Z"), Place: invoice.Place{Where: invoice.InMempool}, Disposition: invoice.Credited,
	}
}

func mined(r invoice.Receipt, height int32) invoice.Receipt {
	r.Place = invoice.Place{Where: invoice.InBlock, Height: height, BlockTime: at("2019-01-01T00:09:00Z")}
	return r
}
