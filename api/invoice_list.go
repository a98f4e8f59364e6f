package api

import (
	"context"
	"unicode/utf8"

	"satchel/auth"
	"satchel/bitpay"
	"satchel/invoice"
)

// listedTransactions is how many receipts each invoice of a list shows: a list of a thousand stays bounded.
const listedTransactions = 25

// maxGUID bounds a guid that is looked up at all, in characters.
const maxGUID = 256

// listInvoices is GET /invoices: newest first.
func (a *API) listInvoices(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	f, err := bitpay.DecodeFilter(r.query)
	if err != nil {
		return nil, err
	}
	m, err := a.cfg.Store.Merchant(ctx, p.Merchant())
	if err != nil {
		return nil, err
	}
	list, err := a.cfg.Store.ShowInvoices(ctx, m.ID, f, listedTransactions)
	if err != nil {
		return nil, err
	}
	v, tip := viewFor(p, m, r), a.cfg.Tip()
	shown := make([]bitpay.Facts, len(list))
	for i, s := range list {
		shown[i] = a.facts(s.Invoice, s.Receipts, tip, v)
	}
	return bitpay.InvoiceList(shown, v.as), nil
}

// showByGUID is GET /invoices/guid/:guid: the newest invoice that was made with the guid.
func (a *API) showByGUID(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	inv, err := a.byGUID(ctx, p, r.vars[0])
	if err != nil {
		return nil, err
	}
	r.vars[0] = string(inv.ID)
	return a.showInvoice(ctx, p, r)
}

// cancelByGUID is DELETE /invoices/guid/:guid.
func (a *API) cancelByGUID(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	inv, err := a.byGUID(ctx, p, r.vars[0])
	if err != nil {
		return nil, err
	}
	r.vars[0] = string(inv.ID)
	return a.cancelInvoice(ctx, p, r)
}

func (a *API) byGUID(ctx context.Context, p auth.Principal, guid string) (invoice.Invoice, error) {
	if utf8.RuneCountInString(guid) > maxGUID {
		return invoice.Invoice{}, noInvoice(errUnknown)
	}
	inv, err := a.cfg.Store.InvoiceByGUID(ctx, p.Merchant(), guid)
	return inv, noInvoice(err)
}
