package store

import (
	"time"

	"satchel/auth"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/notify"
)

type merchantRecord struct {
	ID       merchant.ID    `json:"id"`
	Name     string         `json:"name"`
	Created  instant        `json:"created,omitempty"`
	Watch    watchRecord    `json:"watch,omitzero"`
	Settings settingsRecord `json:"settings"`
	Webhook  string         `json:"webhook,omitempty"`
	Previous []secretRecord `json:"previous,omitempty"`
}

// watchRecord is a merchant's watch key, which stands here as it was given.
type watchRecord struct {
	Key         string `json:"key,omitempty"`
	Type        string `json:"type,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
}

type secretRecord struct {
	Secret string  `json:"secret"`
	Until  instant `json:"until"`
}

type settingsRecord struct {
	Window           time.Duration     `json:"window,omitempty"`
	Speed            merchant.Speed    `json:"speed,omitempty"`
	Tolerance        money.Sats        `json:"tolerance,omitempty"`
	ToleranceRate    money.Percent     `json:"toleranceShare,omitempty"`
	InvalidAfter     time.Duration     `json:"invalidAfter,omitempty"`
	LateAccept       time.Duration     `json:"lateAccept,omitempty"`
	LateMaxMove      money.Percent     `json:"lateMaxMove,omitempty"`
	ZeroConf         merchant.ZeroConf `json:"zeroConf,omitempty"`
	ZeroConfDwell    time.Duration     `json:"zeroConfDwell,omitempty"`
	ZeroConfMax      money.Sats        `json:"zeroConfMax,omitempty"`
	ZeroConfExposure money.Sats        `json:"zeroConfExposure,omitempty"`
	MaxOpen          int               `json:"maxOpen,omitempty"`
	NotificationURL  string            `json:"notificationUrl,omitempty"`
	FullNotify       bool              `json:"fullNotifications,omitempty"`
	Currency         string            `json:"currency,omitempty"`
}

// grantRecord is a grant; its id is its key.
type grantRecord struct {
	No      uint32      `json:"merchant"`
	Facade  auth.Facade `json:"facade"`
	Label   string      `json:"label,omitempty"`
	SIN     string      `json:"sin,omitempty"`
	Created instant     `json:"created,omitempty"`
	Revoked instant     `json:"revoked,omitempty"`

	Code    string        `json:"code,omitempty"` // of the pairing that is open, and when it expires
	Expires instant       `json:"expires,omitempty"`
	Client  bool          `json:"client,omitempty"` // it waits for approval
	Asked   []askedRecord `json:"asked,omitempty"`  // the requests with a guid that led to it
}

// askedRecord is a request for a grant: who asked under which guid, and what for.
type askedRecord struct {
	Hash   hash32 `json:"hash"`
	Digest hash32 `json:"digest"`
}

// clientRecord is the record behind a SIN; the SIN's hash is its key.
type clientRecord struct {
	SIN      string  `json:"sin"`
	Label    string  `json:"label,omitempty"`
	Phone    string  `json:"phone,omitempty"`
	Created  instant `json:"created,omitempty"`
	Disabled bool    `json:"disabled,omitempty"`
	Paired   bool    `json:"paired,omitempty"` // some grant names it
}

// sessionRecord is a client's session; its id's hash is its key.
type sessionRecord struct {
	ID     string  `json:"id"`
	Next   uint64  `json:"next"`
	Used   instant `json:"used"`
	SIN    string  `json:"sin,omitempty"`
	Hash   hash32  `json:"hash,omitzero"` // of the last request, and whose it was
	By     string  `json:"by,omitempty"`
	Status int     `json:"status,omitempty"`
	Size   int     `json:"size,omitempty"` // of the answer that is kept, in bytes
	Lost   bool    `json:"lost,omitempty"`
	Sum    uint32  `json:"sum,omitempty"` // CRC32C of the answer; 0: not known
}

// keyRecord is a watch key's counter; its fingerprint is its key.
type keyRecord struct {
	Number   uint32 `json:"number"` // of the key, for the look-ahead's rows
	No       uint32 `json:"merchant"`
	Next     uint32 `json:"next"`               // the index that is issued next
	Paid     uint32 `json:"paid,omitempty"`     // one above the highest index that was ever paid
	Birthday int32  `json:"birthday,omitempty"` // height from which old receipts are looked for
}

type headerRecord struct {
	Hash hash32  `json:"hash"`
	Prev hash32  `json:"prev"`
	Time instant `json:"time,omitempty"`
	Work hash32  `json:"work"`
}

// firstRecord is the first block that was taken.
type firstRecord struct {
	Height int32        `json:"height"`
	Header headerRecord `json:"header"`
}

// deliveryRecord is a delivery; its number is its key, its body a row of its own.
type deliveryRecord struct {
	Event    uint64         `json:"event"`
	EventID  string         `json:"eventId"`
	Revision uint32         `json:"revision"`
	Code     invoice.Code   `json:"code"`
	No       uint32         `json:"merchant"`
	Seq      uint64         `json:"seq"`
	Invoice  invoice.ID     `json:"invoice"`
	Creator  string         `json:"creator,omitempty"` // the invoice's
	Channel  notify.Channel `json:"channel"`
	Endpoint string         `json:"endpoint"`
	Group    string         `json:"group"`         // the endpoint key, as it was when the delivery was queued
	Body     uint64         `json:"body"`          // the delivery under whose number the body is kept
	Sum      uint32         `json:"sum,omitempty"` // CRC32C of the body; 0: not known
	Created  instant        `json:"created"`
	State    notify.State   `json:"state"`
	Resend   bool           `json:"resend,omitempty"`
	Held     bool           `json:"held,omitempty"`
	Blocks   bool           `json:"blocks,omitempty"` // later ones of its lane wait for it
	Attempts int            `json:"attempts,omitempty"`
	First    instant        `json:"first,omitempty"`
	Next     instant        `json:"next,omitempty"`
	Last     string         `json:"last,omitempty"`
}

type attemptRecord struct {
	At         instant       `json:"at"`
	Took       time.Duration `json:"took,omitempty"`
	Status     int           `json:"status,omitempty"`
	Error      string        `json:"error,omitempty"`
	Answer     string        `json:"answer,omitempty"`
	Redelivery bool          `json:"redelivery,omitempty"`
}
