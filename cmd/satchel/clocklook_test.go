package main

import (
	"os"
	"testing"

	"satchel/cmd/satchel/internal/config"
)

// A payment that the daemon has not seen when the clock is moved came before it was: it is dated so. What the new time
// brings has happened when the command returns.
func TestClockIsMovedAfterALook(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	text, err := os.ReadFile(s.config)
	s.must(err)
	s.kill()
	s.must(os.WriteFile(s.config, []byte(config.SetKey(string(text), "zmq", `["tcp://`+freePort(t)+`"]`)), 0o600)) // nobody announces anything
	s.start()
	for range 4 {
		unpaid, seen, mined := s.invoice("10", "USD", "low", nil), s.invoice("10", "USD", "low", nil), s.invoice("10", "USD", "low", nil)
		s.pay(mined.Address, sats(t, mined.Due))
		s.mine(1)
		s.pay(seen.Address, sats(t, seen.Due))
		s.run(nil, "clock", "advance", "16m")
		for id, want := range map[string]string{unpaid.ID: "expired", seen.ID: "paid", mined.ID: "paid"} {
			if doc := s.document(id); doc["status"] != want || doc["exceptionStatus"] != false {
				t.Errorf("invoice %s is %v/%v, want %s", id, doc["status"], doc["exceptionStatus"], want)
			}
		}
	}
}
