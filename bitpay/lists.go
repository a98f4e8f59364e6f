package bitpay

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"satchel/fault"
	"satchel/invoice"
)

// Bounds of a list. BitPay's own are not published; its clients ask for 50 or 100.
const (
	defaultLimit = 100
	maxLimit     = 1000
	maxOffset    = 1<<31 - 1 // more invoices than there will be
)

// lastYear bounds what a time is compared with: the store's end in 2262.
const lastYear = 2200

// DecodeFilter reads the query of GET /invoices (BitPay API, "Invoices", "Conventions"): dateStart, dateEnd, status,
// orderId, itemCode, limit (100 where it is absent, 1,000 at most) and offset. Plain dates are days in UTC, and the end
// day belongs to the range. Errors are fault.Invalid and name the parameter.
func DecodeFilter(q Query) (invoice.Filter, error) {
	p := &params{query: q}
	f := invoice.Filter{
		OrderID:  p.text("orderId", "orderID", "order_id"),
		ItemCode: p.text("itemCode", "item_code"),
		Limit:    int(p.number("limit", maxLimit)),   //nolint:gosec // bounded
		Offset:   int(p.number("offset", maxOffset)), //nolint:gosec // bounded
	}
	if f.Limit == 0 {
		f.Limit = defaultLimit
	}
	if word := p.text("status"); word != "" {
		s, ok := invoice.ParseStatus(strings.ToLower(word))
		if !ok {
			p.fail("status", "%q is not a state of an invoice", clip(word, 16))
		}
		f.Status = s
	}
	f.From, _ = p.time("dateStart", "date_start", "startDate")
	to, span := p.time("dateEnd", "date_end", "endDate")
	if !to.IsZero() {
		if to.Before(f.From) {
			p.fail("dateEnd", "is before dateStart")
		}
		if to.Year() < lastYear {
			f.To = to.Add(span)
		}
	}
	return f, p.err
}

// params takes parameters out of a query by name, and remembers the first one that is not what it must be.
type params struct {
	query Query
	err   error
}

func (p *params) fail(field, format string, args ...any) {
	if p.err == nil {
		p.err = fault.Field(field, format, args...)
	}
}

// text gives a parameter in any of its spellings, "" where it is absent. Two that say different things are refused.
func (p *params) text(names ...string) string {
	found := ""
	for _, n := range names {
		s, err := p.query.Text(n)
		switch {
		case err != nil && p.err == nil:
			p.err = err
		case s == "" || s == found:
		case found == "":
			found = s
		default:
			p.fail(names[0], "is given twice, also as %s, and differs", n)
		}
	}
	return found
}

// number reads a whole number that is not negative; what is larger than the most is the most.
func (p *params) number(name string, most uint64) uint64 {
	s := p.text(name)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		p.fail(name, "must be a whole number, and not negative")
		return 0
	}
	return min(n, most)
}

// time reads a point in time, and how long what was named lasts: a date is a day.
func (p *params) time(names ...string) (at time.Time, span time.Duration) {
	s := p.text(names...)
	if s == "" {
		return at, 0
	}
	at, span, err := parseSpan(s)
	if err != nil {
		p.fail(names[0], "%s", messageOf(err))
	}
	return at, span
}

// InvoiceList is the answer that carries several invoices, in the order given.
func InvoiceList(list []Facts, v View) Raw {
	e := newEncoder(64 + len(list)*invoiceSize)
	e.open()
	e.text("facade", v.facade())
	e.openList("data")
	for i := range list {
		e.invoice(list[i], v)
	}
	e.closeList()
	e.close()
	return e.b
}
