package auth

import (
	"context"
	"sync"

	"satchel/fault"
)

// maxQueue is how many requests of one session may be in the house at once. An honest client has one, or two when it
// sends one again.
const maxQueue = 16

// turns lets one request of a session in at a time. It holds only sessions that have one in the house.
type turns struct {
	mu   sync.Mutex
	open map[string]*lane
}

// lane is a session's queue.
type lane struct {
	busy  chan struct{} // of size 1: full while somebody is served
	users int
}

// enter waits until nobody of the session is served.
func (t *turns) enter(ctx context.Context, id string) error {
	l, err := t.join(id)
	if err != nil {
		return err
	}
	select {
	case l.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		t.part(id, l)
		return ctx.Err()
	}
}

func (t *turns) join(id string) (*lane, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.open[id]
	if l == nil {
		l = &lane{busy: make(chan struct{}, 1)}
		t.open[id] = l
	}
	if l.users >= maxQueue {
		return nil, fault.New(fault.TooMany, "Too many requests of one session at once")
	}
	l.users++
	return l, nil
}

// leave lets the next one in.
func (t *turns) leave(id string) {
	t.mu.Lock()
	l := t.open[id]
	t.mu.Unlock()
	<-l.busy
	t.part(id, l)
}

func (t *turns) part(id string, l *lane) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(t.open, id)
	}
}
