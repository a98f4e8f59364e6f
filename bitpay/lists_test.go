package bitpay

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/invoice"
)

func TestDecodeFilter(t *testing.T) {
	for raw, want := range map[string]invoice.Filter{
		"":                                        {Limit: 100},
		"token=x&nonce=1&sessionId=s":             {Limit: 100},
		"limit=&offset=&status=&dateStart=":       {Limit: 100},
		"limit=1&offset=7":                        {Limit: 1, Offset: 7},
		"limit=1001":                              {Limit: 1000},
		"limit=18446744073709551616":              {Limit: 1000},
		"offset=18446744073709551616":             {Limit: 100, Offset: maxOffset},
		"status=Complete":                         {Limit: 100, Status: invoice.Complete},
		"orderID=a&orderId=a":                     {Limit: 100, OrderID: "a"},
		"itemCode=s&item_code=s":                  {Limit: 100, ItemCode: "s"},
		"dateStart=2026-05-01":                    {Limit: 100, From: at("2026-05-01T00:00:00Z")},
		"dateEnd=2026-05-01":                      {Limit: 100, To: at("2026-05-02T00:00:00Z")},
		"dateEnd=05/01/2026":                      {Limit: 100, To: at("2026-05-02T00:00:00Z")},
		"date_end=2026-05-01T10:00:00Z":           {Limit: 100, To: at("2026-05-01T10:00:01Z")},
		"endDate=2026-05-01T10:00:00.500Z":        {Limit: 100, To: at("2026-05-01T10:00:00.501Z")},
		"dateEnd=1546300800000":                   {Limit: 100, To: at("2019-01-01T00:00:00.001Z")},
		"dateEnd=1546300800":                      {Limit: 100, To: at("2019-01-01T00:00:01Z")},
		"dateEnd=9999-12-31":                      {Limit: 100}, // the store's times end before
		"startDate=2026-05-01&dateEnd=2200-01-01": {Limit: 100, From: at("2026-05-01T00:00:00Z")},
	} {
		got, err := DecodeFilter(ParseQuery(raw))
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%q: %v\n%s", raw, err, d)
		}
	}
	for raw, field := range map[string]string{
		"limit=x": "limit", "limit=-1": "limit", "limit=%2B1": "limit", "limit=0x10": "limit", "limit=1_000": "limit", "offset= 1": "offset",
		"status=open": "status", "dateStart=x": "dateStart", "date_start=x": "dateStart", "dateEnd=x": "dateEnd", "endDate=x": "dateEnd",
		"orderId=a&orderID=b": "orderId", "orderId=a&orderId=b": "orderId", "itemCode=%zz": "itemCode",
		"dateStart=2026-05-02&dateEnd=2026-05-01": "dateEnd", "limit=x&status=open": "limit",
	} {
		_, err := DecodeFilter(ParseQuery(raw))
		if f := faultOf(t, err); f.Field != field {
			t.Errorf("%q: the error names %q", raw, f.Field)
		}
	}
}

// TestDayBelongsToTheRange: each moment of an end day is before the filter's end, and the next day is not.
func TestDayBelongsToTheRange(t *testing.T) {
	f, err := DecodeFilter(ParseQuery("dateEnd=2028-02-29"))
	if err != nil {
		t.Fatal(err)
	}
	last := at("2028-02-29T23:59:59.999999999Z")
	if !last.Before(f.To) || last.Add(time.Nanosecond).Before(f.To) {
		t.Errorf("the range ends at %s", f.To)
	}
}

func TestInvoiceList(t *testing.T) {
	golden(t, "invoice-list", InvoiceList([]Facts{facts(bare()), cases()["complete-over"]}, Merchant))
	golden(t, "invoice-list-none", InvoiceList(nil, Merchant))
	one, list := InvoiceDocument(facts(sample()), POS), InvoiceList([]Facts{facts(sample())}, POS)
	var a struct{ Data json.RawMessage }
	var b struct{ Data []json.RawMessage }
	if err := json.Unmarshal(one, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(list, &b); err != nil || len(b.Data) != 1 || string(b.Data[0]) != string(a.Data) {
		t.Errorf("a list shows\n%s\nand alone it is\n%s", list, one)
	}
}

func TestQueryLists(t *testing.T) {
	for raw, want := range map[string][]string{
		"":                                      nil,
		"events=a":                              {"a"},
		"events=a,b":                            {"a", "b"},
		"events[]=a&events[]=b":                 {"a", "b"},
		"events%5B0%5D=a&x=1&events%5B1%5D=b":   {"a", "b"},
		"events=&events=+a+,,":                  {"a"},
		"events=%zz&events=b&eventsx=c&event=d": {"b"},
		"Events=a":                              nil,
	} {
		if got := ParseQuery(raw).List("events"); !cmp.Equal(got, want) {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
	many := ""
	for range 100 {
		many += "events=a&"
	}
	if n := len(ParseQuery(many).List("events")); n != maxListed {
		t.Errorf("%d values", n)
	}
}
