package desk

import (
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"satchel/auth"
	"satchel/invoice"
)

func (b *person) exports(path string) [][]string {
	b.o.t.Helper()
	res := b.do(httptest.NewRequest(http.MethodGet, at(path), http.NoBody))
	text := bodyOf(b.o.t, res)
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/csv") || !strings.HasPrefix(res.Header.Get("Content-Disposition"), `attachment; filename="satchel-`) {
		b.o.t.Fatalf("%d %v %s", res.StatusCode, res.Header, text)
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	b.o.must(err)
	return rows
}

func TestExports(t *testing.T) {
	o := newOffice(t)
	b := o.hires("vera", auth.Viewer, shopA)
	f := o.furnish(shopA)
	rows := b.exports("invoices.csv")
	if len(rows) != 8 || rows[0][0] != "invoice" || rows[1][0] != string(f.new.ID) {
		t.Fatalf("%v", rows)
	}
	of := map[string]map[string]string{}
	for _, row := range rows[1:] {
		of[row[0]] = map[string]string{}
		for i, name := range rows[0] {
			of[row[0]][name] = row[i]
		}
	}
	got := of[string(f.over.ID)]
	for name, want := range map[string]string{
		"created": "2026-05-01 12:16:01", "status": "confirmed", "exception": "paidOver", "order": "order-3", "price": "500.00", "currency": "USD", "due BTC": "0.01000000",
		"paid BTC": "0.01050000", "rate": "50000", "rate method": "fixed", "payments": "2", "marked by hand": "false", "buyer": "Ada",
	} {
		if !strings.HasPrefix(got[name], strings.TrimSuffix(want, "01")) {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	rows = b.exports("payments.csv?status=expired")
	if len(rows) != 3 || rows[1][5] != "0.00400000" || rows[1][9] != "credited" || rows[2][9] != "late" || rows[2][6] != "500.00" || rows[2][7] != "USD" || rows[2][10] != "mempool" {
		t.Errorf("%v", rows)
	}
	if rows := b.exports("invoices.csv?q=order-4"); len(rows) != 2 {
		t.Errorf("%v", rows)
	}
	if rows := b.exports("invoices.csv?to=2020-01-01"); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
	if status, _ := b.get("invoices.csv?status=none"); status != http.StatusUnprocessableEntity {
		t.Errorf("%d", status)
	}
}

// Longer than what is read at a time: every invoice once, the newest first.
func TestALongExport(t *testing.T) {
	o := newOffice(t)
	b := o.hires("vera", auth.Viewer, shopA)
	const made = 2*exportChunk + 1
	o.stocks(shopA, made)
	rows := b.exports("invoices.csv")
	if len(rows) != made+1 {
		t.Fatalf("%d rows", len(rows))
	}
	last := uint64(made + 1)
	for i, row := range rows[1:] {
		if seq := o.invoice(shopA, invoice.ID(row[0])).Ref.Seq; seq != last-1 {
			t.Fatalf("row %d is invoice %d, after %d", i, seq, last)
		}
		last--
	}
}

func TestCellsThatSpreadsheetsWouldRun(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@sum": "'@sum", "\tx": "'\tx", "\rx": "'\rx", "\nx": "'\nx", "＝1": "'＝1", "plain": "plain", "": "", "a=b": "a=b", " =1": " =1", "'=1": "'=1", "a\x00b": "ab",
		"\x00=1": "'=1",
	} {
		if got := cell(in); got != want {
			t.Errorf("%q gives %q", in, got)
		}
	}
	o := newOffice(t)
	b := o.hires("vera", auth.Viewer, shopA)
	o.sells(shopA, func(r *invoice.Request) { r.Order.OrderID, r.Order.Buyer.Name = "=HYPERLINK(\"x\")", "\"\r\n@a,b" })
	row := b.exports("invoices.csv")[1]
	if row[6] != "'=HYPERLINK(\"x\")" || row[8] != "\"\n@a,b" {
		t.Errorf("%q", row)
	}
}
