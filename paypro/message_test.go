package paypro

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// unsigned is the transaction that BitPay's specification verifies, 119 bytes that become 225.
const unsigned = "0200000001919572700aef4a9b66ac2389ea8e8899b1c2c0b3ffe03c12c2d28e7a2574d3540100000000feffffff02c80f5f91000000001976a9140cd9a12aa54ad7b098988c67692a62196c1dbdc988ac98470200000000001976a9140f8cf402ad6478377750d572089d1e1a3ca099a788ac00000000"

func TestWhatAGETAsksFor(t *testing.T) {
	for _, c := range []struct {
		accept, version string
		want            Form
	}{
		{"application/bitcoin-paymentrequest", "", RequestB70},
		{"Application/Bitcoin-PaymentRequest", "", RequestB70},
		{"application/payment-request", "", RequestV1},
		{"application/payment-request", "1", RequestV1},
		{"application/payment-request", "2", RequestV2},
		{"application/payment-options", "2", OptionsV2},
		{"application/payment-options", "", OptionsV2},
		{"text/uri-list", "", URI},
		{"text/uri-list;q=0.5, application/bitcoin-paymentrequest", "", RequestB70},
		{"application/payment-request;q=0.3,application/bitcoin-paymentrequest;q=0.8", "", RequestB70},
		{"application/payment-request, application/bitcoin-paymentrequest", "", RequestV1},
		{"text/html,application/xhtml+xml;q=0.9,application/bitcoin-paymentrequest;q=0.1", "", RequestB70},
		{"application/bitcoin-paymentrequest;q=0", "", Browser},
		{"application/bitcoin-paymentrequest;q=abc", "", Browser},
		{"application/bitcoin-paymentrequest;q=1.5", "", Browser},
		{"application/bitcoin-paymentrequest; Q=0.125 ", "", RequestB70},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", Browser},
		{"*/*", "2", Browser},
		{"application/json", "2", Browser},
		{"", "", Browser},
	} {
		if got := Asked([]string{c.accept}, c.version); got != c.want {
			t.Errorf("Accept: %s, version %q: %d, want %d", c.accept, c.version, got, c.want)
		}
	}
	if got := Asked([]string{"text/html", "application/payment-options"}, "2"); got != OptionsV2 {
		t.Errorf("two headers: %d", got)
	}
}

func TestWhatAPOSTBrings(t *testing.T) {
	for _, c := range []struct {
		kind, version string
		want          Form
	}{
		{"application/bitcoin-payment", "", PaymentB70},
		{"application/bitcoin-verify-payment", "", VerifyB70},
		{"application/verify-payment", "", VerifyV1},
		{"application/payment", "", PaymentV1},
		{"application/payment; charset=utf-8", "1", PaymentV1},
		{"application/payment", "2", PaymentV2},
		{"Application/Payment", " 2 ", PaymentV2},
		{"application/payment-request", "2", RequestV2},
		{"application/payment-verification", "2", VerifyV2},
		{"application/payment-request", "", Browser},
		{"application/payment-verification", "1", Browser},
		{"application/payment", "3", PaymentV1},
		{"application/json", "2", Browser},
		{"", "2", Browser},
		{"nonsense; ;", "", Browser},
	} {
		got, err := Posted(c.kind, c.version)
		if got != c.want || (err == nil) != (c.want != Browser) {
			t.Errorf("%q, version %q: %d %v, want %d", c.kind, c.version, got, err, c.want)
		}
		if err != nil {
			if status, text := said(t, err); status != 400 || text != "Unsupported Content-Type for payment" {
				t.Errorf("%d %s", status, text)
			}
		}
	}
}

func TestTransactionsInEachClothing(t *testing.T) {
	raw := unhex(t, unsigned)
	for _, c := range []struct {
		name   string
		form   Form
		body   string
		size   int64
		answer string
	}{
		{
			"the specification's verification", VerifyV1, `{"currency":"BTC","unsignedTransaction":"` + unsigned + `","weightedSize":225}`, 225,
			`{"payment":{"currency":"BTC","unsignedTransaction":"` + unsigned + `","weightedSize":225},"memo":"Payment appears valid"}`,
		},
		{
			"its reference client's", VerifyV1, `{"currency":"BTC","transactions":["` + unsigned + `"],"weightedSize":225}`, 225,
			`{"payment":{"currency":"BTC","transactions":["` + unsigned + `"],"weightedSize":225},"memo":"Payment appears valid"}`,
		},
		{
			"a payment", PaymentV1, `{"currency":"BTC","transactions":["` + strings.ToUpper(unsigned) + `"]}`, 0,
			`{"payment":{"transactions":["` + strings.ToUpper(unsigned) + `"]},"memo":"Transaction received. Invoice will be marked as paid if the transaction is confirmed."}`,
		},
		{
			"a verification of version 2", VerifyV2, `{"chain":"BTC","currency":"BTC","transactions":[{"tx":"` + unsigned + `","weightedSize":225}]}`, 225,
			`{"payment":{"currency":"BTC","chain":"BTC","transactions":[{"tx":"` + unsigned + `"}]},"memo":"Payment appears valid"}`,
		},
		{
			"a payment of version 2", PaymentV2, `{"chain":"btc","transactions":[{"tx":"` + unsigned + `"}]}`, 0,
			`{"payment":{"transactions":[{"tx":"` + unsigned + `"}]},"memo":"Transaction received. Invoice will be marked as paid if the transaction is confirmed."}`,
		},
		{"a text where there is an object", PaymentV2, `{"chain":"BTC","transactions":["` + unsigned + `"]}`, 0, ""},
		{"a weight divided by four", VerifyV2, `{"transactions":[{"tx":"` + unsigned + `","weightedSize":140.25}]}`, 140, ""},
		{"a size as a text", VerifyV1, `{"unsignedTransaction":"` + unsigned + `","weightedSize":"225"}`, 225, ""},
		{"no size", VerifyV1, `{"unsignedTransaction":"` + unsigned + `","weightedSize":null}`, 0, ""},
	} {
		m, err := Read(c.form, []byte(c.body))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if string(m.Tx.Raw) != string(raw) || m.size != c.size {
			t.Errorf("%s: %x of %d", c.name, m.Tx.Raw, m.size)
		}
		a := m.Answer()
		if c.answer != "" && (string(a.Body) != c.answer || a.Type != "application/json; charset=utf-8" || !a.Sign) {
			t.Errorf("%s: %s %s", c.name, a.Type, a.Body)
		}
	}
}

func TestTheChoiceOfACoin(t *testing.T) {
	for body, want := range map[string]string{
		`{"chain":"BTC","currency":"BTC"}`:  "",
		`{"chain":"BTC"}`:                   "",
		`{"chain":"BCH","currency":"BCH"}`:  "This invoice is priced in BTC, not BCH. Please try with a BTC wallet instead",
		`{"chain":"ETH","currency":"USDC"}`: "This invoice is priced in BTC, not ETH. Please try with a BTC wallet instead",
		`{"chain":"BTC","currency":"USDC"}`: "This invoice is priced in BTC, not USDC. Please try with a BTC wallet instead",
		// The text is served as HTML: a coin that is none must not come back.
		`{"chain":"<script>alert(1)</script>"}`: unreadable,
		`{"chain":"BCH\u0000"}`:                 unreadable,
		`{"chain":"ABCDEFGHIJKLM"}`:             unreadable,
	} {
		_, err := Read(RequestV2, []byte(body))
		if want == "" && err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if want != "" {
			if status, text := said(t, err); status != 400 || text != want {
				t.Errorf("%s: %d %s", body, status, text)
			}
		}
	}
}

const (
	unreadable = "We were unable to parse your payment. Please try again or contact your wallet provider"
	notOne     = "Request must include exactly one (1) transaction"
	notHex     = "Your transaction was an in an invalid format, it must be a hexadecimal string"
	notTx      = "We were unable to parse the transaction you sent. Please try again or contact your wallet provider"
)

func TestMessagesThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		form Form
		body string
		want string
	}{
		{PaymentV1, ``, unreadable},
		{PaymentV1, `null`, unreadable},
		{PaymentV1, `[]`, unreadable},
		{PaymentV1, `{`, unreadable},
		{PaymentV1, `{} {}`, unreadable},
		{PaymentV1, `{"transactions":"00"}`, unreadable},
		{PaymentV1, `{}`, notOne},
		{PaymentV1, `{"transactions":[]}`, notOne},
		{PaymentV1, `{"transactions":["` + unsigned + `","` + unsigned + `"]}`, notOne},
		{PaymentV2, `{"transactions":[{"tx":"` + unsigned + `"},{"tx":"` + unsigned + `"}]}`, notOne},
		{PaymentV1, `{"transactions":[""]}`, notHex},
		{PaymentV1, `{"transactions":["0x00"]}`, notHex},
		{PaymentV1, `{"transactions":["abc"]}`, notHex},
		{PaymentV1, `{"transactions":[17]}`, notHex},
		{PaymentV2, `{"transactions":[{"hex":"00"}]}`, notHex},
		{PaymentV2, `{"transactions":[{"tx":17}]}`, notHex},
		{VerifyV1, `{"unsignedTransaction":null}`, notHex},
		{PaymentV1, `{"transactions":["00"]}`, notTx},
		{PaymentV1, `{"transactions":["` + unsigned + `00"]}`, notTx},
		{VerifyV2, `{"transactions":[{"tx":"` + unsigned[:200] + `"}]}`, notTx},
		{VerifyV1, `{"unsignedTransaction":"` + unsigned + `","weightedSize":-1}`, unreadable},
		{VerifyV1, `{"unsignedTransaction":"` + unsigned + `","weightedSize":4000001}`, unreadable},
		{VerifyV1, `{"unsignedTransaction":"` + unsigned + `","weightedSize":1e300}`, unreadable},
		{VerifyV1, `{"unsignedTransaction":"` + unsigned + `","weightedSize":true}`, unreadable},
		{PaymentV1, `{"currency":"BCH","transactions":["` + unsigned + `"]}`, "This invoice is priced in BTC, not BCH. Please try with a BTC wallet instead"},
	} {
		m, err := Read(c.form, []byte(c.body))
		if err == nil {
			t.Errorf("%s is taken: %+v", c.body, m)
			continue
		}
		if status, text := said(t, err); status != 400 || text != c.want {
			t.Errorf("%s: %d %s", c.body, status, text)
		}
	}
	if _, err := Read(Browser, nil); err == nil {
		t.Error("a browser sends no message")
	}
}

// A fee is held against the smallest size that an unsigned transaction can become, whatever the wallet calls its size.
func TestTheSizeOfATransactionThatIsNotSigned(t *testing.T) {
	for said, want := range map[int]int64{0: 119, 225: 119, 141: 119, 900: 225} {
		m, err := Read(VerifyV2, fmt.Appendf(nil, `{"transactions":[{"tx":%q,"weightedSize":%d}]}`, unsigned, said))
		if err != nil || m.VSize() != want {
			t.Errorf("%d: %d %v", said, m.VSize(), err)
		}
	}
	m, err := Read(PaymentV2, fmt.Appendf(nil, `{"transactions":[{"tx":%q,"weightedSize":4000}]}`, unsigned))
	if err != nil || m.VSize() != 119 {
		t.Errorf("a signed one: %d %v", m.VSize(), err)
	}
}

func b70(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func TestMessagesOfBIP70(t *testing.T) {
	raw := unhex(t, unsigned)
	transactionOf := text(nil, 2, raw)
	merchantData, refund, memo := text(nil, 1, []byte("id")), text(nil, 3, []byte{0x08, 0x01}), text(nil, 4, []byte("for tea"))
	unknown := protowire.AppendFixed64(protowire.AppendTag(nil, 99, protowire.Fixed64Type), 7)

	sent := b70(merchantData, transactionOf, refund, memo, unknown)
	m, err := Read(PaymentB70, sent)
	if err != nil || string(m.Tx.Raw) != string(raw) {
		t.Fatalf("%+v %v", m, err)
	}
	a := m.Answer()
	want := "0a" + hex.EncodeToString(protowire.AppendVarint(nil, uint64(len(sent)))) + hex.EncodeToString(sent) +
		"1259" + hex.EncodeToString([]byte("Transaction received. Invoice will be marked as paid if the transaction is confirmed."))
	want = strings.Replace(want, "1259", "12"+hex.EncodeToString(protowire.AppendVarint(nil, 85)), 1)
	if a.Type != "application/bitcoin-paymentack" || a.Sign || hex.EncodeToString(a.Body) != want {
		t.Errorf("%s %x\nwant %s", a.Type, a.Body, want)
	}
	for _, size := range []uint64{0, 900} {
		m, err = Read(VerifyB70, number(text(nil, 1, raw), 2, size))
		if err != nil || m.VSize() != max(119, int64(size)/4) || string(m.Answer().Body) != "Payment appears valid" {
			t.Errorf("%+v %v", m, err)
		}
	}
	for _, c := range []struct {
		form Form
		body []byte
		want string
	}{
		{PaymentB70, nil, unreadable},
		{PaymentB70, []byte("{}"), unreadable},
		{PaymentB70, sent[:len(sent)-1], unreadable},
		{PaymentB70, merchantData, notOne},
		{PaymentB70, b70(transactionOf, transactionOf), notOne},
		{PaymentB70, text(nil, 2, nil), notTx},
		{PaymentB70, text(nil, 2, raw[:50]), notTx},
		{VerifyB70, nil, unreadable},
		{VerifyB70, number(nil, 2, 100), notOne},
		{VerifyB70, number(text(nil, 1, raw), 2, 1<<40), unreadable},
		{VerifyB70, []byte{0x0a}, unreadable},
	} {
		_, err := Read(c.form, c.body)
		if err == nil {
			t.Errorf("%x is taken", c.body)
			continue
		}
		if status, text := said(t, err); status != 400 || text != c.want {
			t.Errorf("%x: %d %s", c.body, status, text)
		}
	}
}

// Whatever comes, it is read or refused, and what is answered is JSON.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{"transactions":["` + unsigned + `"]}`, `{"chain":"BCH"}`, `{"transactions":[{"tx":"00","weightedSize":1.5}]}`, "\x12\x01\x00"} {
		for form := range uint8(12) {
			f.Add(form, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, form uint8, body []byte) {
		m, err := Read(Form(form%12), body)
		if err != nil {
			if _, text := said(t, err); strings.ContainsAny(text, "<>&") {
				t.Errorf("markup comes back: %s", text)
			}
			return
		}
		if a := m.Answer(); a.Sign && !json.Valid(a.Body) {
			t.Errorf("%q is answered with %s", body, a.Body)
		}
	})
}
