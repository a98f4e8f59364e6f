package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"satchel/auth"
	"satchel/fault"
)

// authenticate proves the caller and holds the facade against the route. A signature is looked at only where something
// hangs on it: some clients carry the last call's signature over to calls that need none. Whoever proves nothing shares
// a rate with everybody else at his address.
func (a *API) authenticate(ctx context.Context, req *http.Request, r *request, rt *row) (auth.Principal, error) {
	p, err := auth.Anybody(), error(nil)
	if !slices.Equal(rt.facades, []auth.Facade{auth.Public}) {
		if p, err = a.prove(ctx, req, r, rt); err != nil {
			return auth.Principal{}, a.unproved(r, err)
		}
	}
	if p.Facade() == auth.Public {
		if err := a.limiter.take(r.caller); err != nil {
			return auth.Principal{}, err
		}
	}
	err = allowed(p, rt)
	if err != nil && p.Facade() == auth.User { // anybody can make a key: alone it proves nothing
		if limited := a.failures.take(r.caller); limited != nil {
			return auth.Principal{}, limited
		}
	}
	return p, err
}

// prove finds out what the call's token and signature are worth.
func (a *API) prove(ctx context.Context, req *http.Request, r *request, rt *row) (auth.Principal, error) {
	token, err := carried(req, r, rt.legacy)
	if err != nil {
		return auth.Principal{}, err
	}
	c := auth.Call{Token: token, Resource: rt.resource, Unsigned: rt.unsigned}
	if c.Resource != "" {
		c.ID = r.vars[0]
	}
	p, err := a.cfg.Auth.Authenticate(ctx, c)
	needed := errors.Is(err, auth.ErrUnsigned) || err == nil && token == "" && !slices.Contains(rt.facades, auth.Public)
	signed := signature(req, r)
	if !needed || signed.Identity == "" || signed.Signature == "" { // one header alone is none
		return p, err
	}
	if err := a.verify(r, signed); err != nil {
		return auth.Principal{}, err
	}
	c.Identity, c.Signed = r.identity, true
	return a.cfg.Auth.Authenticate(ctx, c)
}

// verify checks the request's signature. It costs up to sixteen verifications, so an address that used up its failures
// is refused without one; a good signature costs nothing.
func (a *API) verify(r *request, s auth.Signed) error {
	giveBack, err := a.failures.reserve(r.caller)
	if err != nil {
		return err
	}
	id, err := a.verifier.Verify(s)
	if err != nil {
		return err
	}
	giveBack()
	r.identity = &id
	return nil
}

// signature takes the request as its sender signed it: the raw request-target and the raw body.
func signature(req *http.Request, r *request) auth.Signed {
	s := auth.Signed{
		Identity: req.Header.Get("X-Identity"), Signature: req.Header.Get("X-Signature"),
		Scheme: "http", Host: req.Host, Target: req.RequestURI, Body: r.raw,
	}
	if s.Identity == "" {
		s.Identity = req.Header.Get("X-Pubkey") // its name until July 2014
	}
	// A proxy on loopback says how it was called. Should it lie, the other scheme is tried, too.
	forwarded := callerAt(req.RemoteAddr).exempt() && strings.EqualFold(req.Header.Get("X-Forwarded-Proto"), "https")
	if req.TLS != nil || forwarded {
		s.Scheme = "https"
	}
	return s
}

// unproved translates a failed proof into the words that clients look for. Guessing is limited like everything that
// proves nothing; a bad signature was counted before it was checked.
func (a *API) unproved(r *request, err error) error {
	switch {
	case errors.Is(err, auth.ErrKey):
		return fault.New(fault.Invalid, "Bad public key from identity").Because(err)
	case errors.Is(err, auth.ErrSignature):
		return fault.New(fault.Invalid, "Invalid signature").Because(err)
	case errors.Is(err, auth.ErrToken), errors.Is(err, auth.ErrUnsigned), errors.Is(err, auth.ErrUnknownSIN):
	default:
		return err
	}
	if limited := a.failures.take(r.caller); limited != nil {
		return limited
	}
	text := "Invalid token"
	if errors.Is(err, auth.ErrUnknownSIN) {
		text = "Unauthorized sin"
	}
	return fault.New(fault.Unauthenticated, "%s", text).Because(err)
}

// carried finds the token of a call: in the Authorization header, the body or the query (BitPay API, "Tokens"). An empty
// one is absent. Two different ones are refused, so that nobody is taken for somebody else. Basic authentication is looked at
// only where it is asked for: elsewhere it is a proxy's business.
func carried(req *http.Request, r *request, asName bool) (string, error) {
	query, err := r.query.Text("token")
	if err != nil {
		return "", err
	}
	token := ""
	if asName {
		token = basic(req.Header)
	}
	for _, t := range [...]string{bearer(req.Header), r.body.Token(), query} {
		switch {
		case t == "":
		case token == "":
			token = t
		case token != t:
			return "", fault.Field("token", "is given in two places, and differs")
		}
	}
	return token, nil
}

// bearer reads "Authorization: Bearer TOKEN" (RFC 6750). Other schemes are a proxy's business.
func bearer(h http.Header) string {
	scheme, token, _ := strings.Cut(strings.TrimSpace(h.Get("Authorization")), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// allowed holds a facade against a route, in the words that some clients look for.
func allowed(p auth.Principal, rt *row) error {
	if slices.Contains(rt.facades, p.Facade()) {
		return nil
	}
	kind := fault.Forbidden
	if p.Facade() == auth.Public || p.Facade() == auth.User {
		kind = fault.Unauthenticated // there is no token
	}
	return fault.New(kind, "This endpoint does not support the `%s` facade", p.Facade())
}
