package tracker

import (
	"context"
	"fmt"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

// ticksAtOnce bounds how many invoices one commit lets time pass for.
const ticksAtOnce = 512

// settle lets time pass: quotes expire, zero-conf verdicts fall, payments without a block are given up.
func (t *Tracker) settle(ctx context.Context) error {
	for {
		now := t.cfg.Now()
		due, err := t.ticking(ctx, now)
		if err != nil {
			return err
		}
		if due.unseen > 0 && t.mayLook(now) {
			if err := t.follow(ctx); err != nil {
				return err
			}
			if err := t.reconcile(ctx); err != nil {
				return err
			}
			continue // nothing is judged by what was true before the look
		}
		if len(due.refs) == 0 {
			return nil
		}
		verdicts, err := t.judgeAll(ctx, due.judge, now)
		if err != nil {
			return err
		}
		if err := t.tick(ctx, due.refs, verdicts); err != nil {
			return err
		}
		if len(due.refs)+due.unseen < ticksAtOnce {
			return nil
		}
	}
}

// mayLook tells whether the mempool may be compared for a deadline's sake: that takes at most a share of the time.
func (t *Tracker) mayLook(now time.Time) bool {
	age := now.Sub(t.pass.began)
	return age >= 20*t.pass.cost || age < 0
}

// ticks are the invoices whose time has come.
type ticks struct {
	refs   []invoice.Ref
	judge  []candidate // those of refs that wait for a verdict
	unseen int         // those beside refs of which nothing is said before another look
}

// ticking lists the invoices whose time has come.
func (t *Tracker) ticking(ctx context.Context, now time.Time) (due ticks, err error) {
	err = t.cfg.Store.ViewChain(ctx, func(tx Reader) error {
		refs, err := tx.Ticks(now, ticksAtOnce)
		if err != nil {
			return err
		}
		for _, ref := range refs {
			if err := t.ticked(tx, ref, &due); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return ticks{}, storeError{err}
	}
	return due, nil
}

func (t *Tracker) ticked(tx Reader, ref invoice.Ref, due *ticks) error {
	inv, err := tx.Invoice(ref)
	if err != nil {
		return err
	}
	if inv.Sums.Unproved > 0 { // nothing is said of money before it is known where it is
		due.unseen++
		return nil
	}
	if inv.State.Status != invoice.Paid || inv.Terms.Speed != merchant.High || inv.State.Verdict.Final {
		// The tick is the deadline: of the window, or of a payment that no block takes.
		if t.pass.began.Before(inv.State.Tick) {
			due.unseen++
		} else {
			due.refs = append(due.refs, ref)
		}
		return nil
	}
	receipts, err := tx.Receipts(ref)
	if err != nil {
		return err
	}
	exposed, err := tx.Exposure()
	if err != nil {
		return err
	}
	due.refs = append(due.refs, ref)
	due.judge = append(due.judge, candidate{inv: inv, receipts: receipts, exposed: exposed})
	return nil
}

// tick lets time pass for invoices. That we looked is noted in the same commit: after a crash, nobody may say of a quote
// that ended here that it was not watched until its end.
func (t *Tracker) tick(ctx context.Context, refs []invoice.Ref, verdicts map[invoice.Ref]judgement) error {
	var l *ledger
	looked := t.pass.began
	news := t.hole.IsZero() && looked.After(t.feed.observed)
	err := t.commit(ctx, func(tx Tx) error {
		l = t.ledger(tx)
		for _, ref := range refs {
			if _, err := l.book(ref); err != nil {
				return err
			}
			if j, ok := verdicts[ref]; ok && j.stands(l.books[ref].was) {
				l.books[ref].judge = &j.verdict
			}
		}
		if news {
			if err := tx.SetObserved(looked); err != nil {
				return err
			}
		}
		return l.close()
	})
	if err != nil {
		return err
	}
	if news {
		t.feed.observed = looked
	}
	t.committed(l)
	return nil
}

// candidate is a payment that may be good enough without a block.
type candidate struct {
	inv      invoice.Invoice
	receipts []invoice.Receipt
	exposed  money.Sats
}

// judgement is a verdict on an invoice as it was when the node was asked.
type judgement struct {
	verdict invoice.Verdict
	of      invoice.Invoice
}

// stands tells that the verdict is on the same money: an operator may have decided something meanwhile.
func (j judgement) stands(now invoice.Invoice) bool {
	return now.State.Status == invoice.Paid && now.State.Revision == j.of.State.Revision && now.Sums == j.of.Sums
}

// judgeAll asks the node about each candidate. What one accepts counts against the exposure of the next.
func (t *Tracker) judgeAll(ctx context.Context, list []candidate, now time.Time) (map[invoice.Ref]judgement, error) {
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // no candidates, no verdicts
	}
	floor, err := t.cfg.Source.FeeFloor(ctx)
	if err != nil {
		return nil, err
	}
	verdicts := make(map[invoice.Ref]judgement, len(list))
	var accepted money.Sats
	for _, c := range list {
		c.exposed += accepted
		reasons, err := t.judge(ctx, c, floor)
		if err != nil {
			return nil, err
		}
		yes := len(reasons) == 0
		if yes {
			accepted += c.inv.Due()
		}
		verdicts[c.inv.Ref] = judgement{invoice.Verdict{Yes: yes, Final: true, At: now, Reasons: reasons}, c.inv}
	}
	return verdicts, nil
}

// judge applies the policy zero_conf = "limited": what speaks against accepting the payment without a block. Under full
// replacement no such payment is safe; this bounds the loss.
func (t *Tracker) judge(ctx context.Context, c candidate, floor money.SatPerVB) ([]string, error) {
	var no []string
	if c.inv.Due() > c.inv.Terms.ZeroConfMax {
		no = append(no, fmt.Sprintf("over zero_conf_max: %s BTC", c.inv.Due().BTC()))
	}
	if c.exposed+c.inv.Due() > t.cfg.Exposure {
		no = append(no, fmt.Sprintf("over zero_conf_exposure: %s BTC are open", c.exposed.BTC()))
	}
	for _, r := range c.receipts {
		if r.IsGone() && r.Place.ReplacedBy != (invoice.TxID{}) {
			no = append(no, "conflict seen: "+r.Outpoint.TxID.String()+" was replaced")
		}
		if r.Place.Where != invoice.InMempool {
			continue
		}
		e, ok, err := t.cfg.Source.Entry(ctx, chain.TxID(r.Outpoint.TxID))
		if err != nil {
			return nil, err
		}
		no = append(no, objections(r.Outpoint.TxID, e, ok, floor)...)
	}
	return no, nil
}

func objections(id invoice.TxID, e chain.Entry, in bool, floor money.SatPerVB) []string {
	if !in {
		return []string{"not in the mempool: " + id.String()}
	}
	var no []string
	if e.Ancestors > 0 {
		no = append(no, fmt.Sprintf("unconfirmed parents: %d", e.Ancestors))
	}
	if e.FeeRate < floor {
		no = append(no, fmt.Sprintf("low fee: %s, the node asks %s", e.FeeRate, floor))
	}
	if e.Unbroadcast {
		no = append(no, "unbroadcast: no peer has asked for it yet")
	}
	return no
}
