package notify

import (
	"errors"
	"net"
	"net/textproto"
	"strconv"
	"strings"
)

// MailError says why a mail was not taken. Its text is for the operator and holds no credentials.
type MailError struct {
	Status int    // SMTP reply code (RFC 5321); 0: there was no reply
	Final  bool   // this mail will never be taken, however often it is sent
	Text   string // in a few words
}

// Error gives the text.
func (e *MailError) Error() string { return e.Text }

// step is a part of the conversation with a mail server.
type step uint8

const (
	connecting step = iota + 1
	loggingIn
	giveSender
	giveRecipient
	giveMail
)

// String says what failed when the step does.
func (s step) String() string {
	switch s {
	case connecting:
		return "the mail server does not take connections"
	case loggingIn:
		return "the mail server refused user and password"
	case giveSender:
		return "sender refused"
	case giveRecipient:
		return "recipient refused"
	case giveMail:
		return "mail refused"
	}
	return "failed"
}

// about tells that the step concerns this one mail, and not the set-up that all mails share.
func (s step) about() bool {
	switch s {
	case giveSender, giveRecipient, giveMail:
		return true
	case connecting, loggingIn:
		return false
	}
	return false
}

// failed says why a step failed. A reply of 5yz to the mail itself is final; one to the greeting or the login is not:
// the operator mends that for all mails at once. What a server answers to a login is never shown, it may repeat it.
func (s *SMTP) failed(at step, err error) error {
	var known *MailError
	var reply *textproto.Error
	var dns *net.DNSError
	var refused refusal
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &reply):
		return s.replied(at, reply)
	case errors.As(err, &refused):
		return &MailError{Text: refused.Error()}
	case errors.As(err, &dns):
		return &MailError{Text: explainDNS(dns)}
	}
	if text := explainTLS(err); text != "" {
		return &MailError{Text: "TLS: " + text}
	}
	if text := explainSocket(err); text != "" {
		return &MailError{Text: text}
	}
	if at == loggingIn {
		return &MailError{Text: "cannot log in to the mail server"}
	}
	return &MailError{Text: "no valid reply: " + s.redact(err.Error())}
}

func (s *SMTP) replied(at step, reply *textproto.Error) error {
	e := &MailError{Status: reply.Code, Text: at.String() + " (status " + strconv.Itoa(reply.Code) + ")"}
	if at != loggingIn {
		e.Text += ": " + s.redact(reply.Msg)
	}
	e.Final = at.about() && reply.Code >= 500 && reply.Code <= 599 && !asksForLogin(reply.Code)
	return e
}

// asksForLogin tells of the replies that ask for other credentials (RFC 4954).
func asksForLogin(code int) bool {
	switch code {
	case 530, 534, 535, 538:
		return true
	}
	return false
}

// redact makes a server's text fit to be shown, and hides the password in it.
func (s *SMTP) redact(text string) string {
	if secret := s.cfg.Password.Reveal(); secret != "" {
		text = strings.ReplaceAll(text, secret, s.cfg.Password.String())
	}
	return clean(strings.Join(strings.Fields(text), " "), 160)
}
