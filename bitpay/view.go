package bitpay

// View is how much of an invoice a document shows; it follows from the facade of the caller.
type View uint8

// Public is what a payer may see; POS adds what a till told us itself; Merchant shows all.
const (
	Public View = iota + 1
	POS
	Merchant
)

// facade is the word of the envelope.
func (v View) facade() string {
	switch v {
	case Public:
		return "public/invoice"
	case POS:
		return "pos/invoice"
	case Merchant:
		return "merchant/invoice"
	}
	return "public/invoice"
}

// Resource names what an invoice's own token is derived from in this view.
func (v View) Resource() string { return v.facade() }
