package desk

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"satchel/auth"
	"satchel/invoice"
	"satchel/money"
	"satchel/rate"
)

// A price is charged as it was meant, or refused with how it is written.
func TestPricesAreReadExactly(t *testing.T) {
	o := newOffice(t, func(c *Config) {
		fixed := map[string]money.Rate{}
		for code, text := range map[string]string{"USD": "50000", "JPY": "5000000", "KWD": "15000"} {
			r, err := money.ParseRate(text)
			if err != nil {
				t.Fatal(err)
			}
			fixed[code] = r
		}
		rates, err := rate.New(rate.Config{Fixed: fixed, Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		c.Rates, c.Invoices = rates, invoice.NewService(invoice.Config{
			Store: c.Store.(invoice.Store), Rates: rates, Gate: open{}, Now: c.Now, NewID: invoice.NewID,
		})
	})
	b := o.hires("alice", auth.Owner, shopA)
	made := func() []invoice.Invoice {
		list, err := o.db.ListInvoices(t.Context(), shopA, invoice.Filter{})
		o.must(err)
		return list
	}
	for _, c := range []struct{ typed, code, want, example string }{
		{"1250.50", "USD", "1250.50 USD", ""},
		{"12,50", "USD", "12.50 USD", ""},
		{"1.000,00", "USD", "", "12.50"},
		{"1.000", "USD", "", "12.50"},
		{"1,000", "USD", "", "12.50"},
		{"1,250.50", "USD", "", "12.50"},
		{"1.2,5", "USD", "", "12.50"},
		{"1,2.5", "USD", "", "12.50"},
		{"10.5000", "USD", "", "12.50"},
		{"1500", "JPY", "1500 JPY", ""},
		{"1.500", "JPY", "", "1250"},
		{"1,500", "JPY", "", "1250"},
		{"1500.00", "JPY", "", "1250"},
		{"1.500", "KWD", "1.500 KWD", ""},
		{"1,500", "KWD", "", "12.500"},
		{"0.00250000", "BTC", "0.00250000 BTC", ""},
		{"1,500", "BTC", "", "0.0025"},
		{"0.002500000", "BTC", "", "0.0025"},
	} {
		before := len(made())
		res, page := b.post("new", "kind", "fixed", "price", c.typed, "currency", c.code)
		list := made()
		if c.want != "" {
			if len(list) != before+1 || list[0].Quote.Price.String() != c.want {
				t.Errorf("%s %s: %d %s", c.typed, c.code, res.StatusCode, plain(page))
			}
			continue
		}
		want := fmt.Sprintf("“price” %q is no clear amount; it is written like %s", c.typed, c.example)
		if res.StatusCode != http.StatusUnprocessableEntity || len(list) != before || !strings.Contains(plain(page), want) || !strings.Contains(page, `value="`+c.typed+`"`) {
			t.Errorf("%s %s: %d, %d invoices more: %s", c.typed, c.code, res.StatusCode, len(list)-before, plain(page))
		}
	}
}
