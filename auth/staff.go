package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"satchel/fault"
	"satchel/merchant"
)

// StaffStore keeps operators and their seats. What one function of UpdateStaff wrote is in one commit or not at all; the
// function may run again, and has no effect but on its StaffTx and on variables that it sets on every run.
type StaffStore interface {
	ReadStaff(ctx context.Context, fn func(StaffView) error) error
	UpdateStaff(ctx context.Context, fn func(StaffTx) error) error
}

// StaffView is a consistent view of operators and seats.
type StaffView interface {
	Operator(name string) (Operator, bool, error)
	// Operators lists them all, by name.
	Operators() ([]Operator, error)
	// Seat finds a seat by the hash of its key.
	Seat(hash [32]byte) (Seat, bool, error)
}

// StaffTx is a view that can be changed.
type StaffTx interface {
	StaffView
	// PutOperator adds or replaces an operator; fault.NotFound where its merchant is unknown.
	PutOperator(o Operator) error
	DropOperator(name string) error
	PutSeat(hash [32]byte, s Seat) error
	DropSeat(hash [32]byte) error
	// IdleSeats lists seats last used before a time, as many as limit.
	IdleSeats(before time.Time, limit int) ([][32]byte, error)
}

// StaffConfig is what a Staff works with.
type StaffConfig struct {
	Store  StaffStore
	Secret Secret
	Now    func() time.Time
}

// Staff is the service that lets operators in. It is safe for concurrent use.
type Staff struct {
	cfg   StaffConfig
	cost  cost
	open  hashes // for anybody
	known hashes // for browsers that signed in before, so that a flood of strangers keeps nobody out
}

// NewStaff makes a Staff; it starts nothing.
func NewStaff(cfg StaffConfig) (*Staff, error) {
	if cfg.Store == nil || cfg.Now == nil || cfg.Secret == (Secret{}) {
		return nil, errors.New("auth: no store, clock or secret for the staff")
	}
	return &Staff{cfg: cfg, cost: usual(), open: newHashes(1), known: newHashes(1)}, nil
}

// What the staff's door answers.
var (
	// ErrSignIn is the answer to every wrong pair of name and password, whatever is wrong with it.
	ErrSignIn = errors.New("wrong name or password")
	// ErrSeat is the answer to a key that no seat has, or one that is over.
	ErrSeat = errors.New("not signed in")
	// ErrInvite is the answer to every key of a link that does not work, or no longer.
	ErrInvite = errors.New("invalid sign-in link")
)

// NewOperator is who is to be added. Without a password, a link lets him set one.
type NewOperator struct {
	Name     string
	Role     Role
	Merchant merchant.ID // "": every merchant's
	Password string
}

// Add adds an operator; fault.Conflict where the name is in use.
func (s *Staff) Add(ctx context.Context, n NewOperator) (Operator, error) {
	if err := CheckOperatorName(n.Name); err != nil {
		return Operator{}, err
	}
	if n.Role != Viewer && n.Role != Owner {
		return Operator{}, fault.Field("role", "is owner or viewer")
	}
	o := Operator{Name: n.Name, Role: n.Role, Merchant: n.Merchant, Created: s.cfg.Now(), Version: newVersion()}
	if n.Password != "" {
		if err := s.give(ctx, &o, n.Password); err != nil {
			return Operator{}, err
		}
	}
	err := s.cfg.Store.UpdateStaff(ctx, func(tx StaffTx) error {
		_, ok, err := tx.Operator(o.Name)
		if err == nil && ok {
			err = &fault.Error{Kind: fault.Conflict, Field: "name", Message: "there is an operator of this name already"}
		}
		if err != nil {
			return err
		}
		return tx.PutOperator(o)
	})
	if err != nil {
		return Operator{}, err
	}
	return o, nil
}

// give sets a password: what was made with the one before is worth nothing from the commit on.
func (s *Staff) give(ctx context.Context, o *Operator, password string) error {
	if err := CheckPassword(o.Name, password); err != nil {
		return err
	}
	leave, err := s.known.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	o.Password, o.Version, o.Changed = s.cost.hashPassword(password), newVersion(), s.cfg.Now()
	return nil
}

// Operators lists them all, by name.
func (s *Staff) Operators(ctx context.Context) (list []Operator, err error) {
	err = s.cfg.Store.ReadStaff(ctx, func(v StaffView) error {
		list, err = v.Operators()
		return err
	})
	return list, err
}

// Operator finds one; fault.NotFound where there is none.
func (s *Staff) Operator(ctx context.Context, name string) (o Operator, err error) {
	err = s.cfg.Store.ReadStaff(ctx, func(v StaffView) error {
		var ok bool
		if o, ok, err = v.Operator(name); err == nil && !ok {
			err = noOperator()
		}
		return err
	})
	return o, err
}

// Remove takes an operator away; he is signed out everywhere.
func (s *Staff) Remove(ctx context.Context, name string) error {
	return s.cfg.Store.UpdateStaff(ctx, func(tx StaffTx) error {
		if _, ok, err := tx.Operator(name); err != nil || !ok {
			return errors.Join(err, missingOperator(err == nil))
		}
		return tx.DropOperator(name)
	})
}

// SetPassword gives an operator a new password; he is signed out everywhere.
func (s *Staff) SetPassword(ctx context.Context, name, password string) (Operator, error) {
	return s.replace(ctx, name, password, func(Operator) error { return nil })
}

// replace sets a password, if the operator as he is in the commit passes the test.
func (s *Staff) replace(ctx context.Context, name, password string, test func(Operator) error) (Operator, error) {
	fresh := Operator{Name: name}
	if err := s.give(ctx, &fresh, password); err != nil {
		return Operator{}, err
	}
	var o Operator
	err := s.cfg.Store.UpdateStaff(ctx, func(tx StaffTx) (err error) {
		var ok bool
		if o, ok, err = tx.Operator(name); err != nil || !ok {
			return errors.Join(err, missingOperator(err == nil))
		}
		if err := test(o); err != nil {
			return err
		}
		o.Password, o.Version, o.Changed = fresh.Password, fresh.Version, fresh.Changed
		return tx.PutOperator(o)
	})
	if err != nil {
		return Operator{}, err
	}
	return o, nil
}

// SignOutEverywhere ends every seat of an operator.
func (s *Staff) SignOutEverywhere(ctx context.Context, name string) error {
	version := newVersion()
	return s.cfg.Store.UpdateStaff(ctx, func(tx StaffTx) error {
		o, ok, err := tx.Operator(name)
		if err != nil || !ok {
			return errors.Join(err, missingOperator(err == nil))
		}
		o.Version = version
		return tx.PutOperator(o)
	})
}

func noOperator() error { return fault.New(fault.NotFound, "There is no such operator") }

func missingOperator(is bool) error {
	if is {
		return noOperator()
	}
	return nil
}

func newVersion() (v [16]byte) {
	_, _ = rand.Read(v[:]) // never fails (crypto/rand)
	return v
}

// newKey makes the key of a seat: 32 random bytes, as text for a cookie.
func newKey() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hashOf is what the store knows of a key.
func hashOf(key string) [32]byte { return sha256.Sum256([]byte(key)) }
