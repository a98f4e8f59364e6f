// Package notify delivers what the store queued: it posts, retries, and records every attempt. It renders nothing and
// decides nothing about invoices: a delivery's body was stored in the commit that made its event, and the same bytes go
// out on every attempt, also a day and an upgrade later.
//
// Delivery is at least once. Per invoice it is in order, until one delivery has failed three times; invoices never wait
// for each other, and no endpoint takes more than its share of the connections.
package notify

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"satchel/invoice"
	"satchel/merchant"
)

// Channel is how a delivery travels.
type Channel uint8

// IPN is BitPay's instant payment notification, a POST; Mail goes to the notification e-mail address.
const (
	IPN Channel = iota + 1
	Mail
)

// String gives a word for people and programs.
func (c Channel) String() string {
	switch c {
	case IPN:
		return "ipn"
	case Mail:
		return "mail"
	}
	return "unknown"
}

// State is where a delivery stands.
type State uint8

// Pending is queued or being retried; Parked was given up after the retry time and can be resent.
const (
	Pending State = iota + 1
	Delivered
	Parked
)

// String gives a word for people and programs.
func (s State) String() string {
	switch s {
	case Pending:
		return "pending"
	case Delivered:
		return "delivered"
	case Parked:
		return "parked"
	}
	return "unknown"
}

// OrderedTries is how often a delivery may fail before the invoice's later ones no longer wait for it.
const OrderedTries = 3

// Outgoing is what rendering an event for a channel gives.
type Outgoing struct {
	Channel  Channel
	Endpoint string // the URL, or the e-mail address
	Body     []byte // a callback's JSON, or a Letter
}

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	ID       uint64 // of the delivery; a resend is a new one
	Event    uint64 // the event's number in the log
	EventID  string // the same on every attempt and resend
	Revision uint32 // the event's number within the invoice
	Code     invoice.Code
	Ref      invoice.Ref
	Invoice  invoice.ID
	Creator  string // what made the invoice: a token's id, or a link's
	Outgoing
	Created  time.Time
	State    State
	Resend   bool // asked for by hand
	Held     bool // waits for an earlier one of the same invoice
	Gone     bool // waits, and its URL said so (410) and took nothing since
	Progress Progress
}

// Progress is what the attempts came to so far.
type Progress struct {
	Attempts int
	First    time.Time // of the first attempt
	Next     time.Time // when it is due
	Last     string    // what the last attempt came to, in a few words
}

// Blocks tells whether the invoice's later deliveries still wait for this one. A mail never holds anything back: a mail
// server that is down, or was never set up, must not keep a shop from its callbacks.
func (d Delivery) Blocks() bool {
	return d.Channel != Mail && d.State == Pending && d.Progress.Attempts < OrderedTries
}

// Troubled tells that a delivery in this state, after so many attempts, failed at least once and is not delivered.
func (s State) Troubled(attempts int) bool { return s == Parked || s == Pending && attempts > 0 }

// Stopped tells that a delivery is not sent: its URL asked to be left alone. What is sent again by hand asks it anew.
func (d Delivery) Stopped() bool { return d.Gone && !d.Resend }

// Attempt is one try.
type Attempt struct {
	At         time.Time
	Took       time.Duration
	Status     int           // HTTP status, 250 for an accepted mail; 0: there was no answer
	Error      string        // why it failed, in a few words, without secrets; empty: it did not
	Answer     string        // the beginning of the answer's body
	Redelivery bool          // asked for by hand
	RetryAfter time.Duration // what the endpoint asked for; not stored, it shows in Progress.Next
	Final      bool          // trying again is of no use; not stored, it shows in State
}

// ErrEnded is in the error of a Store that takes no more writes in this process: trying again is of no use.
var ErrEnded = errors.New("the store takes no more writes")

// Store is where deliveries wait.
type Store interface {
	// DueDeliveries lists what is due at q.Now, not held and not busy, oldest first, at most q.Room for each endpoint key
	// and q.Limit in all. It also says when the earliest one that is not due yet will be (zero: there is none).
	DueDeliveries(ctx context.Context, q Due) ([]Delivery, time.Time, error)
	// RecordAttempt stores a delivery as it is after an attempt, the attempt itself, and lets the invoice's next
	// delivery go where this one no longer blocks it. One that counts no attempt more was put off or given up, and
	// nothing was tried. A callback that is answered with 410 makes its URL gone for its merchant, one that is taken
	// (Attempt.OK) ends that. It refuses (fault.Conflict) what was read before another attempt was recorded.
	RecordAttempt(ctx context.Context, d Delivery, a Attempt) error
	// Secrets gives what signs a merchant's callbacks.
	Secrets(ctx context.Context, m merchant.ID) (merchant.Secrets, error)
}

// Due asks for deliveries.
type Due struct {
	Now   time.Time
	Limit int
	Room  func(key string) int // how many more the EndpointKey takes now; asked once per key and query
	Busy  func(id uint64) bool // under way already, before the store is read
}

// mailKey is the EndpointKey of every mail: they all go to the operator's one mail server.
const mailKey = "mail"

// EndpointKey is what deliveries share connections and limits by: scheme, host and port of a URL, or "mail" for an e-mail
// address. A default port and the case of the host make no difference.
func EndpointKey(endpoint string) string {
	if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
		scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
		switch scheme {
		case "http":
			host = strings.TrimSuffix(host, ":80")
		case "https":
			host = strings.TrimSuffix(host, ":443")
		}
		return scheme + "://" + host
	}
	return mailKey
}
