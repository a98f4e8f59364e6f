package main

import (
	"net"
	"testing"
)

// Whoever starts a daemon where another program listens learns which key of the configuration to change.
func TestAPortThatIsTaken(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.kill()
	for key, address := range map[string]string{"api.listen": s.api, "metrics.listen": s.metrics} {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
		s.must(err)
		s.refuses(key+": cannot listen at "+address+": another program listens there, perhaps another satchel; change it in "+s.config, "serve")
		s.must(l.Close())
	}
}

// A demo starts nothing that it would have to stop at once.
func TestADemoOnAPortThatIsTaken(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().String()
	code, text := spoken(t, "", "demo", "--listen", address)
	if code != exitRefused || text != "satchel: cannot listen at "+address+": another program listens there, perhaps another satchel; choose another with --listen\n" {
		t.Errorf("status %d: %s", code, text)
	}
}
