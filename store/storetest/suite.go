// Package storetest is the suite that any engine of the store must pass. No test in it may show which engine it is.
package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"satchel/auth"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/notify"
	"satchel/tracker"
)

// Stores is an engine under test, with two merchants.
type Stores interface {
	invoice.Store
	tracker.Store
	notify.Store
	auth.Store
	auth.StaffStore
	AddLink(ctx context.Context, l merchant.Link) error
	Link(ctx context.Context, id merchant.LinkID) (merchant.Link, bool, error)
	LinksOf(ctx context.Context, m merchant.ID) ([]merchant.Link, error)
	RevokeLink(ctx context.Context, m merchant.ID, id merchant.LinkID, at time.Time) error
	Merchant(ctx context.Context, id merchant.ID) (merchant.Merchant, error)
	GrantsOf(ctx context.Context, m merchant.ID) ([]auth.Grant, error)
	InvoiceByGUID(ctx context.Context, m merchant.ID, guid string) (invoice.Invoice, error)
	ListInvoices(ctx context.Context, m merchant.ID, f invoice.Filter) ([]invoice.Invoice, error)
	ShowInvoices(ctx context.Context, m merchant.ID, f invoice.Filter, each int) ([]invoice.Shown, error)
	EventsOf(ctx context.Context, m merchant.ID, id invoice.ID) ([]invoice.Logged, error)
	Events(ctx context.Context, m merchant.ID, after uint64, limit int) ([]invoice.Logged, error)
	EventsBefore(ctx context.Context, m merchant.ID, before uint64, limit int) ([]invoice.Logged, error)
	Attention(ctx context.Context, m merchant.ID, limit int) ([]invoice.Need, error)
	DeliveriesOf(ctx context.Context, m merchant.ID, id invoice.ID) ([]notify.Delivery, error)
	Attempts(ctx context.Context, m merchant.ID, delivery uint64) ([]notify.Attempt, error)
	LastAttempts(ctx context.Context, m merchant.ID, deliveries []uint64, each int) (map[uint64][]notify.Attempt, error)
	ResendOnce(ctx context.Context, m merchant.ID, delivery uint64, at time.Time) (notify.Delivery, error)
	Resend(ctx context.Context, m merchant.ID, delivery uint64, at time.Time) (notify.Delivery, error)
	Stats(ctx context.Context) (invoice.Stats, error)
}

// The merchants that an engine is opened with.
const (
	Shop  merchant.ID = "shop-000000000000000001"
	Other merchant.ID = "shop-000000000000000002"
)

// Noon is when tests begin.
func Noon() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// Deriver gives an address for an index without a key: the tests need scripts, not money.
type Deriver struct{}

// Key names it.
func (Deriver) Key() string { return "test-key" }

// Address makes a P2WPKH script of the index.
func (Deriver) Address(index uint32) (invoice.Address, error) {
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(nil, index))
	return invoice.Address{Text: fmt.Sprintf("address-%d", index), Script: append([]byte{0, 20}, sum[:20]...), Key: "test-key", Index: index}, nil
}

// Render gives every event a document, and plain ones a callback.
func Render(ev invoice.Event, _ merchant.Merchant) ([]byte, []notify.Outgoing, error) {
	doc := fmt.Appendf(nil, `{"id":%q,"status":%q,"revision":%d}`, ev.Invoice.ID, ev.Invoice.State.Status, ev.Invoice.State.Revision)
	if !ev.Flat {
		return doc, nil, nil
	}
	return doc, []notify.Outgoing{{Channel: notify.IPN, Endpoint: ev.Invoice.Order.NotificationURL, Body: doc}}, nil
}

// Run runs the suite. open gives a fresh engine with both merchants; its cleanup checks what is left.
func Run(t *testing.T, open func(t *testing.T) Stores) {
	for name, test := range map[string]func(*testing.T, *kit){
		"create, read, list":           createReadList,
		"an index is issued once":      indexes,
		"each merchant has own keys":   ownKeys,
		"exposure is over all":         exposure,
		"a guid makes one invoice":     guids,
		"a number is shared by chance": numberGUIDs,
		"caps":                         caps,
		"caps of callers":              originCaps,
		"links":                        links,
		"a failed builder leaves none": failedBuilder,
		"foreign merchants see none":   foreign,
		"payments":                     payments,
		"a failed step changes none":   failedStep,
		"the tip moves in order":       tip,
		"ticks and following":          ticks,
		"reorg indexes":                blocks,
		"deliveries in order":          deliveries,
		"deliveries that were stale":   stale,
		"endpoints share":              endpoints,
		"resend":                       resend,
		"resend once":                  resendOnce,
		"a URL that is gone":           goneURL,
		"grants":                       grants,
		"pairings":                     pairings,
		"requests for grants":          requests,
		"clients":                      clients,
		"sessions":                     sessions,
		"operators":                    operators,
		"seats":                        seats,
		"lists go on from marks":       marks,
		"the log backwards":            eventsBackwards,
		"attention":                    attention,
		"panics stay inside":           panics,
		"a known request is done once": updateOnce,
		"drafts of payments":           drafts,
		"a refusal is not remembered":  updateOnceRefused,
		"notices by hand":              renotify,
		"notices to nobody":            renotifyNobody,
		"lists with receipts":          showList,
	} {
		t.Run(name, func(t *testing.T) { test(t, &kit{t: t, ctx: t.Context(), s: open(t)}) })
	}
}

// kit is an engine in a test.
type kit struct {
	t   *testing.T
	ctx context.Context
	s   Stores
	n   int
}

func (k *kit) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) kind(err error, kind fault.Kind) {
	k.t.Helper()
	if !fault.Is(err, kind) {
		k.t.Fatalf("got %v, want kind %d", err, kind)
	}
}

// build makes a new invoice of 1,000,000 sat in the slot.
func build(id invoice.ID, slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
	inv := invoice.Invoice{
		Ref: slot.Ref, ID: id, Address: slot.Address, Created: Noon(), Expires: Noon().Add(15 * time.Minute),
		Quote: money.Quote{Price: money.Fiat{Minor: 5000, Code: "USD"}, Due: 1_000_000},
		Order: invoice.Order{NotificationURL: "https://shop.example/ipn", OrderID: "order-" + string(id), Creator: "till", PayProRequired: true, ForcedWallet: "any", Items: []invoice.Item{{Amount: money.Fiat{Minor: 7, Code: "USD"}, Fee: true}}},
		Terms: invoice.Terms{Speed: merchant.Medium, InvalidAfter: time.Hour, FullNotifications: true},
		State: invoice.State{Status: invoice.New, Since: Noon(), Reason: invoice.ByCreation, Tick: Noon().Add(15 * time.Minute)},
	}
	return inv, []invoice.Event{{Code: invoice.Created, At: Noon(), Reason: invoice.ByCreation, Invoice: inv}}, nil
}

func (k *kit) id() invoice.ID {
	k.n++
	return invoice.ID(fmt.Sprintf("invoice-%014d", k.n))
}

func (k *kit) create(c invoice.Creation) (invoice.Invoice, error) {
	id := k.id()
	if c.Merchant == "" {
		c.Merchant = Shop
	}
	return k.s.Create(k.ctx, c, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
		inv, events, err := build(id, slot)
		inv.Order.Creator, inv.Order.Origin = c.Creator, c.Origin
		return inv, events, err
	})
}

func (k *kit) invoice() invoice.Invoice {
	k.t.Helper()
	inv, err := k.create(invoice.Creation{Creator: "till"})
	k.must(err)
	return inv
}

// Txid makes a transaction id of a number.
func Txid(n int) invoice.TxID { return sha256.Sum256(fmt.Appendf(nil, "tx-%d", n)) }

// diff tells what differs between two values of the domain.
func diff(a, b any) string {
	return cmp.Diff(a, b, cmp.Comparer(func(x, y money.Rate) bool { return x.Cmp(y) == 0 }), cmpopts.EquateEmpty())
}

func view(tip int32) invoice.View {
	return invoice.View{Now: Noon().Add(time.Minute), Tip: tip, Synced: Noon()}
}

// pay sees an output in one commit, as the tracker does.
func (k *kit) pay(inv invoice.Invoice, n int, sats money.Sats, place invoice.Place) {
	k.t.Helper()
	k.must(k.step(inv.Ref, func(b *invoice.Book) {
		b.See(invoice.Sight{Outpoint: invoice.Outpoint{TxID: Txid(n)}, Sats: sats, Place: place, Seen: Noon(), Tip: 100}, Noon())
	}))
}

// step changes an invoice in one commit of the chain's side.
func (k *kit) step(ref invoice.Ref, fn func(*invoice.Book)) error {
	return k.s.UpdateChain(k.ctx, func(tx tracker.Tx) error {
		inv, err := tx.Invoice(ref)
		if err != nil {
			return err
		}
		b := invoice.Open(inv, func() ([]invoice.Receipt, error) { return tx.Receipts(ref) })
		fn(b)
		inv, receipts, events, err := b.Close(view(100))
		if err != nil {
			return err
		}
		return tx.PutInvoice(inv, receipts, events)
	})
}

func (k *kit) read(id invoice.ID) invoice.Invoice {
	k.t.Helper()
	inv, err := k.s.Invoice(k.ctx, Shop, id)
	k.must(err)
	return inv
}

func createReadList(t *testing.T, k *kit) {
	var made []invoice.Invoice
	for range 5 {
		made = append(made, k.invoice())
	}
	for _, inv := range made {
		if d := diff(inv, k.read(inv.ID)); d != "" {
			t.Fatalf("what was made and what is read differ:\n%s", d)
		}
	}
	list, err := k.s.ListInvoices(k.ctx, Shop, invoice.Filter{Limit: 3, Offset: 1})
	k.must(err)
	if len(list) != 3 || list[0].ID != made[3].ID || list[2].ID != made[1].ID {
		t.Fatalf("the list is not newest first: %d", len(list))
	}
	for name, f := range map[string]invoice.Filter{
		"order": {OrderID: "order-" + string(made[2].ID), Limit: 10}, "late": {From: Noon().Add(time.Hour), Limit: 10},
		"status": {Status: invoice.Paid, Limit: 10}, "to": {To: Noon(), Limit: 10},
	} {
		list, err := k.s.ListInvoices(k.ctx, Shop, f)
		k.must(err)
		if want := map[string]int{"order": 1}[name]; len(list) != want {
			t.Errorf("%s: %d invoices", name, len(list))
		}
	}
	p, err := k.s.PublicInvoice(k.ctx, made[0].ID)
	k.must(err)
	if p.Invoice.Order.NotificationURL != "" || p.Invoice.Order.Creator != "" || p.Invoice.Order.Origin != "" || p.Merchant == "" || p.Invoice.Address.Text != made[0].Address.Text {
		t.Errorf("what a payer sees: %+v", p)
	}
	stats, err := k.s.Stats(k.ctx)
	k.must(err)
	if stats.ByStatus[invoice.New] != 5 || stats.Scripts != 5 || stats.Events != 5 {
		t.Errorf("stats %+v", stats)
	}
}

func indexes(t *testing.T, k *kit) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[uint32]invoice.ID{}
	for i := range 100 {
		wg.Go(func() {
			id := invoice.ID(fmt.Sprintf("parallel-%013d", i))
			inv, err := k.s.Create(k.ctx, invoice.Creation{Merchant: Shop}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
				return build(id, slot)
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if other, ok := seen[inv.Address.Index]; ok {
				t.Errorf("index %d went to %s and %s", inv.Address.Index, other, inv.ID)
			}
			seen[inv.Address.Index] = inv.ID
		})
	}
	wg.Wait()
	if len(seen) != 100 {
		t.Fatalf("%d indexes for 100 invoices", len(seen))
	}
}

func guids(t *testing.T, k *kit) {
	c := invoice.Creation{Merchant: Shop, GUID: "g", Digest: [32]byte{1}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	ids := map[invoice.ID]bool{}
	for i := range 50 {
		wg.Go(func() {
			id := invoice.ID(fmt.Sprintf("replayed-%013d", i))
			inv, err := k.s.Create(k.ctx, c, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) { return build(id, slot) })
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			ids[inv.ID] = true
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Fatalf("50 equal requests made %d invoices", len(ids))
	}
	if inv, ok, err := k.s.ByGUID(k.ctx, c); err != nil || !ok || !ids[inv.ID] {
		t.Fatalf("by guid: %v %v", ok, err)
	}
	other := c
	other.Digest[0]++
	_, err := k.create(other)
	k.kind(err, fault.Conflict)
	foreign := c
	foreign.Merchant = Other
	if _, ok, err := k.s.ByGUID(k.ctx, foreign); err != nil || ok {
		t.Fatalf("another merchant's guid: %v %v", ok, err)
	}
}

// Guids that are numbers come from clocks: another body under the same number is another invoice, and each is found again.
func numberGUIDs(t *testing.T, k *kit) {
	var made []invoice.Invoice
	for i := range 4 {
		inv, err := k.create(invoice.Creation{GUID: "1546300800000", Digest: [32]byte{byte(i)}})
		k.must(err)
		made = append(made, inv)
		got, err := k.s.InvoiceByGUID(k.ctx, Shop, "1546300800000")
		k.must(err)
		if got.ID != inv.ID {
			t.Fatalf("the newest is %s, want %s", got.ID, inv.ID)
		}
	}
	for i, want := range made {
		c := invoice.Creation{Merchant: Shop, GUID: "1546300800000", Digest: [32]byte{byte(i)}}
		again, err := k.create(c)
		k.must(err)
		got, ok, err := k.s.ByGUID(k.ctx, c)
		k.must(err)
		if again.ID != want.ID || !ok || got.ID != want.ID {
			t.Fatalf("request %d is %s and %s, want %s", i, again.ID, got.ID, want.ID)
		}
	}
	for guid, loose := range map[string]bool{
		"0": true, "44006933.97723119": true, ".5": true, ".": false, "1.2.3": false, "12-3": false, "0x1": false, "1e3": false, "١": false, "g": false,
	} {
		_, err := k.create(invoice.Creation{GUID: guid})
		k.must(err)
		_, err = k.create(invoice.Creation{GUID: guid, Digest: [32]byte{1}})
		if (err == nil) != loose || err != nil && !fault.Is(err, fault.Conflict) {
			t.Errorf("another body under %q: %v", guid, err)
		}
	}
	for _, c := range []struct {
		m    merchant.ID
		guid string
	}{{Other, "1546300800000"}, {Shop, "unknown"}, {Shop, ""}} {
		_, err := k.s.InvoiceByGUID(k.ctx, c.m, c.guid)
		k.kind(err, fault.NotFound)
	}
}

func caps(t *testing.T, k *kit) {
	c := invoice.Creation{Creator: "till", MaxOpen: 3}
	var first invoice.Invoice
	for i := range 3 {
		inv, err := k.create(c)
		k.must(err)
		if i == 0 {
			first = inv
		}
	}
	_, err := k.create(c)
	k.kind(err, fault.TooMany)
	if _, err := k.create(invoice.Creation{Creator: "another till", MaxOpen: 3}); err != nil {
		t.Fatalf("somebody else's cap: %v", err)
	}
	k.pay(first, 1, 1_000_000, invoice.Place{Where: invoice.InMempool})
	if _, err := k.create(c); err != nil {
		t.Fatalf("a paid invoice still counts: %v", err)
	}
}

func failedBuilder(t *testing.T, k *kit) {
	boom := errors.New("boom")
	_, err := k.s.Create(k.ctx, invoice.Creation{Merchant: Shop, GUID: "g"}, func(invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
		return invoice.Invoice{}, nil, boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if inv := k.invoice(); inv.Address.Index != 0 {
		t.Fatalf("a failed creation used index 0, the next got %d", inv.Address.Index)
	}
	if _, ok, err := k.s.ByGUID(k.ctx, invoice.Creation{Merchant: Shop, GUID: "g"}); err != nil || ok {
		t.Fatalf("a failed creation left its guid: %v %v", ok, err)
	}
}

func foreign(t *testing.T, k *kit) {
	inv := k.invoice()
	_, err := k.s.Invoice(k.ctx, Other, inv.ID)
	k.kind(err, fault.NotFound)
	_, err = k.s.Receipts(k.ctx, Other, inv.ID, 10)
	k.kind(err, fault.NotFound)
	_, err = k.s.Update(k.ctx, Other, inv.ID, func(b *invoice.Book) error { return b.Cancel(Noon()) })
	k.kind(err, fault.NotFound)
	list, err := k.s.ListInvoices(k.ctx, Other, invoice.Filter{Limit: 10})
	k.must(err)
	events, err := k.s.Events(k.ctx, Other, 0, 10)
	k.must(err)
	if len(list)+len(events) != 0 {
		t.Fatalf("another merchant sees %d invoices and %d events", len(list), len(events))
	}
	if k.read(inv.ID).State.Cancelled {
		t.Fatal("another merchant changed it")
	}
}
