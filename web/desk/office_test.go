package desk

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"satchel/auth"
	"satchel/fault"
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

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	shopA = storetest.Shop
	shopB = storetest.Other
	words = "correct horse battery"
)

func noon() time.Time { return storetest.Noon() }

// office is a Desk on a real store, with two merchants.
type office struct {
	*Desk
	t        testing.TB
	db       *store.DB
	staff    *auth.Staff
	access   *auth.Authority
	invoices *invoice.Service
	hub      *live.Hub
	log      *bytes.Buffer

	mu      sync.Mutex
	now     time.Time
	samples []string // URLs that samples went to
	set     map[merchant.ID][]Setting
	n       int
	large   bool                            // so many records that it takes too long to check them all
	body    string                          // of callbacks; "": a plain one
	value   string                          // of a setting; "": a plain one
	tame    bool                            // no text is hostile
	away    atomic.Bool                     // whoever calls gets no answer; for offices on a socket
	still   atomic.Bool                     // who was let ask again is not answered, and stays where he is
	cut     func()                          // ends every connection of the socket
	queued  atomic.Pointer[notify.Notifier] // is told of deliveries; nil: nobody sends them
}

func shopOf(id merchant.ID, name string) merchant.Merchant {
	return merchant.Merchant{
		ID: id, Name: name, Created: noon(), Secrets: merchant.Secrets{Webhook: notify.NewSecret()},
		Settings: merchant.Settings{
			Window: 15 * time.Minute, Speed: merchant.Medium, InvalidAfter: time.Hour, ZeroConf: merchant.Limited, NotificationURL: "https://shop.example/ipn",
			FullNotifications: true,
		},
	}
}

func newOffice(t testing.TB, change ...func(*Config)) *office {
	t.Helper()
	path := filepath.Join(t.TempDir(), "satchel.db")
	if err := store.Create(path, "regtest", shopOf(shopA, "Tea & Biscuits")); err != nil {
		t.Fatal(err)
	}
	return newOfficeOn(t, path, change...)
}

// newOfficeOn is an office on a database that is there already.
func newOfficeOn(t testing.TB, path string, change ...func(*Config)) *office {
	t.Helper()
	o := &office{t: t, hub: live.New(100), log: &bytes.Buffer{}, now: noon(), set: map[merchant.ID][]Setting{}}
	o.openStore(path)
	var err error
	o.staff, err = auth.NewStaff(auth.StaffConfig{Store: o.db, Secret: o.db.ServerSecret(), Now: o.read})
	o.must(err)
	o.access, err = auth.NewAuthority(auth.Config{Store: o.db, Secret: o.db.ServerSecret(), Now: o.read})
	o.must(err)
	usd, _ := money.ParseRate("50000")
	rates, err := rate.New(rate.Config{Fixed: map[string]money.Rate{"USD": usd}, Now: o.read})
	o.must(err)
	o.invoices = invoice.NewService(invoice.Config{Store: o.db, Rates: rates, Gate: open{}, Now: o.read, NewID: invoice.NewID})
	cfg := Config{
		Store: o.db, Invoices: o.invoices, Staff: o.staff, Access: o.access, Secret: o.db.ServerSecret(), Rates: rates, Shops: o, Callbacks: o, Health: o.health,
		Script: o.script, Tip: func() int32 { return 106 }, Hub: o.hub, Now: o.read, Base: "https://pay.example", Network: "mainnet",
		Caller: func(r *http.Request) (netip.Addr, bool) {
			addr, _ := netip.ParseAddrPort(r.RemoteAddr)
			return addr.Addr(), addr.Addr().IsLoopback()
		},
		Log: slog.New(slog.NewTextHandler(o.log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
	for _, fn := range change {
		fn(&cfg)
	}
	o.Desk, err = New(cfg)
	o.must(err)
	return o
}

func (o *office) openStore(path string) {
	db, err := store.Open(store.Config{
		Path: path, Render: o.render, Derivers: storetest.Derivers{}, Now: o.read,
		AfterCommit: func(t store.Touched) {
			for _, m := range t.Shops {
				o.hub.Wake(string(m))
			}
			if n := o.queued.Load(); n != nil && t.Deliveries {
				n.Wake()
			}
		},
	})
	o.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	o.t.Cleanup(func() {
		if problems, err := o.check(db); err != nil || len(problems) > 0 {
			o.t.Errorf("check: %v %v", problems, err)
		}
		cancel()
		if err := <-done; err != nil {
			o.t.Error(err)
		}
		if err := db.Close(); err != nil {
			o.t.Error(err)
		}
	})
	o.db = db
	o.must(db.PutMerchant(context.Background(), shopOf(shopB, "Other shop")))
	for _, k := range []store.Key{
		{Fingerprint: storetest.Deriver{}.Key(), Merchant: shopA}, {Fingerprint: storetest.OtherDeriver{}.Key(), Merchant: shopB},
	} {
		o.must(db.RegisterKey(context.Background(), k))
	}
}

// render writes what a test wants to go out, or what the store's tests send.
func (o *office) render(ev invoice.Event, m merchant.Merchant) ([]byte, []notify.Outgoing, error) {
	doc, out, err := storetest.Render(ev, m)
	for i := range out {
		if o.body != "" {
			out[i].Body = []byte(o.body)
		}
	}
	return doc, out, err
}

func (o *office) check(db *store.DB) ([]store.Problem, error) {
	if o.large {
		return nil, nil
	}
	return db.Check(context.Background())
}

// open is a gate that is.
type open struct{}

func (open) Ready() error { return nil }

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) read() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *office) wait(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

// Sample implements Callbacks.
func (o *office) Sample(_ context.Context, target string, s merchant.Secrets) (notify.Attempt, error) {
	if s.Webhook == "" {
		o.t.Error("a sample is not signed")
	}
	o.samples = append(o.samples, target)
	return notify.Attempt{At: o.read(), Took: 12345 * time.Microsecond, Status: 404, Error: "status 404", Answer: "<b>no</b>"}, nil
}

// CheckURL implements Callbacks.
func (o *office) CheckURL(u string) error { return notify.CheckURL(u, false) }

// Settings implements Shops: the first merchant is the configuration's.
func (o *office) Settings(_ context.Context, m merchant.ID) (Settings, error) {
	return Settings{Configured: m == shopA, List: []Setting{
		{"invoice.window", "how long a quote holds", "15m0s"}, {"invoice.speed", "high, medium or low", "medium"}, {"merchant.name", "", cmp.Or(o.value, "Other shop")},
	}}, nil
}

// Set implements Shops.
func (o *office) Set(_ context.Context, m merchant.ID, values []Setting) error {
	if m == shopA {
		return fault.New(fault.Invalid, "this merchant is the configuration's own")
	}
	if values[0].Value == "bad" {
		return fault.New(fault.Invalid, "invoice.window: \"bad\" is not a duration")
	}
	o.set[m] = append(o.set[m], values...)
	return nil
}

func (o *office) health(context.Context) (Health, error) {
	return Health{
		Version: "1", Network: "regtest", Ready: true, Degraded: []string{"rates_unavailable"}, Height: 106, Node: 106, Hash: "00ab", Synced: o.read(), Now: o.read(),
		Links: []Link{{Topic: "rawtx", Connected: true, Messages: 7, Last: o.read()}, {Topic: "sequence"}},
		Keys: []Key{
			{Merchant: shopA, Fingerprint: "key-of-a", Next: 5, Gap: 2}, {Merchant: shopB, Fingerprint: "key-of-b", Next: 3, Gap: 15, Import: "importdescriptors b"},
		},
		Totals: &Totals{Scripts: 987_654, Events: 12, Bytes: 1_500_000}, Warnings: []string{"disablewallet is not set"},
	}, nil
}

func (o *office) script(address string) ([]byte, error) {
	var n uint32
	if _, err := fmt.Sscanf(address, "address-%d", &n); err != nil {
		return nil, err
	}
	a, err := storetest.Deriver{}.Address(n)
	return a.Script, err
}

// sells makes an invoice of 500 USD, which is 0.01 BTC.
func (o *office) sells(m merchant.ID, change ...func(*invoice.Request)) invoice.Invoice {
	o.t.Helper()
	o.n++
	list, err := o.db.Merchants(context.Background())
	o.must(err)
	r := invoice.Request{Price: money.Fiat{Minor: 50_000, Code: "USD"}, Currency: money.Fiat{Code: "USD"}.Currency()}
	for _, shop := range list {
		if shop.ID == m {
			r.Merchant = shop
		}
	}
	r.Order = invoice.Order{OrderID: fmt.Sprintf("order-%d", o.n), ItemDesc: "Darjeeling, 200 g", Buyer: invoice.Buyer{Name: "Ada", Email: "ada@buyer.example"}}
	for _, fn := range change {
		fn(&r)
	}
	inv, err := o.invoices.Create(context.Background(), r)
	o.must(err)
	return inv
}

// stocks makes so many invoices, all at once.
func (o *office) stocks(m merchant.ID, n int) {
	o.t.Helper()
	shop, err := o.db.Merchant(context.Background(), m)
	o.must(err)
	var group errgroup.Group
	group.SetLimit(256)
	for i := range n {
		group.Go(func() error {
			r := invoice.Request{Merchant: shop, Price: money.Fiat{Minor: 50_000, Code: "USD"}, Currency: money.Fiat{Code: "USD"}.Currency()}
			r.Order = invoice.Order{OrderID: fmt.Sprintf("stock-%d", i), ItemDesc: "Darjeeling, 200 g", Buyer: invoice.Buyer{Name: "Ada", Email: "ada@buyer.example"}}
			_, err := o.invoices.Create(context.Background(), r)
			return err
		})
	}
	o.must(group.Wait())
}

// pays sees an output now, in the mempool or in a block.
func (o *office) pays(inv invoice.Invoice, tx int, sats money.Sats, height int32) invoice.Outpoint {
	o.t.Helper()
	return o.paysBy(inv, invoice.Outpoint{TxID: storetest.Txid(tx)}, sats, height)
}

func (o *office) paysBy(inv invoice.Invoice, out invoice.Outpoint, sats money.Sats, height int32) invoice.Outpoint {
	o.t.Helper()
	now := o.read()
	place := invoice.Place{Where: invoice.InMempool}
	if height > 0 {
		place = invoice.Place{Where: invoice.InBlock, Block: [32]byte{byte(height)}, Height: height, BlockTime: now}
	}
	o.step(inv, func(b *invoice.Book) {
		b.See(invoice.Sight{Outpoint: out, Sats: sats, Place: place, Seen: now, Tip: 100}, now)
	})
	return out
}

// step changes an invoice as the tracker does.
func (o *office) step(inv invoice.Invoice, fn func(*invoice.Book)) {
	o.t.Helper()
	o.must(o.db.UpdateChain(context.Background(), func(tx tracker.Tx) error {
		is, err := tx.Invoice(inv.Ref)
		if err != nil {
			return err
		}
		b := invoice.Open(is, func() ([]invoice.Receipt, error) { return tx.Receipts(inv.Ref) })
		fn(b)
		is, receipts, events, err := b.Close(invoice.View{Now: o.read(), Tip: 106, Synced: o.read()})
		if err != nil {
			return err
		}
		return tx.PutInvoice(is, receipts, events)
	}))
}

// expires lets the window of an invoice end.
func (o *office) expires(inv invoice.Invoice) {
	o.t.Helper()
	if left := inv.Expires.Sub(o.read()); left >= 0 {
		o.wait(left + time.Second)
	}
	o.step(inv, func(*invoice.Book) {})
}

func (o *office) invoice(m merchant.ID, id invoice.ID) invoice.Invoice {
	o.t.Helper()
	inv, err := o.db.Invoice(context.Background(), m, id)
	o.must(err)
	return inv
}

func bodyOf(t testing.TB, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// plain is the text of a page.
func plain(page string) string {
	page = regexp.MustCompile(`(?s)<(script|style|head)[^>]*>.*?</(script|style|head)>`).ReplaceAllString(page, "")
	return strings.Join(strings.Fields(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " "))), " ")
}

func says(t testing.TB, page string, texts ...string) {
	t.Helper()
	text := plain(page)
	for _, want := range texts {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func silent(t testing.TB, page string, texts ...string) {
	t.Helper()
	for _, no := range texts {
		if strings.Contains(html.UnescapeString(page), no) {
			t.Errorf("%q is in\n%s", no, page)
		}
	}
}

// latest are the first merchant's newest invoices.
func (o *office) latest(n int) []invoice.Invoice {
	o.t.Helper()
	list, err := o.db.ListInvoices(context.Background(), shopA, invoice.Filter{Limit: n})
	o.must(err)
	return list
}
