package api

import (
	"context"
	"slices"
	"time"

	"satchel/auth"
	"satchel/bitpay"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

// payer pays invoices with the coins of a test network.
type payer interface {
	// Draft makes a signed transaction that sends an amount to an address, and does not send it.
	Draft(ctx context.Context, address string, sats money.Sats) (invoice.Draft, error)
	// Send hands a draft to the network, once or again: the network has it at most once. false: it can never be mined,
	// since a block spends its coins otherwise.
	Send(ctx context.Context, d invoice.Draft) (bool, error)
	// Mine makes so many blocks; false where the network does not make them on demand.
	Mine(ctx context.Context, blocks int32) (bool, error)
}

// waiter wakes who waits for a change of an invoice.
type waiter interface {
	Subscribe(topic string) (wake <-chan struct{}, cancel func(), err error)
}

// lookAgain is how often a wait looks without a wake, which is only a hint.
const lookAgain = 500 * time.Millisecond

// payInvoice is PUT /invoices/pay/:id, on test networks only: what is still due is paid for real, and blocks are mined
// where that can be done, until the invoice has the state that was asked for.
func (a *API) payInvoice(ctx context.Context, p auth.Principal, r *request) (bitpay.Raw, error) {
	if a.cfg.Payer == nil {
		return nil, fault.New(fault.Forbidden, "Invoices are paid by this call on test networks only")
	}
	to, err := bitpay.DecodePayment(r.body)
	if err != nil {
		return nil, err
	}
	m, inv, err := a.theirs(ctx, p, r.vars[0])
	if err != nil {
		return nil, err
	}
	if err := a.turn(ctx); err != nil { // two calls at a time would make two payments ready
		return nil, err
	}
	defer func() { <-a.paying }()
	if inv, err = a.cfg.Store.Invoice(ctx, m.ID, inv.ID); err != nil {
		return nil, noInvoice(err)
	}
	if inv, err = a.payDue(ctx, inv); err != nil {
		return nil, err
	}
	if inv, err = a.bury(ctx, inv, to); err != nil {
		return nil, err
	}
	return a.document(ctx, inv, viewFor(p, m, r))
}

// turn waits for the place of the one call that pays.
func (a *API) turn(ctx context.Context) error {
	select {
	case a.paying <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "Other invoices are being paid").Because(ctx.Err())
	}
}

// maxDrafts is how many payments one call makes ready at most: a second one where the first can never be mined.
const maxDrafts = 2

// payDue pays what is missing of a new invoice, and waits until it is paid. One that is paid already is left as it is.
func (a *API) payDue(ctx context.Context, inv invoice.Invoice) (_ invoice.Invoice, err error) {
	var dead invoice.TxID
	for range maxDrafts {
		if done, err := payable(inv); done || err != nil {
			return inv, err
		}
		if inv, err = a.drafted(ctx, inv, dead); err != nil {
			return inv, err
		}
		if done, err := payable(inv); done || err != nil { // it may have changed while the node worked
			return inv, err
		}
		alive, err := a.cfg.Payer.Send(ctx, inv.Draft)
		if err != nil {
			return inv, err
		}
		if alive {
			return a.await(ctx, inv, "paid", func(is invoice.Invoice) bool { return is.State.Status != invoice.New })
		}
		dead = inv.Draft.TxID
	}
	return inv, fault.New(fault.Unavailable, "The coins to pay with were spent by somebody else; ask again")
}

// payable tells whether an invoice is paid already, and refuses one that cannot be paid.
func payable(inv invoice.Invoice) (done bool, err error) {
	switch inv.State.Status {
	case invoice.Paid, invoice.Confirmed, invoice.Complete:
		return true, nil
	case invoice.New:
	case invoice.Expired, invoice.Invalid, invoice.Declined:
		return false, fault.New(fault.Conflict, "The invoice is %s: it cannot be paid any more", inv.State.Status)
	}
	if inv.Unpaid() == 0 {
		return false, fault.New(fault.Conflict, "The invoice has no price: the first payment fixes it")
	}
	return false, nil
}

// drafted gives the invoice with the payment that is to be sent, kept in the store before anybody else can see it. An
// earlier one stays until we have seen it pay, or it is dead: whoever asked for it may not know that it was sent.
func (a *API) drafted(ctx context.Context, inv invoice.Invoice, dead invoice.TxID) (invoice.Invoice, error) {
	m, was := inv.Ref.Merchant, inv.Draft.TxID
	if !inv.Draft.IsZero() && was != dead {
		receipts, err := a.cfg.Store.Receipts(ctx, m, inv.ID, 0)
		if err != nil {
			return inv, err
		}
		if !slices.ContainsFunc(receipts, func(r invoice.Receipt) bool { return r.Outpoint.TxID == was && !r.IsGone() }) {
			return inv, nil
		}
	}
	draft, err := a.cfg.Payer.Draft(ctx, inv.Address.Text, inv.Unpaid())
	if err != nil {
		return inv, err
	}
	return a.cfg.Invoices.Keep(ctx, m, inv.ID, was, draft)
}

// bury mines the blocks that an invoice needs for a state. Where blocks come by themselves it stays as it is.
func (a *API) bury(ctx context.Context, inv invoice.Invoice, to invoice.Status) (invoice.Invoice, error) {
	need := int32(1)
	if to == invoice.Complete || inv.Terms.Speed == merchant.Low {
		need = invoice.FinalConfirmations
	}
	there := func(is invoice.Invoice) bool {
		switch is.State.Status {
		case invoice.Complete:
			return true
		case invoice.Confirmed:
			return to == invoice.Confirmed && is.Confirmations(a.cfg.Tip()) >= need
		case invoice.New, invoice.Paid, invoice.Expired, invoice.Invalid, invoice.Declined:
			return false
		}
		return false
	}
	if there(inv) {
		return inv, nil
	}
	mined, err := a.cfg.Payer.Mine(ctx, max(need-inv.Confirmations(a.cfg.Tip()), 1))
	if err != nil || !mined {
		return inv, err
	}
	return a.await(ctx, inv, to.String(), there)
}

// await waits until an invoice is as it should be, or the call's time is over.
func (a *API) await(
	ctx context.Context, inv invoice.Invoice, what string, ok func(invoice.Invoice) bool,
) (invoice.Invoice, error) {
	wake, cancel, err := a.cfg.Hub.Subscribe(string(inv.ID))
	if err != nil {
		return inv, err
	}
	defer cancel()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		is, err := a.cfg.Store.Invoice(ctx, inv.Ref.Merchant, inv.ID)
		switch {
		case ctx.Err() != nil:
			return inv, late(what, ctx.Err())
		case err != nil:
			return inv, err
		case ok(is):
			return is, nil
		}
		select {
		case <-wake:
		case <-again.C:
		case <-ctx.Done():
			return inv, late(what, ctx.Err())
		}
	}
}

func late(what string, cause error) error {
	return fault.New(fault.Unavailable, "The invoice is not %s yet; ask again", what).Because(cause)
}
