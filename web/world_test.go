package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"satchel/fault"
	"satchel/invoice"
	"satchel/live"
	"satchel/merchant"
	"satchel/money"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	anID    = "4Zq8CqnuvVbcL5GQT9nXrF"
	address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
)

// noon is the time of most tests.
func noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

// memory is a store of invoices in a map.
type memory struct {
	mu    sync.Mutex
	known map[invoice.ID]invoice.Public
	fail  error
	reads int
}

func (m *memory) PublicInvoice(ctx context.Context, id invoice.ID) (invoice.Public, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if m.fail != nil {
		return invoice.Public{}, m.fail
	}
	p, ok := m.known[id]
	if !ok {
		return invoice.Public{}, fault.New(fault.NotFound, "no such invoice")
	}
	return p, ctx.Err()
}

func (m *memory) put(p invoice.Public) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[p.Invoice.ID] = p
}

func (m *memory) failWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

func (m *memory) looks() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads
}

// sample is an invoice of 10.50 USD that waits for its payment, five minutes after it was made.
func sample() invoice.Public {
	rate, _ := money.ParseRate("61234.56")
	usd, _ := money.Lookup("USD")
	price, _ := money.ParseFiat("10.50", usd)
	return invoice.Public{
		Merchant: "Tea & Biscuits",
		Tip:      900_000,
		Invoice: invoice.Invoice{
			ID: anID,
			Order: invoice.Order{
				ItemDesc: "Darjeeling, 200 g", RedirectURL: "https://tea.example/thanks?order=7",
			},
			Terms:   invoice.Terms{Speed: merchant.Medium},
			Quote:   money.Quote{Price: price, Rate: rate, Due: 17_148},
			Address: invoice.Address{Text: address},
			Created: noon().Add(-5 * time.Minute),
			Expires: noon().Add(10 * time.Minute),
			State:   invoice.State{Status: invoice.New, Since: noon().Add(-5 * time.Minute)},
		},
	}
}

// change gives a sample that was changed.
func change(fn func(p *invoice.Public, inv *invoice.Invoice)) invoice.Public {
	p := sample()
	fn(&p, &p.Invoice)
	return p
}

// receipt is money in the mempool, or in a block when the height is not 0.
func receipt(sats money.Sats, height int32) invoice.Receipt {
	r := invoice.Receipt{
		Outpoint: invoice.Outpoint{TxID: invoice.TxID{1, 2, 3, 31: 0xAB}}, Sats: sats,
		Place: invoice.Place{Where: invoice.InMempool}, Disposition: invoice.Credited,
	}
	if height > 0 {
		r.Place = invoice.Place{Where: invoice.InBlock, Height: height}
	}
	return r
}

// paid is a change: the invoice has the status, with money in and so many confirmations.
func paid(status invoice.Status, in money.Sats, conf int32) invoice.Public {
	return change(func(p *invoice.Public, inv *invoice.Invoice) {
		inv.State.Status, inv.State.Since = status, noon()
		inv.Sums.In = in
		height := int32(0)
		if conf > 0 {
			height = p.Tip - conf + 1
			inv.Sums.CoveredAt = height
		}
		if in > 0 {
			inv.Sums.Receipts = 1
			p.Receipts = []invoice.Receipt{receipt(in, height)}
		}
		switch {
		case in > 0 && in < inv.Due():
			inv.State.Exception = invoice.PaidPartial
		case in > inv.Due():
			inv.State.Exception = invoice.PaidOver
		}
	})
}

// world is a Web with its store and its hub.
type world struct {
	*Web
	store *memory
	hub   *live.Hub
	clock *clockwork
}

// clockwork is a clock that stands still until it is set.
type clockwork struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clockwork) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func newWorld(t testing.TB, limit int, invoices ...invoice.Public) *world {
	t.Helper()
	store, hub, clock := &memory{known: map[invoice.ID]invoice.Public{}}, live.New(limit), &clockwork{now: noon()}
	for _, p := range invoices {
		store.put(p)
	}
	w, err := New(Config{
		Store: store, Hub: hub, Now: clock.read, Base: "https://pay.example/", Network: "regtest", Protocol: true, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &world{Web: w, store: store, hub: hub, clock: clock}
}

// get asks the handler without a socket.
func (w *world) get(t testing.TB, target string) *http.Response {
	t.Helper()
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, target, nil))
	return rec.Result()
}

func body(t testing.TB, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (c *clockwork) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
