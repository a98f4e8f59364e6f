// Package invoice is the aggregate: what is owed, every receipt that came in for it, and the state that follows.
//
// The state is a function of receipts, tip and time (machine.go), pure: no clock, no I/O. An invoice changes only
// through methods that return its new value together with the events that announce the change, so that the two are
// stored together or not at all. Nothing here is ever edited or deleted: receipts only move, and each move has a reason.
//
// The service does what needs the outside (quotes, addresses, storage), through small interfaces of its own.
package invoice

import (
	"time"

	"satchel/merchant"
	"satchel/money"
)

// ID is an invoice's public id: 16 random bytes in base58, 22 characters.
type ID string

// NewID makes the id of a new invoice.
func NewID() ID { return ID(merchant.NewID()) }

// Ref is an invoice's place in the store: its merchant, and a number in order of creation.
type Ref struct {
	Merchant merchant.ID
	Seq      uint64
}

// Status is BitPay's invoice state (BitPay API, "Invoice states").
type Status uint8

// The states. There are no others.
const (
	New Status = iota + 1
	Paid
	Confirmed
	Complete
	Expired
	Invalid
	Declined
)

// String gives the word of the wire.
func (s Status) String() string {
	switch s {
	case New:
		return "new"
	case Paid:
		return "paid"
	case Confirmed:
		return "confirmed"
	case Complete:
		return "complete"
	case Expired:
		return "expired"
	case Invalid:
		return "invalid"
	case Declined:
		return "declined"
	}
	return "unknown"
}

// Statuses lists them all, in order.
func Statuses() []Status { return []Status{New, Paid, Confirmed, Complete, Expired, Invalid, Declined} }

// ParseStatus reads the word of the wire.
func ParseStatus(text string) (Status, bool) {
	for _, s := range Statuses() {
		if s.String() == text {
			return s, true
		}
	}
	return 0, false
}

// Exception is what was unusual about the payment (BitPay exceptionStatus).
type Exception uint8

// None is `false` on the wire.
const (
	None Exception = iota
	PaidPartial
	PaidOver
	PaidLate
)

// String gives the word of the wire; "" for none.
func (e Exception) String() string {
	switch e {
	case None:
		return ""
	case PaidPartial:
		return "paidPartial"
	case PaidOver:
		return "paidOver"
	case PaidLate:
		return "paidLate"
	}
	return ""
}

// Confirmations that end the story (BitPay targetConfirmations), and the blocks that must pass before an unconfirmed
// payment is given up.
const (
	FinalConfirmations = 6
	InvalidBlocks      = 3
	CoinbaseMaturity   = 100
)

// DustLimit is the amount below which a receipt after the end is recorded without an event of its own.
const DustLimit money.Sats = 546

// Invoice is one request for payment.
type Invoice struct {
	Ref     Ref
	ID      ID
	Order   Order
	Terms   Terms
	Quote   money.Quote
	Address Address
	Created time.Time
	Expires time.Time
	State   State
	Sums    Sums
	Draft   Draft // of test networks: what the node's own coins pay it with
}

// Order is what the merchant said about the sale. Texts are kept as they came.
type Order struct {
	GUID              string
	OrderID           string
	ItemDesc          string
	ItemCode          string
	PosData           string
	NotificationURL   string
	NotificationEmail string
	RedirectURL       string
	CloseURL          string
	AutoRedirect      bool
	Physical          bool
	Buyer             Buyer
	PayProRequired    bool // this and what follows is only told again: nothing here depends on it
	BitPayIDRequired  bool
	ForcedWallet      string
	ForcedCurrency    string
	Items             []Item // what the price is made of
	Creator           string // who holds it open: a token's id or a link's; for the caps
	Origin            string // the caller's address, so that nobody can read it, where he needed no token; for the caps
}

// Item is a line of what a price is made of, as the shop told it.
type Item struct {
	Amount      money.Fiat
	Description string
	Fee         bool
}

// Buyer is who pays, as the shop told it.
type Buyer struct {
	Name, Email, Phone                            string
	Address1, Address2, City, State, Zip, Country string
	Notify                                        bool
	Provided                                      string // the e-mail address given on the checkout page or by an update
	SMS                                           string // a phone number, given by an update
	SMSVerified                                   bool   // the merchant vouches for it
}

// Terms are the settings the invoice was made with; later changes of the merchant's settings do not touch it.
type Terms struct {
	Speed             merchant.Speed
	Tolerance         money.Tolerance
	InvalidAfter      time.Duration
	LateAccept        time.Duration
	LateMaxMove       money.Percent
	ZeroConf          merchant.ZeroConf
	ZeroConfDwell     time.Duration
	ZeroConfMax       money.Sats
	FullNotifications bool
	Extended          bool // callbacks in the extended format
	OpenPrice         bool // the first payment fixes the price
}

// Address is where the invoice is paid, and how it was derived.
type Address struct {
	Text   string
	Script []byte
	Key    string // the watch key's fingerprint
	Index  uint32
}

// State is where the invoice stands, and why.
type State struct {
	Status    Status
	Exception Exception
	Since     time.Time
	Reason    Reason
	Cancelled bool
	Marked    bool       // an operator set the status; the chain no longer moves it
	Reorged   bool       // complete, but its block is gone for now
	Reversed  bool       // invalid because receipts went away, not by time alone
	Lost      bool       // its own record was lost with a database; it was made anew for a payment to its address
	Short     money.Sats // the operator accepted this much instead of what is due; 0: no
	Kept      money.Sats // the merchant accepted this much beyond what is due
	Verdict   Verdict
	Tick      time.Time // when time alone may change the status next; zero: never
	Said      Said
	Revision  uint32 // events so far; the store counts them
}

// Said remembers the events that are sent once.
type Said struct {
	Confirmed bool
	PaidLate  bool
	Flat      Status // the furthest status that a flat callback carried
}

// Verdict is whether the payment is good enough without a block, and why not.
type Verdict struct {
	Yes     bool
	Final   bool // the dwell is over: asked again only when a block comes
	At      time.Time
	Reasons []string
}

// Sums are totals over the receipts, kept with the invoice so that a payment costs the same on the first and on the
// ten-thousandth receipt.
type Sums struct {
	In         money.Sats // in time (or accepted) and not gone
	Late       money.Sats // after the window, neither accepted nor returned
	Stray      money.Sats // after the end, neither accepted nor returned
	Receipts   uint32
	Gone       uint32     // receipts that are gone
	Unproved   uint32     // receipts whose block went away, until the mempool was looked at
	InBlocks   money.Sats // the part of In that is in blocks, mature or not
	CoveredAt  int32      // height of the block by which mature receipts reach what is needed; 0: not yet
	FullAt     time.Time  // when the receipt that completed it was first seen
	FullTip    int32      // our tip then
	ConflictAt int32      // height of a block with a conflicting transaction; 0: none known
}

// Due is what is asked, in satoshis.
func (inv Invoice) Due() money.Sats { return inv.Quote.Due }

// Needed is the least that counts as paid in full: due less the tolerance, or what the operator accepted.
func (inv Invoice) Needed() money.Sats {
	if inv.State.Short > 0 {
		return inv.State.Short
	}
	return max(inv.Quote.Due-inv.Terms.Tolerance.For(inv.Quote.Due), 1)
}

// Unpaid is what is still missing to the due sum; 0 when nothing is.
func (inv Invoice) Unpaid() money.Sats { return max(inv.Quote.Due-inv.Sums.In, 0) }

// Confirmations of the invoice: the fewest among the receipts needed to reach what is due.
func (inv Invoice) Confirmations(tip int32) int32 {
	if inv.Sums.CoveredAt == 0 || inv.Sums.CoveredAt > tip {
		return 0
	}
	return tip - inv.Sums.CoveredAt + 1
}

// ceiling is the sum beyond which a receipt is over.
func (inv Invoice) ceiling() money.Sats {
	if inv.State.Short > 0 {
		return inv.State.Short
	}
	return inv.Quote.Due
}

func (inv Invoice) priced() bool { return inv.Quote.Due > 0 }

func (inv Invoice) enough() bool { return inv.priced() && inv.Sums.In >= inv.Needed() }

// buried tells that blocks hold what is needed, mature or not.
func (inv Invoice) buried() bool { return inv.priced() && inv.Sums.InBlocks >= inv.Needed() }

// final tells that no receipt changes the status any more.
func (inv Invoice) final() bool {
	switch inv.State.Status {
	case Complete, Declined:
		return true
	case Invalid:
		return inv.State.Marked
	case New, Paid, Confirmed, Expired:
		return false
	}
	return true
}

// Following tells whether a new block may change the status.
func (inv Invoice) Following() bool {
	if inv.State.Marked {
		return false
	}
	switch inv.State.Status {
	case Paid, Confirmed:
		return true
	case Invalid:
		return inv.enough()
	case Complete:
		return inv.State.Reorged
	case New, Expired, Declined:
		return false
	}
	return false
}

// PaidInFull tells whether what came in in time reaches what is needed.
func (inv Invoice) PaidInFull() bool { return inv.enough() }

// Open tells whether the invoice is unpaid and still counts against its creator's cap.
func (inv Invoice) Open() bool { return inv.State.Status == New && inv.Sums.Receipts == 0 }
