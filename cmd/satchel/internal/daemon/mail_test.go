package daemon

import (
	"encoding/json"
	"net/mail"
	"slices"
	"testing"

	"satchel/bitpay"
	"satchel/invoice"
	"satchel/notify"
)

// TestNothingIsQueuedWithoutAMailServer: else an operator without one would gather mails that never go.
func TestNothingIsQueuedWithoutAMailServer(t *testing.T) {
	ev := invoice.Event{Code: invoice.PaidInFull, Flat: true, Invoice: invoice.Invoice{
		ID: "x", Order: invoice.Order{NotificationEmail: "owner@shop.example", NotificationURL: "https://shop.example/ipn"},
	}}
	for mails, want := range map[bool][]notify.Channel{true: {notify.IPN, notify.Mail}, false: {notify.IPN}} {
		_, out, err := render(ev, bitpay.Shop{Base: "https://pay.example"}, mails)
		var got []notify.Channel
		for _, o := range out {
			got = append(got, o.Channel)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v: %v %v", mails, got, err)
		}
		if mails {
			var l notify.Letter
			if err := json.Unmarshal(out[1].Body, &l); err != nil || l.Subject != "Invoice x: paid" || l.Text == "" {
				t.Errorf("%v %+v", err, l)
			}
		}
	}
}

func TestMailerOfAMailServer(t *testing.T) {
	server := &notify.SMTPConfig{Host: "mail.example", Port: 587, From: mail.Address{Address: "shop@mail.example"}}
	if mailer, err := newMailer(server); err != nil || mailer == nil {
		t.Errorf("%v %v", mailer, err)
	}
	if mailer, err := newMailer(nil); err != nil || mailer != nil {
		t.Errorf("no server: %v %v", mailer, err)
	}
}
