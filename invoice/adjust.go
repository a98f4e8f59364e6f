package invoice

import (
	"time"

	"satchel/fault"
	"satchel/money"
)

// Adjustment is what a merchant decides about a wrong amount (BitPay API, "Adjustments"). AcceptLate is ours.
type Adjustment uint8

// What can be accepted: what is beyond the due sum, less than the due sum, and what came after the window or the end.
const (
	AcceptOverpayment Adjustment = iota + 1
	AcceptUnderpayment
	AcceptLate
)

// String gives the word of the wire.
func (a Adjustment) String() string {
	switch a {
	case AcceptOverpayment:
		return "acceptOverpayment"
	case AcceptUnderpayment:
		return "acceptUnderpayment"
	case AcceptLate:
		return "acceptLate"
	}
	return "unknown"
}

// ParseAdjustment reads the word of the wire.
func ParseAdjustment(text string) (Adjustment, bool) {
	for _, a := range []Adjustment{AcceptOverpayment, AcceptUnderpayment, AcceptLate} {
		if a.String() == text {
			return a, true
		}
	}
	return 0, false
}

// Adjust accepts all receipts of a kind at once and announces it with one event. Where there is nothing to accept, or
// the invoice's state does not allow it, the error is fault.Conflict and nothing changes.
func (b *Book) Adjust(a Adjustment, now time.Time) error {
	switch a {
	case AcceptOverpayment:
		return b.keepSurplus(now)
	case AcceptUnderpayment:
		return b.takeLess(now)
	case AcceptLate:
		return b.takeLate(now)
	}
	return fault.Field("type", "must be acceptOverpayment, acceptUnderpayment or acceptLate")
}

// keepSurplus keeps what came in beyond the due sum, whether as receipts of its own or as a part of one.
func (b *Book) keepSurplus(now time.Time) error {
	surplus := b.inv.Surplus()
	if surplus <= b.inv.State.Kept {
		return fault.New(fault.Conflict, "nothing was overpaid that is not accepted already")
	}
	over, err := b.having(Over)
	if err != nil {
		return err
	}
	kept := surplus - b.inv.State.Kept
	b.inv.State.Kept = surplus
	b.acceptAll(over, now)
	b.adjusted(AcceptOverpayment, kept, now)
	return nil
}

// takeLess lets a partial payment stand for the whole, once the time to pay the rest is over.
func (b *Book) takeLess(now time.Time) error {
	inv := b.inv
	switch {
	case inv.State.Status == New && inv.Sums.In > 0:
		return fault.New(fault.Conflict, "the invoice is open: the rest may still be paid")
	case inv.final() || inv.State.Status != Expired && inv.State.Status != Invalid,
		!inv.priced() || inv.Sums.In == 0 || inv.enough():
		return fault.New(fault.Conflict, "nothing was underpaid")
	}
	partial, err := b.having(Credited)
	if err != nil {
		return err
	}
	b.acceptAll(partial, now)
	b.inv.State.Cancelled = false
	b.inv.State.Short = b.inv.Sums.In
	b.stale = true // less is needed now, also where no receipt changed
	b.adjusted(AcceptUnderpayment, b.inv.Sums.In, now)
	return nil
}

// takeLate credits what came after the window or after the end. What is still too little then stays underpaid: to take
// less than was asked is another decision.
func (b *Book) takeLate(now time.Time) error {
	late, err := b.having(Late, Stray)
	if err != nil {
		return err
	}
	if len(late) == 0 {
		return fault.New(fault.Conflict, "no late payment waits for a decision")
	}
	sum := b.acceptAll(late, now)
	b.inv.State.Cancelled = false
	b.adjusted(AcceptLate, sum, now)
	return nil
}

// having lists the receipts of some dispositions whose money is there.
func (b *Book) having(kinds ...Disposition) (list []Receipt, err error) {
	for _, r := range b.all() {
		for _, k := range kinds {
			if r.Disposition == k && !r.IsGone() {
				list = append(list, r)
			}
		}
	}
	return list, b.err
}

func (b *Book) acceptAll(list []Receipt, now time.Time) (sum money.Sats) {
	for _, r := range list {
		b.redispose(r, Accepted, Note{At: now, Reason: ByMerchant})
		sum += r.Sats
	}
	return sum
}

func (b *Book) adjusted(a Adjustment, sum money.Sats, now time.Time) {
	b.say(AdjustmentComplete, ByMerchant, a.String()+": "+sum.BTC()+" BTC", now)
}

// Surplus is what came in beyond the due sum, in satoshis, where it is more than the tolerance; 0 otherwise.
func (inv Invoice) Surplus() money.Sats {
	due := inv.ceiling()
	over := inv.Sums.In - due
	if !inv.priced() || over <= inv.Terms.Tolerance.For(due) {
		return 0
	}
	return over
}

// Contact is what a payer is reached by, as an update of the invoice tells it.
type Contact struct {
	Email    string // "": not told
	SMS      string // a phone number; "": not told
	Verified bool   // the merchant vouches for the number
}

// Provide records how the payer is reached. It changes no state and has no event.
func (b *Book) Provide(c Contact) {
	buyer := &b.inv.Order.Buyer
	if c.Email != "" {
		buyer.Email, buyer.Provided = c.Email, c.Email
	}
	if c.SMS != "" {
		buyer.SMS, buyer.SMSVerified = c.SMS, c.Verified
	}
}

// Notice is the event of a notification that the merchant asked for by hand, with the invoice as it is now; false where
// repeating the last callback is all there is to do. repeated tells that there was one. An invoice in the extended
// format always has the event, since it says what it is.
func (inv Invoice) Notice(repeated bool, now time.Time) (Event, bool) {
	return Event{
		Code: ManuallyNotified, At: now, Reason: ByMerchant, Detail: "asked for by hand", Invoice: inv,
		Flat: !repeated, Extended: true,
	}, !repeated || inv.Terms.Extended
}
