package main

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"satchel/merchant"
	"satchel/notify"
)

// receiver takes callbacks, and fails as receivers do: it answers 500, hangs up before or after it has taken the body,
// and is slow.
type receiver struct {
	url    string
	secret atomic.Pointer[merchant.Secret]

	mu       sync.Mutex
	chance   *rand.Rand
	faulty   bool
	arrivals []arrival
	failed   map[string]int // faults by event: the order holds until an event has failed three times
	failures int
	forged   int // callbacks whose signature does not verify
	err      error
}

func newReceiver(seed uint64) (r *receiver, stop func()) {
	r = &receiver{chance: rand.New(rand.NewPCG(seed, 3)), faulty: true, failed: map[string]int{}}
	srv := httptest.NewServer(http.HandlerFunc(r.serve))
	r.url = srv.URL + "/ipn"
	return r, srv.Close
}

// Shares of callbacks, in percent, that meet each fault.
const (
	refused    = 6
	hungUp     = 3
	lostAnswer = 3
)

// faultsPerEvent is how often one event meets a fault: up to the third failure the order of an invoice's events holds.
const faultsPerEvent = 2

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the daemon was killed while it sent
	}
	now := time.Now()
	if at, err := strconv.ParseInt(req.Header.Get("webhook-timestamp"), 10, 64); err == nil {
		now = time.Unix(at, 0) // the daemon's clock is moved
	}
	secret := r.secret.Load()
	bad := secret == nil || notify.Verify(*secret, req.Header, body, now) != nil
	r.mu.Lock()
	dice, id := 100, req.Header.Get("webhook-id")
	if r.faulty && r.failed[id] < faultsPerEvent {
		dice = r.chance.IntN(100)
	}
	took := !bad && dice >= refused+hungUp
	if took {
		r.take(req, body)
	}
	if bad {
		r.forged++
	}
	if dice < refused+hungUp+lostAnswer {
		r.failures++
		r.failed[id]++
	}
	r.mu.Unlock()
	switch {
	case bad, dice < refused:
		w.WriteHeader(http.StatusInternalServerError)
	case dice < refused+hungUp+lostAnswer: // taken or not: the sender never learns
		panic(http.ErrAbortHandler)
	}
}

// take notes a callback.
func (r *receiver) take(req *http.Request, body []byte) {
	revision, err := strconv.ParseUint(req.Header.Get("satchel-revision"), 10, 32)
	if err != nil {
		r.err = err
	}
	r.arrivals = append(r.arrivals, arrival{
		id: req.Header.Get("webhook-id"), invoice: invoiceOf(body), revision: uint32(revision), first: len(r.arrivals), body: string(body),
	})
}

// heal ends the faults.
func (r *receiver) heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faulty = false
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.arrivals)
}
