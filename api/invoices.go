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

// invoiceService makes invoices.
type invoiceService interface {
	Create(ctx context.Context, r invoice.Request) (invoice.Invoice, error)
}

// invoiceStore reads them. Every read takes the merchant, but the one of what a payer may see.
type invoiceStore interface {
	Merchant(ctx context.Context, id merchant.ID) (merchant.Merchant, error)
	ByGUID(ctx context.Context, c invoice.Creation) (invoice.Invoice, bool, error)
	Invoice(ctx context.Context, m merchant.ID, id invoice.ID) (invoice.Invoice, error)
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
	inv, ok, err := a.replayed(ctx, m.ID, r.body)
	if err == nil && !ok {
		inv, err = a.newInvoice(ctx, p, m, r.body)
	}
	if err != nil {
		return nil, err
	}
	return a.document(ctx, inv, view{m.Name, viewOf(p), r.base, p.Grant()})
}

// replayed finds what an equal request made before. It comes before every other check: a request that was good once is
// answered as it was, even when its window would be too short by now or the node is away.
func (a *API) replayed(ctx context.Context, m merchant.ID, b bitpay.Body) (invoice.Invoice, bool, error) {
	guid := b.GUID()
	if guid == "" {
		return invoice.Invoice{}, false, nil
	}
	return a.cfg.Store.ByGUID(ctx, invoice.Creation{Merchant: m, GUID: guid, Digest: b.Digest()})
}

func (a *API) newInvoice(ctx context.Context, p auth.Principal, m merchant.Merchant, b bitpay.Body) (invoice.Invoice, error) {
	req, err := bitpay.DecodeInvoice(b, a.cfg.Now())
	if err != nil {
		return invoice.Invoice{}, err
	}
	if to := req.Order.NotificationURL; to != "" {
		if err := notify.CheckURL(to, a.cfg.AllowPrivate); err != nil {
			return invoice.Invoice{}, err
		}
	}
	req.Merchant, req.Order.Creator, req.Capped = m, p.Token(), m.Settings.MaxOpen
	return a.cfg.Invoices.Create(ctx, req)
}

// showInvoice is GET /invoices/:id. An invoice of somebody else is answered like one that is not there.
func (a *API) showInvoice(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	id := invoice.ID(r.vars[0])
	if len(id) > maxID {
		return nil, noInvoice(nil)
	}
	if p.Facade() == auth.Public {
		return a.publicInvoice(ctx, id, r)
	}
	m, err := a.cfg.Store.Merchant(ctx, p.Merchant())
	if err != nil {
		return nil, err
	}
	inv, err := a.cfg.Store.Invoice(ctx, m.ID, id)
	if err != nil {
		return nil, noInvoice(err)
	}
	return a.document(ctx, inv, view{m.Name, viewOf(p), r.base, p.Grant()})
}

func (a *API) publicInvoice(ctx context.Context, id invoice.ID, r *request) (bitpay.Raw, error) {
	pub, err := a.cfg.Store.PublicInvoice(ctx, id)
	if err != nil {
		return nil, noInvoice(err)
	}
	receipts := pub.Receipts[:min(len(pub.Receipts), maxTransactions)]
	return a.render(pub.Invoice, receipts, pub.Tip, view{pub.Merchant, bitpay.Public, r.base, auth.TokenID{}}), nil
}

// noInvoice makes every "not found" the same answer, in BitPay's words.
func noInvoice(err error) error {
	if err == nil || fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "Object not found")
	}
	return err
}

// view is how an invoice is shown, and to whom.
type view struct {
	merchant string
	as       bitpay.View
	base     string
	parent   auth.TokenID // of the resource's token; zero: anybody's
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
	if inv.Sums.Receipts == 0 {
		return a.render(inv, nil, 0, v), nil
	}
	receipts, err := a.cfg.Store.Receipts(ctx, inv.Ref.Merchant, inv.ID, maxTransactions)
	if err != nil {
		return nil, err
	}
	return a.render(inv, receipts, a.cfg.Tip(), v), nil
}

func (a *API) render(inv invoice.Invoice, receipts []invoice.Receipt, tip int32, v view) bitpay.Raw {
	return bitpay.InvoiceDocument(bitpay.Facts{
		Invoice: inv, Receipts: receipts, Tip: tip, Now: a.cfg.Now(), Base: v.base, Merchant: v.merchant,
		Token: a.cfg.Secret.Resource(v.parent, v.as.Resource(), string(inv.ID)),
	}, v.as)
}
