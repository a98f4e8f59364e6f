package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
)

func (o *Operator) accept(ctx context.Context, m merchant.ID, r SettleRequest) (Invoice, error) {
	id, out, err := o.outpoint(ctx, m, r)
	if err != nil {
		return Invoice{}, err
	}
	inv, err := o.cfg.Invoices.Accept(ctx, m, id, out)
	return invoiceDoc(inv, o.cfg.Base), o.undecided(ctx, m, err)
}

func (o *Operator) giveBack(ctx context.Context, m merchant.ID, r SettleRequest) (Invoice, error) {
	id, out, err := o.outpoint(ctx, m, r)
	if err != nil {
		return Invoice{}, err
	}
	by, err := invoice.ParseTxID(r.TxID)
	if err != nil {
		return Invoice{}, fault.Field("txid", "%s", err)
	}
	inv, err := o.cfg.Invoices.Return(ctx, m, id, out, by)
	return invoiceDoc(inv, o.cfg.Base), o.undecided(ctx, m, err)
}

// outpoint finds the receipt that is meant. Where there is none, the error names those that there are.
func (o *Operator) outpoint(ctx context.Context, m merchant.ID, r SettleRequest) (invoice.ID, invoice.Outpoint, error) {
	out, wrong := invoice.ParseOutpoint(r.Outpoint)
	if wrong == nil {
		id, _, err := o.cfg.Store.FindReceipt(ctx, m, out)
		if !fault.Is(err, fault.NotFound) {
			return id, out, err
		}
		wrong = fmt.Errorf("%s pays no invoice of this merchant", out)
	}
	what, near, err := o.near(ctx, m, r.Outpoint)
	switch {
	case err != nil:
		return "", out, err
	case len(near) > 0:
		return "", out, fault.Field("outpoint", "%s; %s paid with %s", wrong, what, strings.Join(near, ", "))
	}
	return "", out, o.undecided(ctx, m, fault.Field("outpoint", "%s", wrong))
}

// near lists the receipts of the transaction, invoice or address that a text begins with or is.
func (o *Operator) near(ctx context.Context, m merchant.ID, text string) (what string, list []string, err error) {
	text, _, _ = strings.Cut(text, ":")
	if txid, err := invoice.ParseTxID(text); err == nil {
		found, err := o.cfg.Store.ByTx(ctx, m, txid)
		for _, f := range found {
			list = append(list, named(f.Receipt))
		}
		return "this transaction", list, err
	}
	id := invoice.ID(text)
	if script, err := o.cfg.Script(text); err == nil {
		inv, err := o.cfg.Store.ByAddressScript(ctx, m, script)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return "", nil, err
		}
		id = inv.ID
	}
	receipts, err := o.cfg.Store.Receipts(ctx, m, id, shownReceipts)
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	for _, r := range receipts {
		list = append(list, named(r))
	}
	return "this invoice was", list, err
}

// named is a receipt with what became of it.
func named(r invoice.Receipt) string { return fmt.Sprintf("%s (%s)", r.Outpoint, r.Disposition) }

// shownWaiting is how many outputs a refusal names.
const shownWaiting = 3

// undecided adds to a refusal which outputs wait for a decision.
func (o *Operator) undecided(ctx context.Context, m merchant.ID, refused error) error {
	if !fault.Is(refused, fault.Invalid) && !fault.Is(refused, fault.NotFound) && !fault.Is(refused, fault.Conflict) {
		return refused
	}
	needs, err := o.cfg.Store.Attention(ctx, m, maxNeeds)
	if err != nil {
		return errors.Join(refused, err)
	}
	var list []string
	for _, n := range needs {
		if n.Receipt.Sats > 0 {
			list = append(list, fmt.Sprintf("%s (%s)", n.Receipt.Outpoint, n.Why))
		}
	}
	switch more := len(list) - shownWaiting; {
	case len(list) == 0:
		return pointed(refused, "no output waits for a decision; `satchel invoice list` and `invoice show ID` tell what was paid")
	case more > 0:
		return pointed(refused, fmt.Sprintf("these wait for a decision: %s, and %d more in `satchel attention`", strings.Join(list[:shownWaiting], ", "), more))
	}
	return pointed(refused, "these wait for a decision: "+strings.Join(list, ", "))
}

// pointed adds to a refusal where the operator finds what he may have meant.
func pointed(err error, where string) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	p := *f
	p.Message = strings.TrimSuffix(f.Message, ".") + "; " + where
	return &p
}

// unknown is pointed for what was not found, and leaves other errors as they are.
func unknown(err error, where string) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	return pointed(err, where)
}

// listed say which command lists what there is.
const (
	listedInvoices  = "`satchel invoice list` shows the newest, `satchel why ADDRESS` finds one by what it was paid with"
	listedOperators = "`satchel operator list` shows who there is"
)
