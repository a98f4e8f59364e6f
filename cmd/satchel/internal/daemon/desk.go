package daemon

import (
	"context"

	"satchel/admin"
	"satchel/api"
	"satchel/auth"
	"satchel/cmd/satchel/internal/config"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
	"satchel/wallet"
	"satchel/web/desk"
)

// newDesk makes the merchant's desk on the same services as the operator's commands.
func (d *parts) newDesk(invoices *invoice.Service, access *auth.Authority, staff *auth.Staff, shops *shops) (*desk.Desk, error) {
	return desk.New(desk.Config{
		Store: d.db, Invoices: invoices, Staff: staff, Access: access, Secret: d.db.ServerSecret(), Rates: d.rates,
		Shops: deskShops{shops}, Callbacks: callbacks{d}, Health: d.deskHealth, Tip: d.tip, Hub: d.hub, Caller: api.CallerOf, Now: d.clock.Now,
		Base: d.set.PublicURLs[0], Trusted: d.set.PublicURLs[1:], Network: string(d.set.Network), Log: d.part("desk"),
		Script: func(address string) ([]byte, error) { return wallet.ScriptFor(address, d.set.Network) },
	})
}

// callbacks tries endpoints for the desk.
type callbacks struct{ d *parts }

// Sample implements desk.Callbacks.
func (c callbacks) Sample(ctx context.Context, url string, s merchant.Secrets) (notify.Attempt, error) {
	return c.d.notifier.Sample(ctx, url, s)
}

// CheckURL implements desk.Callbacks.
func (c callbacks) CheckURL(url string) error { return notify.CheckURL(url, c.d.set.AllowPrivate) }

// deskHealth is `satchel status` as the desk shows it.
func (d *parts) deskHealth(ctx context.Context) (desk.Health, error) {
	s, err := d.status(ctx)
	if err != nil {
		return desk.Health{}, err
	}
	reasons, degraded := d.readiness()
	h := desk.Health{
		Version: s.Version, Network: s.Network, Ready: len(reasons) == 0, Reasons: reasons, Degraded: degraded, Advice: s.Advice,
		Height: s.Tip.Height, Node: s.Tip.Node, Hash: s.Tip.Hash, Synced: s.Tip.Synced, Now: s.Clock,
		Totals: &desk.Totals{Scripts: s.Scripts, Events: s.Events, Undelivered: s.Undelivered, Bytes: s.Database},
	}
	for _, w := range s.Warnings {
		if len(degraded) == 0 || w != degraded[0] {
			h.Warnings = append(h.Warnings, w)
		}
	}
	if s.Oldest != nil {
		h.Totals.Oldest = *s.Oldest
	}
	for _, l := range s.Links {
		link := desk.Link{Topic: l.Topic, Connected: l.Connected, Messages: l.Messages, Gaps: l.Gaps}
		if l.Last != nil {
			link.Last = *l.Last
		}
		h.Links = append(h.Links, link)
	}
	for _, k := range s.Keys {
		h.Keys = append(h.Keys, desk.Key{Merchant: merchant.ID(k.Merchant), Fingerprint: k.Fingerprint, Next: k.Next, Gap: k.Gap, Create: k.Create, Import: k.Import, Refill: k.Refill})
	}
	return h, nil
}

// deskShops tells and changes settings for the desk.
type deskShops struct{ *shops }

// Settings implements desk.Shops.
func (s deskShops) Settings(ctx context.Context, id merchant.ID) (desk.Settings, error) {
	list, err := s.store.Merchants(ctx)
	if err != nil {
		return desk.Settings{}, err
	}
	out := desk.Settings{Configured: id == s.first}
	for _, m := range list {
		if m.ID != id {
			continue
		}
		for _, k := range config.ShopKeys() {
			if k.Name == config.KeyExposure && !out.Configured {
				continue // only the configuration's counts
			}
			value := m.Name
			if k.Name != config.KeyName {
				value = k.Read(m.Settings)
			}
			out.List = append(out.List, desk.Setting{Key: k.Name, What: k.What, Value: value})
		}
	}
	return out, nil
}

// Set implements desk.Shops.
func (s deskShops) Set(ctx context.Context, id merchant.ID, values []desk.Setting) error {
	list := make([]admin.Setting, 0, len(values))
	for _, v := range values {
		list = append(list, admin.Setting{Key: v.Key, Value: v.Value})
	}
	_, err := s.shops.Set(ctx, id, list)
	return err
}
