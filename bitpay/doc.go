// Package bitpay is the wire format of the BitPay REST API, both directions: the body of a request becomes a checked
// domain value, and domain values become the documents that its clients read. The rules of the sale live elsewhere.
//
// What comes in is read strictly, with the leniency of the API written down as rules: numbers may be texts, booleans may
// be "true" or "1", null and "" mean absent, unknown members are ignored. A name given twice, a second document, a NUL
// or broken UTF-8 is refused, and whatever is refused is named.
//
// What goes out is written by hand, integer by integer: no float exists on the way, nothing is ever null, and equal
// facts give equal bytes. Typed clients throw on less.
package bitpay

// Raw is a finished JSON document.
type Raw []byte
