package api

import (
	"context"
	"errors"

	"satchel/auth"
	"satchel/bitpay"
	"satchel/fault"
)

// createToken is POST /tokens. A client asks to be paired, or claims what a merchant offered with its code; a merchant's
// own token makes an offer.
func (a *API) createToken(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	req, err := bitpay.DecodeTokenRequest(r.body)
	if err != nil {
		return nil, err
	}
	req.GUID = r.guid
	var g auth.Grant
	switch {
	case req.Code != "":
		g, err = a.claim(ctx, r.caller, req)
	case p.Facade() == auth.Merchant:
		g, err = a.offer(ctx, p, req)
	default:
		g, err = a.pair(ctx, r.caller, req)
	}
	if err != nil {
		return nil, err
	}
	return a.tokenDocument(g), nil
}

func (a *API) pair(ctx context.Context, c caller, req bitpay.TokenRequest) (auth.Grant, error) {
	sin, err := clientID(req.ID)
	if err != nil {
		return auth.Grant{}, err
	}
	facade, err := facadeOf(req.Facade)
	if err != nil {
		return auth.Grant{}, err
	}
	if err := a.pairings.take(c); err != nil {
		return auth.Grant{}, err
	}
	return a.cfg.Auth.Pair(ctx, auth.PairRequest{SIN: sin, Facade: facade, Label: req.Label, GUID: req.GUID, Digest: req.Digest})
}

// clientID reads the id that a client gives as its own.
func clientID(text string) (auth.SIN, error) {
	if text == "" {
		return "", bitpay.MissingID()
	}
	sin, err := auth.ParseSIN(text)
	if err != nil {
		return "", bitpay.WrongID(err)
	}
	return sin, nil
}

// claim takes an offer. The code decides about the facade, whatever the client asks for. An address that guessed too
// often is refused without a look.
func (a *API) claim(ctx context.Context, c caller, req bitpay.TokenRequest) (auth.Grant, error) {
	sin, err := clientID(req.ID)
	if err != nil {
		return auth.Grant{}, err
	}
	giveBack, err := a.claims.reserve(c)
	if err != nil {
		return auth.Grant{}, auth.ErrPairingLimit
	}
	g, err := a.cfg.Auth.Claim(ctx, auth.ClaimRequest{SIN: sin, Code: req.Code, Label: req.Label, GUID: req.GUID, Digest: req.Digest})
	if !errors.Is(err, auth.ErrPairing) {
		giveBack()
	}
	return g, err
}

// offer makes a code that anybody can claim who knows it. The id that clients send along decides nothing.
func (a *API) offer(ctx context.Context, p auth.Principal, req bitpay.TokenRequest) (auth.Grant, error) {
	facade, err := facadeOf(req.Facade)
	if err != nil {
		return auth.Grant{}, err
	}
	if facade == auth.Payout {
		return auth.Grant{}, fault.Field("facade", "must be pos or merchant: a merchant's token makes no others")
	}
	return a.cfg.Auth.Offer(ctx, auth.OfferRequest{
		Merchant: p.Merchant(), Facade: facade, Label: req.Label, GUID: req.GUID, Digest: req.Digest,
	})
}

// facadeOf reads the facade that is asked for; 0 where none is.
func facadeOf(text string) (auth.Facade, error) {
	if text == "" {
		return 0, nil
	}
	f, ok := auth.ParseFacade(text)
	if !ok {
		return 0, fault.Field("facade", "is not pos, merchant or payout")
	}
	return f, nil
}

func (a *API) tokenDocument(g auth.Grant) bitpay.Raw {
	f := bitpay.TokenFacts{
		SIN: string(g.SIN), Resource: string(g.Merchant), Token: a.cfg.Auth.Token(g), Label: g.Label, Created: g.Created,
		Code: g.Pairing.Code, Expires: g.Pairing.Expires,
	}
	if g.Facade != 0 {
		f.Facade = g.Facade.String()
	}
	switch g.State(a.cfg.Now()) {
	case auth.Active:
		f.Method = bitpay.Require
	case auth.Inactive:
		f.Method = bitpay.Inactive
	case auth.Unclaimed:
		f.Method = bitpay.Unclaimed
	case auth.Expired, auth.Invalidated: // a request sent again long after its first answer
		f.Method = bitpay.Invalidated
	}
	return bitpay.TokenDocument(f)
}

// listTokens is GET /tokens: what the signature's client may use, oldest first, since some clients keep the first token
// of a facade and others the last. A payout token stands there under its older name, too.
func (a *API) listTokens(ctx context.Context, _ auth.Principal, r *request) (bitpay.Raw, error) {
	grants, err := a.cfg.Auth.TokensOf(ctx, *r.identity)
	if err == nil && len(grants) == 0 { // anybody can ask to be paired
		err = a.limiter.take(r.caller)
	}
	if err != nil {
		return nil, err
	}
	list := make([]bitpay.FacadeToken, 0, len(grants))
	for _, g := range grants {
		t := bitpay.FacadeToken{Facade: g.Facade.String(), Token: a.cfg.Auth.Token(g)}
		list = append(list, t)
		if g.Facade == auth.Payout {
			list = append(list, bitpay.FacadeToken{Facade: "payroll", Token: t.Token})
		}
	}
	return bitpay.TokensDocument(list), nil
}
