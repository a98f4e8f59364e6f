package paypro

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/money"
)

func sample() Request {
	return Request{
		ID: "Hq7mZk3VtWc9sXyB2nLdRe", URL: "https://pay.example/i/Hq7mZk3VtWc9sXyB2nLdRe", Merchant: "Example Shop", Network: Main,
		Address: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", Script: []byte{0x00, 0x14, 0x75, 0x1e, 0x76, 0xe8, 0x19, 0x91, 0x96, 0xd4, 0x54, 0x94, 0x1c, 0x45, 0xd1, 0xb3, 0xa3, 0x23, 0xf1, 0x43, 0x3b, 0xd6},
		Amount: 250_000, FeeRate: 12_500,
		Created: time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC), Expires: time.Date(2019, 1, 1, 0, 15, 0, 0, time.UTC),
	}
}

// The answers, byte by byte: they are signed, and wallets of ten years read them.
func TestTheAnswersToAWalletThatAsks(t *testing.T) {
	for _, c := range []struct {
		form Form
		kind string
		body string
		sign bool
	}{
		{
			URI, "text/uri-list",
			"bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4?amount=0.00250000&r=https://pay.example/i/Hq7mZk3VtWc9sXyB2nLdRe\r\n", false,
		},
		{
			RequestV1, "application/payment-request; charset=utf-8",
			`{"network":"main","currency":"BTC","requiredFeeRate":12.5,"outputs":[{"amount":250000,"address":"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}],` +
				`"time":"2019-01-01T00:00:00.000Z","expires":"2019-01-01T00:15:00.000Z","memo":"Payment request for invoice Hq7mZk3VtWc9sXyB2nLdRe for merchant Example Shop",` +
				`"paymentUrl":"https://pay.example/i/Hq7mZk3VtWc9sXyB2nLdRe","paymentId":"Hq7mZk3VtWc9sXyB2nLdRe"}`, true,
		},
		{
			OptionsV2, "application/json; charset=utf-8",
			`{"time":"2019-01-01T00:00:00.000Z","expires":"2019-01-01T00:15:00.000Z","memo":"Payment request for invoice Hq7mZk3VtWc9sXyB2nLdRe for merchant Example Shop",` +
				`"paymentUrl":"https://pay.example/i/Hq7mZk3VtWc9sXyB2nLdRe","paymentId":"Hq7mZk3VtWc9sXyB2nLdRe",` +
				`"paymentOptions":[{"chain":"BTC","currency":"BTC","network":"main","estimatedAmount":250000,"requiredFeeRate":12.5,"minerFee":0,"decimals":8,"selected":true}]}`, true,
		},
		{
			RequestV2, "application/json; charset=utf-8",
			`{"time":"2019-01-01T00:00:00.000Z","expires":"2019-01-01T00:15:00.000Z","memo":"Payment request for invoice Hq7mZk3VtWc9sXyB2nLdRe for merchant Example Shop",` +
				`"paymentUrl":"https://pay.example/i/Hq7mZk3VtWc9sXyB2nLdRe","paymentId":"Hq7mZk3VtWc9sXyB2nLdRe","chain":"BTC","currency":"BTC","network":"main",` +
				`"instructions":[{"type":"transaction","requiredFeeRate":12.5,"outputs":[{"amount":250000,"address":"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}]}]}`, true,
		},
	} {
		want := Answer{c.kind, []byte(c.body), c.sign}
		if diff := cmp.Diff(want, sample().Answer(c.form)); diff != "" {
			t.Errorf("form %d: %s", c.form, diff)
		}
		if c.sign && !json.Valid([]byte(c.body)) {
			t.Error("it is no JSON")
		}
	}
}

// A wallet shows the memo beside the amount. A merchant's name cannot turn the line around, hide in it or begin another.
func TestAMemoIsOneLineOfText(t *testing.T) {
	r, key := sample(), testKey(t)
	r.Merchant = "\u202ETea\u2066 \x00\x1b[2J\r\n& \u2028Biscuits שלום 🍵\U000E0041\uFEFF "
	const want = "Tea [2J & Biscuits שלום 🍵"
	for _, form := range []Form{RequestB70, RequestV1, OptionsV2, RequestV2} {
		body := r.Answer(form).Body
		if form != RequestB70 {
			var doc struct{ Memo string }
			if err := json.Unmarshal(body, &doc); err != nil {
				t.Fatal(err)
			}
			body = []byte(doc.Memo + "2") // in BIP 70 the address follows, whose tag is a 2
		}
		if !strings.Contains(string(body), " for merchant "+want+"2") {
			t.Errorf("form %d: %q", form, body)
		}
	}
	if doc := string(key.Keys(r.Merchant, nil, r.Created)); !strings.Contains(doc, `"owner":"Tea [2J \u0026 Biscuits שלום 🍵"`) {
		t.Errorf("the keys' owner: %s", doc)
	}
}

// BIP 70, as its description says: the bytes were taken apart by hand, and real clients read them in make compat.
func TestAPaymentRequestOfBIP70(t *testing.T) {
	got := sample().Answer(RequestB70)
	want := "0801" + // payment_details_version = 1
		"12046e6f6e65" + // pki_type = "none"
		"22b101" + // serialized_payment_details, 177 bytes
		"0a046d61696e" + // network = "main"
		"121c" + "0890a10f" + "1216" + "0014751e76e8199196d454941c45d1b3a323f1433bd6" + // outputs = {250000, script}
		"1880dbaae105" + "2084e2aae105" + // time, expires
		"2a4c" + hex.EncodeToString([]byte("Payment request for invoice Hq7mZk3VtWc9sXyB2nLdRe for merchant Example Shop")) +
		"322c" + hex.EncodeToString([]byte("https://pay.example/i/Hq7mZk3VtWc9sXyB2nLdRe")) +
		"4500004841" // required_fee_rate = 12.5
	if got.Type != "application/bitcoin-paymentrequest" || got.Sign || hex.EncodeToString(got.Body) != want {
		t.Errorf("%s %x\nwant %s", got.Type, got.Body, want)
	}
}

// An open price asks for no amount, and takes any.
func TestAnOpenPrice(t *testing.T) {
	r := sample()
	r.Amount = 0
	if got := string(r.Answer(URI).Body); got != "bitcoin:"+r.Address+"?r="+r.URL+"\r\n" {
		t.Error(got)
	}
	if err := r.Check(Tx{Outputs: []Output{{1, r.Script}}}); err != nil {
		t.Error(err)
	}
	if err := r.Check(Tx{Outputs: []Output{{0, r.Script}}}); err == nil {
		t.Error("nothing is a payment")
	}
}

func said(t *testing.T, err error) (int, string) {
	t.Helper()
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		t.Fatalf("%v is no refusal", err)
	}
	return r.Status, r.Text
}

// A payment pays the invoice's address, and what is due to the satoshi; in several outputs, if it must be.
func TestTheAmountMustBeExact(t *testing.T) {
	r := sample()
	other := []byte{0x51}
	for name, c := range map[string]struct {
		outputs []Output
		want    string
	}{
		"right":              {[]Output{{250_000, r.Script}}, ""},
		"with change":        {[]Output{{999, other}, {250_000, r.Script}}, ""},
		"two outputs":        {[]Output{{100_000, r.Script}, {150_000, r.Script}}, ""},
		"another's address":  {[]Output{{250_000, other}}, "The transaction you sent does not have any output to the bitcoin address on the invoice"},
		"a satoshi too few":  {[]Output{{249_999, r.Script}}, "The amount on the transaction (0.00249999 BTC) does not match the amount requested (0.00250000 BTC). This payment will not be accepted."},
		"a satoshi too much": {[]Output{{250_001, r.Script}}, "The amount on the transaction (0.00250001 BTC) does not match the amount requested (0.00250000 BTC). This payment will not be accepted."},
		"twice":              {[]Output{{250_000, r.Script}, {250_000, r.Script}}, "The amount on the transaction (0.00500000 BTC) does not match the amount requested (0.00250000 BTC). This payment will not be accepted."},
	} {
		err := r.Check(Tx{Outputs: c.outputs})
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if status, got := said(t, err); status != 400 || got != c.want {
			t.Errorf("%s: %d %s", name, status, got)
		}
	}
}

func TestFeesAreHeldAgainstWhatWasTold(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var f Fees
	at := func(d time.Duration, present, want money.SatPerVB) {
		t.Helper()
		if got := f.Threshold(present, now.Add(d)); got != want {
			t.Errorf("after %s: %d, want %d", d, got, want)
		}
	}
	at(0, 5_000, 4_500) // nothing was told yet
	f.Told(5_000, now)
	f.Told(8_000, now.Add(time.Minute))
	at(2*time.Minute, 20_000, 4_500)  // the fees rise, and who asked before still pays enough
	at(2*time.Minute, 1_000, 900)     // they fall, and nobody need pay more
	at(29*time.Minute, 20_000, 4_500) // an invoice's life
	at(31*time.Minute, 20_000, 4_500) // the period before
	f.Told(9_000, now.Add(32*time.Minute))
	at(59*time.Minute, 20_000, 4_500)
	at(62*time.Minute, 20_000, 8_100) // the first rates are forgotten
	at(5*time.Hour, 20_000, 18_000)   // all are
	f.Told(7_000, now.Add(5*time.Hour))
	at(-time.Hour, 20_000, 18_000) // a clock that was set back
}

func TestTooLowAFeeIsToldInSatoshisPerThousandBytes(t *testing.T) {
	if err := CheckFee(141, 141, 1_000); err != nil {
		t.Error(err)
	}
	status, got := said(t, CheckFee(140, 141, 1_000))
	if status != 400 || got != "Transaction fee (992 sat/kb) is below the current minimum threshold (1000 sat/kb)" {
		t.Errorf("%d %s", status, got)
	}
	if _, got := said(t, CheckFee(-5, 141, 1_000)); got != "Transaction fee (0 sat/kb) is below the current minimum threshold (1000 sat/kb)" {
		t.Error(got)
	}
}
