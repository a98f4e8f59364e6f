package api

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"satchel/auth"
	"satchel/invoice"
	"satchel/notify"
	"satchel/store/storetest"
)

// nobodyElse holds a call that changes an invoice against everybody who must not make it, and leaves the invoice as it was.
func (s *shop) nobodyElse(method, path, body string, seller bool) {
	s.t.Helper()
	s.call(method, path, "", body).refused(s.t, http.StatusUnauthorized)
	s.call(method, path, "nonsense", body).refused(s.t, http.StatusUnauthorized)
	if text := s.call(method, path, s.other, body).refused(s.t, http.StatusNotFound); text != "Object not found" {
		s.t.Errorf("%s %s of another merchant: %s", method, path, text)
	}
	payout := s.issue(storetest.Shop, auth.Payout, "")
	s.call(method, path, payout, body).refused(s.t, http.StatusForbidden)
	if !seller {
		s.call(method, path, s.pos, body).refused(s.t, http.StatusForbidden)
	}
}

func TestUpdate(t *testing.T) {
	s := newShop(t, nil)
	id := s.make(`,"buyer":{"name":"Zoë","email":"old@shop.example"}`)
	path, events := "/invoices/"+id, s.codes(id)
	s.nobodyElse(http.MethodPut, path, `{"buyerEmail":"evil@shop.example"}`, false)
	for name, body := range map[string]string{
		"node": `{"buyerEmail":"zoe@shop.example"}`, "python": `{"buyer_email":"zoe@shop.example"}`,
		"php": `{"buyerEmail":"zoe@shop.example","buyerSms":null,"smsCode":null,"autoVerify":false}`,
	} {
		s.data(http.MethodPut, path, s.owner, `{"buyerEmail":"before@shop.example"}`)
		d := s.data(http.MethodPut, path, s.owner, body)
		later := s.data(http.MethodGet, path, s.owner, "")
		for _, d := range []map[string]any{d, later} {
			buyer, info := d["buyer"].(map[string]any), d["buyerProvidedInfo"].(map[string]any)
			if buyer["email"] != "zoe@shop.example" || buyer["name"] != "Zoë" || d["buyerProvidedEmail"] != "zoe@shop.example" ||
				info["emailAddress"] != "zoe@shop.example" {
				t.Errorf("%s: %v", name, d)
			}
		}
	}
	d := s.data(http.MethodPut, path, s.owner, `{"buyerSms":"+49 30 123456","smsCode":"1234","autoVerify":"true"}`)
	if info := d["buyerProvidedInfo"].(map[string]any); info["sms"] != "+49 30 123456" || info["smsVerified"] != true || d["buyerProvidedEmail"] != "zoe@shop.example" {
		t.Errorf("sms: %v", d)
	}
	if r := s.call(http.MethodGet, path, "", ""); strings.Contains(r.body, "zoe@") || strings.Contains(r.body, "123456") {
		t.Errorf("anybody sees %s", r.body)
	}
	if got := s.codes(id); got != events {
		t.Errorf("it has the events %s, had %s", got, events)
	}
	s.expire(id)
	s.data(http.MethodPut, path, s.owner, `{"buyerEmail":"late@shop.example"}`)
	s.is(id, "expired/false")
}

func TestUpdateRefusals(t *testing.T) {
	s := newShop(t, nil)
	path := "/invoices/" + s.make("")
	for body, says := range map[string]string{
		`{}`:                     "buyerEmail: is required",
		`{"buyerEmail":""}`:      "buyerEmail: is required",
		`{"status":"complete"}`:  "buyerEmail: is required",
		`{"buyerEmail":"zoe"}`:   "buyerEmail: is not an e-mail address",
		`{"buyerEmail":["a@b"]}`: "buyerEmail: must be a text",
		`{"buyerEmail":"a@shop.example","buyer_email":"b@shop.example"}`: "buyerEmail: is given twice",
		`{"buyerEmail":"a@shop.example\r\nBcc: b@shop.example"}`:         "buyerEmail: ",
		`{"buyerSms":"` + strings.Repeat("1", 99) + `"}`:                 "buyerSms: ",
		`{"buyerSms":"1","autoVerify":"maybe"}`:                          "autoVerify: ",
	} {
		if text := s.call(http.MethodPut, path, s.owner, body).refused(t, 400); !strings.HasPrefix(text, says) {
			t.Errorf("%s: %q does not say %q", body, text, says)
		}
	}
	if d := s.data(http.MethodGet, path, s.owner, ""); len(d["buyer"].(map[string]any)) != 0 || d["buyerProvidedEmail"] != nil {
		t.Errorf("a refusal left %v", d)
	}
}

func TestCancel(t *testing.T) {
	s := newShop(t, nil)
	id := s.make("")
	s.nobodyElse(http.MethodDelete, "/invoices/"+id, "", false)
	s.is(id, "new/false")
	for _, query := range []string{"", "?forceCancel=true", "?forceCancel=1", "?force_cancel=True", "?nonce=1"} {
		id := s.make("")
		d := s.data(http.MethodDelete, "/invoices/"+id+query, s.owner, "")
		if d["status"] != "expired" || d["isCancelled"] != true || d["id"] != id {
			t.Errorf("%q: %v", query, d)
		}
		if later := s.data(http.MethodGet, "/invoices/"+id, "", ""); later["isCancelled"] != true || later["status"] != "expired" {
			t.Errorf("%q: later %v", query, later)
		}
	}
	s.call(http.MethodDelete, "/invoices/nothing", s.owner, "").refused(t, 404)
}

// TestCancelInAWrongState: the one number and text that BitPay's clients know, and nothing changes.
func TestCancelInAWrongState(t *testing.T) {
	s := newShop(t, nil)
	cancelled, partial, paid, expired := s.make(""), s.make(""), s.make(""), s.make("")
	s.data(http.MethodDelete, "/invoices/"+cancelled, s.owner, "")
	s.pay(partial, 1_000)
	s.pay(paid, 100_000)
	s.expire(expired)
	for name, id := range map[string]string{"cancelled": cancelled, "partial": partial, "paid": paid, "expired": expired} {
		before := s.status(id)
		r := s.call(http.MethodDelete, "/invoices/"+id+"?forceCancel=true", s.owner, "")
		if text := r.refused(t, http.StatusConflict); text != "Invalid invoice state for cancel" || r.json(t)["code"] != "040107" {
			t.Errorf("%s: %s", name, r.body)
		}
		s.is(id, before)
	}
}

func TestRefundsAreSaidNotToBeThere(t *testing.T) {
	s := newShop(t, nil)
	path := "/invoices/" + s.make("") + "/refunds"
	for _, c := range [][2]string{
		{http.MethodPost, path}, {http.MethodGet, path}, {http.MethodGet, path + "/"}, {http.MethodGet, path + "/r1"}, {http.MethodDelete, path + "/r1"},
	} {
		s.nobodyElse(c[0], c[1], `{"guid":"g"}`, false)
		r := s.call(c[0], c[1], s.owner, `{"guid":"g","amount":5,"currency":"USD","refundEmail":"zoe@shop.example"}`)
		if text := r.refused(t, http.StatusNotImplemented); !strings.Contains(text, "Refunds are not available") || r.json(t)["code"] != "000010" {
			t.Errorf("%v: %s", c, r.body)
		}
	}
}

func (s *shop) adjust(id, kind string) reply {
	s.t.Helper()
	return s.call(http.MethodPost, "/invoices/"+id+"/adjustments", s.owner, `{"type":"`+kind+`"}`)
}

func (s *shop) adjusted(id, kind string) {
	s.t.Helper()
	if r := s.adjust(id, kind); r.status != 200 || r.body != `{"data":"Success"}` {
		s.t.Fatalf("%s: %d %s", kind, r.status, r.body)
	}
}

func (s *shop) notAdjusted(id, kind, says string) {
	s.t.Helper()
	before := s.status(id)
	if text := s.adjust(id, kind).refused(s.t, http.StatusConflict); !strings.Contains(text, says) {
		s.t.Errorf("%s: %q does not say %q", kind, text, says)
	}
	s.is(id, before)
}

func TestAdjustOverpayment(t *testing.T) {
	s := newShop(t, nil)
	id := s.make("")
	path := "/invoices/" + id + "/adjustments"
	s.notAdjusted(id, "acceptOverpayment", "nothing was overpaid")
	s.pay(id, 100_000)
	s.notAdjusted(id, "acceptOverpayment", "nothing was overpaid")
	s.pay(id, 30_000)
	s.is(id, "paid/paidOver")
	s.nobodyElse(http.MethodPost, path, `{"type":"acceptOverpayment"}`, false)
	s.adjusted(id, "acceptOverpayment")
	if d := s.data(http.MethodGet, "/invoices/"+id, s.owner, ""); fmt.Sprint(d["creditedOverpaymentAmounts"]) != "map[BTC:30000]" {
		t.Errorf("credited %v", d["creditedOverpaymentAmounts"])
	}
	if d := s.data(http.MethodGet, "/invoices/"+id, "", ""); d["creditedOverpaymentAmounts"] != nil {
		t.Error("anybody sees what was credited")
	}
	if needs, err := s.db.Attention(t.Context(), storetest.Shop, 0); err != nil || len(needs) != 0 {
		t.Errorf("it still needs a hand: %v %v", needs, err)
	}
	s.notAdjusted(id, "acceptOverpayment", "nothing was overpaid that is not accepted already")
	s.pay(id, 5_000)
	s.adjusted(id, "acceptOverpayment")
	if got := s.codes(id); got != "1001 1002 1003 1002 1015 1002 1015 " {
		t.Errorf("the events are %s", got)
	}
	one := s.make("") // too much in one payment: there is no receipt of its own to accept
	s.pay(one, 150_000)
	s.adjusted(one, "acceptOverpayment")
	s.notAdjusted(one, "acceptOverpayment", "nothing was overpaid")
	s.bury(one, 6)
	s.is(one, "complete/paidOver")
}

func TestAdjustUnderpayment(t *testing.T) {
	s := newShop(t, nil)
	id, none := s.make(""), s.make("")
	s.pay(id, 30_000)
	s.pay(id, 20_000)
	s.notAdjusted(id, "acceptUnderpayment", "the rest may still be paid")
	s.expire(id)
	s.expire(none)
	s.is(id, "expired/paidPartial")
	s.notAdjusted(none, "acceptUnderpayment", "nothing was underpaid")
	s.notAdjusted(id, "acceptOverpayment", "nothing was overpaid")
	s.notAdjusted(id, "acceptLate", "no late payment")
	s.adjusted(id, "acceptUnderpayment")
	s.is(id, "paid/false")
	s.notAdjusted(id, "acceptUnderpayment", "nothing was underpaid")
	s.bury(id, 6)
	s.is(id, "complete/false")
	if got := s.codes(id); got != "1001 1002 1002 1010 1015 1003 1005 1006 " {
		t.Errorf("the events are %s", got)
	}
}

func TestAdjustLate(t *testing.T) {
	s := newShop(t, nil)
	id := s.make("")
	s.expire(id)
	s.pay(id, 60_000)
	s.adjusted(id, "acceptLate") // credited, and still too little: that is another decision
	s.is(id, "expired/paidPartial")
	s.notAdjusted(id, "acceptLate", "no late payment")
	s.pay(id, 40_000)
	s.is(id, "expired/paidLate")
	s.adjusted(id, "acceptLate")
	s.is(id, "paid/paidLate")
	s.bury(id, 6)
	s.is(id, "complete/paidLate")
	s.pay(id, 10_000) // after the end
	s.adjusted(id, "acceptLate")
	if needs, err := s.db.Attention(t.Context(), storetest.Shop, 0); err != nil || len(needs) != 0 {
		t.Errorf("it still needs a hand: %v %v", needs, err)
	}
}

func TestAdjustmentRefusals(t *testing.T) {
	s := newShop(t, nil)
	id := s.make("")
	for _, body := range []string{`{}`, `{"type":""}`, `{"type":"acceptAll"}`, `{"type":1}`, `{"type":["acceptLate"]}`} {
		if text := s.call(http.MethodPost, "/invoices/"+id+"/adjustments", s.owner, body).refused(t, 400); !strings.HasPrefix(text, "type: ") {
			t.Errorf("%s: %s", body, text)
		}
	}
	s.call(http.MethodPost, "/invoices/nothing/adjustments", s.owner, `{"type":"acceptLate"}`).refused(t, 404)
}

// TestGUIDMakesAnAdjustmentOnce: its repetition succeeds and does nothing, also when many come at the same time.
func TestGUIDMakesAnAdjustmentOnce(t *testing.T) {
	s := newShop(t, nil)
	id := s.make("")
	s.expire(id)
	s.pay(id, 100_000)
	path, body := "/invoices/"+id+"/adjustments", `{"type":"acceptLate","guid":"g-1"}`
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if r := s.call(http.MethodPost, path, s.owner, body); r.status != 200 {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	wg.Wait()
	if got := s.codes(id); strings.Count(got, "1015") != 1 {
		t.Errorf("the events are %s", got)
	}
	s.call(http.MethodPost, path, s.owner, `{"type":"acceptOverpayment","guid":"g-1"}`).refused(t, http.StatusConflict)
	other := s.make("") // a guid is an invoice's own
	s.expire(other)
	s.pay(other, 1_000)
	if r := s.call(http.MethodPost, "/invoices/"+other+"/adjustments", s.owner, body); r.status != 200 {
		t.Errorf("the same guid for another invoice: %s", r.body)
	}
}

// sent lists the callbacks of an invoice: event id and number, and whether they were asked for by hand.
func (s *shop) sent(id string) (list []notify.Delivery) {
	s.t.Helper()
	list, err := s.db.DeliveriesOf(s.t.Context(), storetest.Shop, invoice.ID(id))
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

func (s *shop) notify(id, token, body string) reply {
	s.t.Helper()
	return s.call(http.MethodPost, "/invoices/"+id+"/notifications", token, body)
}

func TestNotifyRepeatsTheLastCallback(t *testing.T) {
	s := newShop(t, nil)
	id := s.make(`,"notificationURL":"https://shop.example/ipn"`)
	s.pay(id, 100_000)
	s.bury(id, 1)
	s.nobodyElse(http.MethodPost, "/invoices/"+id+"/notifications", `{}`, true)
	before, events := s.sent(id), s.codes(id)
	if len(before) != 2 {
		t.Fatalf("%d callbacks", len(before))
	}
	for i, token := range []string{s.owner, s.pos} {
		if r := s.notify(id, token, `{}`); r.status != 200 || r.body != `{"data":"Success"}` {
			t.Fatalf("%d %s", r.status, r.body)
		}
		list := s.sent(id)
		if len(list) != 3+i {
			t.Fatalf("%d callbacks", len(list))
		}
		last, was := list[2+i], before[1]
		if last.EventID != was.EventID || last.ID == was.ID || !last.Resend || string(last.Body) != string(was.Body) || last.State != notify.Pending {
			t.Errorf("sent %+v, want %+v again", last, was)
		}
	}
	if got := s.codes(id); got != events {
		t.Errorf("the events are %s, were %s", got, events)
	}
}

func TestNotifySaysTheStateWhereThereWasNoCallback(t *testing.T) {
	s := newShop(t, nil)
	id := s.make(`,"notificationURL":"https://shop.example/ipn"`)
	if r := s.notify(id, s.pos, `{}`); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	list := s.sent(id)
	if len(list) != 1 || list[0].Code != invoice.ManuallyNotified || !strings.Contains(string(list[0].Body), `"status":"new"`) {
		t.Fatalf("sent %+v", list)
	}
	s.notify(id, s.pos, `{}`) // now there is one
	if list := s.sent(id); len(list) != 2 || list[1].EventID != list[0].EventID {
		t.Errorf("sent %+v", list)
	}
	if got := s.codes(id); got != "1001 1012 " {
		t.Errorf("the events are %s", got)
	}
}

func TestNotifyInTheExtendedFormatSaysWhatItIs(t *testing.T) {
	s := newShop(t, nil)
	id := s.make(`,"notificationURL":"https://shop.example/ipn","extendedNotifications":true`)
	s.pay(id, 100_000)
	before := s.sent(id)
	s.notify(id, s.pos, `{}`)
	list := s.sent(id)
	if len(list) != len(before)+2 {
		t.Fatalf("%d callbacks, were %d", len(list), len(before))
	}
	again, manual := list[len(before)], list[len(before)+1]
	if again.EventID != before[len(before)-1].EventID || !strings.Contains(string(manual.Body), `"event":{"code":1012,"name":"invoice_manuallyNotified"}`) {
		t.Errorf("sent %+v and %s", again, manual.Body)
	}
}

func TestNotifyRefusals(t *testing.T) {
	s := newShop(t, nil)
	silent := s.make("")
	if text := s.notify(silent, s.pos, `{}`).refused(t, http.StatusConflict); !strings.Contains(text, "notificationURL") {
		t.Errorf("without an endpoint: %s", text)
	}
	s.notify("nothing", s.pos, `{}`).refused(t, 404)
	if got := s.codes(silent); got != "1001 " {
		t.Errorf("the events are %s", got)
	}
}

func TestGUIDMakesANoticeOnce(t *testing.T) {
	s := newShop(t, nil)
	id := s.make(`,"notificationURL":"https://shop.example/ipn"`)
	for range 3 {
		if r := s.notify(id, s.pos, `{"guid":"g-1"}`); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	if n := len(s.sent(id)); n != 1 {
		t.Errorf("%d callbacks", n)
	}
	s.notify(id, s.owner, `{"guid":"g-1","x":1}`).refused(t, http.StatusConflict)
}

// TestViewsOfAnInvoice: who sees what (BitPay API, "Invoices").
func TestViewsOfAnInvoice(t *testing.T) {
	s := newShop(t, func(_ *shop, c *Config) { c.Limits = Limits{PerSecond: -1} })
	id := s.make(`,"guid":"g","notificationURL":"https://shop.example/ipn","notificationEmail":"shop@shop.example","posData":"p","orderId":"o",` +
		`"buyer":{"name":"Zoë","phone":"1"},"physical":true,"itemDesc":"d","redirectURL":"https://shop.example/r"`)
	s.data(http.MethodPut, "/invoices/"+id, s.owner, `{"buyerEmail":"zoe@shop.example"}`)
	private := []string{"notificationURL", "notificationEmail", "buyerProvidedEmail", "buyerFields", "flags", "shopper"}
	till := []string{"guid", "fullNotifications", "extendedNotifications", "physical"}
	all := []string{"posData", "orderId", "itemDesc", "redirectURL", "status", "price", "isCancelled", "token", "url", "buyer", "buyerProvidedInfo"}
	for name, v := range map[string]struct {
		token         string
		sees, doesNot []string
	}{
		"public":   {"", all, append(private, till...)},
		"pos":      {s.pos, append(all, till...), private},
		"merchant": {s.owner, append(append(all, till...), private...), nil},
	} {
		d := s.data(http.MethodGet, "/invoices/"+id, v.token, "")
		for _, m := range v.sees {
			if _, ok := d[m]; !ok {
				t.Errorf("%s does not see %s", name, m)
			}
		}
		for _, m := range v.doesNot {
			if _, ok := d[m]; ok {
				t.Errorf("%s sees %s", name, m)
			}
		}
		if n := len(d["buyer"].(map[string]any)); (n > 0) != (name == "merchant") {
			t.Errorf("%s sees %d things of the buyer", name, n)
		}
	}
}

// TestTheInvoicesOwnToken: it is as good as its parent for the invoice that it names, and for no other.
func TestTheInvoicesOwnToken(t *testing.T) {
	s := newShop(t, nil)
	id, other := s.make(`,"notificationURL":"https://shop.example/ipn"`), s.make(`,"notificationURL":"https://shop.example/ipn"`)
	own := s.data(http.MethodGet, "/invoices/"+id, s.owner, "")["token"].(string)
	till := s.data(http.MethodGet, "/invoices/"+id, s.pos, "")["token"].(string)
	public := s.data(http.MethodGet, "/invoices/"+id, "", "")["token"].(string)
	for _, token := range []string{own, till} {
		if r := s.notify(id, token, `{}`); r.body != `{"data":"Success"}` {
			t.Errorf("a notice: %s", r.body)
		}
		if r := s.notify(other, token, `{}`); r.status < 401 || r.status > 404 {
			t.Errorf("a notice of another invoice: %d %s", r.status, r.body)
		}
	}
	if d := s.data(http.MethodPut, "/invoices/"+id, own, `{"buyerEmail":"zoe@shop.example"}`); d["token"] != own {
		t.Errorf("an update shows the token %v, want %s", d["token"], own)
	}
	s.notify(id, public, `{}`).refused(t, http.StatusUnauthorized)
	s.call(http.MethodPut, "/invoices/"+id, till, `{"buyerEmail":"evil@shop.example"}`).refused(t, http.StatusForbidden)
	s.call(http.MethodGet, "/invoices", own, "").refused(t, http.StatusUnauthorized)
	s.call(http.MethodGet, "/invoices/"+id+"/refunds", own, "").refused(t, http.StatusNotImplemented)
	if r := s.call(http.MethodGet, "/invoices/"+id+"/events", public, ""); r.status != http.StatusOK {
		t.Errorf("the events: %s", r.body)
	}
	s.data(http.MethodDelete, "/invoices/"+id, own, "")
	s.is(other, "new/false")
}
