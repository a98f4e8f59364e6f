package web

import (
	"strconv"
	"strings"
	"time"

	"satchel/invoice"
	"satchel/money"
)

// state is where the page stands: BitPay's status, and what a payer must know beyond it.
type state string

// The states of the page. Closing is between the end of the window and the look at the node that decides.
const (
	waiting   state = "waiting"
	partial   state = "partial"
	closing   state = "closing"
	seen      state = "seen"
	confirmed state = "confirmed"
	complete  state = "complete"
	expired   state = "expired"
	short     state = "short"
	late      state = "late"
	cancelled state = "cancelled"
	invalid   state = "invalid"
	declined  state = "declined"
)

// view is what the page shows of an invoice, and the document of /invoice/view and /invoice/stream. Amounts are BTC as
// decimal texts, or satoshis where the name says so; left and at are milliseconds, at since 1970 by the daemon's clock.
type view struct {
	ID            string `json:"id"`
	At            int64  `json:"at"`     // a page ignores a view that is older than the one it shows
	Status        string `json:"status"` // BitPay's
	Exception     any    `json:"exceptionStatus"`
	State         state  `json:"state"`
	Tone          string `json:"tone"` // "wait", "good", "warn" or "bad"
	Title         string `json:"title"`
	Note          string `json:"note"`
	Extra         string `json:"extra"`   // a remark about more money than was asked, or ""
	Payable       bool   `json:"payable"` // the address, the amount and the code may be shown
	Due           string `json:"due"`     // what is to be paid now; "" for any amount
	DueSats       int64  `json:"dueSats"`
	Paid          string `json:"paid"` // what came in in time
	URI           string `json:"uri"`  // BIP21; "" when nothing is to be paid
	QR            *code  `json:"qr,omitempty"`
	Left          int64  `json:"left"`
	Confirmations int32  `json:"confirmations"`
	Blocks        int32  `json:"blocks"`  // of the six confirmations that make a payment final, so many are there
	Step          int    `json:"step"`    // 1 seen, 2 confirmed, 3 complete; 0 none of them
	Settled       bool   `json:"settled"` // paid in full: the payer can go back to the shop
	Final         bool   `json:"final"`   // nothing more will come
	Transactions  string `json:"transactions"`
}

// follow is how long a page waits for a late payment or confirmation before it calls the end the end.
const follow = time.Hour

// look makes the view of an invoice at a time, in a language.
func look(p invoice.Public, l *language, now time.Time) view {
	inv := p.Invoice
	v := view{
		ID: string(inv.ID), At: now.UnixMilli(), Status: inv.State.Status.String(), Exception: false,
		State: stateOf(inv, now), Paid: inv.Sums.In.Number(), Left: max(inv.Expires.Sub(now).Milliseconds(), 0),
		Confirmations: inv.Confirmations(p.Tip), Final: isFinal(inv, now), Transactions: transactions(p, l),
	}
	if e := inv.State.Exception; e != invoice.None {
		v.Exception = e.String()
	}
	if v.State == waiting || v.State == partial {
		v.Payable = inv.Address.Text != ""
	}
	if v.Payable {
		due := toSend(inv)
		v.DueSats = int64(due)
		v.URI = paymentURI(request{Address: inv.Address.Text, Due: due, Label: p.Merchant, Message: inv.Order.ItemDesc})
		if due > 0 {
			v.Due = due.Number()
		}
	}
	v.Tone, v.Step = bearing(v.State)
	v.Settled = v.Step > 0
	v.Blocks = min(v.Confirmations, invoice.FinalConfirmations)
	v.Title, v.Note, v.Extra = words(p, v, l)
	return v
}

// same tells that a payer would see no difference; the time that is left runs by itself.
func (v view) same(o view) bool {
	v.At, v.Left, v.QR = o.At, o.Left, o.QR
	return v == o
}

func stateOf(inv invoice.Invoice, now time.Time) state {
	switch inv.State.Status {
	case invoice.New:
		switch {
		case !now.Before(inv.Expires):
			return closing
		case inv.Sums.In > 0:
			return partial
		}
		return waiting
	case invoice.Paid:
		return seen
	case invoice.Confirmed:
		return confirmed
	case invoice.Complete:
		return complete
	case invoice.Expired:
		return endOf(inv)
	case invoice.Invalid:
		return invalid
	case invoice.Declined:
		return declined
	}
	return invalid
}

// endOf tells how an expired invoice ended.
func endOf(inv invoice.Invoice) state {
	switch {
	case inv.State.Exception == invoice.PaidLate || inv.Sums.Late > 0:
		return late
	case inv.State.Cancelled:
		return cancelled
	case inv.Sums.In > 0:
		return short
	}
	return expired
}

func isFinal(inv invoice.Invoice, now time.Time) bool {
	switch inv.State.Status {
	case invoice.New, invoice.Paid, invoice.Confirmed:
		return false
	case invoice.Complete:
		return !inv.State.Reorged
	case invoice.Declined:
		return true
	case invoice.Expired, invoice.Invalid:
		return inv.State.Marked || !now.Before(inv.State.Since.Add(follow))
	}
	return true
}

// bearing gives the tone of a state, and how many of the three steps are done.
func bearing(s state) (tone string, step int) {
	switch s {
	case waiting:
		return "wait", 0
	case partial, closing, expired, cancelled:
		return "warn", 0
	case seen:
		return "good", 1
	case confirmed:
		return "good", 2
	case complete:
		return "good", 3
	case short, late, invalid, declined:
		return "bad", 0
	}
	return "bad", 0
}

// toSend is what the next payment should carry. The network refuses less than the dust limit, so a smaller rest is asked
// for as that much; 0 where the payer chooses.
func toSend(inv invoice.Invoice) money.Sats {
	if inv.Due() == 0 {
		return 0
	}
	return max(inv.Unpaid(), invoice.DustLimit)
}

// maxShown bounds the list of transactions; somebody may have sent thousands.
const maxShown = 8

// transactions lists what came in, one a line.
func transactions(p invoice.Public, l *language) string {
	var b strings.Builder
	for i, r := range p.Receipts {
		if i == maxShown {
			b.WriteString(l.say("receipt.more", "n", strconv.Itoa(len(p.Receipts)-i)))
			break
		}
		id := r.Outpoint.TxID.String()
		b.WriteString(l.say("receipt", "amount", r.Sats.Number(), "id", id[:8]+"…"+id[len(id)-8:], "where", whereabouts(r, p.Tip, l)) + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func whereabouts(r invoice.Receipt, tip int32, l *language) string {
	switch r.Place.Where {
	case invoice.InBlock:
		return l.say("receipt.block", "n", strconv.Itoa(int(r.Confirmations(tip))))
	case invoice.InMempool, invoice.Unproved:
	case invoice.Gone:
		return l.say("receipt.gone")
	}
	return l.say("receipt.mempool")
}
