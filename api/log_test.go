package api

import (
	"net/http"
	"strings"
	"testing"

	"satchel/auth"
	"satchel/store/storetest"
)

// overheard is a hub that says who has begun to wait.
type overheard struct {
	waiter
	begun chan string
}

func (w overheard) Subscribe(topic string) (wake <-chan struct{}, cancel func(), err error) {
	wake, cancel, err = w.waiter.Subscribe(topic)
	w.begun <- topic
	return wake, cancel, err
}

// Who waits for events gets what happens; and nothing any more once the token is revoked.
func TestWaitingForEvents(t *testing.T) {
	begun := make(chan string, 9)
	s := newShop(t, func(_ *shop, c *Config) { c.Hub = overheard{c.Hub, begun} })
	const path = "/v1/events?wait=30s"
	ask := func(token string) chan reply {
		answer := make(chan reply, 1)
		go func() { answer <- s.send(http.MethodGet, path, "", "Authorization", "Bearer "+token) }()
		if topic := <-begun; topic != hubLog {
			t.Errorf("it waits for %q", topic)
		}
		return answer
	}
	second := s.issue(storetest.Shop, auth.Merchant, "")
	kept, revoked, other := ask(s.owner), ask(second), ask(s.other)
	if err := s.api.cfg.Auth.Revoke(t.Context(), storetest.Shop, parent(second)); err != nil {
		t.Fatal(err)
	}
	id := s.make("")
	if r := <-kept; r.status != http.StatusOK || !strings.Contains(r.body, id) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if got := (<-revoked).refused(t, http.StatusUnauthorized); got != "Invalid token" {
		t.Error(got)
	}
	s.api.Stop()
	if r := <-other; r.status != http.StatusOK || r.body != `{"data":[],"next":0}` {
		t.Errorf("another merchant: %d %s", r.status, r.body)
	}
}
