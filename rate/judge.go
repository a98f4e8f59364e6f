package rate

import (
	"fmt"
	"slices"
	"time"

	"satchel/money"
)

// The rules of acceptance.
const (
	agreement   money.Percent = 50_000  // 5 %: within this of the median a source agrees
	jump        money.Percent = 200_000 // 20 %: beyond this of the last accepted rate two thirds must agree
	frozenPolls               = 10      // so many answers in a row with the same price, while the others move, are none
	jumpMemory                = time.Hour
)

// tick is the last price that a source gave for a currency, and since when it gives it.
type tick struct {
	rate    money.Rate
	at      time.Time // when it was asked for, or the exchange's own time where that is older
	stamp   time.Time // the exchange's own time; zero where it gives none
	since   time.Time // when this price was first seen
	moved   bool      // there was another price before
	repeats int       // answers in a row that only repeated it
}

// next gives the tick after another answer. A time of the exchange that does not advance makes a price no younger.
func (t tick) next(p price, asked time.Time) tick {
	n := tick{rate: p.rate, at: asked, stamp: p.stamp, since: asked}
	if lag := asked.Round(0).Sub(p.stamp); !p.stamp.IsZero() && lag > 0 {
		n.at = asked.Add(-lag) // keeps the monotonic reading, which a bare time of the exchange has not
	}
	if t.rate.IsZero() {
		return n
	}
	if !p.stamp.IsZero() && !p.stamp.After(t.stamp) && t.at.Before(n.at) {
		n.at = t.at
	}
	n.moved = true
	if p.rate.Cmp(t.rate) == 0 {
		n.since, n.moved, n.repeats = t.since, t.moved, t.repeats+1
	}
	return n
}

// age is how old the tick is: the larger of what the monotonic and the wall clock say, since the one stands still while
// a machine sleeps and the other may be set back.
func (t tick) age(now time.Time) time.Duration {
	return max(now.Sub(t.at), now.Round(0).Sub(t.at.Round(0)))
}

// sighting is a source's tick for the currency in question.
type sighting struct {
	source    string
	aggregate bool
	tick
}

// accepted is a rate that passed, before the spread.
type accepted struct {
	rate money.Rate
	at   time.Time
}

// judge holds the operator's rules. It has no clock and no state.
type judge struct {
	min    int
	maxAge time.Duration
}

// verdict is a rate with what it was made from, or why there is none.
type verdict struct {
	rate     money.Rate // zero: none
	observed []money.Observation
	why      string
}

// Notes on an observation that was not used.
const (
	noteStale     = "stale"
	noteFrozen    = "frozen"
	noteAggregate = "aggregate"
	noteOutlier   = "outlier"
)

// decide finds the rate in what the sources said. A minority of liars can move it only between honest prices.
func (j judge) decide(seen []sighting, last accepted, now time.Time) verdict {
	v := verdict{observed: j.sift(seen, now)}
	votes := usable(v.observed)
	if len(votes) < j.min || len(votes) == 0 {
		v.why = fmt.Sprintf("%d of %d price sources", len(votes), max(j.min, 1))
		return v
	}
	low, high := middle(votes)
	if !high.Within(low, agreement) {
		v.why = "the price sources disagree"
		return v
	}
	center := mid(low, high)
	for i := range v.observed {
		if o := &v.observed[i]; o.Used && !o.Rate.Within(center, agreement) {
			o.Used, o.Note = false, noteOutlier
		}
	}
	kept := usable(v.observed)
	if 2*len(kept) <= len(votes) {
		v.why = "the price sources disagree"
		return v
	}
	r := mid(middle(kept))
	if jumped(r, last, now) && (len(kept) < 2 || 3*len(kept) < 2*len(votes)) {
		v.why = "the price jumped and too few sources agree"
		return v
	}
	v.rate = r
	return v
}

// sift takes the vote from what is old, frozen, or an aggregate of nothing.
func (j judge) sift(seen []sighting, now time.Time) []money.Observation {
	out := make([]money.Observation, len(seen))
	exchanges := 0
	for i, s := range seen {
		out[i] = money.Observation{Source: s.source, Rate: s.rate, At: s.at.Round(0)}
		switch {
		case s.age(now) > j.maxAge:
			out[i].Note = noteStale
		case j.frozen(seen, i, now):
			out[i].Note = noteFrozen
		default:
			out[i].Used = true
			if !s.aggregate {
				exchanges++
			}
		}
	}
	for i, s := range seen {
		if out[i].Used && s.aggregate && exchanges < 2 {
			out[i].Used, out[i].Note = false, noteAggregate
		}
	}
	return out
}

// frozen tells that a source repeats itself while most of the others have moved. Most, since a minority that moves for
// no reason must not silence those who stand still for a good one.
func (j judge) frozen(seen []sighting, i int, now time.Time) bool {
	if seen[i].repeats < frozenPolls {
		return false
	}
	others, moving := 0, 0
	for k, o := range seen {
		if k == i || o.age(now) > j.maxAge {
			continue
		}
		others++
		if o.moved && o.since.After(seen[i].since) {
			moving++
		}
	}
	return 2*moving > others
}

func jumped(r money.Rate, last accepted, now time.Time) bool {
	return !last.rate.IsZero() && now.Sub(last.at) <= jumpMemory && !r.Within(last.rate, jump)
}

// usable gives the rates that have a vote, in order.
func usable(observed []money.Observation) []money.Rate {
	rates := make([]money.Rate, 0, len(observed))
	for _, o := range observed {
		if o.Used {
			rates = append(rates, o.Rate)
		}
	}
	slices.SortFunc(rates, money.Rate.Cmp)
	return rates
}

// middle gives the two rates around the median of sorted ones, which is one and the same for an odd number.
func middle(sorted []money.Rate) (low, high money.Rate) {
	n := len(sorted)
	return sorted[(n-1)/2], sorted[n/2]
}

func mid(low, high money.Rate) money.Rate {
	if low.Cmp(high) == 0 {
		return low
	}
	return low.Mid(high)
}
