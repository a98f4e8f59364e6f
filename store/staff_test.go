package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/store/storetest"
)

const (
	words = "correct horse battery"
	fresh = "staple of another kind"
)

// door is the staff's service on a real store, with a clock that is set by hand.
type door struct {
	*auth.Staff
	t   *testing.T
	db  *DB
	mu  sync.Mutex
	now time.Time
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{t: t, db: open(t, config(create(t))), now: storetest.Noon()}
	var err error
	d.Staff, err = auth.NewStaff(auth.StaffConfig{Store: d.db, Secret: d.db.ServerSecret(), Now: d.read})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *door) read() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *door) wait(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

func (d *door) add(name string) {
	d.t.Helper()
	if _, err := d.Add(d.t.Context(), auth.NewOperator{Name: name, Role: auth.Owner, Password: words}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *door) enters(name, password string) string {
	d.t.Helper()
	key, o, err := d.SignIn(d.t.Context(), auth.Credentials{Name: name, Password: password})
	if err != nil || o.Name != name {
		d.t.Fatalf("%s does not get in: %v", name, err)
	}
	return key
}

func (d *door) sits(key string, want bool) {
	d.t.Helper()
	o, err := d.Seated(d.t.Context(), key)
	if (err == nil) != want || err != nil && !errors.Is(err, auth.ErrSeat) || want && o.Name == "" {
		d.t.Errorf("seated: %+v %v, want %v", o, err, want)
	}
}

func TestOperatorsSignIn(t *testing.T) {
	d := newDoor(t)
	d.add("alice")
	key := d.enters("alice", words)
	d.sits(key, true)
	for _, c := range []auth.Credentials{
		{Name: "alice", Password: fresh},
		{Name: "alice"},
		{Name: "bob", Password: words},
		{},
		{Name: "Alice", Password: words},
		{Name: "alice", Password: strings.Repeat("x", 100_000)},
		{Name: strings.Repeat("x", 100_000), Password: words},
		{Name: "alice", Password: words + " ", Known: true},
	} {
		if _, _, err := d.SignIn(t.Context(), c); !errors.Is(err, auth.ErrSignIn) {
			t.Errorf("%.30v: %v", c, err)
		}
	}
	for _, bad := range []string{"", key[1:], key + "A", strings.Repeat("A", len(key)), strings.Repeat("A", 100_000)} {
		d.sits(bad, false)
	}
	if err := d.SignOut(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	d.sits(key, false)
	if err := d.SignOut(t.Context(), key); err != nil {
		t.Errorf("signing out twice: %v", err)
	}
}

// What the store holds of a seat opens none.
func TestTheFileSignsNobodyIn(t *testing.T) {
	d := newDoor(t)
	d.add("alice")
	key := d.enters("alice", words)
	err := d.db.view(t.Context(), func(tx *txn) error {
		for _, b := range []bucket{bOperators, bSeats, bSeatsIdle} {
			if err := tx.scan(b, nil, nil, func(k, payload []byte) (bool, error) {
				if strings.Contains(string(k)+string(payload), key) || strings.Contains(string(payload), words) {
					t.Errorf("bucket %s holds a key or a password", b)
				}
				return true, nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestASeatEnds(t *testing.T) {
	d := newDoor(t)
	d.add("alice")
	key, idle := d.enters("alice", words), d.enters("alice", words)
	for range 50 { // used now and then, it stays
		d.wait(11 * time.Hour)
		d.sits(key, true)
	}
	d.sits(idle, false)
	d.wait(11 * time.Hour)
	if o, err := d.Peek(t.Context(), key); err != nil || o.Name != "alice" {
		t.Errorf("%+v %v", o, err)
	}
	d.wait(time.Hour) // to look is no use
	d.sits(key, false)
	key = d.enters("alice", words)
	d.wait(12 * time.Hour)
	d.sits(key, false)
	again := d.enters("alice", words)
	err := d.db.ReadStaff(t.Context(), func(v auth.StaffView) error {
		n := 0
		err := v.(staffTx).t.scan(bSeats, nil, nil, func(_, _ []byte) (bool, error) { n++; return true, nil })
		if n != 1 {
			t.Errorf("%d seats are kept, those that are over among them", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 30 * 24 / 10 {
		d.wait(10 * time.Hour)
		_, _ = d.Seated(t.Context(), again)
	}
	d.sits(again, false) // in all, thirty days
}

func TestANewPasswordEndsEverySeat(t *testing.T) {
	for name, change := range map[string]func(d *door) (stays string){
		"by command": func(d *door) string {
			_, err := d.SetPassword(d.t.Context(), "alice", fresh)
			d.must(err)
			return ""
		},
		"by herself": func(d *door) string {
			key, err := d.ChangePassword(d.t.Context(), auth.Credentials{Name: "alice", Password: words, Known: true}, fresh)
			d.must(err)
			return key
		},
		"by a link": func(d *door) string {
			link, _, err := d.Invite(d.t.Context(), "alice")
			d.must(err)
			key, _, err := d.Welcome(d.t.Context(), "alice", link, fresh)
			d.must(err)
			return key
		},
		"signed out": func(d *door) string { d.must(d.SignOutEverywhere(d.t.Context(), "alice")); return "" },
		"removed":    func(d *door) string { d.must(d.Remove(d.t.Context(), "alice")); return "" },
		"added anew": func(d *door) string { d.must(d.Remove(d.t.Context(), "alice")); d.add("alice"); return "" },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			d.add("alice")
			d.add("bob")
			one, two, other := d.enters("alice", words), d.enters("alice", words), d.enters("bob", words)
			if stays := change(d); stays != "" {
				d.sits(stays, true)
				d.enters("alice", fresh)
				if _, _, err := d.SignIn(t.Context(), auth.Credentials{Name: "alice", Password: words}); !errors.Is(err, auth.ErrSignIn) {
					t.Errorf("the old password: %v", err)
				}
			}
			d.sits(one, false)
			d.sits(two, false)
			d.sits(other, true)
		})
	}
}

func (d *door) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func TestALinkWorksOnce(t *testing.T) {
	d := newDoor(t)
	if _, err := d.Add(t.Context(), auth.NewOperator{Name: "alice", Role: auth.Viewer, Merchant: storetest.Other}); err != nil {
		t.Fatal(err)
	}
	d.add("bob")
	if _, _, err := d.SignIn(t.Context(), auth.Credentials{Name: "alice"}); !errors.Is(err, auth.ErrSignIn) {
		t.Errorf("without a password: %v", err)
	}
	link, end, err := d.Invite(t.Context(), "alice")
	d.must(err)
	if end.Sub(d.read()) > auth.InviteTime || end.Sub(d.read()) < auth.InviteTime-time.Second {
		t.Errorf("it ends at %s", end)
	}
	for _, c := range [][2]string{{"bob", link}, {"carol", link}, {"", link}, {"alice", ""}, {"alice", link[1:]}, {"alice", link + "1"}, {"alice", strings.Repeat("z", 9999)}} {
		if _, err := d.Invited(t.Context(), c[0], c[1]); !errors.Is(err, auth.ErrInvite) {
			t.Errorf("%.40v: %v", c, err)
		}
	}
	o, err := d.Invited(t.Context(), "alice", link)
	if err != nil || o.Merchant != storetest.Other || o.Role != auth.Viewer {
		t.Fatalf("%+v %v", o, err)
	}
	if _, _, err := d.Welcome(t.Context(), "alice", link, "short"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a bad password: %v", err)
	}
	key, o, err := d.Welcome(t.Context(), "alice", link, fresh)
	if err != nil || o.Changed != d.read() {
		t.Fatalf("%+v %v", o, err)
	}
	d.sits(key, true)
	if _, _, err := d.Welcome(t.Context(), "alice", link, words); !errors.Is(err, auth.ErrInvite) {
		t.Errorf("the second time: %v", err)
	}
	older, _, err := d.Invite(t.Context(), "alice")
	d.must(err)
	late, _, err := d.Invite(t.Context(), "alice")
	d.must(err)
	if _, err := d.Invited(t.Context(), "alice", older); older == late || !errors.Is(err, auth.ErrInvite) {
		t.Errorf("an older link: %v", err)
	}
	if _, err := d.Invited(t.Context(), "alice", late); err != nil {
		t.Errorf("the newest link: %v", err)
	}
	d.sits(key, true) // a link that nobody used signs nobody out
	d.wait(auth.InviteTime)
	if _, err := d.Invited(t.Context(), "alice", late); !errors.Is(err, auth.ErrInvite) {
		t.Errorf("too late: %v", err)
	}
	if _, _, err := d.Invite(t.Context(), "carol"); !fault.Is(err, fault.NotFound) {
		t.Errorf("for nobody: %v", err)
	}
}

// Two who have the same link at the same time: one sets the password.
func TestALinkWorksForOne(t *testing.T) {
	d := newDoor(t)
	if _, err := d.Add(t.Context(), auth.NewOperator{Name: "alice", Role: auth.Owner}); err != nil {
		t.Fatal(err)
	}
	link, _, err := d.Invite(t.Context(), "alice")
	d.must(err)
	passwords := []string{"one of two passwords", "two of two passwords", "three of two passwords"}
	errs := make([]error, len(passwords))
	var wg sync.WaitGroup
	for i, password := range passwords {
		wg.Go(func() { _, _, errs[i] = d.Welcome(context.Background(), "alice", link, password) })
	}
	wg.Wait()
	set := 0
	for i, err := range errs {
		_, _, in := d.SignIn(t.Context(), auth.Credentials{Name: "alice", Password: passwords[i]})
		if (err == nil) != (in == nil) || err != nil && !errors.Is(err, auth.ErrInvite) {
			t.Errorf("%v, and then %v", err, in)
		}
		if err == nil {
			set++
		}
	}
	if set != 1 {
		t.Errorf("%d set the password", set)
	}
}

func TestWhoCannotBeAdded(t *testing.T) {
	d := newDoor(t)
	d.add("alice")
	for name, c := range map[string]struct {
		n    auth.NewOperator
		kind fault.Kind
	}{
		"a name in use":       {auth.NewOperator{Name: "alice", Role: auth.Owner, Password: words}, fault.Conflict},
		"no name":             {auth.NewOperator{Role: auth.Owner, Password: words}, fault.Invalid},
		"no role":             {auth.NewOperator{Name: "bob", Password: words}, fault.Invalid},
		"an unknown role":     {auth.NewOperator{Name: "bob", Role: 9, Password: words}, fault.Invalid},
		"a short password":    {auth.NewOperator{Name: "bob", Role: auth.Owner, Password: "short"}, fault.Invalid},
		"an unknown merchant": {auth.NewOperator{Name: "bob", Role: auth.Owner, Merchant: "nobody", Password: words}, fault.NotFound},
	} {
		if _, err := d.Add(t.Context(), c.n); !fault.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	list, err := d.Operators(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
	for name, fn := range map[string]func() error{
		"remove": func() error { return d.Remove(t.Context(), "bob") },
		"set":    func() error { _, err := d.SetPassword(t.Context(), "bob", words); return err },
		"out":    func() error { return d.SignOutEverywhere(t.Context(), "bob") },
	} {
		if err := fn(); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.ChangePassword(t.Context(), auth.Credentials{Name: "alice", Password: fresh}, fresh); !errors.Is(err, auth.ErrSignIn) {
		t.Errorf("changed without the old one: %v", err)
	}
	if _, err := auth.NewStaff(auth.StaffConfig{Store: d.db, Now: d.read}); err == nil {
		t.Error("without a secret")
	}
}

// While the store takes no writes, who is signed in stays so.
func TestASeatOutlastsAFullDisk(t *testing.T) {
	d := newDoor(t)
	d.add("alice")
	key := d.enters("alice", words)
	d.wait(time.Hour)
	d.db.holding.Store(true)
	d.db.unwritable(fault.New(fault.Unavailable, "full"))
	defer d.db.holding.Store(false)
	d.sits(key, true)
	if _, _, err := d.SignIn(context.Background(), auth.Credentials{Name: "alice", Password: words}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a new seat: %v", err)
	}
}
