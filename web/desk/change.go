package desk

import (
	"context"
	"crypto/sha256"
	"net/url"
	"strings"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/web/text"
)

// Invoices makes and changes invoices.
type Invoices interface {
	Create(ctx context.Context, r invoice.Request) (invoice.Invoice, error)
	Accept(ctx context.Context, m merchant.ID, id invoice.ID, o invoice.Outpoint) (invoice.Invoice, error)
	Return(ctx context.Context, m merchant.ID, id invoice.ID, o invoice.Outpoint, by invoice.TxID) (invoice.Invoice, error)
	Mark(ctx context.Context, m merchant.ID, id invoice.ID, to invoice.Status, reason string) (invoice.Invoice, error)
	Cancel(ctx context.Context, m merchant.ID, id invoice.ID, once invoice.Once) (invoice.Invoice, error)
	Adjust(ctx context.Context, m merchant.ID, id invoice.ID, a invoice.Adjustment, once invoice.Once) (invoice.Invoice, error)
	Notify(ctx context.Context, m merchant.ID, id invoice.ID, once invoice.Once) error
}

// which is the invoice that a form is about. Where the form fails, it leads back there.
func (v *visit) which() invoice.ID {
	id := v.req.PathValue("id")
	v.back = v.root() + "/invoices/" + url.PathEscape(id)
	return invoice.ID(id)
}

// changed leads back to the invoice.
func (v *visit) changed(id invoice.ID, done string) error {
	return v.did("/invoices/"+url.PathEscape(string(id)), done)
}

// maxReason bounds what an operator writes, in characters.
const maxReason = 200

func (v *visit) mark() error {
	id := v.which()
	to, _ := invoice.ParseStatus(v.form("status"))
	reason := text.Clean(v.form("reason"), maxReason)
	if reason == "" {
		return fault.Field("reason", "is needed: it is kept with the invoice.")
	}
	if _, err := v.d.cfg.Invoices.Mark(v.ctx(), v.shop.ID, id, to, reason+" ("+v.who.Name+")"); err != nil {
		return err
	}
	return v.changed(id, "marked")
}

func (v *visit) cancel() error {
	id := v.which()
	if _, err := v.d.cfg.Invoices.Cancel(v.ctx(), v.shop.ID, id, invoice.Once{}); err != nil {
		return err
	}
	return v.changed(id, "cancelled")
}

func (v *visit) adjust() error {
	id := v.which()
	a, ok := invoice.ParseAdjustment(v.form("type"))
	if !ok {
		return fault.Field("type", "is unknown.")
	}
	if _, err := v.d.cfg.Invoices.Adjust(v.ctx(), v.shop.ID, id, a, v.once()); err != nil {
		return err
	}
	return v.changed(id, "adjusted")
}

// notify asks for the last callback again.
func (v *visit) notify() error {
	id := v.which()
	if err := v.d.cfg.Invoices.Notify(v.ctx(), v.shop.ID, id, v.once()); err != nil {
		return err
	}
	return v.changed(id, "notified")
}

// once makes a form that is sent twice the same request: pages carry a new number for each.
func (v *visit) once() invoice.Once {
	nonce := v.form("nonce")
	if nonce == "" || len(nonce) > 64 {
		return invoice.Once{}
	}
	digest := v.digest()
	return invoice.Once{GUID: "desk-" + nonce, Digest: digest}
}

// digest is of what a form says.
func (v *visit) digest() [32]byte {
	return sha256.Sum256([]byte(v.req.URL.Path + "?" + v.req.PostForm.Encode()))
}

func (v *visit) accept() error {
	id := v.which()
	out, err := v.outpoint()
	if err != nil {
		return err
	}
	if _, err := v.d.cfg.Invoices.Accept(v.ctx(), v.shop.ID, id, out); err != nil {
		return err
	}
	return v.settled(id, "accepted")
}

// giveBack records that the money of a receipt was paid back. The desk sends none.
func (v *visit) giveBack() error {
	id := v.which()
	out, err := v.outpoint()
	if err != nil {
		return err
	}
	by, err := invoice.ParseTxID(strings.ToLower(strings.TrimSpace(v.form("txid"))))
	if err != nil {
		return fault.Field("txid", "is the 64 hex digits of the transaction that paid it back.")
	}
	if _, err := v.d.cfg.Invoices.Return(v.ctx(), v.shop.ID, id, out, by); err != nil {
		return err
	}
	return v.settled(id, "returned")
}

func (v *visit) outpoint() (invoice.Outpoint, error) {
	out, err := invoice.ParseOutpoint(v.form("outpoint"))
	if err != nil {
		return out, fault.Field("outpoint", "is none.")
	}
	return out, nil
}

// settled leads back to the list of what needs a hand, or to the invoice.
func (v *visit) settled(id invoice.ID, done string) error {
	if v.form("from") == "overview" {
		return v.did("", done)
	}
	return v.changed(id, done)
}
