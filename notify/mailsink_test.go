package notify

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"satchel/invoice"
)

const (
	mailUser     = "till"
	mailPassword = "hush & #1" // of the sinks, and of nobody else
)

// mailSink is a mail server on loopback.
type mailSink struct {
	host  string
	port  uint16
	roots *x509.CertPool

	mechanisms []string                 // with a login; nil: without
	fail       func(stage string) error // "auth", "mail", "rcpt", "data"; nil: never

	mu    sync.Mutex
	mails []taken
	tries map[string]int // by stage
}

// taken is a mail that the sink accepted.
type taken struct {
	from string
	to   []string
	data []byte
	tls  bool
	user string
}

// newMailSink starts a mail server: "" without TLS, "starttls", or "tls" from the first byte.
func newMailSink(t *testing.T, security string, change ...func(*mailSink)) *mailSink {
	t.Helper()
	s := &mailSink{tries: map[string]int{}}
	for _, f := range change {
		f(s)
	}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{sink: s, conn: c}, nil }))
	srv.Domain, srv.AllowInsecureAuth, srv.ErrorLog = "mail.example", true, log.New(io.Discard, "", 0)
	srv.ReadTimeout, srv.WriteTimeout = time.Minute, time.Minute
	config, roots := certified(t)
	s.roots = roots
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	switch security {
	case "starttls":
		srv.TLSConfig = config
	case "tls":
		l = tls.NewListener(l, config)
	}
	s.host, s.port = hostPort(t, l.Addr())
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _, _ = srv.Close(), l.Close(); <-done }) // Close knows no listener that Serve has not met yet
	return s
}

func hostPort(t *testing.T, a net.Addr) (string, uint16) {
	t.Helper()
	host, number, err := net.SplitHostPort(a.String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return host, uint16(port)
}

// certified gives a server's certificate for 127.0.0.1 and the authority that signed it.
func certified(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	srv := httptest.NewTLSServer(nil)
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return &tls.Config{Certificates: srv.TLS.Certificates, MinVersion: tls.VersionTLS12}, roots
}

// client makes a Mailer for the sink, changed by what the test needs.
func (s *mailSink) client(t *testing.T, change ...func(*SMTP)) *SMTP {
	t.Helper()
	c := SMTPConfig{Host: s.host, Port: s.port, From: mail.Address{Name: "My shop", Address: "shop@pay.example"}, Roots: s.roots}
	if s.mechanisms != nil {
		c.User, c.Password = mailUser, mailPassword
	}
	m, err := NewSMTP(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(m)
	}
	return m
}

// far takes the sink for a server on another machine.
func far(m *SMTP) { m.near = false }

// wrapped speaks TLS from the first byte, as port 465 does.
func wrapped(m *SMTP) { m.wrapped = true }

func (s *mailSink) got() []taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

func (s *mailSink) tried(stage string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries[stage]
}

func (s *mailSink) at(stage string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries[stage]++
	if s.fail == nil {
		return nil
	}
	return s.fail(stage)
}

// refuse makes a sink answer a stage with a reply.
func refuse(at string, code int, text string) func(*mailSink) {
	return func(s *mailSink) {
		s.fail = func(stage string) error {
			if stage != at {
				return nil
			}
			return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: text}
		}
	}
}

// session is one connection's conversation.
type session struct {
	sink *mailSink
	conn *smtp.Conn
	mail taken
}

func (c *session) Reset()        { c.mail = taken{user: c.mail.user} }
func (c *session) Logout() error { return nil }

func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	if c.sink.mechanisms != nil && c.mail.user == "" {
		return smtp.ErrAuthRequired
	}
	c.mail.from = from
	return c.sink.at("mail")
}

func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.mail.to = append(c.mail.to, to)
	return c.sink.at("rcpt")
}

func (c *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := c.sink.at("data"); err != nil {
		return err
	}
	c.mail.data = bytes.Clone(data)
	_, c.mail.tls = c.conn.TLSConnectionState()
	c.sink.mu.Lock()
	defer c.sink.mu.Unlock()
	c.sink.mails = append(c.sink.mails, c.mail)
	return nil
}

func (c *session) AuthMechanisms() []string { return c.sink.mechanisms }

func (c *session) Auth(mechanism string) (sasl.Server, error) {
	check := func(user, password string) error {
		if err := c.sink.at("auth"); err != nil {
			return err
		}
		if user != mailUser || password != mailPassword {
			return smtp.ErrAuthFailed
		}
		c.mail.user = user
		return nil
	}
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
	case sasl.Login:
		return &loginServer{check: check}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

// loginServer is the other side of AUTH LOGIN.
type loginServer struct {
	step  int
	user  string
	check func(user, password string) error
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	case 3:
		return nil, true, l.check(l.user, string(response))
	}
	return nil, true, errors.New("too long")
}

// letterTo is a mail on its way.
func letterTo(t *testing.T, to string, l Letter) Delivery {
	t.Helper()
	body, err := l.Body()
	if err != nil {
		t.Fatal(err)
	}
	return Delivery{
		ID: 5, Event: 17, EventID: "EvEvEvEvEvEvEvEvEvEvEv", Revision: 3, Code: invoice.PaidInFull, Invoice: "Hq7mZk3VtWc9sXyB2nLdRe",
		Outgoing: Outgoing{Channel: Mail, Endpoint: to, Body: body}, Created: start(), State: Pending,
	}
}

func refusedNow() error {
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.NoEnhancedCode, Message: "greylisted"}
}

// queueMail queues a mail in memory.
func queueMail(t *testing.T, m *memory, to string) uint64 {
	t.Helper()
	id := m.add(1, to, time.Now())
	m.change(func(rows map[uint64]Delivery) {
		d := rows[id]
		d.Outgoing = letterTo(t, to, paidLetter()).Outgoing
		rows[id] = d
	})
	return id
}
