package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"satchel/bitpay"
	"satchel/fault"
	"satchel/invoice"
)

// TestOpenAPICatches: an answer that is not as the document says is caught, whatever is wrong with it.
func TestOpenAPICatches(t *testing.T) {
	w := start(t, nil)
	doc := document(t)
	var req *http.Request
	call := func(method, path, body string, headers ...string) exchange {
		t.Helper()
		r := w.send(method, path, body, headers...)
		var err error
		if req, err = http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		return exchange{req, []byte(body), true, r}
	}
	made := call(http.MethodPost, "/invoices", `{"price":1,"currency":"USD"}`, "Authorization", "Bearer "+w.pos)
	lost := call(http.MethodGet, "/invoices/none", "")
	busy := lost
	busy.status, busy.header = http.StatusTooManyRequests, lost.header.Clone()
	busy.header.Set("Retry-After", "10")
	for _, x := range []exchange{made, lost, busy} {
		if err := hold(doc, w.api, x, nil); err != nil {
			t.Fatalf("the control: %v", err)
		}
	}
	replaced := func(x exchange, was, is string) exchange {
		t.Helper()
		if !strings.Contains(x.reply.body, was) {
			t.Fatalf("%s is not in %s", was, x.reply.body)
		}
		x.reply.body = strings.Replace(x.reply.body, was, is, 1)
		return x
	}
	for name, x := range map[string]exchange{
		"a member is missing":            replaced(made, `"btcDue":"0.00250000",`, ``),
		"a member is new":                replaced(made, `"btcDue"`, `"extra":1,"btcDue"`),
		"a member within is new":         replaced(made, `"enabled":true`, `"enabled":true,"extra":1`),
		"a number is a text":             replaced(made, `"amountPaid":0`, `"amountPaid":"0"`),
		"a text is a number":             replaced(made, `"btcPaid":"0.00000000"`, `"btcPaid":0`),
		"a fraction of a satoshi":        replaced(made, `"amountPaid":0`, `"amountPaid":0.5`),
		"false is a text":                replaced(made, `"exceptionStatus":false`, `"exceptionStatus":"false"`),
		"a null":                         replaced(made, `"currency":"USD"`, `"currency":null`),
		"an object is a list":            replaced(made, `"buyer":{}`, `"buyer":[]`),
		"a list is an object":            replaced(made, `"transactions":[]`, `"transactions":{}`),
		"an unknown state":               replaced(made, `"status":"new"`, `"status":"open"`),
		"another view":                   replaced(made, `pos/invoice`, `merchant/invoice`),
		"a view that may not see it":     replaced(made, `pos/invoice`, `public/invoice`),
		"a merchant's member for a till": replaced(made, `"physical":false`, `"physical":false,"notificationURL":"https://shop.example/"`),
		"an error with a member more":    replaced(lost, `"data":null`, `"data":null,"more":1`),
		"an error without its code":      replaced(lost, `"code":"000001",`, ``),
		"an error that is no text":       replaced(lost, `"error":"Object not found"`, `"error":{"type":"x"}`),
		"no JSON":                        replaced(lost, `{`, ``),
		"another status":                 {lost.req, nil, true, reply{http.StatusTeapot, lost.header, lost.reply.body}},
		"another type":                   {lost.req, nil, true, reply{lost.status, http.Header{"Content-Type": {"text/plain"}, "X-Request-Id": {"x"}}, lost.reply.body}},
		"no request id":                  {lost.req, nil, true, reply{lost.status, http.Header{"Content-Type": {"application/json"}}, lost.reply.body}},
		"busy, for how long":             {lost.req, nil, true, reply{http.StatusTooManyRequests, lost.header, lost.reply.body}},
		"a request without a price":      {made.req, []byte(`{"currency":"USD"}`), true, made.reply},
		"a request with a list":          {made.req, []byte(`{"price":[1],"currency":"USD"}`), true, made.reply},
		"a request that proves nothing":  {lost.req, nil, true, reply{http.StatusOK, made.header, made.reply.body}},
	} {
		if name == "a request that proves nothing" {
			x.req = made.req.Clone(t.Context())
			x.req.Header.Del("Authorization")
			x.body = made.body
		}
		if err := hold(doc, w.api, x, nil); err == nil {
			t.Errorf("%s, and nobody notices", name)
		}
	}
}

// TestOpenAPIWords: where the document lists words and numbers, they are the program's.
func TestOpenAPIWords(t *testing.T) {
	doc := document(t)
	var codes, names, states []any
	for c := invoice.Code(1000); c < 10_000; c++ {
		if name := c.Name(); name != "invoice_unknown" {
			codes, names = append(codes, float64(c)), append(names, name)
		}
	}
	for _, s := range invoice.Statuses() {
		states = append(states, s.String())
	}
	event := doc.Components.Schemas["Event"].Value
	for what, c := range map[string][2][]any{
		"codes":  {codes, event.Properties["code"].Value.Enum},
		"names":  {names, event.Properties["name"].Value.Enum},
		"states": {states, doc.Components.Schemas["Status"].Value.Enum},
	} {
		if text := fmt.Sprint; len(c[0]) == 0 || text(sorted(c[0])) != text(sorted(c[1])) {
			t.Errorf("the %s are %v, and the document has %v", what, c[0], c[1])
		}
	}
	numbers := doc.Components.Schemas["Error"].Value.Properties["code"].Value.Description
	for k := fault.Internal; k <= fault.NotOffered; k++ {
		if !strings.Contains(numbers, bitpay.Code(k)) {
			t.Errorf("the error %s is not told", bitpay.Code(k))
		}
	}
}

func sorted(list []any) []string {
	texts := make([]string, len(list))
	for i, v := range list {
		b, _ := json.Marshal(v)
		texts[i] = string(b)
	}
	slices.Sort(texts)
	return texts
}
