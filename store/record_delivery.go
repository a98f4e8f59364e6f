package store

import (
	"time"

	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
)

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

func (r *deliveryRecord) ref() ref { return ref{no: r.No, seq: r.Seq} }

// delivery gives the delivery without its body.
func (r *deliveryRecord) delivery(id uint64, m merchant.ID) notify.Delivery {
	return notify.Delivery{
		ID: id, Event: r.Event, EventID: r.EventID, Revision: r.Revision, Code: r.Code,
		Ref: invoice.Ref{Merchant: m, Seq: r.Seq}, Invoice: r.Invoice, Creator: r.Creator,
		Outgoing: notify.Outgoing{Channel: r.Channel, Endpoint: r.Endpoint},
		Created:  r.Created.time(), State: r.State, Resend: r.Resend, Held: r.Held,
		Progress: notify.Progress{Attempts: r.Attempts, First: r.First.time(), Next: r.Next.time(), Last: r.Last},
	}
}

// take takes over what an attempt changed.
func (r *deliveryRecord) take(d *notify.Delivery) {
	r.State = d.State
	r.Attempts, r.Last = d.Progress.Attempts, d.Progress.Last
	r.First, r.Next = toInstant(d.Progress.First), toInstant(d.Progress.Next)
	r.Blocks = d.Blocks()
}

func fromAttempt(a *notify.Attempt) attemptRecord {
	return attemptRecord{
		At: toInstant(a.At), Took: a.Took, Status: a.Status, Error: a.Error, Answer: a.Answer, Redelivery: a.Redelivery,
	}
}

func (r *attemptRecord) attempt() notify.Attempt {
	return notify.Attempt{
		At: r.At.time(), Took: r.Took, Status: r.Status, Error: r.Error, Answer: r.Answer, Redelivery: r.Redelivery,
	}
}
