package web

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestPaymentRequests(t *testing.T) {
	for want, r := range map[string]request{
		"bitcoin:bc1q":             {Address: "bc1q"},
		"bitcoin:bc1q?amount=0.01": {Address: "bc1q", Due: 1_000_000},
		"bitcoin:bc1q?amount=0.01&label=Tea%20%26%20more&message=200%20g": {Address: "bc1q", Due: 1_000_000, Label: "Tea & more", Message: "200 g"},
		"bitcoin:bc1q?message=x": {Address: "bc1q", Message: "x"},
	} {
		if got := paymentURI(r); got != want {
			t.Errorf("%+v: %s, want %s", r, got, want)
		}
	}
}

// Whatever a shop wrote: the request reads back, is short enough to scan, and cuts no character in two.
func TestPaymentRequestsStayShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		label, message := rapid.String().Draw(t, "label"), rapid.String().Draw(t, "message")
		uri := paymentURI(request{Address: address, Due: 17_148, Label: label, Message: message})
		u, err := url.Parse(uri)
		if err != nil || u.Opaque != address || len(uri) > 250 {
			t.Fatalf("%s: %v", uri, err)
		}
		q, err := url.ParseQuery(u.RawQuery)
		if err != nil || q.Get("amount") != "0.00017148" || len(q) > 3 {
			t.Fatalf("%s: %v %v", uri, q, err)
		}
		for _, part := range []string{q.Get("label"), q.Get("message")} {
			if !utf8.ValidString(part) || utf8.RuneCountInString(part) > maxLabel+1 {
				t.Fatalf("%q", part)
			}
		}
		if _, err := encode(uri); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCodesAreDrawnOnce(t *testing.T) {
	var c codes
	a, err := c.get("bitcoin:a")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 * generation {
		if _, err := c.get("bitcoin:" + strings.Repeat("b", len(c.young)%100)); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.young) > generation || len(c.old) > generation {
		t.Errorf("%d and %d are remembered", len(c.young), len(c.old))
	}
	if b, err := c.get("bitcoin:a"); err != nil || a != b {
		t.Error("another code for the same text")
	}
	if _, err := c.get(strings.Repeat("x", 5000)); err == nil {
		t.Error("a text that fits no code has one")
	}
}
