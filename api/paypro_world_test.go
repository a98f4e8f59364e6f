package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"satchel/invoice"
	"satchel/money"
	"satchel/paypro"
)

// bankNode is a node for transactions that wallets hand in: func fields for what a test wants otherwise.
type bankNode struct {
	mu       sync.Mutex
	paid     []paypro.TxID
	verified int
	verify   func(tx paypro.Tx, vsize int64) error
	pay      func(tx paypro.Tx) error
	has      func(tx paypro.Tx) (bool, error)
}

func (b *bankNode) FeeRate(context.Context) money.SatPerVB { return 1500 }

func (b *bankNode) Verify(_ context.Context, tx paypro.Tx, vsize int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.verified++
	if b.verify != nil {
		return b.verify(tx, vsize)
	}
	return nil
}

func (b *bankNode) Pay(_ context.Context, tx paypro.Tx) error {
	b.mu.Lock()
	pay := b.pay
	b.mu.Unlock()
	if pay != nil {
		if err := pay(tx); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.paid = append(b.paid, tx.ID)
	return nil
}

func (b *bankNode) Has(_ context.Context, tx paypro.Tx) (bool, error) {
	if b.has != nil {
		return b.has(tx)
	}
	return false, nil
}

func (b *bankNode) payments() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.paid)
}

func signingKey(t testing.TB) paypro.Key {
	t.Helper()
	k, err := paypro.NewKey([32]byte{31: 1}, paypro.Regtest)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// payScript is where the invoices of these tests are paid.
var payScript = append([]byte{0x00, 0x14}, bytes.Repeat([]byte{7}, 20)...)

// till is an API with an open invoice whose payments arrive as they are taken.
type till struct {
	*world
	id string
}

func newTill(t *testing.T, change func(*Config)) *till {
	t.Helper()
	l := &till{world: start(t, change)}
	inv, err := l.Create(t.Context(), invoice.Request{})
	if err != nil {
		t.Fatal(err)
	}
	l.id = string(inv.ID)
	l.edit(func(inv *invoice.Invoice) { inv.Address.Script = payScript })
	l.bank.pay = func(tx paypro.Tx) error {
		l.receive(tx.ID, 250_000)
		return nil
	}
	return l
}

func (l *till) edit(change func(*invoice.Invoice)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	inv := l.made[invoice.ID(l.id)]
	change(&inv)
	l.made[inv.ID] = inv
}

// receive is what the tracker does.
func (l *till) receive(id paypro.TxID, sats money.Sats) {
	l.edit(func(inv *invoice.Invoice) {
		inv.Sums.In += sats
		inv.Sums.Receipts++
		if inv.Sums.In >= inv.Due() {
			inv.State.Status = invoice.Paid
		}
		l.receipts[inv.ID] = append(l.receipts[inv.ID], invoice.Receipt{
			Outpoint: invoice.Outpoint{TxID: invoice.TxID(id)}, Sats: sats, Place: invoice.Place{Where: invoice.InMempool},
		})
	})
}

func (l *till) get(headers ...string) reply {
	return l.send(http.MethodGet, "/i/"+l.id, "", headers...)
}

func (l *till) put(kind, body string, headers ...string) reply {
	return l.send(http.MethodPost, "/i/"+l.id, body, append([]string{"Content-Type", kind}, headers...)...)
}

// tx makes a transaction in hex that pays an amount; n makes it another one.
func tx(t testing.TB, sats int64, n uint32) string {
	t.Helper()
	return transaction(t, sats, n, payScript)
}

func transaction(t testing.TB, sats int64, n uint32, script []byte) string {
	t.Helper()
	m := wire.NewMsgTx(2)
	m.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: n}})
	m.AddTxOut(wire.NewTxOut(sats, script))
	m.AddTxOut(wire.NewTxOut(9_000, []byte{0x51}))
	var b bytes.Buffer
	if err := m.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b.Bytes())
}

func payV1(tx string) string { return `{"currency":"BTC","transactions":["` + tx + `"]}` }

func payV2(tx string) string {
	return `{"chain":"BTC","currency":"BTC","transactions":[{"tx":"` + tx + `","weightedSize":141}]}`
}

// told wants a refusal in the words of the protocol.
func (r reply) told(t testing.TB, status int, text string) {
	t.Helper()
	if r.status != status || r.body != text || r.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%d %q as %s, want %d %q", r.status, r.body, r.header.Get("Content-Type"), status, text)
	}
	if r.header.Get("Access-Control-Allow-Origin") != "*" || r.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the headers are %v", r.header)
	}
}

// signed wants an answer with its signature.
func (r reply) signed(t testing.TB, kind, has string) {
	t.Helper()
	if r.status != http.StatusOK || r.header.Get("Content-Type") != kind || !strings.Contains(r.body, has) {
		t.Fatalf("%d %s as %s", r.status, r.body, r.header.Get("Content-Type"))
	}
	sum := sha256.Sum256([]byte(r.body))
	h, want := r.header, signingKey(t).Sign([]byte(r.body))
	if h.Get("Digest") != "SHA-256="+hex.EncodeToString(sum[:]) || h.Get("Signature") != want.Signature || h.Get("X-Signature") != want.Signature ||
		h.Get("X-Signature-Type") != "ecc" || h.Get("X-Identity") != signingKey(t).Identity() {
		t.Errorf("the headers are %v", h)
	}
	for _, name := range []string{"Digest", "Signature", "X-Signature-Type", "X-Identity"} {
		if !strings.Contains(h.Get("Access-Control-Expose-Headers"), name) {
			t.Errorf("a page cannot read %s", name)
		}
	}
}

const (
	v2       = "X-Paypro-Version"
	closed   = "This invoice is no longer accepting payments"
	jsonType = "application/json; charset=utf-8"
)
