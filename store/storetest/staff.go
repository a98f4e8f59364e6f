package storetest

import (
	"fmt"
	"testing"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/invoice"
)

func (k *kit) staff(fn func(tx auth.StaffTx) error) {
	k.t.Helper()
	k.must(k.s.UpdateStaff(k.ctx, fn))
}

func operators(t *testing.T, k *kit) {
	alice := auth.Operator{Name: "alice", Role: auth.Owner, Password: "$argon2id$", Version: [16]byte{1}, Invite: [16]byte{3}, Created: Noon(), Changed: Noon().Add(time.Minute)}
	bob := auth.Operator{Name: "bob", Role: auth.Viewer, Merchant: Other, Created: Noon()}
	k.staff(func(tx auth.StaffTx) error {
		k.must(tx.PutOperator(bob))
		return tx.PutOperator(alice)
	})
	k.kind(k.s.UpdateStaff(k.ctx, func(tx auth.StaffTx) error {
		return tx.PutOperator(auth.Operator{Name: "carol", Merchant: "nobody"})
	}), fault.NotFound)
	if err := k.s.UpdateStaff(k.ctx, func(tx auth.StaffTx) error { return tx.PutOperator(auth.Operator{}) }); err == nil {
		t.Error("an operator without a name was kept")
	}
	k.must(k.s.ReadStaff(k.ctx, func(v auth.StaffView) error {
		list, err := v.Operators()
		k.must(err)
		if len(list) != 2 || list[0] != alice || list[1] != bob {
			t.Errorf("%+v", list)
		}
		for name, want := range map[string]bool{"alice": true, "bob": true, "carol": false, "": false, "alic": false} {
			if _, ok, err := v.Operator(name); err != nil || ok != want {
				t.Errorf("%q: %v %v", name, ok, err)
			}
		}
		return nil
	}))
	alice.Version = [16]byte{2}
	k.staff(func(tx auth.StaffTx) error {
		k.must(tx.DropOperator("nobody"))
		k.must(tx.DropOperator("bob"))
		return tx.PutOperator(alice)
	})
	k.must(k.s.ReadStaff(k.ctx, func(v auth.StaffView) error {
		list, err := v.Operators()
		if err != nil || len(list) != 1 || list[0] != alice {
			t.Errorf("%+v %v", list, err)
		}
		return nil
	}))
}

func seats(t *testing.T, k *kit) {
	at := func(minutes int) time.Time { return Noon().Add(time.Duration(minutes) * time.Minute) }
	seat := func(n int) auth.Seat {
		return auth.Seat{Operator: "alice", Version: [16]byte{byte(n)}, Opened: at(0), Used: at(n)}
	}
	k.staff(func(tx auth.StaffTx) error {
		for n := range 5 {
			k.must(tx.PutSeat([32]byte{byte(n)}, seat(n)))
		}
		return nil
	})
	idle := func(minute, limit int) (list [][32]byte) {
		k.staff(func(tx auth.StaffTx) (err error) {
			list, err = tx.IdleSeats(at(minute), limit)
			return err
		})
		return list
	}
	if got := idle(3, 10); len(got) != 3 || got[0] != [32]byte{0} || got[2] != [32]byte{2} {
		t.Errorf("%v", got)
	}
	if got := idle(3, 2); len(got) != 2 {
		t.Errorf("%v", got)
	}
	k.staff(func(tx auth.StaffTx) error {
		k.must(tx.DropSeat([32]byte{1}))
		k.must(tx.DropSeat([32]byte{99}))
		return tx.PutSeat([32]byte{0}, seat(60)) // used again
	})
	if got := idle(4, 10); len(got) != 2 || got[0] != [32]byte{2} {
		t.Errorf("%v", got)
	}
	k.must(k.s.ReadStaff(k.ctx, func(v auth.StaffView) error {
		if got, ok, err := v.Seat([32]byte{0}); err != nil || !ok || got != seat(60) {
			t.Errorf("%+v %v %v", got, ok, err)
		}
		if _, ok, err := v.Seat([32]byte{1}); err != nil || ok {
			t.Errorf("a seat that was left is there: %v", err)
		}
		return nil
	}))
}

// A list is read page by page from marks, and the pages fit together also when invoices come meanwhile.
func marks(t *testing.T, k *kit) {
	var made []invoice.Invoice
	for range 7 {
		made = append(made, k.invoice())
	}
	for _, f := range []invoice.Filter{{}, {Status: invoice.New}, {From: Noon()}, {To: Noon().Add(time.Hour)}} {
		var got []invoice.ID
		f.Limit = 3
		for {
			list, err := k.s.ListInvoices(k.ctx, Shop, f)
			k.must(err)
			if len(list) == 0 {
				break
			}
			for _, inv := range list {
				got = append(got, inv.ID)
			}
			f.Below = list[len(list)-1].Mark()
			k.invoice()
		}
		for i, inv := range made {
			if len(got) != len(made) || got[len(got)-1-i] != inv.ID {
				t.Fatalf("%+v: %v", f, got)
			}
		}
		list, err := k.s.ListInvoices(k.ctx, Shop, invoice.Filter{})
		k.must(err)
		made = nil
		for i := range list {
			made = append(made, list[len(list)-1-i])
		}
	}
	last := made[len(made)-1].Mark()
	if list, err := k.s.ListInvoices(k.ctx, Shop, invoice.Filter{Below: last, To: Noon()}); err != nil || len(list) != 0 {
		t.Errorf("a mark reaches beyond the end of the time: %d %v", len(list), err)
	}
	if list, err := k.s.ListInvoices(k.ctx, Other, invoice.Filter{Below: last}); err != nil || len(list) != 0 {
		t.Errorf("another merchant's mark: %d %v", len(list), err)
	}
}

func eventsBackwards(t *testing.T, k *kit) {
	for range 5 {
		k.invoice()
	}
	var seqs []uint64
	for before := uint64(0); ; {
		list, err := k.s.EventsBefore(k.ctx, Shop, before, 2)
		k.must(err)
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			seqs = append(seqs, e.Seq)
		}
		before = list[len(list)-1].Seq
	}
	if fmt.Sprint(seqs) != "[5 4 3 2 1]" {
		t.Errorf("%v", seqs)
	}
	if list, err := k.s.EventsBefore(k.ctx, Other, 0, 10); err != nil || len(list) != 0 {
		t.Errorf("another merchant's events: %d %v", len(list), err)
	}
	_, err := k.s.EventsBefore(k.ctx, "nobody", 0, 10)
	k.kind(err, fault.NotFound)
}
