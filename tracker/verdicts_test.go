package tracker_test

import (
	"testing"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/tracker"
)

// Each reason against a payment without a block is reached, and stored with the invoice.
func TestZeroConfReasons(t *testing.T) {
	for want, c := range map[string]struct {
		option option
		stage  func(w *world, id chain.TxID)
	}{
		"low fee": {nil, func(w *world, _ chain.TxID) { w.chain.SetFeeFloor(100_000) }},
		"unbroadcast": {nil, func(w *world, id chain.TxID) {
			w.chain.Edit(id, func(e *chain.Entry) { e.Unbroadcast = true })
		}},
		"not in the mempool": {nil, func(w *world, id chain.TxID) {
			w.chain.Fail(func(method string) error {
				if method == "FeeFloor" { // asked for right before the payment
					w.chain.Mute(true)
					w.chain.Evict(id)
				}
				return nil
			})
		}},
		"over zero_conf_max": {func(i *invoice.Invoice) { i.Terms.ZeroConfMax = 999_999 }, nil},
		"over zero_conf_exposure": {nil, func(w *world, _ chain.TxID) {
			for range 10 {
				other := w.ask(speed(merchant.High), func(i *invoice.Invoice) { i.Terms.ZeroConf = merchant.Always })
				w.chain.Pay(other.Address.Script, 1_000_000)
			}
		}},
	} {
		t.Run(want, func(t *testing.T) {
			w := newWorld(t)
			options := []option{speed(merchant.High)}
			if c.option != nil {
				options = append(options, c.option)
			}
			inv := w.ask(options...)
			id := w.chain.Pay(inv.Address.Script, 1_000_000)
			if c.stage != nil {
				c.stage(w, id)
			}
			w.round()
			w.pass(3 * time.Second)
			w.round()
			w.is(inv, "paid")
			refused(t, w, inv, want)
			w.chain.Fail(nil)
			w.chain.Mute(false)
			w.chain.Hint(chain.Hint{Resync: true})
			w.later()
		})
	}
	t.Run("unconfirmed parents", func(t *testing.T) {
		w := newWorld(t)
		inv := w.ask(speed(merchant.High))
		parent := w.chain.Pay(chaintestScript(), 2_000_000)
		w.chain.AddMempool(chain.Tx{
			Inputs: []chain.Outpoint{{TxID: parent}}, Outputs: []chain.Output{{Sats: 1_000_000, Script: inv.Address.Script}},
		})
		w.round()
		w.pass(3 * time.Second)
		w.round()
		w.is(inv, "paid")
		refused(t, w, inv, "unconfirmed parents")
	})
	t.Run("conflict seen", func(t *testing.T) {
		w := newWorld(t)
		inv := w.ask(speed(merchant.High))
		id := w.chain.Pay(inv.Address.Script, 1_000_000)
		w.round()
		_, err := w.chain.Replace(id, chain.Output{Sats: 1_000_000, Script: inv.Address.Script})
		w.must(err)
		w.round()
		w.pass(3 * time.Second)
		w.round()
		w.is(inv, "paid")
		refused(t, w, inv, "conflict seen")
	})
}

// A verdict is on what the node has when the invoice's time comes, not on what it had before another invoice made us look.
func TestNoVerdictIsOlderThanTheLook(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		w := newWorld(t)
		quote := w.ask() // ends when the dwell does
		w.pass(quote.Expires.Sub(w.now) - 2*time.Second)
		inv := w.ask(speed(merchant.High))
		id := w.chain.Pay(inv.Address.Script, 1_000_000)
		w.round()
		w.is(inv, "paid")
		w.pass(2 * time.Second)
		script := inv.Address.Script
		if elsewhere {
			script = chaintestScript()
		}
		replaced := false
		w.chain.Fail(func(method string) error {
			if method == "Mempool" && !replaced {
				replaced = true
				_, err := w.chain.Replace(id, chain.Output{Sats: 1_000_000, Script: script})
				return err
			}
			return nil
		})
		w.round()
		w.chain.Fail(nil)
		w.is(quote, "expired")
		if !replaced {
			t.Fatal("nothing was replaced during the look")
		}
		w.pass(3 * time.Second)
		w.round()
		if elsewhere {
			w.is(inv, "new")
			if v := w.read(inv).State.Verdict; v.Yes || v.Final {
				t.Errorf("a verdict on money that is gone: %+v", v)
			}
			continue
		}
		w.is(inv, "paid")
		refused(t, w, inv, "conflict seen")
	}
}

// What changes between the question and the commit is not what was judged.
func TestNoVerdictOnOtherMoney(t *testing.T) {
	w := newWorld(t)
	inv := w.ask(speed(merchant.High))
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.round()
	w.pass(3 * time.Second)
	w.chain.Fail(func(method string) error {
		if method != "Entry" {
			return nil
		}
		w.chain.Fail(nil)
		return w.db.UpdateChain(t.Context(), func(tx tracker.Tx) error { // the payment is gone, as far as the store knows
			now, err := tx.Invoice(inv.Ref)
			if err != nil {
				return err
			}
			b := invoice.Open(now, func() ([]invoice.Receipt, error) { return tx.Receipts(inv.Ref) })
			list, err := tx.Receipts(inv.Ref)
			if err != nil {
				return err
			}
			b.Move(list[0], invoice.Place{Where: invoice.Gone}, invoice.LeftMempool, w.now)
			changed, receipts, events, err := b.Close(invoice.View{Now: w.now, Tip: w.chain.Tip().Height, Synced: w.now})
			if err != nil {
				return err
			}
			return tx.PutInvoice(changed, receipts, events)
		})
	})
	w.round()
	w.is(inv, "new")
	if v := w.read(inv).State.Verdict; v.Yes || v.Final {
		t.Errorf("judged: %+v", v)
	}
	w.restart() // which finds it in the mempool, where it has been long enough
	w.is(inv, "confirmed")
}

// A quote whose end waits for a look holds up no verdict.
func TestVerdictsDoNotWaitForQuotes(t *testing.T) {
	w := newWorld(t)
	quote := w.ask()
	w.pass(quote.Expires.Sub(w.now) - time.Second)
	inv := w.ask(speed(merchant.High))
	w.chain.Pay(inv.Address.Script, 1_000_000)
	w.round()
	w.tracker.Costs(time.Second) // so that the next look must wait
	w.pass(2 * time.Second)
	w.must(w.tracker.Round(t.Context()))
	w.is(quote, "new")
	w.is(inv, "confirmed")
	w.pass(20 * time.Second)
	w.round()
	w.is(quote, "expired")
}

func refused(t *testing.T, w *world, inv invoice.Invoice, want string) {
	t.Helper()
	v := w.read(inv).State.Verdict
	for _, r := range v.Reasons {
		if len(r) >= len(want) && r[:len(want)] == want && v.Final && !v.Yes {
			return
		}
	}
	t.Fatalf("verdict %+v, want the reason %q", v, want)
}

// A verdict is on the whole payment: what lost its block is judged when it was found again.
func TestNoVerdictOnWhatIsUnproved(t *testing.T) {
	w := newWorld(t)
	inv := w.ask(speed(merchant.High))
	first := w.chain.Pay(inv.Address.Script, 600_000)
	w.mine(1)
	w.later()
	w.chain.Pay(inv.Address.Script, 400_000)
	w.later()
	w.is(inv, "paid")
	w.chain.Mute(true)
	w.chain.Reorg(1)
	w.chain.Mute(false)
	w.chain.Edit(first, func(e *chain.Entry) { e.Unbroadcast = true })
	w.tracker.Costs(10 * time.Second) // so that the mempool is not compared at once
	w.pass(2 * time.Second)
	w.round()
	w.later()
	w.is(inv, "paid")
	w.pass(3 * time.Second)
	w.round()
	w.is(inv, "paid")
	refused(t, w, inv, "unbroadcast")
}
