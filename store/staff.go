package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"satchel/auth"
)

// operatorRecord is somebody who signs in at the desk; the name is its key.
type operatorRecord struct {
	No       uint32    `json:"merchant,omitempty"` // 0: every merchant's
	Role     auth.Role `json:"role"`
	Password string    `json:"password,omitempty"` // its hash
	Version  hash16    `json:"version"`
	Invite   hash16    `json:"invite,omitzero"`
	Created  instant   `json:"created,omitempty"`
	Changed  instant   `json:"changed,omitempty"`
}

// seatRecord is a browser that is signed in; the hash of its key is its key.
type seatRecord struct {
	Operator string  `json:"operator"`
	Version  hash16  `json:"version"`
	Opened   instant `json:"opened"`
	Used     instant `json:"used"`
}

// hash16 is 16 bytes that read as hex in a record.
type hash16 [16]byte

// MarshalText writes hex.
func (h hash16) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads hex.
func (h *hash16) UnmarshalText(b []byte) error {
	if len(b) != 2*len(h) {
		return fmt.Errorf("%d hex digits for 16 bytes", len(b))
	}
	_, err := hex.Decode(h[:], b)
	return err
}

// facts of a seat.
func (r *seatRecord) facts(key []byte) facts {
	var f facts
	f.row(bSeatsIdle, append(keyTime(nil, r.Used.time()), key...))
	f.count(countSeats, 1)
	return f
}

// facts of an operator.
func (r *operatorRecord) facts() facts {
	var f facts
	f.count(countOperators, 1)
	return f
}

// ReadStaff runs fn on a consistent view of operators and seats.
func (db *DB) ReadStaff(ctx context.Context, fn func(auth.StaffView) error) error {
	return db.view(ctx, func(t *txn) error { return fn(staffTx{t}) })
}

// UpdateStaff runs fn, and commits what it wrote.
func (db *DB) UpdateStaff(ctx context.Context, fn func(auth.StaffTx) error) error {
	return db.update(ctx, func(t *txn) error { return fn(staffTx{t}) })
}

// staffTx is a transaction as the staff's service sees it.
type staffTx struct{ t *txn }

// Operator implements auth.StaffView.
func (x staffTx) Operator(name string) (auth.Operator, bool, error) {
	if name == "" {
		return auth.Operator{}, false, nil
	}
	var rec operatorRecord
	ok, err := x.t.load(bOperators, []byte(name), &rec)
	if err != nil || !ok {
		return auth.Operator{}, false, err
	}
	o, err := x.operator(name, &rec)
	return o, err == nil, err
}

// Operators implements auth.StaffView.
func (x staffTx) Operators() (list []auth.Operator, err error) {
	err = x.t.scan(bOperators, nil, nil, func(key, payload []byte) (bool, error) {
		var rec operatorRecord
		if err := decode(bOperators, key, payload, &rec); err != nil {
			return false, err
		}
		o, err := x.operator(string(key), &rec)
		list = append(list, o)
		return true, err
	})
	return list, err
}

func (x staffTx) operator(name string, rec *operatorRecord) (auth.Operator, error) {
	o := auth.Operator{
		Name: name, Role: rec.Role, Password: rec.Password, Version: rec.Version, Invite: rec.Invite,
		Created: rec.Created.time(), Changed: rec.Changed.time(),
	}
	if rec.No == 0 {
		return o, nil
	}
	m, err := x.t.shop(rec.No)
	o.Merchant = m.ID
	return o, err
}

// PutOperator implements auth.StaffTx.
func (x staffTx) PutOperator(o auth.Operator) error {
	if o.Name == "" {
		return errors.New("an operator needs a name")
	}
	rec := operatorRecord{
		Role: o.Role, Password: o.Password, Version: o.Version, Invite: o.Invite, Created: toInstant(o.Created), Changed: toInstant(o.Changed),
	}
	if o.Merchant != "" {
		var err error
		if rec.No, err = x.t.merchantNo(o.Merchant); err != nil {
			return err
		}
	}
	was, old := operatorRecord{}, facts{}
	ok, err := x.t.load(bOperators, []byte(o.Name), &was)
	if err != nil {
		return err
	}
	if ok {
		old = was.facts()
	}
	return errors.Join(x.t.save(bOperators, []byte(o.Name), rec), x.t.reindex(old, rec.facts()))
}

// DropOperator implements auth.StaffTx. The seats lead to nobody then, and go when they are idle.
func (x staffTx) DropOperator(name string) error {
	var rec operatorRecord
	ok, err := x.t.load(bOperators, []byte(name), &rec)
	if err != nil || !ok {
		return err
	}
	return errors.Join(x.t.remove(bOperators, []byte(name)), x.t.reindex(rec.facts(), facts{}))
}

// Seat implements auth.StaffView.
func (x staffTx) Seat(hash [32]byte) (auth.Seat, bool, error) {
	var rec seatRecord
	ok, err := x.t.load(bSeats, hash[:], &rec)
	return auth.Seat{Operator: rec.Operator, Version: rec.Version, Opened: rec.Opened.time(), Used: rec.Used.time()}, ok, err
}

// PutSeat implements auth.StaffTx.
func (x staffTx) PutSeat(hash [32]byte, s auth.Seat) error {
	was, old := seatRecord{}, facts{}
	ok, err := x.t.load(bSeats, hash[:], &was)
	if err != nil {
		return err
	}
	if ok {
		old = was.facts(hash[:])
	}
	rec := seatRecord{Operator: s.Operator, Version: s.Version, Opened: toInstant(s.Opened), Used: toInstant(s.Used)}
	return errors.Join(x.t.save(bSeats, hash[:], rec), x.t.reindex(old, rec.facts(hash[:])))
}

// DropSeat implements auth.StaffTx.
func (x staffTx) DropSeat(hash [32]byte) error {
	var rec seatRecord
	ok, err := x.t.load(bSeats, hash[:], &rec)
	if err != nil || !ok {
		return err
	}
	return errors.Join(x.t.remove(bSeats, hash[:]), x.t.reindex(rec.facts(hash[:]), facts{}))
}

// IdleSeats implements auth.StaffTx.
func (x staffTx) IdleSeats(before time.Time, limit int) (list [][32]byte, err error) {
	err = x.t.before(bSeatsIdle, before, limit, func(key []byte) error {
		list = append(list, [32]byte(key))
		return nil
	})
	return list, err
}

// operators checks that each can be read, and has a merchant where it names one.
func (a *audit) operators() error {
	return a.each(bOperators, func(key, payload []byte) error {
		var rec operatorRecord
		if err := decode(bOperators, key, payload, &rec); err != nil {
			return err
		}
		a.expect(bOperators, key, rec.facts())
		if rec.Role != auth.Viewer && rec.Role != auth.Owner {
			return errors.New("its role is unknown")
		}
		_, err := staffTx{a.t}.operator(string(key), &rec)
		return err
	})
}

// seats checks each seat with its index row. Its operator may be gone.
func (a *audit) seats() error {
	return a.each(bSeats, func(key, payload []byte) error {
		var rec seatRecord
		if err := decode(bSeats, key, payload, &rec); err != nil {
			return err
		}
		a.expect(bSeats, key, rec.facts(key))
		return nil
	})
}
