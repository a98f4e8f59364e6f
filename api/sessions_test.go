package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"satchel/auth"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/store/storetest"
)

// session opens one.
func (s *shop) session() string {
	s.t.Helper()
	r := s.send(http.MethodPost, "/sessions", `{"guid":"383655d6-63d4-e147"}`)
	id, ok := r.json(s.t)["data"].(string)
	if r.status != http.StatusOK || !ok || id == "" {
		s.t.Fatalf("%d %s", r.status, r.body)
	}
	return id
}

func turnPath(path, id string, n any) string {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return fmt.Sprintf("%s%ssessionId=%s&requestNumber=%v", path, sep, id, n)
}

func turnBody(id string, n any, more string) string {
	return fmt.Sprintf(`{"sessionId":"%s","requestNumber":%v%s}`, id, n, more)
}

const (
	outOfTurn = "Invalid requestNumber"
	noSession = "Invalid or expired sessionId"
)

// TestSession: every answered request takes a number, the last one is answered again as it was, and no other.
func TestSession(t *testing.T) {
	s := newShop(t, nil)
	c, token := s.paired(7)
	id := s.session()
	first := s.signed(c, http.MethodGet, turnPath("/tokens", id, 1), "")
	if first.status != http.StatusOK {
		t.Fatalf("%d %s", first.status, first.body)
	}
	s.issue(storetest.Shop, auth.POS, c.sin(t)) // the answer would be another one by now
	if again := s.signed(c, http.MethodGet, turnPath("/tokens", id, 1), ""); again.status != http.StatusOK || again.body != first.body {
		t.Errorf("the same request is answered with %d %s, then %d %s", first.status, first.body, again.status, again.body)
	}
	refuse := func(text, method, path, body string) {
		t.Helper()
		if got := s.signed(c, method, path, body).refused(t, http.StatusBadRequest); got != text {
			t.Errorf("%s %s %s: %q, want %q", method, path, body, got, text)
		}
	}
	for _, n := range []any{0, 3, -1, "x", "1e0", "18446744073709551617"} {
		refuse(outOfTurn, http.MethodGet, turnPath("/tokens", id, n), "")
	}
	refuse(outOfTurn, http.MethodGet, "/tokens?sessionId="+id, "")
	refuse(outOfTurn, http.MethodGet, turnPath("/tokens?x=1", id, 1), "") // the number's request was another
	// Failures take a number, and are answered again as they were: 404, 401, 400.
	for n, path := range []string{"/invoices/unknown?token=" + token, "/invoices?token=merchant", "/invoices?limit=x&token=" + token} {
		p := turnPath(path, id, n+2)
		a, b := s.signed(c, http.MethodGet, p, ""), s.signed(c, http.MethodGet, p, "")
		if a.status == http.StatusOK || a.body != b.body || a.status != b.status {
			t.Errorf("%s: %d %s, then %d %s", path, a.status, a.body, b.status, b.body)
		}
	}
	// A bad signature takes none.
	bad := turnPath("/tokens", id, 5)
	if got := s.send(http.MethodGet, bad, "", c.headers(s.url+"/x", "")...).refused(t, http.StatusBadRequest); got != "Invalid signature" {
		t.Error(got)
	}
	s.send(http.MethodGet, turnPath("/invoices?token="+token, id, 5), "").refused(t, http.StatusUnauthorized)
	// Numbers in bodies, as numbers and as texts; and calls that need no signature.
	for n, more := range []string{`5`, `"6"`} {
		r := s.signed(c, http.MethodPost, "/invoices", turnBody(id, more, `,"price":50,"currency":"USD","token":"`+token+`"`))
		if r.status != http.StatusOK {
			t.Errorf("%d: %d %s", n, r.status, r.body)
		}
	}
	refuse(outOfTurn, http.MethodPost, "/invoices", turnBody(id, 6, `,"price":51,"currency":"USD","token":"`+token+`"`))
	if r := s.send(http.MethodGet, turnPath("/rates", id, 7), ""); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.send(http.MethodPost, "/sessions", turnBody(id, 8, "")); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.signed(c, http.MethodGet, turnPath("/tokens", id, 8), ""); r.status != http.StatusOK {
		t.Errorf("to open a session took a number of another: %d %s", r.status, r.body)
	}
}

// TestSessionEnds: one client looks for the words, opens another session, and calls again.
func TestSessionEnds(t *testing.T) {
	s := newShop(t, nil)
	c, _ := s.paired(7)
	other, _ := s.paired(8)
	id := s.session()
	s.wait(15 * time.Minute)
	if r := s.signed(c, http.MethodGet, turnPath("/tokens", id, 1), ""); r.status != http.StatusOK {
		t.Fatalf("after 15 minutes: %d %s", r.status, r.body)
	}
	if got := s.signed(other, http.MethodGet, turnPath("/tokens", id, 2), "").refused(t, http.StatusBadRequest); got != noSession {
		t.Errorf("somebody else's: %q", got)
	}
	s.wait(15*time.Minute + time.Millisecond)
	for _, unknown := range []string{id, "nothing", strings.Repeat("x", 1000)} {
		if got := s.signed(c, http.MethodGet, turnPath("/tokens", unknown, 2), "").refused(t, http.StatusBadRequest); got != noSession {
			t.Errorf("%q", got)
		}
	}
	for i := range 2 {
		two := turnPath("/tokens", id, 2)
		if i == 1 {
			two = "/tokens?sessionId=" + id + "&sessionId=other&requestNumber=2"
		}
		s.signed(c, http.MethodGet, two, "").refused(t, http.StatusBadRequest)
	}
}

// TestStoredAnswerIsNotForEverybody: a request that is repeated without its proof gets no answer of the first one.
func TestStoredAnswerIsNotForEverybody(t *testing.T) {
	s := newShop(t, nil)
	c, _ := s.paired(7)
	bearer := s.issue(storetest.Shop, auth.Merchant, "")
	id := s.session()
	path := turnPath("/tokens", id, 1)
	if r := s.signed(c, http.MethodGet, path, ""); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := s.send(http.MethodGet, path, ""); r.status == http.StatusOK {
		t.Errorf("without a signature: %s", r.body)
	}
	list := turnPath("/invoices", id, 2)
	if r := s.send(http.MethodGet, list, "", "Authorization", "Bearer "+bearer); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, h := range [][]string{nil, {"Authorization", "Bearer x"}} {
		if r := s.send(http.MethodGet, list, "", h...); r.status == http.StatusOK {
			t.Errorf("with %v: %s", h, r.body)
		}
	}
	// Nor has anybody else who may ask the question, of his own shop.
	if got := s.send(http.MethodGet, list, "", "Authorization", "Bearer "+s.other).refused(t, http.StatusBadRequest); got != outOfTurn {
		t.Error(got)
	}
	if err := s.api.cfg.Auth.Revoke(t.Context(), storetest.Shop, parent(bearer)); err != nil {
		t.Fatal(err)
	}
	if r := s.send(http.MethodGet, list, "", "Authorization", "Bearer "+bearer); r.status != http.StatusUnauthorized {
		t.Errorf("with a token that was revoked since: %d %s", r.status, r.body)
	}
}

// slowService makes invoices when it is told to.
type slowService struct {
	invoiceService
	entered, leave chan struct{}
	calls          atomic.Int32
}

func (s *slowService) Create(ctx context.Context, r invoice.Request) (invoice.Invoice, error) {
	s.calls.Add(1)
	s.entered <- struct{}{}
	select {
	case <-s.leave:
	case <-ctx.Done():
		return invoice.Invoice{}, ctx.Err()
	}
	return s.invoiceService.Create(ctx, r)
}

// TestClientThatGaveUp: its request is done all the same, once, and the one it sends again gets the answer.
func TestClientThatGaveUp(t *testing.T) {
	var slow *slowService
	s := newShop(t, func(_ *shop, c *Config) {
		slow = &slowService{invoiceService: c.Invoices, entered: make(chan struct{}, 9), leave: make(chan struct{})}
		c.Invoices = slow
	})
	c, token := s.paired(7)
	id := s.session()
	body := turnBody(id, 1, `,"price":50,"currency":"USD","token":"`+token+`"`)
	ctx, giveUp := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/invoices", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	h := c.headers(s.url+"/invoices", body)
	req.Header.Set(h[0], h[1])
	req.Header.Set(h[2], h[3])
	transport := &http.Transport{}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if res, err := transport.RoundTrip(req); err == nil {
			_ = res.Body.Close()
			t.Error("there was an answer")
		}
	}()
	<-slow.entered
	giveUp()
	<-gone
	transport.CloseIdleConnections()
	replies := make(chan reply, 3)
	var wg sync.WaitGroup
	for range 3 { // more of the same, in parallel: they wait for the first
		wg.Go(func() { replies <- s.signed(c, http.MethodPost, "/invoices", body) })
	}
	close(slow.leave)
	wg.Wait()
	close(replies)
	for r := range replies {
		if r.status != http.StatusOK {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if n := slow.calls.Load(); n != 1 {
		t.Errorf("the request was done %d times", n)
	}
}

// panicking is a store in which something is badly wrong.
type panicking struct{ invoiceStore }

func (panicking) Merchant(context.Context, merchant.ID) (merchant.Merchant, error) {
	panic("badly wrong")
}

// TestPanicInASession takes its number, so that the client stays in step.
func TestPanicInASession(t *testing.T) {
	s := newShop(t, func(_ *shop, c *Config) { c.Store = panicking{c.Store} })
	id := s.session()
	for range 2 {
		s.send(http.MethodGet, turnPath("/invoices?token="+s.owner, id, 1), "").refused(t, http.StatusInternalServerError)
	}
	if n := strings.Count(s.logs.String(), "handler panicked"); n != 2 { // message and error of one panic
		t.Errorf("the log tells of %d panics", n)
	}
	if r := s.send(http.MethodGet, turnPath("/rates", id, 2), ""); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
}
