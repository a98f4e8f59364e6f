package desk

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"satchel/auth"
	"satchel/internal/browser"
)

// audited wants a page to be as it should be, also for people who cannot see or point well. What a form is refused with
// is no page of its own, and the console calls it a resource that failed.
func (c *clerk) audited(state string) {
	c.o.t.Helper()
	c.is(`document.documentElement.scrollWidth <= innerWidth`, state+": wider than the screen")
	problems := c.Audit()
	for _, p := range c.Problems() {
		if !strings.Contains(p, "Failed to load resource") {
			problems = append(problems, p)
		}
	}
	for _, problem := range problems {
		c.o.t.Errorf("%s: %s", state, problem)
	}
}

// sends fills a form by the names of its fields, and sends it past what the browser itself would refuse.
func (c *clerk) sends(action string, members ...string) {
	c.o.t.Helper()
	script := `(f => { f.noValidate = true; `
	for i := 0; i < len(members); i += 2 {
		script += `f.elements["` + members[i] + `"].value = "` + members[i+1] + `"; `
	}
	c.Do(`window.sent = "yes"; ` + script + `f.requestSubmit() })(document.querySelector("form[action$='` + action + `']"))`)
	c.Until(`!window.sent && document.readyState === "complete"`)
}

// What a page looks like after a form, or with something on it that is seen once, is as good as the page itself.
func TestEveryStateIsAudited(t *testing.T) {
	o, base := onSocket(t)
	f := o.furnish(shopA)
	dark := browser.Phone()
	dark.Dark = true
	c := sits(t, o, base, dark)
	for _, s := range []struct {
		name, path, action, shows string
		members                   []string
	}{
		{"a new token", "/clients", "/clients/token", "The new token", []string{"label", "till 3"}},
		{"a wrong client", "/clients", "/clients/token", "35 characters", []string{"sin", "x"}},
		{"a wrong code", "/clients?code=zzzzzzz", "", "No such pairing code", nil},
		{"a code", "/clients?code=" + f.asked.Pairing.Code, "", "Leaves it to you", nil},
		{"the secret", "/settings", "/settings/secret", "whsec_", nil},
		{"an endpoint that was tried", "/callbacks", "/callbacks/test", "status 404", []string{"url", "https://hook.example/x"}},
		{"an endpoint that must not be tried", "/callbacks", "/callbacks/test", "That was not done", []string{"url", "http://127.0.0.1/"}},
		{"a wrong price", "/new", "/new", "“price”", []string{"price", "abc"}},
		{"a wrong setting", "/../" + string(shopB) + "/settings", "/settings", "is not a duration", []string{"invoice.window", "bad"}},
		{"a wrong day", "/invoices?from=9999-01-01", "", "“day”", nil},
		{"a search without an end", "/invoices?q=nothing+of+the+kind", "", "Nothing was found.", nil},
		{"no rate", "/rates?code=EUR", "", "no exchange rate", nil},
		{"a decision that is none", "/invoices/" + string(f.complete.ID), "/mark", "marked invalid or complete", []string{"reason", "paid", "status", "complete"}},
		{"a wrong password", "/../../account", "/account/password", "The two passwords differ.", []string{"old", words, "password", words + "1", "again", words + "2"}},
	} {
		c.Go(c.root + s.path)
		if s.action != "" {
			c.sends(s.action, s.members...)
		}
		c.Says("main", s.shows)
		c.audited(s.name)
	}
	c.Go(c.root + "/callbacks")
	c.sends("/callbacks/test", "url", "https://hook.example/x")
	c.Says("main", "status 404")
	c.is(`!document.querySelector("[data-live]")`, "what a form answers with takes itself for a page that can be asked for again")
	c.opens("/invoices/" + string(f.new.ID))
	c.Do(`document.querySelector("[data-keep=mark]").open = true; document.querySelector("[name=reason]").value = "x"`)
	o.pays(f.new, 7777, 1_000, 0)
	c.Says("#line", "There is news.")
	c.audited("a page that is held")
}

// Who is not in yet: the door with what was wrong, an invitation, one that does not work, and a link on another site.
func TestTheDoorIsAudited(t *testing.T) {
	o, base := onSocket(t)
	c := sits(t, o, base, browser.Phone())
	stranger := &clerk{Page: browser.Start(t).Open(browser.Phone()), o: o, base: base, root: c.root}
	stranger.Go(base + "/dashboard/sign-in")
	stranger.sends("/sign-in", "name", "alice", "password", "wrong")
	stranger.Says(".wrong", "do not fit")
	stranger.audited("a wrong password")

	_, err := o.staff.Add(t.Context(), auth.NewOperator{Name: "bob", Role: auth.Viewer, Merchant: shopA})
	o.must(err)
	key, _, err := o.staff.Invite(t.Context(), "bob")
	o.must(err)
	stranger.Go(base + "/dashboard/welcome?" + url.Values{"name": {"bob"}, "key": {key}}.Encode())
	stranger.Says("h1", "Welcome, bob")
	stranger.audited("an invitation")
	stranger.sends("/welcome", "password", words, "again", words+"x")
	stranger.Says(".wrong", "The two passwords differ.")
	stranger.audited("two passwords that differ")
	stranger.sends("/welcome", "password", words, "again", words)
	stranger.Says(".ready", "Ready for payments")
	stranger.audited("a viewer's overview")
	stranger.Go(base + "/dashboard/welcome?" + url.Values{"name": {"bob"}, "key": {key}}.Encode())
	stranger.Says("h1", "This link does not work")
	stranger.audited("an invitation that was used")

	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><title>A mail</title><link rel="icon" href="data:,"><a href="` + c.root + `/events">look</a>`))
	}))
	t.Cleanup(other.Close)
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	c.Go(elsewhere)
	c.Click("a")
	c.Says("h1", "Events") // the browser that sits there was let ask again by itself
	o.still.Store(true)
	c.Go(elsewhere)
	c.Click("a")
	c.Says("h1", "One moment")
	c.audited("a link on another site")
	o.still.Store(false)
	c.Click("main a")
	c.Says("h1", "Events")
}
