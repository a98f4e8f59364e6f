package daemon

import (
	"satchel/bitpay"
	"satchel/invoice"
	"satchel/notify"
)

// render gives the document of an event and what goes out for it. Without a mail server no mail is queued: nobody could
// send it, and it would wait for ever.
func render(ev invoice.Event, shop bitpay.Shop, mails bool) ([]byte, []notify.Outgoing, error) {
	document, callbacks := bitpay.Render(ev, shop.Base)
	out := make([]notify.Outgoing, 0, len(callbacks)+1)
	for _, c := range callbacks {
		out = append(out, notify.Outgoing{Channel: notify.IPN, Endpoint: c.Endpoint, Body: c.Body})
	}
	if m, told := bitpay.RenderMail(ev, shop); told && mails {
		body, err := notify.Letter{Subject: m.Subject, Text: m.Text}.Body()
		if err != nil {
			return nil, nil, err
		}
		out = append(out, notify.Outgoing{Channel: notify.Mail, Endpoint: m.To, Body: body})
	}
	return document, out, nil
}

// newMailer makes what sends mails; nil without a mail server.
func newMailer(c *notify.SMTPConfig) (notify.Mailer, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // no mailer is a mode of its own
	}
	return notify.NewSMTP(*c)
}
