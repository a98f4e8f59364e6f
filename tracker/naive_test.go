package tracker_test

import (
	"cmp"
	"slices"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

// naive says what an invoice must be: the table of the design as plain code, computed from the whole list of receipts
// at every look. It shares no code with package invoice but the words for states.
type naive struct {
	inv       invoice.Invoice // as it was made: terms, due sum, window, script
	status    invoice.Status
	exception invoice.Exception
	cancelled bool
	marked    bool
	reorged   bool
	short     money.Sats // accepted instead of what is due
	verdict   verdict
	since     time.Time // when it became what it is
	again     bool      // paid once more, and not for the first time: it waits from then on
	wasFull   bool      // before the look
	receipts  []*output
}

type verdict uint8

const (
	unjudged verdict = iota
	accepted
	denied
)

// output is one output to the invoice's script.
type output struct {
	at       invoice.Outpoint
	inputs   []chain.Outpoint
	sats     money.Sats
	coinbase bool
	first    time.Time
	seenTip  int32
	no       int
	kind     kind
	where    invoice.Where
	block    chain.BlockHash
	height   int32
	by       chain.TxID // who took its coins
	conflict int32      // the height of the block that holds that one
}

type kind uint8

const (
	inTime kind = iota
	late
	stray
	taken // accepted by hand or by late_accept
	returned
)

func (o *output) counts() bool {
	return o.where != invoice.Gone && (o.kind == inTime || o.kind == taken)
}

func (n *naive) due() money.Sats { return n.inv.Quote.Due }

func (n *naive) tolerance() money.Sats { return n.inv.Terms.Tolerance.Sats }

func (n *naive) need() money.Sats {
	if n.short > 0 {
		return n.short
	}
	return n.due() - n.tolerance()
}

// sum adds up the receipts that a condition holds for.
func (n *naive) sum(of func(*output) bool) (total money.Sats) {
	for _, o := range n.receipts {
		if of(o) {
			total += o.sats
		}
	}
	return total
}

func (n *naive) in() money.Sats { return n.sum((*output).counts) }

func (n *naive) late() money.Sats {
	return n.sum(func(o *output) bool { return o.kind == late && o.where != invoice.Gone })
}

func (n *naive) stray() money.Sats {
	return n.sum(func(o *output) bool { return o.kind == stray && o.where != invoice.Gone })
}

func (n *naive) buried() bool {
	return n.sum(func(o *output) bool { return o.counts() && o.where == invoice.InBlock }) >= n.need()
}

func (n *naive) full() bool { return n.in() >= n.need() }

// bySight lists what counts in the order in which it fills the due sum.
func (n *naive) bySight() []*output {
	list := slices.DeleteFunc(slices.Clone(n.receipts), func(o *output) bool { return !o.counts() })
	slices.SortFunc(list, func(a, b *output) int { return cmp.Or(a.first.Compare(b.first), cmp.Compare(a.no, b.no)) })
	return list
}

// filled is when what is needed was reached, at which height, and whether late money was needed for it.
func (n *naive) filled() (at time.Time, tip int32, withLate bool) {
	var sum money.Sats
	for _, o := range n.bySight() {
		if sum >= n.need() {
			break
		}
		sum += o.sats
		withLate = withLate || o.kind == taken && o.first.After(n.inv.Expires)
		at, tip = o.first, o.seenTip
	}
	return at, tip, withLate
}

// confirmations are the fewest among the receipts needed to reach what is due.
func (n *naive) confirmations(tip int32) int32 {
	var heights []int32
	amount := map[int32]money.Sats{}
	for _, o := range n.receipts {
		if !o.counts() || o.where != invoice.InBlock {
			continue
		}
		h := o.height
		if o.coinbase {
			h += invoice.CoinbaseMaturity - 1
		}
		heights = append(heights, h)
		amount[h] += o.sats
	}
	slices.Sort(heights)
	var sum money.Sats
	for _, h := range slices.Compact(heights) {
		if sum += amount[h]; sum >= n.need() {
			return max(tip-h+1, 0)
		}
	}
	return 0
}

func (n *naive) final() bool {
	return n.status == invoice.Complete || n.status == invoice.Invalid && n.marked
}

func (n *naive) high() bool { return n.inv.Terms.Speed == merchant.High }
func (n *naive) low() bool  { return n.inv.Terms.Speed == merchant.Low }

func (n *naive) become(s invoice.Status, now time.Time) { n.status, n.since = s, now }

// unusual is exceptionStatus where the sums decide it.
func (n *naive) unusual() invoice.Exception {
	in := n.in()
	_, _, withLate := n.filled()
	switch {
	case n.full() && withLate:
		return invoice.PaidLate
	case n.status == invoice.Expired && !n.cancelled && !n.full() && n.late() > 0 && in+n.late() >= n.need():
		return invoice.PaidLate
	case in == 0:
		return invoice.None
	case in < n.need():
		return invoice.PaidPartial
	case in > n.due()+n.tolerance():
		return invoice.PaidOver
	}
	return invoice.None
}

// settle walks the table until nothing applies.
func (n *naive) settle(now, synced time.Time, tip int32) {
	if n.marked {
		return
	}
	if n.status != invoice.Complete {
		n.exception = n.unusual()
	}
	for _, o := range n.receipts {
		if o.where == invoice.Unproved { // nobody has looked yet what became of it
			return
		}
	}
	for range 10 {
		was := n.status
		n.undo(now, tip)
		n.judgeAtOnce()
		n.forward(now, synced, tip)
		if n.status != invoice.Complete {
			n.exception = n.unusual()
		}
		if n.status == was {
			return
		}
	}
}

// undo takes the rows in which money went away or lost its block.
func (n *naive) undo(now time.Time, tip int32) {
	loose := n.confirmations(tip) == 0 && !n.buried()
	switch n.status {
	case invoice.Paid, invoice.Confirmed:
		if !n.full() {
			n.verdict = unjudged
			if now.Before(n.inv.Expires) {
				n.become(invoice.New, now)
			} else {
				n.become(invoice.Invalid, now)
			}
		} else if n.status == invoice.Confirmed && loose && (!n.high() || n.verdict != accepted) {
			n.become(invoice.Paid, now)
			n.again = true
		}
	case invoice.Complete:
		n.reorged = n.reorged || loose
		if n.reorged && n.lostForGood(tip) {
			n.reorged = false
			n.become(invoice.Invalid, now)
		}
	case invoice.New, invoice.Expired, invoice.Invalid, invoice.Declined:
	}
}

// lostForGood tells that conflicts are final and that what is left cannot come to what is missing.
func (n *naive) lostForGood(tip int32) bool {
	back, final := n.in(), false
	for _, o := range n.receipts {
		if o.where != invoice.Gone || o.kind != inTime && o.kind != taken {
			continue
		}
		if o.conflict > 0 && tip-o.conflict+1 >= invoice.FinalConfirmations {
			final = true
		} else {
			back += o.sats
		}
	}
	return final && !n.full() && back < n.need()
}

// judgeAtOnce is zero_conf without limits.
func (n *naive) judgeAtOnce() {
	if !n.high() || !n.full() || n.verdict != unjudged {
		return
	}
	switch n.inv.Terms.ZeroConf {
	case merchant.Always:
		n.verdict = accepted
	case merchant.Never:
		n.verdict = denied
	case merchant.Limited:
	}
}

// forward takes the rows in which an invoice goes on.
func (n *naive) forward(now, synced time.Time, tip int32) {
	conf := n.confirmations(tip)
	switch n.status {
	case invoice.New:
		if n.full() {
			n.again = false
			n.become(invoice.Paid, now)
		} else if !now.Before(n.inv.Expires) && !synced.Before(n.inv.Expires) {
			n.become(invoice.Expired, now)
		}
	case invoice.Expired:
		if n.full() && !n.cancelled {
			_, _, withLate := n.filled()
			n.again = withLate || n.short > 0
			n.become(invoice.Paid, now)
		}
	case invoice.Paid:
		switch {
		case conf >= invoice.FinalConfirmations && n.low():
			n.become(invoice.Complete, now)
		case conf >= 1 && !n.low(), n.high() && n.verdict == accepted:
			n.become(invoice.Confirmed, now)
		case n.overdue(now, synced, tip):
			n.become(invoice.Invalid, now)
		}
	case invoice.Confirmed:
		if conf >= invoice.FinalConfirmations {
			n.become(invoice.Complete, now)
		}
	case invoice.Complete:
		if n.full() && conf >= invoice.FinalConfirmations {
			n.reorged = false
		}
	case invoice.Invalid:
		if n.full() && conf >= invoice.FinalConfirmations {
			n.become(invoice.Complete, now)
		}
	case invoice.Declined:
	}
}

// overdue tells that a payment was in no block for an hour and three blocks.
func (n *naive) overdue(now, synced time.Time, tip int32) bool {
	at, seenTip, _ := n.filled()
	if n.again && n.since.After(at) {
		at = n.since
	}
	end := at.Add(n.inv.Terms.InvalidAfter)
	return n.confirmations(tip) == 0 && !n.buried() && !now.Before(end) && !synced.Before(end) && tip-seenTip >= invoice.InvalidBlocks
}
