package bitpay

import (
	"errors"

	"satchel/fault"
	"satchel/invoice"
)

// internalText is all that a client learns of our own failures.
const internalText = "Internal error; the X-Request-Id of this answer finds its cause in the log"

// Failure is the one error document that every known client can read (seen on the wire): Go clients panic unless
// "error" is a text, Java ones without "message" beside "status", Python ones without "code"; and those that ignore the
// HTTP status know an error by it. Nothing may be added.
func Failure(code, message string) Raw {
	e := newEncoder(128 + 2*len(message))
	e.open()
	e.text("status", "error")
	e.text("code", code)
	e.raw("data", "null")
	e.text("error", message)
	e.text("message", message)
	e.close()
	return e.b
}

// Refusal is the error document of an error: its sentence where it has a kind, with the member at fault before it, and
// nothing of its cause.
func Refusal(err error) Raw {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind == fault.Internal {
		return Failure(Code(fault.Internal), internalText)
	}
	code := Code(f.Kind)
	if errors.Is(err, invoice.ErrNotCancellable) {
		code = codeNotCancellable
	}
	message := f.Message
	if f.Field != "" {
		message = f.Field + ": " + message
	}
	return Failure(code, message)
}

// codeNotCancellable is the one number of an invoice that BitPay's own clients have in their tests.
const codeNotCancellable = "040107"

// Code is the number of an error kind. BitPay publishes a shape, six digits, and hardly a number: these are ours, but
// for the general error 000000.
func Code(k fault.Kind) string {
	switch k {
	case fault.Internal:
		return "000000"
	case fault.NotFound:
		return "000001"
	case fault.Invalid:
		return "000002"
	case fault.Unauthenticated:
		return "000003"
	case fault.Forbidden:
		return "000004"
	case fault.Conflict:
		return "000005"
	case fault.TooLarge:
		return "000006"
	case fault.Unsupported:
		return "000007"
	case fault.TooMany:
		return "000008"
	case fault.Unavailable:
		return "000009"
	case fault.NotOffered:
		return "000010"
	}
	return "000000"
}

// messageOf gives the sentence of an error for the client, without its field.
func messageOf(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Message
	}
	return "is not valid"
}
