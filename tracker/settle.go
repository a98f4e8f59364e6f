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
		refs, needsLook, verdicts, err := t.ticking(ctx, now)
		if err != nil {
			return err
		}
		if len(refs) == 0 {
			return nil
		}
		if needsLook {
			// A deadline is believed to be over only after a look at chain and mempool that began after the deadline.
			if age := now.Sub(t.pass.began); age < 20*t.pass.cost && age >= 0 {
				return nil
			}
			if err := t.follow(ctx); err != nil {
				return err
			}
			if err := t.reconcile(ctx); err != nil {
				return err
			}
		}
		if err := t.tick(ctx, refs, verdicts); err != nil {
			return err
		}
		if len(refs) < ticksAtOnce {
			return nil
		}
	}
}

// ticking lists the invoices whose time has come, with the verdicts that are due.
func (t *Tracker) ticking(ctx context.Context, now time.Time) (refs []invoice.Ref, look bool, verdicts map[invoice.Ref]invoice.Verdict, err error) {
	var judge []candidate
	err = t.cfg.Store.ViewChain(ctx, func(tx Reader) error {
		var err error
		if refs, err = tx.Ticks(now, ticksAtOnce); err != nil {
			return err
		}
		for _, ref := range refs {
			inv, err := tx.Invoice(ref)
			if err != nil {
				return err
			}
			judged := inv.State.Status != invoice.Paid || inv.Terms.Speed != merchant.High || inv.State.Verdict.Final
			// The tick is the deadline: of the window, or of a payment that no block takes.
			look = look || judged && t.pass.began.Before(inv.State.Tick)
			if judged {
				continue
			}
			receipts, err := tx.Receipts(ref)
			if err != nil {
				return err
			}
			exposed, err := tx.Exposure()
			if err != nil {
				return err
			}
			judge = append(judge, candidate{inv: inv, receipts: receipts, exposed: exposed})
		}
		return nil
	})
	if err != nil {
		return nil, false, nil, storeError{err}
	}
	verdicts, err = t.judgeAll(ctx, judge, now)
	return refs, look, verdicts, err
}

// tick lets time pass for invoices. That we looked is noted in the same commit: after a crash, nobody may say of a quote
// that ended here that it was not watched until its end.
func (t *Tracker) tick(ctx context.Context, refs []invoice.Ref, verdicts map[invoice.Ref]invoice.Verdict) error {
	var l *ledger
	looked := t.pass.began
	news := t.hole.IsZero() && looked.After(t.feed.observed)
	err := t.commit(ctx, func(tx Tx) error {
		l = t.ledger(tx)
		for _, ref := range refs {
			if _, err := l.book(ref); err != nil {
				return err
			}
			if v, ok := verdicts[ref]; ok {
				l.books[ref].judge = &v
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

// judgeAll asks the node about each candidate. What one accepts counts against the exposure of the next.
func (t *Tracker) judgeAll(ctx context.Context, list []candidate, now time.Time) (map[invoice.Ref]invoice.Verdict, error) {
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // no candidates, no verdicts
	}
	floor, err := t.cfg.Source.FeeFloor(ctx)
	if err != nil {
		return nil, err
	}
	verdicts := make(map[invoice.Ref]invoice.Verdict, len(list))
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
		verdicts[c.inv.Ref] = invoice.Verdict{Yes: yes, Final: true, At: now, Reasons: reasons}
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
