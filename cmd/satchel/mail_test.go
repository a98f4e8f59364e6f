package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"satchel/admin"
)

// postbox is a merchant's mail server.
type postbox struct {
	addr string

	mu     sync.Mutex
	busy   bool // answer 451
	tries  int
	mails  []*mail.Message
	bodies []string
}

func newPostbox(t *testing.T) *postbox {
	t.Helper()
	p := &postbox{}
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &letterbox{p: p}, nil }))
	srv.Domain, srv.ErrorLog = "mail.example", log.New(io.Discard, "", 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _, _ = srv.Close(), l.Close(); <-done })
	return p
}

// letterbox is one conversation.
type letterbox struct {
	p  *postbox
	to []string
}

func (l *letterbox) Reset()                               { l.to = nil }
func (l *letterbox) Logout() error                        { return nil }
func (l *letterbox) Mail(string, *smtp.MailOptions) error { return nil }
func (l *letterbox) Rcpt(to string, _ *smtp.RcptOptions) error {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	l.to = append(l.to, to)
	if l.p.tries++; l.p.busy {
		return &smtp.SMTPError{Code: 451, Message: "busy"}
	}
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, Message: "no such mailbox"}
	}
	return nil
}

func (l *letterbox) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(m.Body)
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	l.p.mails, l.p.bodies = append(l.p.mails, m), append(l.p.bodies, string(body))
	return err
}

func (p *postbox) setBusy(busy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = busy
}

func (p *postbox) tried() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries
}

// header lists a header of every mail, sorted: mails wait for no other.
func (p *postbox) header(name string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]string, len(p.mails))
	for i, m := range p.mails {
		list[i] = m.Header.Get(name)
	}
	slices.Sort(list)
	return list
}

// TestMailsOfAPaidInvoice: a mail tells of each event, also of one that happened while the mail server was busy and the
// daemon was killed; what was refused for good, sent again by hand or never queued is told.
func TestMailsOfAPaidInvoice(t *testing.T) {
	t.Parallel()
	box := newPostbox(t)
	s := newShop(t, [2]string{"smtp", box.addr}, [2]string{"from", "My shop <shop@pay.example>"})
	const owner = "owner@shop.example"
	inv := s.invoice("20", "USD", "medium", map[string]any{"notificationEmail": owner, "orderId": "A-1 =?utf-8?q?=0D=0ABcc?="})
	box.setBusy(true)
	s.pay(inv.Address, sats(t, inv.Due))
	s.becomes(inv.ID, "paid", false)
	s.eventually("the busy server was asked", func() bool { return box.tried() > 0 })
	s.told(inv.ID, "paid") // the callback does not wait for the mail
	s.kill()
	box.setBusy(false)
	s.start()
	const subject = "Invoice A-1 = ?utf-8?q?=0D=0ABcc?=: "
	s.eventually("the mail of before arrives", func() bool { return slices.Equal(box.header("Subject"), []string{subject + "paid"}) })
	s.mine(6)
	s.becomes(inv.ID, "complete", false)
	all := []string{subject + "complete", subject + "confirmed", subject + "paid"}
	s.eventually("a mail for each event", func() bool { return slices.Equal(box.header("Subject"), all) })
	if to := slices.Compact(box.header("To")); !slices.Equal(to, []string{"<" + owner + ">"}) || !slices.Equal(box.header("Bcc"), []string{"", "", ""}) {
		t.Errorf("to %q", to)
	}

	var list []admin.Delivery
	s.run(&list, "delivery", "list", "--invoice", inv.ID)
	var last admin.Delivery
	events := map[string][]string{}
	for _, d := range list {
		if d.State != "delivered" {
			t.Errorf("%+v", d)
		}
		events[d.Channel] = append(events[d.Channel], d.EventID)
		if d.Channel == "mail" {
			last = d
		}
	}
	if len(events["mail"]) != 3 || !slices.Equal(events["mail"], events["ipn"]) || last.Endpoint != owner {
		t.Errorf("deliveries %v", events)
	}
	s.run(nil, "delivery", "resend", fmt.Sprint(last.ID))
	s.eventually("the mail that was asked for again", func() bool { return len(box.header("Subject")) == 4 })
	if ids := slices.Compact(box.header("Message-Id")); len(ids) != 4 || !slices.Contains(ids, "<"+last.EventID+"@pay.example>") {
		t.Errorf("ids %q", ids)
	}
	s.mailsThatGoNowhere(box)
	s.checkStory()
}

func (s *shop) mailsThatGoNowhere(box *postbox) {
	s.t.Helper()
	inv := s.invoice("20", "USD", "medium", map[string]any{"notificationEmail": "nobody@shop.example"})
	s.pay(inv.Address, sats(s.t, inv.Due))
	var doc admin.Invoice
	s.eventually("a mail that is refused for good is parked", func() bool {
		s.run(&doc, "invoice", "show", inv.ID)
		return slices.ContainsFunc(doc.Deliveries, func(d admin.Delivery) bool {
			return d.Channel == "mail" && d.State == "parked" && strings.HasPrefix(d.Last, "mail: recipient refused (status 550): ") && d.Tries == 1
		})
	})
	if doc.Email != "nobody@shop.example" || doc.NoMail != "" {
		s.t.Errorf("the story says %q, %q", doc.Email, doc.NoMail)
	}
	s.kill()
	s.edit([2]string{"smtp", ""})
	s.start()
	before := box.tried()
	inv = s.invoice("21", "USD", "medium", map[string]any{"notificationEmail": "owner@shop.example"})
	s.pay(inv.Address, sats(s.t, inv.Due))
	s.told(inv.ID, "paid")
	s.run(&doc, "invoice", "show", inv.ID)
	if len(doc.Deliveries) != 1 || doc.Deliveries[0].Channel != "ipn" || !strings.Contains(doc.NoMail, "[mail] smtp") || box.tried() != before {
		s.t.Errorf("without a mail server: %+v, %q", doc.Deliveries, doc.NoMail)
	}
	var check struct{ Notes []string }
	s.run(&check, "config", "check")
	if !slices.ContainsFunc(check.Notes, func(n string) bool { return strings.HasPrefix(n, "mail.smtp is empty") }) {
		s.t.Errorf("`satchel config check` notes %q", check.Notes)
	}
}
