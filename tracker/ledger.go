package tracker

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"satchel/chain"
	"satchel/invoice"
)

// ledger is the work of one commit: the books of the invoices it touches. The store may run a commit's function again,
// so a ledger is made inside it and changes the tracker only after the commit (committed).
type ledger struct {
	t      *Tracker
	tx     Tx
	tip    chain.Header
	now    time.Time
	synced time.Time // what the machine may believe to be looked at
	books  map[invoice.Ref]*entry
	spent  map[invoice.TxID][]invoice.Outpoint // new unsettled payments, to be watched for conflicts
	gone   []invoice.TxID                      // what left the mempool, and must be read again when it comes back
}

type entry struct {
	book  *invoice.Book
	was   invoice.Invoice
	judge *invoice.Verdict
}

func (t *Tracker) ledger(tx Tx) *ledger {
	return &ledger{
		t: t, tx: tx, tip: t.tip, now: t.cfg.Now(), synced: t.pass.began,
		books: map[invoice.Ref]*entry{}, spent: map[invoice.TxID][]invoice.Outpoint{},
	}
}

// committed takes over what a ledger's commit made true.
func (t *Tracker) committed(l *ledger) {
	t.tip = l.tip
	for id, spends := range l.spent {
		t.watchSpends(id, spends)
	}
	for _, id := range l.gone {
		delete(t.seen, chain.TxID(id))
	}
}

// book opens an invoice's book for this commit, once.
func (l *ledger) book(ref invoice.Ref) (*invoice.Book, error) {
	if e, ok := l.books[ref]; ok {
		return e.book, nil
	}
	inv, err := l.tx.Invoice(ref)
	if err != nil {
		return nil, err
	}
	b := invoice.Open(inv, func() ([]invoice.Receipt, error) { return l.tx.Receipts(ref) })
	l.books[ref] = &entry{book: b, was: inv}
	return b, nil
}

// credit records every output of a transaction that pays us, wherever the transaction is now.
func (l *ledger) credit(tx chain.Tx, place invoice.Place, seen time.Time) error {
	if place.Where == invoice.InMempool {
		if err := l.conflicts(tx, invoice.Place{Where: invoice.Gone}, invoice.Replaced); err != nil {
			return err
		}
	}
	for _, out := range tx.Outputs {
		ref, ok := l.tx.Owner(out.Script)
		if !ok {
			var err error
			if ref, ok, err = l.tx.Adopt(out.Script, l.now); err != nil {
				return err
			}
		}
		if !ok { // the watch table may err on this side, and only on this
			continue
		}
		if err := l.output(ref, tx, out, place, seen); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) output(ref invoice.Ref, tx chain.Tx, out chain.Output, place invoice.Place, seen time.Time) error {
	o := invoice.Outpoint{TxID: invoice.TxID(tx.ID), Vout: out.Vout}
	b, err := l.book(ref)
	if err != nil {
		return err
	}
	old, known := b.Receipt(o) // the same transaction may come twice in one commit
	if !known {
		if old, known, err = l.tx.Receipt(o); err != nil {
			return err
		}
	}
	spends := make([]invoice.Outpoint, len(tx.Inputs))
	for i, in := range tx.Inputs {
		spends[i] = invoice.Outpoint{TxID: invoice.TxID(in.TxID), Vout: in.Vout}
	}
	l.spent[o.TxID] = spends // also of one that was gone, and no longer watched
	if known {
		if place.Where == invoice.InMempool {
			b.Older(old, seen)
			if old.Place.Where == invoice.InBlock { // our chain says so, and the mempool is only a hint
				return nil
			}
		}
		b.Move(old, place, arrived(place), l.now)
		return nil
	}
	inv, early := b.Invoice(), l.t.unpriced()              // asked first: rates may come in between
	rate, _, _ := l.t.cfg.Rates.Rate(inv.Quote.Price.Code) // an unknown rate is zero, which the book understands
	s := invoice.Sight{
		Outpoint: o, Sats: out.Sats, Coinbase: tx.Coinbase, Place: place, Seen: earlier(seen, l.now),
		Hole: l.holed(inv), Tip: l.tip.Height, Rate: rate, Shares: l.shares(spends),
	}
	if early && rate.IsZero() && inv.Minds(s) {
		return errUnpriced
	}
	if err := l.tx.PutSpends(o.TxID, spends); err != nil {
		return err
	}
	b.See(s, l.now)
	return nil
}

func arrived(p invoice.Place) invoice.Reason {
	if p.Where == invoice.InBlock {
		return invoice.Mined
	}
	return invoice.BackInMempool
}

// shares tells whether another transaction of ours spends one of the outputs.
func (l *ledger) shares(spends []invoice.Outpoint) func(invoice.TxID) bool {
	return func(other invoice.TxID) bool {
		theirs, err := l.tx.Spends(other)
		return err == nil && slices.ContainsFunc(theirs, func(o invoice.Outpoint) bool { return slices.Contains(spends, o) })
	}
}

// close writes every invoice that changed, in order of its place.
func (l *ledger) close() error {
	refs := make([]invoice.Ref, 0, len(l.books))
	for ref := range l.books {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(a, b invoice.Ref) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Seq, b.Seq))
	})
	view := invoice.View{Now: l.now, Tip: l.tip.Height, Synced: l.synced}
	for _, ref := range refs {
		e := l.books[ref]
		if e.judge != nil {
			e.book.Judge(*e.judge)
		}
		inv, receipts, events, err := e.book.Close(view)
		if err != nil {
			return err
		}
		if len(receipts) == 0 && len(events) == 0 && reflect.DeepEqual(inv, e.was) {
			continue
		}
		if err := l.tx.PutInvoice(inv, receipts, events); err != nil {
			return err
		}
	}
	return nil
}
