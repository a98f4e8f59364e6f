package tracker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/chain"
	"satchel/chain/chaintest"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/store"
	"satchel/store/storetest"
	"satchel/tracker"
)

// world is a tracker on a real store and a chain in memory, driven round by round.
type world struct {
	t       fataler
	now     time.Time
	chain   *chaintest.Fake
	filter  *chain.Filter
	path    string
	db      *store.DB
	stop    func()
	tracker *tracker.Tracker
	rate    money.Rate
	priced  chan struct{} // closed when rates are known; nil: they are
	asked   func()        // told that a rate was asked for before they were; nil: nobody
	made    int
	wrap    func(*store.DB) tracker.Store // between the tracker and its store; nil: nothing
	looked  func(error)                   // told of every round; nil: nobody
	lack    without                       // a protection that is missing
}

// fataler is what a world needs of a test: testing.T and rapid.T have it.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Error(args ...any)
	Errorf(format string, args ...any)
	Failed() bool
	Context() context.Context
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := newWorldIn(t, t)
	t.Cleanup(w.end)
	return w
}

// newWorldIn makes a world whose files belong to one test and whose failures to another: rapid runs many in one.
func newWorldIn(files *testing.T, t fataler) *world {
	t.Helper()
	w := &world{t: t, now: storetest.Noon(), path: filepath.Join(files.TempDir(), "satchel.db")}
	w.filter = &chain.Filter{Scripts: chain.NewScripts(0), Spends: chain.NewOutpoints()}
	w.chain = chaintest.NewFake(w.filter, func() time.Time { return w.now })
	w.rate, _ = money.ParseRate("50000")
	err := store.Create(w.path, "regtest", merchant.Merchant{ID: storetest.Shop, Name: "shop", Secrets: merchant.Secrets{Webhook: "whsec_x"}})
	w.must(err)
	w.mine(3)
	w.start()
	return w
}

// end checks what is left, and stops.
func (w *world) end() {
	w.t.Helper()
	problems, err := w.db.Check(context.Background())
	if err != nil || len(problems) > 0 {
		w.t.Errorf("check: %v %v", problems, err)
	}
	w.balance()
	w.stop()
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// Rate implements tracker.Rates.
func (w *world) Rate(string) (money.Rate, money.Evidence, error) {
	if w.priced != nil {
		select {
		case <-w.priced:
		default:
			if w.asked != nil {
				w.asked()
			}
			return money.Rate{}, money.Evidence{}, fault.New(fault.Unavailable, "no rate yet")
		}
	}
	return w.rate, money.Evidence{}, nil
}

// start opens the store and makes a tracker that begins where the last one stopped.
func (w *world) start() {
	w.t.Helper()
	w.open()
	w.must(w.tracker.Load(w.t.Context()))
	w.round()
}

// open is a start up to the point where the tracker runs.
func (w *world) open() {
	w.t.Helper()
	db, err := store.Open(store.Config{
		Path: w.path, Render: storetest.Render, Derivers: storetest.Derivers{}, Watch: w.filter.Scripts, Now: func() time.Time { return w.now },
	})
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	w.db = db
	w.stop = func() {
		cancel()
		if err := errors.Join(<-done, db.Close()); err != nil {
			w.t.Error(err)
		}
	}
	w.must(db.RegisterKey(ctx, store.Key{Fingerprint: storetest.Deriver{}.Key(), Merchant: storetest.Shop}))
	w.tracker = w.newTracker(db)
	if w.wrap != nil {
		w.tracker = w.newTracker(w.wrap(db))
	}
}

func (w *world) newTracker(s tracker.Store) *tracker.Tracker {
	var source tracker.Source = w.chain
	if w.lack.source != nil {
		source = w.lack.source(source, func() time.Time { return w.now })
	}
	var hints tracker.Hints = w.chain
	if w.lack.hints != nil {
		hints = w.lack.hints(hints)
	}
	return tracker.New(tracker.Config{
		Store: s, Source: source, Hints: hints, Rates: w, Priced: w.priced, Spends: w.filter.Spends, Exposure: money.Bitcoin / 10,
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler),
	})
}

// restart is a crash: nothing in memory survives.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.filter.Spends = chain.NewOutpoints()
	w.start()
}

// crash stops the tracker and leaves the chain to go on without it.
func (w *world) crash() { w.stop() }

// round lets the tracker do what is due; it must succeed.
func (w *world) round() {
	w.t.Helper()
	w.must(w.try())
}

// try is a round that may fail. A look at the node takes no time here, as the clock stands still.
func (w *world) try() error {
	w.t.Helper()
	err := w.tracker.Round(w.t.Context())
	w.tracker.Free()
	if w.looked != nil {
		w.looked(err)
	}
	return err
}

// later is a round a second later: a comparison of the mempool takes at most a share of the time.
func (w *world) later() {
	w.t.Helper()
	w.pass(time.Second)
	w.round()
}

// fails lets the tracker try, and demands a reason.
func (w *world) fails(reason tracker.Reason) {
	w.t.Helper()
	err := w.tracker.Round(w.t.Context())
	if h := w.tracker.Health(); err == nil || h.Reason != reason || h.Sentence == "" {
		w.t.Fatalf("got %v and reason %q, want %q", err, h.Reason, reason)
	}
	if !fault.Is(w.tracker.Ready(), fault.Unavailable) {
		w.t.Fatal("the gate is open")
	}
}

const time10m = 10 * time.Minute

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

func (w *world) mine(n int) {
	for range n {
		w.pass(time.Second)
		w.chain.Mine()
	}
}

type option func(*invoice.Invoice)

func speed(s merchant.Speed) option { return func(i *invoice.Invoice) { i.Terms.Speed = s } }

// ask makes an invoice of 1,000,000 sat: 500 USD at 50,000.
func (w *world) ask(options ...option) invoice.Invoice {
	w.t.Helper()
	w.made++
	id := invoice.ID(fmt.Sprintf("invoice-%014d", w.made))
	inv, err := w.db.Create(w.t.Context(), invoice.Creation{Merchant: storetest.Shop}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
		inv := invoice.Invoice{
			Ref: slot.Ref, ID: id, Address: slot.Address, Created: w.now, Expires: w.now.Add(15 * time.Minute),
			Quote: money.Quote{Price: money.Fiat{Minor: 50_000, Code: "USD"}, Rate: w.rate, Due: 1_000_000},
			Order: invoice.Order{NotificationURL: "https://shop.example/ipn"},
			Terms: invoice.Terms{
				Speed: merchant.Medium, InvalidAfter: time.Hour, FullNotifications: true, ZeroConf: merchant.Limited,
				ZeroConfDwell: 2 * time.Second, ZeroConfMax: money.Bitcoin / 50, LateMaxMove: 20_000,
			},
			State: invoice.State{Status: invoice.New, Since: w.now, Reason: invoice.ByCreation, Tick: w.now.Add(15 * time.Minute)},
		}
		for _, o := range options {
			o(&inv)
		}
		inv.State.Tick = inv.Expires
		return inv, []invoice.Event{{Code: invoice.Created, At: w.now, Reason: invoice.ByCreation, Invoice: inv}}, nil
	})
	w.must(err)
	return inv
}

func (w *world) read(inv invoice.Invoice) invoice.Invoice {
	w.t.Helper()
	now, err := w.db.Invoice(w.t.Context(), storetest.Shop, inv.ID)
	w.must(err)
	return now
}

func (w *world) receipts(inv invoice.Invoice) []invoice.Receipt {
	w.t.Helper()
	list, err := w.db.Receipts(w.t.Context(), storetest.Shop, inv.ID, 10_000)
	w.must(err)
	return list
}

// is demands a status as the wire writes it: "paid", "new/paidPartial".
func (w *world) is(inv invoice.Invoice, want string) {
	w.t.Helper()
	s := w.read(inv).State
	got := s.Status.String()
	if s.Exception != invoice.None {
		got += "/" + s.Exception.String()
	}
	if got != want {
		w.t.Fatalf("the invoice is %s (%s), want %s\n%s", got, s.Reason, want, w.story(inv))
	}
}

// story lists the codes of an invoice's events.
func (w *world) story(inv invoice.Invoice) string {
	w.t.Helper()
	events, err := w.db.EventsOf(w.t.Context(), storetest.Shop, inv.ID)
	w.must(err)
	var codes []string
	for _, e := range events {
		codes = append(codes, strings.TrimPrefix(e.Code.Name(), "invoice_"))
	}
	return strings.Join(codes, " ")
}

// told lists the statuses of the plain callbacks.
func (w *world) told(inv invoice.Invoice, want string) {
	w.t.Helper()
	list, err := w.db.DeliveriesOf(w.t.Context(), storetest.Shop, inv.ID)
	w.must(err)
	var got []string
	for i := range list {
		for _, s := range invoice.Statuses() {
			if strings.Contains(string(list[i].Body), `"status":"`+s.String()+`"`) {
				got = append(got, s.String())
			}
		}
	}
	if strings.Join(got, " ") != want {
		w.t.Fatalf("the callbacks say %q, want %q\n%s", got, want, w.story(inv))
	}
}

func (w *world) events(inv invoice.Invoice, want string) {
	w.t.Helper()
	if got := w.story(inv); got != want {
		w.t.Fatalf("the events are\n%s, want\n%s", got, want)
	}
}

// balance compares what is credited with the chain itself: every output to an issued script, once, and no other.
func (w *world) balance() {
	w.t.Helper()
	if w.t.Failed() {
		return
	}
	list, err := w.db.ListInvoices(context.Background(), storetest.Shop, invoice.Filter{Limit: 1000})
	w.must(err)
	for _, inv := range list {
		receipts, err := w.db.Receipts(context.Background(), storetest.Shop, inv.ID, 10_000)
		w.must(err)
		have := map[invoice.Outpoint]money.Sats{}
		for _, r := range receipts {
			if !r.IsGone() {
				have[r.Outpoint] = r.Sats
			}
		}
		for o, sats := range w.truth(inv.Address.Script) {
			if have[o] != sats {
				w.t.Errorf("%s: output %s of %d sat is on the chain, %d are credited", inv.ID, o, sats, have[o])
			}
			delete(have, o)
		}
		if len(have) > 0 {
			w.t.Errorf("%s: credited, but not on the chain: %v", inv.ID, have)
		}
	}
}

// truth reads every output to a script from the fake's own blocks and mempool.
func (w *world) truth(script []byte) map[invoice.Outpoint]money.Sats {
	all := map[invoice.Outpoint]money.Sats{}
	for _, tx := range w.chain.All() {
		for _, out := range tx.Outputs {
			if string(out.Script) == string(script) {
				all[invoice.Outpoint{TxID: invoice.TxID(tx.ID), Vout: out.Vout}] = out.Sats
			}
		}
	}
	return all
}
