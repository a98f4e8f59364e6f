package desk

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/store/storetest"
)

func TestOverviewBeginsWithWhatNeedsAHand(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	says(t, b.loads(""), "Nothing waits for a decision.", "There is no invoice yet.", "Ready for payments", "no exchange rate now")
	f := o.furnish(shopA)
	page := b.loads("", "Paid after the end: 0.00070000 BTC (35.00 USD)", "Paid too much: 0.00050000 BTC", "Paid too little: 0.00400000 BTC", "Paid too late: 0.01000000 BTC",
		"Callbacks that do not arrive", "timeout after 30s", "Overview 4")
	for _, inv := range []invoice.Invoice{f.late, f.over, f.partial, f.stray} {
		if !strings.Contains(page, at("invoices/"+string(inv.ID))) {
			t.Errorf("no link to %s", inv.ID)
		}
	}
	page = b.sends("invoices/"+string(f.late.ID)+"/accept", "outpoint", f.lateOut.String(), "from", "overview")
	says(t, page, "The payment was accepted.", "Overview 3")
	silent(t, page, "Paid too late")
	if is := o.invoice(shopA, f.late.ID); is.Sums.In != 1_000_000 {
		t.Errorf("%+v", is.Sums)
	}
	page = b.sends("invoices/"+string(f.over.ID)+"/return", "outpoint", f.overOut.String(), "from", "overview", "txid", " "+strings.ToUpper(storetest.Txid(900).String()))
	says(t, page, "The payment was recorded as returned.", "Overview 2")
	page = b.sends("invoices/"+string(f.partial.ID)+"/adjust", "type", "acceptUnderpayment", "nonce", "n1")
	says(t, page, "The amount was accepted.", "paid")
	b.sends("invoices/"+string(f.partial.ID)+"/adjust", "type", "acceptUnderpayment", "nonce", "n1") // a double click
	if events, err := o.db.EventsOf(t.Context(), shopA, f.partial.ID); err != nil || count(events, invoice.AdjustmentComplete) != 1 {
		t.Errorf("%d adjustments, %v", count(events, invoice.AdjustmentComplete), err)
	}
	for _, c := range []struct {
		path, text string
		status     int
		members    []string
	}{
		{"invoices/" + string(f.late.ID) + "/accept", "accepted already", 409, []string{"outpoint", f.lateOut.String()}},
		{"invoices/" + string(f.late.ID) + "/accept", "is none", 422, []string{"outpoint", "x"}},
		{"invoices/" + string(f.late.ID) + "/accept", "no receipt", 404, []string{"outpoint", f.strayOut.String()}},
		{"invoices/" + string(f.stray.ID) + "/return", "64 hex digits", 422, []string{"outpoint", f.strayOut.String(), "txid", "abc"}},
		{"invoices/" + string(f.stray.ID) + "/adjust", "is unknown", 422, []string{"type", "acceptAnything"}},
		{"invoices/" + string(f.new.ID) + "/adjust", "overpaid", 409, []string{"type", "acceptOverpayment"}},
	} {
		b.refused(c.status, c.path, c.text, c.members...)
	}
}

func count(events []invoice.Logged, code invoice.Code) (n int) {
	for _, e := range events {
		if e.Code == code {
			n++
		}
	}
	return n
}

func TestAnInvoicesStory(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	f := o.furnish(shopA)
	page := b.loads("invoices/"+string(f.stray.ID), "500.00 USD complete", "1 BTC = 50,000 USD", "Paid after the end 0.00070000 BTC", "order-5", "ada@buyer.example", "Its story",
		"invoice_completed", "invoice_strayReceipt", "It came after the invoice was final.", "What goes out", `"status": "paid"`, "1 confirmation")
	if !strings.Contains(page, "https://pay.example/invoice?id="+string(f.stray.ID)) || !strings.Contains(page, f.strayOut.String()) {
		t.Error("no link for the payer, or no outpoint")
	}
	if !regexp.MustCompile(`<time datetime="2026-05-01T12:\d\d:\d\dZ" title="1 May 2026, 12:\d\d:\d\d UTC">1 May 2026, 12:\d\d UTC</time>`).MatchString(page) {
		t.Error("times are not written for people, for scripts and for the hover")
	}
	b.loads("invoices/"+string(f.late.ID), "Accept what was paid late", "the due sum was reached after the window")
	for _, id := range []string{"none", strings.Repeat("x", 5000), "%2e%2e"} {
		if status, _ := b.get("invoices/" + id); status != http.StatusNotFound {
			t.Errorf("%.20s: %d", id, status)
		}
	}
}

// BitPay's plug-ins link from an order to its invoice; the operator lands there, and nowhere else.
func TestTheAddressThatPlugInsLinkTo(t *testing.T) {
	o := newOffice(t)
	theirs, mine := o.furnish(shopA), o.furnish(shopB)
	bob, alice := o.hires("bob", auth.Viewer, shopB), o.hires("alice", auth.Owner, "")
	for _, id := range []invoice.ID{theirs.new.ID, "none"} {
		if status, _ := bob.get(home + "/payments/" + string(id)); status != http.StatusNotFound {
			t.Errorf("%s: %d", id, status)
		}
	}
	for _, c := range []struct {
		who  *person
		shop merchant.ID
		id   invoice.ID
	}{{bob, shopB, mine.new.ID}, {alice, shopA, theirs.new.ID}, {alice, shopB, mine.new.ID}} {
		res := c.who.do(httptest.NewRequest(http.MethodGet, home+"/payments/"+string(c.id), http.NoBody))
		bodyOf(t, res)
		if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != home+"/m/"+string(c.shop)+"/invoices/"+string(c.id) {
			t.Errorf("%s of %s: %d %s", c.id, c.shop, res.StatusCode, to)
		}
	}
}

func TestMarkCancelNotify(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	f := o.furnish(shopA)
	path := "invoices/" + string(f.new.ID)
	b.loads(path, "Cancel the invoice")
	says(t, b.sends(path+"/cancel"), "The invoice was cancelled.", "expired")
	b.refused(409, path+"/cancel", "Invalid invoice state for cancel")
	b.refused(422, path+"/mark", "is needed", "status", "complete", "reason", " \u202e ")
	for _, status := range []string{"paid", "expired", "new", "none", ""} {
		b.refused(422, path+"/mark", "marked invalid or complete", "status", status, "reason", "paid in cash")
	}
	says(t, b.sends(path+"/mark", "status", "complete", "reason", "paid in cash <b>"), "The invoice was marked.", "complete by hand", "paid in cash <b> (alice)")
	b.refused(409, path+"/mark", "complete already", "status", "complete", "reason", "again")

	path = "invoices/" + string(f.complete.ID)
	deliveries := func() int {
		list, err := o.db.DeliveriesOf(t.Context(), shopA, f.complete.ID)
		o.must(err)
		return len(list)
	}
	before := deliveries()
	says(t, b.sends(path+"/notify", "nonce", "n2"), "The callback is on its way again.")
	if after := deliveries(); after != before+1 {
		t.Errorf("%d deliveries after %d", after, before)
	}
	b.sends(path+"/notify", "nonce", "n2")
	if after := deliveries(); after != before+1 {
		t.Errorf("a double click sends %d", after-before)
	}
}

func TestNewInvoice(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	page := b.loads("new", "A fixed price", "as set: 15m", "24h")
	nonce := regexp.MustCompile(`name="nonce" value="([A-Z2-7]+)"`).FindStringSubmatch(page)
	if nonce == nil {
		t.Fatal("the form has no number of its own")
	}
	members := []string{
		"kind", "fixed", "price", "1250.50", "currency", "USD", "order", "A <b>1</b>", "item", "Tea\u202e set", "buyer", "Ada", "window", "24h0m0s", "speed", "low",
		"redirect", "https://tea.example/thanks", "callback", "https://tea.example/ipn", "email", "ada@tea.example", "nonce", nonce[1],
	}
	page = b.sends("new", members...)
	says(t, page, "The invoice was made.", "1,250.50 USD new", "A <b>1</b>", "https://tea.example/ipn", "low", "0.02501000 BTC")
	b.sends("new", members...) // a double click
	list, err := o.db.ListInvoices(t.Context(), shopA, invoice.Filter{})
	o.must(err)
	if len(list) != 1 {
		t.Fatalf("%d invoices", len(list))
	}
	inv := list[0]
	if inv.Expires.Sub(inv.Created) != 24*time.Hour || inv.Order.ItemDesc != "Tea set" || inv.Order.NotificationEmail != "ada@tea.example" || inv.Order.RedirectURL == "" {
		t.Errorf("%+v", inv.Order)
	}
	again := append([]string(nil), members...)
	again[3] = "7"
	b.sends("new", again...) // the same page, another price
	if list, _ = o.db.ListInvoices(t.Context(), shopA, invoice.Filter{}); len(list) != 2 {
		t.Errorf("%d invoices", len(list))
	}
	page = b.sends("new", "kind", "open", "currency", "USD", "nonce", "x")
	says(t, page, "any amount")
	for _, c := range []struct{ name, value, text string }{
		{"price", "abc", "“price”"},
		{"price", "0", "more than nothing"},
		{"price", "0.00", "more than nothing"},
		{"price", "-5", "“price”"},
		{"price", "0.001", "“price”"},
		{"price", "", "“price”"},
		{"price", "0.01", "dust"},
		{"price", "99999999999999999999", "“price”"},
		{"currency", "XXX", "“currency”"},
		{"currency", "EUR", "no exchange rate"},
		{"speed", "warp", "“speed”"},
		{"window", "1000h", "“window”"},
		{"redirect", "javascript:alert(1)", "“redirect”"},
		{"callback", "http://127.0.0.1/", ""},
		{"email", "nobody", "“email”"},
		{"email", "a@b.example, c@d.example", "“email”"},
		{"email", "A <a@b.example>", "“email”"},
	} {
		bad := append([]string{"form", b.key()}, members...)
		bad = append(bad, c.name, c.value)
		b.refused(422, "new", c.text, bad...)
	}
	if list, _ := o.db.ListInvoices(t.Context(), shopA, invoice.Filter{}); len(list) != 3 {
		t.Errorf("%d invoices", len(list))
	}
}

func TestEventsArePaged(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	says(t, b.loads("events"), "Nothing has happened yet.")
	for range 150 {
		o.sells(shopA)
	}
	page := b.loads("events", "150", "invoice_created")
	if n := strings.Count(page, "<tr><td"); n != 100 || !strings.Contains(page, "before=51") {
		t.Errorf("%d rows", n)
	}
	page = b.loads("events?before=51")
	if n := strings.Count(page, "<tr><td"); n != 50 || strings.Contains(page, "rel=\"next\"") || !strings.Contains(page, ">Newest<") {
		t.Errorf("%d rows", n)
	}
	if status, _ := b.get("events?before=x"); status != http.StatusUnprocessableEntity {
		t.Errorf("%d", status)
	}
}

func TestCharts(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	says(t, b.loads("charts"), "No payment was seen in this time.", "0 of 0")
	o.furnish(shopA)
	o.wait(time.Minute)
	page := b.loads("charts?days=7", "0.03050000 BTC", "3 of 7", "1,500.00 USD", "1 May 2026: 0.03050000 BTC", "1 May 2026: 3 paid of 7", "within 10s: 2 invoices", "within 30s: 1 invoice", "2026-05-01 7 3")
	if n := strings.Count(page, "<title>"); n != 7+7+12+1 {
		t.Errorf("%d bars", n)
	}
	b.loads("charts?days=90", "90 days")
	b.loads("charts?days=-1", "30 days")
	gift := o.sells(shopA)
	o.step(gift, func(b *invoice.Book) { o.must(b.Mark(invoice.Complete, "a gift", o.read())) }) // delivered, and not paid
	if page := b.loads("charts?days=7"); !strings.Contains(plain(page), "3 of 7") {
		t.Error("the figures are added up at every look")
	}
	o.wait(time.Minute)
	says(t, b.loads("charts?days=7"), "3 of 8")
	o.wait(24 * time.Hour)
	b = o.signs("alice")
	says(t, b.loads("charts?days=7"), "1 May 2026: 3 paid of 8", "2 May 2026: 0 paid of 0")
}

func TestBars(t *testing.T) {
	c := draw([]value{{int64(money.MaxSats), "all", "a"}, {1, "one", ""}, {0, "none", ""}}, func(n int64) string { return fmt.Sprint(n) })
	if c.Bars[0].H != chartBase-chartTop || c.Bars[1].H != 2 || c.Bars[2].H != 0 || c.Bars[0].Y != chartTop {
		t.Errorf("%+v", c.Bars)
	}
	if c := draw(nil, nil); len(c.Bars) != 0 {
		t.Errorf("%+v", c)
	}
	if c := draw([]value{{}, {}}, func(int64) string { return "" }); c.Bars[0].H != 0 {
		t.Errorf("%+v", c)
	}
}

func TestRatesWithTheirEvidence(t *testing.T) {
	o := newOffice(t)
	b := o.hires("vera", auth.Viewer, shopA)
	b.loads("rates", "50,000 USD for 1 BTC", "fixed", "yes", "No source is asked")
	b.loads("rates?code=btc", "1 BTC for 1 BTC", "par")
	b.loads("rates?code=EUR", "there is no exchange rate for EUR now")
	page := b.loads("rates?code=" + url.QueryEscape("<script>alert(1)</script>"))
	silent(t, strings.ReplaceAll(page, "&lt;", ""), "<SCRIPT>alert")
}

func TestHealth(t *testing.T) {
	o := newOffice(t)
	all, one := o.hires("alice", auth.Owner, ""), o.hires("bob", auth.Owner, shopA)
	page := all.loads("health", "Ready for payments", "987654", "1.5 MB", "rawtx connected", "sequence not connected", "disablewallet", "key-of-a")
	silent(t, page, "key-of-b")
	page = one.loads("health", "Ready for payments", "106", "key-of-a")
	silent(t, page, "987654", "key-of-b", "rawtx", "disablewallet")
	all.loads("/dashboard/m/"+string(shopB)+"/health", "key-of-b", "importdescriptors b")
	failing := newOffice(t, func(c *Config) {
		c.Health = func(context.Context) (Health, error) {
			return Health{}, fault.New(fault.Unavailable, "The store is away.")
		}
	})
	f := failing.hires("alice", auth.Owner, "")
	if status, text := f.get("health"); status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", status, text)
	}
}

func TestReasonsInWords(t *testing.T) {
	for _, code := range []string{
		"node_unreachable", "node_syncing", "node_behind", "node_pruned_gap", "node_wrong_network", "node_forked", "tip_lagging", "store_unwritable", "rates_unavailable",
	} {
		if words := reasonText(code); words == code || strings.Contains(words, "_") {
			t.Errorf("%s has no words", code)
		}
	}
	if reasonText("other") != "other" {
		t.Error("an unknown reason is lost")
	}
}

func TestSettings(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, "")
	own, other := at("settings"), "/dashboard/m/"+string(shopB)+"/settings"
	page := b.loads(own, "changed in the server’s configuration file")
	if strings.Contains(page, `name="invoice.speed"`) {
		t.Error("the configuration's settings can be typed over")
	}
	if page := b.loads(other, "invoice.window"); !strings.Contains(page, `value="15m"`) {
		t.Error("a duration is not written plainly")
	}
	says(t, b.sends(other, "invoice.window", "20m", "invoice.speed", "medium", "merchant.name", "Other shop", "wallet.key", "stolen"), "The settings were saved.")
	if len(o.set[shopB]) != 1 || o.set[shopB][0] != (Setting{Key: "invoice.window", Value: "20m"}) {
		t.Errorf("%+v", o.set)
	}
	b.sends(other, "invoice.window", "15m")
	if len(o.set[shopB]) != 1 {
		t.Errorf("what is set already was set again: %+v", o.set)
	}
	b.refused(422, other, "is not a duration", "invoice.window", "bad")
	b.refused(422, own, "the configuration's own", "invoice.window", "20m")
}

func TestTheSigningSecret(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	shop, err := o.db.Merchant(t.Context(), shopA)
	o.must(err)
	was := shop.Secrets.Webhook.Reveal()
	page := b.loads("settings")
	silent(t, page, was)
	print := regexp.MustCompile(`name="print" value="([0-9a-f]+)"`).FindStringSubmatch(page)
	if print == nil {
		t.Fatal("the form does not say which secret it replaces")
	}
	_, page = b.post("settings/secret", "do", "show")
	if !strings.Contains(html.UnescapeString(page), was) {
		t.Error("the secret is not shown")
	}
	_, page = b.post("settings/secret", "do", "rotate", "print", print[1])
	shop, err = o.db.Merchant(t.Context(), shopA)
	o.must(err)
	is := shop.Secrets.Webhook.Reveal()
	if is == was || !strings.Contains(html.UnescapeString(page), is) || len(shop.Secrets.Previous) != 1 {
		t.Errorf("rotated: %v", is != was)
	}
	says(t, page, "An earlier one signs, too")
	_, page = b.post("settings/secret", "do", "rotate", "print", print[1]) // the page is loaded again
	shop, err = o.db.Merchant(t.Context(), shopA)
	o.must(err)
	if shop.Secrets.Webhook.Reveal() != is || !strings.Contains(html.UnescapeString(page), is) {
		t.Error("loading the page again makes another secret")
	}
	if strings.Contains(o.log.String(), is) || strings.Contains(o.log.String(), was) {
		t.Error("the log holds a secret")
	}
}
