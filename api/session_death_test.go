package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"satchel/auth"
	"satchel/invoice"
	"satchel/store/storetest"
)

// dying is a store whose disk ends: what it is told then is lost, as with a daemon that is killed there, or refused.
type dying struct {
	auth.Store
	spare  atomic.Int32 // so many writes are still kept; negative: any number
	refuse atomic.Bool
}

func newDying(s auth.Store) *dying {
	d := &dying{Store: s}
	d.spare.Store(-1)
	return d
}

func (d *dying) UpdateAuth(ctx context.Context, fn func(auth.Tx) error) error {
	switch n := d.spare.Load(); {
	case n == 0 && d.refuse.Load():
		return errors.New("disk full")
	case n == 0:
		return nil
	case n > 0:
		d.spare.Add(-1)
	}
	return d.Store.UpdateAuth(ctx, fn)
}

// changing is a call that changes something.
type changing struct {
	name, method, path, body string
	writes                   int32 // of the authority, before the answer
	status                   int
}

// changingCalls are all of them, each on an invoice of its own.
func (s *shop) changingCalls() []changing {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	inv := func(more string) string { return "/invoices/" + s.make(more) }
	told := inv(`,"notificationURL":"https://shop.example/ipn"`)
	over, under, open := inv(""), inv(""), inv("")
	s.pay(strings.TrimPrefix(told, "/invoices/"), 100_000)
	s.pay(strings.TrimPrefix(over, "/invoices/"), 150_000)
	s.pay(strings.TrimPrefix(under, "/invoices/"), 30_000)
	paid := inv("")
	s.pay(strings.TrimPrefix(paid, "/invoices/"), 100_000)
	sin := newClient(31).sin(s.t)
	return []changing{
		{"create", post, "/invoices", `,"price":50,"currency":"USD"`, 0, 200},
		{"update", put, inv(""), `,"buyerEmail":"zoe@shop.example"`, 0, 200},
		{"update with the guid of the invoice", put, inv(`,"guid":"a"`), `,"guid":"a","buyerEmail":"zoe@shop.example"`, 0, 200},
		{"cancel", del, open, "", 0, 200},
		{"cancel by guid", del, "/invoices/guid/" + s.guided("mine"), "", 0, 200},
		{"cancel what is paid", del, paid, "", 0, 409},
		{"adjust", post, over + "/adjustments", `,"type":"acceptOverpayment"`, 0, 200},
		{"adjust with a guid", post, s.overpaid() + "/adjustments", `,"guid":"b","type":"acceptOverpayment"`, 0, 200},
		{"adjust too soon", post, under + "/adjustments", `,"type":"acceptUnderpayment"`, 0, 409},
		{"notify", post, told + "/notifications", "", 0, 200},
		{"refund", post, paid + "/refunds", `,"amount":5`, 0, 501},
		{"end a refund", del, paid + "/refunds/r", "", 0, 501},
		{"read", get, paid, "", 0, 200},
		{"ask to be paired", post, "/tokens", `,"id":"` + string(sin) + `","facade":"pos"`, 1, 200},
		{"offer", post, "/tokens", `,"facade":"pos"`, 1, 200},
		{"register", post, "/clients", `,"id":"` + string(newClient(32).sin(s.t)) + `","label":"till"`, 1, 200},
	}
}

// guided makes an invoice with a guid, and overpaid one that got too much.
func (s *shop) guided(guid string) string {
	s.make(`,"guid":"` + guid + `"`)
	return guid
}

func (s *shop) overpaid() string {
	id := s.make("")
	s.pay(id, 150_000)
	return "/invoices/" + id
}

// in makes a call in a session.
func (s *shop) in(session string, c changing) reply {
	s.t.Helper()
	token := s.owner
	if strings.Contains(c.body, `"id":`) { // a client that is nobody yet
		token = ""
	}
	if c.method == http.MethodPost || c.method == http.MethodPut {
		return s.call(c.method, c.path, token, turnBody(session, 1, c.body))
	}
	return s.call(c.method, turnPath(c.path, session, 1), token, "")
}

// state is everything that changing calls change.
func (s *shop) state() string {
	s.t.Helper()
	list, err := s.db.ShowInvoices(s.t.Context(), storetest.Shop, invoice.Filter{Limit: 100}, 10)
	if err != nil {
		s.t.Fatal(err)
	}
	text := ""
	for _, i := range list {
		sent, err := s.db.DeliveriesOf(s.t.Context(), storetest.Shop, i.Invoice.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		text += fmt.Sprint(i.Invoice.ID, i.Invoice.State, i.Invoice.Order.Buyer, s.codes(string(i.Invoice.ID)), len(sent), "\n")
	}
	grants, err := s.api.cfg.Auth.Pairings(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return text + fmt.Sprint(grants)
}

// TestDeathBetweenEffectAndAnswer: what was done is on the disk, the answer is not; the client sends its request again,
// and is answered as it would have been.
func TestDeathBetweenEffectAndAnswer(t *testing.T) {
	var disk *dying
	s := newShop(t, func(s *shop, c *Config) {
		disk = newDying(s.db)
		c.Auth = authority(t, disk, s.now)
	})
	calls := s.changingCalls()
	sessions, before := make([]string, len(calls)), make([]reply, len(calls))
	for i, c := range calls {
		sessions[i] = s.session()
		was := s.state()
		disk.spare.Store(c.writes)
		before[i] = s.in(sessions[i], c)
		disk.spare.Store(-1)
		if before[i].status != c.status {
			t.Errorf("%s: %d %s", c.name, before[i].status, before[i].body)
		}
		if changed := s.state() != was; changed != (c.status == http.StatusOK && c.method != http.MethodGet && c.name != "register") {
			t.Errorf("%s: that something changed is %t", c.name, changed)
		}
	}
	s.restart()
	was := s.state()
	for round := range 2 { // the second time the answer is kept
		for i, c := range calls {
			after := s.in(sessions[i], c)
			if after.status != before[i].status || after.body != before[i].body {
				t.Errorf("%s: %d %s,\nthen %d %s", c.name, before[i].status, before[i].body, after.status, after.body)
			}
			if strings.Contains(after.body, sessions[i]) {
				t.Errorf("%s: the document tells the session's id", c.name)
			}
		}
		if is := s.state(); is != was {
			t.Errorf("something was done twice:\n%s\nthen\n%s", was, is)
		}
		if round == 0 {
			s.restart()
		}
	}
	next := turnBody(sessions[0], 2, `,"price":50,"currency":"USD"`) // the session goes on
	if r := s.call(http.MethodPost, "/invoices", s.owner, next); r.status != http.StatusOK || r.body == before[0].body {
		t.Errorf("the next request: %d %s", r.status, r.body)
	}
}

// TestAnswerThatCannotBeKept: it is not sent as if it were, and its number is good again. Once the disk is well, the same
// request is answered as it would have been at first, and the next number is the next.
func TestAnswerThatCannotBeKept(t *testing.T) {
	var disk *dying
	s := newShop(t, func(s *shop, c *Config) {
		disk = newDying(s.db)
		c.Auth = authority(t, disk, s.now)
	})
	calls := s.changingCalls()
	sessions := make([]string, len(calls))
	disk.refuse.Store(true)
	for i, c := range calls {
		sessions[i] = s.session()
		for range 2 {
			disk.spare.Store(c.writes)
			r := s.in(sessions[i], c)
			disk.spare.Store(-1)
			if text := r.refused(t, http.StatusServiceUnavailable); !strings.Contains(text, "same requestNumber") || r.header.Get("Retry-After") == "" {
				t.Errorf("%s: %s", c.name, r.body)
			}
			if strings.Contains(r.body, "disk full") {
				t.Errorf("the client is told %s", r.body)
			}
		}
	}
	was := s.state()
	for i, c := range calls {
		first, again := s.in(sessions[i], c), s.in(sessions[i], c)
		if first.status != c.status || again.body != first.body || again.status != first.status {
			t.Errorf("%s: %d %s,\nthen %d %s", c.name, first.status, first.body, again.status, again.body)
		}
		if r := s.send(http.MethodGet, turnPath("/rates", sessions[i], 2), ""); r.status != http.StatusOK {
			t.Errorf("%s, the next request: %d %s", c.name, r.status, r.body)
		}
	}
	if is := s.state(); is != was {
		t.Errorf("something was done twice:\n%s\nthen\n%s", was, is)
	}
}
