package store

import (
	"bytes"
	"strconv"

	"satchel/invoice"
	"satchel/money"
	"satchel/notify"
)

// row is an index row.
type row struct {
	in      bucket
	key     []byte
	payload []byte
}

// facts are what follows from one record: its index rows, and its part of the counts. They follow from the record and
// its key alone.
type facts struct {
	rows   []row
	counts []count
}

// count is a part of a total.
type count struct {
	name string
	n    int64
}

func (f *facts) row(in bucket, key []byte, payload ...byte) {
	f.rows = append(f.rows, row{in: in, key: key, payload: payload})
}

func (f *facts) count(name string, n int64) { f.counts = append(f.counts, count{name, n}) }

// Names of the counts. A creator's, a status's and a merchant's are followed by which one.
const (
	countOpen       = "open/"
	countStatus     = "status/"
	countScripts    = "scripts"
	countExposed    = "exposed"
	countDeliveries = "deliveries/"
	countWaiting    = "waiting"
	countOffered    = "offered/"
	countUnpaired   = "unpaired"
	countSessions   = "sessions"
	countAnswers    = "answers"
	countOperators  = "operators"
	countSeats      = "seats"
	countLinks      = "links"
	countRows       = "rows/"
)

func openCount(creator string) string { return countOpen + string(keyHash(nil, creator)) }

func statusCount(s invoice.Status) string { return countStatus + strconv.Itoa(int(s)) }

func offeredCount(no uint32) string { return countOffered + strconv.FormatUint(uint64(no), 10) }

func deliveryCount(s notify.State) string { return countDeliveries + strconv.Itoa(int(s)) }

// need is what an operator must decide about a receipt or an invoice.
type need uint8

// The numbers are kept in the file.
const (
	needLate     need = 1
	needOver     need = 2
	needStray    need = 3
	needPartial  need = 4
	needReversed need = 5
)

// String gives the word of invoice.Need.
func (n need) String() string {
	switch n {
	case needLate:
		return "late"
	case needOver:
		return "over"
	case needStray:
		return "stray"
	case needPartial:
		return "partial"
	case needReversed:
		return "reversed"
	}
	return "unknown"
}

// marksOf asks the domain what the indexes must know.
func marksOf(inv *invoice.Invoice) marksRecord {
	m := marksRecord{Open: inv.Open(), Following: inv.Following(), Exposed: exposed(inv)}
	switch {
	case inv.State.Status == invoice.Expired && inv.Sums.In > 0 && !inv.PaidInFull():
		m.Need = needPartial
	case inv.State.Status == invoice.Invalid && inv.State.Reversed && !inv.State.Marked,
		inv.State.Status == invoice.Complete && inv.State.Reorged:
		m.Need = needReversed
	}
	return m
}

// exposed is what is at risk on an invoice that was confirmed without a block.
func exposed(inv *invoice.Invoice) money.Sats {
	if inv.State.Status != invoice.Confirmed || inv.Sums.InBlocks >= inv.Needed() {
		return 0
	}
	return max(inv.Sums.In-inv.Sums.InBlocks, 0)
}

// facts of an invoice.
func (r *invoiceRecord) facts(at ref) facts {
	var f facts
	f.row(bIDs, []byte(r.ID), at.key()...)
	if len(r.Address.Script) > 0 {
		f.row(bScripts, r.Address.Script, at.key()...)
		f.count(countScripts, 1)
	}
	tail := key64(key64(nil, uint64(r.Created)^1<<63), at.seq) //nolint:gosec // as keyTime
	no := key32(nil, at.no)
	f.row(bCreated, bytes.Join([][]byte{no, tail}, nil))
	f.row(bByStatus, bytes.Join([][]byte{no, {byte(r.State.Status)}, tail}, nil))
	if r.Order.OrderID != "" {
		f.row(bByOrder, bytes.Join([][]byte{no, keyHash(nil, r.Order.OrderID), tail}, nil))
	}
	if r.Order.ItemCode != "" {
		f.row(bByItem, bytes.Join([][]byte{no, keyHash(nil, r.Order.ItemCode), tail}, nil))
	}
	if r.State.Tick != 0 {
		f.row(bTicks, at.append(keyTime(nil, r.State.Tick.time())))
	}
	f.count(statusCount(r.State.Status), 1)
	if r.Marks.Open && r.Order.Creator != "" {
		f.count(openCount(r.Order.Creator), 1)
	}
	if r.Marks.Open && r.Order.Origin != "" {
		f.count(openCount(r.Order.Origin), 1)
	}
	if r.Marks.Following {
		f.row(bFollowing, at.key())
	}
	if r.Marks.Exposed != 0 {
		f.count(countExposed, int64(r.Marks.Exposed))
	}
	if r.Marks.Need != 0 {
		f.row(bAttention, append(at.key(), byte(r.Marks.Need)))
	}
	return f
}

// facts of a receipt.
func (r *receiptRecord) facts(at receiptAt) facts {
	var f facts
	out := keyOutpoint(nil, at.outpoint)
	f.row(bOutpoints, out, keyTime(at.ref.key(), at.seen.time())...)
	switch r.Where {
	case invoice.InBlock:
		f.row(bInBlock, append(bytes.Clone(r.Block[:]), out...))
	case invoice.InMempool, invoice.Unproved:
		f.row(bPending, out)
	case invoice.Gone:
		if r.Block != (hash32{}) { // of what took its place
			f.row(bInBlock, append(bytes.Clone(r.Block[:]), out...))
		}
		return f // nothing to decide: there is no money
	}
	if n := r.need(); n != 0 {
		f.row(bAttention, append(append(at.ref.key(), byte(n)), out...))
	}
	return f
}

func (r *receiptRecord) need() need {
	switch r.Disposition {
	case invoice.Late:
		return needLate
	case invoice.Over:
		return needOver
	case invoice.Stray:
		return needStray
	case invoice.Credited, invoice.Accepted, invoice.Returned:
		return 0
	}
	return 0
}

// facts of an event.
func (e *eventRecord) facts(seq uint64) facts {
	var f facts
	f.row(bEventsOf, key32(ref{e.No, e.Seq}.key(), e.Revision), key64(nil, seq)...)
	f.row(bEventsBy, key64(key32(nil, e.No), seq))
	return f
}

// facts of a delivery.
func (r *deliveryRecord) facts(id uint64) facts {
	var f facts
	number := key64(nil, id)
	f.row(bDeliveriesOf, append(r.ref().key(), number...))
	f.row(bDeliveriesBy, append(key32(nil, r.No), number...))
	f.count(deliveryCount(r.State), 1)
	if r.State == notify.Pending {
		f.row(bUndelivered, number)
		if !r.Held {
			f.row(bDue, append(keyTime(keyHash(nil, r.Group), r.Next.time()), number...), []byte(r.Group)...)
		}
	}
	if r.State.Troubled(r.Attempts) {
		f.row(bTroubled, append(key32(nil, r.No), number...))
	}
	if r.Blocks {
		f.row(bLanes, append(r.lane(), number...))
	}
	return f
}

// lane is what deliveries keep their order in: an invoice's, on one channel.
func (r *deliveryRecord) lane() []byte { return append(r.ref().key(), byte(r.Channel)) }

// facts of a grant.
func (r *grantRecord) facts(id []byte) facts {
	var f facts
	if r.No != 0 {
		f.row(bGrantsOf, append(key32(nil, r.No), id...))
	}
	if r.SIN != "" {
		f.row(bGrantsOfSIN, append(keyHash(nil, r.SIN), id...))
	}
	for _, a := range r.Asked {
		f.row(bAsked, append(bytes.Clone(a.Hash[:]), a.Digest[:]...), id...)
	}
	if r.Code == "" {
		return f
	}
	f.row(bCodes, keyHash(nil, r.Code), id...)
	f.row(bPairings, append(keyTime(nil, r.Expires.time()), id...))
	if r.Client {
		f.count(countWaiting, 1)
	} else {
		f.count(offeredCount(r.No), 1)
	}
	return f
}

// facts of a client.
func (r *clientRecord) facts(key []byte) facts {
	var f facts
	if !r.Paired {
		f.row(bUnpaired, append(keyTime(nil, r.Created.time()), key...))
		f.count(countUnpaired, 1)
	}
	return f
}

// facts of a session.
func (r *sessionRecord) facts(key []byte) facts {
	var f facts
	f.row(bIdle, append(keyTime(nil, r.Used.time()), key...))
	f.count(countSessions, 1)
	if r.Size > 0 {
		f.count(countAnswers, int64(r.Size))
	}
	return f
}
