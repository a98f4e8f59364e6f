package main

import (
	"bufio"
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"satchel/admin"
)

// deskClerk is somebody at the desk, with a browser's cookies.
type deskClerk struct {
	s *shop
	*http.Client
	root string // where the merchant's pages are
}

// hires adds an operator by command, and signs him in by the link that it prints.
func (s *shop) hires(name string, flags ...string) *deskClerk {
	s.t.Helper()
	var doc admin.OperatorDoc
	s.run(&doc, append([]string{"operator", "add", name}, flags...)...)
	jar, err := cookiejar.New(nil)
	s.must(err)
	c := &deskClerk{s: s, Client: &http.Client{Jar: jar}}
	form := formOf(c.page(doc.Link))
	form.Set("password", "correct horse battery")
	form.Set("again", "correct horse battery")
	text := c.sends("http://"+s.api+"/dashboard/welcome", form)
	root := regexp.MustCompile(`href="(/dashboard/m/[^"/]+)"`).FindStringSubmatch(text)
	if root == nil {
		s.t.Fatalf("nobody is signed in:\n%s", text)
	}
	c.root = "http://" + s.api + root[1]
	return c
}

// page loads a page.
func (c *deskClerk) page(target string) string {
	c.s.t.Helper()
	res, err := c.Get(target)
	c.s.must(err)
	return c.s.read(res)
}

// sends posts a form as the page would, and gives the page where it leads.
func (c *deskClerk) sends(target string, form url.Values) string {
	c.s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	c.s.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://"+c.s.api)
	res, err := c.Do(r)
	c.s.must(err)
	return c.s.read(res)
}

// key is the key of the forms of a page.
func (c *deskClerk) key(page string) string { return formOf(page).Get("form") }

// A link that was made at the desk is a page on which anybody pays, and its code can be printed; once revoked it is none.
func TestALinkFromTheDesk(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	alice := s.hires("alice")
	form := formOf(alice.page(alice.root + "/links"))
	form.Set("label", "Stall 3")
	made := alice.sends(alice.root+"/links", form)
	link := regexp.MustCompile(`src="(/pos/[^"/]+)/code.svg"`).FindStringSubmatch(made)
	if link == nil {
		t.Fatalf("no link was made:\n%s", made)
	}
	payer := &deskClerk{s: s, Client: &http.Client{}}
	address := "http://" + s.api + link[1]
	if page := payer.page(address); !strings.Contains(page, "Stall 3") {
		t.Errorf("the link leads to\n%s", page)
	}
	if svg := payer.page(address + "/code.svg"); !strings.HasPrefix(svg, "<svg") {
		t.Errorf("the code is %.100s", svg)
	}
	var list []admin.PayLink
	if s.run(&list, "pos", "link", "list"); len(list) != 1 || !strings.HasSuffix(list[0].URL, link[1]) {
		t.Fatalf("the command lists %+v", list)
	}
	alice.sends(alice.root+"/links/revoke", url.Values{"form": form["form"], "id": {list[0].ID}})
	if page := payer.page(address); strings.Contains(page, "Stall 3") {
		t.Error("a revoked link works")
	}
}

// From the first command to a paid invoice, all of it at the desk.
func TestADayAtTheDesk(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	alice := s.hires("alice")
	page := alice.page(alice.root + "/new")
	form := formOf(page)
	for name, value := range map[string]string{"kind": "fixed", "price": "25", "currency": "USD", "order": "counter 7"} {
		form.Set(name, value)
	}
	made := alice.sends(alice.root+"/new", form)
	id := regexp.MustCompile(`/invoice\?id=([1-9A-HJ-NP-Za-km-z]{22})`).FindStringSubmatch(made)
	if id == nil || !strings.Contains(made, "counter 7") {
		t.Fatalf("no invoice was made:\n%s", made)
	}
	if again := alice.sends(alice.root+"/new", form); !strings.Contains(again, id[1]) {
		t.Error("the form, sent twice, made two")
	}
	order := s.get(id[1])
	s.pay(order.Address, 50_000)
	s.mine(6)
	s.becomes(order.ID, "complete", false)
	s.eventually("the page tells that it is complete", func() bool {
		page := alice.page(alice.root + "/invoices/" + order.ID)
		return strings.Contains(page, `data-status="complete"`) && strings.Contains(page, "6 confirmations") && strings.Contains(page, `data-state="delivered"`)
	})
	for path, want := range map[string]string{
		"": "Ready for payments", "/invoices": "counter 7", "/invoices.csv": "counter 7", "/payments.csv": order.ID, "/events": "invoice_completed", "/callbacks": s.receiver.url[:16],
		"/clients": "e2e", "/rates": "fixed", "/health": "rawtx", "/charts": "1 of 1", "/settings": "invoice.speed",
	} {
		if page := alice.page(alice.root + path); !strings.Contains(page, want) {
			t.Errorf("%s does not say %q:\n%s", path, want, page)
		}
	}
	alice.hearsAnAttempt(order.ID)
	vera := s.hires("vera", "--role", "viewer")
	if page := vera.sends(vera.root+"/invoices/"+order.ID+"/mark", url.Values{
		"form": {vera.key(vera.page(vera.root))}, "status": {"invalid"}, "reason": {"a whim"},
	}); !strings.Contains(page, "change nothing") {
		t.Errorf("a viewer marks an invoice:\n%s", page)
	}
	s.run(nil, "operator", "remove", "vera")
	if page := vera.page(vera.root); !strings.Contains(page, "Sign in") {
		t.Errorf("who was removed is there still:\n%s", page)
	}
	s.kill()
	s.start()
	if page := alice.page(alice.root); !strings.Contains(page, "Ready for payments") {
		t.Errorf("a restart signs people out:\n%s", page)
	}
}

// hearsAnAttempt sends a callback again, and wants the stream of the pages to tell of both: that it was asked for, and that
// it was tried.
func (c *deskClerk) hearsAnAttempt(id string) {
	c.s.t.Helper()
	ctx, cancel := context.WithTimeout(c.s.t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.root+"/live", http.NoBody)
	c.s.must(err)
	res, err := c.Do(r)
	c.s.must(err)
	defer res.Body.Close()
	told := 0
	for lines := bufio.NewScanner(res.Body); told < 3 && lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "data: ") {
			continue
		}
		if told++; told > 1 {
			continue
		}
		page := c.page(c.root + "/invoices/" + id)
		delivery := regexp.MustCompile(`/deliveries/(\d+)/resend`).FindStringSubmatch(page)
		if delivery == nil {
			c.s.t.Fatalf("there is nothing to send again:\n%s", page)
		}
		c.sends(c.root+"/deliveries/"+delivery[1]+"/resend", url.Values{"form": {c.key(page)}, "invoice": {id}})
	}
	if told < 3 {
		c.s.t.Errorf("a callback was sent again, and the page was told of %d changes", told-1)
	}
}

func TestOperatorsByCommand(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	run := func(stdin string, args ...string) (string, error) {
		cmd := exec.Command(binary(t), append([]string{"--config", s.config}, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("", "operator", "add", "alice"); err != nil || !strings.Contains(out, "/dashboard/welcome?key=") || !strings.Contains(out, "alice, owner of ") {
		t.Errorf("%v %s", err, out)
	}
	if out, err := run("correct horse battery\n", "operator", "add", "bob", "--role", "viewer", "--all", "--password-stdin"); err != nil ||
		strings.Contains(out, "welcome") || strings.Contains(out, "horse") || !strings.Contains(out, "bob, viewer of every merchant") {
		t.Errorf("%v %s", err, out)
	}
	if out, err := run("", "operator", "list"); err != nil || !strings.Contains(out, "alice") || !strings.Contains(out, "every merchant") {
		t.Errorf("%v %s", err, out)
	}
	if out, err := run("staple of another kind", "operator", "password", "bob", "--password-stdin"); err != nil || strings.Contains(out, "staple") {
		t.Errorf("%v %s", err, out)
	}
	for _, c := range [][]string{
		{"add", "bob"},
		{"add", "Bob Smith"},
		{"add", "carol", "--role", "boss"},
		{"add", "carol", "--password-stdin"},
		{"add", "carol", "--merchant", "nobody"},
		{"password", "nobody"},
		{"remove", "nobody"},
	} {
		out, err := run("\n", append([]string{"operator"}, c...)...)
		if err == nil || strings.Count(strings.TrimSpace(out), "\n") > 0 {
			t.Errorf("%v: %v %s", c, err, out)
		}
	}
	s.refused(exitUsage, "operator", "add")
	s.refused(exitRefused, "operator", "add", "carol", "--all", "--merchant", "x")
	s.refuses("`satchel operator list` shows", "operator", "password", "nobody")
	s.refuses("`satchel operator list` shows", "operator", "remove", "nobody")
}

// A link that was printed is worth nothing once another was, however soon.
func TestTheNewestLinkSetsThePassword(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var first, second admin.OperatorDoc
	s.run(&first, "operator", "add", "alice")
	s.run(&second, "operator", "password", "alice")
	anybody := &deskClerk{s: s, Client: &http.Client{}}
	if first.Link == second.Link || strings.Contains(anybody.page(first.Link), "<form") || !strings.Contains(anybody.page(second.Link), "Welcome, <bdi>alice") {
		t.Errorf("of two links the older lives, or the newer does not:\n%s\n%s", anybody.page(first.Link), anybody.page(second.Link))
	}
}
