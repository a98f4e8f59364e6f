package tracker

import (
	"context"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/money"
)

// Store is where chain facts and the invoices they change are kept together.
type Store interface {
	// UpdateChain runs fn within one commit. It may run again, alone or with others, so it has no effect but on tx.
	UpdateChain(ctx context.Context, fn func(tx Tx) error) error
	// ViewChain runs fn on a consistent view.
	ViewChain(ctx context.Context, fn func(tx Reader) error) error
}

// Reader reads the chain's side of the store.
type Reader interface {
	// Tip is our best block; the zero header before the first one.
	Tip() chain.Header
	// HeaderAt is the header we stored at a height, as far as 2,016 back.
	HeaderAt(height int32) (chain.Header, bool)
	// Owner finds whose script it is.
	Owner(script []byte) (invoice.Ref, bool)
	// Invoice reads one by its place.
	Invoice(ref invoice.Ref) (invoice.Invoice, error)
	// Receipt reads one by its outpoint.
	Receipt(o invoice.Outpoint) (invoice.Receipt, bool, error)
	// Receipts reads all of an invoice, in order of first sight.
	Receipts(ref invoice.Ref) ([]invoice.Receipt, error)
	// ReceiptsOf lists the receipts of a transaction.
	ReceiptsOf(id invoice.TxID) ([]invoice.Receipt, error)
	// ReceiptsIn lists the receipts that a block holds, and those that are gone since it holds what took their place.
	ReceiptsIn(block [32]byte) ([]invoice.Receipt, error)
	// Pending lists the receipts that are in no block and not gone.
	Pending() ([]invoice.Receipt, error)
	// Spends gives the outputs that a transaction which paid us spends.
	Spends(id invoice.TxID) ([]invoice.Outpoint, error)
	// Following lists the invoices that a new block may change.
	Following() ([]invoice.Ref, error)
	// Ticks lists the invoices that time alone may change by then, earliest first, at most limit.
	Ticks(until time.Time, limit int) ([]invoice.Ref, error)
	// NextTick is the earliest of those times; false: none.
	NextTick() (time.Time, bool)
	// Exposure is what is open on invoices that were confirmed without a block.
	Exposure() (money.Sats, error)
	// Observed is when we last had looked at chain and mempool without a hole; zero: never.
	Observed() time.Time
}

// Tx changes it.
type Tx interface {
	Reader
	// PutInvoice is the only way to write an invoice: with the receipts that changed and the events that announce it,
	// whose deliveries it queues.
	PutInvoice(inv invoice.Invoice, receipts []invoice.Receipt, events []invoice.Event) error
	// Adopt makes an invoice for a payment to an address that somebody was shown by a database that is lost; false where the
	// script is none such.
	Adopt(script []byte, now time.Time) (invoice.Ref, bool, error)
	// PutSpends keeps what a transaction that pays us spends.
	PutSpends(id invoice.TxID, spends []invoice.Outpoint) error
	// SetTip moves our chain by one step. It refuses a block whose parent is not the tip, and the removal of another
	// block than the tip; the first block of all is taken as it is.
	SetTip(step chain.Step) error
	// SetObserved records a complete look.
	SetObserved(at time.Time) error
}
