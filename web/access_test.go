package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
)

// Without a link's key nobody learns whether a code exists, nor what it asks for.
func TestWithoutAKeyOnlyTheWayIsShown(t *testing.T) {
	o := newOffice(t)
	g := o.asks(auth.Merchant, "Garden shop")
	status, text := o.fetch(accessPath + "?pairingCode=" + g.Pairing.Code)
	if status != http.StatusOK {
		t.Fatalf("%d", status)
	}
	says(t, text, "satchel pairing approve "+g.Pairing.Code, "satchel pairing link "+g.Pairing.Code)
	for _, secret := range []string{"Garden", string(aSIN[:4]), "merchant", "<form"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is told to anybody", secret)
		}
	}
	_, other := o.fetch("/api-tokens?pairingCode=zzzzzzz")
	if strings.ReplaceAll(text, g.Pairing.Code, "zzzzzzz") != other {
		t.Error("a code that exists looks different from one that does not")
	}
}

func TestTheCodeIsAskedFor(t *testing.T) {
	o := newOffice(t)
	for _, path := range []string{accessPath, accessPath + "/", "/api-tokens", "/api-tokens/", "/dashboard/merchant/api-tokens", "/dashboard/merchant/api-tokens/?pairingCode=+"} {
		status, text := o.fetch(path)
		if status != http.StatusOK || !strings.Contains(text, `name="pairingCode"`) || !strings.Contains(text, `action="/api-access-request"`) {
			t.Errorf("%s: %d\n%s", path, status, text)
		}
	}
	// Only a code may become a part of a command that somebody copies.
	for _, typed := range []string{"aB3dE5", "aB3dE5gh", "aB3 E5g", "a;reboo", "$(ls)ab", "äB3dE5", strings.Repeat("x", 10_000), "<script", "\x00abcdef", `"><b>xy`} {
		status, text := o.fetch("/api-tokens?pairingCode=" + url.QueryEscape(typed))
		if status != http.StatusBadRequest || strings.Contains(text, "satchel pairing") || !strings.Contains(text, "not a pairing code") {
			t.Errorf("%.20q: %d", typed, status)
		}
		if strings.Contains(text, "<script") || strings.Contains(text, "<b>xy") || len(text) > 3000 {
			t.Errorf("%.20q is not shown as text", typed)
		}
	}
}

func TestARequestIsApprovedOnce(t *testing.T) {
	o := newOffice(t)
	g := o.asks(auth.Merchant, "Garden shop")
	o.clock.add(3 * time.Minute)
	key := o.key(g)
	status, text := o.opens(g.Pairing.Code, key)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	says(t, text, "Garden shop", string(aSIN), "merchant", "Tea & Biscuits", "3 minutes ago", "in 23 hours", "21 November 2026, 12:00 UTC", "15 minutes more")
	if strings.Contains(text, `name="facade"`) || strings.Contains(text, `name="merchant"`) {
		t.Error("a choice where there is none")
	}
	if was, _ := o.grant(g.ID); was.State(o.clock.read()) != auth.Inactive {
		t.Fatal("looking decided")
	}
	status, text = o.answers(g, key, "approve", "facade", "payout", "merchant", "first") // what was asked counts
	if status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, text)
	}
	says(t, text, "Access approved", "Garden shop", string(aSIN), "merchant", "Tea & Biscuits")
	now, _ := o.grant(g.ID)
	if now.State(o.clock.read()) != auth.Active || now.Merchant != "first" || now.Facade != auth.Merchant {
		t.Fatalf("%+v", now)
	}
	for _, decision := range []string{"approve", "refuse", "refuse"} { // the key died with the decision
		if status, text = o.answers(g, key, decision); status != http.StatusConflict || !strings.Contains(text, "Access approved") {
			t.Errorf("%s again: %d %s", decision, status, text)
		}
	}
	if again, _ := o.grant(g.ID); again != now {
		t.Errorf("it was decided twice: %+v", again)
	}
	if err := o.auth.Revoke(t.Context(), "first", g.ID); err != nil {
		t.Fatal(err)
	}
	_, text = o.opens(g.Pairing.Code, key)
	says(t, text, "Access taken back")
}

func TestARequestIsRefused(t *testing.T) {
	o := newOffice(t)
	g := o.asks(auth.POS, "")
	key := o.key(g)
	_, text := o.opens(g.Pairing.Code, key)
	says(t, text, "none given", "pos")
	status, text := o.answers(g, key, "refuse")
	if status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, text)
	}
	says(t, text, "Access refused")
	if status, text := o.answers(g, key, "approve"); status != http.StatusConflict || !strings.Contains(text, "Access refused") {
		t.Errorf("approved after all: %d %s", status, text)
	}
	if now, ok := o.grant(g.ID); ok && now.State(o.clock.read()) == auth.Active {
		t.Errorf("%+v", now)
	}
}

// Where the client asked for no facade, and where there are several merchants, the approver picks; nothing is guessed.
func TestTheApproverPicks(t *testing.T) {
	o := newOffice(t, shopOf("second", "Bicycles <b>"))
	g := o.asks(0, "till")
	key := o.key(g)
	_, text := o.opens(g.Pairing.Code, key)
	says(t, text, "Tea & Biscuits", "Bicycles <b>", "What may it do?", "For which merchant?")
	for name, c := range map[string]struct {
		more []string
		want string
	}{
		"no facade":        {[]string{"merchant", "first"}, "choose what the client may do"},
		"a foreign facade": {[]string{"merchant", "first", "facade", "user"}, "choose what the client may do"},
		"no merchant":      {[]string{"facade", "pos"}, "choose the merchant"},
		"unknown merchant": {[]string{"facade", "pos", "merchant", "third"}, "choose the merchant"},
	} {
		if status, text := o.answers(g, key, "approve", c.more...); status != http.StatusBadRequest || !strings.Contains(text, c.want) {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	if _, text := o.answers(g, key, "approve", "facade", "merchant"); !strings.Contains(text, `value="merchant" required checked`) {
		t.Errorf("what was picked is forgotten:\n%s", text)
	}
	if _, text := o.fetch(accessPath + "?pairingCode=" + g.Pairing.Code + "&key=" + key + "&merchant=second"); !strings.Contains(text, `value="second" selected`) {
		t.Errorf("the link's merchant is not picked:\n%s", text)
	}
	if status, text := o.answers(g, key, "shrug"); status != http.StatusBadRequest || !strings.Contains(text, "approve or to refuse") {
		t.Errorf("%d %s", status, text)
	}
	status, text := o.answers(g, key, "approve", "facade", "pos", "merchant", "second")
	if now, _ := o.grant(g.ID); status != http.StatusSeeOther || now.Merchant != "second" || now.Facade != auth.POS {
		t.Fatalf("%d %+v", status, now)
	}
	says(t, text, "Bicycles <b>", "pos")
}

func TestAWrongKeyOpensNothing(t *testing.T) {
	o := newOffice(t)
	g, other := o.asks(auth.Merchant, "Garden shop"), o.asks(auth.POS, "other")
	key := o.key(g)
	code := g.Pairing.Code
	old := o.db.ServerSecret().Link(g.ID, code, noon())
	for name, c := range map[string][2]string{
		"none but the code's":   {code, code},
		"another request's":     {code, o.key(other)},
		"for another code":      {other.Pairing.Code, key},
		"too old":               {code, old},
		"of another server":     {code, auth.Secret{9}.Link(g.ID, code, noon().Add(time.Hour))},
		"cut short":             {code, key[:len(key)-1]},
		"with more":             {code, key + "1"},
		"long":                  {code, strings.Repeat(key, 100)},
		"in another case":       {code, strings.ToLower(key)},
		"of a grant that isn't": {code, auth.Secret{}.Link(auth.TokenID{}, code, noon().Add(time.Hour))},
	} {
		if status, text := o.opens(c[0], c[1]); status != http.StatusForbidden || strings.Contains(text, "Garden") || strings.Contains(text, "<form") {
			t.Errorf("%s: %d %s", name, status, text)
		}
		form := url.Values{"pairingCode": {c[0]}, "key": {c[1]}, "decision": {"approve"}}
		if rec := o.posts(form); rec.Code != http.StatusForbidden {
			t.Errorf("%s, posted: %d", name, rec.Code)
		}
	}
	if status, _ := o.opens(code, key); status != http.StatusOK {
		t.Fatalf("the right one: %d", status)
	}
	o.clock.add(auth.LinkLife)
	if status, _ := o.opens(code, key); status != http.StatusForbidden {
		t.Error("a key lives on")
	}
	if status, _ := o.answers(g, key, "approve"); status != http.StatusForbidden {
		t.Error("an old key decides")
	}
	if now, _ := o.grant(g.ID); now.State(o.clock.read()) != auth.Inactive {
		t.Fatalf("somebody decided: %+v", now)
	}
}

// The authority is in the form that our own page made: what another site can make a browser send is not enough.
func TestOnlyTheFormDecides(t *testing.T) {
	o := newOffice(t)
	g := o.asks(auth.POS, "")
	form := url.Values{"pairingCode": {g.Pairing.Code}, "key": {o.key(g)}, "decision": {"approve"}}.Encode()
	for name, r := range map[string]*http.Request{
		"in the query":    httptest.NewRequest(http.MethodPost, accessPath+"?"+form, http.NoBody),
		"as plain text":   httptest.NewRequest(http.MethodPost, accessPath, strings.NewReader(form)),
		"a broken escape": httptest.NewRequest(http.MethodPost, accessPath, strings.NewReader(form+"&x=%zz")),
		"too long":        httptest.NewRequest(http.MethodPost, accessPath, strings.NewReader(form+"&x="+strings.Repeat("y", maxForm))),
	} {
		if name != "as plain text" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		rec := httptest.NewRecorder()
		o.Handler().ServeHTTP(rec, r)
		if rec.Code != http.StatusForbidden {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{http.MethodHead, accessPath, http.StatusOK},
		{http.MethodPost, "/api-tokens", http.StatusMethodNotAllowed},
		{http.MethodDelete, accessPath, http.StatusMethodNotAllowed},
		{http.MethodGet, accessPath + "?" + form, http.StatusOK}, // shows, and decides nothing
	} {
		rec := httptest.NewRecorder()
		o.Handler().ServeHTTP(rec, httptest.NewRequest(c.method, c.path, http.NoBody))
		if rec.Code != c.want {
			t.Errorf("%s %.20s: %d", c.method, c.path, rec.Code)
		}
	}
	if now, _ := o.grant(g.ID); now.State(o.clock.read()) != auth.Inactive {
		t.Fatalf("somebody decided: %+v", now)
	}
}

// Many answers at once: one wins, and the others are told what was decided.
func TestOneOfManyDecides(t *testing.T) {
	o := newOffice(t)
	for round := range 8 {
		g := o.asks(auth.POS, "till")
		key := o.key(g)
		var wg sync.WaitGroup
		answers := make([]*httptest.ResponseRecorder, 16)
		for i := range answers {
			wg.Go(func() {
				decision := []string{"approve", "refuse"}[(i+round)%2]
				answers[i] = o.posts(url.Values{"pairingCode": {g.Pairing.Code}, "key": {key}, "decision": {decision}})
			})
		}
		wg.Wait()
		now, ok := o.grant(g.ID)
		title := "Access refused"
		if ok && now.State(o.clock.read()) == auth.Active {
			title = "Access approved"
		}
		won := 0
		for i, rec := range answers {
			switch {
			case rec.Code == http.StatusSeeOther:
				won++
			case rec.Code != http.StatusConflict || !strings.Contains(rec.Body.String(), title):
				t.Errorf("answer %d: %d %s", i, rec.Code, rec.Body.String())
			}
		}
		if won != 1 {
			t.Fatalf("%d answers decided", won)
		}
	}
}

// Whatever a client calls itself shows as text.
func TestHostileLabelsShowAsText(t *testing.T) {
	for _, evil := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "\u202Egnp.exe", "a\x00b\x1b[2J", `{{.Key}}`, `</dd></form><form action="https://evil.example">`,
		strings.Repeat("é", 10_000), "\xff\xfe", "🍵" + strings.Repeat("\u0301", 50), "line\n\n\nline", "\u2066\u2069\u200b",
	} {
		g := auth.Grant{
			ID: auth.TokenID{1}, SIN: auth.SIN(evil), Label: evil, Facade: auth.POS, Created: noon(),
			Pairing: auth.Pairing{Code: "aB3dE5g", Expires: noon().Add(time.Hour), Client: true},
		}
		approved := g
		approved.Pairing.Code, approved.Merchant = "", "first"
		for _, state := range []auth.Grant{g, approved} {
			o, _ := onlyOne(t, state, nil)
			_, text := o.opens("aB3dE5g", auth.Secret{1}.Link(g.ID, "aB3dE5g", noon().Add(time.Minute)))
			if !strings.Contains(text, "Client id") {
				t.Fatalf("%.20q: no request is shown: %s", evil, text)
			}
			for _, bad := range []string{"<script", "<img", "\u202E", "\u2066", "\x00", "\x1b", "https://evil.example\">", "\n\n\n"} {
				if strings.Contains(text, bad) {
					t.Errorf("%.20q: the page holds %q", evil, bad)
				}
			}
			if n := strings.Count(text, "<form"); n > 1 || len(text) > 10_000 {
				t.Errorf("%.20q: %d forms, %d bytes", evil, n, len(text))
			}
		}
	}
}

func TestAccessPagesAreStrict(t *testing.T) {
	o := newOffice(t, shopOf("second", "Bicycles"))
	g := o.asks(0, "till")
	for name, target := range map[string]string{
		"code": "/api-tokens", "wrong": "/api-tokens?pairingCode=x", "how": accessPath + "?pairingCode=" + g.Pairing.Code,
		"request": accessPath + "?pairingCode=" + g.Pairing.Code + "&key=" + o.key(g), "trouble": accessPath + "?pairingCode=" + g.Pairing.Code + "&key=x",
	} {
		rec := httptest.NewRecorder()
		o.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, target, http.NoBody))
		text, h := rec.Body.String(), rec.Header()
		for header, want := range map[string]string{
			"Content-Security-Policy": accessPolicy, "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8", "Set-Cookie": "",
		} {
			if h.Get(header) != want {
				t.Errorf("%s: %s is %q", name, header, h.Get(header))
			}
		}
		if strings.Contains(text, "<script") || strings.Contains(text, "style=") || strings.Contains(text, " onclick") {
			t.Errorf("%s: inline code, or a script", name)
		}
		if regexp.MustCompile(`(?:src|href|action)="(?:https?:)?//`).MatchString(text) {
			t.Errorf("%s asks somebody else for something", name)
		}
		accessible(t, name, text)
	}
	if strings.Contains(accessPolicy, "unsafe") || !strings.Contains(accessPolicy, "frame-ancestors 'none'") || !strings.Contains(accessPolicy, "form-action 'self'") {
		t.Error(accessPolicy)
	}
}

// accessible holds a page to what a screen reader needs: a language, a title, one main part, one first heading, a name for
// every control, and ids that are there once.
func accessible(t *testing.T, name, text string) {
	t.Helper()
	for _, want := range []string{`<html lang="en">`, "<title>", "<main", "<h1", `name="viewport"`} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%s: %d of %s", name, strings.Count(text, want), want)
		}
	}
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(text, -1) {
		if ids[m[1]]++; ids[m[1]] > 1 {
			t.Errorf("%s: id %s is there twice", name, m[1])
		}
	}
	for _, m := range regexp.MustCompile(`(?:for|aria-labelledby|aria-describedby)="([^"]+)"`).FindAllStringSubmatch(text, -1) {
		for id := range strings.FieldsSeq(m[1]) {
			if ids[id] == 0 {
				t.Errorf("%s: nothing has the id %s", name, id)
			}
		}
	}
	for _, m := range regexp.MustCompile(`<(?:input|select)[^>]*>`).FindAllString(text, -1) {
		id := regexp.MustCompile(` id="([^"]+)"`).FindStringSubmatch(m)
		labelled := id != nil && strings.Contains(text, `for="`+id[1]+`"`)
		if !labelled && !strings.Contains(m, `type="hidden"`) && !strings.Contains(text, `<label class="pick">`+m) {
			t.Errorf("%s: no label for %s", name, m)
		}
	}
}

func TestTroubleOfTheStoreTellsNothing(t *testing.T) {
	g := auth.Grant{ID: auth.TokenID{1}, SIN: aSIN, Pairing: auth.Pairing{Code: "aB3dE5g", Expires: noon().Add(time.Hour), Client: true}}
	o, key := onlyOne(t, g, errors.New("disk on fire"))
	if status, text := o.opens("aB3dE5g", key); status != http.StatusInternalServerError || strings.Contains(text, "disk on fire") {
		t.Errorf("%d %s", status, text)
	}
	o, key = onlyOne(t, g, fault.New(fault.Unavailable, "later"))
	if status, text := o.opens("aB3dE5g", key); status != http.StatusServiceUnavailable || strings.Contains(text, "later") {
		t.Errorf("%d %s", status, text)
	}
	o, key = onlyOne(t, g, nil)
	if _, text := o.opens("aB3dE5g", key); !strings.Contains(text, `action="/shop/api-access-request"`) {
		t.Errorf("the form goes astray:\n%s", text)
	}
	o.clock.add(time.Hour)
	late := auth.Secret{1}.Link(g.ID, "aB3dE5g", noon().Add(2*time.Hour))
	if _, text := o.opens("aB3dE5g", late); !strings.Contains(text, "has expired") || strings.Contains(text, "<form") {
		t.Errorf("an old request can be decided:\n%s", text)
	}
}

func TestWithoutAccessThereIsNoPage(t *testing.T) {
	if status := newWorld(t, 1).get(t, accessPath).StatusCode; status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
}

func TestSpans(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"less than a minute": 59 * time.Second, "1 minute": 119 * time.Second, "59 minutes": time.Hour - 1, "1 hour": time.Hour,
		"47 hours": 48*time.Hour - 1, "2 days": 48 * time.Hour,
	} {
		if got := span(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
	if span(-time.Hour) != "less than a minute" {
		t.Error("a clock that went back shows")
	}
	if got := merchantName(merchant.Merchant{ID: "first", Name: "\u202E"}); got != "first" {
		t.Errorf("a merchant without a name is %q", got)
	}
	if fmt.Sprint(wellFormed("aB3dE5g"), wellFormed("")) != "true false" {
		t.Error("codes")
	}
}
