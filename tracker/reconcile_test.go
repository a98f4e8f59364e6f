package tracker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/store"
	"satchel/tracker"
)

// planted shows a store in which the receipts are other ones than were recorded.
type planted struct {
	*store.DB
	edit func(invoice.Receipt) []invoice.Receipt
	tip  *chain.Header
}

func (p planted) ViewCredits(ctx context.Context, fn func(tracker.CreditReader) error) error {
	return p.DB.ViewCredits(ctx, func(r tracker.CreditReader) error { return fn(plantedReader{r, p}) })
}

type plantedReader struct {
	tracker.CreditReader
	p planted
}

func (r plantedReader) Tip() chain.Header {
	if r.p.tip != nil {
		return *r.p.tip
	}
	return r.CreditReader.Tip()
}

func (r plantedReader) EachReceipt(fn func(invoice.Receipt) error) error {
	return r.CreditReader.EachReceipt(func(receipt invoice.Receipt) error {
		var errs []error
		for _, e := range r.p.edit(receipt) {
			errs = append(errs, fn(e))
		}
		return errors.Join(errs...)
	})
}

func (w *world) reconcile(c tracker.Credits) (tracker.Balance, error) {
	return tracker.Reconcile(w.t.Context(), tracker.Audit{Credits: c, Source: w.chain, Pause: time.Nanosecond})
}

// busy is a world with a payment in a block, one in the mempool, one that was replaced, and one to nobody's address.
func busy(t *testing.T) (w *world, mined, loose, gone chain.TxID) {
	w = newWorld(t)
	first, second, third := w.ask(), w.ask(), w.ask()
	mined = w.chain.Pay(first.Address.Script, 1_000_000)
	w.later()
	w.mine(2)
	loose = w.chain.Pay(second.Address.Script, 400_000)
	gone = w.chain.Pay(third.Address.Script, 500_000)
	w.later()
	if _, err := w.chain.Replace(gone, chain.Output{Sats: 1_000, Script: []byte{0x51}}); err != nil {
		t.Fatal(err)
	}
	w.later()
	return w, mined, loose, gone
}

func TestReconcileAgrees(t *testing.T) {
	w, _, _, _ := busy(t)
	b, err := w.reconcile(w.db)
	if err != nil || len(b.Missing)+len(b.Extra)+len(b.Beyond) > 0 || b.Found != 2 || b.Sats != 1_400_000 || b.To != w.chain.Tip().Height {
		t.Fatalf("%+v %v", b, err)
	}
}

func TestReconcileFindsEveryPlantedDifference(t *testing.T) {
	w, mined, loose, gone := busy(t)
	other := chain.TxID{9}
	for name, c := range map[string]struct {
		edit           func(invoice.Receipt) []invoice.Receipt
		missing, extra string
	}{
		"a mined credit is missing": {drop(mined), "no record", ""},
		"a loose credit is missing": {drop(loose), "no record", ""},
		"an extra credit":           {double(mined, func(r *invoice.Receipt) { r.Outpoint.TxID = invoice.TxID(other) }), "", "neither"},
		"an extra output":           {double(mined, func(r *invoice.Receipt) { r.Outpoint.Vout = 77 }), "", "neither"},
		"another amount":            {change(mined, func(r *invoice.Receipt) { r.Sats++ }), "", "another amount"},
		"another amount, loose":     {change(loose, func(r *invoice.Receipt) { r.Sats-- }), "", "another amount"},
		"another block":             {change(mined, func(r *invoice.Receipt) { r.Place.Height--; r.Place.Block[0]++ }), "", "another block"},
		"not seen in its block":     {change(mined, func(r *invoice.Receipt) { r.Place = invoice.Place{Where: invoice.InMempool} }), "unconfirmed", ""},
		"taken for mined":           {change(loose, func(r *invoice.Receipt) { r.Place = invoice.Place{Where: invoice.InBlock, Height: 4} }), "", "only the mempool"},
		"taken for gone":            {change(mined, func(r *invoice.Receipt) { r.Place = invoice.Place{Where: invoice.Gone} }), "gone", ""},
		"loose, taken for gone":     {change(loose, func(r *invoice.Receipt) { r.Place = invoice.Place{Where: invoice.Gone} }), "gone", ""},
		"gone, taken for loose":     {change(gone, func(r *invoice.Receipt) { r.Place = invoice.Place{Where: invoice.InMempool} }), "", "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := w.reconcile(planted{DB: w.db, edit: c.edit})
			if err != nil {
				t.Fatal(err)
			}
			one(t, "missing", b.Missing, c.missing)
			one(t, "extra", b.Extra, c.extra)
		})
	}
}

// one demands exactly one difference with a reason, or none.
func one(t *testing.T, what string, list []tracker.Difference, why string) {
	t.Helper()
	if why == "" && len(list) == 0 {
		return
	}
	if why == "" || len(list) != 1 || !strings.Contains(list[0].Why, why) || list[0].Invoice == "" || list[0].Sats == 0 {
		t.Errorf("%s: %+v, want one: %q", what, list, why)
	}
}

func TestReconcileStartsWhereItIsTold(t *testing.T) {
	w, mined, _, _ := busy(t)
	b, err := tracker.Reconcile(t.Context(), tracker.Audit{
		Credits: planted{DB: w.db, edit: drop(mined)}, Source: w.chain, From: w.chain.Tip().Height, Pause: time.Nanosecond,
	})
	if err != nil || len(b.Missing) > 0 || b.Found != 1 {
		t.Fatalf("%+v %v", b, err)
	}
	if _, err := tracker.Reconcile(t.Context(), tracker.Audit{Credits: w.db, Source: w.chain, From: 1000}); err == nil {
		t.Fatal("a height above the chain was taken")
	}
}

// An address of our key that we never issued was paid: another wallet's doing, which is told and is no fault.
func TestReconcileTellsOfAddressesBeyond(t *testing.T) {
	w, _, _, _ := busy(t)
	script := chaintestScript()
	w.filter.Scripts.Add(script)
	w.chain.Pay(script, 42_000)
	w.mine(1)
	w.later()
	b, err := w.reconcile(w.db)
	if err != nil || len(b.Beyond) != 1 || b.Beyond[0].Sats != 42_000 || b.Beyond[0].Height == 0 || len(b.Missing) > 0 {
		t.Fatalf("%+v %v", b, err)
	}
}

func TestReconcileFollowsAReorgAndWaitsForTheDaemon(t *testing.T) {
	w, _, _, _ := busy(t)
	w.chain.Reorg(1)
	w.later()
	if b, err := w.reconcile(w.db); err != nil || len(b.Missing)+len(b.Extra) > 0 {
		t.Fatalf("%+v %v", b, err)
	}
	behind := chain.Header{Height: 1}
	_, err := w.reconcile(planted{DB: w.db, edit: keep, tip: &behind})
	if !errors.Is(err, chain.ErrMoved) || !strings.Contains(err.Error(), "not followed") {
		t.Fatalf("got %v", err)
	}
}

func TestReconcileStopsAndFails(t *testing.T) {
	w, mined, _, _ := busy(t)
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	_, err := tracker.Reconcile(ctx, tracker.Audit{
		Credits: planted{DB: w.db, edit: drop(mined)}, Source: w.chain, Pause: time.Hour,
		Progress: func(done, of int32) {
			if told++; done > of || of != w.chain.Tip().Height {
				t.Errorf("progress %d of %d", done, of)
			}
			cancel()
		},
	})
	if !errors.Is(err, context.Canceled) || told == 0 {
		t.Fatalf("%v, told %d times", err, told)
	}
	away := errors.New("away")
	for _, method := range []string{"HashAt", "Steps", "Mempool", "Txs"} {
		w.chain.Fail(func(m string) error {
			if m == method {
				return away
			}
			return nil
		})
		if _, err := w.reconcile(w.db); !errors.Is(err, away) {
			t.Errorf("%s: %v", method, err)
		}
	}
	w.chain.Fail(nil)
}

func keep(r invoice.Receipt) []invoice.Receipt { return []invoice.Receipt{r} }

func drop(id chain.TxID) func(invoice.Receipt) []invoice.Receipt {
	return func(r invoice.Receipt) []invoice.Receipt {
		if r.Outpoint.TxID == invoice.TxID(id) {
			return nil
		}
		return keep(r)
	}
}

func change(id chain.TxID, edit func(*invoice.Receipt)) func(invoice.Receipt) []invoice.Receipt {
	return func(r invoice.Receipt) []invoice.Receipt {
		if r.Outpoint.TxID == invoice.TxID(id) {
			edit(&r)
		}
		return keep(r)
	}
}

func double(id chain.TxID, edit func(*invoice.Receipt)) func(invoice.Receipt) []invoice.Receipt {
	return func(r invoice.Receipt) []invoice.Receipt {
		list := keep(r)
		if r.Outpoint.TxID == invoice.TxID(id) {
			edit(&r)
			list = append(list, r)
		}
		return list
	}
}
