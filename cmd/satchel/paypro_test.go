package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire"
	"google.golang.org/protobuf/encoding/protowire"
)

// A wallet asks, verifies, pays; the very next look at the invoice shows it paid, and callbacks follow.
func TestWalletsPayByThePaymentProtocols(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := newPayer(t, s)
	t.Run("version 2", func(t *testing.T) {
		inv := s.invoice("20", "USD", "medium", nil)
		address, sats, _ := p.asks(inv)
		if address != inv.Address || sats != 40_000 {
			t.Fatalf("%s %d", address, sats)
		}
		d := p.draft(address, sats)
		if status, text := p.verifies(inv, d.Unsigned); status != 200 || !strings.Contains(text, "Payment appears valid") {
			t.Fatalf("%d %s", status, text)
		}
		if is := s.get(inv.ID).Status; is != "new" {
			t.Fatalf("verified, and %s", is)
		}
		status, text := p.pays(inv, d.Signed)
		if status != 200 || !strings.Contains(text, received) {
			t.Fatalf("%d %s", status, text)
		}
		if is := s.get(inv.ID).Status; is != "paid" {
			t.Errorf("the answer said received, and the invoice is %s", is)
		}
		if again, same := p.pays(inv, d.Signed); again != 200 || same != text {
			t.Errorf("again: %d %s", again, same)
		}
		s.mine(6)
		s.becomes(inv.ID, "complete", false)
		s.told(inv.ID, "paid confirmed complete")
		if again, same := p.pays(inv, d.Signed); again != 200 || same != text {
			t.Errorf("again after it was complete: %d %s", again, same)
		}
		s.kill()
		s.start()
		if again, same := p.pays(inv, d.Signed); again != 200 || same != text {
			t.Errorf("again after a restart: %d %s", again, same)
		}
	})
	t.Run("version 1", func(t *testing.T) {
		inv := s.invoice("21", "USD", "medium", nil)
		status, h, body := p.say(http.MethodGet, "/i/"+inv.ID, nil, "Accept", "application/payment-request")
		if status != 200 || h.Get("Signature") == "" || !strings.Contains(string(body), inv.Address) {
			t.Fatalf("%d %v %s", status, h, body)
		}
		d := p.draft(inv.Address, sats(t, inv.Due))
		verify := fmt.Sprintf(`{"currency":"BTC","unsignedTransaction":"%x","weightedSize":222}`, d.Unsigned)
		if status, _, body := p.say(http.MethodPost, "/i/"+inv.ID, []byte(verify), "Content-Type", "application/verify-payment"); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		pay := fmt.Sprintf(`{"currency":"BTC","transactions":["%x"]}`, d.Signed)
		if status, _, body := p.say(http.MethodPost, "/i/"+inv.ID, []byte(pay), "Content-Type", "application/payment"); status != 200 || !strings.Contains(string(body), received) {
			t.Fatalf("%d %s", status, body)
		}
		if is := s.get(inv.ID).Status; is != "paid" {
			t.Errorf("it is %s", is)
		}
	})
	t.Run("BIP 70", func(t *testing.T) {
		inv := s.invoice("22", "USD", "medium", nil)
		status, h, body := p.say(http.MethodGet, "/i/"+inv.ID, nil, "Accept", "application/bitcoin-paymentrequest")
		if status != 200 || h.Get("Content-Type") != "application/bitcoin-paymentrequest" || !bytes.Contains(body, []byte("/i/"+inv.ID)) {
			t.Fatalf("%d %v %q", status, h, body)
		}
		d := p.draft(inv.Address, sats(t, inv.Due))
		verify := append(append(protowire.AppendVarint([]byte{0x0a}, uint64(len(d.Unsigned))), d.Unsigned...), 0x10, 0x8d, 0x01)
		if status, _, body := p.say(http.MethodPost, "/i/"+inv.ID, verify, "Content-Type", "application/bitcoin-verify-payment"); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		pay := append(protowire.AppendVarint([]byte{0x12}, uint64(len(d.Signed))), d.Signed...)
		status, h, body = p.say(http.MethodPost, "/i/"+inv.ID, pay, "Content-Type", "application/bitcoin-payment")
		if status != 200 || h.Get("Content-Type") != "application/bitcoin-paymentack" || !bytes.Contains(body, pay) {
			t.Fatalf("%d %v %q", status, h, body)
		}
		if is := s.get(inv.ID).Status; is != "paid" {
			t.Errorf("it is %s", is)
		}
	})
	t.Run("a browser", func(t *testing.T) {
		inv := s.invoice("1", "USD", "medium", nil)
		status, h, _ := p.say(http.MethodGet, "/i/"+inv.ID, nil, "Accept", "text/html,*/*;q=0.8")
		if status != http.StatusFound || h.Get("Location") != inv.URL {
			t.Errorf("%d %s, want %s", status, h.Get("Location"), inv.URL)
		}
	})
	t.Run("broadcast by the wallet itself, and handed in all the same", func(t *testing.T) {
		inv := s.invoice("23", "USD", "medium", nil)
		d := p.draft(inv.Address, sats(t, inv.Due))
		_, err := s.node.Send(t.Context(), d.Signed)
		s.must(err)
		if status, text := p.pays(inv, d.Signed); status != 200 {
			t.Errorf("%d %s", status, text)
		}
		s.becomes(inv.ID, "paid", false)
	})
	t.Run("the rest of a payment in part", func(t *testing.T) {
		inv := s.invoice("24", "USD", "medium", nil)
		s.pay(inv.Address, 10_000)
		s.becomes(inv.ID, "new", "paidPartial")
		s.mine(1)
		address, rest, _ := p.asks(inv)
		if rest != sats(t, inv.Due)-10_000 {
			t.Fatalf("%d", rest)
		}
		if status, text := p.pays(inv, p.draft(address, rest).Signed); status != 200 {
			t.Errorf("%d %s", status, text)
		}
		if is := s.get(inv.ID).Status; is != "paid" {
			t.Errorf("it is %s", is)
		}
	})
}

// What is not right is refused before a coin moves.
func TestPaymentsThatAreNotRight(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := newPayer(t, s)
	inv := s.invoice("20", "USD", "medium", nil)
	const due = 40_000
	other, err := s.node.NewAddress(t.Context())
	s.must(err)
	right := p.draft(inv.Address, due)

	t.Run("amounts and outputs", func(t *testing.T) {
		for sats, text := range map[int64]string{
			due - 1: "The amount on the transaction (0.00039999 BTC) does not match the amount requested (0.00040000 BTC). This payment will not be accepted.",
			due + 1: "The amount on the transaction (0.00040001 BTC) does not match the amount requested (0.00040000 BTC). This payment will not be accepted.",
		} {
			d := p.draft(inv.Address, sats)
			status, said := p.verifies(inv, d.Unsigned)
			p.refused(inv, status, said, text, 400)
			status, said = p.pays(inv, d.Signed)
			p.refused(inv, status, said, text, 400)
		}
		status, said := p.pays(inv, p.draft(other, due).Signed)
		p.refused(inv, status, said, "The transaction you sent does not have any output to the bitcoin address on the invoice", 400)
		two := fmt.Sprintf(`{"chain":"BTC","transactions":[{"tx":"%x"},{"tx":"%x"}]}`, right.Signed, right.Signed)
		status, _, body := p.say(http.MethodPost, "/i/"+inv.ID, []byte(two), "Content-Type", "application/payment", "x-paypro-version", "2")
		p.refused(inv, status, string(body), "Request must include exactly one (1) transaction", 400)
	})
	t.Run("too low a fee", func(t *testing.T) {
		var whole btcwire.MsgTx
		s.must(whole.Deserialize(bytes.NewReader(right.Signed)))
		fee := 2 * int64(3*whole.SerializeSizeStripped()+whole.SerializeSize()+3) / 4
		stingy := func(tx *btcwire.MsgTx) { // the change takes all but five satoshis of the fee
			for _, out := range tx.TxOut {
				if out.Value != due {
					out.Value += fee - 5
				}
			}
		}
		signed := p.altered(right.Unsigned, stingy)
		status, said := p.pays(inv, signed)
		if !strings.HasPrefix(said, "Transaction fee (") || !strings.HasSuffix(said, " sat/kb) is below the current minimum threshold (90 sat/kb)") {
			t.Errorf("%s", said)
		}
		p.refused(inv, status, said, said, 400)
		status, again := p.verifies(inv, signed)
		p.refused(inv, status, again, again, 400)
	})
	t.Run("not final", func(t *testing.T) {
		signed := p.altered(right.Unsigned, func(tx *btcwire.MsgTx) {
			tx.LockTime = 1_000_000
			tx.TxIn[0].Sequence = 0xfffffffe
		})
		status, said := p.pays(inv, signed)
		p.refused(inv, status, said, notSent, 500)
	})
	t.Run("not signed", func(t *testing.T) {
		status, said := p.pays(inv, right.Unsigned)
		p.refused(inv, status, said, notSent, 500)
	})
	t.Run("another chain", func(t *testing.T) {
		var tx btcwire.MsgTx
		s.must(tx.Deserialize(bytes.NewReader(right.Signed)))
		tx.TxIn[0].PreviousOutPoint.Hash[0] ^= 1
		var b bytes.Buffer
		s.must(tx.Serialize(&b))
		status, said := p.pays(inv, b.Bytes())
		p.refused(inv, status, said, noInput, 422)
		status, said = p.verifies(inv, b.Bytes())
		p.refused(inv, status, said, noInput, 422)
		status, _, body := p.say(http.MethodPost, "/i/"+inv.ID, []byte(`{"chain":"BCH"}`), "Content-Type", "application/payment-request", "x-paypro-version", "2")
		p.refused(inv, status, string(body), "This invoice is priced in BTC, not BCH. Please try with a BTC wallet instead", 400)
	})
	t.Run("coins in no block", func(t *testing.T) {
		young, err := s.node.Pay(t.Context(), other, 100_000)
		s.must(err)
		vout := outputOf(t, s.node, young.String(), 100_000)
		signed := p.altered(right.Unsigned, func(tx *btcwire.MsgTx) {
			hash := tx.TxIn[0].PreviousOutPoint.Hash
			copy(hash[:], young[:])
			tx.TxIn = []*btcwire.TxIn{{PreviousOutPoint: btcwire.OutPoint{Hash: hash, Index: vout}, Sequence: 0xfffffffd}}
			for _, out := range tx.TxOut {
				if out.Value != due {
					out.Value = 50_000
				}
			}
		})
		status, said := p.pays(inv, signed)
		p.refused(inv, status, said, youngCoin, 422)
		status, said = p.verifies(inv, signed)
		p.refused(inv, status, said, youngCoin, 422)
		s.mine(1)
	})
	t.Run("spent twice", func(t *testing.T) {
		first := p.draft(inv.Address, due)
		var tx btcwire.MsgTx
		s.must(tx.Deserialize(bytes.NewReader(first.Unsigned)))
		change := tx.TxOut[0].PkScript
		if tx.TxOut[0].Value == due {
			change = tx.TxOut[1].PkScript
		}
		twice := p.altered(first.Unsigned, func(tx *btcwire.MsgTx) { tx.LockTime++ })
		elsewhere := p.altered(first.Unsigned, func(tx *btcwire.MsgTx) {
			for _, out := range tx.TxOut { // the same coins go somewhere else
				out.PkScript = change
			}
		})
		_, err := s.node.Send(t.Context(), elsewhere)
		s.must(err)
		for _, signed := range [][]byte{first.Signed, twice} {
			status, said := p.pays(inv, signed)
			if status != 500 || said != notSent {
				t.Errorf("%d %s", status, said)
			}
		}
		status, said := p.verifies(inv, first.Unsigned)
		if status != 422 || said != noInput {
			t.Errorf("%d %s", status, said)
		}
		s.mine(1)
	})
	t.Run("the node is away", func(t *testing.T) {
		fresh := s.invoice("20", "USD", "medium", nil)
		d := p.draft(fresh.Address, due)
		s.must(s.node.Pause())
		// The request can still be read.
		if _, sats, _ := p.asks(fresh); sats != due {
			t.Errorf("%d", sats)
		}
		status, said := p.pays(fresh, d.Signed)
		if status != 503 || said != "The bitcoin node is not available. Try again shortly" {
			t.Errorf("%d %s", status, said)
		}
		s.must(s.node.Resume())
		s.eventually("the node is back", func() bool { status, _ := p.pays(fresh, d.Signed); return status == 200 })
		s.becomes(fresh.ID, "paid", false)
	})
	t.Run("expired and unknown", func(t *testing.T) {
		late := s.invoice("20", "USD", "medium", nil)
		d := p.draft(late.Address, due)
		s.run(nil, "clock", "advance", "16m")
		if status, said := p.pays(late, d.Signed); status != 400 || said != gone {
			t.Errorf("%d %s", status, said)
		}
		// Once the network has it, a refusal would only make the wallet pay again.
		_, err := s.node.Call(t.Context(), "sendrawtransaction", hex.EncodeToString(d.Signed))
		s.must(err)
		if status, said := p.pays(late, d.Signed); status != 200 {
			t.Errorf("what was sent already: %d %s", status, said)
		}
		for _, accept := range []string{"application/payment-options", "application/bitcoin-paymentrequest"} {
			if status, _, said := p.say(http.MethodGet, "/i/"+late.ID, nil, "Accept", accept); status != 400 || string(said) != gone {
				t.Errorf("%d %s", status, said)
			}
		}
		status, _, said := p.say(http.MethodGet, "/i/Hq7mZk3VtWc9sXyB2nLdRe", nil, "Accept", "application/payment-options")
		if status != 404 || string(said) != "This invoice was not found or has been archived" {
			t.Errorf("%d %s", status, said)
		}
	})
}

// Two wallets scan the same code and pay at the same moment: one pays, the other keeps its coins.
func TestTwoWalletsPayOneInvoice(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := newPayer(t, s)
	inv := s.invoice("20", "USD", "medium", nil)
	one := p.draft(inv.Address, 40_000)
	two := p.altered(one.Unsigned, func(tx *btcwire.MsgTx) { tx.LockTime++ })
	var wg sync.WaitGroup
	statuses := make([]int, 2)
	for i, signed := range [][]byte{one.Signed, two} {
		wg.Go(func() { statuses[i], _ = p.pays(inv, signed) })
	}
	wg.Wait()
	if statuses[0]+statuses[1] != 600 {
		t.Errorf("answers %v", statuses)
	}
	if doc := s.becomes(inv.ID, "paid", false); doc["amountPaid"] != json.Number("40000") {
		t.Errorf("paid %v", doc["amountPaid"])
	}
}
