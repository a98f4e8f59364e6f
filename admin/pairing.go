package admin

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
)

// Pairings gives access to clients.
type Pairings interface {
	Offer(ctx context.Context, r auth.OfferRequest) (auth.Grant, error)
	Approve(ctx context.Context, code string, m merchant.ID, f auth.Facade) (auth.Grant, error)
	Refuse(ctx context.Context, code string) error
	Pairings(ctx context.Context) ([]auth.Grant, error)
	PairingByCode(ctx context.Context, code string) (auth.Grant, error)
	Issue(ctx context.Context, r auth.IssueRequest) (auth.Grant, error)
	Revoke(ctx context.Context, m merchant.ID, id auth.TokenID) error
}

// PairingRequest is `satchel pairing create`.
type PairingRequest struct {
	Of
	Facade string `json:"facade"`
	Label  string `json:"label"`
}

// PairingByCode is a command on one pairing.
type PairingByCode struct {
	Of
	Code   string `json:"code"`
	Facade string `json:"facade,omitempty"` // where the client asked for none
}

// Offer is a code that a client can claim.
type Offer struct {
	Code    string    `json:"pairingCode"`
	Facade  string    `json:"facade"`
	Label   string    `json:"label,omitempty"`
	Expires time.Time `json:"expires"`
}

// Pairing is a request for access, or an offer of it.
type Pairing struct {
	Code     string     `json:"pairingCode"`
	State    string     `json:"state"` // "inactive": waits for approval; "unclaimed": waits for a client; or how it was decided
	SIN      string     `json:"sin,omitempty"`
	Label    string     `json:"label,omitempty"`
	Facade   string     `json:"facade,omitempty"` // "" while the approver is to pick
	Merchant string     `json:"merchant,omitempty"`
	Name     string     `json:"merchantName,omitempty"`
	Token    string     `json:"tokenId,omitempty"` // for `satchel token revoke`, once it was approved
	Created  time.Time  `json:"created"`
	Age      float64    `json:"ageSeconds"`
	Expires  *time.Time `json:"expires,omitempty"`
}

// PairingLink leads to the page that approves a pairing.
type PairingLink struct {
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

func (o *Operator) createPairing(ctx context.Context, m merchant.ID, r PairingRequest) (Offer, error) {
	facade, ok := auth.ParseFacade(r.Facade)
	if !ok {
		return Offer{}, fault.Field("facade", "%q is not pos or merchant", r.Facade)
	}
	g, err := o.cfg.Pairings.Offer(ctx, auth.OfferRequest{Merchant: m, Facade: facade, Label: r.Label})
	if err != nil {
		return Offer{}, err
	}
	return Offer{Code: g.Pairing.Code, Facade: g.Facade.String(), Label: g.Label, Expires: g.Pairing.Expires}, nil
}

// listPairings lists what waits: every client's request, and the offers of all merchants or of the one that is named.
func (o *Operator) listPairings(ctx context.Context, r Of) ([]Pairing, error) {
	only, err := o.named(ctx, r)
	if err != nil {
		return nil, err
	}
	grants, err := o.cfg.Pairings.Pairings(ctx)
	if err != nil {
		return nil, err
	}
	names, err := o.names(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Pairing, 0, len(grants))
	for _, g := range grants {
		if concerns(g, only) {
			list = append(list, pairingDoc(g, g.Pairing.Code, o.cfg.Clock.Now(), names))
		}
	}
	return list, nil
}

// named finds the merchant that a request names; "" where it names none.
func (o *Operator) named(ctx context.Context, r Of) (merchant.ID, error) {
	if r.Merchant == "" {
		return "", nil
	}
	return o.find(ctx, r.Merchant)
}

// concerns tells whether a merchant may decide about a grant; "" stands for all of them.
func concerns(g auth.Grant, m merchant.ID) bool {
	return m == "" || g.Merchant == "" || g.Merchant == m
}

func (o *Operator) approvePairing(ctx context.Context, m merchant.ID, r PairingByCode) (Pairing, error) {
	g, err := o.waiting(ctx, r.Code)
	if err != nil {
		return Pairing{}, err
	}
	facade, err := picked(g, r.Facade)
	if err != nil {
		return Pairing{}, err
	}
	names, err := o.names(ctx)
	if err != nil {
		return Pairing{}, err
	}
	g, err = o.cfg.Pairings.Approve(ctx, r.Code, m, facade)
	return pairingDoc(g, r.Code, o.cfg.Clock.Now(), names), noPairing(err)
}

// picked is the facade that the operator gives: none where the client's own is given.
func picked(g auth.Grant, text string) (auth.Facade, error) {
	facade, ok := auth.ParseFacade(text)
	switch {
	case text != "" && !ok:
		return 0, fault.Field("facade", "%q is not pos or merchant", text)
	case text == "" && g.Facade == 0:
		return 0, fault.Field("facade", "the client asked for none: say what it may do with --facade pos or merchant")
	case text != "" && g.Facade != 0 && facade != g.Facade:
		return 0, fault.Field("facade", "the client asked for %s: leave --facade away, or refuse it and let it ask for %s", g.Facade, facade)
	case g.Facade != 0:
		return 0, nil
	}
	return facade, nil
}

func (o *Operator) refusePairing(ctx context.Context, r PairingByCode) (Pairing, error) {
	only, err := o.named(ctx, r.Of)
	if err != nil {
		return Pairing{}, err
	}
	g, err := o.cfg.Pairings.PairingByCode(ctx, r.Code)
	if err == nil && !concerns(g, only) {
		err = fault.New(fault.NotFound, "The code is another merchant's")
	}
	if err == nil {
		err = o.cfg.Pairings.Refuse(ctx, r.Code)
	}
	if err != nil {
		return Pairing{}, noPairing(err)
	}
	g.Pairing, g.Revoked = auth.Pairing{}, o.cfg.Clock.Now()
	return pairingDoc(g, r.Code, o.cfg.Clock.Now(), nil), nil
}

// linkPairing makes a URL whose holder may decide. It ends with the decision, and after a while. A merchant that is named
// is only the one that the page picks first.
func (o *Operator) linkPairing(ctx context.Context, r PairingByCode) (PairingLink, error) {
	only, err := o.named(ctx, r.Of)
	if err != nil {
		return PairingLink{}, err
	}
	g, err := o.waiting(ctx, r.Code)
	if err != nil {
		return PairingLink{}, err
	}
	end := o.cfg.Clock.Now().Add(auth.LinkLife)
	if g.Pairing.Expires.Before(end) {
		end = g.Pairing.Expires
	}
	end = end.Truncate(time.Second)
	query := url.Values{"pairingCode": {g.Pairing.Code}, "key": {o.cfg.Secret.Link(g.ID, g.Pairing.Code, end)}}
	if only != "" {
		query.Set("merchant", string(only))
	}
	return PairingLink{URL: strings.TrimRight(o.cfg.Base, "/") + "/api-access-request?" + query.Encode(), Expires: end}, nil
}

// waiting finds a request that waits for approval.
func (o *Operator) waiting(ctx context.Context, code string) (auth.Grant, error) {
	g, err := o.cfg.Pairings.PairingByCode(ctx, code)
	if err != nil {
		return g, noPairing(err)
	}
	if !g.Pairing.Client {
		return g, fault.New(fault.Conflict, "%s was made by `satchel pairing create` and needs no approval: give it to the client, which claims it", code)
	}
	return g, nil
}

// noPairing says what to do about a code that leads to nothing.
func noPairing(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.NotFound {
		return fault.New(fault.NotFound, "%s (capitals count; `satchel pairing list` shows the codes that wait)", f.Message)
	}
	return err
}

func pairingDoc(g auth.Grant, code string, now time.Time, names map[merchant.ID]string) Pairing {
	p := Pairing{
		Code: code, State: g.State(now).String(), SIN: string(g.SIN), Label: g.Label, Merchant: string(g.Merchant), Name: names[g.Merchant],
		Created: g.Created, Age: now.Sub(g.Created).Seconds(), Expires: timePtr(g.Pairing.Expires),
	}
	if g.Facade != 0 {
		p.Facade = g.Facade.String()
	}
	if g.State(now) == auth.Active {
		p.Token = g.ID.String()
	}
	return p
}
