package admin

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
)

// WhyRequest is `satchel why`.
type WhyRequest struct {
	Of             // where nobody is named, the first merchant who knows of it
	Subject string `json:"subject"` // an invoice's id, a txid, an outpoint or an address
}

// Why is the answer: one stable code, what it means, what can be done, and the story that led there.
type Why struct {
	Subject  string   `json:"subject"`
	Merchant string   `json:"merchant,omitempty"` // whose it is
	Kind     string   `json:"kind"`               // invoice, transaction or address
	Code     string   `json:"code"`
	Sentence string   `json:"sentence"`
	Details  []string `json:"details,omitempty"`
	Next     []string `json:"next,omitempty"` // commands that may help
	Invoices []string `json:"invoices,omitempty"`
	Story    []Moment `json:"story,omitempty"`
}

// Moment is something that happened.
type Moment struct {
	At      time.Time `json:"at"`
	Invoice string    `json:"invoice"`
	What    string    `json:"what"`
	Code    string    `json:"code,omitempty"`
	Why     string    `json:"why,omitempty"`
}

// The codes of `satchel why` beyond those that are kept with invoices and receipts.
const (
	awaitingPayment   = "awaiting_payment"
	awaitingRest      = "awaiting_rest"
	awaitingDwell     = "awaiting_zero_conf"
	awaitingBlocks    = "awaiting_confirmations"
	txElsewhere       = "tx_pays_others"
	txUnknown         = "tx_unknown"
	addressBeyond     = "address_not_issued"
	addressNotOurs    = "address_not_ours"
	callbackNotTaken  = "callback_not_delivered"
	callbackGivenUp   = "callback_given_up"
	callbackNotAsked  = "no_callback_asked"
	callbackDelivered = "callback_delivered"
)

// ReasonDoc is a row of `satchel why --list`.
type ReasonDoc struct {
	Code     string `json:"code"`
	Sentence string `json:"sentence"`
}

// reasons lists every code there is. Scripts may rely on the words.
func reasons() []ReasonDoc {
	list := make([]ReasonDoc, 0, 48)
	for _, r := range invoice.Reasons() {
		list = append(list, ReasonDoc{string(r.Reason), r.Sentence})
	}
	return append(list,
		ReasonDoc{awaitingPayment, "Nothing has paid the invoice yet, and its window is open."},
		ReasonDoc{awaitingRest, "A part was paid; the rest may come until the window ends."},
		ReasonDoc{awaitingDwell, "The payment is in the mempool, and the merchant's policy does not take it without a block (yet)."},
		ReasonDoc{awaitingBlocks, "The payment is complete and waits for blocks."},
		ReasonDoc{txElsewhere, "The node knows the transaction; no output of it pays an address that was issued."},
		ReasonDoc{txUnknown, "Nothing of the transaction is recorded, and the node's mempool does not have it. If it was ever sent, it paid somebody else, was dropped, or has not reached this node."},
		ReasonDoc{addressBeyond, "The address is of a watched key, but no invoice was given it: another wallet with the same key gave it out, or a database that is lost."},
		ReasonDoc{addressNotOurs, "The address is of no watched key."},
		ReasonDoc{callbackNotTaken, "A callback waits: the endpoint has not taken it yet, and it is tried again."},
		ReasonDoc{callbackGivenUp, "A callback was given up, after all its tries or because its endpoint said that it is gone; it is kept, and can be sent again."},
		ReasonDoc{callbackNotAsked, "The invoice has no notification URL, so nobody is told."},
		ReasonDoc{callbackDelivered, "Every callback was taken."},
	)
}

func meaning(code string) string {
	for _, r := range reasons() {
		if r.Code == code {
			return r.Sentence
		}
	}
	return "unknown reason"
}

func (o *Operator) listReasons(context.Context, Nothing) ([]ReasonDoc, error) { return reasons(), nil }

// why answers for whatever it is given.
func (o *Operator) why(ctx context.Context, r WhyRequest) (Why, error) {
	if r.Subject == "" || len(r.Subject) > 128 {
		return Why{}, fault.Field("subject", "give an invoice's id, a txid or an address")
	}
	if r.Merchant != "" {
		m, err := o.find(ctx, r.Merchant)
		if err != nil {
			return Why{}, err
		}
		return o.whyOf(ctx, m, r)
	}
	list, err := o.cfg.Store.Merchants(ctx)
	if err != nil {
		return Why{}, err
	}
	first, err := o.whyOf(ctx, o.cfg.Merchant, r)
	if first.Merchant != "" {
		return first, err
	}
	for _, m := range list {
		if w, err := o.whyOf(ctx, m.ID, r); w.Merchant != "" {
			return w, err
		}
	}
	return first, err
}

// whyOf answers for one merchant. What they know nothing of has no merchant in the answer.
func (o *Operator) whyOf(ctx context.Context, m merchant.ID, r WhyRequest) (Why, error) {
	if id, err := invoice.ParseTxID(r.Subject); err == nil {
		return o.whyTransaction(ctx, m, r.Subject, id)
	}
	if out, err := invoice.ParseOutpoint(r.Subject); err == nil {
		return o.whyTransaction(ctx, m, r.Subject, out.TxID)
	}
	inv, err := o.cfg.Store.Invoice(ctx, m, invoice.ID(r.Subject))
	if err == nil {
		return o.whyInvoice(ctx, Why{Subject: r.Subject, Merchant: string(m), Kind: "invoice"}, inv)
	}
	if !fault.Is(err, fault.NotFound) {
		return Why{}, err
	}
	return o.whyAddress(ctx, m, r.Subject)
}

func (o *Operator) whyAddress(ctx context.Context, m merchant.ID, text string) (Why, error) {
	w := Why{Subject: text, Kind: "address"}
	script, err := o.cfg.Script(text)
	if err != nil {
		return w, fault.Field("subject", "%q is no invoice, txid or address of this network", text)
	}
	inv, err := o.cfg.Store.ByAddressScript(ctx, m, script)
	if err == nil {
		w.Merchant = string(m)
		return o.whyInvoice(ctx, w, inv)
	}
	if !fault.Is(err, fault.NotFound) {
		return w, err
	}
	w.Code = addressNotOurs
	if index, ok := o.cfg.Beyond(ctx, m, script); ok {
		w.Code, w.Merchant = addressBeyond, string(m)
		w.Details = []string{"its index is " + strconv.FormatUint(uint64(index), 10)}
		w.Next = []string{"satchel reconcile"}
	}
	w.Sentence = meaning(w.Code)
	return w, nil
}

func (o *Operator) whyTransaction(ctx context.Context, m merchant.ID, text string, id invoice.TxID) (Why, error) {
	w := Why{Subject: text, Kind: "transaction"}
	found, err := o.cfg.Store.ByTx(ctx, m, id)
	if err != nil {
		return w, err
	}
	if len(found) == 0 {
		w.Code = txUnknown
		known, err := o.cfg.Known(ctx, id)
		if err != nil {
			w.Details = []string{"the node was not asked: " + err.Error()}
		} else if known {
			w.Code = txElsewhere
		}
		w.Sentence = meaning(w.Code)
		return w, nil
	}
	w.Merchant = string(m)
	seen := map[invoice.ID]bool{}
	for _, f := range found {
		last := f.Receipt.History[len(f.Receipt.History)-1]
		w.Code, w.Sentence = string(last.Reason), last.Reason.Explain()
		w.Details = append(w.Details, f.Receipt.Outpoint.String()+": "+strconv.FormatInt(int64(f.Receipt.Sats), 10)+" sat, "+
			f.Receipt.Disposition.String()+", in "+f.Receipt.Place.Where.String())
		if seen[f.Invoice] {
			continue
		}
		seen[f.Invoice] = true
		inv, err := o.cfg.Store.Invoice(ctx, m, f.Invoice)
		if err != nil {
			return w, err
		}
		if err := o.tell(ctx, &w, inv); err != nil {
			return w, err
		}
	}
	w.sort()
	return w, nil
}

func (o *Operator) whyInvoice(ctx context.Context, w Why, inv invoice.Invoice) (Why, error) {
	w.Code = stands(inv)
	w.Sentence = meaning(w.Code)
	sums := "status " + inv.State.Status.String() + ", due " + inv.Due().BTC() + " BTC, paid in time " + inv.Sums.In.BTC() + " BTC"
	if late := inv.Sums.Late; late > 0 {
		sums += ", late " + late.BTC() + " BTC"
	}
	w.Details = append(w.Details, sums)
	if w.Code == awaitingDwell || inv.State.Reason == invoice.ZeroConfAccepted {
		w.Details = append(w.Details, inv.State.Verdict.Reasons...)
	}
	err := o.tell(ctx, &w, inv)
	w.sort()
	return w, err
}

// stands says where an invoice stands: what it waits for, or why it came to its end.
func stands(inv invoice.Invoice) string {
	s := inv.State
	switch s.Status {
	case invoice.New:
		switch {
		case inv.Sums.In > 0:
			return awaitingRest
		case s.Reason == invoice.ByCreation:
			return awaitingPayment
		}
	case invoice.Paid:
		if inv.Terms.Speed == merchant.High && len(s.Verdict.Reasons) > 0 {
			return awaitingDwell
		}
		if s.Reason == invoice.ReachedDue {
			return awaitingBlocks
		}
	case invoice.Confirmed, invoice.Complete, invoice.Expired, invoice.Invalid, invoice.Declined:
	}
	return string(s.Reason)
}

// tell adds an invoice's story, and what can be done about it.
func (o *Operator) tell(ctx context.Context, w *Why, inv invoice.Invoice) error {
	m := inv.Ref.Merchant
	doc, err := o.showInvoice(ctx, m, ByID{ID: string(inv.ID)})
	if err != nil {
		return err
	}
	w.Invoices = append(w.Invoices, doc.ID)
	for _, c := range doc.History {
		w.Story = append(w.Story, Moment{c.At, doc.ID, c.Name + " -> " + c.Status, c.Reason, cmp.Or(c.Detail, invoice.Reason(c.Reason).Explain())})
	}
	for _, p := range doc.Payments {
		for _, n := range p.History {
			w.Story = append(w.Story, Moment{n.At, doc.ID, p.Outpoint + ": " + n.State, n.Reason, n.Why})
		}
		if p.ReplacedBy != "" {
			w.Details = append(w.Details, p.Outpoint+" was replaced by "+p.ReplacedBy)
		}
	}
	w.callbacks(doc, o.flag(m))
	w.Next = append(w.Next, "satchel invoice show "+doc.ID+o.flag(m))
	needs, err := o.attention(ctx, m, Of{})
	for _, n := range needs {
		if n.Invoice == doc.ID && n.Next != "" && !slices.Contains(w.Next, n.Next) {
			w.Next = append(w.Next, n.Next)
		}
	}
	return err
}

// callbacks adds what became of an invoice's callbacks. flag says whose they are, for commands.
func (w *Why) callbacks(doc Invoice, flag string) {
	code := callbackDelivered
	if len(doc.Deliveries) == 0 {
		code = callbackNotAsked
	}
	for _, d := range doc.Deliveries {
		for _, a := range d.Attempts {
			w.Story = append(w.Story, Moment{a.At, doc.ID, "callback " + d.Name + " to " + d.Endpoint, "", "status " + strconv.Itoa(a.Status) + " " + a.Error})
		}
		switch d.State {
		case notify.Pending.String():
			code = callbackNotTaken
		case notify.Delivered.String():
		default:
			if code != callbackNotTaken {
				code = callbackGivenUp
			}
			w.Next = append(w.Next, "satchel delivery resend "+strconv.FormatUint(d.ID, 10)+flag)
		}
	}
	w.Details = append(w.Details, code+": "+meaning(code))
}

func (w *Why) sort() {
	slices.SortStableFunc(w.Story, func(a, b Moment) int { return a.At.Compare(b.At) })
}
