package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// output is one that pays an invoice's address, as the node's blocks hold it.
type output struct {
	address string
	sats    int64
}

// credit is a payment as Satchel recorded it.
type credit struct {
	outpoint string
	address  string
	sats     int64
}

// told is an event as Satchel's log holds it.
type told struct {
	id       string
	invoice  string
	revision uint32
	seq      uint64
	silent   bool // nobody is told
}

// arrival is a callback that the receiver took.
type arrival struct {
	id       string
	invoice  string
	revision uint32
	first    int // the place among all first arrivals; a repetition has the one of the first
	body     string
}

// evidence is what the judgement is made from. The chain's part comes from the node, the arrivals from the receiver.
type evidence struct {
	chain    map[string]output // by outpoint, in blocks only: the mempool is empty in the end
	credits  []credit
	events   []told // the whole log
	arrivals []arrival
	issued   map[string]string // address → the one invoice that it was given to
}

// verdict counts what is wrong.
type verdict struct {
	lost        int // on the chain and not credited
	double      int // credited more than once, or never paid, or with another amount
	undelivered int // events that never arrived
	gaps        int // events that the log is without: all of them, and each invoice's, are numbered from 1
	disorder    int // events that arrived before an earlier one of their invoice, under two ids, or with other bytes
	problems    []string
}

// problemsShown bounds what is told of a broken run.
const problemsShown = 20

func (v *verdict) wrong(n *int, format string, args ...any) {
	*n++
	if len(v.problems) < problemsShown {
		v.problems = append(v.problems, fmt.Sprintf(format, args...))
	}
}

// judge compares. It knows nothing of Satchel's rules: only that what is on the chain is credited once, and that what
// happened is told once it can be.
func judge(e evidence) (v verdict) {
	seen := map[string]int{}
	for _, c := range e.credits {
		seen[c.outpoint]++
		out, ok := e.chain[c.outpoint]
		switch {
		case !ok:
			v.wrong(&v.double, "credited, and in no block: %s", c.outpoint)
		case seen[c.outpoint] > 1:
			v.wrong(&v.double, "credited twice: %s", c.outpoint)
		case out.sats != c.sats || out.address != c.address:
			v.wrong(&v.double, "credited with another amount or address: %s", c.outpoint)
		}
	}
	for point, out := range e.chain {
		if _, ours := e.issued[out.address]; ours && seen[point] == 0 {
			v.wrong(&v.lost, "in a block, and not credited: %s to %s", point, out.address)
		}
	}
	v.numbers(e)
	v.deliveries(e)
	return v
}

// numbers looks for gaps in the log, and in each invoice's part of it.
func (v *verdict) numbers(e evidence) {
	revisions, seq := map[string]uint32{}, uint64(0)
	for _, ev := range e.events {
		if seq++; ev.seq != seq {
			v.wrong(&v.gaps, "event %d is missing, or there twice", seq)
			seq = ev.seq
		}
		if revisions[ev.invoice]++; ev.revision != revisions[ev.invoice] {
			v.wrong(&v.gaps, "revision %d of %s is missing, or there twice", revisions[ev.invoice], ev.invoice)
			revisions[ev.invoice] = ev.revision
		}
	}
	for _, id := range e.issued {
		if revisions[id] == 0 {
			v.wrong(&v.gaps, "no event tells of %s", id)
		}
	}
}

func (v *verdict) deliveries(e evidence) {
	first := map[string]arrival{}
	for _, a := range e.arrivals {
		was, again := first[a.id]
		switch {
		case !again:
			first[a.id] = a
		case was.body != a.body || was.revision != a.revision:
			v.wrong(&v.disorder, "event %s came again, and differs", a.id)
		}
	}
	last := map[string]told{}
	events := slices.DeleteFunc(slices.Clone(e.events), func(ev told) bool { return ev.silent })
	slices.SortFunc(events, func(a, b told) int {
		return cmp.Or(strings.Compare(a.invoice, b.invoice), cmp.Compare(a.revision, b.revision))
	})
	for _, ev := range events {
		a, ok := first[ev.id]
		if !ok {
			v.wrong(&v.undelivered, "never delivered: event %d, revision %d of %s", ev.seq, ev.revision, ev.invoice)
			continue
		}
		if a.invoice != ev.invoice || a.revision != ev.revision {
			v.wrong(&v.disorder, "event %s is another one in the log than it was when it arrived", ev.id)
		}
		if before, ok := last[ev.invoice]; ok && first[before.id].first > a.first {
			v.wrong(&v.disorder, "revision %d of %s came before revision %d", ev.revision, ev.invoice, before.revision)
		}
		last[ev.invoice] = ev
	}
}
