package api

import (
	"context"

	"satchel/auth"
	"satchel/bitpay"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
)

// invoiceService makes and changes invoices.
type invoiceService interface {
	Create(ctx context.Context, r invoice.Request) (invoice.Invoice, error)
	Cancel(ctx context.Context, m merchant.ID, id invoice.ID, once invoice.Once) (invoice.Invoice, error)
	Provide(ctx context.Context, m merchant.ID, id invoice.ID, c invoice.Contact, once invoice.Once) (invoice.Invoice, error)
	Adjust(ctx context.Context, m merchant.ID, id invoice.ID, a invoice.Adjustment, once invoice.Once) (invoice.Invoice, error)
	Notify(ctx context.Context, m merchant.ID, id invoice.ID, once invoice.Once) error
	Keep(ctx context.Context, m merchant.ID, id invoice.ID, was invoice.TxID, d invoice.Draft) (invoice.Invoice, error)
}

// invoiceStore reads them. Every read takes the merchant, but the one of what a payer may see.
type invoiceStore interface {
	logStore
	Merchant(ctx context.Context, id merchant.ID) (merchant.Merchant, error)
	ByGUID(ctx context.Context, c invoice.Creation) (invoice.Invoice, bool, error)
	Invoice(ctx context.Context, m merchant.ID, id invoice.ID) (invoice.Invoice, error)
	InvoiceByGUID(ctx context.Context, m merchant.ID, guid string) (invoice.Invoice, error)
	ShowInvoices(ctx context.Context, m merchant.ID, f invoice.Filter, receipts int) ([]invoice.Shown, error)
	Receipts(ctx context.Context, m merchant.ID, id invoice.ID, limit int) ([]invoice.Receipt, error)
	PublicInvoice(ctx context.Context, id invoice.ID) (invoice.Public, error)
}

// maxTransactions is how many receipts a document shows: an invoice that was dusted must stay readable.
const maxTransactions = 100

// maxID bounds an id that is looked up at all.
const maxID = 32

// createInvoice is POST /invoices.
func (a *API) createInvoice(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	m, err := a.cfg.Store.Merchant(ctx, p.Merchant())
	if err != nil {
		return nil, err
	}
	inv, ok, err := a.replayed(ctx, m.ID, r)
	if err == nil && !ok {
		inv, err = a.newInvoice(ctx, p, m, r)
	}
	if err != nil {
		return nil, err
	}
	return a.document(ctx, inv, viewFor(p, m, r))
}

// replayed finds what an equal request made before. It comes before every other check: a request that was good once is
// answered as it was, even when its window would be too short by now or the node is away.
func (a *API) replayed(ctx context.Context, m merchant.ID, r *request) (invoice.Invoice, bool, error) {
	if r.guid == "" {
		return invoice.Invoice{}, false, nil
	}
	return a.cfg.Store.ByGUID(ctx, invoice.Creation{Merchant: m, GUID: r.guid, Digest: r.body.Digest()})
}

func (a *API) newInvoice(ctx context.Context, p auth.Principal, m merchant.Merchant, r *request) (invoice.Invoice, error) {
	req, err := bitpay.DecodeInvoice(r.body, a.cfg.Now())
	if err != nil {
		return invoice.Invoice{}, err
	}
	if to := req.Order.NotificationURL; to != "" {
		if err := notify.CheckURL(to, a.cfg.AllowPrivate); err != nil {
			return invoice.Invoice{}, err
		}
	}
	req.Merchant, req.Order.Creator, req.Capped = m, p.Token(), m.Settings.MaxOpen
	req.Order.GUID = r.guid
	return a.cfg.Invoices.Create(ctx, req)
}

// showInvoice is GET /invoices/:id. An invoice of somebody else is answered like one that is not there.
func (a *API) showInvoice(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	if p.Facade() == auth.Public {
		return a.publicInvoice(ctx, p, r)
	}
	m, inv, err := a.theirs(ctx, p, r.vars[0])
	if err != nil {
		return nil, err
	}
	return a.document(ctx, inv, viewFor(p, m, r))
}

func (a *API) publicInvoice(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	pub, err := a.public(ctx, r.vars[0])
	if err != nil {
		return nil, err
	}
	v := view{by: p, merchant: pub.Merchant, as: bitpay.Public, base: r.base}
	return bitpay.InvoiceDocument(a.facts(pub.Invoice, pub.Receipts, pub.Tip, v), v.as), nil
}

// public finds what anybody may see of an invoice.
func (a *API) public(ctx context.Context, id string) (invoice.Public, error) {
	if len(id) > maxID {
		return invoice.Public{}, noInvoice(errUnknown)
	}
	pub, err := a.cfg.Store.PublicInvoice(ctx, invoice.ID(id))
	pub.Receipts = pub.Receipts[:min(len(pub.Receipts), maxTransactions)]
	return pub, noInvoice(err)
}

// theirs finds an invoice of the caller's merchant. One of somebody else is answered like one that is not there.
func (a *API) theirs(ctx context.Context, p auth.Principal, id string) (merchant.Merchant, invoice.Invoice, error) {
	m, err := a.cfg.Store.Merchant(ctx, p.Merchant())
	if err != nil {
		return m, invoice.Invoice{}, err
	}
	if len(id) > maxID {
		return m, invoice.Invoice{}, noInvoice(errUnknown)
	}
	inv, err := a.cfg.Store.Invoice(ctx, m.ID, invoice.ID(id))
	return m, inv, noInvoice(err)
}

// errUnknown is an id that cannot be one.
var errUnknown = fault.New(fault.NotFound, "no such id")

// noInvoice makes every "not found" the same answer, in BitPay's words.
func noInvoice(err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "Object not found")
	}
	return err
}

// view is how an invoice is shown, and to whom.
type view struct {
	by       auth.Principal // whose grant the resource's token is under
	merchant string
	as       bitpay.View
	base     string
	bare     bool
}

func viewFor(p auth.Principal, m merchant.Merchant, r *request) view {
	return view{by: p, merchant: m.Name, as: viewOf(p), base: r.base, bare: r.bare}
}

func viewOf(p auth.Principal) bitpay.View {
	switch p.Facade() {
	case auth.Merchant:
		return bitpay.Merchant
	case auth.POS:
		return bitpay.POS
	case auth.Public, auth.Payout, auth.User:
		return bitpay.Public
	}
	return bitpay.Public
}

// document shows an invoice with its receipts.
func (a *API) document(ctx context.Context, inv invoice.Invoice, v view) (bitpay.Raw, error) {
	var receipts []invoice.Receipt
	var tip int32
	if inv.Sums.Receipts > 0 {
		var err error
		if receipts, err = a.cfg.Store.Receipts(ctx, inv.Ref.Merchant, inv.ID, maxTransactions); err != nil {
			return nil, err
		}
		tip = a.cfg.Tip()
	}
	f := a.facts(inv, receipts, tip, v)
	if v.bare {
		return bitpay.BareInvoice(f, v.as), nil
	}
	return bitpay.InvoiceDocument(f, v.as), nil
}

func (a *API) facts(inv invoice.Invoice, receipts []invoice.Receipt, tip int32, v view) bitpay.Facts {
	return bitpay.Facts{
		Invoice: inv, Receipts: receipts, Tip: tip, Now: a.cfg.Now(), Base: v.base, Merchant: v.merchant,
		Token: a.resourceToken(v, inv),
	}
}

// resourceToken is the invoice's own token in a view: the same on every answer.
func (a *API) resourceToken(v view, inv invoice.Invoice) string {
	return a.cfg.Secret.Resource(v.by.Grant(), v.as.Resource(), string(inv.ID))
}
