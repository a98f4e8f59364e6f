package auth

import (
	"context"
	"time"

	"satchel/fault"
)

// Session numbers a client's requests, so that one which it sends again after a timeout is answered and not done again
// (BitPay API, "Sessions").
type Session struct {
	ID   string
	Next uint64    // the number that the next request must have; the first is 1
	Used time.Time // when it was opened, or its last request was answered
	SIN  SIN       // who uses it: the first whose signature was verified in it; "": nobody yet
	Last Last      // zero: nothing was answered yet
}

// Last is what a session knows of its last request. The answer's body is kept beside it.
type Last struct {
	Hash   [32]byte
	SIN    SIN // whose signature it carried
	Status int
	Size   int  // of the body that is kept, in bytes
	Lost   bool // the body was too large to be kept
}

// Bounds of sessions.
const (
	SessionTime = 15 * time.Minute // without a request
	maxSessions = 10_000
	maxAnswer   = 1 << 20   // bytes of one answer that is kept
	maxKept     = 256 << 20 // bytes of all of them
	maxSession  = 64        // characters of an id that is looked up at all
)

// OpenSession makes a session. Too many that are not idle: fault.TooMany.
func (a *Authority) OpenSession(ctx context.Context) (id string, err error) {
	now := a.cfg.Now()
	s := Session{ID: a.cfg.NewSession(), Next: 1, Used: now}
	err = a.cfg.Store.UpdateAuth(ctx, func(tx Tx) error {
		idle, err := tx.Idle(now.Add(-SessionTime), pruned)
		if err != nil {
			return err
		}
		n, err := tx.Counts("")
		if err != nil {
			return err
		}
		if n.Sessions-int64(len(idle)) >= maxSessions {
			return fault.New(fault.TooMany, "Too many sessions are open")
		}
		for _, old := range idle {
			if err := tx.DropSession(old); err != nil {
				return err
			}
		}
		return tx.PutSession(s, nil)
	})
	if err != nil {
		return "", err
	}
	return s.ID, nil
}

// SessionCall is a request in a session. A request whose signature is bad has no turn, and takes no number.
type SessionCall struct {
	ID     string
	Number uint64
	Hash   [32]byte // of all that makes the request this one: method, target, body, and its Authorization header
	SIN    SIN      // whose signature was verified; "": nobody's
}

// Turn is a request's place in its session. Until Release nobody else of the session is served.
type Turn struct {
	Replay bool // the request was answered before: with Status and Body
	Status int
	Body   []byte

	a    *Authority
	call SessionCall
	held bool
}

// Turn gives a request its turn, after those of the same session that were first. The caller defers Release. A replay is
// answered as it says; everything else is executed, and then Finish is called, whatever came of it. A session that is
// unknown, idle for too long or somebody else's is fault.Invalid with the text that clients look for.
func (a *Authority) Turn(ctx context.Context, c SessionCall) (*Turn, error) {
	if c.ID == "" || len(c.ID) > maxSession {
		return nil, noSession()
	}
	if err := a.turns.enter(ctx, c.ID); err != nil {
		return nil, err
	}
	t := &Turn{a: a, call: c, held: true}
	err := a.cfg.Store.ReadAuth(ctx, t.find)
	if err != nil {
		t.Release()
		return nil, err
	}
	return t, nil
}

// find holds the call against the session.
func (t *Turn) find(v View) error {
	s, ok, err := v.Session(t.call.ID)
	if err != nil {
		return err
	}
	c := &t.call
	other := s.SIN != "" && c.SIN != "" && c.SIN != s.SIN
	if !ok || other || t.a.cfg.Now().Sub(s.Used) > SessionTime {
		return noSession()
	}
	if c.Number == s.Next {
		return nil
	}
	again := s.Next > 1 && c.Number == s.Next-1 && c.Hash == s.Last.Hash && c.SIN == s.Last.SIN
	switch {
	case !again:
		return fault.New(fault.Invalid, "Invalid requestNumber")
	case s.Last.Lost:
		return fault.New(fault.Conflict, "The request was answered already, and its answer was too large to be kept")
	}
	t.Replay, t.Status = true, s.Last.Status
	t.Body, err = v.Answer(s.ID)
	return err
}

// Finish keeps the answer to a request and takes its number. It does so also when ctx has ended: the request was done.
// The status is an HTTP status.
func (t *Turn) Finish(ctx context.Context, status int, body []byte) error {
	if !t.held || t.Replay {
		return nil
	}
	now := t.a.cfg.Now()
	return t.a.cfg.Store.UpdateAuth(context.WithoutCancel(ctx), func(tx Tx) error {
		s, ok, err := tx.Session(t.call.ID)
		if err != nil || !ok || s.Next != t.call.Number {
			return err // it became idle meanwhile, and is gone
		}
		n, err := tx.Counts("")
		if err != nil {
			return err
		}
		s.Next, s.Used = s.Next+1, now
		if s.SIN == "" {
			s.SIN = t.call.SIN
		}
		kept := body
		lost := len(body) > maxAnswer || n.Kept-int64(s.Last.Size)+int64(len(body)) > maxKept
		if lost {
			kept = nil
		}
		s.Last = Last{Hash: t.call.Hash, SIN: t.call.SIN, Status: status, Size: len(kept), Lost: lost}
		return tx.PutSession(s, kept)
	})
}

// Release lets the next request of the session in. Without Finish before, the number is not taken.
func (t *Turn) Release() {
	if t.held {
		t.held = false
		t.a.turns.leave(t.call.ID)
	}
}

func noSession() error { return fault.New(fault.Invalid, "Invalid or expired sessionId") }
