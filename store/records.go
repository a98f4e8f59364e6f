package store

import (
	"encoding/hex"
	"fmt"
	"time"

	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

// hash32 is 32 bytes that read as hex in a record.
type hash32 [32]byte

// IsZero tells that there is none.
func (h hash32) IsZero() bool { return h == hash32{} }

// MarshalText writes hex.
func (h hash32) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads hex.
func (h *hash32) UnmarshalText(b []byte) error {
	if len(b) != 2*len(h) {
		return fmt.Errorf("%d hex digits for 32 bytes", len(b))
	}
	_, err := hex.Decode(h[:], b)
	return err
}

// invoiceRecord is an invoice without receipts and events. Its place is its key.
type invoiceRecord struct {
	ID      invoice.ID    `json:"id"`
	Created instant       `json:"created"`
	Expires instant       `json:"expires"`
	Order   orderRecord   `json:"order"`
	Terms   termsRecord   `json:"terms"`
	Quote   quoteRecord   `json:"quote"`
	Address addressRecord `json:"address,omitzero"`
	State   stateRecord   `json:"state"`
	Sums    sumsRecord    `json:"sums,omitzero"`
	Marks   marksRecord   `json:"marks,omitzero"`
	Draft   draftRecord   `json:"draft,omitzero"`
}

// marksRecord is what the domain said of an invoice when it was written, and what indexes and counts were made from. It
// is kept, so that the index rows of a record can be named also by a version whose domain would say something else.
type marksRecord struct {
	Open      bool       `json:"open,omitempty"`      // counts against its creator's cap
	Following bool       `json:"following,omitempty"` // a new block may change it
	Exposed   money.Sats `json:"exposed,omitempty"`   // accepted without a block, and in none yet
	Need      need       `json:"need,omitempty"`      // what an operator must decide
}

// draftRecord is the payment of a test network's invoice that was made ready.
type draftRecord struct {
	Wallet string `json:"wallet,omitempty"`
	TxID   hash32 `json:"txid"`
	Raw    []byte `json:"raw"`
}

// IsZero tells that there is none.
func (d draftRecord) IsZero() bool { return d.Wallet == "" && d.TxID.IsZero() && len(d.Raw) == 0 }

type orderRecord struct {
	GUID              string       `json:"guid,omitempty"`
	OrderID           string       `json:"orderId,omitempty"`
	ItemDesc          string       `json:"itemDesc,omitempty"`
	ItemCode          string       `json:"itemCode,omitempty"`
	PosData           string       `json:"posData,omitempty"`
	NotificationURL   string       `json:"notificationUrl,omitempty"`
	NotificationEmail string       `json:"notificationEmail,omitempty"`
	RedirectURL       string       `json:"redirectUrl,omitempty"`
	CloseURL          string       `json:"closeUrl,omitempty"`
	AutoRedirect      bool         `json:"autoRedirect,omitempty"`
	Physical          bool         `json:"physical,omitempty"`
	Buyer             buyerRecord  `json:"buyer,omitzero"`
	PayProRequired    bool         `json:"payProRequired,omitempty"`
	BitPayIDRequired  bool         `json:"bitpayIdRequired,omitempty"`
	ForcedWallet      string       `json:"forcedWallet,omitempty"`
	ForcedCurrency    string       `json:"forcedCurrency,omitempty"`
	Items             []itemRecord `json:"items,omitempty"`
	Creator           string       `json:"creator,omitempty"`
	Origin            string       `json:"origin,omitempty"`
}

type itemRecord struct {
	Minor       int64  `json:"amount"`
	Code        string `json:"currency"`
	Description string `json:"description,omitempty"`
	Fee         bool   `json:"fee,omitempty"`
}

type buyerRecord struct {
	Name        string `json:"name,omitempty"`
	Email       string `json:"email,omitempty"`
	Phone       string `json:"phone,omitempty"`
	Address1    string `json:"address1,omitempty"`
	Address2    string `json:"address2,omitempty"`
	City        string `json:"city,omitempty"`
	State       string `json:"state,omitempty"`
	Zip         string `json:"zip,omitempty"`
	Country     string `json:"country,omitempty"`
	Notify      bool   `json:"notify,omitempty"`
	Provided    string `json:"provided,omitempty"`
	SMS         string `json:"sms,omitempty"`
	SMSVerified bool   `json:"smsVerified,omitempty"`
}

type termsRecord struct {
	Speed         merchant.Speed    `json:"speed,omitempty"`
	Tolerance     money.Sats        `json:"tolerance,omitempty"`
	ToleranceRate money.Percent     `json:"toleranceShare,omitempty"`
	InvalidAfter  time.Duration     `json:"invalidAfter,omitempty"`
	LateAccept    time.Duration     `json:"lateAccept,omitempty"`
	LateMaxMove   money.Percent     `json:"lateMaxMove,omitempty"`
	ZeroConf      merchant.ZeroConf `json:"zeroConf,omitempty"`
	ZeroConfDwell time.Duration     `json:"zeroConfDwell,omitempty"`
	ZeroConfMax   money.Sats        `json:"zeroConfMax,omitempty"`
	FullNotify    bool              `json:"fullNotifications,omitempty"`
	Extended      bool              `json:"extended,omitempty"`
	OpenPrice     bool              `json:"openPrice,omitempty"`
}

// fiatRecord is an amount in minor units.
type fiatRecord struct {
	Minor int64  `json:"minor,omitempty"`
	Code  string `json:"code,omitempty"`
}

type quoteRecord struct {
	Price    fiatRecord     `json:"price,omitzero"`
	Rate     money.Rate     `json:"rate,omitzero"`
	Due      money.Sats     `json:"due,omitempty"`
	Evidence evidenceRecord `json:"evidence,omitzero"`
}

type evidenceRecord struct {
	At       instant             `json:"at,omitempty"`
	Method   string              `json:"method,omitempty"`
	Spread   money.Percent       `json:"spread,omitempty"`
	Observed []observationRecord `json:"observed,omitempty"`
}

// IsZero tells that there is none.
func (e evidenceRecord) IsZero() bool {
	return e.At == 0 && e.Method == "" && e.Spread == 0 && len(e.Observed) == 0
}

type observationRecord struct {
	Source string     `json:"source"`
	Rate   money.Rate `json:"rate,omitzero"`
	At     instant    `json:"at,omitempty"`
	Used   bool       `json:"used,omitempty"`
	Note   string     `json:"note,omitempty"`
}

type addressRecord struct {
	Text   string `json:"text,omitempty"`
	Script []byte `json:"script,omitempty"`
	Key    string `json:"key,omitempty"`
	Index  uint32 `json:"index,omitempty"`
}

// IsZero tells that there is none.
func (a addressRecord) IsZero() bool {
	return a.Text == "" && len(a.Script) == 0 && a.Key == "" && a.Index == 0
}

type stateRecord struct {
	Status    invoice.Status    `json:"status"`
	Exception invoice.Exception `json:"exception,omitempty"`
	Since     instant           `json:"since,omitempty"`
	Reason    invoice.Reason    `json:"reason,omitempty"`
	Cancelled bool              `json:"cancelled,omitempty"`
	Marked    bool              `json:"marked,omitempty"`
	Reorged   bool              `json:"reorged,omitempty"`
	Reversed  bool              `json:"reversed,omitempty"`
	Lost      bool              `json:"lost,omitempty"`
	Short     money.Sats        `json:"short,omitempty"`
	Kept      money.Sats        `json:"kept,omitempty"`
	Verdict   verdictRecord     `json:"verdict,omitzero"`
	Tick      instant           `json:"tick,omitempty"`
	Said      saidRecord        `json:"said,omitzero"`
	Revision  uint32            `json:"revision,omitempty"`
}

type verdictRecord struct {
	Yes     bool     `json:"yes,omitempty"`
	Final   bool     `json:"final,omitempty"`
	At      instant  `json:"at,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
}

// IsZero tells that there is none.
func (v verdictRecord) IsZero() bool { return !v.Yes && !v.Final && v.At == 0 && len(v.Reasons) == 0 }

type saidRecord struct {
	Confirmed bool           `json:"confirmed,omitempty"`
	PaidLate  bool           `json:"paidLate,omitempty"`
	Flat      invoice.Status `json:"flat,omitempty"`
}

type sumsRecord struct {
	In         money.Sats `json:"in,omitempty"`
	Late       money.Sats `json:"late,omitempty"`
	Stray      money.Sats `json:"stray,omitempty"`
	Receipts   uint32     `json:"receipts,omitempty"`
	Gone       uint32     `json:"gone,omitempty"`
	Unproved   uint32     `json:"unproved,omitempty"`
	InBlocks   money.Sats `json:"inBlocks,omitempty"`
	CoveredAt  int32      `json:"coveredAt,omitempty"`
	FullAt     instant    `json:"fullAt,omitempty"`
	FullTip    int32      `json:"fullTip,omitempty"`
	ConflictAt int32      `json:"conflictAt,omitempty"`
}

// receiptRecord is a receipt without its place and first sight, which are its key.
type receiptRecord struct {
	Sats        money.Sats          `json:"sats"`
	Coinbase    bool                `json:"coinbase,omitempty"`
	No          uint32              `json:"no"`
	SeenTip     int32               `json:"seenTip,omitempty"`
	Where       invoice.Where       `json:"where"`
	Block       hash32              `json:"block,omitzero"`
	Height      int32               `json:"height,omitempty"`
	BlockTime   instant             `json:"blockTime,omitempty"`
	ReplacedBy  hash32              `json:"replacedBy,omitzero"`
	ConflictAt  int32               `json:"conflictAt,omitempty"`
	Value       fiatRecord          `json:"value,omitzero"`
	Rate        money.Rate          `json:"rate,omitzero"`
	Disposition invoice.Disposition `json:"disposition"`
	History     []noteRecord        `json:"history,omitempty"`
}

type noteRecord struct {
	At          instant             `json:"at"`
	Disposition invoice.Disposition `json:"disposition,omitempty"`
	Where       invoice.Where       `json:"where,omitempty"`
	Height      int32               `json:"height,omitempty"`
	Reason      invoice.Reason      `json:"reason,omitempty"`
	Detail      string              `json:"detail,omitempty"`
}

// eventRecord is an event of the log; its document follows the JSON as it was rendered.
type eventRecord struct {
	ID       string            `json:"id"`
	No       uint32            `json:"merchant"`
	Seq      uint64            `json:"seq"`
	Invoice  invoice.ID        `json:"invoice"`
	Revision uint32            `json:"revision"`
	Code     invoice.Code      `json:"code"`
	At       instant           `json:"at"`
	Reason   invoice.Reason    `json:"reason,omitempty"`
	Detail   string            `json:"detail,omitempty"`
	Status   invoice.Status    `json:"status,omitempty"`
	Except   invoice.Exception `json:"exception,omitempty"`
	Sum      uint32            `json:"sum,omitempty"` // CRC32C of the document; 0: not known
}
