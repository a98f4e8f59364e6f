package daemon

import (
	"context"
	"fmt"
	"time"

	"satchel/admin"
	"satchel/api"
	"satchel/chain"
	"satchel/fault"
	"satchel/invoice"
)

var errNotVerified = fault.New(fault.Unavailable, "The bitcoin node has not confirmed the addresses yet. Try again shortly.").After(time.Second)

// readiness says why no invoice can be made, and what else is wrong, in the words of /readyz.
func (d *parts) readiness() (reasons, degraded []string) {
	if r := d.tracker.Health().Reason; r != "" {
		reasons = append(reasons, string(r))
	} else if !d.verified.Load() {
		reasons = append(reasons, "node_unreachable")
	}
	if d.db.Writable() != nil {
		reasons = append(reasons, "store_unwritable")
	}
	if !d.rates.Status().Enough {
		degraded = append(degraded, "rates_unavailable")
	}
	return reasons, degraded
}

// advice says in a sentence what the first of the reasons means; "": there is none.
func (d *parts) advice() string {
	if h := d.tracker.Health(); h.Reason != "" {
		return h.Sentence
	}
	if !d.verified.Load() {
		return errNotVerified.Message
	}
	if err := d.db.Writable(); err != nil {
		return err.Error()
	}
	return ""
}

// gauges feeds the metrics.
func (d *parts) gauges() api.Gauges {
	stats, err := d.db.Stats(context.Background())
	if err != nil {
		d.log.Error("read the store's totals", "err", err)
	}
	h := d.tracker.Health()
	g := api.Gauges{
		Undelivered: int(stats.Undelivered), Tip: h.Tip.Height, Lag: h.NodeTip - h.Tip.Height, //nolint:gosec // small
		Watched: d.scripts.Len(), Invoices: map[invoice.Status]int{},
	}
	for s, n := range stats.ByStatus {
		g.Invoices[s] = int(n) //nolint:gosec // small
	}
	if !stats.Oldest.IsZero() {
		g.OldestUndelivered = d.clock.Now().Sub(stats.Oldest)
	}
	for _, t := range d.watcher.Health() {
		g.ZMQGaps += t.Gaps
	}
	return g
}

// status is `satchel status`.
func (d *parts) status(ctx context.Context) (admin.Status, error) {
	stats, err := d.db.Stats(ctx)
	if err != nil {
		return admin.Status{}, err
	}
	h := d.tracker.Health()
	reasons, degraded := d.readiness()
	s := admin.Status{
		Network: string(d.set.Network), Version: d.version, Ready: len(reasons) == 0, Advice: d.advice(),
		Tip:         admin.Tip{Height: h.Tip.Height, Node: h.NodeTip, Lag: h.NodeTip - h.Tip.Height, Synced: h.Synced},
		Invoices:    map[string]uint64{},
		Undelivered: stats.Undelivered, Scripts: stats.Scripts, Events: stats.Events, Database: stats.FileSize, Clock: d.clock.Now(),
		Warnings: append([]string{}, degraded...), Links: []admin.Link{}, Keys: []admin.Key{},
	}
	if h.Tip != (chain.Header{}) {
		s.Tip.Hash = h.Tip.Hash.String()
	}
	if len(reasons) > 0 {
		s.Reason = reasons[0]
	}
	for status, n := range stats.ByStatus {
		s.Invoices[status.String()] = n
	}
	if !stats.Oldest.IsZero() {
		s.Oldest, s.OldestAge = &stats.Oldest, s.Clock.Sub(stats.Oldest).Seconds()
	}
	d.addLinks(&s)
	d.addRates(&s)
	d.addKeys(&s, stats.Keys)
	return s, nil
}

func (d *parts) addLinks(s *admin.Status) {
	for _, t := range d.watcher.Health() {
		l := admin.Link{Topic: t.Topic, Address: t.Address, Connected: t.Connected, Messages: t.Messages, Gaps: t.Gaps}
		if !t.Last.IsZero() {
			l.Last = &t.Last
		}
		s.Links = append(s.Links, l)
	}
	if weak := d.weak.Load(); weak != nil {
		for _, w := range *weak {
			s.Warnings = append(s.Warnings, w.Sentence+" In bitcoin.conf: "+w.Config)
		}
	}
}

func (d *parts) addRates(s *admin.Status) {
	r := d.rates.Status()
	s.Rates = admin.RateStatus{Enough: r.Enough, Method: "none", Age: r.Age.Seconds(), Sources: []admin.RateSource{}}
	if !r.Rate.IsZero() {
		s.Rates.Method = r.Rate.String() + " " + r.Code
	}
	if !r.Last.IsZero() {
		s.Rates.Last = &r.Last
	}
	for _, src := range r.Sources {
		one := admin.RateSource{Name: src.Name, Error: src.Error}
		if !src.Success.IsZero() {
			one.Last = &src.Success
		}
		s.Rates.Sources = append(s.Rates.Sources, one)
	}
}

// addKeys tells how far addresses were issued. Another wallet on the same key looks only gap_limit addresses beyond the
// last one that was paid.
func (d *parts) addKeys(s *admin.Status, keys []invoice.KeyStats) {
	for _, k := range keys {
		doc := admin.Key{Fingerprint: k.Key, Merchant: string(k.Merchant), Next: k.Next, Gap: k.Gap}
		if key := d.keys.WatchKey(k.Key); key != nil && k.Gap*4 >= d.set.GapLimit*3 {
			c := key.CommandsFor(k.Next + d.set.GapLimit)
			doc.Create, doc.Import, doc.Refill = c.Create, c.Import, c.Refill
			s.Warnings = append(s.Warnings, fmt.Sprintf("%d addresses of key %s in a row are unpaid; another wallet that looks %d ahead will miss payments",
				k.Gap, k.Key[:min(16, len(k.Key))], d.set.GapLimit))
		}
		s.Keys = append(s.Keys, doc)
	}
}
