package api

import (
	"context"

	"satchel/auth"
	"satchel/bitpay"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
)

// change runs one change of an invoice that is the caller's, and shows the invoice as it is then.
func (a *API) change(
	ctx context.Context, p auth.Principal, r *request, act func(m merchant.ID, id invoice.ID) (invoice.Invoice, error),
) (bitpay.Raw, error) {
	m, inv, err := a.theirs(ctx, p, r.vars[0])
	if err != nil {
		return nil, err
	}
	if inv, err = act(m.ID, inv.ID); err != nil {
		return nil, noInvoice(err)
	}
	return a.document(ctx, inv, viewFor(p, m, r))
}

// updateInvoice is PUT /invoices/:id: how the payer is reached. It is taken in every state.
func (a *API) updateInvoice(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	c, err := bitpay.DecodeContact(r.body)
	if err != nil {
		return nil, err
	}
	return a.change(ctx, p, r, func(m merchant.ID, id invoice.ID) (invoice.Invoice, error) {
		return a.cfg.Invoices.Provide(ctx, m, id, c, onceInSession(r))
	})
}

// cancelInvoice is DELETE /invoices/:id. forceCancel has no meaning here: BitPay's asks not to insist on the payer's
// address for a refund, and nothing was paid that could be refunded.
func (a *API) cancelInvoice(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	return a.change(ctx, p, r, func(m merchant.ID, id invoice.ID) (invoice.Invoice, error) {
		return a.cfg.Invoices.Cancel(ctx, m, id, onceInSession(r))
	})
}

// adjustInvoice is POST /invoices/:id/adjustments: a wrong amount is accepted.
func (a *API) adjustInvoice(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	kind, err := bitpay.DecodeAdjustment(r.body)
	if err != nil {
		return nil, err
	}
	m, inv, err := a.theirs(ctx, p, r.vars[0])
	if err != nil {
		return nil, err
	}
	if _, err := a.cfg.Invoices.Adjust(ctx, m.ID, inv.ID, kind, once(r)); err != nil {
		return nil, noInvoice(err)
	}
	return bitpay.Success(), nil
}

// notifyInvoice is POST /invoices/:id/notifications: the last callback is sent again.
func (a *API) notifyInvoice(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	m, inv, err := a.theirs(ctx, p, r.vars[0])
	if err != nil {
		return nil, err
	}
	if err := a.cfg.Invoices.Notify(ctx, m.ID, inv.ID, once(r)); err != nil {
		return nil, noInvoice(err)
	}
	return bitpay.Success(), nil
}

// once makes a request known by its guid.
func once(r *request) invoice.Once {
	return invoice.Once{GUID: r.guid, Digest: r.body.Digest()}
}

// onceInSession makes a request known by its place in a session, and by nothing else: clients send an invoice's guid
// along with every update of it, and each is an update of its own.
func onceInSession(r *request) invoice.Once {
	if r.turn.Session == "" {
		return invoice.Once{}
	}
	return invoice.Once{GUID: turnGUID(r.turn), Digest: r.body.Digest()}
}

// noRefunds answers /invoices/:id/refunds and what is below it: an unknown invoice is told from what this server does
// not do.
func (a *API) noRefunds(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	if _, _, err := a.theirs(ctx, p, r.vars[0]); err != nil {
		return nil, err
	}
	return nil, fault.New(fault.NotOffered, "Refunds are not available in this version of the server")
}
