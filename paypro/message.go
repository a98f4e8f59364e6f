package paypro

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
)

// Message is what a wallet sent: a transaction to look at or to take, or which coin it has chosen.
type Message struct {
	Form   Form
	Tx     Tx     // of what is none but a choice: empty
	size   int64  // what the wallet says of the size of the transaction when it is signed; 0: nothing
	text   string // the transaction in hex as it came
	single string // where it came, in version 1
	body   []byte // of BIP 70, which is sent back
}

// The memos, in BitPay's words.
const (
	memoValid    = "Payment appears valid"
	memoReceived = "Transaction received. Invoice will be marked as paid if the transaction is confirmed."
)

// Read reads a message. Its errors are refusals.
func Read(f Form, body []byte) (Message, error) {
	m := Message{Form: f}
	var err error
	switch f {
	case PaymentB70:
		err = m.readPayment(body)
	case VerifyB70:
		err = m.readVerification(body)
	case RequestV2, VerifyV1, VerifyV2, PaymentV1, PaymentV2:
		err = m.readJSON(body)
	case Browser, URI, RequestB70, RequestV1, OptionsV2:
		err = ErrContentType()
	}
	return m, err
}

// document is what a message in JSON may have, in both versions.
type document struct {
	Chain    string            `json:"chain"`
	Currency string            `json:"currency"`
	List     []json.RawMessage `json:"transactions"`
	Unsigned json.RawMessage   `json:"unsignedTransaction"`
	Size     json.Number       `json:"weightedSize"`
}

func (m *Message) readJSON(body []byte) error {
	var d document
	if err := json.Unmarshal(body, &d); err != nil || bytes.Equal(bytes.TrimSpace(body), []byte("null")) {
		return ErrUnreadable().Because(err)
	}
	for _, code := range []string{d.Chain, d.Currency} {
		if code != "" && !strings.EqualFold(code, coin) {
			return errCoin(code)
		}
	}
	if m.Form == RequestV2 {
		return nil
	}
	m.single = "transactions"
	if len(d.List) == 0 && len(d.Unsigned) > 0 {
		m.single, d.List = "unsignedTransaction", []json.RawMessage{d.Unsigned}
	}
	if len(d.List) != 1 {
		return errNotOne()
	}
	text, size, err := transaction(d.List[0])
	if err != nil {
		return err
	}
	if size == "" {
		size = d.Size
	}
	if m.size, err = sizeOf(size); err != nil {
		return err
	}
	m.text = text
	return m.readHex(text)
}

// transaction takes a member of the list apart: hex in version 1, an object in version 2, and wallets that mix them.
func transaction(raw json.RawMessage) (text string, size json.Number, err error) {
	if json.Unmarshal(raw, &text) == nil {
		return text, "", nil
	}
	var one struct {
		Tx   *string     `json:"tx"`
		Size json.Number `json:"weightedSize"`
	}
	if err := json.Unmarshal(raw, &one); err != nil || one.Tx == nil {
		return "", "", errNotHex().Because(err)
	}
	return *one.Tx, one.Size, nil
}

// maxSize is four million weight units, the size of a block.
const maxSize = 4_000_000

// sizeOf reads a size; a fraction, from a weight divided by four, is cut off.
func sizeOf(n json.Number) (int64, error) {
	whole, _, _ := strings.Cut(n.String(), ".")
	if whole == "" {
		return 0, nil
	}
	v, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || v < 0 || v > maxSize {
		return 0, ErrUnreadable()
	}
	return v, nil
}

func (m *Message) readHex(text string) error {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) == 0 {
		return errNotHex()
	}
	return m.readTx(raw)
}

func (m *Message) readTx(raw []byte) (err error) {
	if m.Tx, err = ParseTx(raw); err != nil {
		return errNotTransaction()
	}
	return nil
}

// VSize is the size in virtual bytes that the fee is held against. Of a signed transaction that is its own. Of an
// unsigned one it is the least that it can become: the protocol calls what the wallet says of it the size in one place and
// the weight in another, and wallets send either. The signed one is judged exactly.
func (m Message) VSize() int64 {
	if m.Form.Signed() {
		return m.Tx.VSize()
	}
	return max(m.Tx.VSize(), (m.size+3)/4)
}

// Answer says that the transaction was found right, or taken.
func (m Message) Answer() Answer {
	type one struct {
		Tx string `json:"tx"`
	}
	type answer struct {
		Payment any    `json:"payment"`
		Memo    string `json:"memo"`
	}
	say := func(payment any, memo string) Answer {
		return Answer{Type: typeJSON, Body: encode(answer{payment, memo}), Sign: true}
	}
	switch m.Form {
	case PaymentB70:
		return Answer{Type: typeAckB70, Body: ack(m.body)}
	case VerifyB70:
		return Answer{Type: typeText, Body: []byte(memoValid)}
	case VerifyV1:
		return say(m.echoV1(), memoValid)
	case PaymentV1:
		return say(struct {
			List []string `json:"transactions"`
		}{[]string{m.text}}, memoReceived)
	case VerifyV2:
		return say(struct {
			Currency string `json:"currency"`
			Chain    string `json:"chain"`
			List     []one  `json:"transactions"`
		}{coin, coin, []one{{m.text}}}, memoValid)
	case PaymentV2:
		return say(struct {
			List []one `json:"transactions"`
		}{[]one{{m.text}}}, memoReceived)
	case Browser, URI, RequestB70, RequestV1, OptionsV2, RequestV2:
	}
	return Answer{Type: typeText}
}

// echoV1 gives a verification back as it came: the specification and BitPay's own client name the transaction differently.
func (m Message) echoV1() any {
	if m.single == "unsignedTransaction" {
		return struct {
			Currency string `json:"currency"`
			Tx       string `json:"unsignedTransaction"`
			Size     int64  `json:"weightedSize"`
		}{coin, m.text, m.size}
	}
	return struct {
		Currency string   `json:"currency"`
		List     []string `json:"transactions"`
		Size     int64    `json:"weightedSize"`
	}{coin, []string{m.text}, m.size}
}
