package auth

import (
	"context"
	"encoding/base64"
)

// Credentials are what somebody types at the door.
type Credentials struct {
	Name, Password string
	Known          bool // the browser signed in as this operator before: it does not queue with strangers
}

// SignIn opens a seat and gives its key; ErrSignIn where name and password do not fit.
func (s *Staff) SignIn(ctx context.Context, c Credentials) (key string, o Operator, err error) {
	o, err = s.prove(ctx, c)
	if err != nil {
		return "", Operator{}, err
	}
	key, err = s.sit(ctx, o)
	return key, o, err
}

// prove compares a password. It takes as long for a name that nobody has.
func (s *Staff) prove(ctx context.Context, c Credentials) (o Operator, err error) {
	if len(c.Password) > maxPassword || len(c.Name) > maxOperator {
		return Operator{}, ErrSignIn
	}
	err = s.cfg.Store.ReadStaff(ctx, func(v StaffView) error {
		o, _, err = v.Operator(c.Name)
		return err
	})
	if err != nil {
		return Operator{}, err
	}
	room := s.open
	if c.Known {
		room = s.known
	}
	leave, err := room.enter(ctx)
	if err != nil {
		return Operator{}, err
	}
	defer leave()
	ok, err := s.cost.isPassword(c.Password, o.Password)
	if err == nil && !ok {
		err = ErrSignIn
	}
	if err != nil {
		return Operator{}, err
	}
	return o, nil
}

// prunedSeats is how many seats that are over the commit of a new one takes away.
const prunedSeats = 100

// sit opens a seat for an operator, if he is still the one whose password was compared.
func (s *Staff) sit(ctx context.Context, o Operator) (string, error) {
	key, now := newKey(), s.cfg.Now()
	err := s.cfg.Store.UpdateStaff(ctx, func(tx StaffTx) error {
		is, ok, err := tx.Operator(o.Name)
		if err != nil {
			return err
		}
		if !ok || is.Version != o.Version {
			return ErrSignIn
		}
		idle, err := tx.IdleSeats(now.Add(1-SeatTime), prunedSeats)
		if err != nil {
			return err
		}
		for _, old := range idle {
			if err := tx.DropSeat(old); err != nil {
				return err
			}
		}
		return tx.PutSeat(hashOf(key), Seat{Operator: o.Name, Version: o.Version, Opened: now, Used: now})
	})
	if err != nil {
		return "", err
	}
	return key, nil
}

// Seated finds who sits behind a key; ErrSeat where nobody does. The use is written down now and then: while the store
// takes no writes, it still lets those in who are.
func (s *Staff) Seated(ctx context.Context, key string) (o Operator, err error) {
	o, seat, err := s.find(ctx, key)
	if err == nil && s.cfg.Now().Sub(seat.Used) >= seatStep {
		s.touch(ctx, hashOf(key), seat)
	}
	return o, err
}

// Peek is Seated for what a page asks by itself: it does not count as a use, so that an open page keeps no seat for ever.
func (s *Staff) Peek(ctx context.Context, key string) (Operator, error) {
	o, _, err := s.find(ctx, key)
	return o, err
}

func (s *Staff) find(ctx context.Context, key string) (o Operator, seat Seat, err error) {
	if len(key) != base64.RawURLEncoding.EncodedLen(32) {
		return Operator{}, Seat{}, ErrSeat
	}
	now := s.cfg.Now()
	err = s.cfg.Store.ReadStaff(ctx, func(v StaffView) error {
		var ok bool
		if seat, ok, err = v.Seat(hashOf(key)); err != nil {
			return err
		}
		if !ok || now.Sub(seat.Used) >= SeatTime || now.Sub(seat.Opened) >= seatLife {
			return ErrSeat
		}
		if o, ok, err = v.Operator(seat.Operator); err != nil {
			return err
		}
		if !ok || o.Version != seat.Version {
			return ErrSeat
		}
		return nil
	})
	if err != nil {
		return Operator{}, Seat{}, err
	}
	return o, seat, nil
}

// touch notes the use of a seat, unless it was left meanwhile. That it cannot be noted is no reason to turn somebody away.
func (s *Staff) touch(ctx context.Context, hash [32]byte, seat Seat) {
	seat.Used = s.cfg.Now()
	_ = s.cfg.Store.UpdateStaff(ctx, func(tx StaffTx) error {
		if _, ok, err := tx.Seat(hash); err != nil || !ok {
			return err
		}
		return tx.PutSeat(hash, seat)
	})
}

// SignOut ends a seat; one that is gone already is no error.
func (s *Staff) SignOut(ctx context.Context, key string) error {
	return s.cfg.Store.UpdateStaff(ctx, func(tx StaffTx) error { return tx.DropSeat(hashOf(key)) })
}

// ChangePassword sets an operator's own password. All his seats end, and a new one is opened for who changed it.
func (s *Staff) ChangePassword(ctx context.Context, c Credentials, password string) (key string, err error) {
	was, err := s.prove(ctx, c)
	if err != nil {
		return "", err
	}
	is, err := s.replace(ctx, c.Name, password, func(o Operator) error {
		if o.Version != was.Version {
			return ErrSignIn
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return s.sit(ctx, is)
}

// FormKey is what a form carries so that no other site can send it: it is made of the seat's key, which only this
// browser has and no page shows.
func (s Secret) FormKey(seat string) string {
	return base64.RawURLEncoding.EncodeToString(s.mac("form", []byte(seat))[:16])
}

// IsFormKey compares in constant time.
func (s Secret) IsFormKey(seat, key string) bool { return same(s.FormKey(seat), key) }
