package api

import (
	"context"
	"slices"

	"satchel/auth"
	"satchel/bitpay"
	"satchel/fault"
)

// clientResource is what the token of a client's record is derived from.
const clientResource = "user/client"

// listClients is GET /clients: the record of the signature's own client. An uncompressed key may have two.
func (a *API) listClients(ctx context.Context, _ auth.Principal, r *request) (bitpay.Raw, error) {
	own, err := a.ownClients(ctx, r)
	if err != nil {
		return nil, err
	}
	list := make([]bitpay.ClientFacts, 0, len(own))
	for _, c := range own {
		list = append(list, a.clientFacts(c))
	}
	return bitpay.ClientsDocument(list), nil
}

// ownClients finds the records of the signature's client; auth.ErrUnknownSIN where there is none. Anybody can make himself
// known: as long as nobody approved him he is limited like whoever proves nothing.
func (a *API) ownClients(ctx context.Context, r *request) ([]auth.Client, error) {
	var own []auth.Client
	for _, sin := range r.identity.SINs() {
		c, err := a.cfg.Auth.Client(ctx, sin)
		switch {
		case err == nil:
			own = append(own, c)
		case !fault.Is(err, fault.NotFound):
			return nil, err
		}
	}
	switch approved := func(c auth.Client) bool { return c.Approved }; {
	case len(own) == 0:
		return nil, auth.ErrUnknownSIN
	case !slices.ContainsFunc(own, approved):
		return own, a.limiter.take(r.caller)
	}
	return own, nil
}

// ownClient finds the record that the path names among the caller's own: nobody sees another's, or whether there is one.
func (a *API) ownClient(ctx context.Context, r *request) (auth.Client, error) {
	own, err := a.ownClients(ctx, r)
	if err != nil {
		return auth.Client{}, err
	}
	for _, c := range own {
		if string(c.SIN) == r.vars[0] {
			return c, nil
		}
	}
	return auth.Client{}, fault.New(fault.NotFound, "Object not found")
}

// showClient is GET /clients/:id.
func (a *API) showClient(ctx context.Context, _ auth.Principal, r *request) (bitpay.Raw, error) {
	c, err := a.ownClient(ctx, r)
	if err != nil {
		return nil, err
	}
	return bitpay.ClientDocument(a.clientFacts(c)), nil
}

// updateClient is PUT /clients/:id. To disable a client ends all its tokens: it is how a client unpairs itself.
func (a *API) updateClient(ctx context.Context, _ auth.Principal, r *request) (bitpay.Raw, error) {
	req, err := bitpay.DecodeClientRequest(r.body)
	if err != nil {
		return nil, err
	}
	c, err := a.ownClient(ctx, r)
	if err != nil {
		return nil, err
	}
	if c, err = a.cfg.Auth.UpdateClient(ctx, c.SIN, req.Label, req.Disabled); err != nil {
		return nil, err
	}
	return bitpay.ClientDocument(a.clientFacts(c)), nil
}

// registerClient is POST /clients. Nobody proves anything here, so nothing that was known before is told or changed.
func (a *API) registerClient(ctx context.Context, _ auth.Principal, r *request) (bitpay.Raw, error) {
	req, err := bitpay.DecodeClientRequest(r.body)
	if err != nil {
		return nil, err
	}
	sin, err := clientID(req.ID)
	if err != nil {
		return nil, err
	}
	if err := a.pairings.take(r.caller); err != nil {
		return nil, err
	}
	label := ""
	if req.Label != nil {
		label = *req.Label
	}
	if _, err := a.cfg.Auth.RegisterClient(ctx, sin, label); err != nil {
		return nil, err
	}
	return bitpay.RegisteredDocument(string(sin)), nil
}

func (a *API) clientFacts(c auth.Client) bitpay.ClientFacts {
	return bitpay.ClientFacts{
		SIN: string(c.SIN), Label: c.Label, Disabled: c.Disabled, Approved: c.Approved, Created: c.Created,
		Token: a.cfg.Secret.Resource(auth.TokenID{}, clientResource, string(c.SIN)),
	}
}

// showUser is GET /user: what the person behind a client said of himself. His name is the client's label.
func (a *API) showUser(ctx context.Context, _ auth.Principal, r *request) (bitpay.Raw, error) {
	own, err := a.ownClients(ctx, r)
	if err != nil {
		return nil, err
	}
	return userDocument(own[0]), nil
}

// updateUser is PUT /user. It changes the record that GET /user shows, and that of no other client.
func (a *API) updateUser(ctx context.Context, _ auth.Principal, r *request) (bitpay.Raw, error) {
	req, err := bitpay.DecodeUserRequest(r.body)
	if err != nil {
		return nil, err
	}
	own, err := a.ownClients(ctx, r)
	if err != nil {
		return nil, err
	}
	c, err := a.cfg.Auth.DescribeUser(ctx, own[0].SIN, req.Name, req.Phone)
	if err != nil {
		return nil, err
	}
	return userDocument(c), nil
}

func userDocument(c auth.Client) bitpay.Raw {
	return bitpay.UserDocument(bitpay.UserFacts{Name: c.Label, Phone: c.Phone})
}
