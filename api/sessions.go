package api

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/btcsuite/btcd/btcutil/base58"

	"satchel/auth"
	"satchel/bitpay"
	"satchel/fault"
)

// openSession is POST /sessions. A session that is asked for twice is two: only the one that the client learns of is used.
func (a *API) openSession(ctx context.Context, _ auth.Principal, r *request) (bitpay.Raw, error) {
	if err := a.sessions.take(r.caller); err != nil {
		return nil, err
	}
	id, err := a.cfg.Auth.OpenSession(ctx)
	if err != nil {
		return nil, err
	}
	return bitpay.SessionDocument(id), nil
}

// inTurn answers a call in a session (BitPay API, "Sessions"): one that was answered before gets that answer again, and
// every other one takes a number, whatever comes of it. A stored answer is for those only who may ask the question.
func (c *call) inTurn(ctx context.Context) {
	a, r := c.a, c.r
	turn, err := a.cfg.Auth.Turn(ctx, auth.SessionCall{ID: r.turn.Session, Number: r.turn.Number, Hash: r.hash(c.out.req), SIN: r.sin()})
	if err != nil {
		a.refuse(c.out, err)
		return
	}
	defer turn.Release()
	switch {
	case turn.Replay && c.proved != nil:
		a.refuse(c.out, c.proved)
		return
	case turn.Replay:
		write(c.out, turn.Status, turn.Body)
		return
	}
	// Who gave up waiting will send the request again, and wants an answer then.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.rt.patience())
	defer cancel()
	o := outcome{err: errPanic}
	var kept error
	func() {
		defer func() { kept = a.keep(ctx, r, turn, o) }() // also while a panic goes up
		o = c.do(ctx)
	}()
	if kept != nil {
		o = outcome{err: kept}
	}
	a.send(c.out, o)
}

// keep stores an answer before it is sent: a daemon that dies in between answers the repeated request like this. One
// that cannot be kept is not sent, for its number is not taken: the same request is good again, does nothing twice, and
// its client stays in step.
func (a *API) keep(ctx context.Context, r *request, turn *auth.Turn, o outcome) error {
	status, document := o.answer()
	err := turn.Finish(ctx, status, document)
	if err == nil {
		return nil
	}
	a.log.LogAttrs(ctx, slog.LevelError, "an answer in a session was not kept",
		slog.String("request_id", r.id), slog.String("error", err.Error()))
	return fault.New(fault.Unavailable, "The answer cannot be kept now: send the request again with the same requestNumber").Because(err)
}

// takesTurn tells whether a call whose proof ended so takes a number of its session. A bad signature takes none: anybody
// can send one, and the session's client would be out of step.
func takesTurn(proved error) bool {
	for _, none := range [...]error{auth.ErrSignature, auth.ErrKey, auth.ErrUnsigned} {
		if errors.Is(proved, none) {
			return false
		}
	}
	return proved == nil || !fault.Is(proved, fault.TooMany) && !fault.Is(proved, fault.Internal)
}

// hash is over all that makes a request in a session this one. Its signature is left out: some clients sign the same
// bytes anew.
func (r *request) hash(req *http.Request) [sha256.Size]byte {
	h := sha256.New()
	for _, part := range [...]string{req.Method, req.RequestURI, req.Header.Get("Authorization")} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	h.Write(r.raw)
	return [sha256.Size]byte(h.Sum(nil))
}

// turnGUID stands for the guid of a request in a session that has none: a daemon that died between the effect and the
// answer must not do it twice. The session's id, which its client keeps to itself, cannot be read from it.
func turnGUID(t bitpay.Turn) string {
	h := sha256.Sum256([]byte("session\x00" + t.Session + "\x00" + strconv.FormatUint(t.Number, 10)))
	return "session-" + base58.Encode(h[:16])
}
