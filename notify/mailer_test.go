package notify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"satchel/merchant"
)

const merchantMail = "owner@shop.example"

func paidLetter() Letter {
	return Letter{Subject: "Invoice A-1001: paid", Text: "The invoice was paid in full.\n\nDue: 0.00250000 BTC\n"}
}

// read takes a message apart: its headers, decoded, and its text.
func read(t interface{ Fatal(args ...any) }, data []byte) (mail.Header, string) {
	m, err := mail.ReadMessage(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	if kind := m.Header.Get("Content-Type"); kind != "text/plain; charset=UTF-8" {
		t.Fatal("content type", kind)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	m.Header["Subject"] = []string{subject}
	return m.Header, strings.ReplaceAll(string(text), "\r\n", "\n")
}

func TestMailArrivesAsItWasWritten(t *testing.T) {
	s := newMailSink(t, "")
	if err := s.client(t).Send(t.Context(), letterTo(t, merchantMail, paidLetter())); err != nil {
		t.Fatal(err)
	}
	got := s.got()
	if len(got) != 1 || got[0].from != "shop@pay.example" || !slices.Equal(got[0].to, []string{merchantMail}) || got[0].tls {
		t.Fatalf("got %+v", got)
	}
	header, text := read(t, got[0].data)
	want := mail.Header{
		"Mime-Version": {"1.0"}, "From": {`"My shop" <shop@pay.example>`}, "To": {"<owner@shop.example>"},
		"Subject": {"Invoice A-1001: paid"}, "Date": {"Sat, 02 Jan 2027 03:04:05 +0000"},
		"Message-Id": {"<EvEvEvEvEvEvEvEvEvEvEv@pay.example>"}, "References": {"<Hq7mZk3VtWc9sXyB2nLdRe@pay.example>"},
		"Auto-Submitted": {"auto-generated"}, "Satchel-Event": {"EvEvEvEvEvEvEvEvEvEvEv"}, "Satchel-Sequence": {"17"},
		"Satchel-Revision": {"3"}, "Content-Type": {"text/plain; charset=UTF-8"}, "Content-Transfer-Encoding": {"quoted-printable"},
	}
	if d := cmp.Diff(want, header); d != "" {
		t.Errorf("headers (-want +got):\n%s", d)
	}
	if d := cmp.Diff(paidLetter().Text, text); d != "" {
		t.Errorf("text (-want +got):\n%s", d)
	}
}

// TestRetryIsRecognisable: a retry sends the same bytes; a mail that was asked for again is one of its own, in the same
// thread.
func TestRetryIsRecognisable(t *testing.T) {
	s := newMailSink(t, "")
	m, d := s.client(t), letterTo(t, merchantMail, paidLetter())
	again := d
	again.ID, again.Resend, again.Created = 9, true, start().Add(time.Hour)
	for _, each := range []Delivery{d, d, again} {
		if err := m.Send(t.Context(), each); err != nil {
			t.Fatal(err)
		}
	}
	got := s.got()
	if string(got[0].data) != string(got[1].data) {
		t.Errorf("a retry differs:\n%s\n%s", got[0].data, got[1].data)
	}
	header, _ := read(t, got[2].data)
	if id := header.Get("Message-Id"); id != "<EvEvEvEvEvEvEvEvEvEvEv.9@pay.example>" {
		t.Errorf("a resend's id is %s", id)
	}
	if refs := header.Get("References"); refs != "<Hq7mZk3VtWc9sXyB2nLdRe@pay.example> <EvEvEvEvEvEvEvEvEvEvEv@pay.example>" {
		t.Errorf("a resend refers to %s", refs)
	}
}

// TestNoInjection: whatever a subject, a text and an address hold, one mail goes to one address with the same headers.
func TestNoInjection(t *testing.T) {
	s := newMailSink(t, "")
	m := s.client(t)
	piece := rapid.SampledFrom([]string{
		"\r\nBcc: thief@evil.example\r\n", "\nRCPT TO:<thief@evil.example>\n", "\r\n.\r\nMAIL FROM:<x@y.example>\r\n", ".\r\n", "\r\n\r\n<b>",
		"a b", "ü€😀", "\u202e", "\u2028", "\x00", "=?utf-8?q?=0D=0ABcc:_x?=", strings.Repeat("x", 90), " ", "%s", "\"", "<>", ",;:",
	})
	known := []string{
		"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "References",
		"Satchel-Event", "Satchel-Revision", "Satchel-Sequence", "Subject", "To",
	}
	rapid.Check(t, func(rt *rapid.T) {
		l := Letter{
			Subject: strings.Join(rapid.SliceOfN(piece, 1, 6).Draw(rt, "subject"), ""),
			Text:    strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(rt, "text"), ""),
		}
		before := len(s.got())
		if err := m.Send(t.Context(), letterTo(t, merchantMail, l)); err != nil {
			rt.Fatal(err)
		}
		got := s.got()
		if len(got) != before+1 || !slices.Equal(got[before].to, []string{merchantMail}) {
			rt.Fatalf("%d mails, the last to %v", len(got)-before, got[len(got)-1].to)
		}
		header, _ := read(rt, got[before].data)
		var names []string
		for name := range header {
			names = append(names, name)
		}
		slices.Sort(names)
		if !slices.Equal(names, known) || strings.ContainsAny(header.Get("Subject"), "\r\n\x00\u202e\u2028") {
			rt.Fatalf("headers %v, subject %q", names, header.Get("Subject"))
		}
	})
}

func TestAddressesThatAreNone(t *testing.T) {
	s := newMailSink(t, "")
	for _, to := range []string{
		"", "nobody", "a@b.example\r\nRCPT TO:<c@d.example>", "A <a@b.example>", "<a@b.example>", "a@b.example, c@d.example", "a b@c.example",
		"a@b.example>", "\"a\r\nb\"@c.example",
	} {
		var e *MailError
		if err := s.client(t).Send(t.Context(), letterTo(t, to, paidLetter())); !errors.As(err, &e) || !e.Final {
			t.Errorf("%q: %v", to, err)
		}
	}
	d := letterTo(t, merchantMail, paidLetter())
	d.Body = []byte(`{"id":`)
	var e *MailError
	if err := s.client(t).Send(t.Context(), d); !errors.As(err, &e) || !e.Final {
		t.Errorf("a body that is no mail: %v", err)
	}
	if n := s.tried("mail"); n != 0 {
		t.Errorf("%d were offered to the server", n)
	}
}

func TestLoginAndTLS(t *testing.T) {
	with := func(m ...string) func(*mailSink) { return func(s *mailSink) { s.mechanisms = m } }
	untrusted := func(m *SMTP) { m.cfg.Roots = nil }
	for _, c := range []struct {
		name     string
		sink     *mailSink
		change   []func(*SMTP)
		tls      bool
		want     string // the error; "": it arrives
		attempts int    // to log in
	}{
		{"no login, no TLS, far", newMailSink(t, ""), []func(*SMTP){far}, false, "", 0},
		{"no login, STARTTLS of nobody's, far", newMailSink(t, "starttls"), []func(*SMTP){far, untrusted}, true, "", 0},
		{"no login, TLS of nobody's, far", newMailSink(t, "tls"), []func(*SMTP){far, wrapped, untrusted}, false, "TLS: certificate signed by an unknown authority", 0},
		{"login here without TLS", newMailSink(t, "", with("PLAIN")), nil, false, "", 1},
		{"login here, STARTTLS of nobody's", newMailSink(t, "starttls", with("PLAIN")), []func(*SMTP){untrusted}, true, "", 1},
		{"login here, TLS of nobody's", newMailSink(t, "tls", with("LOGIN")), []func(*SMTP){wrapped, untrusted}, true, "", 1},
		{"login far, STARTTLS", newMailSink(t, "starttls", with("LOGIN", "PLAIN")), []func(*SMTP){far}, true, "", 1},
		{"login far, STARTTLS, LOGIN only", newMailSink(t, "starttls", with("LOGIN")), []func(*SMTP){far}, true, "", 1},
		{"login far, TLS", newMailSink(t, "tls", with("PLAIN")), []func(*SMTP){far, wrapped}, true, "", 1},
		{"login far without TLS", newMailSink(t, "", with("PLAIN")), []func(*SMTP){far}, false, "the mail server offers no TLS, and user and password do not go without it", 0},
		{"login far, STARTTLS of nobody's", newMailSink(t, "starttls", with("PLAIN")), []func(*SMTP){far, untrusted}, false, "TLS: certificate signed by an unknown authority", 0},
		{"login far, TLS of nobody's", newMailSink(t, "tls", with("PLAIN")), []func(*SMTP){far, wrapped, untrusted}, false, "TLS: certificate signed by an unknown authority", 0},
		{"no login that we know", newMailSink(t, "starttls", with("GSSAPI")), []func(*SMTP){far}, false, "the mail server offers no login that satchel knows", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.sink.client(t, c.change...).Send(t.Context(), letterTo(t, merchantMail, paidLetter()))
			var e *MailError
			if c.want != "" && (!errors.As(err, &e) || e.Text != c.want || e.Final) || c.want == "" && err != nil {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if n := c.sink.tried("auth"); n != c.attempts {
				t.Errorf("%d logins, not %d", n, c.attempts)
			}
			got := c.sink.got()
			if c.want == "" && (len(got) != 1 || got[0].tls != c.tls) || c.want != "" && len(got) != 0 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestRefusals: what is said of the mail itself with 5yz is final, all else is tried again, and no error shows the password.
func TestRefusals(t *testing.T) {
	login := func(s *mailSink) { s.mechanisms = []string{"PLAIN"} }
	for _, c := range []struct {
		at     string
		code   int
		text   string
		final  bool
		want   string
		status int
	}{
		{"mail", 550, "no", true, "sender refused (status 550): no", 550},
		{"mail", 450, "later", false, "sender refused (status 450): later", 450},
		{"mail", 530, "log in first", false, "sender refused (status 530): log in first", 530},
		{"rcpt", 550, "no such mailbox", true, "recipient refused (status 550): no such mailbox", 550},
		{"rcpt", 451, "greylisted", false, "recipient refused (status 451): greylisted", 451},
		{"data", 554, "spam " + mailPassword, true, "mail refused (status 554): spam [secret]", 554},
		{"data", 452, "disk full\r\nreally", false, "mail refused (status 452): disk full really", 452},
		{"auth", 535, "wrong: " + mailPassword, false, "the mail server refused user and password (status 535)", 535},
		{"auth", 454, "not now", false, "the mail server refused user and password (status 454)", 454},
	} {
		s := newMailSink(t, "starttls", login, refuse(c.at, c.code, c.text))
		err := s.client(t, far).Send(t.Context(), letterTo(t, merchantMail, paidLetter()))
		var e *MailError
		if !errors.As(err, &e) || e.Final != c.final || e.Text != c.want || e.Status != c.status {
			t.Errorf("%s %d: %+v", c.at, c.code, err)
		}
		if len(s.got()) != 0 || strings.Contains(fmt.Sprintf("%v %+v %q", err, err, err), mailPassword) {
			t.Errorf("%s %d: %d arrived, %v", c.at, c.code, len(s.got()), err)
		}
	}
}

// dialogue is a server that says its lines, one after each line it hears; it hangs up, or hangs, after the last.
func dialogue(t *testing.T, hang bool, lines ...string) (*SMTP, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			in := bufio.NewReader(c)
			for _, line := range lines {
				_, _ = io.WriteString(c, line+"\r\n")
				heard, _ := in.ReadString('\n')
				for strings.HasPrefix(line, "354") && heard != ".\r\n" && heard != "" {
					heard, _ = in.ReadString('\n')
				}
			}
			if hang {
				_, _ = io.Copy(io.Discard, in)
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	host, port := hostPort(t, l.Addr())
	m, err := NewSMTP(SMTPConfig{Host: host, Port: port, From: mail.Address{Address: "shop@pay.example"}})
	if err != nil {
		t.Fatal(err)
	}
	return m, &conns
}

func TestServersThatHangUp(t *testing.T) {
	lines := []string{"220 hello", "250 hello", "250 fine", "250 fine", "354 go on"}
	for n := range len(lines) + 1 {
		m, _ := dialogue(t, false, lines[:n]...)
		var e *MailError
		err := m.Send(t.Context(), letterTo(t, merchantMail, paidLetter()))
		if !errors.As(err, &e) || e.Final || e.Status != 0 || !strings.HasPrefix(e.Text, "connection ") {
			t.Errorf("after %d lines: %v", n, err)
		}
	}
	m, _ := dialogue(t, false, "554 go away")
	var e *MailError
	if err := m.Send(t.Context(), letterTo(t, merchantMail, paidLetter())); !errors.As(err, &e) || e.Final || e.Status != 554 {
		t.Errorf("a greeting that refuses: %v", err)
	}
	m, _ = dialogue(t, false, "HTTP/1.1 400 Bad Request")
	if err := m.Send(t.Context(), letterTo(t, merchantMail, paidLetter())); !errors.As(err, &e) || e.Final || e.Status != 0 {
		t.Errorf("another protocol: %v", err)
	}
	m.addr = "127.0.0.1:1"
	if err := m.Send(t.Context(), letterTo(t, merchantMail, paidLetter())); err == nil || err.Error() != "connection refused" {
		t.Errorf("nobody there: %v", err)
	}
}

func TestServersThatHang(t *testing.T) {
	for n := range 6 {
		lines := []string{"220 hello", "250 hello", "250 fine", "250 fine", "354 go on"}[:n]
		m, _ := dialogue(t, true, lines...)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := m.Send(ctx, letterTo(t, merchantMail, paidLetter()))
		if err == nil || ctx.Err() == nil {
			t.Errorf("after %d lines: %v", n, err)
		}
		cancel()
	}
	// A mail that was taken is delivered, whatever becomes of the goodbye: else it would be sent twice.
	m, conns := dialogue(t, true, "220 hello", "250 hello", "250 fine", "250 fine", "354 go on", "250 taken")
	if err := m.Send(t.Context(), letterTo(t, merchantMail, paidLetter())); err != nil || conns.Load() != 1 {
		t.Errorf("no goodbye: %v, %d connections", err, conns.Load())
	}
}

// TestNamesOfThisMachineLeadToIt: credentials go in the clear only where no wire is.
func TestNamesOfThisMachineLeadToIt(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.8.9.1": true, "::1": true, "::ffff:127.0.0.1": true, "localhost": true, "LOCALHOST.": true, "mail.localhost": true,
		"10.0.0.1": false, "localhost.example": false, "mail.example": false, "0.0.0.0": false,
	} {
		if loopback(host) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
	for address, ok := range map[string]bool{"127.0.0.1:25": true, "[::1]:25": true, "10.0.0.1:25": false, "192.0.2.1:25": false, "what": false} {
		if err := onlyHere(t.Context(), "tcp", address, nil); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
	s := newMailSink(t, "")
	m := s.client(t)
	m.addr = net.JoinHostPort("192.0.2.1", "25")
	if err := m.Send(t.Context(), letterTo(t, merchantMail, paidLetter())); err == nil || !strings.HasPrefix(err.Error(), "refused: ") {
		t.Errorf("a name of this machine that leads elsewhere: %v", err)
	}
}

func TestNewSMTPRefuses(t *testing.T) {
	from := mail.Address{Address: "shop@pay.example"}
	for _, c := range []SMTPConfig{
		{},
		{Host: "h", From: from},
		{Port: 25, From: from},
		{Host: "h", Port: 25},
		{Host: "h", Port: 25, From: from, User: "u"},
		{Host: "h", Port: 25, From: from, Password: "p"},
	} {
		if _, err := NewSMTP(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	c := SMTPConfig{Host: "h", Port: 465, From: from, User: "u", Password: merchant.Secret(mailPassword)}
	m, err := NewSMTP(c)
	if err != nil || !m.wrapped || m.near {
		t.Errorf("%+v, %v", m, err)
	}
	if text := fmt.Sprintf("%+v %#v", m, c); strings.Contains(text, mailPassword) {
		t.Errorf("the password is printed: %s", text)
	}
}

// TestNotifierSendsMails: a server that is busy gets the same mail again, one that refuses it does not, and both are told.
func TestNotifierSendsMails(t *testing.T) {
	var busy atomic.Int32
	s := newMailSink(t, "starttls", func(s *mailSink) { s.mechanisms = []string{"PLAIN"} })
	s.fail = func(stage string) error {
		if stage == "rcpt" && busy.Add(1) == 1 {
			return refusedNow()
		}
		return nil
	}
	m := newMemory()
	id := queueMail(t, m, merchantMail)
	var ahead atomic.Int64
	n, err := New(Config{Store: m, Mailer: s.client(t, far), Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	running(t, n)
	waitFor(t, func() bool { return len(m.tries(id)) == 1 })
	if d := m.row(id); d.State != Pending || d.Progress.Last != "mail: recipient refused (status 451): greylisted" {
		t.Errorf("%v, %q", d.State, d.Progress.Last)
	}
	ahead.Store(int64(10 * time.Second))
	n.Wake()
	waitFor(t, func() bool { return m.row(id).State == Delivered })
	if a := m.tries(id); len(a) != 2 || a[1].Status != 250 || a[1].Error != "" || len(s.got()) != 1 {
		t.Errorf("attempts %+v, %d arrived", a, len(s.got()))
	}

	gone := newMailSink(t, "", refuse("rcpt", 550, "no such mailbox"))
	m = newMemory()
	id = queueMail(t, m, merchantMail)
	n, err = New(Config{Store: m, Mailer: gone.client(t)})
	if err != nil {
		t.Fatal(err)
	}
	running(t, n)
	waitFor(t, func() bool { return m.row(id).State == Parked })
	if d := m.row(id); d.Progress.Last != "mail: recipient refused (status 550): no such mailbox" || d.Progress.Attempts != 1 {
		t.Errorf("%+v", d.Progress)
	}
}
