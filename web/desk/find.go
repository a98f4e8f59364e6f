package desk

import (
	"cmp"
	"slices"
	"strings"

	"satchel/fault"
	"satchel/invoice"
	"satchel/web/text"
)

// hunt is how what was wished for is found: the invoices that a text names, or those of a filter, all of them or those that
// speak of some words. A list shows a page of it, and an export writes all of it.
type hunt struct {
	ids    []invoice.ID // whatever the filter says
	filter invoice.Filter
	words  string // in lower case; "": all of the filter
	nameOf string // what the text is the name of, where it may stand elsewhere, too
	note   string // why there is none
}

// track tells how to find what is wished for. A text that names something, an invoice's id, an order, an item's code, a
// transaction, an output or an address, finds it however old it is; other words are looked for in the records themselves.
func (v *visit) track(w wish) (hunt, error) {
	if w.Query == "" {
		return hunt{filter: w.filter}, nil
	}
	if !w.Anywhere {
		if h, ok, err := v.named(w); ok || err != nil {
			return h, err
		}
	}
	return hunt{filter: w.filter, words: strings.ToLower(w.Query)}, nil
}

// named finds what a text is the name of.
func (v *visit) named(w wish) (h hunt, ok bool, err error) {
	store, m := v.d.cfg.Store, v.shop.ID
	if inv, err := store.Invoice(v.ctx(), m, invoice.ID(w.Query)); err == nil {
		return hunt{ids: []invoice.ID{inv.ID}}, true, nil
	} else if !fault.Is(err, fault.NotFound) {
		return h, false, err
	}
	order, item := w.filter, w.filter
	order.OrderID, item.ItemCode = w.Query, w.Query
	for _, h := range []hunt{{filter: order, nameOf: "order"}, {filter: item, nameOf: "item’s code"}} {
		f := h.filter
		f.Limit = 1
		if list, err := store.ListInvoices(v.ctx(), m, f); err != nil || len(list) > 0 {
			return h, err == nil, err
		}
	}
	if script, err := v.d.cfg.Script(w.Query); err == nil {
		inv, err := store.ByAddressScript(v.ctx(), m, script)
		if fault.Is(err, fault.NotFound) {
			return hunt{note: "The address is of this network, but of none of these invoices."}, true, nil
		}
		return hunt{ids: []invoice.ID{inv.ID}}, err == nil, err
	}
	return v.byTransaction(w)
}

// byTransaction finds the invoices that a transaction paid, or the one that an output did.
func (v *visit) byTransaction(w wish) (h hunt, ok bool, err error) {
	out, errOut := invoice.ParseOutpoint(w.Query)
	id, errID := invoice.ParseTxID(w.Query)
	switch {
	case errOut == nil:
		id = out.TxID
	case errID != nil:
		return h, false, nil //nolint:nilerr // it names no transaction
	}
	found, err := v.d.cfg.Store.ByTx(v.ctx(), v.shop.ID, id)
	for _, f := range found {
		if (errOut != nil || f.Receipt.Outpoint == out) && !slices.Contains(h.ids, f.Invoice) {
			h.ids = append(h.ids, f.Invoice)
		}
	}
	h.filter.Limit, h.filter.Below = w.filter.Limit, w.filter.Below
	switch {
	case len(h.ids) > 0:
	case errOut == nil:
		h.note = "No invoice was paid by this output."
	default:
		h.note = "No invoice was paid by this transaction."
	}
	return h, true, err
}

// result is a page of what was found.
type result struct {
	list []invoice.Invoice
	next invoice.Mark // where the next page begins; zero: there is none
	note string
}

// look reads a page.
func (v *visit) look(h hunt) (r result, err error) {
	switch {
	case h.note != "":
		return result{note: h.note}, nil
	case len(h.ids) > 0:
		return v.several(h)
	case h.words != "":
		return v.search(h)
	}
	f := h.filter
	f.Limit++
	r.list, err = v.d.cfg.Store.ListInvoices(v.ctx(), v.shop.ID, f)
	return r.cut(h.filter.Limit), err
}

// cut leaves what is one page long.
func (r result) cut(limit int) result {
	if len(r.list) > limit {
		r.list = r.list[:limit]
		r.next = r.list[limit-1].Mark()
	}
	return r
}

// several reads invoices that were named, the newest first.
func (v *visit) several(h hunt) (r result, err error) {
	for _, id := range h.ids {
		inv, err := v.d.cfg.Store.Invoice(v.ctx(), v.shop.ID, id)
		if err != nil {
			return r, err
		}
		if h.filter.Below.IsZero() || newestFirst(h.filter.Below, inv.Mark()) < 0 {
			r.list = append(r.list, inv)
		}
	}
	slices.SortFunc(r.list, func(a, b invoice.Invoice) int { return newestFirst(a.Mark(), b.Mark()) })
	return r.cut(h.filter.Limit), nil
}

func newestFirst(a, b invoice.Mark) int {
	return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.Seq, a.Seq))
}

// all reads everything that was tracked down, piece by piece as it is when it is read, with the first receipts of each
// invoice; fn gets each piece, and says whether it wants the next.
func (v *visit) all(h hunt, each int, fn func([]invoice.Shown) (bool, error)) error {
	read := func(f invoice.Filter) ([]invoice.Shown, error) {
		return v.d.cfg.Store.ShowInvoices(v.ctx(), v.shop.ID, f, each)
	}
	if h.note != "" || len(h.ids) > 0 {
		list, err := v.severalShown(h, read)
		if err == nil {
			_, err = fn(list)
		}
		return err
	}
	f := h.filter
	f.Limit, f.Below = exportChunk, invoice.Mark{}
	for {
		list, err := read(f)
		if err != nil {
			return err
		}
		more := len(list) == exportChunk
		if more {
			f.Below = list[len(list)-1].Invoice.Mark()
		}
		if h.words != "" {
			list = slices.DeleteFunc(list, func(s invoice.Shown) bool { return !speaks(s.Invoice, h.words) })
		}
		if next, err := fn(list); err != nil || !next || !more {
			return err
		}
	}
}

// severalShown reads invoices that were named, each with its receipts as of one moment.
func (v *visit) severalShown(h hunt, read func(invoice.Filter) ([]invoice.Shown, error)) (list []invoice.Shown, err error) {
	h.filter = invoice.Filter{Limit: len(h.ids)}
	named, err := v.several(h)
	for _, inv := range named.list {
		at := invoice.Filter{Below: inv.Mark(), Limit: 1}
		at.Below.Seq++ // the invoice itself is the first below
		shown, err := read(at)
		if err != nil {
			return nil, err
		}
		list = append(list, shown...)
	}
	return list, err
}

// search looks for words in the records, the latest first, and not for ever.
func (v *visit) search(h hunt) (r result, err error) {
	f := h.filter
	f.Limit = searchChunk
	for looked := 0; looked < v.d.far; {
		list, err := v.d.cfg.Store.ListInvoices(v.ctx(), v.shop.ID, f)
		if err != nil {
			return r, err
		}
		for _, inv := range list {
			looked++
			f.Below = inv.Mark()
			if speaks(inv, h.words) {
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
