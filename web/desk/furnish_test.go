package desk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"satchel/auth"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/notify"
)

// aSIN is a client's id.
const aSIN = auth.SIN("Tf3yr5tYvccKNVrE26BrPs6LWZRh8woHwjR")

// hostile is a text that breaks pages which do not expect it.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}'` + "`" + `=cmd|' /C calc'!A0` + "\u202e\x00\u2028"

// furniture is what a merchant's day leaves behind.
type furniture struct {
	new, complete, late, over, partial, stray, hostile invoice.Invoice
	lateOut, overOut, strayOut                         invoice.Outpoint
	token, offer, asked                                auth.Grant
	delivery                                           notify.Delivery
	link                                               merchant.Link
}

// furnish gives a merchant invoices that need every kind of hand, tokens, a client that waits, and callbacks that fail.
func (o *office) furnish(m merchant.ID) furniture {
	o.t.Helper()
	const due = money.Sats(1_000_000)
	var f furniture
	tx := o.n * 100
	pay := func(inv invoice.Invoice, sats money.Sats, height int32) invoice.Outpoint {
		tx++
		return o.pays(inv, tx, sats, height)
	}
	f.late, f.partial = o.sells(m), o.sells(m)
	pay(f.partial, 400_000, 0)
	o.expires(f.late)
	o.expires(f.partial)
	o.wait(time.Minute)
	f.lateOut = pay(f.late, due, 0)

	f.over = o.sells(m)
	pay(f.over, due, 104)
	f.overOut = pay(f.over, 50_000, 104)

	f.complete = o.sells(m)
	o.wait(25 * time.Second)
	pay(f.complete, due, 100)
	f.stray = o.sells(m)
	o.wait(12 * time.Second)
	pay(f.stray, due, 100)
	o.wait(time.Hour)
	f.strayOut = pay(f.stray, 70_000, 106)
	f.hostile = o.sells(m, func(r *invoice.Request) {
		if o.tame {
			return
		}
		r.Order = invoice.Order{
			OrderID: hostile, ItemDesc: hostile, ItemCode: hostile, PosData: hostile, Creator: hostile, NotificationURL: "https://shop.example/" + hostile,
			RedirectURL: "javascript:alert(1)", NotificationEmail: hostile, Buyer: invoice.Buyer{Name: hostile, Email: hostile, Phone: hostile},
		}
	})
	f.new = o.sells(m)
	o.grants(m, &f)
	o.delivers(m, &f)
	f.link = o.links(m, "Stall <b>3</b>", "5", "EUR")
	return f
}

// links makes a link of the point of sale.
func (o *office) links(m merchant.ID, label, amount, currency string) merchant.Link {
	o.t.Helper()
	l := merchant.Link{ID: merchant.NewLinkID(), Merchant: m, Label: label, Created: o.read()}
	var err error
	l.Price, err = merchant.Settings{}.LinkPrice(amount, currency)
	o.must(err)
	o.must(o.db.AddLink(context.Background(), l))
	return l
}

func (o *office) grants(m merchant.ID, f *furniture) {
	o.t.Helper()
	ctx, err := context.Background(), error(nil)
	f.token, err = o.access.Issue(ctx, auth.IssueRequest{Merchant: m, Facade: auth.POS, Label: "till <b>1</b>"})
	o.must(err)
	gone, err := o.access.Issue(ctx, auth.IssueRequest{Merchant: m, Facade: auth.Merchant, Label: "old till", SIN: aSIN})
	o.must(err)
	o.must(o.access.Revoke(ctx, m, gone.ID))
	f.offer, err = o.access.Offer(ctx, auth.OfferRequest{Merchant: m, Facade: auth.POS, Label: "till 2"})
	o.must(err)
	f.asked, err = o.access.Pair(ctx, auth.PairRequest{SIN: aSIN, Label: "Garden <i>shop</i>", GUID: fmt.Sprint(o.n)})
	o.must(err)
}

// delivers lets callbacks be taken, as they come; the first is given up, and the second fails still.
func (o *office) delivers(m merchant.ID, f *furniture) {
	o.t.Helper()
	ctx := context.Background()
	for n := 0; ; {
		list, err := o.db.ListDeliveries(ctx, m, false, 100)
		o.must(err)
		before := n
		for _, d := range slices.Backward(list) {
			if d.State != notify.Pending || d.Held || d.Progress.Attempts > 0 {
				continue
			}
			a := notify.Attempt{At: o.read(), Took: 87 * time.Millisecond, Status: 200, Answer: "ok"}
			d.State, d.Progress = notify.Delivered, notify.Progress{Attempts: 1, First: a.At, Last: "status 200"}
			switch n {
			case 0:
				a = notify.Attempt{At: o.read(), Took: 30 * time.Second, Error: "timeout after 30s"}
				d.State, d.Progress = notify.Parked, notify.Progress{Attempts: 1, First: a.At, Last: "timeout after 30s"}
				f.delivery = d
			case 1:
				a = notify.Attempt{At: o.read(), Took: 5 * time.Millisecond, Status: 500, Error: "status 500", Answer: hostile}
				d.State, d.Progress = notify.Pending, notify.Progress{Attempts: 1, First: a.At, Next: o.read().Add(time.Minute), Last: "status 500"}
			}
			o.must(o.db.RecordAttempt(ctx, d, a))
			n++
		}
		if n == before {
			return
		}
	}
}
