package admin

import (
	"context"
	"time"
	"unicode/utf8"

	"satchel/auth"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/notify"
	"satchel/tracker"
)

// Store is what the operator's commands read and write.
type Store interface {
	Merchants(ctx context.Context) ([]merchant.Merchant, error)
	Merchant(ctx context.Context, m merchant.ID) (merchant.Merchant, error)
	UpdateMerchant(ctx context.Context, m merchant.ID, fn func(*merchant.Merchant) error) (merchant.Merchant, error)
	GrantsOf(ctx context.Context, m merchant.ID) ([]auth.Grant, error)
	AddLink(ctx context.Context, l merchant.Link) error
	LinksOf(ctx context.Context, m merchant.ID) ([]merchant.Link, error)
	RevokeLink(ctx context.Context, m merchant.ID, id merchant.LinkID, at time.Time) error
	Invoice(ctx context.Context, m merchant.ID, id invoice.ID) (invoice.Invoice, error)
	ListInvoices(ctx context.Context, m merchant.ID, f invoice.Filter) ([]invoice.Invoice, error)
	Receipts(ctx context.Context, m merchant.ID, id invoice.ID, limit int) ([]invoice.Receipt, error)
	EventsOf(ctx context.Context, m merchant.ID, id invoice.ID) ([]invoice.Logged, error)
	Events(ctx context.Context, m merchant.ID, after uint64, limit int) ([]invoice.Logged, error)
	ByTx(ctx context.Context, m merchant.ID, id invoice.TxID) ([]invoice.Found, error)
	ByAddressScript(ctx context.Context, m merchant.ID, script []byte) (invoice.Invoice, error)
	FindReceipt(ctx context.Context, m merchant.ID, o invoice.Outpoint) (invoice.ID, invoice.Receipt, error)
	Attention(ctx context.Context, m merchant.ID, limit int) ([]invoice.Need, error)
	DeliveriesOf(ctx context.Context, m merchant.ID, id invoice.ID) ([]notify.Delivery, error)
	ListDeliveries(ctx context.Context, m merchant.ID, failedOnly bool, limit int) ([]notify.Delivery, error)
	Attempts(ctx context.Context, m merchant.ID, delivery uint64) ([]notify.Attempt, error)
	Resend(ctx context.Context, m merchant.ID, delivery uint64, at time.Time) (notify.Delivery, error)
}

// Invoices makes and changes invoices.
type Invoices interface {
	Create(ctx context.Context, r invoice.Request) (invoice.Invoice, error)
	Accept(ctx context.Context, m merchant.ID, id invoice.ID, o invoice.Outpoint) (invoice.Invoice, error)
	Return(ctx context.Context, m merchant.ID, id invoice.ID, o invoice.Outpoint, by invoice.TxID) (invoice.Invoice, error)
	Mark(ctx context.Context, m merchant.ID, id invoice.ID, to invoice.Status, reason string) (invoice.Invoice, error)
}

// Timekeeper is the daemon's clock; only regtest has one that moves by hand.
type Timekeeper interface {
	Now() time.Time
	Offset() time.Duration
	Advance(ctx context.Context, d time.Duration) error
}

// Config is what the operator's commands work with.
type Config struct {
	Store    Store
	Invoices Invoices
	Pairings Pairings
	Merchant merchant.ID // the configuration's own: whom a command is about that names nobody
	Shops    Shops
	Staff    Staff
	Secret   auth.Secret
	Clock    Timekeeper
	Base     string // public URL
	Tip      func() int32
	Status   func(ctx context.Context) (Status, error)
	Sample   func(ctx context.Context, url string, secrets merchant.Secrets) (notify.Attempt, error)
	CheckURL func(url string) error
	Private  bool
	Mails    bool // a mail server is configured

	Changes   func() (wake <-chan struct{}, cancel func(), err error) // of the event log
	Reconcile func(ctx context.Context, from int32, progress func(done, of int32)) (tracker.Balance, error)
	Script    func(address string) ([]byte, error)                                            // of an address of this network
	Beyond    func(ctx context.Context, m merchant.ID, script []byte) (index uint32, ok bool) // of the merchant's key, above what was issued
	Known     func(ctx context.Context, id invoice.TxID) (bool, error)                        // is it in the node's mempool?
}

// Operator answers the commands.
type Operator struct{ cfg Config }

// NewOperator makes an Operator.
func NewOperator(cfg Config) *Operator { return &Operator{cfg} }

// Register adds every command to a server.
func (o *Operator) Register(s *Server) {
	Handle(s, "status", func(ctx context.Context, _ Nothing) (Status, error) { return o.cfg.Status(ctx) })
	Handle(s, "token-create", of(o, o.createToken))
	Handle(s, "token-list", of(o, o.listTokens))
	Handle(s, "token-revoke", of(o, o.revokeToken))
	Handle(s, "pairing-create", of(o, o.createPairing))
	Handle(s, "pairing-list", o.listPairings)
	Handle(s, "pairing-approve", of(o, o.approvePairing))
	Handle(s, "pairing-refuse", o.refusePairing)
	Handle(s, "pairing-link", o.linkPairing)
	Handle(s, "pos-link-create", of(o, o.createLink))
	Handle(s, "pos-link-list", of(o, o.listLinks))
	Handle(s, "pos-link-revoke", of(o, o.revokeLink))
	Handle(s, "invoice-create", of(o, o.createInvoice))
	Handle(s, "invoice-list", of(o, o.listInvoices))
	Handle(s, "invoice-show", of(o, o.showInvoice))
	Handle(s, "invoice-mark", of(o, o.markInvoice))
	Handle(s, "invoice-accept", of(o, o.accept))
	Handle(s, "invoice-return", of(o, o.giveBack))
	Handle(s, "attention", of(o, o.attention))
	Handle(s, "delivery-list", of(o, o.listDeliveries))
	Handle(s, "delivery-resend", of(o, o.resend))
	Handle(s, "delivery-test", of(o, o.testDelivery))
	Handle(s, "secret-rotate", of(o, o.rotate))
	Handle(s, "merchant-list", func(ctx context.Context, _ Nothing) ([]Shop, error) { return o.cfg.Shops.List(ctx) })
	Handle(s, "merchant-check", o.checkMerchant)
	Handle(s, "merchant-add", o.addMerchant)
	Handle(s, "merchant-set", of(o, o.setMerchant))
	Handle(s, "clock", o.clock)
	Handle(s, "why", o.why)
	Handle(s, "why-list", o.listReasons)
	o.registerOperators(s)
	HandleStream(s, "events", func(ctx context.Context, r EventsRequest, emit func(Event) error) error {
		m, err := o.find(ctx, r.Merchant)
		if err != nil {
			return err
		}
		return o.events(ctx, m, r, emit)
	})
	HandleStream(s, "reconcile", o.reconcile)
}

func (o *Operator) createToken(ctx context.Context, m merchant.ID, r TokenRequest) (Token, error) {
	facade, ok := auth.ParseFacade(r.Facade)
	if !ok {
		return Token{}, fault.Field("facade", "%q is not pos or merchant", r.Facade)
	}
	sin, err := boundTo(r)
	if err != nil {
		return Token{}, err
	}
	if utf8.RuneCountInString(r.Label) > auth.MaxLabel {
		return Token{}, fault.Field("label", "is longer than %d characters", auth.MaxLabel)
	}
	g, err := o.cfg.Pairings.Issue(ctx, auth.IssueRequest{Merchant: m, Facade: facade, Label: r.Label, SIN: sin})
	if err != nil {
		return Token{}, err
	}
	return Token{Token: o.cfg.Secret.Token(g.ID), Facade: facade.String(), ID: g.ID.String(), Label: g.Label, SIN: string(g.SIN)}, nil
}

// boundTo tells whose signature a new token needs; "" for a bearer token, which somebody must ask for in so many words.
func boundTo(r TokenRequest) (auth.SIN, error) {
	switch {
	case r.Bearer && r.SIN != "":
		return "", fault.Field("bearer", "cannot be combined with a SIN: a bearer token needs no signature")
	case r.Bearer:
		return "", nil
	case r.SIN == "":
		return "", fault.Field("sin", "is needed: the client's SIN (its id), or --bearer for a token that works without a signature")
	}
	sin, err := auth.ParseSIN(r.SIN)
	if err != nil {
		return "", fault.Field("sin", "%s", err)
	}
	return sin, nil
}

func (o *Operator) listTokens(ctx context.Context, m merchant.ID, _ Of) ([]Grant, error) {
	grants, err := o.cfg.Store.GrantsOf(ctx, m)
	list := make([]Grant, 0, len(grants))
	for _, g := range grants {
		list = append(list, Grant{
			ID: g.ID.String(), Facade: g.Facade.String(), State: g.State(o.cfg.Clock.Now()).String(), Label: g.Label, SIN: string(g.SIN),
			Created: g.Created, Revoked: timePtr(g.Revoked),
		})
	}
	return list, err
}

func (o *Operator) revokeToken(ctx context.Context, m merchant.ID, r ByID) (Nothing, error) {
	id, err := auth.ParseTokenID(r.ID)
	if err != nil {
		return Nothing{}, fault.Field("id", "is no token id; `satchel token list` shows them")
	}
	return Nothing{}, unknown(o.cfg.Pairings.Revoke(ctx, m, id), "`satchel token list` shows them")
}

func (o *Operator) createInvoice(ctx context.Context, m merchant.ID, r InvoiceRequest) (Invoice, error) {
	shop, err := o.cfg.Store.Merchant(ctx, m)
	if err != nil {
		return Invoice{}, err
	}
	cur, ok := money.Lookup(r.Currency)
	if !ok {
		return Invoice{}, fault.Field("currency", "%q is not an ISO 4217 code or BTC", r.Currency)
	}
	req := invoice.Request{Merchant: shop, Currency: cur, Open: r.Price == "", Extended: r.Extended}
	req.Order = invoice.Order{OrderID: r.OrderID, NotificationURL: r.NotificationURL}
	if !req.Open {
		if req.Price, err = money.ParseTyped(r.Price, cur, "."); err != nil {
			return Invoice{}, fault.Field("price", "%s", err)
		}
	}
	if r.Speed != "" {
		if req.Speed, ok = merchant.ParseSpeed(r.Speed); !ok {
			return Invoice{}, fault.Field("speed", "%q is not high, medium or low", r.Speed)
		}
	}
	if r.NotificationURL != "" {
		if err := o.cfg.CheckURL(r.NotificationURL); err != nil {
			return Invoice{}, err
		}
	}
	inv, err := o.cfg.Invoices.Create(ctx, req)
	if err != nil {
		return Invoice{}, err
	}
	return invoiceDoc(inv, o.cfg.Base), nil
}

func (o *Operator) listInvoices(ctx context.Context, m merchant.ID, r ListRequest) ([]Invoice, error) {
	f := invoice.Filter{Limit: r.Limit}
	if f.Limit <= 0 || f.Limit > 1000 {
		f.Limit = 100
	}
	if r.Status != "" {
		var ok bool
		if f.Status, ok = invoice.ParseStatus(r.Status); !ok {
			return nil, fault.Field("status", "%q is not an invoice status", r.Status)
		}
	}
	invs, err := o.cfg.Store.ListInvoices(ctx, m, f)
	list := make([]Invoice, 0, len(invs))
	for _, inv := range invs {
		list = append(list, invoiceDoc(inv, o.cfg.Base))
	}
	return list, err
}

// shownReceipts bounds what one page of an invoice's story holds.
const shownReceipts = 1000

func (o *Operator) showInvoice(ctx context.Context, m merchant.ID, r ByID) (Invoice, error) {
	id := invoice.ID(r.ID)
	inv, err := o.cfg.Store.Invoice(ctx, m, id)
	if err != nil {
		return Invoice{}, unknown(err, listedInvoices)
	}
	doc := invoiceDoc(inv, o.cfg.Base)
	if doc.Email = inv.Order.NotificationEmail; doc.Email != "" && !o.cfg.Mails {
		doc.NoMail = "no mail is queued: no mail server is configured ([mail] smtp)"
	}
	receipts, err := o.cfg.Store.Receipts(ctx, m, id, shownReceipts)
	if err != nil {
		return Invoice{}, err
	}
	doc.Payments = make([]Payment, 0, len(receipts))
	for _, rec := range receipts {
		doc.Payments = append(doc.Payments, paymentDoc(rec, o.cfg.Tip()))
	}
	events, err := o.cfg.Store.EventsOf(ctx, m, id)
	if err != nil {
		return Invoice{}, err
	}
	doc.History = make([]Change, 0, len(events))
	for _, e := range events {
		doc.History = append(doc.History, changeDoc(e))
	}
	deliveries, err := o.cfg.Store.DeliveriesOf(ctx, m, id)
	if err != nil {
		return Invoice{}, err
	}
	doc.Deliveries, err = o.withAttempts(ctx, m, deliveries)
	return doc, err
}

func (o *Operator) markInvoice(ctx context.Context, m merchant.ID, r MarkRequest) (Invoice, error) {
	status, _ := invoice.ParseStatus(r.Status)
	inv, err := o.cfg.Invoices.Mark(ctx, m, invoice.ID(r.ID), status, r.Reason)
	return invoiceDoc(inv, o.cfg.Base), unknown(err, listedInvoices)
}

// maxNeeds bounds the list of what needs a hand.
const maxNeeds = 1000

func (o *Operator) attention(ctx context.Context, m merchant.ID, _ Of) ([]Need, error) {
	about := o.flag(m)
	needs, err := o.cfg.Store.Attention(ctx, m, maxNeeds)
	list := make([]Need, 0, len(needs))
	for _, n := range needs {
		d := Need{Why: n.Why, Invoice: string(n.Invoice.ID), Status: n.Invoice.State.Status.String(), OrderID: n.Invoice.Order.OrderID}
		d.Next = "satchel invoice show " + d.Invoice + about
		r, err := o.decidable(ctx, m, n)
		if err != nil {
			return list, err
		}
		if r.Sats > 0 {
			d.Outpoint = r.Outpoint.String()
			d.Next = "satchel invoice accept " + d.Outpoint + about + " | satchel invoice return " + d.Outpoint + " --txid T" + about
		}
		d.Sats = int64(r.Sats)
		if n.Why == partly {
			d.Sats = int64(n.Invoice.Sums.In)
		}
		if r.Value.Code != "" {
			d.Value = r.Value.String()
		}
		list = append(list, d)
	}
	return list, err
}

// partly is the need of an invoice whose time is up with a part paid.
const partly = "partial"

// decidable is the receipt that a need is about. What was underpaid is a need of the whole invoice: where one payment was
// all that came, that one is accepted or returned.
func (o *Operator) decidable(ctx context.Context, m merchant.ID, n invoice.Need) (invoice.Receipt, error) {
	if n.Why != partly {
		return n.Receipt, nil
	}
	came, err := o.cfg.Store.Receipts(ctx, m, n.Invoice.ID, 2)
	if err != nil || len(came) != 1 {
		return invoice.Receipt{}, err
	}
	return came[0], nil
}
