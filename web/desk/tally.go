package desk

import (
	"context"
	"sync"
	"time"

	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

// day is what a merchant's invoices of one day (UTC) came to.
type day struct {
	At         time.Time
	Made, Paid int
	Sats       money.Sats       // of invoices that were paid in full
	Fiat       map[string]int64 // what they asked for, in minor units by currency
	Sight      [sightSteps]int  // how soon the first payment was seen
}

// sightSteps is how many steps there are from the making of an invoice to the first sight of a payment.
const sightSteps = 12

// sights are the upper ends of the steps; what is longer is in the last.
func sights() [sightSteps - 1]time.Duration {
	return [...]time.Duration{
		10 * time.Second, 20 * time.Second, 30 * time.Second, 45 * time.Second, time.Minute, 90 * time.Second, 2 * time.Minute, 3 * time.Minute,
		5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
	}
}

// add counts an invoice, with its first receipt.
func (d *day) add(s invoice.Shown) {
	inv := s.Invoice
	d.Made++
	if inv.PaidInFull() && (inv.State.Status == invoice.Paid || inv.State.Status == invoice.Confirmed || inv.State.Status == invoice.Complete) {
		d.Paid++
		d.Sats += inv.Sums.In
		d.Fiat[inv.Quote.Price.Code] += inv.Quote.Price.Minor
	}
	if len(s.Receipts) > 0 {
		d.Sight[sightStep(s.Receipts[0].FirstSeen.Sub(inv.Created))]++
	}
}

func sightStep(d time.Duration) int {
	for i, end := range sights() {
		if d <= end {
			return i
		}
	}
	return sightSteps - 1
}

// How long a day's figures are kept: late payments still change older days, but nobody waits for it.
const (
	freshFor = 20 * time.Second
	oldFor   = 15 * time.Minute
	maxKept  = 10_000 // days of all merchants
)

// tallies keeps figures for a while: those of a month may take a second to add up. For each merchant one caller at a time
// adds up; the others wait for him, no longer than they want to, and nobody waits for another merchant's.
type tallies struct {
	mu    sync.Mutex // of the maps; never held while something is read
	kept  map[tallyKey]kept
	turns map[merchant.ID]chan struct{} // whoever adds up has put something in
}

type tallyKey struct {
	shop merchant.ID
	day  int64
}

type kept struct {
	day day
	at  time.Time
}

func newTallies() *tallies {
	return &tallies{kept: map[tallyKey]kept{}, turns: map[merchant.ID]chan struct{}{}}
}

// days gives the figures of the last days, today's last.
func (t *tallies) days(ctx context.Context, store listStore, m merchant.ID, now time.Time, n int) ([]day, error) {
	turn := t.turn(m)
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	today := now.UTC().Truncate(24 * time.Hour)
	list := make([]day, 0, n)
	for back := n - 1; back >= 0; back-- {
		at := today.AddDate(0, 0, -back)
		key := tallyKey{m, at.Unix()}
		life := oldFor
		if back < 2 {
			life = freshFor
		}
		d, ok := t.fresh(key, now, life)
		if !ok {
			var err error
			if d, err = tally(ctx, store, m, at); err != nil {
				return nil, err
			}
			t.keep(key, kept{day: d, at: now})
		}
		list = append(list, d)
	}
	return list, nil
}

func (t *tallies) turn(m merchant.ID) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.turns[m] == nil {
		t.turns[m] = make(chan struct{}, 1)
	}
	return t.turns[m]
}

// fresh gives what was kept for less than its life.
func (t *tallies) fresh(key tallyKey, now time.Time, life time.Duration) (day, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.kept[key]
	age := now.Sub(k.at)
	return k.day, ok && age >= 0 && age < life
}

func (t *tallies) keep(key tallyKey, k kept) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) >= maxKept {
		clear(t.kept)
	}
	t.kept[key] = k
}

// tallyChunk is how many invoices are read at a time.
const tallyChunk = 1000

func tally(ctx context.Context, store listStore, m merchant.ID, at time.Time) (day, error) {
	d := day{At: at, Fiat: map[string]int64{}}
	f := invoice.Filter{From: at, To: at.AddDate(0, 0, 1), Limit: tallyChunk}
	for {
		list, err := store.ShowInvoices(ctx, m, f, 1)
		if err != nil {
			return d, err
		}
		for _, s := range list {
			d.add(s)
			f.Below = s.Invoice.Mark()
		}
		if len(list) < tallyChunk {
			return d, nil
		}
	}
}
