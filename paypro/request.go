package paypro

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"satchel/money"
)

// Request is what is asked of a payer.
type Request struct {
	ID       string
	URL      string // of the payment protocols
	Merchant string // its name
	Network  Network
	Address  string
	Script   []byte         // the address's
	Amount   money.Sats     // what is still due; 0: any payment fixes the price
	FeeRate  money.SatPerVB // what a payment should pay at least
	Created  time.Time
	Expires  time.Time
}

func (r Request) memo() string {
	return "Payment request for invoice " + r.ID + " for merchant " + plain(r.Merchant)
}

// plain makes a name fit for a wallet to show: one line, without controls and without what turns the direction of the
// text around it (Unicode UAX 9). Wallets show a memo beside the amount, and are trusted for it.
func plain(name string) string {
	shown := func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r >= 0xE0000 && r <= 0xE007F, r == 0xFEFF:
			return -1
		}
		return r
	}
	return strings.Join(strings.Fields(strings.Map(shown, name)), " ")
}

// uri is the address with the amount, for wallets without a payment protocol (BIP 21), and with the way here (BIP 72).
func (r Request) uri() string {
	if r.Amount == 0 {
		return "bitcoin:" + r.Address + "?r=" + r.URL
	}
	return "bitcoin:" + r.Address + "?amount=" + r.Amount.BTC() + "&r=" + r.URL
}

type output struct {
	Amount  int64  `json:"amount"` // satoshis
	Address string `json:"address"`
}

func (r Request) outputs() []output { return []output{{int64(r.Amount), r.Address}} }

func (r Request) feeRate() json.Number { return json.Number(r.FeeRate.Number()) }

// head is what every document of version 2 begins with.
type head struct {
	Time    string `json:"time"`
	Expires string `json:"expires"`
	Memo    string `json:"memo"`
	URL     string `json:"paymentUrl"`
	ID      string `json:"paymentId"`
}

func (r Request) head() head { return head{iso(r.Created), iso(r.Expires), r.memo(), r.URL, r.ID} }

// coin is the one that there is.
const coin = "BTC"

func (r Request) v1() []byte {
	return encode(struct {
		Network  string      `json:"network"`
		Currency string      `json:"currency"`
		FeeRate  json.Number `json:"requiredFeeRate"`
		Outputs  []output    `json:"outputs"`
		head
	}{r.Network.String(), coin, r.feeRate(), r.outputs(), r.head()})
}

func (r Request) optionsV2() []byte {
	type option struct {
		Chain    string      `json:"chain"`
		Currency string      `json:"currency"`
		Network  string      `json:"network"`
		Amount   int64       `json:"estimatedAmount"`
		FeeRate  json.Number `json:"requiredFeeRate"`
		MinerFee int         `json:"minerFee"` // what is put on top of the price for the network: nothing
		Decimals int         `json:"decimals"`
		Selected bool        `json:"selected"`
	}
	return encode(struct {
		head
		Options []option `json:"paymentOptions"`
	}{r.head(), []option{{coin, coin, r.Network.String(), int64(r.Amount), r.feeRate(), 0, 8, true}}})
}

func (r Request) v2() []byte {
	type instruction struct {
		Type    string      `json:"type"`
		FeeRate json.Number `json:"requiredFeeRate"`
		Outputs []output    `json:"outputs"`
	}
	return encode(struct {
		head
		Chain        string        `json:"chain"`
		Currency     string        `json:"currency"`
		Network      string        `json:"network"`
		Instructions []instruction `json:"instructions"`
	}{r.head(), coin, coin, r.Network.String(), []instruction{{"transaction", r.feeRate(), r.outputs()}}})
}

// Answer writes the request in a form that asks for it.
func (r Request) Answer(f Form) Answer {
	switch f {
	case RequestB70:
		return Answer{Type: typeRequestB70, Body: r.protobuf()}
	case RequestV1:
		return Answer{Type: typeRequest + "; charset=utf-8", Body: r.v1(), Sign: true}
	case OptionsV2:
		return Answer{Type: typeJSON, Body: r.optionsV2(), Sign: true}
	case RequestV2:
		return Answer{Type: typeJSON, Body: r.v2(), Sign: true}
	case URI, Browser, VerifyB70, VerifyV1, VerifyV2, PaymentB70, PaymentV1, PaymentV2:
	}
	return Answer{Type: typeURIs, Body: []byte(r.uri() + "\r\n")}
}

// Check holds a payment against what is asked: it pays the invoice's address, and exactly what is due.
func (r Request) Check(t Tx) error {
	sum, found := t.To(r.Script)
	switch {
	case !found, sum == 0:
		return errNoOutput()
	case r.Amount > 0 && sum != r.Amount:
		return errAmount(sum, r.Amount)
	}
	return nil
}
