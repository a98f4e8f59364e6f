package auth

// Facade is what a token allows (BitPay API, "Facades"). The zero Facade allows nothing and matches nobody; in a grant
// that waits for approval it says that the approver picks.
type Facade uint8

// The facades; the numbers are kept in the store. Public is what a caller without a token has, User what a signature
// without a token proves.
const (
	Public Facade = iota + 1
	POS
	Merchant
	Payout
	User
)

// String gives the word of the wire.
func (f Facade) String() string {
	switch f {
	case Public:
		return "public"
	case POS:
		return "pos"
	case Merchant:
		return "merchant"
	case Payout:
		return "payout"
	case User:
		return "user"
	}
	return "none"
}

// ParseFacade reads the word of a facade that a token can have; "payroll" is the older name of payout.
func ParseFacade(text string) (Facade, bool) {
	switch text {
	case "pos":
		return POS, true
	case "merchant":
		return Merchant, true
	case "payout", "payroll":
		return Payout, true
	}
	return 0, false
}

// grantable tells whether a grant may have the facade: Public and User are nobody's to give.
func (f Facade) grantable() bool { return f == POS || f == Merchant || f == Payout }
