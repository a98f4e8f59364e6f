package api

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"satchel/auth"
	"satchel/store/storetest"
)

// Anybody can make a key. Who signs with one that nobody knows is limited like everybody else who proves nothing, before
// his signatures are checked.
func TestStrangersWhoSignAreLimited(t *testing.T) {
	w := start(t, func(c *Config) { c.Limits.PerSecond, c.Limits.Burst = 1, 3 })
	c := newClient(99)
	for i := range 6 {
		r := w.signed(c, http.MethodGet, fmt.Sprint("/invoices?offset=", i), "", "X-Forwarded-For", "203.0.113.5")
		if want := map[bool]int{true: 401, false: 429}[i < 3]; r.status != want {
			t.Errorf("call %d: %d, want %d: %s", i, r.status, want, r.body)
		}
	}
	if r := w.signed(c, http.MethodGet, "/invoices", "", "X-Forwarded-For", "203.0.113.6"); r.status != http.StatusUnauthorized {
		t.Errorf("from elsewhere: %d", r.status)
	}
}

// Anybody can also make his key known. Until somebody approves it he changes his record no faster than strangers may.
func TestClientsThatNobodyApprovedAreLimited(t *testing.T) {
	s := newShop(t, func(_ *shop, c *Config) { c.Limits.PerSecond, c.Limits.Burst = 1, 3 })
	c := newClient(99)
	sin, addr := string(c.sin(t)), 0
	call := func(method, path, body string) int {
		return s.signed(c, method, path, body, "X-Forwarded-For", fmt.Sprint("203.0.113.", addr)).status
	}
	for _, made := range []struct{ path, body string }{{"/clients", `{"id":"` + sin + `"}`}, {"/tokens", `{"id":"` + sin + `","facade":"pos"}`}} {
		if got := call(http.MethodPost, made.path, made.body); got != http.StatusOK {
			t.Fatalf("%s: %d", made.path, got)
		}
	}
	calls := []struct{ method, path, body string }{
		{http.MethodPut, "/user", `{"name":"Eve"}`}, {http.MethodPut, "/clients/" + sin, `{"label":"Eve"}`}, {http.MethodGet, "/clients", ""}, {http.MethodGet, "/tokens", ""},
	}
	for _, c := range calls {
		addr++
		for i := range 5 {
			if got, want := call(c.method, c.path, c.body), map[bool]int{true: 200, false: 429}[i < 3]; got != want {
				t.Errorf("%s %s, call %d: %d, want %d", c.method, c.path, i, got, want)
			}
		}
	}
	s.issue(storetest.Shop, auth.POS, c.sin(t))
	for range 5 {
		if got := call(http.MethodGet, "/tokens", ""); got != http.StatusOK {
			t.Errorf("approved: %d", got)
		}
	}
}

// Sessions are few. One address cannot open so many in a session's life that none are left for others.
func TestSessionsOfAnAddress(t *testing.T) {
	s := newShop(t, nil)
	const all, tries = 10_000, 2
	opened := 0
	for range int(auth.SessionTime / time.Second) {
		for range tries {
			switch r := s.straight("203.0.113.5", http.MethodPost, "/sessions", "{}"); r.Code {
			case http.StatusOK:
				opened++
			case http.StatusTooManyRequests:
				if r.Header().Get("Retry-After") != "1" {
					t.Fatalf("nobody is told when to come back: %v", r.Header())
				}
			default:
				t.Fatalf("%d %s", r.Code, r.Body)
			}
		}
		s.wait(time.Second)
	}
	if opened < 900 || opened > all/10 {
		t.Errorf("one address opened %d sessions", opened)
	}
	if r := s.straight("203.0.113.6", http.MethodPost, "/sessions", "{}"); r.Code != http.StatusOK {
		t.Errorf("another one: %d %s", r.Code, r.Body)
	}
}
