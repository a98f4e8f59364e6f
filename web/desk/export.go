package desk

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"satchel/invoice"
)

// exportChunk is how many invoices are read at a time: no read of the store is open while a client takes its time.
const exportChunk = 500

// exportInvoices writes the invoices of a list as CSV (RFC 4180).
func (v *visit) exportInvoices() error {
	return v.export("invoices", []string{
		"invoice", "created", "expires", "status", "exception", "reason", "order", "item", "buyer", "buyer e-mail", "price", "currency", "due BTC", "paid BTC",
		"late BTC", "stray BTC", "rate", "rate method", "address", "payments", "marked by hand",
	}, 0, func(s invoice.Shown, row func(...string)) {
		inv := s.Invoice
		row(string(inv.ID), stamp(inv.Created), stamp(inv.Expires), inv.State.Status.String(), inv.State.Exception.String(), string(inv.State.Reason),
			inv.Order.OrderID, inv.Order.ItemDesc, inv.Order.Buyer.Name, inv.Order.Buyer.Email, inv.Quote.Price.Fixed(), inv.Quote.Price.Code,
			inv.Due().BTC(), inv.Sums.In.BTC(), inv.Sums.Late.BTC(), inv.Sums.Stray.BTC(), inv.Quote.Rate.String(), inv.Quote.Evidence.Method,
			inv.Address.Text, strconv.FormatUint(uint64(inv.Sums.Receipts), 10), strconv.FormatBool(inv.State.Marked))
	})
}

// maxExportReceipts is how many payments of one invoice an export holds.
const maxExportReceipts = 10_000

// exportPayments writes what came in for the invoices of a list.
func (v *visit) exportPayments() error {
	tip := v.d.cfg.Tip()
	return v.export("payments", []string{
		"first seen", "invoice", "order", "transaction", "output", "BTC", "value", "currency", "rate", "counts as", "place", "height", "confirmations", "replaced by",
	}, maxExportReceipts, func(s invoice.Shown, row func(...string)) {
		for _, r := range s.Receipts {
			replaced, height, value := "", "", ""
			if r.Place.ReplacedBy != (invoice.TxID{}) {
				replaced = r.Place.ReplacedBy.String()
			}
			if r.Place.Where == invoice.InBlock {
				height = strconv.Itoa(int(r.Place.Height))
			}
			if r.Value.Code != "" {
				value = r.Value.Fixed()
			}
			row(stamp(r.FirstSeen), string(s.Invoice.ID), s.Invoice.Order.OrderID, r.Outpoint.TxID.String(), strconv.FormatUint(uint64(r.Outpoint.Vout), 10),
				r.Sats.BTC(), value, r.Value.Code, r.Rate.String(), r.Disposition.String(), r.Place.Where.String(), height,
				strconv.Itoa(int(r.Confirmations(tip))), replaced)
		}
	})
}

// stamp writes a time as spreadsheets read it, in UTC.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// export writes all pages of a list, as they are when each is read. Once something was sent, what fails breaks the
// connection, so that a part is never taken for the whole.
func (v *visit) export(name string, head []string, each int, fn func(invoice.Shown, func(...string))) error {
	w, err := readWish(v.req.URL.Query())
	if err != nil {
		return err
	}
	w.filter.Below = invoice.Mark{}
	h, err := v.track(w)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	out.UseCRLF = true
	row := func(cells ...string) {
		for i := range cells {
			cells[i] = cell(cells[i])
		}
		_ = out.Write(cells) // to memory
	}
	ctl, begun := http.NewResponseController(v.rw), false
	row(head...)
	err = v.all(h, max(each, 1), func(list []invoice.Shown) (bool, error) {
		for _, s := range list {
			fn(s, row)
		}
		out.Flush()
		if !begun {
			begun = true
			v.exportHeader(name)
		}
		_ = ctl.SetWriteDeadline(time.Now().Add(v.d.write)) //nolint:forbidigo // a socket keeps the machine's time; a test's recorder has none
		if _, err := v.rw.Write(b.Bytes()); err != nil {
			return false, nil //nolint:nilerr // the client went away
		}
		b.Reset()
		return true, nil
	})
	if err != nil && begun {
		v.d.cfg.Log.WarnContext(v.ctx(), "an export broke off", "err", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

func (v *visit) exportHeader(name string) {
	h := v.rw.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="satchel-%s-%s.csv"`, name, v.now().UTC().Format("2006-01-02")))
}

// cell makes a text safe for a spreadsheet, which would run one that begins like a formula (OWASP, "CSV injection").
func cell(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) || strings.HasPrefix(s, "＝") || strings.HasPrefix(s, "＋") || strings.HasPrefix(s, "－") || strings.HasPrefix(s, "＠") {
		s = "'" + s
	}
	return s
}
