package main

import (
	"net"
	"net/mail"
	"strconv"
	"strings"
	"unicode"

	"satchel/bitpay"
	"satchel/invoice"
	"satchel/merchant"
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

// mail reads the mail server; nil: there is none. What is written beside an empty smtp is kept for later and not judged.
func (r *reader) mail(c mailConfig) *notify.SMTPConfig {
	if c.SMTP == "" {
		return nil
	}
	before := len(r.problems)
	m := &notify.SMTPConfig{User: c.User, Password: merchant.Secret(r.secret("mail.password", c.Password))}
	if c.User != "" && m.Password == "" && len(r.problems) == before {
		r.problem("mail.password", "is empty, but there is a user")
	}
	if c.User == "" && c.Password != "" {
		r.problem("mail.user", "is empty, but there is a password")
	}
	m.Host, m.Port = r.server("mail.smtp", c.SMTP)
	if from, err := mail.ParseAddress(c.From); err == nil && plainAddress(from) {
		m.From = *from
	} else {
		r.problem("mail.from", "%q is not an address such as shop@mail.example or My shop <shop@mail.example>", c.From)
	}
	return m
}

// plainAddress tells that an address is ASCII without white space, which every mail server takes.
func plainAddress(a *mail.Address) bool {
	odd := func(r rune) bool { return r <= ' ' || r > unicode.MaxASCII || r == 0x7f }
	return !strings.ContainsFunc(a.Address, odd) && !strings.ContainsFunc(a.Name, unicode.IsControl)
}

// server reads a name or an address with a port.
func (r *reader) server(key, text string) (host string, port uint16) {
	host, number, err := net.SplitHostPort(text)
	n, bad := strconv.ParseUint(number, 10, 16)
	if err != nil || bad != nil || n == 0 || host == "" || strings.ContainsFunc(host, unicode.IsSpace) {
		r.problem(key, "is not host:port, such as mail.example:587")
		return "", 0
	}
	return host, uint16(n)
}

// notes are what an operator may want to know of a configuration that has no problem.
func (s settings) notes() []string {
	list := []string{}
	if s.mail == nil {
		list = append(list, "mail.smtp is empty: no mail is sent to an invoice's notificationEmail, and none is queued")
	}
	return list
}
