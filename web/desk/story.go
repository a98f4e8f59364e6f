package desk

import (
	"context"
	"net/url"
	"time"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
	"satchel/web/text"
)

// storyStore is where one invoice's story comes from.
type storyStore interface {
	Invoice(ctx context.Context, m merchant.ID, id invoice.ID) (invoice.Invoice, error)
	Receipts(ctx context.Context, m merchant.ID, id invoice.ID, limit int) ([]invoice.Receipt, error)
	EventsOf(ctx context.Context, m merchant.ID, id invoice.ID) ([]invoice.Logged, error)
	DeliveriesOf(ctx context.Context, m merchant.ID, id invoice.ID) ([]notify.Delivery, error)
	LastAttempts(ctx context.Context, m merchant.ID, deliveries []uint64, each int) (map[uint64][]notify.Attempt, error)
}

// Bounds of a story: somebody may have sent ten thousand payments.
const (
	shownReceipts   = 100
	shownEvents     = 200
	shownDeliveries = 50
	shownAttempts   = 20
	maxBody         = 16 << 10 // bytes of a callback's body
	maxAnswer       = 2 << 10  // characters of an answer
	maxText         = 500      // characters of a shop's word
)

// storyPage is one invoice with all that happened to it.
type storyPage struct {
	line
	Why, Reason string
	Link        string // the checkout page: where a payer goes
	Address     string
	Unpaid      string // BTC; "": nothing is missing
	Late, Stray string // BTC; "": none
	Rate        string
	Evidence    evidence
	Expires     time.Time
	Speed       string
	Note        map[string]string
	Facts       []fact
	ZeroConf    []string
	Payments    []payment
	MorePaid    bool
	Events      []event
	Deliveries  []delivery
	Act         acts
}

// fact is something that the shop said.
type fact struct{ Name, Text string }

// acts are what an owner can do with the invoice now.
type acts struct {
	Cancel, Notify    bool
	Invalid, Complete bool
	Adjust            []choice
}

// payment is a receipt.
type payment struct {
	Outpoint, TxID string
	Sats, Value    string
	Disposition    string
	Where          string
	FirstSeen      time.Time
	ReplacedBy     string
	History        []note
	Accept, Return bool
}

// note is one change of a receipt, with its reason.
type note struct {
	At               time.Time
	State, Why, Code string
}

// event is a line of the log.
type event struct {
	Seq          uint64
	At           time.Time
	Name         string
	Invoice      string
	Status       string
	Exception    string
	Detail       string
	Reason, Code string
}

// payment leads to an invoice from the address under which BitPay's dashboard has it: its plug-ins write that address into
// the notes of an order.
func (v *visit) payment() error {
	id := invoice.ID(v.req.PathValue("id"))
	for _, m := range v.shops {
		_, err := v.d.cfg.Store.Invoice(v.ctx(), m.ID, id)
		switch {
		case err == nil:
			v.shop = m
			return v.to(v.root() + "/invoices/" + url.PathEscape(string(id)))
		case !fault.Is(err, fault.NotFound):
			return err
		}
	}
	return errNowhere
}

func (v *visit) invoice() error {
	id := invoice.ID(v.req.PathValue("id"))
	store, m := v.d.cfg.Store, v.shop.ID
	inv, err := store.Invoice(v.ctx(), m, id)
	if err != nil {
		return err
	}
	p := v.story(inv)
	receipts, err := store.Receipts(v.ctx(), m, id, shownReceipts+1)
	if err != nil {
		return err
	}
	if p.MorePaid = len(receipts) > shownReceipts; p.MorePaid {
		receipts = receipts[:shownReceipts]
	}
	tip := v.d.cfg.Tip()
	for _, r := range receipts {
		p.Payments = append(p.Payments, paymentOf(inv, r, tip))
	}
	events, err := store.EventsOf(v.ctx(), m, id)
	if err != nil {
		return err
	}
	for _, e := range events[max(len(events)-shownEvents, 0):] {
		p.Events = append(p.Events, eventOf(e))
	}
	deliveries, err := store.DeliveriesOf(v.ctx(), m, id)
	if err != nil {
		return err
	}
	p.Act.Notify = len(deliveries) > 0
	p.Deliveries, err = v.withAttempts(deliveries[max(len(deliveries)-shownDeliveries, 0):], shownAttempts)
	if err != nil {
		return err
	}
	return v.page("invoice", p)
}

// story tells what an invoice itself says.
func (v *visit) story(inv invoice.Invoice) storyPage {
	p := storyPage{
		line: lineOf(inv), Why: inv.State.Reason.Explain(), Reason: string(inv.State.Reason), Link: v.d.cfg.Base + "/invoice?id=" + string(inv.ID),
		Address: inv.Address.Text, Expires: inv.Expires, Speed: inv.Terms.Speed.String(), Facts: factsOf(inv),
		Evidence: evidenceOf(inv.Quote.Evidence),
	}
	if missing := inv.Unpaid(); missing > 0 {
		p.Unpaid = missing.BTC()
	}
	if inv.Sums.Late > 0 {
		p.Late = inv.Sums.Late.BTC()
	}
	if inv.Sums.Stray > 0 {
		p.Stray = inv.Sums.Stray.BTC()
	}
	if !inv.Quote.Rate.IsZero() {
		p.Rate = "1 BTC = " + text.Grouped(inv.Quote.Rate.String()) + " " + inv.Quote.Price.Code
	}
	for _, z := range inv.State.Verdict.Reasons {
		p.ZeroConf = append(p.ZeroConf, text.Clean(z, maxText))
	}
	p.Act = actsOf(inv)
	return p
}

func factsOf(inv invoice.Invoice) (list []fact) {
	o := &inv.Order
	for _, f := range []fact{
		{"Order", o.OrderID},
		{"Item", o.ItemDesc},
		{"Item code", o.ItemCode},
		{"Buyer", o.Buyer.Name},
		{"Buyer’s e-mail", o.Buyer.Email},
		{"Buyer’s phone", o.Buyer.Phone},
		{"Goes back to", o.RedirectURL},
		{"Callbacks go to", o.NotificationURL},
		{"Mails go to", o.NotificationEmail},
		{"Shop’s data", o.PosData},
		{"Made by", o.Creator},
	} {
		if s := text.Clean(f.Text, maxText); s != "" {
			list = append(list, fact{f.Name, s})
		}
	}
	return list
}

func actsOf(inv invoice.Invoice) acts {
	s := inv.State.Status
	a := acts{
		Cancel:  s == invoice.New && inv.Sums.In == 0,
		Invalid: s != invoice.Invalid, Complete: s != invoice.Complete,
	}
	add := func(ok bool, which invoice.Adjustment, words string) {
		if ok {
			a.Adjust = append(a.Adjust, choice{Value: which.String(), Name: words})
		}
	}
	add(failed(inv) && inv.Sums.In > 0 && !inv.PaidInFull(), invoice.AcceptUnderpayment, "Let what was paid stand for the whole")
	add(inv.Surplus() > inv.State.Kept, invoice.AcceptOverpayment, "Keep what was paid too much")
	add(inv.Sums.Late+inv.Sums.Stray > 0, invoice.AcceptLate, "Accept what was paid late")
	return a
}

func paymentOf(inv invoice.Invoice, r invoice.Receipt, tip int32) payment {
	p := payment{
		Outpoint: r.Outpoint.String(), TxID: r.Outpoint.TxID.String(), Sats: r.Sats.BTC(), Value: valueOf(r), Disposition: r.Disposition.String(),
		Where: whereabouts(r, tip), FirstSeen: r.FirstSeen, Accept: canAccept(inv, r), Return: canReturn(inv, r),
	}
	if r.Place.ReplacedBy != (invoice.TxID{}) {
		p.ReplacedBy = r.Place.ReplacedBy.String()
	}
	for _, n := range r.History {
		why := n.Reason.Explain()
		if n.Detail != "" {
			why += " (" + text.Clean(n.Detail, maxText) + ")"
		}
		p.History = append(p.History, note{At: n.At, State: n.Disposition.String() + ", " + n.Where.String(), Why: why, Code: string(n.Reason)})
	}
	return p
}

func whereabouts(r invoice.Receipt, tip int32) string {
	switch r.Place.Where {
	case invoice.InBlock:
		return text.Count(int64(r.Confirmations(tip)), "confirmation")
	case invoice.InMempool:
		return "in the mempool"
	case invoice.Unproved:
		return "its block is gone; being looked for"
	case invoice.Gone:
		return "gone"
	}
	return "unknown"
}

func eventOf(e invoice.Logged) event {
	return event{
		Seq: e.Seq, At: e.At, Name: e.Code.Name(), Invoice: string(e.Invoice), Status: e.Status.String(), Exception: exceptionText(e.Except),
		Detail: text.Clean(e.Detail, maxText), Reason: e.Reason.Explain(), Code: string(e.Reason),
	}
}
