package paypro

import (
	"fmt"

	"satchel/money"
)

// Refusal is why a wallet is sent away: a status of HTTP and a sentence in BitPay's words, which wallets compare.
type Refusal struct {
	Status int
	Text   string
	Cause  error // for the log
}

// Error gives the sentence and the cause, for the log.
func (r *Refusal) Error() string {
	if r.Cause != nil {
		return r.Text + ": " + r.Cause.Error()
	}
	return r.Text
}

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// Because adds the cause for the log.
func (r *Refusal) Because(cause error) *Refusal {
	c := *r
	c.Cause = cause
	return &c
}

// The statuses of the protocol.
const (
	badRequest    = 400
	notFound      = 404
	unprocessable = 422
	serverError   = 500
)

// ErrUnknown is the answer to an id that no invoice has.
func ErrUnknown() *Refusal {
	return &Refusal{Status: notFound, Text: "This invoice was not found or has been archived"}
}

// ErrClosed is the answer for an invoice that is paid or whose time is over.
func ErrClosed() *Refusal {
	return &Refusal{Status: badRequest, Text: "This invoice is no longer accepting payments"}
}

// ErrContentType is the answer to a message of an unknown type.
func ErrContentType() *Refusal {
	return &Refusal{Status: badRequest, Text: "Unsupported Content-Type for payment"}
}

// ErrNoInput is the answer to a transaction that spends what the node does not know, or what is spent already.
func ErrNoInput() *Refusal {
	return &Refusal{Status: unprocessable, Text: "One or more input transactions for your transaction were not found on the blockchain. " +
		"Make sure you're not trying to use unconfirmed change"}
}

// ErrUnconfirmed is the answer to a transaction that spends what is in no block yet.
func ErrUnconfirmed() *Refusal {
	return &Refusal{Status: unprocessable, Text: "One or more input transactions for your transactions are not yet confirmed in at least one block. " +
		"Make sure you're not trying to use unconfirmed change"}
}

// ErrBroadcast is the answer to a transaction that the node does not take: a double spend, one that is not final, a bad
// signature.
func ErrBroadcast() *Refusal {
	return &Refusal{Status: serverError, Text: "Error broadcasting payment to network"}
}

// ErrUnreadable is the answer to a message that makes no sense, or none at all.
func ErrUnreadable() *Refusal {
	return &Refusal{Status: badRequest, Text: "We were unable to parse your payment. Please try again or contact your wallet provider"}
}

func errNotOne() *Refusal {
	return &Refusal{Status: badRequest, Text: "Request must include exactly one (1) transaction"}
}

func errNotHex() *Refusal {
	return &Refusal{Status: badRequest, Text: "Your transaction was an in an invalid format, it must be a hexadecimal string"}
}

func errNotTransaction() *Refusal {
	return &Refusal{Status: badRequest, Text: "We were unable to parse the transaction you sent. Please try again or contact your wallet provider"}
}

func errNoOutput() *Refusal {
	return &Refusal{Status: badRequest, Text: "The transaction you sent does not have any output to the bitcoin address on the invoice"}
}

func errAmount(is, asked money.Sats) *Refusal {
	return &Refusal{Status: badRequest, Text: fmt.Sprintf("The amount on the transaction (%s BTC) does not match the amount requested (%s BTC). "+
		"This payment will not be accepted.", is.BTC(), asked.BTC())}
}

// errCoin is for a wallet of another coin. The coin is echoed only if it cannot be anything but a coin's code.
func errCoin(code string) *Refusal {
	if !isCode(code) {
		return ErrUnreadable()
	}
	return &Refusal{Status: badRequest, Text: "This invoice is priced in BTC, not " + code + ". Please try with a BTC wallet instead"}
}

func isCode(s string) bool {
	if s == "" || len(s) > 12 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
