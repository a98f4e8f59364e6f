package bitpay

import (
	"bytes"
	"testing"
	"time"

	"satchel/invoice"
)

func confirmed() invoice.Event {
	inv := sample()
	inv.State = invoice.State{Status: invoice.Confirmed}
	inv.Sums = invoice.Sums{In: 250_000, Receipts: 1, CoveredAt: 100}
	return invoice.Event{
		Code: invoice.ConfirmedEvent, At: inv.Created.Add(510 * time.Second), Reason: invoice.EnoughBlocks, Invoice: inv,
		Flat: true, Extended: true,
	}
}

const payBase = "https://pay.example"

func TestPlainCallback(t *testing.T) {
	document, out := Render(confirmed(), payBase)
	if len(out) != 1 || out[0].Endpoint != "https://shop.example/ipn?k=1&b=2" || !bytes.Equal(out[0].Body, document) {
		t.Fatalf("got %+v", out)
	}
	golden(t, "ipn-plain", document)
	bare := confirmed()
	bare.Invoice.Order = invoice.Order{}
	document, out = Render(bare, payBase)
	if out != nil {
		t.Fatalf("without an endpoint there is nothing to send, and got %+v", out)
	}
	golden(t, "ipn-plain-bare", document)
}

func TestExtendedCallback(t *testing.T) {
	ev := confirmed()
	ev.Invoice.Terms.Extended = true
	document, out := Render(ev, payBase)
	if len(out) != 1 || bytes.Equal(out[0].Body, document) {
		t.Fatalf("got %+v", out)
	}
	golden(t, "ipn-extended", out[0].Body)
	plain, _ := Render(confirmed(), payBase)
	if !bytes.Equal(plain, document) {
		t.Error("what is kept with the event does not depend on the format")
	}
}

// TestOneFormat: BitPay sends one of the two, never both.
func TestOneFormat(t *testing.T) {
	for _, c := range []struct{ wanted, flat, extended, sent bool }{
		{false, true, true, true},
		{false, true, false, true},
		{false, false, true, false},
		{false, false, false, false},
		{true, true, true, true},
		{true, false, true, true},
		{true, true, false, false},
		{true, false, false, false},
	} {
		ev := confirmed()
		ev.Invoice.Terms.Extended, ev.Flat, ev.Extended = c.wanted, c.flat, c.extended
		document, out := Render(ev, payBase)
		if (len(out) == 1) != c.sent || len(out) > 1 {
			t.Errorf("%+v: %d callbacks", c, len(out))
		}
		if c.sent && bytes.HasPrefix(out[0].Body, []byte(`{"event":`)) != c.wanted {
			t.Errorf("%+v: the wrong format", c)
		}
		if !bytes.HasPrefix(document, []byte(`{"id":`)) {
			t.Errorf("%+v: the event keeps %s", c, document)
		}
	}
}

func TestCallbackIsTheSameWheneverItIsMade(t *testing.T) {
	a, _ := Render(confirmed(), payBase)
	b, _ := Render(confirmed(), payBase)
	if !bytes.Equal(a, b) {
		t.Fatal("two renderings differ")
	}
}

func TestCallbacksAreReadable(t *testing.T) {
	for name, f := range cases() {
		document, _ := Render(invoice.Event{Code: invoice.Completed, At: f.Now, Invoice: f.Invoice}, payBase)
		data := judge(t, append(append([]byte(`{"data":`), document...), '}'))
		for _, member := range []string{
			"id", "url", "status", "price", "currency", "invoiceTime", "expirationTime", "currentTime", "exceptionStatus",
			"buyerFields", "paymentSubtotals", "paymentTotals", "exchangeRates", "amountPaid", "btcPrice", "btcPaid", "btcDue",
		} {
			if _, ok := data[member]; !ok {
				t.Errorf("%s: no %s", name, member)
			}
		}
	}
}
