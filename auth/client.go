package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"satchel/fault"
)

// Client is the record behind a SIN (BitPay API, "Clients").
type Client struct {
	SIN      SIN
	Label    string
	Phone    string // of the person behind it, as he said; nobody calls it
	Created  time.Time
	Disabled bool
	Paired   bool // some grant names it
	Approved bool // some grant of it is usable; told by Authority.Client, and not kept
}

// How many clients without a grant are kept: anybody can make one. Those of the last day are never taken away.
const (
	maxUnpaired  = 10_000
	unpairedTime = 24 * time.Hour
)

// pair makes the client of a grant known. It stays disabled if it is.
func pair(tx Tx, g Grant, now time.Time) error {
	if g.SIN == "" {
		return nil
	}
	c, ok, err := tx.Client(g.SIN)
	if err != nil {
		return err
	}
	if !ok {
		c = Client{SIN: g.SIN, Label: g.Label, Created: now}
	}
	c.Paired = true
	return tx.PutClient(c)
}

// enable makes the client of a grant known and not disabled: somebody decided anew that it may come in.
func enable(tx Tx, g Grant, now time.Time) error {
	if err := pair(tx, g, now); err != nil || g.SIN == "" {
		return err
	}
	c, _, err := tx.Client(g.SIN)
	if err != nil || !c.Disabled {
		return err
	}
	c.Disabled = false
	return tx.PutClient(c)
}

// TokensOf lists the usable grants of a key's SINs, oldest first. ErrUnknownSIN: none of them was ever paired, or all
// are disabled.
func (a *Authority) TokensOf(ctx context.Context, id Identity) (list []Grant, err error) {
	err = a.cfg.Store.ReadAuth(ctx, func(v View) error {
		known := false
		list = []Grant{}
		for _, s := range id.SINs() {
			c, ok, err := v.Client(s)
			if err != nil {
				return err
			}
			if !ok || c.Disabled || !c.Paired {
				continue
			}
			known = true
			grants, err := v.GrantsOfSIN(s)
			if err != nil {
				return err
			}
			list = append(list, slices.DeleteFunc(grants, func(g Grant) bool { return !g.usable() })...)
		}
		if !known {
			return ErrUnknownSIN
		}
		return nil
	})
	slices.SortFunc(list, older)
	return list, err
}

// Client finds the record behind a SIN; fault.NotFound where there is none.
func (a *Authority) Client(ctx context.Context, s SIN) (c Client, err error) {
	err = a.cfg.Store.ReadAuth(ctx, func(v View) error {
		c, err = known(v, s)
		if err != nil {
			return err
		}
		grants, err := v.GrantsOfSIN(s)
		c.Approved = slices.ContainsFunc(grants, Grant.usable)
		return err
	})
	return c, err
}

func known(v View, s SIN) (Client, error) {
	c, ok, err := v.Client(s)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "No such client")
	}
	return c, err
}

// RegisterClient makes a client known that has no grant. One that is known already stays as it is: nobody proved that he
// may change it. Too many of them: fault.TooMany.
func (a *Authority) RegisterClient(ctx context.Context, s SIN, label string) (c Client, err error) {
	if err := needSIN(s); err != nil {
		return Client{}, err
	}
	now := a.cfg.Now()
	err = a.cfg.Store.UpdateAuth(ctx, func(tx Tx) error {
		var ok bool
		if c, ok, err = tx.Client(s); err != nil || ok {
			return err
		}
		c = Client{SIN: s, Label: CleanLabel(label), Created: now}
		if err := roomForClient(tx, now); err != nil {
			return err
		}
		return tx.PutClient(c)
	})
	if err != nil {
		return Client{}, err
	}
	return c, nil
}

// roomForClient takes the oldest clients without a grant away when there are too many.
func roomForClient(tx Tx, now time.Time) error {
	n, err := tx.Counts("")
	if err != nil || n.Unpaired < maxUnpaired {
		return err
	}
	old, err := tx.Unpaired(now.Add(-unpairedTime), pruned)
	if err != nil {
		return err
	}
	if len(old) == 0 {
		return fault.New(fault.TooMany, "Too many clients are not paired")
	}
	for _, c := range old {
		err = errors.Join(err, tx.DropClient(c.SIN))
	}
	return err
}

// UpdateClient changes what is not nil of the record behind a SIN, whose signature the caller has verified. Disabling it
// revokes all its grants in the same commit; what still waits for a decision is gone.
func (a *Authority) UpdateClient(ctx context.Context, s SIN, label *string, disabled *bool) (c Client, err error) {
	now := a.cfg.Now()
	err = a.cfg.Store.UpdateAuth(ctx, func(tx Tx) error {
		if c, err = known(tx, s); err != nil {
			return err
		}
		if label != nil {
			c.Label = CleanLabel(*label)
		}
		if disabled != nil {
			c.Disabled = *disabled
		}
		grants, err := tx.GrantsOfSIN(s)
		if err != nil {
			return err
		}
		if disabled != nil && *disabled {
			if grants, err = endAll(tx, grants, now); err != nil {
				return err
			}
		}
		c.Approved = slices.ContainsFunc(grants, Grant.usable)
		if c.Paired && len(grants) == 0 {
			c.Paired = false
			return tx.DropClient(s) // nothing of it was ever approved
		}
		return tx.PutClient(c)
	})
	if err != nil {
		return Client{}, err
	}
	return c, nil
}

// DescribeUser changes what is not nil of what the person behind a SIN says of himself; the caller has verified its
// signature. His name is the client's label.
func (a *Authority) DescribeUser(ctx context.Context, s SIN, name, phone *string) (c Client, err error) {
	err = a.cfg.Store.UpdateAuth(ctx, func(tx Tx) error {
		if c, err = known(tx, s); err != nil {
			return err
		}
		if name != nil {
			c.Label = CleanLabel(*name)
		}
		if phone != nil {
			c.Phone = *phone
		}
		return tx.PutClient(c)
	})
	return c, err
}

// endAll revokes what was usable, drops what was not decided, and gives what is left.
func endAll(tx Tx, grants []Grant, now time.Time) (left []Grant, err error) {
	for _, g := range grants {
		if g.Pairing.Code != "" {
			err = errors.Join(err, tx.DropGrant(g.ID))
			continue
		}
		err = errors.Join(err, revoke(tx, g, now))
		g.Revoked = now
		left = append(left, g)
	}
	return left, err
}
