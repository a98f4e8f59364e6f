package bitpay

import (
	"errors"
	"testing"
	"time"
	"unicode/utf8"

	"satchel/fault"
)

// FuzzDecode: whatever a body or a query says, each request is read within its bounds or refused with a sentence, and
// never both.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"token":"t","price":"10.50","currency":"USD","orderId":"o","posData":"{\"a\":1}","notificationURL":"https://shop.example/ipn","buyer":{"email":"a@shop.example"}}`,
		`{"price":1e-8,"currency":"BTC","transactionSpeed":"high","acceptanceWindow":900000}`, `{"price":-0,"currency":"JPY"}`,
		`{"price":99999999999999999999,"currency":"EUR"}`, `{"price":10,"currency":"USD","expirationTime":1e308}`,
		`{"price":10,"currency":"USD","buyer":{"notify":"yes","address1":null},"itemizedDetails":[{"amount":1}]}`,
		`{"id":"TfG4ScDgysrSpodWD4Re5UtXmcLbY5CiUHA","facade":"merchant","pairingCode":"abcdefg","count":1,"label":"\u202e"}`,
		`{"buyerEmail":"a@shop.example","buyerSms":"+4912345","autoVerify":true}`, `{"status":"complete","type":"acceptLate"}`, `{}`,
		"&price=10.50&currency=USD&orderID=7&itemDesc=Br%C3%B6t+chen&buyer[name]=%00",
	} {
		f.Add([]byte(seed), "status=new&dateStart=2026-05-01&limit=5")
	}
	f.Add([]byte(`{}`), "after=18446744073709551616&wait=-1s")
	f.Add([]byte(`{}`), "dateStart=0001-01-01&dateEnd=9999-12-31T23:59:59.999999999Z&offset=-1&%zz")
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, src []byte, raw string) {
		q := ParseQuery(raw)
		if filter, err := DecodeFilter(q); err == nil && (filter.Limit < 1 || filter.Limit > maxLimit || filter.Offset < 0) {
			t.Fatalf("%q became %+v", raw, filter)
		} else if err != nil {
			sentence(t, err)
		}
		if l, err := DecodeLogQuery(q); err == nil && (l.Limit < 1 || l.Limit > maxLimit || l.Wait < 0 || l.Wait > MaxWait) {
			t.Fatalf("%q became %+v", raw, l)
		}
		if form, err := ParseForm(src); err != nil {
			sentence(t, err)
		} else if req, err := DecodeInvoice(form, noon); err != nil {
			sentence(t, err)
		} else if req.Price.Minor < 0 {
			t.Fatalf("%q became %+v", src, req)
		}
		b, err := ParseBody(src)
		if err != nil {
			return
		}
		req, err := DecodeInvoice(b, noon)
		switch {
		case err != nil:
			sentence(t, err)
		case req.Price.Minor < 0 || req.Window < 0 || req.Window > maxWindow || !utf8.ValidString(req.Order.PosData):
			t.Fatalf("%q became %+v", src, req)
		case req.Price.Code != "" && req.Price.Currency().Code == "":
			t.Fatalf("%q is priced in nothing: %+v", src, req.Price)
		}
		for _, decode := range []func(Body) error{
			func(b Body) error { _, err := DecodeTokenRequest(b); return err },
			func(b Body) error { _, err := DecodeClientRequest(b); return err },
			func(b Body) error { _, err := DecodeContact(b); return err },
			func(b Body) error { _, err := DecodePayment(b); return err },
			func(b Body) error { _, err := DecodeAdjustment(b); return err },
			func(b Body) error { _, err := TurnOf(b, q); return err },
		} {
			if err := decode(b); err != nil {
				sentence(t, err)
			}
		}
	})
}

// sentence demands an error that a client may see.
func sentence(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*fault.Error](err); !ok || len(err.Error()) > 1000 {
		t.Fatalf("%v is no sentence for a client", err)
	}
}
