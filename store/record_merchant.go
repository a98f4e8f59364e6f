package store

import (
	"time"

	"satchel/merchant"
	"satchel/money"
)

type merchantRecord struct {
	ID       merchant.ID    `json:"id"`
	Name     string         `json:"name"`
	Created  instant        `json:"created,omitempty"`
	Watch    watchRecord    `json:"watch,omitzero"`
	Settings settingsRecord `json:"settings"`
	Webhook  string         `json:"webhook,omitempty"`
	Previous []secretRecord `json:"previous,omitempty"`
}

// watchRecord is a merchant's watch key, which stands here as it was given.
type watchRecord struct {
	Key         string `json:"key,omitempty"`
	Type        string `json:"type,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
}

type secretRecord struct {
	Secret string  `json:"secret"`
	Until  instant `json:"until"`
}

type settingsRecord struct {
	Window           time.Duration     `json:"window,omitempty"`
	Speed            merchant.Speed    `json:"speed,omitempty"`
	Tolerance        money.Sats        `json:"tolerance,omitempty"`
	ToleranceRate    money.Percent     `json:"toleranceShare,omitempty"`
	InvalidAfter     time.Duration     `json:"invalidAfter,omitempty"`
	LateAccept       time.Duration     `json:"lateAccept,omitempty"`
	LateMaxMove      money.Percent     `json:"lateMaxMove,omitempty"`
	ZeroConf         merchant.ZeroConf `json:"zeroConf,omitempty"`
	ZeroConfDwell    time.Duration     `json:"zeroConfDwell,omitempty"`
	ZeroConfMax      money.Sats        `json:"zeroConfMax,omitempty"`
	ZeroConfExposure money.Sats        `json:"zeroConfExposure,omitempty"`
	MaxOpen          int               `json:"maxOpen,omitempty"`
	NotificationURL  string            `json:"notificationUrl,omitempty"`
	FullNotify       bool              `json:"fullNotifications,omitempty"`
	Currency         string            `json:"currency,omitempty"`
}

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
