package storetest

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"satchel/fault"
	"satchel/invoice"
	"satchel/notify"
)

// A request that is known again changes the invoice once, however often and at the same time it comes.
func updateOnce(t *testing.T, k *kit) {
	inv := k.invoice()
	once := invoice.Once{Resource: "adjustment", GUID: "g", Digest: [32]byte{1}}
	var ran atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			got, err := k.s.UpdateOnce(k.ctx, Shop, inv.ID, once, func(b *invoice.Book) error {
				b.Provide(invoice.Contact{Email: "a@shop.example"})
				ran.Add(1)
				return nil
			})
			if err != nil || got.Order.Buyer.Email != "a@shop.example" {
				t.Errorf("got %q %v", got.Order.Buyer.Email, err)
			}
		})
	}
	wg.Wait()
	if n := ran.Load(); n < 1 { // a batch may run a function again, but only one of them is kept
		t.Fatalf("it ran %d times", n)
	}
	clear := func(b *invoice.Book) error {
		b.Provide(invoice.Contact{Email: "b@shop.example"})
		return nil
	}
	_, err := k.s.UpdateOnce(k.ctx, Shop, inv.ID, once, clear)
	k.must(err)
	if got := k.read(inv.ID).Order.Buyer; got.Email != "a@shop.example" || got.Provided != "a@shop.example" {
		t.Fatalf("done twice: %+v", got)
	}
	other := once
	other.Digest[0]++
	_, err = k.s.UpdateOnce(k.ctx, Shop, inv.ID, other, clear)
	k.kind(err, fault.Conflict)
	_, err = k.s.UpdateOnce(k.ctx, Other, inv.ID, once, clear)
	k.kind(err, fault.NotFound)
	another := k.invoice() // the guid of a request belongs to its invoice
	got, err := k.s.UpdateOnce(k.ctx, Shop, another.ID, once, clear)
	if err != nil || got.Order.Buyer.Email != "b@shop.example" {
		t.Fatalf("another invoice: %+v %v", got.Order.Buyer, err)
	}
}

// The draft of a payment is kept with its invoice, and only in the place of the one that it was made after.
func drafts(t *testing.T, k *kit) {
	inv := k.invoice()
	first, second := invoice.Draft{Wallet: "w", TxID: Txid(1), Raw: []byte{1, 2}}, invoice.Draft{TxID: Txid(2), Raw: []byte{3}}
	for _, step := range []struct {
		was        invoice.TxID
		take, want invoice.Draft
	}{
		{Txid(9), first, invoice.Draft{}}, {invoice.TxID{}, first, first}, {invoice.TxID{}, second, first}, {Txid(1), second, second},
	} {
		got, err := k.s.Update(k.ctx, Shop, inv.ID, func(b *invoice.Book) error {
			b.Keep(step.was, step.take)
			return nil
		})
		k.must(err)
		if d := diff(got.Draft, step.want) + diff(k.read(inv.ID).Draft, step.want); d != "" {
			t.Error(d)
		}
	}
	_, err := k.s.Update(k.ctx, Shop, inv.ID, func(b *invoice.Book) error { return b.Cancel(Noon()) })
	k.must(err)
	got, err := k.s.Update(k.ctx, Shop, inv.ID, func(b *invoice.Book) error {
		b.Keep(Txid(2), first)
		return nil
	})
	if err != nil || diff(got.Draft, second) != "" {
		t.Errorf("a cancelled one: %+v %v", got.Draft, err)
	}
}

// A refused request is not remembered: when its time has come, it is done.
func updateOnceRefused(t *testing.T, k *kit) {
	inv := k.invoice()
	once := invoice.Once{Resource: "adjustment", GUID: "g", Digest: [32]byte{1}}
	refusal := errors.New("not now")
	_, err := k.s.UpdateOnce(k.ctx, Shop, inv.ID, once, func(*invoice.Book) error { return refusal })
	if !errors.Is(err, refusal) {
		t.Fatalf("got %v", err)
	}
	got, err := k.s.UpdateOnce(k.ctx, Shop, inv.ID, once, func(b *invoice.Book) error { return b.Cancel(Noon()) })
	if err != nil || !got.State.Cancelled {
		t.Fatalf("got %+v %v", got.State, err)
	}
	for range 2 { // without a guid nothing is remembered
		got, err = k.s.UpdateOnce(k.ctx, Shop, inv.ID, invoice.Once{Resource: "adjustment"}, func(b *invoice.Book) error {
			b.Provide(invoice.Contact{SMS: b.Invoice().Order.Buyer.SMS + "1"})
			return nil
		})
		k.must(err)
	}
	if got.Order.Buyer.SMS != "11" {
		t.Fatalf("done %q", got.Order.Buyer.SMS)
	}
}

// notice is what the domain says of a notification that was asked for.
func notice(inv invoice.Invoice, repeated bool) (invoice.Event, bool) {
	return inv.Notice(repeated, Noon())
}

// A notification that is asked for repeats the last callback, or says the state where there was none.
func renotify(t *testing.T, k *kit) {
	fresh := k.invoice()
	k.must(k.s.Renotify(k.ctx, Shop, fresh.ID, invoice.Once{Resource: "notification"}, notice))
	list := k.sent(fresh.ID)
	if len(list) != 1 || list[0].Code != invoice.ManuallyNotified || list[0].Resend {
		t.Fatalf("sent %+v", list)
	}
	done := k.read(k.complete(1).ID)
	before := k.sent(done.ID)
	once := invoice.Once{Resource: "notification", GUID: "g", Digest: [32]byte{1}}
	for range 3 {
		k.must(k.s.Renotify(k.ctx, Shop, done.ID, once, notice))
	}
	list = k.sent(done.ID)
	if len(list) != len(before)+1 {
		t.Fatalf("%d deliveries, were %d", len(list), len(before))
	}
	last, again := before[len(before)-1], list[len(before)]
	if again.EventID != last.EventID || again.ID == last.ID || string(again.Body) != string(last.Body) || !again.Resend ||
		again.State != notify.Pending || again.Progress.Attempts != 0 {
		t.Fatalf("sent %+v, want %+v again", again, last)
	}
	if k.read(done.ID).State.Revision != done.State.Revision {
		t.Error("what was only repeated is an event")
	}
	once.Digest[0]++
	k.kind(k.s.Renotify(k.ctx, Shop, done.ID, once, notice), fault.Conflict)
	k.kind(k.s.Renotify(k.ctx, Other, done.ID, once, notice), fault.NotFound)
	k.kind(k.s.Renotify(k.ctx, Shop, "nothing", once, notice), fault.NotFound)
}

// An invoice without an endpoint says so, and nothing is logged.
func renotifyNobody(t *testing.T, k *kit) {
	id := k.id()
	inv, err := k.s.Create(k.ctx, invoice.Creation{Merchant: Shop}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
		inv, events, err := build(id, slot)
		inv.Order.NotificationURL = ""
		events[0].Invoice = inv
		return inv, events, err
	})
	k.must(err)
	err = k.s.Renotify(k.ctx, Shop, inv.ID, invoice.Once{}, notice)
	k.kind(err, fault.Conflict)
	if !strings.Contains(err.Error(), "notificationURL") || len(k.sent(inv.ID)) != 0 {
		t.Fatalf("got %v", err)
	}
}

func (k *kit) sent(id invoice.ID) []notify.Delivery {
	k.t.Helper()
	list, err := k.s.DeliveriesOf(k.ctx, Shop, id)
	k.must(err)
	return list
}

// A page of a list has the receipts of each invoice, as many as were asked for, and those of no other.
func showList(t *testing.T, k *kit) {
	var made []invoice.Invoice
	for i := range 5 {
		inv := k.invoice()
		for n := range i {
			k.pay(inv, 10*i+n+1, 1_000, invoice.Place{Where: invoice.InMempool})
		}
		made = append(made, inv)
	}
	list, err := k.s.ShowInvoices(k.ctx, Shop, invoice.Filter{Limit: 3, Offset: 1}, 2)
	k.must(err)
	if len(list) != 3 {
		t.Fatalf("%d invoices", len(list))
	}
	for i, s := range list {
		at := 3 - i
		if d := diff(k.read(made[at].ID), s.Invoice); d != "" || len(s.Receipts) != min(at, 2) {
			t.Fatalf("%d receipts of number %d\n%s", len(s.Receipts), at, d)
		}
		for _, r := range s.Receipts {
			if r.Ref != s.Invoice.Ref {
				t.Fatalf("receipt %+v in invoice %+v", r, s.Invoice.Ref)
			}
		}
	}
	none, err := k.s.ShowInvoices(k.ctx, Other, invoice.Filter{}, 2)
	if err != nil || len(none) != 0 {
		t.Fatalf("another merchant sees %d: %v", len(none), err)
	}
	late, err := k.s.ShowInvoices(k.ctx, Shop, invoice.Filter{From: Noon().Add(time.Nanosecond)}, 2)
	if err != nil || len(late) != 0 {
		t.Fatalf("%d after noon: %v", len(late), err)
	}
}
