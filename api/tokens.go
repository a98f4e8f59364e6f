package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"satchel/auth"
	"satchel/fault"
)

// carried finds the token of a call: in the Authorization header, the body or the query (BitPay API, "Tokens"). An empty
// one is absent. Two different ones are refused, so that nobody is taken for somebody else.
func carried(req *http.Request, r *request) (string, error) {
	query, err := r.query.Text("token")
	if err != nil {
		return "", err
	}
	token := ""
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

// badToken translates a failed proof. Guessing is limited like everything that proves nothing.
func (a *API) badToken(r *request, err error) error {
	if !errors.Is(err, auth.ErrToken) && !errors.Is(err, auth.ErrUnsigned) {
		return err
	}
	if limited := a.failures.take(r.caller); limited != nil {
		return limited
	}
	return fault.New(fault.Unauthenticated, "Invalid token")
}

// allowed holds a facade against a route, in the words that some clients look for.
func allowed(p auth.Principal, rt *row) error {
	if slices.Contains(rt.facades, p.Facade()) {
		return nil
	}
	kind := fault.Forbidden
	if p.Facade() == auth.Public {
		kind = fault.Unauthenticated
	}
	return fault.New(kind, "This endpoint does not support the `%s` facade", p.Facade())
}
