package desk

import (
	"context"

	"satchel/invoice"
	"satchel/merchant"
)

// listStore is where lists of invoices come from.
type listStore interface {
	ListInvoices(ctx context.Context, m merchant.ID, f invoice.Filter) ([]invoice.Invoice, error)
	ShowInvoices(ctx context.Context, m merchant.ID, f invoice.Filter, each int) ([]invoice.Shown, error)
	Attention(ctx context.Context, m merchant.ID, limit int) ([]invoice.Need, error)
	ByTx(ctx context.Context, m merchant.ID, id invoice.TxID) ([]invoice.Found, error)
	ByAddressScript(ctx context.Context, m merchant.ID, script []byte) (invoice.Invoice, error)
}

// Bounds of the first page.
const (
	shownNeeds   = 50
	shownLatest  = 10
	shownTrouble = 5
)

// overviewPage begins with what waits for a decision.
type overviewPage struct {
	Needs   []need
	More    bool // there are more of them
	Latest  []line
	Trouble []delivery
	Health  Health
}

// need is a receipt or an invoice that waits for a decision, and what can be decided.
type need struct {
	line
	Kind, Title, Advice string
	Outpoint            string // of a receipt
	Sats                string
	Value               string
	Accept, Return      bool
	Adjust              string // what an adjustment accepts; "": none
	Complete            bool   // it can be marked complete
}

func (v *visit) overview() error {
	needs, err := v.d.cfg.Store.Attention(v.ctx(), v.shop.ID, shownNeeds+1)
	if err != nil {
		return err
	}
	latest, err := v.d.cfg.Store.ListInvoices(v.ctx(), v.shop.ID, invoice.Filter{Limit: shownLatest})
	if err != nil {
		return err
	}
	trouble, err := v.d.cfg.Store.ListDeliveries(v.ctx(), v.shop.ID, true, shownTrouble)
	if err != nil {
		return err
	}
	p := overviewPage{Latest: lines(latest)}
	if p.Health, err = v.seenHealth(); err != nil {
		return err
	}
	if p.More = len(needs) > shownNeeds; p.More {
		needs = needs[:shownNeeds]
	}
	for _, n := range needs {
		p.Needs = append(p.Needs, needOf(n))
	}
	for _, d := range trouble {
		p.Trouble = append(p.Trouble, deliveryOf(d, nil))
	}
	return v.page("overview", p)
}

// needOf says in words what must be decided.
func needOf(n invoice.Need) need {
	d := need{line: lineOf(n.Invoice), Kind: n.Why}
	if r := n.Receipt; r.Sats > 0 {
		d.Outpoint, d.Sats, d.Value = r.Outpoint.String(), r.Sats.BTC(), valueOf(r)
		d.Accept, d.Return = canAccept(n.Invoice, r), canReturn(n.Invoice, r)
	}
	switch n.Why {
	case "late":
		d.Title, d.Advice = "Paid too late", "It came after the quote’s time was up. Accept it at its value, or pay it back."
	case "lost":
		d.Title, d.Advice = "Paid for what is lost", "Its invoice was lost with a database, so nobody knows what was asked for. Ask the customer; accept it, or pay it back."
	case "stray":
		d.Title, d.Advice = "Paid after the end", "The invoice was settled already. Pay it back, or keep it with the customer’s consent."
	case "over":
		d.Title, d.Advice = "Paid too much", "The due sum was reached without it. Keep it, or pay it back."
	case "partial":
		d.Title, d.Advice = "Paid too little", "The time is up and a part is missing. Let the part stand for the whole, or pay it back."
		d.Sats, d.Adjust = n.Invoice.Sums.In.BTC(), invoice.AcceptUnderpayment.String()
	case "reversed":
		d.Title, d.Advice = "The payment went away", "Its transaction was replaced, or its block is gone. Do not deliver; if you were paid otherwise, mark it complete."
		d.Complete = n.Invoice.State.Status != invoice.Complete
	}
	return d
}

// canAccept tells which receipts the domain lets an operator credit; what it refuses all the same is said by itself.
func canAccept(inv invoice.Invoice, r invoice.Receipt) bool {
	if r.IsGone() {
		return false
	}
	switch r.Disposition {
	case invoice.Late, invoice.Stray, invoice.Over:
		return true
	case invoice.Credited:
		return failed(inv)
	case invoice.Accepted, invoice.Returned:
		return false
	}
	return false
}

// canReturn tells which receipts can be recorded as paid back.
func canReturn(inv invoice.Invoice, r invoice.Receipt) bool {
	if r.IsGone() {
		return false
	}
	switch r.Disposition {
	case invoice.Late, invoice.Stray, invoice.Over:
		return true
	case invoice.Credited, invoice.Accepted:
		return failed(inv)
	case invoice.Returned:
		return false
	}
	return false
}

func failed(inv invoice.Invoice) bool {
	return inv.State.Status == invoice.Expired || inv.State.Status == invoice.Invalid
}

func valueOf(r invoice.Receipt) string {
	if r.Value.Code == "" || r.Value.Code == "BTC" {
		return ""
	}
	return r.Value.String()
}
