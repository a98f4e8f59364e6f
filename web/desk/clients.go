package desk

import (
	"context"
	"slices"
	"strings"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
	"satchel/web/text"
)

// grantStore is where tokens are listed.
type grantStore interface {
	GrantsOf(ctx context.Context, m merchant.ID) ([]auth.Grant, error)
}

// Access gives access to clients.
type Access interface {
	Offer(ctx context.Context, r auth.OfferRequest) (auth.Grant, error)
	Approve(ctx context.Context, code string, m merchant.ID, f auth.Facade) (auth.Grant, error)
	Refuse(ctx context.Context, code string) error
	Pairings(ctx context.Context) ([]auth.Grant, error)
	PairingByCode(ctx context.Context, code string) (auth.Grant, error)
	Issue(ctx context.Context, r auth.IssueRequest) (auth.Grant, error)
	Revoke(ctx context.Context, m merchant.ID, id auth.TokenID) error
}

// grant is a token without its string.
type grant struct {
	ID, Facade, State, Label, Client string
	Bearer, Live                     bool
	Created, Revoked, Expires        time.Time
	Code                             string // of an offer
}

// petition is a client that waits for approval.
type petition struct {
	Code, Label, Facade string
	SIN                 []string
	Created, Expires    time.Time
}

// clientsPage is who may use the API in the merchant's name.
type clientsPage struct {
	Grants    []grant
	Gone      []grant // revoked, or expired
	Waiting   []petition
	Typed     *petition // found by its code
	Code      string    // as it was typed
	Problem   string
	Shown     bool // whoever waits is shown, and not only found by code
	Facades   []choice
	Token     string // one that was just made
	TokenKind string
}

// tokenShown is how long the string of a new token is shown.
const tokenShown = 2 * time.Minute

func (v *visit) clients() error {
	q := v.req.URL.Query()
	p := clientsPage{Code: strings.TrimSpace(q.Get("code"))}
	var err error
	// A client belongs to nobody until it is approved: on a server of several merchants only who sees them all may pick it
	// from a list; others must have been told its code.
	if p.Shown, err = v.seesServer(); err != nil {
		return err
	}
	if err := v.addGrants(&p, q.Get("made")); err != nil {
		return err
	}
	for _, f := range []auth.Facade{auth.POS, auth.Merchant, auth.Payout} {
		p.Facades = append(p.Facades, choice{Value: f.String(), Name: means(f)})
	}
	if !v.who.May(auth.Owner) {
		p.Code = ""
		return v.page("clients", p)
	}
	if p.Shown {
		all, err := v.d.cfg.Access.Pairings(v.ctx())
		if err != nil {
			return err
		}
		for _, g := range all {
			if g.Pairing.Client {
				p.Waiting = append(p.Waiting, petitionOf(g))
			}
		}
	}
	if p.Code != "" {
		g, err := v.petition(p.Code)
		switch {
		case err == nil:
			found := petitionOf(g)
			p.Typed = &found
		case fault.Is(err, fault.NotFound), fault.Is(err, fault.TooMany):
			p.Problem, p.Code = sentence(err), text.Clean(p.Code, 20)
		default:
			return err
		}
	}
	return v.page("clients", p)
}

func (v *visit) addGrants(p *clientsPage, made string) error {
	grants, err := v.d.cfg.Store.GrantsOf(v.ctx(), v.shop.ID)
	if err != nil {
		return err
	}
	now := v.now()
	for _, g := range slices.Backward(grants) {
		d := grantOf(g, now)
		if !v.who.May(auth.Owner) {
			d.Code = "" // whoever has it can claim the token
		}
		if d.State == auth.Invalidated.String() || d.State == auth.Expired.String() {
			p.Gone = append(p.Gone, d)
			continue
		}
		p.Grants = append(p.Grants, d)
		fresh := g.State(now) == auth.Active && now.Sub(g.Created) < tokenShown
		if d.ID == made && fresh && v.who.May(auth.Owner) {
			p.Token, p.TokenKind = v.d.cfg.Secret.Token(g.ID), d.Facade
		}
	}
	return nil
}

func grantOf(g auth.Grant, now time.Time) grant {
	d := grant{
		ID: g.ID.String(), Facade: g.Facade.String(), State: g.State(now).String(), Label: text.Clean(g.Label, auth.MaxLabel), Client: string(g.SIN),
		Bearer: g.SIN == "" && g.State(now) == auth.Active, Live: g.Revoked.IsZero(), Created: g.Created, Revoked: g.Revoked,
	}
	if g.State(now) == auth.Unclaimed {
		d.Code, d.Expires = g.Pairing.Code, g.Pairing.Expires
	}
	return d
}

func petitionOf(g auth.Grant) petition {
	p := petition{
		Code: g.Pairing.Code, Label: text.Clean(g.Label, auth.MaxLabel), SIN: text.Fours(text.Clean(string(g.SIN), auth.MaxLabel)), Created: g.Created, Expires: g.Pairing.Expires,
	}
	if g.Facade != 0 {
		p.Facade = g.Facade.String()
	}
	return p
}

// means says what a facade allows.
func means(f auth.Facade) string {
	switch f {
	case auth.POS:
		return "make invoices, and look single ones up"
	case auth.Merchant:
		return "everything a shop can do"
	case auth.Payout:
		return "payouts, and nothing about invoices"
	case auth.Public, auth.User: // nobody's to give
	}
	return ""
}

// petition finds a client that waits, by its code. Guesses are counted by operator.
func (v *visit) petition(code string) (auth.Grant, error) {
	if wait := v.d.door.codes.take(v.who.Name, v.now()); wait > 0 {
		return auth.Grant{}, fault.New(fault.TooMany, "Too many codes were tried. Please try again in %s.", soon(wait)).After(wait)
	}
	g, err := v.d.cfg.Access.PairingByCode(v.ctx(), code)
	if err == nil && !g.Pairing.Client {
		err = fault.New(fault.NotFound, "No such pairing code; it may be used already")
	}
	if err == nil {
		v.d.door.codes.giveBack(v.who.Name)
	}
	return g, err
}

// facade reads what a token is to allow.
func (v *visit) facade() (auth.Facade, error) {
	f, ok := auth.ParseFacade(v.form("facade"))
	if !ok {
		return 0, fault.Field("facade", "is pos, merchant or payout.")
	}
	return f, nil
}

// label reads what a token is called.
func (v *visit) label() string { return text.Clean(v.form("label"), auth.MaxLabel) }

// atClients says where a form came from.
func (v *visit) atClients() { v.back = v.root() + "/clients" }

// makeToken makes a token that needs no pairing, and shows it for a while.
func (v *visit) makeToken() error {
	v.atClients()
	f, err := v.facade()
	if err != nil {
		return err
	}
	r := auth.IssueRequest{Merchant: v.shop.ID, Facade: f, Label: v.label()}
	if s := strings.TrimSpace(v.form("sin")); s != "" {
		if r.SIN, err = auth.ParseSIN(s); err != nil {
			return fault.Field("sin", "%s.", err)
		}
	}
	g, err := v.d.cfg.Access.Issue(v.ctx(), r)
	if err != nil {
		return err
	}
	v.noteGrant("token made", g.ID)
	return v.to(v.root() + "/clients?done=token&made=" + g.ID.String())
}

func (v *visit) noteGrant(what string, id auth.TokenID) {
	v.d.cfg.Log.InfoContext(v.ctx(), "access changed at the desk", "operator", v.who.Name, "merchant", string(v.shop.ID), "what", what, "grant", id.String())
}

// offer makes a code that a client can claim. A form that is sent twice makes one.
func (v *visit) offer() error {
	v.atClients()
	f, err := v.facade()
	if err != nil {
		return err
	}
	once := v.once()
	g, err := v.d.cfg.Access.Offer(v.ctx(), auth.OfferRequest{Merchant: v.shop.ID, Facade: f, Label: v.label(), GUID: once.GUID, Digest: once.Digest})
	if err != nil {
		return err
	}
	v.noteGrant("code offered", g.ID)
	return v.did("/clients", "offered")
}

// approve lets a client in. What it asked for is what it gets.
func (v *visit) approve() error {
	v.atClients()
	g, err := v.petition(v.form("code"))
	if err != nil {
		return err
	}
	var f auth.Facade // 0: as the client asked
	if g.Facade == 0 {
		if f, err = v.facade(); err != nil {
			return err
		}
	}
	if g, err = v.d.cfg.Access.Approve(v.ctx(), g.Pairing.Code, v.shop.ID, f); err != nil {
		return err
	}
	v.noteGrant("client approved", g.ID)
	return v.did("/clients", "approved")
}

func (v *visit) refuse() error {
	v.atClients()
	g, err := v.petition(v.form("code"))
	if err != nil {
		return err
	}
	if err := v.d.cfg.Access.Refuse(v.ctx(), g.Pairing.Code); err != nil {
		return err
	}
	v.noteGrant("client refused", g.ID)
	return v.did("/clients", "refused")
}

// revoke takes a token back; once it is, that stays so.
func (v *visit) revoke() error {
	v.atClients()
	id, err := auth.ParseTokenID(v.form("id"))
	if err != nil {
		return fault.New(fault.NotFound, "No such token")
	}
	if err := v.d.cfg.Access.Revoke(v.ctx(), v.shop.ID, id); err != nil {
		return err
	}
	v.noteGrant("token revoked", id)
	return v.did("/clients", "revoked")
}
