package invoice

import (
	"time"

	"satchel/merchant"
)

// Filter says which of a merchant's invoices to list, newest first. Zero values do not filter.
type Filter struct {
	Status   Status
	From, To time.Time // of creation; To is exclusive
	OrderID  string
	ItemCode string
	Below    Mark // only what comes after it in the list; zero: from its beginning
	Limit    int  // at most 1,000
	Offset   int
}

// Mark is an invoice's place in a list, which does not move when others come and go.
type Mark struct {
	Created time.Time
	Seq     uint64
}

// Mark gives the invoice's place in a list.
func (inv Invoice) Mark() Mark { return Mark{Created: inv.Created, Seq: inv.Ref.Seq} }

// IsZero tells that it is no invoice's place.
func (m Mark) IsZero() bool { return m.Seq == 0 && m.Created.IsZero() }

// Shown is an invoice with the first of its receipts, in order of first sight.
type Shown struct {
	Invoice  Invoice
	Receipts []Receipt
}

// Found is a receipt with the public id of its invoice.
type Found struct {
	Invoice ID
	Receipt Receipt
}

// Need is a receipt or an invoice that waits for an operator's decision.
type Need struct {
	Invoice Invoice
	Receipt Receipt // the zero Receipt for a need of the whole invoice
	Why     string  // "late", "lost", "over", "stray", "partial", "reversed"
}

// Stats are totals over the store.
type Stats struct {
	ByStatus    map[Status]uint64
	Scripts     uint64
	Events      uint64
	Undelivered uint64
	Oldest      time.Time // of the undelivered deliveries; zero: there are none
	Keys        []KeyStats
	FileSize    int64 // bytes
}

// KeyStats tells how far a watch key's addresses were issued.
type KeyStats struct {
	Merchant merchant.ID
	Key      string
	Next     uint32 // the index that the next invoice gets
	Gap      uint32 // addresses issued since the last one that was paid
}
