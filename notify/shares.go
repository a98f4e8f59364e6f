package notify

import (
	"maps"
	"sync"
)

// maxProven bounds how many endpoints are remembered as answering.
const maxProven = 1024

// recordsPerWorker is how many deliveries may wait to be recorded for each worker that sends.
const recordsPerWorker = 3

// shares says who may send how much, and what is under way. Three rules keep slow endpoints away from the others:
//
//   - No endpoint has more than perEndpoint attempts under way.
//   - No endpoint has more of them than there are workers left for the others, so several slow ones together still leave
//     room for a newcomer.
//   - Endpoints that are new, or did not answer last time, have only half of the workers among them.
//
// A share is given back with the answer, before the attempt is recorded; the delivery stays busy until it is recorded.
type shares struct {
	workers, perEndpoint int

	mu       sync.Mutex
	sending  int
	unproven int // of those, to endpoints that are not proven
	at       map[string]int
	busy     map[uint64]struct{}
	proven   map[string]struct{} // answered last time
	given    map[string]int      // by the last look: how much room was shown, less what was taken of it
	starved  bool                // somebody was turned away since the last look, or may have been
}

func newShares(workers, perEndpoint int) *shares {
	return &shares{
		workers: workers, perEndpoint: perEndpoint,
		at: map[string]int{}, busy: map[uint64]struct{}{}, proven: map[string]struct{}{}, given: map[string]int{},
	}
}

// share is one attempt's place.
type share struct {
	id     uint64
	key    string
	proven bool
}

// limit starts a new look and says how many deliveries it may start.
func (s *shares) limit() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.free()
	s.starved = n == 0
	clear(s.given)
	return n
}

func (s *shares) free() int {
	return min(s.workers-s.sending, s.workers*(1+recordsPerWorker)-len(s.busy))
}

// room says how many more an endpoint may start now.
func (s *shares) room(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.roomLocked(key)
	s.given[key] = n
	return n
}

// hidden ends a look: where all the room that an endpoint was shown was taken, more may be due behind it. True: there is
// room for it again already. Else the next answer must cause a look.
func (s *shares) hidden() (again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, left := range s.given {
		if left <= 0 {
			again = again || s.roomLocked(key) > 0
			s.starved = true
		}
	}
	return again
}

func (s *shares) roomLocked(key string) int {
	free := s.free()
	if _, ok := s.proven[key]; !ok {
		free = min(free, (s.workers+1)/2-s.unproven)
	}
	return max(0, min(s.perEndpoint, free)-s.at[key])
}

// underway tells which deliveries are being sent or recorded now.
func (s *shares) underway() func(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := maps.Clone(s.busy)
	return func(id uint64) bool {
		_, ok := now[id]
		return ok
	}
}

// take gives a delivery its share; false: there is none for it now.
func (s *shares) take(id uint64, key string) (share, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, twice := s.busy[id]
	if twice || s.roomLocked(key) == 0 {
		s.starved = s.starved || !twice
		return share{}, false
	}
	_, proven := s.proven[key]
	if !proven {
		s.unproven++
	}
	s.sending++
	s.at[key]++
	s.busy[id] = struct{}{}
	s.given[key]--
	return share{id: id, key: key, proven: proven}, true
}

// answered gives the share back; it tells whether somebody waits for one.
func (s *shares) answered(sh share, ok bool) (wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending--
	if !sh.proven {
		s.unproven--
	}
	if s.at[sh.key]--; s.at[sh.key] == 0 {
		delete(s.at, sh.key)
	}
	if !ok {
		delete(s.proven, sh.key)
		return s.starved
	}
	if len(s.proven) >= maxProven {
		clear(s.proven)
	}
	s.proven[sh.key] = struct{}{}
	return s.starved
}

// recorded ends a delivery's attempt.
func (s *shares) recorded(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, id)
}
