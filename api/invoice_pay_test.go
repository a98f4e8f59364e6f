package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"satchel/fault"
	"satchel/invoice"
	"satchel/money"
	"satchel/store/storetest"
)

// bank is a payer that pays and mines as a regtest node does.
type bank struct {
	s      *shop
	slow   bool // the network makes its blocks itself
	fail   error
	unseen bool              // what is sent is not seen yet
	spent  map[string]bool   // drafts whose coins are spent otherwise
	drafts int               // made so far
	took   map[string]string // what the network has, by draft
	mu     sync.Mutex
	sent   []string
	mined  []int32
}

func (b *bank) Draft(_ context.Context, address string, sats money.Sats) (invoice.Draft, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return invoice.Draft{}, b.fail
	}
	b.drafts++
	return invoice.Draft{Wallet: "bank", TxID: storetest.Txid(1_000_000 + b.drafts), Raw: fmt.Append(nil, address, " ", int64(sats))}, nil
}

func (b *bank) Send(_ context.Context, d invoice.Draft) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent[string(d.Raw)] {
		delete(b.spent, string(d.Raw))
		return false, nil
	}
	if _, ok := b.took[d.TxID.String()]; !ok {
		b.took[d.TxID.String()] = string(d.Raw)
		b.sent = append(b.sent, string(d.Raw))
	} else if !b.unseen {
		return true, nil
	}
	if b.unseen {
		return true, fault.New(fault.Unavailable, "The answer was lost")
	}
	return true, b.see(d)
}

// see shows the daemon a payment.
func (b *bank) see(d invoice.Draft) error {
	list, err := b.s.db.ListInvoices(context.Background(), storetest.Shop, invoice.Filter{})
	if err != nil {
		return err
	}
	var address string
	var sats money.Sats
	if _, err := fmt.Sscan(string(d.Raw), &address, &sats); err != nil {
		return err
	}
	for _, inv := range list {
		if inv.Address.Text == address {
			b.s.payBy(d.TxID, string(inv.ID), sats)
		}
	}
	return nil
}

func (b *bank) Mine(_ context.Context, blocks int32) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.slow {
		return false, nil
	}
	b.mined = append(b.mined, blocks)
	list, err := b.s.db.ListInvoices(context.Background(), storetest.Shop, invoice.Filter{})
	if err != nil {
		return true, err
	}
	for _, inv := range list {
		if inv.Sums.Receipts > 0 {
			b.s.bury(string(inv.ID), blocks)
		}
	}
	return true, nil
}

func newLedger(s *shop) *bank {
	return &bank{s: s, spent: map[string]bool{}, took: map[string]string{}}
}

func newBank(t *testing.T) (*shop, *bank) {
	t.Helper()
	b := newLedger(nil)
	s := newShop(t, func(_ *shop, c *Config) { c.Payer = b })
	b.s = s
	return s, b
}

func (b *bank) did(sent, mined string) {
	b.s.t.Helper()
	if fmt.Sprint(b.sent) != sent || fmt.Sprint(b.mined) != mined {
		b.s.t.Errorf("it sent %v and mined %v, want %s and %s", b.sent, b.mined, sent, mined)
	}
}

func TestPay(t *testing.T) {
	for name, c := range map[string]struct{ speed, body, status, mined string }{
		"default":         {"medium", `{}`, "confirmed", "[1]"},
		"confirmed":       {"medium", `{"status":"confirmed"}`, "confirmed", "[1]"},
		"complete":        {"medium", `{"status":"complete"}`, "complete", "[6]"},
		"an old client's": {"medium", `{"complete":true}`, "complete", "[6]"},
		"high":            {"high", `{"status":"confirmed"}`, "confirmed", "[1]"},
		"low":             {"low", `{"status":"confirmed"}`, "complete", "[6]"},
	} {
		t.Run(name, func(t *testing.T) {
			s, bank := newBank(t)
			id := s.make(`,"transactionSpeed":"` + c.speed + `"`)
			d := s.data(http.MethodPut, "/invoices/pay/"+id, s.owner, c.body)
			if d["status"] != c.status || d["amountPaid"] != 100_000.0 || d["exceptionStatus"] != false {
				t.Errorf("got %v %v", d["status"], d["amountPaid"])
			}
			bank.did("[address-0 100000]", c.mined)
		})
	}
}

// TestPayIsDoneOnce: what is paid is not paid again, only mined on.
func TestPayIsDoneOnce(t *testing.T) {
	s, bank := newBank(t)
	id := s.make("")
	s.pay(id, 40_000) // only the rest is due
	for range 2 {
		if d := s.data(http.MethodPut, "/invoices/pay/"+id, s.owner, `{}`); d["status"] != "confirmed" {
			t.Errorf("got %v", d["status"])
		}
	}
	for range 2 {
		if d := s.data(http.MethodPut, "/invoices/pay/"+id, s.owner, `{"status":"complete"}`); d["status"] != "complete" {
			t.Errorf("got %v", d["status"])
		}
	}
	bank.did("[address-0 60000]", "[1 5]")
	together := s.make("")
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() { s.data(http.MethodPut, "/invoices/pay/"+together, s.owner, `{}`) })
	}
	wg.Wait()
	bank.did("[address-0 60000 address-1 100000]", "[1 5 1]")
}

// TestAnswersThatAreLostPayOnce: who asks again before the payment was seen has the same one sent again.
func TestAnswersThatAreLostPayOnce(t *testing.T) {
	s, bank := newBank(t)
	id := s.make("")
	path := "/invoices/pay/" + id
	bank.unseen = true
	for range 3 {
		s.call(http.MethodPut, path, s.owner, `{}`).refused(t, 503)
	}
	s.pay(id, 30_000) // the customer paid a part meanwhile: the payment may be under way all the same
	s.call(http.MethodPut, path, s.owner, `{}`).refused(t, 503)
	bank.did("[address-0 100000]", "[]")
	inv, err := s.db.Invoice(t.Context(), storetest.Shop, invoice.ID(id))
	if err != nil || inv.Draft.Wallet != "bank" {
		t.Fatalf("kept is %+v %v", inv.Draft, err)
	}
	if err := bank.see(inv.Draft); err != nil {
		t.Fatal(err)
	}
	if d := s.data(http.MethodPut, path, s.owner, `{}`); d["status"] != "confirmed" || d["exceptionStatus"] != "paidOver" {
		t.Errorf("got %v %v", d["status"], d["exceptionStatus"])
	}
	bank.did("[address-0 100000]", "[1]")
}

// TestAPaymentThatWasSeenMakesRoomForTheRest: what the first payment does not cover any more, another one pays.
func TestAPaymentThatWasSeenMakesRoomForTheRest(t *testing.T) {
	s, bank := newBank(t)
	id := s.make("")
	s.pay(id, 40_000)
	bank.slow = true
	s.data(http.MethodPut, "/invoices/pay/"+id, s.owner, `{}`)
	s.step(id, func(b *invoice.Book) { // the customer takes his part back
		receipts, err := s.db.Receipts(t.Context(), storetest.Shop, invoice.ID(id), 0)
		if err != nil {
			t.Error(err)
		}
		b.Move(receipts[0], invoice.Place{Where: invoice.Gone}, invoice.Replaced, s.now())
	})
	s.is(id, "new/paidPartial")
	if d := s.data(http.MethodPut, "/invoices/pay/"+id, s.owner, `{}`); d["status"] != "paid" {
		t.Errorf("got %v", d["status"])
	}
	bank.did("[address-0 60000 address-0 40000]", "[]")
}

// TestAPaymentWhoseCoinsAreSpentIsMadeAnew: only what can never be mined is given up.
func TestAPaymentWhoseCoinsAreSpentIsMadeAnew(t *testing.T) {
	s, bank := newBank(t)
	id := s.make("")
	bank.spent["address-0 100000"] = true
	if d := s.data(http.MethodPut, "/invoices/pay/"+id, s.owner, `{}`); d["status"] != "confirmed" {
		t.Errorf("got %v", d["status"])
	}
	bank.did("[address-0 100000]", "[1]")
	if bank.drafts != 2 {
		t.Errorf("it made %d payments ready", bank.drafts)
	}
}

func TestPayWhereBlocksComeByThemselves(t *testing.T) {
	s, bank := newBank(t)
	bank.slow = true
	id := s.make("")
	if d := s.data(http.MethodPut, "/invoices/pay/"+id, s.owner, `{"status":"complete"}`); d["status"] != "paid" {
		t.Errorf("got %v", d["status"])
	}
	bank.did("[address-0 100000]", "[]")
}

func TestPayRefusals(t *testing.T) {
	s, bank := newBank(t)
	id, expired := s.make(""), s.make("")
	path := "/invoices/pay/" + id
	s.nobodyElse(http.MethodPut, path, `{}`, false)
	for _, body := range []string{`{"status":"paid"}`, `{"status":1}`, `{"status":["confirmed"]}`} {
		if text := s.call(http.MethodPut, path, s.owner, body).refused(t, 400); !strings.HasPrefix(text, "status: ") {
			t.Errorf("%s: %s", body, text)
		}
	}
	s.call(http.MethodPut, "/invoices/pay/nothing", s.owner, `{}`).refused(t, 404)
	s.call(http.MethodGet, path, s.owner, "").refused(t, 405)
	bank.fail = fault.New(fault.Unavailable, "The node did not pay")
	if text := s.call(http.MethodPut, path, s.owner, `{}`).refused(t, 503); text != "The node did not pay" {
		t.Errorf("a node that is away: %s", text)
	}
	bank.fail = nil
	s.data(http.MethodDelete, "/invoices/"+id, s.owner, "")
	s.expire(expired)
	for _, id := range []string{id, expired} {
		if text := s.call(http.MethodPut, "/invoices/pay/"+id, s.owner, `{}`).refused(t, 409); !strings.Contains(text, "is expired") {
			t.Errorf("an expired one: %s", text)
		}
	}
	bank.did("[]", "[]")
	free := s.post(`{"price":0,"currency":"USD"}`, "Authorization", "Bearer "+s.owner).json(t)["data"].(map[string]any)
	if d := s.data(http.MethodPut, "/invoices/pay/"+free["id"].(string), s.owner, `{}`); d["status"] != "complete" {
		t.Errorf("nothing was asked for: %v", d["status"])
	}
}

func TestNobodyPaysOnMainnet(t *testing.T) {
	s := newShop(t, nil)
	id := s.make("")
	if text := s.call(http.MethodPut, "/invoices/pay/"+id, s.owner, `{}`).refused(t, 403); !strings.Contains(text, "test networks only") {
		t.Error(text)
	}
	s.is(id, "new/false")
}

// TestPayThatIsNotSeen: a payment that does not come is said to be late, within the call's time.
func TestPayThatIsNotSeen(t *testing.T) {
	s := newShop(t, func(_ *shop, c *Config) { c.Payer = lostPayer{} })
	inv, err := s.db.Invoice(t.Context(), storetest.Shop, invoice.ID(s.make("")))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.api.await(ctx, inv, "paid", func(invoice.Invoice) bool { return false }); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
	if s.hub.Len() != 0 {
		t.Errorf("%d still wait", s.hub.Len())
	}
	s.api.paying <- struct{}{}
	if err := s.api.turn(ctx); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}

type lostPayer struct{}

func (lostPayer) Draft(context.Context, string, money.Sats) (invoice.Draft, error) {
	return invoice.Draft{}, nil
}
func (lostPayer) Send(context.Context, invoice.Draft) (bool, error) { return true, nil }
func (lostPayer) Mine(context.Context, int32) (bool, error)         { return true, nil }

// TestPayMinesABlockAlsoWhereNoneIsNeeded: who asks for confirmed wants to see a confirmation.
func TestPayMinesABlockAlsoWhereNoneIsNeeded(t *testing.T) {
	s, bank := newBank(t)
	id := s.make(`,"transactionSpeed":"high"`)
	s.pay(id, 100_000)
	s.step(id, func(b *invoice.Book) { b.Judge(invoice.Verdict{Yes: true, Final: true, At: s.now()}) })
	s.is(id, "confirmed/false")
	d := s.data(http.MethodPut, "/invoices/pay/"+id, s.owner, `{}`)
	if txs := d["transactions"].([]any); d["status"] != "confirmed" || txs[0].(map[string]any)["confirmations"] != 1.0 {
		t.Errorf("got %v %v", d["status"], txs)
	}
	bank.did("[]", "[1]")
}
