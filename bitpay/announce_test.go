package bitpay

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

// life is one invoice on its way, with what its merchant is told.
type life struct {
	t        *testing.T
	inv      invoice.Invoice
	receipts map[invoice.Outpoint]invoice.Receipt
	now      time.Time
	tip      int32
	calls    []string // of each callback: the status, or the name of the event and the status
	mails    []Mail
}

const lifeDue money.Sats = 250_000

func newLife(t *testing.T, speed merchant.Speed, full, extended bool) *life {
	t.Helper()
	inv := sample()
	inv.State.Tick = inv.Expires
	inv.Terms = invoice.Terms{
		Speed: speed, FullNotifications: full || extended, Extended: extended, InvalidAfter: time.Hour, ZeroConf: merchant.Always,
	}
	return &life{t: t, inv: inv, receipts: map[invoice.Outpoint]invoice.Receipt{}, now: inv.Created, tip: 100}
}

func (l *life) step(f func(b *invoice.Book)) {
	l.t.Helper()
	b := invoice.Open(l.inv, func() ([]invoice.Receipt, error) {
		list := []invoice.Receipt{}
		for _, r := range l.receipts {
			list = append(list, r)
		}
		return list, nil
	})
	f(b)
	inv, receipts, events, err := b.Close(invoice.View{Now: l.now, Tip: l.tip, Synced: l.now})
	if err != nil {
		l.t.Fatal(err)
	}
	l.inv = inv
	for _, r := range receipts {
		l.receipts[r.Outpoint] = r
	}
	for _, ev := range events {
		l.tell(ev)
	}
}

// tell renders an event as the daemon does.
func (l *life) tell(ev invoice.Event) {
	_, out := Render(ev, payBase)
	for _, c := range out {
		var doc struct {
			Event  struct{ Name string }
			Data   struct{ Status string }
			Status string
		}
		if err := json.Unmarshal(c.Body, &doc); err != nil {
			l.t.Fatal(err)
		}
		l.calls = append(l.calls, strings.TrimSpace(strings.TrimPrefix(doc.Event.Name, "invoice_")+" "+doc.Data.Status+doc.Status))
	}
	m, told := RenderMail(ev, Shop{Name: "My shop", Base: payBase})
	if told != (len(out) == 1) {
		l.t.Errorf("%s: %d callbacks, mail %v", ev.Code.Name(), len(out), told)
	}
	if told {
		l.mails = append(l.mails, m)
	}
}

func (l *life) pay(sats money.Sats) {
	l.t.Helper()
	l.now = l.now.Add(time.Second)
	l.step(func(b *invoice.Book) {
		b.See(invoice.Sight{
			Outpoint: invoice.Outpoint{TxID: sha256.Sum256([]byte{byte(len(l.receipts))})}, Sats: sats,
			Place: invoice.Place{Where: invoice.InMempool}, Seen: l.now, Tip: l.tip, Rate: rateOfUSD("4000"),
		}, l.now)
		b.Judge(invoice.Verdict{Yes: true, Final: true, At: l.now})
	})
}

// mine connects blocks, the first of which holds every receipt that is in none.
func (l *life) mine(blocks int) {
	l.t.Helper()
	for range blocks {
		l.now, l.tip = l.now.Add(time.Minute), l.tip+1
		at := invoice.Place{Where: invoice.InBlock, Height: l.tip, Block: sha256.Sum256([]byte{byte(l.tip)}), BlockTime: l.now}
		l.step(func(b *invoice.Book) {
			for _, r := range l.receipts {
				if r.Place.Where == invoice.InMempool {
					b.Move(r, at, invoice.Mined, l.now)
				}
			}
		})
	}
}

func (l *life) wait(d time.Duration) {
	l.t.Helper()
	l.now = l.now.Add(d)
	l.step(func(*invoice.Book) {})
}

func (l *life) empty(blocks int32) {
	l.tip += blocks
	l.wait(2 * time.Hour)
}

// What may happen to an invoice.
func pays(l *life)     { l.pay(lifeDue) }
func paysHalf(l *life) { l.pay(lifeDue / 2) }
func mined6(l *life)   { l.mine(6) }
func expires(l *life)  { l.wait(20 * time.Minute) }
func sticks(l *life)   { l.empty(3) }

func marked(to invoice.Status) func(*life) {
	return func(l *life) {
		l.step(func(b *invoice.Book) {
			if err := b.Mark(to, "told by phone", l.now); err != nil {
				l.t.Fatal(err)
			}
		})
	}
}

func cancelled(l *life) {
	l.step(func(b *invoice.Book) {
		if err := b.Cancel(l.now); err != nil {
			l.t.Fatal(err)
		}
	})
}

// TestWhoIsToldWhat is the table "Which events" of the API's notifications, a subtest for each row: the settings, what
// happens, and every callback in order. Mails are of the same events.
func TestWhoIsToldWhat(t *testing.T) {
	const full, once, extended = "full", "not full", "extended"
	for _, c := range []struct {
		setting string
		speed   merchant.Speed
		happens []func(*life)
		name    string
		want    []string
	}{
		{full, merchant.High, []func(*life){pays, mined6}, "paid and mined", []string{"confirmed", "complete"}},
		{full, merchant.Medium, []func(*life){pays, mined6}, "paid and mined", []string{"paid", "confirmed", "complete"}},
		{full, merchant.Low, []func(*life){pays, mined6}, "paid and mined", []string{"paid", "complete"}},
		{full, merchant.Medium, []func(*life){paysHalf, pays, mined6}, "overpaid in two", []string{"paid", "confirmed", "complete"}},
		{full, merchant.Medium, []func(*life){expires}, "expired", nil},
		{full, merchant.Medium, []func(*life){paysHalf, expires}, "expired in part", nil},
		{full, merchant.Medium, []func(*life){expires, pays}, "paid late", nil},
		{full, merchant.Medium, []func(*life){cancelled}, "cancelled", nil},
		{full, merchant.Medium, []func(*life){pays, sticks}, "never mined", []string{"paid", "invalid"}},
		{full, merchant.Medium, []func(*life){pays, sticks, mined6}, "mined after all", []string{"paid", "invalid", "complete"}},
		{full, merchant.Medium, []func(*life){pays, mined6, paysHalf}, "paid again", []string{"paid", "confirmed", "complete"}},
		{full, merchant.Medium, []func(*life){marked(invoice.Complete)}, "marked complete", []string{"complete"}},
		{full, merchant.Medium, []func(*life){marked(invoice.Invalid)}, "marked invalid", []string{"invalid"}},

		{once, merchant.High, []func(*life){pays, mined6}, "paid and mined", []string{"confirmed"}},
		{once, merchant.Medium, []func(*life){pays, mined6}, "paid and mined", []string{"confirmed"}},
		{once, merchant.Low, []func(*life){pays, mined6}, "paid and mined", []string{"complete"}},
		{once, merchant.Medium, []func(*life){expires}, "expired", nil},
		{once, merchant.Medium, []func(*life){pays, sticks}, "never mined", nil},

		{extended, merchant.High, []func(*life){pays, mined6}, "paid and mined", []string{
			"receivedPayment new", "paidInFull paid", "confirmed confirmed", "completed complete",
		}},
		{extended, merchant.Medium, []func(*life){pays, mined6}, "paid and mined", []string{
			"receivedPayment new", "paidInFull paid", "confirmed confirmed", "completed complete",
		}},
		{extended, merchant.Low, []func(*life){pays, mined6}, "paid and mined", []string{
			"receivedPayment new", "paidInFull paid", "confirmed confirmed", "completed complete",
		}},
		{extended, merchant.Medium, []func(*life){expires}, "1004", []string{"expired expired"}},
		{extended, merchant.Medium, []func(*life){cancelled}, "1004, cancelled", []string{"expired expired"}},
		{extended, merchant.Medium, []func(*life){paysHalf, expires}, "1010", []string{"receivedPayment new", "expiredPartial expired"}},
		{extended, merchant.Medium, []func(*life){expires, pays}, "1009", []string{"expired expired", "paidAfterExpiration expired"}},
		{extended, merchant.Medium, []func(*life){expires, paysHalf}, "1014", []string{"expired expired", "latePayment expired"}},
		{extended, merchant.Medium, []func(*life){pays, sticks}, "1013", []string{"receivedPayment new", "paidInFull paid", "failedToConfirm invalid"}},
		{extended, merchant.Medium, []func(*life){marked(invoice.Invalid)}, "1008", []string{"markedInvalid invalid"}},
		{extended, merchant.Medium, []func(*life){marked(invoice.Complete)}, "1006 by hand", []string{"completed complete"}},
		{extended, merchant.Medium, []func(*life){pays, mined6, paysHalf}, "9002", []string{
			"receivedPayment new", "paidInFull paid", "confirmed confirmed", "completed complete", "strayReceipt complete",
		}},
	} {
		t.Run(fmt.Sprintf("%s, %s: %s", c.setting, c.speed, c.name), func(t *testing.T) {
			l := newLife(t, c.speed, c.setting == full, c.setting == extended)
			for _, f := range c.happens {
				f(l)
			}
			if !slices.Equal(l.calls, c.want) {
				t.Errorf("told %q, want %q", l.calls, c.want)
			}
		})
	}
}

// TestCreationIsNotDelivered: 1001 is in the log alone.
func TestCreationIsNotDelivered(t *testing.T) {
	ev := invoice.Event{Code: invoice.Created, At: sample().Created, Invoice: sample()}
	if _, out := Render(ev, payBase); out != nil {
		t.Errorf("sent %+v", out)
	}
	if m, told := RenderMail(ev, Shop{Base: payBase}); told {
		t.Errorf("sent %+v", m)
	}
}

// TestEventNames is the table of codes.
func TestEventNames(t *testing.T) {
	for code, name := range map[invoice.Code]string{
		1001: "invoice_created", 1002: "invoice_receivedPayment", 1003: "invoice_paidInFull", 1004: "invoice_expired",
		1005: "invoice_confirmed", 1006: "invoice_completed", 1008: "invoice_markedInvalid", 1009: "invoice_paidAfterExpiration",
		1010: "invoice_expiredPartial", 1012: "invoice_manuallyNotified", 1013: "invoice_failedToConfirm", 1014: "invoice_latePayment",
		1015: "invoice_adjustmentComplete", 9001: "invoice_paymentReversed", 9002: "invoice_strayReceipt",
	} {
		ev := confirmed()
		ev.Code, ev.Invoice.Terms.Extended = code, true
		_, out := Render(ev, payBase)
		var doc struct {
			Event struct {
				Code int
				Name string
			}
			Data map[string]any
		}
		if err := json.Unmarshal(out[0].Body, &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Event.Code != int(code) || doc.Event.Name != name || doc.Data["id"] != string(ev.Invoice.ID) {
			t.Errorf("%d: %+v", code, doc)
		}
	}
}

// TestMembersOfTheBody is the row of the standard body's members: each with its JSON kind, and what is absent is omitted.
func TestMembersOfTheBody(t *testing.T) {
	const text, number, object, boolean = "string", "json.Number", "map[string]interface {}", "bool"
	always := map[string]string{
		"id": text, "url": text, "status": text, "price": number, "currency": text, "invoiceTime": number, "expirationTime": number,
		"currentTime": number, "exceptionStatus": boolean, "buyerFields": object, "paymentSubtotals": object, "paymentTotals": object,
		"exchangeRates": object, "amountPaid": number, "btcPrice": text, "btcPaid": text, "btcDue": text, "rate": number,
	}
	members := func(ev invoice.Event) map[string]string {
		document, _ := Render(ev, payBase)
		d := json.NewDecoder(strings.NewReader(string(document)))
		d.UseNumber()
		var doc map[string]any
		if err := d.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		kinds := map[string]string{}
		for name, v := range doc {
			kinds[name] = fmt.Sprintf("%T", v)
		}
		return kinds
	}
	differ := func(what string, got map[string]string, more ...string) {
		t.Helper()
		want := maps.Clone(always)
		for _, m := range more {
			name, kind, _ := strings.Cut(m, " ")
			want[name] = kind
		}
		for n := range got {
			if want[n] != got[n] {
				t.Errorf("%s: %s is %s, want %q", what, n, got[n], want[n])
			}
		}
		for n := range want {
			if got[n] == "" {
				t.Errorf("%s: no %s", what, n)
			}
		}
	}
	unsaid := invoice.Event{At: sample().Created, Invoice: bare()}
	differ("nothing said, nothing paid", members(unsaid))
	differ("all said, paid", members(confirmed()), "posData string", "orderId string", "transactionCurrency string")
	over := confirmed()
	over.Invoice.State.Exception, over.Invoice.Sums.In = invoice.PaidOver, 300_000
	differ("overpaid", members(over), "posData string", "orderId string", "transactionCurrency string", "exceptionStatus string", "overpaidAmount json.Number")
	document, _ := Render(unsaid, payBase)
	if !strings.Contains(string(document), `"buyerFields":{}`) {
		t.Errorf("no buyer: %s", document)
	}
}

// TestPosDataComesBackAsItWas: whatever a shop put in, byte for byte, in both formats.
func TestPosDataComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			`{"a":"</script>","b":"\u2028"}`, "000123", "ü€😀\u2028\u2029\u202e", " \t\r\n ", `\"\\/`, "1e5", "null", "<!--",
		})).Filter(func(s string) bool { return s != "" && !strings.ContainsRune(s, 0) }).Draw(t, "posData")
		body, err := json.Marshal(map[string]any{"price": 1, "currency": "USD", "posData": want})
		if err != nil {
			t.Fatal(err)
		}
		b, err := ParseBody(body)
		if err != nil {
			t.Fatal(err)
		}
		ev := confirmed()
		ev.Invoice.Order.PosData = b.find("posData").src
		for _, ev.Invoice.Terms.Extended = range []bool{false, true} {
			_, out := Render(ev, payBase)
			var doc struct {
				PosData string
				Data    struct{ PosData string }
			}
			if err := json.Unmarshal(out[0].Body, &doc); err != nil {
				t.Fatal(err)
			}
			if got := doc.PosData + doc.Data.PosData; got != want {
				t.Fatalf("%q came back as %q", want, got)
			}
		}
	})
}
