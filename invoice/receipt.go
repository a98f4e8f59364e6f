package invoice

import (
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"satchel/money"
)

// TxID is a transaction's id in internal byte order; String gives the usual reversed hex.
type TxID [32]byte

// String gives the usual reversed hex.
func (t TxID) String() string {
	slices.Reverse(t[:])
	return hex.EncodeToString(t[:])
}

// ParseTxID reads the usual reversed hex.
func ParseTxID(text string) (TxID, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 32 {
		return TxID{}, errors.New("a txid is 64 hex digits")
	}
	slices.Reverse(b)
	return TxID(b), nil
}

// Outpoint names the output that paid us.
type Outpoint struct {
	TxID TxID
	Vout uint32
}

// String gives "txid:vout".
func (o Outpoint) String() string {
	return o.TxID.String() + ":" + strconv.FormatUint(uint64(o.Vout), 10)
}

// ParseOutpoint reads "txid:vout".
func ParseOutpoint(text string) (Outpoint, error) {
	id, n, ok := strings.Cut(text, ":")
	vout, err := strconv.ParseUint(n, 10, 32)
	if !ok || err != nil {
		return Outpoint{}, errors.New("an outpoint is written txid:index")
	}
	txid, err := ParseTxID(id)
	return Outpoint{TxID: txid, Vout: uint32(vout)}, err
}

// Where is where a receipt's transaction is, as far as we know.
type Where uint8

// Unproved is between a block that went away and the look into the mempool that tells what became of it.
const (
	InMempool Where = iota + 1
	InBlock
	Unproved
	Gone
)

// String gives a word for people and programs.
func (w Where) String() string {
	switch w {
	case InMempool:
		return "mempool"
	case InBlock:
		return "block"
	case Unproved:
		return "unproved"
	case Gone:
		return "gone"
	}
	return "unknown"
}

// Place is where a receipt's transaction is.
type Place struct {
	Where      Where
	Block      [32]byte  // of InBlock; of Gone, the block that holds the conflict
	Height     int32     // of InBlock
	BlockTime  time.Time // of InBlock: the header's own
	ReplacedBy TxID      // of Gone, where it is known
	ConflictAt int32     // of Gone: the height of the block that holds the conflict; 0: none
}

// same tells that two places are one. Times are left out: a block has one, and reads of it may differ in their zone.
func (p Place) same(o Place) bool {
	p.BlockTime, o.BlockTime = time.Time{}, time.Time{}
	return p == o
}

// Disposition is what became of a receipt's money.
type Disposition uint8

// The dispositions of design: what counts, what is beyond, and what needs a hand.
const (
	Credited Disposition = iota + 1
	Over                 // beyond the due sum
	Late                 // after the window
	Stray                // after the end
	Accepted             // late or stray, taken by the operator or by late_accept
	Returned             // paid back
)

// String gives a word for people and programs.
func (d Disposition) String() string {
	switch d {
	case Credited:
		return "credited"
	case Over:
		return "over"
	case Late:
		return "late"
	case Stray:
		return "stray"
	case Accepted:
		return "accepted"
	case Returned:
		return "returned"
	}
	return "unknown"
}

// Receipt is one output to an invoice's script: the journal under everything. It is keyed by its outpoint and never
// removed.
type Receipt struct {
	Outpoint    Outpoint
	Ref         Ref
	No          uint32 // in the order of the invoice's receipts, from 1
	Sats        money.Sats
	Coinbase    bool
	FirstSeen   time.Time // the earliest of the node's time and ours; never raised
	SeenTip     int32     // our tip at first sight
	Place       Place
	Value       money.Fiat
	Rate        money.Rate // at first sight; the quote's where that was not known
	Disposition Disposition
	History     []Note
}

// Note is one change of a receipt, with its reason.
type Note struct {
	At          time.Time
	Disposition Disposition
	Where       Where
	Height      int32
	Reason      Reason
	Detail      string
}

// IsGone tells that the receipt's transaction was replaced, evicted or reorged away.
func (r Receipt) IsGone() bool { return r.Place.Where == Gone }

// counts tells that the receipt is part of what came in in time.
func (r Receipt) counts() bool {
	switch r.Disposition {
	case Credited, Over, Accepted:
		return !r.IsGone()
	case Late, Stray, Returned:
		return false
	}
	return false
}

// noYoungerThan gives a receipt the first sight of another where that is earlier.
func (r Receipt) noYoungerThan(old Receipt) Receipt {
	if old.FirstSeen.Before(r.FirstSeen) {
		r.FirstSeen, r.SeenTip = old.FirstSeen, min(r.SeenTip, old.SeenTip)
	}
	return r
}

// maturesAt is the height from which the receipt's confirmations count; 0: it is in no block.
func (r Receipt) maturesAt() int32 {
	if r.Place.Where != InBlock {
		return 0
	}
	if r.Coinbase {
		return r.Place.Height + CoinbaseMaturity - 1
	}
	return r.Place.Height
}

// Confirmations of the receipt's own transaction.
func (r Receipt) Confirmations(tip int32) int32 {
	if r.Place.Where != InBlock || r.Place.Height > tip {
		return 0
	}
	return tip - r.Place.Height + 1
}

// maxNotes bounds a receipt's history: a transaction that comes and goes for ever must not grow its record for ever.
const maxNotes = 64

func (r Receipt) note(at time.Time, reason Reason, detail string) Receipt {
	n := Note{At: at, Disposition: r.Disposition, Where: r.Place.Where, Height: r.Place.Height, Reason: reason, Detail: detail}
	if len(r.History) >= maxNotes { // keep how it began and how it ended
		r.History = append(slices.Clone(r.History[:maxNotes/2]), r.History[len(r.History)-maxNotes/2+1:]...)
	}
	r.History = append(slices.Clone(r.History), n)
	return r
}

// Sight is one look at an output that pays the invoice.
type Sight struct {
	Outpoint Outpoint
	Sats     money.Sats
	Coinbase bool
	Place    Place
	Seen     time.Time       // the node's mempool time or ours, whichever is earlier; for a block the time it was connected
	Hole     bool            // we were not watching while it may have been sent
	Tip      int32           // our tip
	Rate     money.Rate      // of the price's currency now; none where it is not known
	Shares   func(TxID) bool // tells whether the transaction spends an output that another one of ours spends, too; nil: no
}
