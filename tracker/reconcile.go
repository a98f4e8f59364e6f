package tracker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/money"
)

// Credits reads what was recorded, for a comparison with the chain.
type Credits interface {
	// ViewCredits runs fn on a consistent view.
	ViewCredits(ctx context.Context, fn func(r CreditReader) error) error
}

// CreditReader is one view of what was recorded.
type CreditReader interface {
	// Tip is the block that the records go up to.
	Tip() chain.Header
	// Owner finds whose script it is.
	Owner(script []byte) (invoice.Ref, bool)
	// PublicID names an invoice.
	PublicID(ref invoice.Ref) (invoice.ID, error)
	// EachReceipt gives every receipt there is.
	EachReceipt(fn func(invoice.Receipt) error) error
}

// Audit is what Reconcile works with.
type Audit struct {
	Credits  Credits
	Source   Source               // with a filter of its own, that holds every script of ours and some beyond
	From     int32                // the first block that is read, at least 1
	Progress func(done, of int32) // told now and then; nil: nobody
	Pause    time.Duration        // between two looks at what moves; default 1 s
}

// Balance is what Reconcile found.
type Balance struct {
	From, To int32 // the blocks that were read
	Tip      chain.BlockHash
	Found    int          // outputs of ours, in those blocks and in the mempool
	Sats     money.Sats   // their sum
	Missing  []Difference // on the chain, and not credited
	Extra    []Difference // credited, and not on the chain
	Beyond   []Difference // paid to addresses that no record says were issued: another wallet, or a database that was lost
}

// Difference is an output in which the records and the chain disagree.
type Difference struct {
	Outpoint invoice.Outpoint
	Sats     money.Sats
	Script   []byte     // of the chain's side
	Invoice  invoice.ID // "": nobody's
	Height   int32      // of the block that holds it; 0: none does
	Mempool  bool       // the mempool holds it
	Why      string
}

// sighting is an output of ours on the chain.
type sighting struct {
	sats   money.Sats
	script []byte
	header chain.Header // the zero header: the mempool
}

type sightings map[invoice.Outpoint]sighting

// ErrNoTip tells that no block was taken yet: nothing is recorded, and nothing can be compared.
var ErrNoTip = errors.New("no block was taken yet, so there is nothing to compare")

// looks is how often what moves is looked at before it is believed: a payment may be under way.
const looks = 4

// Reconcile reads every block from a height on, and the mempool, and compares what pays us there with what is recorded.
// It shares nothing with the way in which payments were recorded but the scan of a block, and changes nothing. Memory is
// bounded by the number of our own outputs.
func Reconcile(ctx context.Context, a Audit) (Balance, error) {
	a.From = max(a.From, 1)
	a.Pause = cmp.Or(a.Pause, time.Second)
	if a.Progress == nil {
		a.Progress = func(int32, int32) {}
	}
	for try := 1; ; try++ {
		b, err := a.once(ctx)
		if err == nil || try == looks || !errors.Is(err, chain.ErrMoved) && !errors.Is(err, chain.ErrTooDeep) {
			return b, err
		}
	}
}

// once reads the chain to its end, and compares. A reorg below what was read ends it with chain.ErrTooDeep.
func (a *Audit) once(ctx context.Context) (b Balance, err error) {
	err = a.Credits.ViewCredits(ctx, func(r CreditReader) error {
		if r.Tip() == (chain.Header{}) {
			return ErrNoTip
		}
		return nil
	})
	if err != nil {
		return b, err
	}
	found := sightings{}
	at, err := a.before(ctx)
	if err != nil {
		return b, err
	}
	for look := 1; ; look++ {
		if at, err = a.read(ctx, at, found); err != nil {
			return b, err
		}
		var current bool
		if b, current, err = a.compare(ctx, at, found); err != nil {
			return b, err
		}
		if current && len(b.Missing)+len(b.Extra) == 0 || look == looks {
			if !current {
				return b, fmt.Errorf("the daemon has not followed the node to block %d yet: %w", at.Height, chain.ErrMoved)
			}
			return b, nil
		}
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		case <-time.After(a.Pause):
		}
	}
}

// before gives the header below the first block that is read.
func (a *Audit) before(ctx context.Context) (chain.Header, error) {
	hash, ok, err := a.Source.HashAt(ctx, a.From-1)
	if err != nil {
		return chain.Header{}, err
	}
	if !ok {
		return chain.Header{}, fmt.Errorf("the node's chain does not reach block %d", a.From)
	}
	return a.Source.Header(ctx, hash)
}

// single is a chain of one block.
type single chain.Header

// Tip is the block.
func (s single) Tip() chain.Header { return chain.Header(s) }

// HeaderAt knows that block only.
func (s single) HeaderAt(height int32) (chain.Header, bool) {
	return chain.Header(s), height == s.Height
}

// stepsAtOnce is how many blocks are asked for in one go.
const stepsAtOnce = 200

// read notes what pays us in every block above the header, and gives the last one.
func (a *Audit) read(ctx context.Context, at chain.Header, found sightings) (chain.Header, error) {
	for {
		steps, err := a.Source.Steps(ctx, single(at), stepsAtOnce)
		if err != nil || len(steps) == 0 {
			return at, err
		}
		for _, s := range steps {
			if s.Op == chain.Disconnect {
				return at, chain.ErrMoved
			}
			for _, tx := range s.Txs {
				found.add(tx, s.Header)
			}
			at = s.Header
		}
		info, err := a.Source.Info(ctx)
		if err != nil {
			return at, err
		}
		a.Progress(at.Height, max(info.Best.Height, at.Height))
	}
}

func (f sightings) add(tx chain.Tx, in chain.Header) {
	for _, out := range tx.Outputs {
		f[invoice.Outpoint{TxID: invoice.TxID(tx.ID), Vout: out.Vout}] = sighting{out.Sats, out.Script, in}
	}
}

// compare holds the records against the blocks that were read and the mempool as it is now. current tells that the
// records go up to the same block.
func (a *Audit) compare(ctx context.Context, at chain.Header, found sightings) (b Balance, current bool, err error) {
	loose, err := a.mempool(ctx)
	if err != nil {
		return b, false, err
	}
	b = Balance{From: a.From, To: at.Height, Tip: at.Hash}
	for o := range found {
		delete(loose, o) // mined since the last block was read, or while the mempool was
	}
	for _, in := range []sightings{found, loose} {
		for _, s := range in {
			b.Found++
			b.Sats += s.sats
		}
	}
	err = a.Credits.ViewCredits(ctx, func(r CreditReader) error {
		current = r.Tip().Hash == at.Hash
		known := make(map[invoice.Outpoint]bool, len(found))
		err := r.EachReceipt(func(receipt invoice.Receipt) error {
			known[receipt.Outpoint] = true
			return b.weigh(r, receipt, found, loose)
		})
		if err != nil {
			return err
		}
		return errors.Join(b.unrecorded(r, found, known), b.unrecorded(r, loose, known))
	})
	for _, list := range [][]Difference{b.Missing, b.Extra, b.Beyond} {
		slices.SortFunc(list, func(x, y Difference) int {
			return cmp.Or(cmp.Compare(x.Height, y.Height), cmp.Compare(x.Outpoint.String(), y.Outpoint.String()))
		})
	}
	return b, current, err
}

// mempoolAtOnce is how many transactions of the mempool are asked for in one go.
const mempoolAtOnce = 1000

func (a *Audit) mempool(ctx context.Context) (sightings, error) {
	pool, err := a.Source.Mempool(ctx)
	if err != nil {
		return nil, err
	}
	loose := sightings{}
	for part := range slices.Chunk(pool.IDs, mempoolAtOnce) {
		txs, _, err := a.Source.Txs(ctx, part)
		if err != nil {
			return nil, err
		}
		for _, tx := range txs {
			loose.add(tx, chain.Header{})
		}
	}
	return loose, nil
}

// weigh compares one receipt with the chain.
func (b *Balance) weigh(r CreditReader, receipt invoice.Receipt, found, loose sightings) error {
	if receipt.Place.Where == invoice.InBlock && receipt.Place.Height < b.From {
		return nil
	}
	mined, inBlock := found[receipt.Outpoint]
	waiting, inMempool := loose[receipt.Outpoint]
	missing, extra := "", ""
	switch {
	case inBlock:
		missing, extra = mined.differs(receipt)
	case inMempool:
		missing, extra = waiting.differs(receipt)
	case !receipt.IsGone():
		extra = "neither the blocks nor the mempool hold it"
	}
	if missing == "" && extra == "" && (receipt.IsGone() || !restored(receipt)) {
		return nil
	}
	id, err := r.PublicID(receipt.Ref)
	if err != nil {
		return err
	}
	d := Difference{Outpoint: receipt.Outpoint, Sats: receipt.Sats, Script: mined.script, Invoice: id, Height: mined.header.Height, Mempool: inMempool, Why: missing + extra}
	switch {
	case missing != "":
		b.Missing = append(b.Missing, d)
	case extra != "":
		b.Extra = append(b.Extra, d)
	default:
		d.Why = invoice.ByRestore.Explain()
		b.Beyond = append(b.Beyond, d)
	}
	return nil
}

// restored tells a payment to an address that was issued after the backup which was restored.
func restored(r invoice.Receipt) bool {
	return r.Disposition == invoice.Late && len(r.History) > 0 && r.History[0].Reason == invoice.ByRestore
}

// differs compares what the chain holds with what is recorded of it.
func (s sighting) differs(r invoice.Receipt) (missing, extra string) {
	mined, place := s.header.Height > 0, r.Place
	switch {
	case r.IsGone():
		missing = "it is recorded as gone, and the chain holds it"
	case mined && place.Where != invoice.InBlock:
		missing = "it is recorded as unconfirmed, and a block holds it"
	case mined && (place.Block != s.header.Hash || place.Height != s.header.Height):
		extra = "it is recorded in another block than the one that holds it"
	case !mined && place.Where == invoice.InBlock:
		extra = "it is recorded in a block, and only the mempool holds it"
	case s.sats != r.Sats:
		extra = "it is recorded with another amount"
	}
	return missing, extra
}

// unrecorded lists what pays us and has no receipt.
func (b *Balance) unrecorded(r CreditReader, in sightings, known map[invoice.Outpoint]bool) error {
	for o, s := range in {
		if known[o] {
			continue
		}
		d := Difference{Outpoint: o, Sats: s.sats, Script: s.script, Height: s.header.Height, Mempool: s.header.Height == 0}
		of, issued := r.Owner(s.script)
		if !issued {
			d.Why = "the address was never issued"
			b.Beyond = append(b.Beyond, d)
			continue
		}
		id, err := r.PublicID(of)
		if err != nil {
			return err
		}
		d.Invoice, d.Why = id, "there is no record of it"
		b.Missing = append(b.Missing, d)
	}
	return nil
}
