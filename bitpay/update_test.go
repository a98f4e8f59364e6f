package bitpay

import (
	"testing"

	"satchel/fault"
	"satchel/invoice"
)

func TestDecodeContact(t *testing.T) {
	for body, want := range map[string]invoice.Contact{
		`{"buyerEmail":"a@shop.example"}`:                                                 {Email: "a@shop.example"},
		`{"buyer_email":"a@shop.example","token":"t"}`:                                    {Email: "a@shop.example"},
		`{"buyerEmail":"a@shop.example","buyerProvidedEmail":"a@shop.example"}`:           {Email: "a@shop.example"},
		`{"buyerEmail":"a@shop.example","buyerSms":null,"smsCode":"","autoVerify":false}`: {Email: "a@shop.example"},
		`{"buyerEmail":"a@shop.example","autoVerify":true}`:                               {Email: "a@shop.example"},
		`{"buyerSms":"+491","smsCode":"1234"}`:                                            {SMS: "+491"},
		`{"buyerSms":491,"autoVerify":"1"}`:                                               {SMS: "491", Verified: true},
	} {
		if got, err := DecodeContact(parse(t, body)); err != nil || got != want {
			t.Errorf("%s: %+v %v", body, got, err)
		}
	}
	for body, field := range map[string]string{
		`{}`: "buyerEmail", `{"autoVerify":true}`: "buyerEmail", `{"buyerEmail":"x"}`: "buyerEmail", `{"buyerEmail":{}}`: "buyerEmail",
		`{"buyerSms":"1","autoVerify":2}`: "autoVerify", `{"buyerSms":true}`: "buyerSms", `{"buyerSms":"ü"}`: "buyerSms",
	} {
		_, err := DecodeContact(parse(t, body))
		if f := faultOf(t, err); f.Field != field {
			t.Errorf("%s: the error names %q", body, f.Field)
		}
	}
}

func TestDecodePayment(t *testing.T) {
	for body, want := range map[string]invoice.Status{
		`{}`: invoice.Confirmed, `{"status":null}`: invoice.Confirmed, `{"status":"Confirmed"}`: invoice.Confirmed,
		`{"status":"complete"}`: invoice.Complete, `{"complete":true}`: invoice.Complete, `{"complete":false}`: invoice.Confirmed,
	} {
		if got, err := DecodePayment(parse(t, body)); err != nil || got != want {
			t.Errorf("%s: %v %v", body, got, err)
		}
	}
	for body, field := range map[string]string{`{"status":"paid"}`: "status", `{"status":[]}`: "status", `{"complete":"soon"}`: "complete"} {
		_, err := DecodePayment(parse(t, body))
		if f := faultOf(t, err); f.Field != field {
			t.Errorf("%s: the error names %q", body, f.Field)
		}
	}
}

func TestDecodeAdjustment(t *testing.T) {
	for _, want := range []invoice.Adjustment{invoice.AcceptOverpayment, invoice.AcceptUnderpayment, invoice.AcceptLate} {
		if got, err := DecodeAdjustment(parse(t, `{"type":"`+want.String()+`"}`)); err != nil || got != want {
			t.Errorf("%s: %v %v", want, got, err)
		}
	}
	for _, body := range []string{`{}`, `{"type":"refund"}`, `{"type":true}`} {
		_, err := DecodeAdjustment(parse(t, body))
		if f := faultOf(t, err); f.Field != "type" {
			t.Errorf("%s: the error names %q", body, f.Field)
		}
	}
}

func TestCancelHasBitPaysOwnNumber(t *testing.T) {
	golden(t, "error-cancel", Refusal(invoice.ErrNotCancellable))
	golden(t, "error-not-offered", Refusal(fault.New(fault.NotOffered, "Refunds are not available")))
	if got := string(Success()); got != `{"data":"Success"}` {
		t.Errorf("success is %s", got)
	}
}
