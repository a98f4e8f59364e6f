package storetest

import (
	"errors"
	"testing"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/tracker"
)

func payments(t *testing.T, k *kit) {
	inv := k.invoice()
	k.pay(inv, 1, 400_000, invoice.Place{Where: invoice.InMempool})
	k.pay(inv, 2, 600_000, invoice.Place{Where: invoice.InMempool})
	now := k.read(inv.ID)
	if now.State.Status != invoice.Paid || now.Sums.In != 1_000_000 || now.Sums.Receipts != 2 || now.State.Revision != 4 {
		t.Fatalf("after two payments: %+v %+v", now.State, now.Sums)
	}
	receipts, err := k.s.Receipts(k.ctx, Shop, inv.ID, 10)
	k.must(err)
	if len(receipts) != 2 || receipts[0].Outpoint.TxID != Txid(1) || receipts[1].No != 2 || len(receipts[0].History) != 1 {
		t.Fatalf("receipts %+v", receipts)
	}
	k.must(k.s.UpdateChain(k.ctx, func(tx tracker.Tx) error {
		return tx.PutSpends(Txid(1), []invoice.Outpoint{{TxID: Txid(9), Vout: 7}})
	}))
	k.must(k.s.ViewChain(k.ctx, func(tx tracker.Reader) error {
		ref, ok := tx.Owner(inv.Address.Script)
		r, found, err := tx.Receipt(invoice.Outpoint{TxID: Txid(1)})
		if !ok || ref != inv.Ref || !found || err != nil || diff(r, receipts[0]) != "" {
			t.Errorf("owner %v %v, receipt %v %v", ref, ok, found, err)
		}
		if _, ok := tx.Owner([]byte("not ours")); ok {
			t.Error("a strange script is ours")
		}
		pending, err := tx.Pending()
		if err != nil || len(pending) != 2 {
			t.Errorf("pending %d %v", len(pending), err)
		}
		of, err := tx.ReceiptsOf(Txid(2))
		if err != nil || len(of) != 1 || of[0].Sats != 600_000 {
			t.Errorf("receipts of a transaction %v %v", of, err)
		}
		spends, err := tx.Spends(Txid(1))
		if err != nil || len(spends) != 1 || spends[0].Vout != 7 {
			t.Errorf("spends %v %v", spends, err)
		}
		return nil
	}))
	logged, err := k.s.EventsOf(k.ctx, Shop, inv.ID)
	k.must(err)
	for i, e := range logged {
		if int(e.Revision) != i+1 || e.Seq != uint64(i+1) || e.ID == "" || len(e.Document) == 0 {
			t.Errorf("event %d is %+v", i, e)
		}
	}
	if last := logged[len(logged)-1]; last.Code != invoice.PaidInFull || last.Status != invoice.Paid {
		t.Errorf("the last event is %+v", last)
	}
}

func failedStep(t *testing.T, k *kit) {
	inv := k.invoice()
	boom := errors.New("boom")
	err := k.s.UpdateChain(k.ctx, func(tx tracker.Tx) error {
		paid := inv
		paid.State.Status = invoice.Paid
		if err := tx.PutInvoice(paid, nil, []invoice.Event{{Code: invoice.PaidInFull, Invoice: paid, Flat: true}}); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	_, err = k.s.Update(k.ctx, Shop, inv.ID, func(b *invoice.Book) error {
		if err := b.Cancel(Noon()); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if d := diff(inv, k.read(inv.ID)); d != "" {
		t.Fatalf("a failed step left\n%s", d)
	}
	logged, err := k.s.EventsOf(k.ctx, Shop, inv.ID)
	k.must(err)
	if len(logged) != 1 {
		t.Fatalf("a failed step left %d events", len(logged))
	}
}

// header makes the block of a height on a branch.
func header(height int32, branch byte, prev chain.Header) chain.Header {
	return chain.Header{
		Hash: chain.BlockHash{byte(height), branch}, Prev: prev.Hash, Height: height, Time: Noon().Add(time.Duration(height) * time.Minute),
		Work: chain.Work{31: byte(height)},
	}
}

func (k *kit) connect(h chain.Header) error {
	return k.s.UpdateChain(k.ctx, func(tx tracker.Tx) error { return tx.SetTip(chain.Step{Op: chain.Connect, Header: h}) })
}

func tip(t *testing.T, k *kit) {
	k.must(k.s.ViewChain(k.ctx, func(tx tracker.Reader) error {
		if tx.Tip() != (chain.Header{}) || !tx.Observed().IsZero() {
			t.Errorf("a new store has the tip %+v", tx.Tip())
		}
		return nil
	}))
	a := header(100, 'a', chain.Header{})
	b := header(101, 'a', a)
	c := header(102, 'a', b)
	k.must(k.connect(a))
	if err := k.connect(c); err == nil {
		t.Fatal("a block without its parent was taken")
	}
	k.must(k.connect(b))
	k.must(k.connect(c))
	off := func(h chain.Header) error {
		return k.s.UpdateChain(k.ctx, func(tx tracker.Tx) error { return tx.SetTip(chain.Step{Op: chain.Disconnect, Header: h}) })
	}
	if err := off(b); err == nil {
		t.Fatal("a block below the tip was taken off")
	}
	k.must(off(c))
	k.must(k.s.UpdateChain(k.ctx, func(tx tracker.Tx) error { return tx.SetObserved(Noon()) }))
	k.must(k.s.ViewChain(k.ctx, func(tx tracker.Reader) error {
		got, ok := tx.HeaderAt(100)
		if tx.Tip() != b || !ok || got != a || !tx.Observed().Equal(Noon()) {
			t.Errorf("tip %+v, at 100 %+v, observed %v", tx.Tip(), got, tx.Observed())
		}
		if _, ok := tx.HeaderAt(102); ok {
			t.Error("a block that was taken off is still there")
		}
		return nil
	}))
}

func ticks(t *testing.T, k *kit) {
	first, second := k.invoice(), k.invoice()
	k.must(k.s.ViewChain(k.ctx, func(tx tracker.Reader) error {
		at, ok := tx.NextTick()
		if !ok || !at.Equal(first.Expires) {
			t.Errorf("next tick %v %v", at, ok)
		}
		before, err := tx.Ticks(first.Expires.Add(-time.Millisecond), 10)
		if err != nil || len(before) != 0 {
			t.Errorf("before the time: %v %v", before, err)
		}
		due, err := tx.Ticks(first.Expires, 1)
		if err != nil || len(due) != 1 || due[0] != first.Ref {
			t.Errorf("at the time: %v %v", due, err)
		}
		return nil
	}))
	k.pay(second, 1, 1_000_000, invoice.Place{Where: invoice.InMempool})
	k.must(k.s.ViewChain(k.ctx, func(tx tracker.Reader) error {
		list, err := tx.Following()
		if err != nil || len(list) != 1 || list[0] != second.Ref {
			t.Errorf("following %v %v", list, err)
		}
		return nil
	}))
}

func blocks(t *testing.T, k *kit) {
	inv := k.invoice()
	in := invoice.Place{Where: invoice.InBlock, Block: [32]byte{7}, Height: 100, BlockTime: Noon()}
	k.pay(inv, 1, 1_000_000, in)
	var held invoice.Receipt
	k.must(k.s.ViewChain(k.ctx, func(tx tracker.Reader) error {
		list, err := tx.ReceiptsIn([32]byte{7})
		pending, _ := tx.Pending()
		if err != nil || len(list) != 1 || len(pending) != 0 || diff(list[0].Place, in) != "" {
			t.Errorf("in the block %v %v, pending %d", list, err, len(pending))
			return nil
		}
		held = list[0]
		return nil
	}))
	k.must(k.step(inv.Ref, func(b *invoice.Book) {
		b.Move(held, invoice.Place{Where: invoice.Unproved}, invoice.BlockReorged, Noon())
	}))
	k.must(k.s.ViewChain(k.ctx, func(tx tracker.Reader) error {
		list, err := tx.ReceiptsIn([32]byte{7})
		pending, _ := tx.Pending()
		if err != nil || len(list) != 0 || len(pending) != 1 {
			t.Errorf("after the block went: %v %v, pending %d", list, err, len(pending))
		}
		return nil
	}))
	k.must(k.step(inv.Ref, func(b *invoice.Book) {
		r := held
		r.Place = invoice.Place{Where: invoice.Unproved}
		b.Move(r, invoice.Place{Where: invoice.Gone, ReplacedBy: Txid(5), ConflictAt: 101, Block: [32]byte{8}}, invoice.ConflictMined, Noon())
	}))
	k.must(k.s.ViewChain(k.ctx, func(tx tracker.Reader) error {
		list, err := tx.ReceiptsIn([32]byte{8})
		if err != nil || len(list) != 1 || !list[0].IsGone() || list[0].Place.ReplacedBy != Txid(5) {
			t.Errorf("what the block took the place of: %v %v", list, err)
		}
		return nil
	}))
	now := k.read(inv.ID)
	if now.State.Status != invoice.New || now.Sums.In != 0 || now.Sums.Gone != 1 {
		t.Errorf("after the payment went: %+v %+v", now.State, now.Sums)
	}
}

func attention(t *testing.T, k *kit) {
	inv := k.invoice()
	k.pay(inv, 1, 1_000_000, invoice.Place{Where: invoice.InMempool})
	needs, err := k.s.Attention(k.ctx, Shop, 10)
	k.must(err)
	if len(needs) != 0 {
		t.Fatalf("an exact payment needs a hand: %+v", needs)
	}
	k.pay(inv, 2, 5_000, invoice.Place{Where: invoice.InMempool})
	needs, err = k.s.Attention(k.ctx, Shop, 10)
	k.must(err)
	if len(needs) != 1 || needs[0].Why != "over" || needs[0].Receipt.Sats != 5_000 || needs[0].Invoice.ID != inv.ID {
		t.Fatalf("needs %+v", needs)
	}
	_, err = k.s.Update(k.ctx, Shop, inv.ID, func(b *invoice.Book) error { return b.Return(needs[0].Receipt.Outpoint, Txid(3), Noon()) })
	k.must(err)
	needs, err = k.s.Attention(k.ctx, Shop, 10)
	k.must(err)
	foreign, err := k.s.Attention(k.ctx, Other, 10)
	k.must(err)
	if len(needs)+len(foreign) != 0 {
		t.Fatalf("what was returned still needs a hand: %+v %+v", needs, foreign)
	}
}

func panics(t *testing.T, k *kit) {
	if err := k.s.UpdateChain(k.ctx, func(tracker.Tx) error { panic("a mistake") }); err == nil {
		t.Fatal("a panic is no error")
	}
	k.invoice()
}
