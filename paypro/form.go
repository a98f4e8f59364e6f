package paypro

import (
	"mime"
	"slices"
	"strconv"
	"strings"
)

// Form is one of the things that a wallet asks for or sends, with the version it is written in.
type Form uint8

// The forms. Whatever asks for none of them is a browser.
const (
	Browser    Form = iota
	URI             // a bitcoin: URI (BIP 73, text/uri-list)
	RequestB70      // how to pay (BIP 70)
	RequestV1       // the same (JSON Payment Protocol 1)
	OptionsV2       // with which coins an invoice may be paid (JSON Payment Protocol 2)
	RequestV2       // how to pay with the coin that was chosen
	VerifyB70       // is this unsigned transaction right? (BitPay's extension of BIP 70)
	VerifyV1        // the same
	VerifyV2        // the same
	PaymentB70      // the signed transaction
	PaymentV1       // the same
	PaymentV2       // the same
)

// The content types of the protocols.
const (
	typeURIs       = "text/uri-list"
	typeRequestB70 = "application/bitcoin-paymentrequest"
	typePaymentB70 = "application/bitcoin-payment"
	typeVerifyB70  = "application/bitcoin-verify-payment"
	typeAckB70     = "application/bitcoin-paymentack"
	typeRequest    = "application/payment-request"
	typeOptions    = "application/payment-options"
	typeVerifyV1   = "application/verify-payment"
	typeVerifyV2   = "application/payment-verification"
	typePayment    = "application/payment"
	typeJSON       = "application/json; charset=utf-8"
	typeText       = "text/plain; charset=utf-8"
)

// Asked tells what a GET asks for, by its Accept headers and its x-paypro-version. Of several forms it is the one that is
// wanted most; a form is preferred to a page, since no browser names one.
func Asked(accept []string, version string) Form {
	best, most := Browser, 0
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		form, weight := wanted(part, version)
		if form != Browser && weight > most {
			best, most = form, weight
		}
	}
	return best
}

// wanted reads a member of Accept (RFC 9110, 12.5.1): a form, and how much it is wanted in thousandths.
func wanted(part, version string) (Form, int) {
	kind, rest, _ := strings.Cut(part, ";")
	form := Browser
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case typeURIs:
		form = URI
	case typeRequestB70:
		form = RequestB70
	case typeOptions:
		form = OptionsV2
	case typeRequest:
		if form = RequestV1; isV2(version) {
			form = RequestV2
		}
	}
	for param := range strings.SplitSeq(rest, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(name, "q") {
			return form, weight(value)
		}
	}
	return form, wholeWeight
}

const wholeWeight = 1000

// weight reads a qvalue, "1", "0.5" or "0.123", in thousandths. What is none counts as not wanted.
func weight(text string) int {
	whole, frac, _ := strings.Cut(text, ".")
	if len(whole) != 1 || len(frac) > 3 {
		return 0
	}
	n, err := strconv.ParseUint(whole+frac+"000"[len(frac):], 10, 16)
	if err != nil || n > wholeWeight {
		return 0
	}
	return int(n)
}

// Posted tells what a POST brings, by its Content-Type and its x-paypro-version.
func Posted(contentType, version string) (Form, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return Browser, ErrContentType().Because(err)
	}
	two := isV2(version)
	list := []struct {
		kind string
		v1   Form
		v2   Form
	}{
		{typePaymentB70, PaymentB70, PaymentB70},
		{typeVerifyB70, VerifyB70, VerifyB70},
		{typeVerifyV1, VerifyV1, VerifyV1},
		{typePayment, PaymentV1, PaymentV2},
		{typeRequest, Browser, RequestV2},
		{typeVerifyV2, Browser, VerifyV2},
	}
	for _, l := range list {
		form := l.v1
		if two {
			form = l.v2
		}
		if l.kind == kind && form != Browser {
			return form, nil
		}
	}
	return Browser, ErrContentType()
}

func isV2(version string) bool { return strings.TrimSpace(version) == "2" }

// Signed tells whether the transaction that comes in a form is to be broadcast.
func (f Form) Signed() bool { return slices.Contains([]Form{PaymentB70, PaymentV1, PaymentV2}, f) }

// Answer is what a wallet gets.
type Answer struct {
	Type string // Content-Type
	Body []byte
	Sign bool // with the key; BIP 70 has no place for it
}
