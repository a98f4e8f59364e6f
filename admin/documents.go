package admin

import (
	"time"

	"satchel/invoice"
	"satchel/notify"
)

// Nothing is a command without arguments.
type Nothing struct{}

// Status is `satchel status`.
type Status struct {
	Network     string            `json:"network"`
	Version     string            `json:"version"`
	Ready       bool              `json:"ready"`
	Reason      string            `json:"reason,omitempty"`
	Advice      string            `json:"advice,omitempty"`
	Tip         Tip               `json:"tip"`
	Links       []Link            `json:"zmq"`
	Invoices    map[string]uint64 `json:"invoices"`
	Undelivered uint64            `json:"undelivered"`
	Oldest      *time.Time        `json:"oldestUndelivered,omitempty"`
	OldestAge   float64           `json:"oldestUndeliveredSeconds"`
	Rates       RateStatus        `json:"rates"`
	Keys        []Key             `json:"keys"`
	Scripts     uint64            `json:"watchedScripts"`
	Events      uint64            `json:"events"`
	Database    int64             `json:"databaseBytes"`
	Clock       time.Time         `json:"clock"`
	Warnings    []string          `json:"warnings"`
}

// Tip is where our chain and the node's stand.
type Tip struct {
	Height int32     `json:"height"`
	Hash   string    `json:"hash"` // "": no block was taken yet
	Node   int32     `json:"nodeHeight"`
	Lag    int32     `json:"lag"`
	Synced time.Time `json:"synced,omitzero"` // the last complete look at chain and mempool; absent: there was none yet
}

// Link is a ZMQ topic.
type Link struct {
	Topic     string     `json:"topic"`
	Address   string     `json:"address"`
	Connected bool       `json:"connected"`
	Messages  uint64     `json:"messages"`
	Gaps      uint64     `json:"gaps"`
	Last      *time.Time `json:"last,omitempty"`
}

// RateStatus is whether a price can be quoted now.
type RateStatus struct {
	Enough  bool         `json:"enough"`
	Method  string       `json:"method"`
	Last    *time.Time   `json:"last,omitempty"`
	Age     float64      `json:"ageSeconds"`
	Sources []RateSource `json:"sources"`
}

// RateSource is one source of rates.
type RateSource struct {
	Name  string     `json:"name"`
	Last  *time.Time `json:"last,omitempty"`
	Error string     `json:"error,omitempty"`
}

// Key is how far a watch key's addresses were issued.
type Key struct {
	Fingerprint string `json:"fingerprint"`
	Merchant    string `json:"merchant"`
	Next        uint32 `json:"next"`
	Gap         uint32 `json:"gap"`
	Create      string `json:"create,omitempty"` // makes a watch-only wallet in bitcoind, once
	Import      string `json:"import,omitempty"` // makes it look far enough
	Refill      string `json:"refill,omitempty"` // instead, for a wallet there that holds the private keys
}

// TokenRequest is `satchel token create`.
type TokenRequest struct {
	Of
	Facade string `json:"facade"`
	Label  string `json:"label"`
	SIN    string `json:"sin"`
	Bearer bool   `json:"bearer"`
}

// Token is a token's string, shown once.
type Token struct {
	Token  string `json:"token"`
	Facade string `json:"facade"`
	ID     string `json:"id"`
	Label  string `json:"label,omitempty"`
	SIN    string `json:"sin,omitempty"` // whose signature it needs
}

// Grant is a token without its string.
type Grant struct {
	ID      string     `json:"id"`
	Facade  string     `json:"facade"`
	State   string     `json:"state"` // active, unclaimed, expired or invalidated
	Label   string     `json:"label"`
	SIN     string     `json:"sin,omitempty"`
	Created time.Time  `json:"created"`
	Revoked *time.Time `json:"revoked,omitempty"`
}

// ByID is a command on one thing.
type ByID struct {
	Of
	ID string `json:"id"`
}

// InvoiceRequest is `satchel invoice create`.
type InvoiceRequest struct {
	Of
	Price           string `json:"price"` // "": the first payment fixes it
	Currency        string `json:"currency"`
	OrderID         string `json:"orderId"`
	NotificationURL string `json:"notificationURL"`
	Speed           string `json:"speed"`
	Extended        bool   `json:"extended"`
}

// ListRequest is `satchel invoice list`.
type ListRequest struct {
	Of
	Status string `json:"status"`
	Limit  int    `json:"limit"`
}

// Invoice is the operator's view of an invoice.
type Invoice struct {
	ID         string     `json:"id"`
	Status     string     `json:"status"`
	Exception  string     `json:"exceptionStatus,omitempty"`
	Reason     string     `json:"reason"`
	Why        string     `json:"why"`
	Lost       bool       `json:"lost,omitempty"` // made anew for a payment to the address; what was asked for is not known
	Price      string     `json:"price"`
	Currency   string     `json:"currency"`
	Due        int64      `json:"dueSats"`
	DueBTC     string     `json:"dueBTC"`
	Paid       int64      `json:"paidSats"`
	Late       int64      `json:"lateSats,omitempty"`
	Stray      int64      `json:"straySats,omitempty"`
	Rate       string     `json:"rate"`
	RateMethod string     `json:"rateMethod"`
	Address    string     `json:"address"`
	URI        string     `json:"uri,omitempty"`
	URL        string     `json:"url"`
	OrderID    string     `json:"orderId,omitempty"`
	Email      string     `json:"notificationEmail,omitempty"`
	NoMail     string     `json:"noMail,omitempty"` // why nothing is sent to that address
	Speed      string     `json:"transactionSpeed"`
	Created    time.Time  `json:"created"`
	Expires    time.Time  `json:"expires"`
	ZeroConf   []string   `json:"zeroConfReasons,omitempty"`
	Payments   []Payment  `json:"payments,omitzero"` // absent, as history and deliveries, where they were not asked for
	History    []Change   `json:"history,omitzero"`
	Deliveries []Delivery `json:"deliveries,omitzero"`
}

// Payment is one receipt.
type Payment struct {
	Outpoint      string    `json:"outpoint"`
	Sats          int64     `json:"sats"`
	Disposition   string    `json:"disposition"`
	Where         string    `json:"where"`
	Confirmations int32     `json:"confirmations"`
	FirstSeen     time.Time `json:"firstSeen"`
	Value         string    `json:"value,omitempty"`
	ReplacedBy    string    `json:"replacedBy,omitempty"`
	History       []Note    `json:"history"`
}

// Note is one change of a receipt.
type Note struct {
	At     time.Time `json:"at"`
	State  string    `json:"state"`
	Reason string    `json:"reason"`
	Why    string    `json:"why"`
}

// Change is one event of an invoice.
type Change struct {
	Seq      uint64    `json:"seq"`
	Revision uint32    `json:"revision"`
	At       time.Time `json:"at"`
	Code     int       `json:"code"`
	Name     string    `json:"name"`
	Status   string    `json:"status"`
	Reason   string    `json:"reason"`
	Detail   string    `json:"detail,omitempty"`
}

// MarkRequest is `satchel invoice mark`.
type MarkRequest struct {
	Of
	ID     string `json:"id"`
	Status string `json:"status"`
	Reason string `json:"reason"`
}

// SettleRequest is `satchel invoice accept` and `satchel invoice return`.
type SettleRequest struct {
	Of
	Outpoint string `json:"outpoint"`
	TxID     string `json:"txid"`
}

// Need is a row of `satchel attention`.
type Need struct {
	Why      string `json:"why"`
	Invoice  string `json:"invoice"`
	Status   string `json:"status"`
	OrderID  string `json:"orderId,omitempty"`
	Outpoint string `json:"outpoint,omitempty"`
	Sats     int64  `json:"sats"`
	Value    string `json:"value,omitempty"`
	Next     string `json:"next"` // what can be done
}

// DeliveryRequest is `satchel delivery list`.
type DeliveryRequest struct {
	Of
	Failed  bool   `json:"failed"`
	Invoice string `json:"invoice"`
	Limit   int    `json:"limit"`
}

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	ID       uint64     `json:"id"`
	Event    uint64     `json:"event"`
	EventID  string     `json:"eventId"`
	Name     string     `json:"name"`
	Invoice  string     `json:"invoice"`
	Channel  string     `json:"channel"` // ipn or mail
	Endpoint string     `json:"endpoint"`
	State    string     `json:"state"`
	Held     bool       `json:"held,omitempty"`
	Tries    int        `json:"tries"`
	Next     *time.Time `json:"next,omitempty"`
	Last     string     `json:"last,omitempty"`
	Attempts []Attempt  `json:"attempts"`
}

// Attempt is one try of a delivery.
type Attempt struct {
	At     time.Time `json:"at"`
	OK     bool      `json:"ok"` // it was taken
	Millis float64   `json:"ms"`
	Status int       `json:"status"`
	Error  string    `json:"error,omitempty"`
	Answer string    `json:"answer,omitempty"`
}

// TestRequest is `satchel delivery test`.
type TestRequest struct {
	Of
	URL string `json:"url"`
}

// RotateRequest is `satchel secret rotate`.
type RotateRequest struct {
	Of
	Overlap string `json:"overlap"` // a duration
}

// Secret is a callbacks' signing secret, shown once.
type Secret struct {
	Secret string    `json:"secret"`
	Until  time.Time `json:"previousUntil"`
}

// ClockRequest is `satchel clock advance`; "" only tells the time.
type ClockRequest struct {
	Advance string `json:"advance"`
}

// Clock is what time it is for the daemon.
type Clock struct {
	Now    time.Time `json:"now"`
	Offset string    `json:"offset"`
}

func timePtr(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func invoiceDoc(inv invoice.Invoice, base string) Invoice {
	d := Invoice{
		ID: string(inv.ID), Status: inv.State.Status.String(), Exception: inv.State.Exception.String(),
		Reason: string(inv.State.Reason), Why: inv.State.Reason.Explain(), Lost: inv.State.Lost, Price: inv.Quote.Price.Number(), Currency: inv.Quote.Price.Code,
		Due: int64(inv.Due()), DueBTC: inv.Due().BTC(), Paid: int64(inv.Sums.In), Late: int64(inv.Sums.Late), Stray: int64(inv.Sums.Stray),
		Rate: inv.Quote.Rate.String(), RateMethod: inv.Quote.Evidence.Method, Address: inv.Address.Text, URL: base + "/invoice?id=" + string(inv.ID),
		OrderID: inv.Order.OrderID, Speed: inv.Terms.Speed.String(), Created: inv.Created, Expires: inv.Expires, ZeroConf: inv.State.Verdict.Reasons,
	}
	if inv.Address.Text != "" {
		d.URI = "bitcoin:" + inv.Address.Text + "?amount=" + inv.Due().BTC()
	}
	return d
}

func paymentDoc(r invoice.Receipt, tip int32) Payment {
	p := Payment{
		Outpoint: r.Outpoint.String(), Sats: int64(r.Sats), Disposition: r.Disposition.String(), Where: r.Place.Where.String(),
		Confirmations: r.Confirmations(tip), FirstSeen: r.FirstSeen,
	}
	if r.Value.Code != "" {
		p.Value = r.Value.String()
	}
	if r.Place.ReplacedBy != (invoice.TxID{}) {
		p.ReplacedBy = r.Place.ReplacedBy.String()
	}
	for _, n := range r.History {
		p.History = append(p.History, Note{
			At: n.At, State: n.Disposition.String() + ", " + n.Where.String(), Reason: string(n.Reason), Why: n.Reason.Explain(),
		})
	}
	return p
}

func changeDoc(e invoice.Logged) Change {
	return Change{
		Seq: e.Seq, Revision: e.Revision, At: e.At, Code: int(e.Code), Name: e.Code.Name(), Status: e.Status.String(),
		Reason: string(e.Reason), Detail: e.Detail,
	}
}

func deliveryDoc(d notify.Delivery, attempts []notify.Attempt) Delivery {
	doc := Delivery{
		ID: d.ID, Event: d.Event, EventID: d.EventID, Name: d.Code.Name(), Invoice: string(d.Invoice),
		Channel: d.Channel.String(), Endpoint: d.Endpoint,
		State: d.State.String(), Held: d.Held, Tries: d.Progress.Attempts, Last: d.Progress.Last,
		Attempts: make([]Attempt, 0, len(attempts)),
	}
	if d.State == notify.Pending && !d.Held {
		doc.Next = timePtr(d.Progress.Next)
	}
	for _, a := range attempts {
		doc.Attempts = append(doc.Attempts, attemptDoc(a))
	}
	return doc
}

func attemptDoc(a notify.Attempt) Attempt {
	return Attempt{At: a.At, OK: a.OK(), Millis: float64(a.Took.Microseconds()) / 1000, Status: a.Status, Error: a.Error, Answer: a.Answer}
}
