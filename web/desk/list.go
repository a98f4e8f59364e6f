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
	Anywhere                bool   // a text is looked for in everything, also where it is the name of something
	filter                  invoice.Filter
}

// invoicesPage is a list of invoices.
type invoicesPage struct {
	wish
	Statuses   []choice
	Rows       []line
	Export     string // the query for an export of the same
	Older      string // the query of the next page; "": there is none
	Newest     string // the query of the first page; "": this is it
	Problem    string
	Note       string // how far a search looked
	NameOf     string // what the text is the name of, where it may stand elsewhere, too: "order", "item’s code"
	Everywhere string // the query of the same text anywhere
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
	h, err := v.track(w)
	if err != nil {
		return err
	}
	if len(h.ids) == 1 {
		return v.to(v.root() + "/invoices/" + url.PathEscape(string(h.ids[0])))
	}
	found, err := v.look(h)
	if err != nil {
		return err
	}
	p.Rows, p.Note = lines(found.list), found.note
	if !found.next.IsZero() {
		p.Older = w.query(found.next)
	}
	if p.NameOf = h.nameOf; h.nameOf != "" {
		w.Anywhere = true
		p.Everywhere = w.query(invoice.Mark{})
	}
	return v.page("invoices", p)
}

// readWish reads the form of the list.
func readWish(q url.Values) (w wish, err error) {
	w = wish{Query: strings.TrimSpace(q.Get("q")), Anywhere: q.Get("in") == anywhere, Status: q.Get("status"), From: q.Get("from"), To: q.Get("to")}
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

// anywhere is the word of a query for a text that may be anything.
const anywhere = "anywhere"

// query writes the wish with a place to begin at.
func (w wish) query(below invoice.Mark) string {
	q := url.Values{}
	for name, value := range map[string]string{"q": w.Query, "status": w.Status, "from": w.From, "to": w.To} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if w.Anywhere {
		q.Set("in", anywhere)
	}
	if !below.IsZero() {
		q.Set("below", strconv.FormatInt(below.Created.UnixNano(), 10)+"-"+strconv.FormatUint(below.Seq, 10))
	}
	return "?" + q.Encode()
}
