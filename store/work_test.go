package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/money"
	"satchel/store/storetest"
	"satchel/tracker"
)

// pay is an output to the address of an invoice, or to a skipped one.
type pay struct {
	tx     int
	to     int // the invoice's number; -1: a skipped address
	sats   money.Sats
	spends int // 0: an output of its own
}

func (p pay) script() []byte {
	if p.to < 0 {
		a, _ := storetest.OtherDeriver{}.Address(2)
		return a.Script
	}
	index, d := uint32(p.to), invoice.Deriver(storetest.Deriver{})
	if p.to == 7 {
		index, d = 4, storetest.OtherDeriver{}
	}
	a, _ := d.Address(index)
	return a.Script
}

func hashOf(height int32, fork int) chain.BlockHash {
	return sha256.Sum256(fmt.Appendf(nil, "block %d %d", height, fork))
}

func header(height int32, fork, below int) chain.Header {
	return chain.Header{Hash: hashOf(height, fork), Prev: hashOf(height-1, below), Height: height, Time: noon(time.Duration(height-100) * time.Minute), Work: chain.Work{31: byte(height)}}
}

// work is one commit of the chain's side, as the tracker makes them.
type work struct {
	tx    tracker.Tx
	now   time.Time
	tip   int32
	books map[invoice.Ref]*invoice.Book
	order []invoice.Ref
}

func (w *work) book(ref invoice.Ref) (*invoice.Book, error) {
	if b, ok := w.books[ref]; ok {
		return b, nil
	}
	inv, err := w.tx.Invoice(ref)
	if err != nil {
		return nil, err
	}
	w.books[ref] = invoice.Open(inv, func() ([]invoice.Receipt, error) { return w.tx.Receipts(ref) })
	w.order = append(w.order, ref)
	return w.books[ref], nil
}

func (w *work) sees(p pay, place invoice.Place) error {
	ref, ok := w.tx.Owner(p.script())
	if !ok {
		var err error
		if ref, ok, err = w.tx.Adopt(p.script(), w.now); err != nil || !ok {
			return errors.Join(err, fmt.Errorf("nobody's script: %+v", p))
		}
	}
	b, err := w.book(ref)
	if err != nil {
		return err
	}
	o := invoice.Outpoint{TxID: storetest.Txid(p.tx)}
	old, known, err := w.tx.Receipt(o)
	switch {
	case err != nil:
		return err
	case known:
		b.Move(old, place, invoice.Mined, w.now)
		return nil
	}
	if err := w.tx.PutSpends(o.TxID, []invoice.Outpoint{{TxID: storetest.Txid(1000 + max(p.tx, p.spends))}}); err != nil {
		return err
	}
	b.See(invoice.Sight{Outpoint: o, Sats: p.sats, Place: place, Seen: w.now, Tip: w.tip}, w.now)
	return nil
}

func (w *work) close() error {
	for _, ref := range w.order {
		inv, receipts, events, err := w.books[ref].Close(invoice.View{Now: w.now, Tip: w.tip, Synced: w.now})
		if err != nil {
			return err
		}
		if err := w.tx.PutInvoice(inv, receipts, events); err != nil {
			return err
		}
	}
	return nil
}

// chained runs fn as one commit of the chain's side.
func (l *life) chained(now time.Time, fn func(w *work) error) error {
	return l.db.UpdateChain(l.ctx, func(tx tracker.Tx) error {
		w := &work{tx: tx, now: now, tip: tx.Tip().Height, books: map[invoice.Ref]*invoice.Book{}}
		return errors.Join(fn(w), w.close())
	})
}

// block takes a block of a fork, which stands on a block of another or the same one. Ours is never taken twice, as the
// node is asked only for what follows our tip.
func (l *life) block(height int32, fork, below int, mined ...pay) error {
	now := noon(time.Duration(height-100) * time.Minute)
	return l.chained(now, func(w *work) error {
		if w.tip > height || w.tx.Tip().Hash == hashOf(height, fork) {
			return nil
		}
		h := header(height, fork, below)
		if err := w.tx.SetTip(chain.Step{Op: chain.Connect, Header: h}); err != nil {
			return err
		}
		w.tip = height
		for _, p := range mined {
			if err := w.sees(p, invoice.Place{Where: invoice.InBlock, Block: h.Hash, Height: height, BlockTime: h.Time}); err != nil {
				return err
			}
		}
		following, err := w.tx.Following()
		for _, ref := range following {
			_, opening := w.book(ref)
			err = errors.Join(err, opening)
		}
		return err
	})
}

// unblock takes our tip back.
func (l *life) unblock(height int32) error {
	return l.chained(noon(time.Hour), func(w *work) error {
		h := w.tx.Tip()
		if h.Hash != hashOf(height, 0) {
			return nil
		}
		if err := w.tx.SetTip(chain.Step{Op: chain.Disconnect, Header: h}); err != nil {
			return err
		}
		w.tip = height - 1
		receipts, err := w.tx.ReceiptsIn(h.Hash)
		for _, r := range receipts {
			b, opening := w.book(r.Ref)
			if err = errors.Join(err, opening); err == nil {
				b.Move(r, invoice.Place{Where: invoice.Unproved}, invoice.BlockReorged, w.now)
			}
		}
		return err
	})
}

func (l *life) mempool(after time.Duration, list ...pay) error {
	return l.chained(noon(after), func(w *work) error {
		for _, p := range list {
			if r, known, err := w.tx.Receipt(invoice.Outpoint{TxID: storetest.Txid(p.tx)}); err != nil || known && r.Place.Where == invoice.InBlock {
				return err
			}
			if err := w.sees(p, invoice.Place{Where: invoice.InMempool}); err != nil {
				return err
			}
		}
		return nil
	})
}

// replaced takes a payment out of the mempool for another transaction.
func (l *life) replaced(tx, by int) error {
	return l.chained(noon(3*time.Minute), func(w *work) error {
		r, ok, err := w.tx.Receipt(invoice.Outpoint{TxID: storetest.Txid(tx)})
		if err != nil || !ok {
			return errors.Join(err, errors.New("nothing to replace"))
		}
		b, err := w.book(r.Ref)
		if err == nil {
			b.Move(r, invoice.Place{Where: invoice.Gone, ReplacedBy: storetest.Txid(by)}, invoice.Replaced, w.now)
		}
		return err
	})
}
