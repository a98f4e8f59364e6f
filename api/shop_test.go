package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"satchel/auth"
	"satchel/bitpay"
	"satchel/invoice"
	"satchel/live"
	"satchel/merchant"
	"satchel/money"
	"satchel/notify"
	"satchel/rate"
	"satchel/store"
	"satchel/store/storetest"
	"satchel/tracker"
)

// shop is a running API on a real store and a real service. Payments come as the tracker brings them.
type shop struct {
	*world
	db    *store.DB
	hub   *live.Hub
	owner string // a merchant's token
	other string // another merchant's

	clock sync.Mutex
	at    time.Time
	blk   int32
	made  int
	path  string
	stop  func() // the store
}

// open is a gate.
type openGate struct{}

func (openGate) Ready() error { return nil }

func (s *shop) now() time.Time {
	s.clock.Lock()
	defer s.clock.Unlock()
	return s.at
}

func (s *shop) tip() int32 {
	s.clock.Lock()
	defer s.clock.Unlock()
	return s.blk
}

func (s *shop) wait(d time.Duration) {
	s.clock.Lock()
	defer s.clock.Unlock()
	s.at = s.at.Add(d)
}

func newShop(t testing.TB, change func(*shop, *Config)) *shop {
	t.Helper()
	s := &shop{at: storetest.Noon(), blk: 100, hub: live.New(100)}
	s.create(t)
	s.serve(t, change)
	s.pos = s.issue(storetest.Shop, auth.POS, "")
	s.owner = s.issue(storetest.Shop, auth.Merchant, "")
	s.other = s.issue(storetest.Other, auth.Merchant, "")
	return s
}

// restart ends the daemon's memory: what is left is what is on the disk.
func (s *shop) restart() {
	s.t.Helper()
	s.stop()
	pos, owner, other := s.pos, s.owner, s.other
	s.open(s.t)
	s.serve(s.t, nil)
	s.pos, s.owner, s.other = pos, owner, other
}

// serve starts the API on the store.
func (s *shop) serve(t testing.TB, change func(*shop, *Config)) {
	t.Helper()
	usd, err := money.ParseRate("50000")
	if err != nil {
		t.Fatal(err)
	}
	rates, err := rate.New(rate.Config{Fixed: map[string]money.Rate{"USD": usd}, Now: s.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	service := invoice.NewService(invoice.Config{
		Store: s.db, Rates: rates, Gate: openGate{}, Now: s.now, NewID: invoice.NewID,
	})
	s.world = start(t, func(c *Config) {
		c.Invoices, c.Store, c.Now, c.Tip, c.Hub, c.AllowPrivate = service, s.db, s.now, s.tip, s.hub, true
		c.Auth = authority(t, s.db, s.now)
		if change != nil {
			change(s, c)
		}
	})
}

// create makes the store and runs it until the test ends, when everything in it must be sound.
func (s *shop) create(t testing.TB) {
	t.Helper()
	s.path = filepath.Join(t.TempDir(), "satchel.db")
	set := merchant.Settings{
		Window: 15 * time.Minute, Speed: merchant.Medium, InvalidAfter: time.Hour, LateMaxMove: 20_000,
		ZeroConf: merchant.Never, FullNotifications: true,
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(store.Create(s.path, "regtest", merchant.Merchant{ID: storetest.Shop, Name: "Shop", Settings: set}))
	s.open(t)
	t.Cleanup(func() {
		if problems, err := s.db.Check(context.Background()); err != nil || len(problems) > 0 {
			t.Errorf("check: %v %v", problems, err)
		}
		s.stop()
	})
	must(s.db.PutMerchant(t.Context(), merchant.Merchant{ID: storetest.Other, Name: "Other", Settings: set}))
	must(s.db.RegisterKey(t.Context(), store.Key{Fingerprint: storetest.Deriver{}.Key(), Merchant: storetest.Shop}))
}

// open opens the store's file and runs it until stop.
func (s *shop) open(t testing.TB) {
	t.Helper()
	db, err := store.Open(store.Config{
		Path: s.path, Now: s.now, Derivers: storetest.Derivers{}, AfterCommit: func(touched store.Touched) {
			for _, id := range touched.Invoices {
				s.hub.Wake(string(id))
			}
		},
		Render: func(ev invoice.Event, _ merchant.Merchant) ([]byte, []notify.Outgoing, error) {
			document, callbacks := bitpay.Render(ev, "https://pay.example")
			var out []notify.Outgoing
			for _, c := range callbacks {
				out = append(out, notify.Outgoing{Channel: notify.IPN, Endpoint: c.Endpoint, Body: c.Body})
			}
			return document, out, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.db = db
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := errors.Join(<-done, db.Close()); err != nil {
			t.Error(err)
		}
	}
}

// make makes an invoice of 50 USD, 100,000 sat. more goes into the body.
func (s *shop) make(more string) string {
	s.t.Helper()
	r := s.post(`{"price":50,"currency":"USD"`+more+`}`, "Authorization", "Bearer "+s.pos)
	if r.status != http.StatusOK {
		s.t.Fatalf("POST /invoices: %d %s", r.status, r.body)
	}
	return r.json(s.t)["data"].(map[string]any)["id"].(string)
}

// step changes an invoice as the tracker does, and lets time and tip do their part.
func (s *shop) step(id string, fn func(*invoice.Book)) {
	s.t.Helper()
	inv, err := s.db.Invoice(s.t.Context(), storetest.Shop, invoice.ID(id))
	if err != nil {
		s.t.Fatal(err)
	}
	err = s.db.UpdateChain(s.t.Context(), func(tx tracker.Tx) error {
		inv, err := tx.Invoice(inv.Ref)
		if err != nil {
			return err
		}
		b := invoice.Open(inv, func() ([]invoice.Receipt, error) { return tx.Receipts(inv.Ref) })
		fn(b)
		is, receipts, events, err := b.Close(invoice.View{Now: s.now(), Tip: s.tip(), Synced: s.now()})
		if err != nil {
			return err
		}
		return tx.PutInvoice(is, receipts, events)
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// pay brings an output that pays the invoice, into the mempool.
func (s *shop) pay(id string, sats money.Sats) {
	s.t.Helper()
	s.made++
	s.payBy(storetest.Txid(s.made), id, sats)
}

// payBy is pay with a transaction of somebody's choice.
func (s *shop) payBy(txid invoice.TxID, id string, sats money.Sats) {
	s.t.Helper()
	o := invoice.Outpoint{TxID: txid}
	s.step(id, func(b *invoice.Book) {
		b.See(invoice.Sight{
			Outpoint: o, Sats: sats, Place: invoice.Place{Where: invoice.InMempool}, Seen: s.now(), Tip: s.tip(),
		}, s.now())
	})
}

// bury puts all of an invoice's receipts into a block that is so deep.
func (s *shop) bury(id string, depth int32) {
	s.t.Helper()
	receipts, err := s.db.Receipts(s.t.Context(), storetest.Shop, invoice.ID(id), 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.clock.Lock()
	s.blk += depth
	at := s.blk - depth + 1
	s.clock.Unlock()
	s.step(id, func(b *invoice.Book) {
		for _, r := range receipts {
			if r.Place.Where == invoice.InMempool {
				place := invoice.Place{Where: invoice.InBlock, Height: at, Block: [32]byte{byte(at)}, BlockTime: s.now()}
				b.Move(r, place, invoice.Mined, s.now())
			}
		}
	})
}

// expire lets the time to pay pass.
func (s *shop) expire(id string) {
	s.t.Helper()
	s.wait(16 * time.Minute)
	s.step(id, func(*invoice.Book) {})
}

// data makes a call that must succeed, with a token, and gives its data.
func (s *shop) data(method, path, token, body string) map[string]any {
	s.t.Helper()
	r := s.call(method, path, token, body)
	if r.status != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", method, path, r.status, r.body)
	}
	data, _ := r.json(s.t)["data"].(map[string]any)
	return data
}

// call makes a call with a token where the API wants it: in the query, or in the body.
func (s *shop) call(method, path, token, body string) reply {
	s.t.Helper()
	switch {
	case token == "":
	case method == http.MethodPost || method == http.MethodPut:
		var doc map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &doc); err != nil {
			s.t.Fatal(err)
		}
		doc["token"] = json.RawMessage(fmt.Sprintf("%q", token))
		b, err := json.Marshal(doc)
		if err != nil {
			s.t.Fatal(err)
		}
		body = string(b)
	default:
		sep := "?"
		for _, c := range path {
			if c == '?' {
				sep = "&"
			}
		}
		path += sep + "token=" + token
	}
	return s.send(method, path, body)
}

// status reads an invoice's state and exception.
func (s *shop) status(id string) string {
	s.t.Helper()
	d := s.data(http.MethodGet, "/invoices/"+id, s.owner, "")
	return fmt.Sprint(d["status"], "/", d["exceptionStatus"])
}

func (s *shop) is(id, want string) {
	s.t.Helper()
	if got := s.status(id); got != want {
		s.t.Fatalf("the invoice is %s, want %s", got, want)
	}
}

// codes lists the events of an invoice.
func (s *shop) codes(id string) string {
	s.t.Helper()
	list, err := s.db.EventsOf(s.t.Context(), storetest.Shop, invoice.ID(id))
	if err != nil {
		s.t.Fatal(err)
	}
	text := ""
	for _, e := range list {
		text += fmt.Sprint(int(e.Code), " ")
	}
	return text
}
