package auth

import (
	"context"
	"errors"
	"time"

	"satchel/fault"
	"satchel/merchant"
)

// How long a pairing code is valid, and how many may be open.
const (
	PairingTime = 24 * time.Hour // BitPay API: exactly 86,400,000 ms after the creation
	maxWaiting  = 10_000         // of all clients
	maxOffered  = 10_000         // of one merchant
	pruned      = 100            // expired ones that the commit of a new one takes away
)

// What a claim answers, whatever is wrong with the code.
var (
	// ErrPairing is a code that is unknown, used, expired, or waits for approval instead of a claim.
	ErrPairing = errors.New("unable to create token")
	// ErrPairingLimit is for callers who presented too many bad codes; nothing in this package gives it.
	ErrPairingLimit = errors.New("unable to create token because of too many requests")
)

// PairRequest is a client's wish for a token (POST /tokens with an id).
type PairRequest struct {
	SIN    SIN
	Facade Facade // 0: the approver picks
	Label  string
	GUID   string // "": none
	Digest [32]byte
}

// Pair makes a grant that waits for approval. Too many that wait: fault.TooMany.
func (a *Authority) Pair(ctx context.Context, r PairRequest) (Grant, error) {
	if err := needSIN(r.SIN); err != nil {
		return Grant{}, err
	}
	if r.Facade != 0 && !r.Facade.grantable() {
		return Grant{}, badFacade()
	}
	g := Grant{Facade: r.Facade, SIN: r.SIN, Label: CleanLabel(r.Label), Pairing: Pairing{Client: true}}
	return a.open(ctx, g, sinRequest(r.SIN, r.GUID, r.Digest))
}

// OfferRequest is a merchant's offer of a token to whoever presents its code.
type OfferRequest struct {
	Merchant merchant.ID
	Facade   Facade // 0: POS
	Label    string
	GUID     string // "": none
	Digest   [32]byte
}

// Offer makes a grant that waits to be claimed. Too many that wait: fault.TooMany.
func (a *Authority) Offer(ctx context.Context, r OfferRequest) (Grant, error) {
	if r.Facade == 0 {
		r.Facade = POS
	}
	if !r.Facade.grantable() {
		return Grant{}, badFacade()
	}
	g := Grant{Merchant: r.Merchant, Facade: r.Facade, Label: CleanLabel(r.Label)}
	return a.open(ctx, g, Request{Scope: "merchant/" + string(r.Merchant), GUID: r.GUID, Digest: r.Digest})
}

// errCodeTaken is a new code that is another pairing's, or an id that is another grant's.
var errCodeTaken = errors.New("the code or the id is in use")

// open commits a new grant with a new code, and takes expired ones away.
func (a *Authority) open(ctx context.Context, g Grant, by Request) (made Grant, err error) {
	g.Created = a.cfg.Now()
	g.Pairing.Expires = g.Created.Add(PairingTime)
	for range 10 {
		g.ID, g.Pairing.Code = a.cfg.NewID(), a.cfg.NewCode()
		err = a.cfg.Store.UpdateAuth(ctx, func(tx Tx) error {
			var known bool
			if made, known, err = tx.Made(by); err != nil || known {
				return err
			}
			made = g
			return a.add(tx, g, by)
		})
		if !errors.Is(err, errCodeTaken) {
			break
		}
	}
	if err != nil {
		return Grant{}, err
	}
	return made, nil
}

// add checks first and writes last.
func (a *Authority) add(tx Tx, g Grant, by Request) error {
	_, code, err := tx.GrantByCode(g.Pairing.Code)
	if err != nil {
		return err
	}
	if _, id, err := tx.Grant(g.ID); err != nil || id || code {
		return errors.Join(err, errCodeTaken)
	}
	overdue, err := tx.Overdue(g.Created, pruned)
	if err != nil {
		return err
	}
	if err := room(tx, g, overdue); err != nil {
		return err
	}
	for _, old := range overdue {
		if err := drop(tx, old); err != nil {
			return err
		}
	}
	if err := tx.PutGrant(g, by); err != nil {
		return err
	}
	return pair(tx, g, g.Created)
}

// room tells whether one more pairing of a kind may be open, once the overdue ones are gone.
func room(tx Tx, g Grant, overdue []Grant) error {
	n, err := tx.Counts(g.Merchant)
	if err != nil {
		return err
	}
	open, most := n.Offered, int64(maxOffered)
	if g.Pairing.Client {
		open, most = n.Waiting, maxWaiting
	}
	for _, old := range overdue {
		if old.Pairing.Client == g.Pairing.Client && old.Merchant == g.Merchant {
			open--
		}
	}
	if open >= most {
		return fault.New(fault.TooMany, "Too many pairings are open")
	}
	return nil
}

// drop removes a grant that was never usable; and its client, if that had no other.
func drop(tx Tx, g Grant) error {
	if err := tx.DropGrant(g.ID); err != nil || g.SIN == "" {
		return err
	}
	left, err := tx.GrantsOfSIN(g.SIN)
	if err != nil || len(left) > 0 {
		return err
	}
	return tx.DropClient(g.SIN)
}

// ClaimRequest is a client that presents a merchant's code (POST /tokens with an id and a pairingCode).
type ClaimRequest struct {
	SIN    SIN
	Code   string
	Label  string // "": as offered
	GUID   string // "": none
	Digest [32]byte
}

// Claim gives an offered grant to a client; its code is used up. A code that is not good gives ErrPairing.
func (a *Authority) Claim(ctx context.Context, r ClaimRequest) (g Grant, err error) {
	if err := needSIN(r.SIN); err != nil {
		return Grant{}, err
	}
	now, by := a.cfg.Now(), sinRequest(r.SIN, r.GUID, r.Digest)
	err = a.cfg.Store.UpdateAuth(ctx, func(tx Tx) error {
		var known bool
		if g, known, err = tx.Made(by); err != nil || known {
			return err
		}
		if g, known, err = tx.GrantByCode(r.Code); err != nil {
			return err
		}
		if !known || g.State(now) != Unclaimed {
			return ErrPairing
		}
		g.SIN, g.Pairing = r.SIN, Pairing{}
		if label := CleanLabel(r.Label); label != "" {
			g.Label = label
		}
		if err := tx.PutGrant(g, by); err != nil {
			return err
		}
		return enable(tx, g, now)
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// Approve makes a client's waiting grant usable for a merchant. Facade 0: as the client asked; then it must have asked.
func (a *Authority) Approve(ctx context.Context, code string, m merchant.ID, f Facade) (g Grant, err error) {
	now := a.cfg.Now()
	err = a.cfg.Store.UpdateAuth(ctx, func(tx Tx) error {
		if g, err = openPairing(tx, code, now); err != nil {
			return err
		}
		if !g.Pairing.Client {
			return fault.New(fault.Conflict, "The code is an offer to clients; nobody needs to approve it")
		}
		if f != 0 {
			g.Facade = f
		}
		if !g.Facade.grantable() {
			return badFacade()
		}
		g.Merchant, g.Pairing = m, Pairing{}
		if err := tx.PutGrant(g, Request{}); err != nil {
			return err
		}
		return enable(tx, g, now)
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// Refuse ends an open pairing, a client's or an offer: its grant is gone.
func (a *Authority) Refuse(ctx context.Context, code string) error {
	now := a.cfg.Now()
	return a.cfg.Store.UpdateAuth(ctx, func(tx Tx) error {
		g, err := openPairing(tx, code, now)
		if err != nil {
			return err
		}
		return drop(tx, g)
	})
}

// Pairings lists the grants whose pairing is open, of all merchants and of none, those that expire first first.
func (a *Authority) Pairings(ctx context.Context) (list []Grant, err error) {
	now := a.cfg.Now()
	err = a.cfg.Store.ReadAuth(ctx, func(v View) error {
		all, err := v.Pairings()
		list = make([]Grant, 0, len(all))
		for _, g := range all {
			if g.State(now) != Expired {
				list = append(list, g)
			}
		}
		return err
	})
	return list, err
}

// PairingByCode finds an open pairing; fault.NotFound where there is none, or it has expired.
func (a *Authority) PairingByCode(ctx context.Context, code string) (g Grant, err error) {
	now := a.cfg.Now()
	err = a.cfg.Store.ReadAuth(ctx, func(v View) error {
		g, err = openPairing(v, code, now)
		return err
	})
	return g, err
}

func openPairing(v View, code string, now time.Time) (Grant, error) {
	g, ok, err := v.GrantByCode(code)
	switch {
	case err != nil:
		return Grant{}, err
	case !ok || !same(g.Pairing.Code, code):
		return Grant{}, fault.New(fault.NotFound, "No such pairing code; it may be used already")
	case g.State(now) == Expired:
		return Grant{}, fault.New(fault.NotFound, "The pairing code has expired; the client must ask again")
	}
	return g, nil
}

// IssueRequest is an operator's wish for a token that needs no pairing.
type IssueRequest struct {
	Merchant merchant.ID
	Facade   Facade
	Label    string
	SIN      SIN // "": a bearer token
}

// Issue makes a grant that is usable at once.
func (a *Authority) Issue(ctx context.Context, r IssueRequest) (Grant, error) {
	if !r.Facade.grantable() {
		return Grant{}, badFacade()
	}
	g := Grant{
		ID: a.cfg.NewID(), Merchant: r.Merchant, Facade: r.Facade, Label: CleanLabel(r.Label), SIN: r.SIN, Created: a.cfg.Now(),
	}
	err := a.cfg.Store.UpdateAuth(ctx, func(tx Tx) error {
		if _, ok, err := tx.Grant(g.ID); err != nil || ok {
			return errors.Join(err, errCodeTaken)
		}
		if err := tx.PutGrant(g, Request{}); err != nil {
			return err
		}
		return enable(tx, g, g.Created)
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// Revoke ends a merchant's grant now, with its code; one that is revoked already stays as it is.
func (a *Authority) Revoke(ctx context.Context, m merchant.ID, id TokenID) error {
	now := a.cfg.Now()
	return a.cfg.Store.UpdateAuth(ctx, func(tx Tx) error {
		g, ok, err := tx.Grant(id)
		if err != nil {
			return err
		}
		if !ok || g.Merchant != m || m == "" {
			return fault.New(fault.NotFound, "No such token")
		}
		return revoke(tx, g, now)
	})
}

func revoke(tx Tx, g Grant, now time.Time) error {
	if !g.Revoked.IsZero() {
		return nil
	}
	g.Revoked, g.Pairing = now, Pairing{}
	return tx.PutGrant(g, Request{})
}

func sinRequest(s SIN, guid string, digest [32]byte) Request {
	return Request{Scope: "sin/" + string(s), GUID: guid, Digest: digest}
}

func needSIN(s SIN) error {
	if s == "" {
		return fault.New(fault.Invalid, "'id' property is required")
	}
	return nil
}

func badFacade() error { return fault.Field("facade", "is not pos, merchant or payout") }
