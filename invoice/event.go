package invoice

import "time"

// Code is an event's number (BitPay API, "Webhooks"); ours start at 9000.
type Code int

// The codes of BitPay, and our own.
const (
	Created             Code = 1001
	ReceivedPayment     Code = 1002
	PaidInFull          Code = 1003
	ExpiredUnpaid       Code = 1004
	ConfirmedEvent      Code = 1005
	Completed           Code = 1006
	MarkedInvalid       Code = 1008
	PaidAfterExpiration Code = 1009
	ExpiredPartial      Code = 1010
	ManuallyNotified    Code = 1012
	FailedToConfirm     Code = 1013
	LatePayment         Code = 1014
	AdjustmentComplete  Code = 1015
	PaymentReversed     Code = 9001
	StrayReceipt        Code = 9002
)

// Name gives the event's name as BitPay writes it.
func (c Code) Name() string {
	switch c {
	case Created:
		return "invoice_created"
	case ReceivedPayment:
		return "invoice_receivedPayment"
	case PaidInFull:
		return "invoice_paidInFull"
	case ExpiredUnpaid:
		return "invoice_expired"
	case ConfirmedEvent:
		return "invoice_confirmed"
	case Completed:
		return "invoice_completed"
	case MarkedInvalid:
		return "invoice_markedInvalid"
	case PaidAfterExpiration:
		return "invoice_paidAfterExpiration"
	case ExpiredPartial:
		return "invoice_expiredPartial"
	case ManuallyNotified:
		return "invoice_manuallyNotified"
	case FailedToConfirm:
		return "invoice_failedToConfirm"
	case LatePayment:
		return "invoice_latePayment"
	case AdjustmentComplete:
		return "invoice_adjustmentComplete"
	case PaymentReversed, StrayReceipt:
		return c.ownName()
	}
	return "invoice_unknown"
}

// ownName gives our own events a name in BitPay's manner.
func (c Code) ownName() string {
	if c == PaymentReversed {
		return "invoice_paymentReversed"
	}
	return "invoice_strayReceipt"
}

// Event is one change of an invoice, with the invoice as it was at that moment. The store gives it its number in the
// log, its id and the invoice's revision when it commits it.
type Event struct {
	Code     Code
	At       time.Time
	Reason   Reason
	Detail   string  // one sentence
	Invoice  Invoice // the snapshot
	Flat     bool    // goes out in the plain format
	Extended bool    // goes out where the extended format was asked for
}

// Logged is an event as the log holds it.
type Logged struct {
	Seq      uint64 // gapless over all merchants, in commit order
	ID       string // the same on every delivery
	Ref      Ref
	Invoice  ID
	Revision uint32 // contiguous within the invoice
	Code     Code
	At       time.Time
	Reason   Reason
	Detail   string
	Status   Status
	Except   Exception
	Document []byte // the invoice as a callback carries it, rendered in the commit
}
