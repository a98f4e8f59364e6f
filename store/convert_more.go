package store

import (
	"satchel/auth"
	"satchel/chain"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/notify"
)

func fromMerchant(m *merchant.Merchant) merchantRecord {
	s := &m.Settings
	r := merchantRecord{
		ID: m.ID, Name: m.Name, Created: toInstant(m.Created), Webhook: m.Secrets.Webhook.Reveal(),
		Watch: watchRecord{Key: m.Watch.Key.Reveal(), Type: m.Watch.Type, Fingerprint: m.Watch.Fingerprint},
		Settings: settingsRecord{
			Window: s.Window, Speed: s.Speed, Tolerance: s.Tolerance.Sats, ToleranceRate: s.Tolerance.Share,
			InvalidAfter: s.InvalidAfter, LateAccept: s.LateAccept, LateMaxMove: s.LateMaxMove, ZeroConf: s.ZeroConf,
			ZeroConfDwell: s.ZeroConfDwell, ZeroConfMax: s.ZeroConfMax, ZeroConfExposure: s.ZeroConfExposure,
			MaxOpen: s.MaxOpen, NotificationURL: s.NotificationURL, FullNotify: s.FullNotifications, Currency: s.Currency,
		},
	}
	for _, p := range m.Secrets.Previous {
		r.Previous = append(r.Previous, secretRecord{Secret: p.Secret.Reveal(), Until: toInstant(p.Until)})
	}
	return r
}

func (r *merchantRecord) merchant() merchant.Merchant {
	s := &r.Settings
	m := merchant.Merchant{
		ID: r.ID, Name: r.Name, Created: r.Created.time(),
		Watch: merchant.Watch{Key: merchant.Secret(r.Watch.Key), Type: r.Watch.Type, Fingerprint: r.Watch.Fingerprint},
		Settings: merchant.Settings{
			Window: s.Window, Speed: s.Speed, Tolerance: money.Tolerance{Sats: s.Tolerance, Share: s.ToleranceRate},
			InvalidAfter: s.InvalidAfter, LateAccept: s.LateAccept, LateMaxMove: s.LateMaxMove, ZeroConf: s.ZeroConf,
			ZeroConfDwell: s.ZeroConfDwell, ZeroConfMax: s.ZeroConfMax, ZeroConfExposure: s.ZeroConfExposure,
			MaxOpen: s.MaxOpen, NotificationURL: s.NotificationURL, FullNotifications: s.FullNotify,
			Currency: s.Currency,
		},
		Secrets: merchant.Secrets{Webhook: merchant.Secret(r.Webhook)},
	}
	for _, p := range r.Previous {
		m.Secrets.Previous = append(m.Secrets.Previous, merchant.Retired{Secret: merchant.Secret(p.Secret), Until: p.Until.time()})
	}
	return m
}

func fromGrant(g *auth.Grant, no uint32) grantRecord {
	return grantRecord{
		No: no, Facade: g.Facade, Label: g.Label, SIN: string(g.SIN), Created: toInstant(g.Created), Revoked: toInstant(g.Revoked),
		Code: g.Pairing.Code, Expires: toInstant(g.Pairing.Expires), Client: g.Pairing.Client,
	}
}

func (r *grantRecord) grant(id auth.TokenID, m merchant.ID) auth.Grant {
	return auth.Grant{
		ID: id, Merchant: m, Facade: r.Facade, Label: r.Label, SIN: auth.SIN(r.SIN), Created: r.Created.time(), Revoked: r.Revoked.time(),
		Pairing: auth.Pairing{Code: r.Code, Expires: r.Expires.time(), Client: r.Client},
	}
}

func fromClient(c *auth.Client) clientRecord {
	return clientRecord{SIN: string(c.SIN), Label: c.Label, Phone: c.Phone, Created: toInstant(c.Created), Disabled: c.Disabled, Paired: c.Paired}
}

func (r *clientRecord) client() auth.Client {
	return auth.Client{SIN: auth.SIN(r.SIN), Label: r.Label, Phone: r.Phone, Created: r.Created.time(), Disabled: r.Disabled, Paired: r.Paired}
}

func fromSession(s *auth.Session) sessionRecord {
	l := &s.Last
	return sessionRecord{
		ID: s.ID, Next: s.Next, Used: toInstant(s.Used), SIN: string(s.SIN),
		Hash: hash32(l.Hash), By: string(l.SIN), Status: l.Status, Size: l.Size, Lost: l.Lost,
	}
}

func (r *sessionRecord) session() auth.Session {
	return auth.Session{
		ID: r.ID, Next: r.Next, Used: r.Used.time(), SIN: auth.SIN(r.SIN),
		Last: auth.Last{Hash: r.Hash, SIN: auth.SIN(r.By), Status: r.Status, Size: r.Size, Lost: r.Lost},
	}
}

func fromHeader(h *chain.Header) headerRecord {
	return headerRecord{Hash: hash32(h.Hash), Prev: hash32(h.Prev), Time: toInstant(h.Time), Work: hash32(h.Work)}
}

func (r *headerRecord) header(height int32) chain.Header {
	return chain.Header{
		Hash: chain.BlockHash(r.Hash), Prev: chain.BlockHash(r.Prev), Height: height, Time: r.Time.time(), Work: chain.Work(r.Work),
	}
}

func (r *deliveryRecord) ref() ref { return ref{no: r.No, seq: r.Seq} }

// delivery gives the delivery without its body.
func (r *deliveryRecord) delivery(id uint64, m merchant.ID) notify.Delivery {
	return notify.Delivery{
		ID: id, Event: r.Event, EventID: r.EventID, Revision: r.Revision, Code: r.Code,
		Ref: invoice.Ref{Merchant: m, Seq: r.Seq}, Invoice: r.Invoice, Creator: r.Creator,
		Outgoing: notify.Outgoing{Channel: r.Channel, Endpoint: r.Endpoint},
		Created:  r.Created.time(), State: r.State, Resend: r.Resend, Held: r.Held,
		Progress: notify.Progress{Attempts: r.Attempts, First: r.First.time(), Next: r.Next.time(), Last: r.Last},
	}
}

// take takes over what an attempt changed.
func (r *deliveryRecord) take(d *notify.Delivery) {
	r.State = d.State
	r.Attempts, r.Last = d.Progress.Attempts, d.Progress.Last
	r.First, r.Next = toInstant(d.Progress.First), toInstant(d.Progress.Next)
	r.Blocks = d.Blocks()
}

func fromAttempt(a *notify.Attempt) attemptRecord {
	return attemptRecord{
		At: toInstant(a.At), Took: a.Took, Status: a.Status, Error: a.Error, Answer: a.Answer, Redelivery: a.Redelivery,
	}
}

func (r *attemptRecord) attempt() notify.Attempt {
	return notify.Attempt{
		At: r.At.time(), Took: r.Took, Status: r.Status, Error: r.Error, Answer: r.Answer, Redelivery: r.Redelivery,
	}
}
