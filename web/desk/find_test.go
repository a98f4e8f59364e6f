package desk

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/auth"
	"satchel/invoice"
	"satchel/store/storetest"
)

func TestFindingInvoices(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	f := o.furnish(shopA)
	inv := o.invoice(shopA, f.complete.ID)
	receipts, err := o.db.Receipts(t.Context(), shopA, inv.ID, 0)
	o.must(err)
	for query, lead := range map[string]bool{
		string(inv.ID): true, inv.Address.Text: true, receipts[0].Outpoint.String(): true, receipts[0].Outpoint.TxID.String(): true, " " + string(inv.ID) + " ": true,
	} {
		status, _ := b.get("invoices?q=" + url.QueryEscape(query))
		if (status == http.StatusSeeOther) != lead {
			t.Errorf("%s: %d", query, status)
		}
	}
	for query, want := range map[string]int{
		"q=order-4": 1, "q=ORDER": 6, "q=darjeeling": 6, "q=ada%40buyer": 6, "q=nothing+of+the+kind": 0, "status=expired": 2, "status=complete": 2, "from=2026-05-02": 0, "to=2026-04-30": 0,
		"from=2026-05-01&to=2026-05-01": 7, "": 7, "q=order&status=complete": 2, "q=%3Cscript%3E": 1, "q=500": 7, "q=address-999": 0, "q=" + storetest.Txid(999_999).String(): 0,
	} {
		page := b.loads("invoices?" + query)
		if n := strings.Count(page, `class="row"`); n != want {
			t.Errorf("%s: %d rows, want %d", query, n, want)
		}
	}
	for _, bad := range []string{"status=none", "from=yesterday", "to=0000-00-00", "below=x", "below=1-x", "q=" + strings.Repeat("x", 201), "from=9999-01-01"} {
		if status, text := b.get("invoices?" + bad); status != http.StatusUnprocessableEntity || strings.Contains(text, `value="yesterday"`) {
			t.Errorf("%s: %d", bad, status)
		}
	}
}

func TestPaging(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	for range 120 {
		o.sells(shopA)
		o.wait(time.Second)
	}
	seen, target, pages := map[string]bool{}, at("invoices?status=new"), 0
	for target != "" {
		page := b.loads(target)
		pages++
		for _, m := range regexp.MustCompile(`class="row" href="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			if seen[m[1]] {
				t.Errorf("%s twice", m[1])
			}
			seen[m[1]] = true
		}
		target = ""
		if m := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(page); m != nil {
			target = strings.ReplaceAll(m[1], "&amp;", "&")
			if !strings.Contains(target, "status=new") {
				t.Error("the next page forgets the filter")
			}
			o.sells(shopA) // what comes meanwhile moves nothing
		}
	}
	if len(seen) != 120 || pages != 3 {
		t.Errorf("%d invoices on %d pages", len(seen), pages)
	}
}

// A search by words goes on where it ended, and says how far it looked.
func TestSearchGoesOn(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	old := o.sells(shopA, func(r *invoice.Request) { r.Order.ItemDesc = "a rare oolong" })
	o.far = 2 * searchChunk
	o.stocks(shopA, o.far)
	page := b.loads("invoices?q=oolong", "1,000 invoices were looked through")
	m := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatal("it does not go on")
	}
	page = b.loads(strings.ReplaceAll(m[1], "&amp;", "&"))
	if !strings.Contains(page, string(old.ID)) {
		t.Errorf("%s", plain(page))
	}
}

// lists gives the invoices of a list, page by page; a page that leads to the one invoice that was named counts as a list
// of it.
func (b *person) lists(query string) (ids []string, pages int) {
	b.o.t.Helper()
	for target := at("invoices" + query); target != ""; pages++ {
		status, page := b.get(target)
		if status == http.StatusSeeOther {
			page = b.do(httptest.NewRequest(http.MethodGet, target, http.NoBody)).Header.Get("Location")
			return append(ids, page[strings.LastIndexByte(page, '/')+1:]), pages + 1
		}
		for _, m := range regexp.MustCompile(`class="row" href="[^"]+/([^"/]+)"`).FindAllStringSubmatch(page, -1) {
			ids = append(ids, m[1])
		}
		target = ""
		if m := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(page); m != nil {
			target = html.UnescapeString(m[1])
		}
	}
	return ids, pages
}

// What is exported is what the list shows: the same invoices in the same order, whatever was looked for.
func TestAnExportIsTheList(t *testing.T) {
	o := newOffice(t)
	b := o.hires("vera", auth.Viewer, shopA)
	f := o.furnish(shopA)
	o.wait(time.Minute)
	for range 2 { // two more of an order's, and one that only speaks of it
		o.sells(shopA, func(r *invoice.Request) { r.Order.OrderID = f.complete.Order.OrderID })
		o.wait(time.Second)
	}
	o.sells(shopA, func(r *invoice.Request) { r.Order.ItemDesc = "instead of " + f.complete.Order.OrderID })
	coded := o.sells(shopA, func(r *invoice.Request) { r.Order.ItemCode = "tea-7" })
	both := o.sells(shopA)
	o.pays(f.new, 7777, 1_000_000, 104)
	o.paysBy(both, invoice.Outpoint{TxID: storetest.Txid(7777), Vout: 1}, 500_000, 104)
	tx := storetest.Txid(7777).String()
	for query, want := range map[string]int{
		"":                               12,
		string(f.over.ID):                1,
		f.over.Address.Text:              1,
		f.overOut.String():               1,
		f.overOut.TxID.String():          1,
		tx:                               2,
		tx + ":1":                        1,
		tx + ":9":                        0,
		f.complete.Order.OrderID:         3,
		"tea-7":                          1,
		"darjee":                         10,
		"ORDER-":                         11,
		"nothing of the kind":            0,
		"address-999":                    0,
		storetest.Txid(999_999).String(): 0,
		string(coded.ID)[:12]:            1,
	} {
		for _, more := range []string{"", "&status=new", "&in=anywhere"} {
			q := "?q=" + url.QueryEscape(query) + more
			ids, _ := b.lists(q)
			if more == "" && len(ids) != want {
				t.Errorf("%s: %d rows, want %d", q, len(ids), want)
			}
			var exported, paid []string
			for _, row := range b.exports("invoices.csv" + q)[1:] {
				exported = append(exported, row[0])
			}
			if !slices.Equal(ids, exported) {
				t.Errorf("%s lists %v and exports %v", q, ids, exported)
			}
			for _, row := range b.exports("payments.csv" + q)[1:] {
				paid = append(paid, row[1]+" "+row[3]+":"+row[4])
			}
			if should := o.paymentsOf(ids); !slices.Equal(paid, should) {
				t.Errorf("%s: payments %v, want %v", q, paid, should)
			}
		}
	}
}

// paymentsOf is what came in for invoices.
func (o *office) paymentsOf(ids []string) (list []string) {
	o.t.Helper()
	for _, id := range ids {
		receipts, err := o.db.Receipts(o.t.Context(), shopA, invoice.ID(id), 0)
		o.must(err)
		for _, r := range receipts {
			list = append(list, id+" "+r.Outpoint.String())
		}
	}
	return list
}

// An order of many invoices has as many pages as it needs, and the rest that speaks of it is a click away.
func TestOneOrderOfManyInvoices(t *testing.T) {
	o := newOffice(t)
	b := o.hires("vera", auth.Viewer, shopA)
	const of = 2*perPage + 7
	var want []string
	for i := range of {
		inv := o.sells(shopA, func(r *invoice.Request) { r.Order.OrderID = "subscription" })
		want = append(want, string(inv.ID))
		if i%50 == 0 {
			o.sells(shopA, func(r *invoice.Request) { r.Order.ItemDesc = "of the Subscription" })
		}
		o.wait(time.Second)
	}
	slices.Reverse(want)
	ids, pages := b.lists("?q=subscription")
	if !slices.Equal(ids, want) || pages != 3 {
		t.Errorf("%d rows on %d pages", len(ids), pages)
	}
	page := b.loads("invoices?q=subscription&status=new", "as their order. Look for it everywhere")
	m := regexp.MustCompile(`href="[^"]+/invoices([^"]+)">Look for it everywhere`).FindStringSubmatch(page)
	if m == nil {
		t.Fatal("no way to the others")
	}
	everywhere := html.UnescapeString(m[1])
	if ids, _ := b.lists(everywhere); len(ids) != of+3 {
		t.Errorf("%d rows in %s", len(ids), everywhere)
	}
	silent(t, b.loads("invoices"+everywhere), "Look for it everywhere")
	if rows := b.exports("invoices.csv" + everywhere); len(rows) != 1+of+3 {
		t.Errorf("%d rows exported", len(rows))
	}
	silent(t, b.loads("invoices?q=subscript"), "Look for it everywhere")
	says(t, b.loads("invoices?q="+url.QueryEscape(storetest.Txid(5).String()+":0")), "No invoice was paid by this output.")
	silent(t, b.loads(fmt.Sprintf("invoices?q=%s&below=%d-1", "subscription", noon().UnixNano())), "class=\"row\"")
}
