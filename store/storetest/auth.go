package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
)

// Till and Desk are clients.
const (
	Till auth.SIN = "Tf3yr5tYvccKNVrE26BrPs6LWZRh8woHwjR"
	Desk auth.SIN = "TeyN4LPrXiG5t2yuSamKqP3ynVk3F52iHrX"
)

// put writes grants with their clients, as package auth does.
func (k *kit) put(list ...auth.Grant) {
	k.t.Helper()
	k.must(k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error {
		for _, g := range list {
			if g.SIN != "" {
				if err := tx.PutClient(auth.Client{SIN: g.SIN, Created: Noon(), Paired: true}); err != nil {
					return err
				}
			}
			if err := tx.PutGrant(g, auth.Request{}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// look runs fn on a view.
func (k *kit) look(fn func(v auth.View) error) {
	k.t.Helper()
	k.must(k.s.ReadAuth(k.ctx, fn))
}

func (k *kit) counts(m merchant.ID) (c auth.Counts) {
	k.t.Helper()
	k.must(k.s.UpdateAuth(k.ctx, func(tx auth.Tx) (err error) {
		c, err = tx.Counts(m)
		return err
	}))
	return c
}

func grants(t *testing.T, k *kit) {
	g := auth.Grant{ID: auth.TokenID{1}, Merchant: Shop, Facade: auth.POS, Label: "till", Created: Noon()}
	second := auth.Grant{ID: auth.TokenID{0, 1}, Merchant: Shop, Facade: auth.Merchant, SIN: Till, Created: Noon().Add(time.Hour)}
	k.put(second, g)
	got, ok, err := k.s.Grant(k.ctx, g.ID)
	if err != nil || !ok || got != g {
		t.Fatalf("%+v %v %v", got, ok, err)
	}
	list, err := k.s.GrantsOf(k.ctx, Shop)
	k.must(err)
	if len(list) != 2 || list[0] != g || list[1] != second {
		t.Fatalf("not oldest first: %+v", list)
	}
	err = k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error {
		stolen := g
		stolen.Merchant = Other
		return tx.PutGrant(stolen, auth.Request{})
	})
	k.kind(err, fault.Conflict)
	k.kind(k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error {
		return tx.PutGrant(auth.Grant{ID: auth.TokenID{3}, Merchant: "nobody", Facade: auth.POS}, auth.Request{})
	}), fault.NotFound)
	k.look(func(v auth.View) error {
		list, err := v.GrantsOfSIN(Till)
		if len(list) != 1 || list[0] != second {
			t.Errorf("of the SIN: %+v", list)
		}
		return err
	})
	g.Revoked, g.Label = Noon().Add(time.Minute), "old till"
	k.put(g)
	if got, _, err = k.s.Grant(k.ctx, g.ID); err != nil || got != g {
		t.Fatalf("revoked %+v %v", got, err)
	}
	list, err = k.s.GrantsOf(k.ctx, Other)
	k.must(err)
	if _, ok, _ := k.s.Grant(k.ctx, auth.TokenID{2}); ok || len(list) != 0 {
		t.Fatal("grants that nobody made")
	}
	boom := errors.New("boom")
	if err := k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error {
		g.Label = "half"
		return errors.Join(tx.PutGrant(g, auth.Request{}), boom)
	}); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if got, _, _ := k.s.Grant(k.ctx, g.ID); got.Label != "old till" {
		t.Fatal("a failed change was kept")
	}
}

func pairings(t *testing.T, k *kit) {
	open := func(id byte, m merchant.ID, s auth.SIN, end time.Duration) auth.Grant {
		g := auth.Grant{ID: auth.TokenID{id}, Merchant: m, Facade: auth.POS, SIN: s, Created: Noon()}
		g.Pairing = auth.Pairing{Code: fmt.Sprintf("code%03d", id), Expires: Noon().Add(end), Client: m == ""}
		return g
	}
	late, early, offer := open(1, "", Till, 3*time.Hour), open(2, "", Till, time.Hour), open(3, Shop, "", 2*time.Hour)
	k.put(late, early, offer)
	if c := k.counts(Shop); c.Waiting != 2 || c.Offered != 1 || k.counts(Other).Offered != 0 {
		t.Fatalf("counts %+v", c)
	}
	k.look(func(v auth.View) error {
		list, err := v.Pairings()
		if len(list) != 3 || list[0] != early || list[1] != offer || list[2] != late {
			t.Errorf("not those that expire first first: %+v", list)
		}
		got, ok, err2 := v.GrantByCode("code003")
		if !ok || got != offer {
			t.Errorf("by code: %+v %v", got, ok)
		}
		if _, ok, _ := v.GrantByCode("CODE003"); ok {
			t.Error("codes are found in another case")
		}
		return errors.Join(err, err2)
	})
	k.must(k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error {
		for _, c := range []struct {
			at    time.Duration
			limit int
			want  int
		}{{time.Hour - 1, 9, 0}, {time.Hour, 9, 1}, {2 * time.Hour, 9, 2}, {9 * time.Hour, 2, 2}} {
			if list, err := tx.Overdue(Noon().Add(c.at), c.limit); err != nil || len(list) != c.want {
				t.Errorf("overdue after %v: %d %v", c.at, len(list), err)
			}
		}
		return tx.DropGrant(early.ID)
	}))
	late.Merchant, late.Pairing = Other, auth.Pairing{}
	k.put(late)
	k.look(func(v auth.View) error {
		_, ok, err := v.GrantByCode("code001")
		_, gone, err2 := v.Grant(early.ID)
		if ok || gone {
			t.Error("a used code, or a dropped grant, is found")
		}
		return errors.Join(err, err2)
	})
	if c := k.counts(Shop); c.Waiting != 0 || c.Offered != 1 {
		t.Fatalf("counts %+v", c)
	}
	if list, err := k.s.GrantsOf(k.ctx, Other); err != nil || len(list) != 1 {
		t.Fatalf("an approved grant is not its merchant's: %v %v", list, err)
	}
}

func requests(t *testing.T, k *kit) {
	g := auth.Grant{ID: auth.TokenID{1}, Merchant: Shop, Facade: auth.POS, Created: Noon()}
	r := auth.Request{Scope: "merchant/x", GUID: "g", Digest: [32]byte{1}}
	made := func(r auth.Request) (got auth.Grant, ok bool, err error) {
		err = k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error {
			got, ok, err = tx.Made(r)
			return err
		})
		return got, ok, err
	}
	k.must(k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error {
		number := r
		number.GUID = "1546300800000"
		return errors.Join(tx.PutGrant(g, r), tx.PutGrant(g, number), tx.PutGrant(g, number), tx.PutGrant(g, auth.Request{}))
	}))
	if got, ok, err := made(r); err != nil || !ok || got != g {
		t.Fatalf("%+v %v %v", got, ok, err)
	}
	for name, c := range map[string]struct {
		change func(*auth.Request)
		kind   fault.Kind
		ok     bool
	}{
		"another body":               {func(r *auth.Request) { r.Digest[0]++ }, fault.Conflict, false},
		"another guid":               {func(r *auth.Request) { r.GUID = "h" }, 0, false},
		"another caller":             {func(r *auth.Request) { r.Scope = "merchant/y" }, 0, false},
		"none":                       {func(r *auth.Request) { r.GUID = "" }, 0, false},
		"a number":                   {func(r *auth.Request) { r.GUID = "1546300800000" }, 0, true},
		"a number, and another body": {func(r *auth.Request) { r.GUID = "1546300800000"; r.Digest[0]++ }, 0, false},
	} {
		other := r
		c.change(&other)
		if _, ok, err := made(other); ok != c.ok || fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
	k.must(k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error { return tx.DropGrant(g.ID) }))
	if _, ok, err := made(r); ok || err != nil {
		t.Fatalf("a dropped grant's request: %v %v", ok, err)
	}
}

func clients(t *testing.T, k *kit) {
	c := auth.Client{SIN: Till, Label: "till", Created: Noon()}
	later := auth.Client{SIN: Desk, Created: Noon().Add(time.Hour)}
	k.must(k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error { return errors.Join(tx.PutClient(c), tx.PutClient(later)) }))
	if n := k.counts("").Unpaired; n != 2 {
		t.Fatalf("%d unpaired", n)
	}
	k.must(k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error {
		got, ok, err := tx.Client(Till)
		if !ok || got != c {
			t.Errorf("%+v %v", got, ok)
		}
		for before, want := range map[time.Duration]int{0: 0, 1: 1, time.Hour: 1, 2 * time.Hour: 2} {
			if list, err := tx.Unpaired(Noon().Add(before), 5); err != nil || len(list) != want || want > 0 && list[0] != c {
				t.Errorf("unpaired before %v: %+v %v", before, list, err)
			}
		}
		if list, err := tx.Unpaired(Noon().Add(24*time.Hour), 1); err != nil || len(list) != 1 {
			t.Errorf("one of them: %+v %v", list, err)
		}
		return errors.Join(err, tx.DropClient(Desk), tx.DropClient(Desk))
	}))
	c.Disabled, c.Label, c.Phone = true, "old", "+1 555 0100"
	k.must(k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error { return tx.PutClient(c) }))
	k.look(func(v auth.View) error {
		got, _, err := v.Client(Till)
		_, ok, err2 := v.Client(Desk)
		if got != c || ok {
			t.Errorf("%+v, and a dropped one: %v", got, ok)
		}
		return errors.Join(err, err2)
	})
	if n := k.counts("").Unpaired; n != 1 {
		t.Fatalf("%d unpaired", n)
	}
}

func sessions(t *testing.T, k *kit) {
	s := auth.Session{ID: "session-1", Next: 1, Used: Noon()}
	other := auth.Session{ID: "session-2", Next: 1, Used: Noon().Add(time.Hour)}
	k.must(k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error {
		return errors.Join(tx.PutSession(s, nil), tx.PutSession(other, []byte("12345")))
	}))
	if c := k.counts(""); c.Sessions != 2 || c.Kept != 5 {
		t.Fatalf("counts %+v", c)
	}
	s.Next, s.SIN, s.Used = 2, Till, Noon().Add(time.Minute)
	s.Last = auth.Last{Hash: [32]byte{1}, SIN: Till, Status: 200, Size: 7}
	k.must(k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error { return tx.PutSession(s, []byte(`{"a":1}`)) }))
	k.look(func(v auth.View) error {
		got, ok, err := v.Session(s.ID)
		answer, err2 := v.Answer(s.ID)
		if !ok || got != s || string(answer) != `{"a":1}` {
			t.Errorf("%+v %v %q", got, ok, answer)
		}
		return errors.Join(err, err2)
	})
	s.Last.Size, s.Last.Lost = 0, true
	k.must(k.s.UpdateAuth(k.ctx, func(tx auth.Tx) error {
		for before, want := range map[time.Duration]int{time.Minute: 0, time.Minute + 1: 1, 2 * time.Hour: 2} {
			if ids, err := tx.Idle(Noon().Add(before), 5); err != nil || len(ids) != want || want > 0 && ids[0] != s.ID {
				t.Errorf("idle before %v: %v %v", before, ids, err)
			}
		}
		return errors.Join(tx.PutSession(s, nil), tx.DropSession(other.ID), tx.DropSession(other.ID))
	}))
	k.look(func(v auth.View) error {
		got, _, err := v.Session(s.ID)
		answer, err2 := v.Answer(s.ID)
		_, ok, err3 := v.Session(other.ID)
		if got != s || len(answer) != 0 || ok {
			t.Errorf("%+v %q %v", got, answer, ok)
		}
		return errors.Join(err, err2, err3)
	})
	if c := k.counts(""); c.Sessions != 1 || c.Kept != 0 {
		t.Fatalf("counts %+v", c)
	}
}
