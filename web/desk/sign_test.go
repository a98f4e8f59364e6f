package desk

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"satchel/auth"
)

func (b *person) enters(name, password string) (*http.Response, string) {
	b.o.t.Helper()
	return b.post("/dashboard/sign-in", "name", name, "password", password, "next", "/dashboard/m/"+string(shopA)+"/invoices?status=new")
}

func TestSignIn(t *testing.T) {
	o := newOffice(t)
	_, err := o.staff.Add(t.Context(), auth.NewOperator{Name: "alice", Role: auth.Owner, Password: words})
	o.must(err)
	b := o.visitor()
	if res := b.do(httptest.NewRequest(http.MethodGet, at("invoices?status=new"), http.NoBody)); res.StatusCode != http.StatusSeeOther ||
		res.Header.Get("Location") != "/dashboard/sign-in?next="+url.QueryEscape(at("invoices?status=new")) {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	b.loads("/dashboard/sign-in?next="+url.QueryEscape(at("invoices")), "Sign in", "satchel operator add")
	for _, c := range [][2]string{{"alice", "wrong horse battery"}, {"bob", words}, {"", ""}, {"<b>alice", words}} {
		res, text := b.enters(c[0], c[1])
		if res.StatusCode != http.StatusUnauthorized || len(res.Cookies()) != 0 || strings.Contains(text, "<b>alice") {
			t.Errorf("%v: %d %v", c, res.StatusCode, res.Cookies())
		}
		says(t, text, "Name and password do not fit.")
	}
	res, _ := b.enters(" Alice ", words)
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != at("invoices?status=new") {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	for _, c := range res.Cookies() {
		if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || !strings.HasPrefix(c.Name, "__Host-") || c.Path != "/" || c.Domain != "" {
			t.Errorf("%+v", c)
		}
		if strings.HasSuffix(c.Name, "desk") && c.MaxAge != 0 {
			t.Error("the seat outlives the browser")
		}
	}
	b.loads("invoices", "alice", "Tea & Biscuits")
	if res := b.do(httptest.NewRequest(http.MethodGet, "/dashboard/sign-in?next=//evil.example", http.NoBody)); res.Header.Get("Location") != "/dashboard" {
		t.Errorf("led to %q", res.Header.Get("Location"))
	}
	if res := b.do(httptest.NewRequest(http.MethodGet, "/dashboard", http.NoBody)); res.Header.Get("Location") != at("") {
		t.Errorf("led to %q", res.Header.Get("Location"))
	}
	o.wait(12 * time.Hour)
	if status, _ := b.get("invoices"); status != http.StatusSeeOther {
		t.Errorf("after 12 hours: %d", status)
	}
	if log := o.log.String(); strings.Contains(log, words) || strings.Contains(log, b.cookies[o.seatCookie()].Value) || !strings.Contains(log, "operator=alice") {
		t.Errorf("%s", log)
	}
}

func TestWhereOneGoesAfterwards(t *testing.T) {
	o := newOffice(t, func(c *Config) { c.Base = "https://pay.example/shop" })
	v := &visit{d: o.Desk}
	for wish, want := range map[string]string{
		"/shop/dashboard": "/shop/dashboard", "/shop/dashboard/m/x?y=z": "/shop/dashboard/m/x?y=z", "": "/shop/dashboard", "/": "/shop/dashboard",
		"//evil.example": "/shop/dashboard", "https://evil.example": "/shop/dashboard", "/shop/dashboardx": "/shop/dashboard", "/dashboard": "/shop/dashboard",
		"/shop/dashboard/\\evil": "/shop/dashboard", "/shop/dashboard/\r\nX: y": "/shop/dashboard", "/shop/dashboard/sign-out": "/shop/dashboard",
		"/shop/dashboard/../../evil": "/shop/dashboard", "/shop/dashboard/m/%2e%2E/..%2f../evil": "/shop/dashboard", "/shop/dashboard?next=/a/../b": "/shop/dashboard?next=/a/../b",
		"/shop/dashboard//evil.example": "/shop/dashboard", "/shop/dashboard/%zz": "/shop/dashboard",
	} {
		if got := v.next(wish); got != want {
			t.Errorf("%q leads to %q", wish, got)
		}
	}
	if o.seatCookie() != "__Secure-desk" {
		t.Errorf("below a path the cookie is %s", o.seatCookie())
	}
	b := o.hires("alice", auth.Owner, "")
	if page := b.loads("invoices"); !strings.Contains(page, `href="/shop/dashboard/m/`) || strings.Contains(page, `href="/dashboard`) {
		t.Error("a link leaves the public path")
	}
	plain := newOffice(t, func(c *Config) { c.Base = "http://127.0.0.1:8350" })
	if plain.seatCookie() != "desk" {
		t.Errorf("without TLS the cookie is %s", plain.seatCookie())
	}
}

// A link on another site does not bring the cookie. The browser asks again by itself, once.
func TestComingFromAnotherSite(t *testing.T) {
	o := newOffice(t)
	b := o.visitor()
	b.site = "cross-site"
	page := b.loads("invoices?q=a%26b")
	if !strings.Contains(page, `http-equiv="refresh" content="0;url=`+at("invoices?q=a%26b")) {
		t.Errorf("%s", page)
	}
	b.site = "same-origin"
	if status, _ := b.get("invoices"); status != http.StatusSeeOther {
		t.Errorf("%d", status)
	}
}

// Whatever is posted from elsewhere, or without the key that only our pages have, changes nothing.
func TestFormsOfOtherSites(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, "")
	inv := o.sells(shopA)
	cancel := "invoices/" + string(inv.ID) + "/cancel"
	for name, change := range map[string]func(b *person) (members []string){
		"another site":           func(b *person) []string { b.site, b.origin = "cross-site", "https://evil.example"; return nil },
		"a sibling":              func(b *person) []string { b.site, b.origin = "same-site", "https://shop.pay.example"; return nil },
		"an old browser there":   func(b *person) []string { b.site, b.origin = "", "https://evil.example"; return nil },
		"nobody":                 func(b *person) []string { b.site, b.origin = "", "null"; return nil },
		"no key":                 func(*person) []string { return []string{"form", ""} },
		"another seat's key":     func(b *person) []string { return []string{"form", b.o.signs("alice").key()} },
		"the key, as http":       func(b *person) []string { b.site, b.origin = "", "http://pay.example"; return nil },
		"a neighbour's password": func(b *person) []string { b.cookies = map[string]*http.Cookie{}; return nil },
	} {
		other := &person{o: o, cookies: map[string]*http.Cookie{}, from: b.from, site: "same-origin", origin: "https://pay.example"}
		maps.Copy(other.cookies, b.cookies)
		res, text := other.post(cancel, change(other)...)
		if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusSeeOther || strings.Contains(res.Header.Get("Location"), "done") {
			t.Errorf("%s: %d %s", name, res.StatusCode, text)
		}
		if is := o.invoice(shopA, inv.ID); is.State.Status != inv.State.Status {
			t.Fatalf("%s cancelled the invoice", name)
		}
	}
	res, text := o.visitor().post("/dashboard/sign-in", "name", "alice", "password", words)
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", res.StatusCode, text)
	}
	evil := o.visitor()
	evil.site, evil.origin = "cross-site", "https://evil.example"
	if res, _ := evil.post("/dashboard/sign-in", "name", "alice", "password", words); res.StatusCode != http.StatusForbidden || len(res.Cookies()) > 0 {
		t.Errorf("another site signed somebody in: %d", res.StatusCode)
	}
	b.sends(cancel)
}

func TestTooManyAttempts(t *testing.T) {
	o := newOffice(t)
	_, err := o.staff.Add(t.Context(), auth.NewOperator{Name: "alice", Role: auth.Owner, Password: words})
	o.must(err)
	_, err = o.staff.Add(t.Context(), auth.NewOperator{Name: "bob", Role: auth.Owner, Password: words})
	o.must(err)
	known := o.visitor()
	if res, _ := known.enters("alice", words); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d", res.StatusCode)
	}
	delete(known.cookies, o.seatCookie())

	thief := o.visitor()
	n := 0
	for ; n < 50; n++ {
		res, text := thief.enters("alice", "guess")
		if res.StatusCode == http.StatusTooManyRequests {
			if res.Header.Get("Retry-After") == "" {
				t.Error("nobody is told when")
			}
			says(t, text, "Too many attempts")
			break
		}
	}
	if n != 10 {
		t.Errorf("%d guesses from one address", n)
	}
	if res, _ := thief.enters("bob", words); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the address tries another name: %d", res.StatusCode)
	}
	for i := range 30 { // from everywhere, in her name
		many := o.visitor()
		many.from = "203.0.113." + string(rune('1'+i%9)) + ":1000"
		many.enters("alice", "guess")
	}
	fresh := o.visitor()
	fresh.from = "198.51.100.1:1000"
	if res, _ := fresh.enters("alice", words); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a stranger in her name: %d", res.StatusCode)
	}
	if res, _ := known.enters("alice", words); res.StatusCode != http.StatusSeeOther {
		t.Errorf("the owner is locked out: %d", res.StatusCode)
	}
	if res, _ := known.enters("bob", "guess"); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("her browser guesses in another's name: %d", res.StatusCode)
	}
	if res, _ := fresh.enters("bob", words); res.StatusCode != http.StatusSeeOther {
		t.Errorf("another operator: %d", res.StatusCode)
	}
	o.wait(time.Minute)
	if res, _ := fresh.enters("alice", words); res.StatusCode != http.StatusSeeOther {
		t.Errorf("a minute later: %d", res.StatusCode)
	}
	local := o.visitor()
	local.from = "127.0.0.1:1000"
	for range 15 { // a proxy that names nobody: only the name counts
		local.enters("carol", "guess")
	}
	if res, _ := local.enters("bob", words); res.StatusCode != http.StatusSeeOther {
		t.Errorf("through the proxy: %d", res.StatusCode)
	}
}

// All strangers together cost the machine only so much, whatever they call themselves and wherever they come from.
func TestStrangersTogether(t *testing.T) {
	d, now, n := newDoor(), noon(), 0
	for i := range 1000 {
		if _, wait := d.knock(try{address: fmt.Sprint("a", i), name: fmt.Sprint("n", i)}, now); wait == 0 {
			n++
		}
	}
	if n != 60 {
		t.Errorf("%d hashes at once", n)
	}
	if _, wait := d.knock(try{name: "alice", browser: "known"}, now); wait != 0 {
		t.Errorf("a browser that is known waits %s", wait)
	}
	giveBack, wait := d.knock(try{address: "z", name: "z"}, now.Add(time.Second))
	if wait != 0 {
		t.Fatalf("a second later: %s", wait)
	}
	giveBack()
	for i := range 4 {
		if _, wait := d.knock(try{address: "z", name: "z"}, now.Add(time.Second)); wait != 0 {
			t.Errorf("%d: what was given back is gone: %s", i, wait)
		}
	}
}

func TestThrottle(t *testing.T) {
	th, now := newThrottle(10*time.Second, 3), noon()
	for i := range 3 {
		if wait := th.take("a", now); wait != 0 {
			t.Fatalf("%d: %s", i, wait)
		}
	}
	if wait := th.take("a", now); wait != 10*time.Second {
		t.Errorf("%s", wait)
	}
	if wait := th.take("b", now); wait != 0 {
		t.Errorf("another key: %s", wait)
	}
	th.giveBack("a")
	if wait := th.take("a", now); wait != 0 {
		t.Errorf("after one was given back: %s", wait)
	}
	if wait := th.take("a", now.Add(4*time.Second)); wait != 6*time.Second {
		t.Errorf("%s", wait)
	}
	if wait := th.take("a", now.Add(time.Hour)); wait != 0 {
		t.Errorf("an hour later: %s", wait)
	}
}

func TestWelcome(t *testing.T) {
	o := newOffice(t)
	_, err := o.staff.Add(t.Context(), auth.NewOperator{Name: "alice", Role: auth.Owner})
	o.must(err)
	key, _, err := o.staff.Invite(t.Context(), "alice")
	o.must(err)
	link := "/dashboard/welcome?" + url.Values{"name": {"alice"}, "key": {key}}.Encode()
	b := o.visitor()
	b.loads(link, "Welcome, alice", "At least 12 characters")
	for _, bad := range []string{"/dashboard/welcome", "/dashboard/welcome?name=bob&key=" + key, link + "x"} {
		if status, text := b.get(bad); status != http.StatusForbidden || strings.Contains(text, "<form") {
			t.Errorf("%s: %d %s", bad, status, text)
		}
	}
	set := func(password, again string) (*http.Response, string) {
		return b.post("/dashboard/welcome", "name", "alice", "key", key, "password", password, "again", again)
	}
	for _, c := range [][3]string{{words, words + "x", "The two passwords differ."}, {"short", "short", "Password has at least 12 characters"}} {
		res, text := set(c[0], c[1])
		if res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", c, res.StatusCode)
		}
		says(t, text, c[2])
	}
	res, _ := set(words, words)
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/dashboard" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	b.loads("", "Overview")
	if res, text := set(words, words); res.StatusCode != http.StatusForbidden {
		t.Errorf("twice: %d %s", res.StatusCode, text)
	}
	b.get(link)
	if strings.Contains(o.log.String(), key) {
		t.Error("the log holds the link's key")
	}
}

// Whatever strangers do in the name of somebody who was invited, he gets in by his link; they are counted by themselves.
func TestNobodyKeepsAnInvitedOperatorOut(t *testing.T) {
	o := newOffice(t)
	_, err := o.staff.Add(t.Context(), auth.NewOperator{Name: "alice", Role: auth.Owner})
	o.must(err)
	key, _, err := o.staff.Invite(t.Context(), "alice")
	o.must(err)
	other, _, err := o.staff.Invite(t.Context(), "alice")
	o.must(err)
	set := func(b *person, key string) int {
		res, _ := b.post("/dashboard/welcome", "name", "alice", "key", key, "password", words, "again", words)
		return res.StatusCode
	}
	thief, n := o.visitor(), 0
	for ; n < 50 && set(thief, "guess") == http.StatusForbidden; n++ {
		o.log.Reset()
	}
	if n != 10 || !strings.Contains(o.log.String(), "too many attempts") {
		t.Errorf("%d guesses from one address", n)
	}
	refused := 0
	for i := range 100 {
		many := o.visitor()
		many.from = fmt.Sprintf("203.0.113.%d:1000", i)
		if set(many, key[:len(key)-1]+"z") == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != 50 { // 60 of all at once, ten were there before
		t.Errorf("%d of 100 strangers were told to wait", refused)
	}
	o.wait(20 * time.Second) // for those who have no link
	bob := o.visitor()
	bob.from = "198.51.100.1:1000"
	if res, _ := bob.enters("alice", "guess"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("wrong keys are counted in her name: %d", res.StatusCode)
	}
	for i := range 100 {
		many := o.visitor()
		many.from = fmt.Sprintf("203.0.113.%d:1000", i)
		many.enters("alice", "guess")
	}
	alice := o.visitor()
	alice.from = thief.from
	if status := set(alice, other); status != http.StatusSeeOther {
		t.Errorf("with her link she gets %d", status)
	}
}

func TestAccount(t *testing.T) {
	o := newOffice(t)
	b := o.hires("vera", auth.Viewer, shopB)
	other := o.signs("vera")
	b.loads("/dashboard/account", "vera", "viewer", "Other shop")
	for _, c := range []struct {
		old, password, again, text string
		status                     int
	}{
		{"wrong", "staple of another kind", "staple of another kind", "That is not your present password.", 401},
		{words, "staple of another kind", "x", "The two passwords differ.", 422},
		{words, "vera", "vera", "at least 12 characters", 422},
	} {
		b.refused(c.status, "/dashboard/account/password", c.text, "old", c.old, "password", c.password, "again", c.again)
	}
	page := b.sends("/dashboard/account/password", "old", words, "password", "staple of another kind", "again", "staple of another kind")
	says(t, page, "Your password was changed.")
	if status, _ := other.get("/dashboard/account"); status != http.StatusSeeOther {
		t.Errorf("the other browser is signed in still: %d", status)
	}
	res, _ := b.post("/dashboard/sign-out")
	if res.StatusCode != http.StatusSeeOther || b.cookies[o.seatCookie()] != nil {
		t.Errorf("%d", res.StatusCode)
	}
	if status, _ := b.get("/dashboard/account"); status != http.StatusSeeOther {
		t.Errorf("signed out, and there: %d", status)
	}
	_, _, err := o.staff.SignIn(t.Context(), auth.Credentials{Name: "vera", Password: "staple of another kind"})
	o.must(err)
	res, _ = b.enters("vera", "staple of another kind")
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d", res.StatusCode)
	}
	if res, _ := b.post("/dashboard/account/sign-out"); res.StatusCode != http.StatusSeeOther {
		t.Errorf("%d", res.StatusCode)
	}
}
