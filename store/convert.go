package store

import (
	"bytes"

	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

func fromInvoice(inv *invoice.Invoice) invoiceRecord {
	o, s, u := &inv.Order, &inv.State, &inv.Sums
	return invoiceRecord{
		ID: inv.ID, Created: toInstant(inv.Created), Expires: toInstant(inv.Expires),
		Order: orderRecord{
			GUID: o.GUID, OrderID: o.OrderID, ItemDesc: o.ItemDesc, ItemCode: o.ItemCode, PosData: o.PosData,
			NotificationURL: o.NotificationURL, NotificationEmail: o.NotificationEmail, RedirectURL: o.RedirectURL,
			CloseURL: o.CloseURL, AutoRedirect: o.AutoRedirect, Physical: o.Physical, Buyer: buyerRecord(o.Buyer), Creator: o.Creator, Origin: o.Origin,
			PayProRequired: o.PayProRequired, BitPayIDRequired: o.BitPayIDRequired, ForcedWallet: o.ForcedWallet,
			ForcedCurrency: o.ForcedCurrency, Items: fromItems(o.Items),
		},
		Terms: fromTerms(&inv.Terms), Quote: fromQuote(&inv.Quote), Address: addressRecord(inv.Address),
		State: stateRecord{
			Status: s.Status, Exception: s.Exception, Since: toInstant(s.Since), Reason: s.Reason, Cancelled: s.Cancelled,
			Marked: s.Marked, Reorged: s.Reorged, Reversed: s.Reversed, Lost: s.Lost, Short: s.Short, Kept: s.Kept,
			Verdict: verdictRecord{
				Yes: s.Verdict.Yes, Final: s.Verdict.Final, At: toInstant(s.Verdict.At), Reasons: s.Verdict.Reasons,
			},
			Tick: toInstant(s.Tick), Said: saidRecord(s.Said), Revision: s.Revision,
		},
		Sums: sumsRecord{
			In: u.In, Late: u.Late, Stray: u.Stray, Receipts: u.Receipts, Gone: u.Gone, Unproved: u.Unproved, InBlocks: u.InBlocks,
			CoveredAt: u.CoveredAt, FullAt: toInstant(u.FullAt), FullTip: u.FullTip, ConflictAt: u.ConflictAt,
		},
		Marks: marksOf(inv),
		Draft: draftRecord{Wallet: inv.Draft.Wallet, TxID: hash32(inv.Draft.TxID), Raw: inv.Draft.Raw},
	}
}

func (r *invoiceRecord) invoice(at invoice.Ref) invoice.Invoice {
	o, s, u := &r.Order, &r.State, &r.Sums
	return invoice.Invoice{
		Ref: at, ID: r.ID, Created: r.Created.time(), Expires: r.Expires.time(),
		Order: invoice.Order{
			GUID: o.GUID, OrderID: o.OrderID, ItemDesc: o.ItemDesc, ItemCode: o.ItemCode, PosData: o.PosData,
			NotificationURL: o.NotificationURL, NotificationEmail: o.NotificationEmail, RedirectURL: o.RedirectURL,
			CloseURL: o.CloseURL, AutoRedirect: o.AutoRedirect, Physical: o.Physical, Buyer: invoice.Buyer(o.Buyer), Creator: o.Creator, Origin: o.Origin,
			PayProRequired: o.PayProRequired, BitPayIDRequired: o.BitPayIDRequired, ForcedWallet: o.ForcedWallet,
			ForcedCurrency: o.ForcedCurrency, Items: toItems(o.Items),
		},
		Terms: r.Terms.terms(), Quote: r.Quote.quote(), Address: invoice.Address(r.Address),
		State: invoice.State{
			Status: s.Status, Exception: s.Exception, Since: s.Since.time(), Reason: s.Reason, Cancelled: s.Cancelled,
			Marked: s.Marked, Reorged: s.Reorged, Reversed: s.Reversed, Lost: s.Lost, Short: s.Short, Kept: s.Kept,
			Verdict: invoice.Verdict{
				Yes: s.Verdict.Yes, Final: s.Verdict.Final, At: s.Verdict.At.time(), Reasons: s.Verdict.Reasons,
			},
			Tick: s.Tick.time(), Said: invoice.Said(s.Said), Revision: s.Revision,
		},
		Sums: invoice.Sums{
			In: u.In, Late: u.Late, Stray: u.Stray, Receipts: u.Receipts, Gone: u.Gone, Unproved: u.Unproved, InBlocks: u.InBlocks,
			CoveredAt: u.CoveredAt, FullAt: u.FullAt.time(), FullTip: u.FullTip, ConflictAt: u.ConflictAt,
		},
		Draft: invoice.Draft{Wallet: r.Draft.Wallet, TxID: invoice.TxID(r.Draft.TxID), Raw: r.Draft.Raw},
	}
}

func fromTerms(t *invoice.Terms) termsRecord {
	return termsRecord{
		Speed: t.Speed, Tolerance: t.Tolerance.Sats, ToleranceRate: t.Tolerance.Share, InvalidAfter: t.InvalidAfter,
		LateAccept: t.LateAccept, LateMaxMove: t.LateMaxMove, ZeroConf: t.ZeroConf, ZeroConfDwell: t.ZeroConfDwell,
		ZeroConfMax: t.ZeroConfMax, FullNotify: t.FullNotifications, Extended: t.Extended, OpenPrice: t.OpenPrice,
	}
}

func (t *termsRecord) terms() invoice.Terms {
	return invoice.Terms{
		Speed: t.Speed, Tolerance: money.Tolerance{Sats: t.Tolerance, Share: t.ToleranceRate}, InvalidAfter: t.InvalidAfter,
		LateAccept: t.LateAccept, LateMaxMove: t.LateMaxMove, ZeroConf: t.ZeroConf, ZeroConfDwell: t.ZeroConfDwell,
		ZeroConfMax: t.ZeroConfMax, FullNotifications: t.FullNotify, Extended: t.Extended, OpenPrice: t.OpenPrice,
	}
}

func fromQuote(q *money.Quote) quoteRecord {
	r := quoteRecord{
		Price: fiatRecord(q.Price), Rate: q.Rate, Due: q.Due,
		Evidence: evidenceRecord{At: toInstant(q.Evidence.At), Method: q.Evidence.Method, Spread: q.Evidence.Spread},
	}
	for _, o := range q.Evidence.Observed {
		r.Evidence.Observed = append(r.Evidence.Observed, observationRecord{
			Source: o.Source, Rate: o.Rate, At: toInstant(o.At), Used: o.Used, Note: o.Note,
		})
	}
	return r
}

func (r *quoteRecord) quote() money.Quote {
	q := money.Quote{
		Price: money.Fiat(r.Price), Rate: r.Rate, Due: r.Due,
		Evidence: money.Evidence{At: r.Evidence.At.time(), Method: r.Evidence.Method, Spread: r.Evidence.Spread},
	}
	for _, o := range r.Evidence.Observed {
		q.Evidence.Observed = append(q.Evidence.Observed, money.Observation{
			Source: o.Source, Rate: o.Rate, At: o.At.time(), Used: o.Used, Note: o.Note,
		})
	}
	return q
}

func fromReceipt(r *invoice.Receipt) receiptRecord {
	rec := receiptRecord{
		No: r.No, Sats: r.Sats, Coinbase: r.Coinbase, SeenTip: r.SeenTip, Where: r.Place.Where, Block: r.Place.Block,
		Height: r.Place.Height, BlockTime: toInstant(r.Place.BlockTime), ReplacedBy: hash32(r.Place.ReplacedBy),
		ConflictAt: r.Place.ConflictAt, Value: fiatRecord(r.Value), Rate: r.Rate, Disposition: r.Disposition,
	}
	for _, n := range r.History {
		rec.History = append(rec.History, noteRecord{
			At: toInstant(n.At), Disposition: n.Disposition, Where: n.Where, Height: n.Height, Reason: n.Reason, Detail: n.Detail,
		})
	}
	return rec
}

// receiptAt is what a receipt's key says.
type receiptAt struct {
	ref      ref
	seen     instant
	outpoint invoice.Outpoint
}

func (k receiptAt) key() []byte {
	b := keyTime(k.ref.append(make([]byte, 0, refLen+timeLen+outpointLen)), k.seen.time())
	return keyOutpoint(b, k.outpoint)
}

func parseReceiptKey(b []byte) receiptAt {
	return receiptAt{
		ref: parseRef(b), seen: toInstant(parseTime(b[refLen:])), outpoint: parseOutpoint(b[refLen+timeLen:]),
	}
}

func (r *receiptRecord) receipt(at receiptAt, of invoice.Ref) invoice.Receipt {
	out := invoice.Receipt{
		Outpoint: at.outpoint, Ref: of, No: r.No, Sats: r.Sats, Coinbase: r.Coinbase, FirstSeen: at.seen.time(), SeenTip: r.SeenTip,
		Place: invoice.Place{
			Where: r.Where, Block: r.Block, Height: r.Height, BlockTime: r.BlockTime.time(),
			ReplacedBy: invoice.TxID(r.ReplacedBy), ConflictAt: r.ConflictAt,
		},
		Value: money.Fiat(r.Value), Rate: r.Rate, Disposition: r.Disposition,
	}
	for _, n := range r.History {
		out.History = append(out.History, invoice.Note{
			At: n.At.time(), Disposition: n.Disposition, Where: n.Where, Height: n.Height, Reason: n.Reason, Detail: n.Detail,
		})
	}
	return out
}

func (e *eventRecord) logged(seq uint64, m merchant.ID, document []byte) invoice.Logged {
	return invoice.Logged{
		Seq: seq, ID: e.ID, Ref: invoice.Ref{Merchant: m, Seq: e.Seq}, Invoice: e.Invoice, Revision: e.Revision, Code: e.Code,
		At: e.At.time(), Reason: e.Reason, Detail: e.Detail, Status: e.Status, Except: e.Except, Document: bytes.Clone(document),
	}
}

func fromItems(items []invoice.Item) (list []itemRecord) {
	for _, i := range items {
		list = append(list, itemRecord{Minor: i.Amount.Minor, Code: i.Amount.Code, Description: i.Description, Fee: i.Fee})
	}
	return list
}

func toItems(items []itemRecord) (list []invoice.Item) {
	for _, i := range items {
		list = append(list, invoice.Item{Amount: money.Fiat{Minor: i.Minor, Code: i.Code}, Description: i.Description, Fee: i.Fee})
	}
	return list
}
