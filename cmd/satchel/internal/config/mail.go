package config

import (
	"net"
	"net/mail"
	"strconv"
	"strings"
	"unicode"

	"satchel/merchant"
	"satchel/notify"
)

// mail reads the mail server; nil: there is none. What is written beside an empty smtp is kept for later and not judged.
func (r *Reader) mail(c mailConfig) *notify.SMTPConfig {
	if c.SMTP == "" {
		return nil
	}
	before := len(r.Problems)
	m := &notify.SMTPConfig{User: c.User, Password: merchant.Secret(r.secret("mail.password", c.Password))}
	if c.User != "" && m.Password == "" && len(r.Problems) == before {
		r.Problem("mail.password", "is empty, but there is a user")
	}
	if c.User == "" && c.Password != "" {
		r.Problem("mail.user", "is empty, but there is a password")
	}
	m.Host, m.Port = r.server("mail.smtp", c.SMTP)
	if from, err := mail.ParseAddress(c.From); err == nil && plainAddress(from) {
		m.From = *from
	} else {
		r.Problem("mail.from", "%q is not an address such as shop@mail.example or My shop <shop@mail.example>", c.From)
	}
	return m
}

// plainAddress tells that an address is ASCII without white space, which every mail server takes.
func plainAddress(a *mail.Address) bool {
	odd := func(r rune) bool { return r <= ' ' || r > unicode.MaxASCII || r == 0x7f }
	return !strings.ContainsFunc(a.Address, odd) && !strings.ContainsFunc(a.Name, unicode.IsControl)
}

// server reads a name or an address with a port.
func (r *Reader) server(key, text string) (host string, port uint16) {
	host, number, err := net.SplitHostPort(text)
	n, bad := strconv.ParseUint(number, 10, 16)
	if err != nil || bad != nil || n == 0 || host == "" || strings.ContainsFunc(host, unicode.IsSpace) {
		r.Problem(key, "is not host:port, such as mail.example:587")
		return "", 0
	}
	return host, uint16(n)
}

// Notes are what an operator may want to know of a configuration that has no problem.
func (s Settings) Notes() []string {
	list := []string{}
	if s.Mail == nil {
		list = append(list, "mail.smtp is empty: no mail is sent to an invoice's notificationEmail, and none is queued")
	}
	return list
}
