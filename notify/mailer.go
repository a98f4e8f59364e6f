package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"satchel/merchant"
)

const (
	implicitTLS = 465 // RFC 8314: TLS from the first byte
	quitWait    = 2 * time.Second
)

// SMTPConfig names the operator's own mail server.
type SMTPConfig struct {
	Host     string // a name or an address; private ones are the operator's choice
	Port     uint16 // 465: TLS from the first byte; others: STARTTLS where the server offers it
	From     mail.Address
	User     string // "": no login
	Password merchant.Secret
	Roots    *x509.CertPool // nil: the system's
}

// SMTP sends mails over a mail server (RFC 5321), one connection for each.
//
// User and password go over TLS with a verified certificate, or not at all; the one exception is a server on this
// machine. Without a login, STARTTLS is taken as it is offered (RFC 7435): whoever would take the mail in the clear is
// not worse with a certificate that nobody signed.
type SMTP struct {
	cfg     SMTPConfig
	addr    string
	near    bool // on this machine
	wrapped bool // TLS from the first byte
	helo    string
}

// NewSMTP makes a Mailer; it connects when a mail is sent.
func NewSMTP(c SMTPConfig) (*SMTP, error) {
	if c.Host == "" || c.Port == 0 || c.From.Address == "" {
		return nil, errors.New("mail: a server with its port and a sender are needed")
	}
	if (c.User == "") != (c.Password == "") {
		return nil, errors.New("mail: user and password belong together")
	}
	helo, err := os.Hostname()
	if err != nil || strings.ContainsFunc(helo, hidden) {
		helo = "localhost"
	}
	return &SMTP{
		cfg: c, addr: net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), near: loopback(c.Host),
		wrapped: c.Port == implicitTLS, helo: helo,
	}, nil
}

// Format prints the server alone: fmt does not ask a member that is not exported how it wants to be printed.
func (s *SMTP) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "smtp://"+s.addr) }

// loopback tells that a host can only be this machine.
func loopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost") // RFC 6761
}

// Send hands a delivery's mail to the server. An error is a MailError, or what ended the context.
func (s *SMTP) Send(ctx context.Context, d Delivery) error {
	msg, err := compose(d, s.cfg.From)
	if err != nil {
		return err
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return s.failed(connecting, err)
	}
	hangUp := func() { _ = conn.Close() }
	defer hangUp()
	defer context.AfterFunc(ctx, hangUp)()
	client, err := s.greet(conn)
	if err != nil {
		return s.failed(connecting, err)
	}
	if err := s.login(client); err != nil {
		return err
	}
	if err := s.transfer(client, msg); err != nil {
		return err
	}
	slow := time.AfterFunc(quitWait, hangUp)
	defer slow.Stop()
	_ = client.Quit() // it took the mail already
	return nil
}

// dial connects. A name that stands for this machine must lead to it: credentials may go there in the clear.
func (s *SMTP) dial(ctx context.Context) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialWait}
	if s.near {
		dialer.ControlContext = onlyHere
	}
	conn, err := dialer.DialContext(ctx, "tcp", s.addr)
	if err != nil || !s.wrapped {
		return conn, err
	}
	secured := tls.Client(conn, s.tls(s.near))
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secured, nil
}

func onlyHere(_ context.Context, _, address string, _ syscall.RawConn) error {
	if to, err := netip.ParseAddrPort(address); err != nil || !to.Addr().Unmap().IsLoopback() {
		return refusal("refused: the mail server's name should mean this machine, and does not")
	}
	return nil
}

func (s *SMTP) tls(unverified bool) *tls.Config {
	return &tls.Config{
		ServerName: s.cfg.Host, MinVersion: tls.VersionTLS12, RootCAs: s.cfg.Roots,
		InsecureSkipVerify: unverified, //nolint:gosec // on this machine, or where clear text would do as well
	}
}

// greet says hello and turns TLS on where it is offered; it must be where there is a login.
func (s *SMTP) greet(conn net.Conn) (*smtp.Client, error) {
	client, err := smtp.NewClient(conn, s.cfg.Host)
	if err != nil {
		return nil, err
	}
	client.SkipSMTPUTF8(true) // addresses are ASCII
	if err := client.Hello(s.helo); err != nil {
		return nil, err
	}
	if s.wrapped {
		return client, nil
	}
	trusting := s.near || s.cfg.User == ""
	if offered, _ := client.Extension("STARTTLS"); offered {
		return client, client.StartTLS(s.tls(trusting))
	}
	if !trusting {
		return nil, &MailError{Text: "the mail server offers no TLS, and user and password do not go without it"}
	}
	return client, nil
}

// login proves who we are, with the strongest way that both sides know.
func (s *SMTP) login(client *smtp.Client) error {
	if s.cfg.User == "" {
		return nil
	}
	_, offered := client.Extension("AUTH")
	way := s.mechanism(strings.Fields(strings.ToUpper(offered)))
	if way == nil {
		return &MailError{Text: "the mail server offers no login that satchel knows"}
	}
	if err := client.Auth(way); err != nil {
		return s.failed(loggingIn, err)
	}
	return nil
}

func (s *SMTP) mechanism(offered []string) smtp.Auth {
	user, password := s.cfg.User, s.cfg.Password.Reveal()
	const clearIsFine = true // greet saw to it
	switch {
	case slices.Contains(offered, "SCRAM-SHA-256"):
		return smtp.ScramSHA256Auth(user, password)
	case slices.Contains(offered, "PLAIN"):
		return smtp.PlainAuth("", user, password, s.cfg.Host, clearIsFine)
	case slices.Contains(offered, "LOGIN"):
		return smtp.LoginAuth(user, password, s.cfg.Host, clearIsFine)
	case slices.Contains(offered, "CRAM-MD5"):
		return smtp.CRAMMD5Auth(user, password)
	}
	return nil
}

// transfer hands over one mail. It is taken when the server says so after its end; nothing is resumed half-way.
func (s *SMTP) transfer(client *smtp.Client, msg message) error {
	if err := client.Mail("<" + s.cfg.From.Address + ">"); err != nil {
		return s.failed(giveSender, err)
	}
	if err := client.Rcpt("<" + msg.to + ">"); err != nil {
		return s.failed(giveRecipient, err)
	}
	w, err := client.Data()
	if err != nil {
		return s.failed(giveMail, err)
	}
	if _, err := w.Write(msg.data); err != nil {
		return s.failed(giveMail, err)
	}
	if err := w.Close(); err != nil {
		return s.failed(giveMail, err)
	}
	return nil
}
