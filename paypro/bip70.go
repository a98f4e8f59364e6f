package paypro

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"satchel/money"
)

// The fields of BIP 70's messages, and of BitPay's two additions to them.
const (
	outputAmount = 1
	outputScript = 2

	detailsNetwork = 1
	detailsOutputs = 2
	detailsTime    = 3
	detailsExpires = 4
	detailsMemo    = 5
	detailsURL     = 6
	detailsFeeRate = 8 // BitPay's, a float; its own wallet library reads it there

	requestVersion = 1
	requestPKI     = 2
	requestDetails = 4

	paymentTransactions = 2

	ackPayment = 1
	ackMemo    = 2

	verifyTx   = 1
	verifySize = 2
)

// protobuf writes a PaymentRequest without a certificate's signature: nobody gives certificates for this any more.
func (r Request) protobuf() []byte {
	out := number(nil, outputAmount, uint64(r.Amount)) //nolint:gosec // an amount that is due
	out = text(out, outputScript, r.Script)
	d := text(nil, detailsNetwork, []byte(r.Network.String()))
	d = text(d, detailsOutputs, out)
	d = number(d, detailsTime, uint64(r.Created.Unix()))    //nolint:gosec // after 1970
	d = number(d, detailsExpires, uint64(r.Expires.Unix())) //nolint:gosec // after 1970
	d = text(d, detailsMemo, []byte(r.memo()))
	d = text(d, detailsURL, []byte(r.URL))
	d = protowire.AppendFixed32(protowire.AppendTag(d, detailsFeeRate, protowire.Fixed32Type), float(r.FeeRate))
	b := number(nil, requestVersion, 1)
	b = text(b, requestPKI, []byte("none"))
	return text(b, requestDetails, d)
}

// float gives the bits of a fee rate as the wire wants it. It is the only number that ever becomes one, and none comes
// back.
func float(rate money.SatPerVB) uint32 { return math.Float32bits(float32(rate) / 1000) }

func number(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func text(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

// ack is a PaymentACK: the payment as it came, and a memo.
func ack(payment []byte) []byte {
	return text(text(nil, ackPayment, payment), ackMemo, []byte(memoReceived))
}

// readPayment reads a Payment. Where to send a refund is not listened to: whoever stands between could say it.
func (m *Message) readPayment(body []byte) error {
	var list [][]byte
	err := fields(body, func(field protowire.Number, v []byte, _ uint64) {
		if field == paymentTransactions && v != nil {
			list = append(list, v)
		}
	})
	if err != nil || len(body) == 0 {
		return ErrUnreadable()
	}
	if len(list) != 1 {
		return errNotOne()
	}
	m.body = body
	return m.readTx(list[0])
}

// readVerification reads a PaymentVerification.
func (m *Message) readVerification(body []byte) error {
	var tx []byte
	var size uint64
	err := fields(body, func(field protowire.Number, v []byte, n uint64) {
		if field == verifyTx {
			tx = v
		}
		if field == verifySize {
			size = n
		}
	})
	if err != nil || len(body) == 0 || size > maxSize {
		return ErrUnreadable()
	}
	if tx == nil {
		return errNotOne()
	}
	m.size = int64(size)
	return m.readTx(tx)
}

// fields hands over each field of a message: its bytes, which are not nil, or its number. Fields of other kinds are
// passed over.
func fields(b []byte, each func(field protowire.Number, v []byte, n uint64)) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		switch kind { //nolint:exhaustive // the others are passed over
		case protowire.BytesType:
			v, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return protowire.ParseError(n)
			}
			each(field, append([]byte{}, v...), 0)
			b = b[n:]
		case protowire.VarintType:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return protowire.ParseError(n)
			}
			each(field, nil, v)
			b = b[n:]
		default:
			if n = protowire.ConsumeFieldValue(field, kind, b); n < 0 {
				return protowire.ParseError(n)
			}
			b = b[n:]
		}
	}
	return nil
}
