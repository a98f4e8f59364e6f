package desk

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"satchel/fault"
	"satchel/invoice"
	"satchel/web/text"
)

// Bounds of a list and of a search by words, which looks into the records themselves.
const (
	perPage     = 50
	searchChunk = 500
	searchFar   = 10_000
	maxQuery    = 200 // bytes
)

// line is a row of a list of invoices.
type line struct {
	ID        string
	Status    string
	Exception string
	Marked    bool
	Created   time.Time
	Order     string
	Item      string
	Price     string
	Due, Paid string // BTC
	Beyond    string // BTC, late and stray; "": none
}

// Characters of a text in a list.
const maxCell = 60

func lineOf(inv invoice.Invoice) line {
	l := line{
		ID: string(inv.ID), Status: inv.State.Status.String(), Exception: exceptionText(inv.State.Exception), Marked: inv.State.Marked,
		Created: inv.Created, Order: text.Clean(inv.Order.OrderID, maxCell), Item: text.Clean(inv.Order.ItemDesc, maxCell),
		Price: text.Price(inv.Quote.Price), Due: inv.Due().BTC(), Paid: inv.Sums.In.BTC(),
	}
	if inv.Terms.OpenPrice && inv.Due() == 0 {
		l.Price, l.Due = "any amount", "–"
	}
	if beyond := inv.Sums.Late + inv.Sums.Stray; beyond > 0 {
		l.Beyond = beyond.BTC()
	}
	return l
}

func lines(list []invoice.Invoice) []line {
	rows := make([]line, 0, len(list))
	for _, inv := range list {
		rows = append(rows, lineOf(inv))
	}
	return rows
}

func exceptionText(e invoice.Exception) string {
	switch e {
	case invoice.PaidPartial:
		return "too little"
	case invoice.PaidOver:
		return "too much"
	case invoice.PaidLate:
		return "late"
	case invoice.None:
	}
	return ""
}

// wish is what somebody looks for.
type wish struct {
	Query, Status, From, To string // as they were typed
	filter                  invoice.Filter
}

// invoicesPage is a list of invoices.
type invoicesPage struct {
	wish
	Statuses []choice
	Rows     []line
	Export   string // the query for an export of the same
	Older    string // the query of the next page; "": there is none
	Newest   string // the query of the first page; "": this is it
	Problem  string
	Note     string // how far a search looked
}

func (v *visit) invoices() error {
	q := v.req.URL.Query()
	w, err := readWish(q)
	p := invoicesPage{wish: w, Export: w.query(invoice.Mark{})}
	for _, s := range invoice.Statuses() {
		p.Statuses = append(p.Statuses, choice{Value: s.String(), Name: s.String(), Picked: s == w.filter.Status})
	}
	if err != nil {
		p.Problem = sentence(err)
		v.show(422, "invoices", p)
		return nil
	}
	if !w.filter.Below.IsZero() {
		p.Newest = w.query(invoice.Mark{})
	}
	found, err := v.look(w)
	if err != nil {
		return err
	}
	if found.only != "" {
		return v.to(v.root() + "/invoices/" + url.PathEscape(string(found.only)))
	}
	p.Rows, p.Note = lines(found.list), found.note
	if !found.next.IsZero() {
		p.Older = w.query(found.next)
	}
	return v.page("invoices", p)
}

// readWish reads the form of the list.
func readWish(q url.Values) (w wish, err error) {
	w = wish{Query: strings.TrimSpace(q.Get("q")), Status: q.Get("status"), From: q.Get("from"), To: q.Get("to")}
	w.filter.Limit = perPage
	if len(w.Query) > maxQuery {
		w.Query = ""
		return w, fault.Field("search", "is too long")
	}
	var ok bool
	if w.filter.Status, ok = invoice.ParseStatus(w.Status); !ok && w.Status != "" {
		w.Status = ""
		return w, fault.Field("status", "is unknown")
	}
	if w.filter.From, err = readDay(&w.From); err != nil {
		return w, err
	}
	if w.filter.To, err = readDay(&w.To); err != nil {
		return w, err
	}
	if !w.filter.To.IsZero() {
		w.filter.To = w.filter.To.AddDate(0, 0, 1) // the day itself, too
	}
	w.filter.Below, err = readMark(q.Get("below"))
	return w, err
}

// readDay reads a day, in UTC. A text that is none is taken away, so that it is not shown as one.
func readDay(s *string) (time.Time, error) {
	if *s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse("2006-01-02", *s)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		*s = ""
		return time.Time{}, fault.Field("day", "is written like 2026-11-20")
	}
	return t, nil
}

// readMark reads where a page begins: nanoseconds since 1970, and the invoice's number.
func readMark(s string) (m invoice.Mark, err error) {
	if s == "" {
		return m, nil
	}
	at, no, ok := strings.Cut(s, "-")
	nanos, errAt := strconv.ParseInt(at, 10, 64)
	seq, errNo := strconv.ParseUint(no, 10, 64)
	if !ok || errAt != nil || errNo != nil {
		return m, fault.Field("page", "is none")
	}
	return invoice.Mark{Created: time.Unix(0, nanos).UTC(), Seq: seq}, nil
}

// query writes the wish with a place to begin at.
func (w wish) query(below invoice.Mark) string {
	q := url.Values{}
	for name, value := range map[string]string{"q": w.Query, "status": w.Status, "from": w.From, "to": w.To} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if !below.IsZero() {
		q.Set("below", strconv.FormatInt(below.Created.UnixNano(), 10)+"-"+strconv.FormatUint(below.Seq, 10))
	}
	return "?" + q.Encode()
}

// result is what was found.
type result struct {
	list []invoice.Invoice
	only invoice.ID   // the one that was named; "": none was
	next invoice.Mark // where the next page begins; zero: there is none
	note string
}

// look finds what is wished for. A text that names something, an invoice's id, an order, an item's code, a transaction, an
// output or an address, finds it however old it is; other words are looked for in the latest invoices, page by page.
func (v *visit) look(w wish) (result, error) {
	if w.Query == "" {
		return v.list(w.filter)
	}
	if w.filter.Below.IsZero() {
		found, ok, err := v.named(w)
		if err != nil || ok {
			return found, err
		}
	}
	return v.search(w)
}

func (v *visit) list(f invoice.Filter) (r result, err error) {
	limit := f.Limit
	f.Limit++
	if r.list, err = v.d.cfg.Store.ListInvoices(v.ctx(), v.shop.ID, f); err != nil {
		return r, err
	}
	if len(r.list) > limit {
		r.list = r.list[:limit]
		r.next = r.list[limit-1].Mark()
	}
	return r, nil
}

// named finds what a text is the name of.
func (v *visit) named(w wish) (r result, ok bool, err error) {
	store, m := v.d.cfg.Store, v.shop.ID
	if inv, err := store.Invoice(v.ctx(), m, invoice.ID(w.Query)); err == nil {
		return result{only: inv.ID}, true, nil
	} else if !fault.Is(err, fault.NotFound) {
		return r, false, err
	}
	for _, f := range []invoice.Filter{{OrderID: w.Query}, {ItemCode: w.Query}} {
		f.Status, f.From, f.To, f.Limit = w.filter.Status, w.filter.From, w.filter.To, 1000
		if r.list, err = store.ListInvoices(v.ctx(), m, f); err != nil || len(r.list) > 0 {
			return r, err == nil, err
		}
	}
	if script, err := v.d.cfg.Script(w.Query); err == nil {
		inv, err := store.ByAddressScript(v.ctx(), m, script)
		if fault.Is(err, fault.NotFound) {
			return result{note: "The address is of this network, but of none of these invoices."}, true, nil
		}
		return result{only: inv.ID}, err == nil, err
	}
	return v.byTransaction(w.Query)
}

func (v *visit) byTransaction(query string) (r result, ok bool, err error) {
	id, err := invoice.ParseTxID(query)
	if err != nil {
		out, err := invoice.ParseOutpoint(query)
		if err != nil {
			return r, false, nil //nolint:nilerr // it names no transaction
		}
		id = out.TxID
	}
	found, err := v.d.cfg.Store.ByTx(v.ctx(), v.shop.ID, id)
	if err != nil {
		return r, false, err
	}
	seen := map[invoice.ID]bool{}
	for _, f := range found {
		if seen[f.Invoice] {
			continue
		}
		seen[f.Invoice] = true
		inv, err := v.d.cfg.Store.Invoice(v.ctx(), v.shop.ID, f.Invoice)
		if err != nil {
			return r, false, err
		}
		r.list = append(r.list, inv)
	}
	switch len(r.list) {
	case 0:
		r.note = "No invoice was paid by this transaction."
	case 1:
		r.only = r.list[0].ID
	}
	return r, true, nil
}

// search looks for words in the records, the latest first, and not for ever.
func (v *visit) search(w wish) (r result, err error) {
	f, words := w.filter, strings.ToLower(w.Query)
	f.Limit = searchChunk
	for looked := 0; looked < v.d.far; {
		list, err := v.d.cfg.Store.ListInvoices(v.ctx(), v.shop.ID, f)
		if err != nil {
			return r, err
		}
		for _, inv := range list {
			looked++
			f.Below = inv.Mark()
			if speaks(inv, words) {
				r.list = append(r.list, inv)
			}
			if len(r.list) == perPage {
				r.next = f.Below
				return r, nil
			}
		}
		if len(list) < searchChunk {
			if len(r.list) == 0 {
				r.note = "Nothing was found."
			}
			return r, nil
		}
	}
	r.next = f.Below
	r.note = text.Count(int64(v.d.far), "invoice") + " were looked through. Older ones are on the next page; an order’s or a transaction’s id finds them at once."
	return r, nil
}

// speaks tells whether a lower-case text is in what the shop said about an invoice.
func speaks(inv invoice.Invoice, words string) bool {
	o := &inv.Order
	for _, s := range []string{o.OrderID, o.ItemDesc, o.ItemCode, o.PosData, o.Buyer.Name, o.Buyer.Email, o.Buyer.Provided, o.NotificationEmail, inv.Quote.Price.Number(), string(inv.ID)} {
		if strings.Contains(strings.ToLower(s), words) {
			return true
		}
	}
	return false
}
