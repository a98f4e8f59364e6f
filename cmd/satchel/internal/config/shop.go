package config

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"satchel/fault"
	"satchel/merchant"
	"satchel/money"
)

// ShopKey is a setting of a merchant: a key of the configuration's [invoice] and [merchant], and of `satchel merchant set`.
type ShopKey struct {
	Name  string
	What  string // for the flag of `satchel merchant add`
	Write func(r *Reader, m *merchant.Merchant, key, text string)
	Read  func(s merchant.Settings) string
}

// Keys that are not every merchant's own.
const (
	KeyName     = "merchant.name"
	KeyExposure = "invoice.zero_conf_exposure"
	KeyURL      = "merchant.notification_url"
)

// ShopKeys lists them in the order of the configuration. Each says how a text is read into a merchant.
func ShopKeys() []ShopKey {
	of := func(name, what string, at func(*merchant.Settings) *time.Duration) ShopKey {
		return ShopKey{
			name, what, func(r *Reader, m *merchant.Merchant, key, text string) { *at(&m.Settings) = r.duration(key, text) },
			func(s merchant.Settings) string { return at(&s).String() },
		}
	}
	sats := func(name, what string, at func(*merchant.Settings) *money.Sats) ShopKey {
		return ShopKey{
			name, what, func(r *Reader, m *merchant.Merchant, key, text string) { *at(&m.Settings) = r.sats(key, text) },
			func(s merchant.Settings) string { return at(&s).BTC() + " BTC" },
		}
	}
	return []ShopKey{
		{"invoice.window", "how long a quote holds", (*Reader).window, func(s merchant.Settings) string { return s.Window.String() }},
		{"invoice.speed", "high, medium or low", (*Reader).speed, func(s merchant.Settings) string { return s.Speed.String() }},
		{"invoice.tolerance", "such as \"100 sat\" or 0.5%; under and over", (*Reader).tolerance, func(s merchant.Settings) string { return s.Tolerance.String() }},
		of("invoice.invalid_after", "paid, no confirmation, and three blocks since", func(s *merchant.Settings) *time.Duration { return &s.InvalidAfter }),
		of("invoice.late_accept", "a payment this late is still credited", func(s *merchant.Settings) *time.Duration { return &s.LateAccept }),
		{
			"invoice.late_max_move", "unless the rate moved against the merchant by more",
			func(r *Reader, m *merchant.Merchant, key, text string) { m.Settings.LateMaxMove = r.percent(key, text) },
			func(s merchant.Settings) string { return s.LateMaxMove.String() },
		},
		{"invoice.zero_conf", "limited, always or never: what speed high accepts without a block", (*Reader).zeroConf, func(s merchant.Settings) string { return s.ZeroConf.String() }},
		of("invoice.zero_conf_dwell", "no conflict seen for so long", func(s *merchant.Settings) *time.Duration { return &s.ZeroConfDwell }),
		sats("invoice.zero_conf_max", "accepted without a block, per invoice", func(s *merchant.Settings) *money.Sats { return &s.ZeroConfMax }),
		sats(KeyExposure, "", func(s *merchant.Settings) *money.Sats { return &s.ZeroConfExposure }),
		{"invoice.max_open", "open unpaid invoices per bearer token", (*Reader).maxOpen, func(s merchant.Settings) string { return strconv.Itoa(s.MaxOpen) }},
		{KeyName, "", (*Reader).ShopName, nil},
		{KeyURL, "for invoices that name none", (*Reader).notificationURL, func(s merchant.Settings) string { return s.NotificationURL }},
		{"merchant.full_notifications", "false: one callback an invoice", (*Reader).full, func(s merchant.Settings) string { return strconv.FormatBool(s.FullNotifications) }},
		{"merchant.currency", "of prices at the point of sale", (*Reader).currency, func(s merchant.Settings) string { return s.PriceCurrency().Code }},
	}
}

// LongKey is a key's whole name where its section was left out: invoice.speed for speed.
func LongKey(key string) string {
	for _, k := range ShopKeys() {
		if _, short, _ := strings.Cut(k.Name, "."); short == key {
			return k.Name
		}
	}
	return key
}

// shopTexts gives what the configuration says for each of the keys.
func (c *file) shopTexts() map[string]string {
	i := c.Invoice
	return map[string]string{
		"invoice.window": i.Window, "invoice.speed": i.Speed, "invoice.tolerance": i.Tolerance, "invoice.invalid_after": i.InvalidAfter,
		"invoice.late_accept": i.LateAccept, "invoice.late_max_move": i.LateMaxMove, "invoice.zero_conf": i.ZeroConf,
		"invoice.zero_conf_dwell": i.ZeroConfDwell, "invoice.zero_conf_max": i.ZeroConfMax, KeyExposure: i.ZeroConfExposure,
		"invoice.max_open": strconv.FormatInt(i.MaxOpen, 10), KeyName: c.Merchant.Name, KeyURL: c.Merchant.NotificationURL,
		"merchant.full_notifications": strconv.FormatBool(c.Merchant.FullNotifications), "merchant.currency": c.Merchant.Currency,
	}
}

// shop reads the configuration's own merchant.
func (r *Reader) shop(c file) (m merchant.Merchant) {
	texts := c.shopTexts()
	for _, k := range ShopKeys() {
		k.Write(r, &m, k.Name, texts[k.Name])
	}
	return m
}

func (r *Reader) window(m *merchant.Merchant, key, text string) {
	m.Settings.Window = r.between(key, text, time.Minute, 24*time.Hour)
}

func (r *Reader) speed(m *merchant.Merchant, key, text string) {
	var ok bool
	if m.Settings.Speed, ok = merchant.ParseSpeed(text); !ok {
		r.Problem(key, "%q is not high, medium or low", text)
	}
}

func (r *Reader) tolerance(m *merchant.Merchant, key, text string) {
	const whole = 1_000_000 // 100 %, in the millionths that a share is counted in
	var err error
	if m.Settings.Tolerance, err = money.ParseTolerance(text); err != nil {
		r.Problem(key, "%s", fault.Sentence(err))
	}
	if m.Settings.Tolerance.Share >= whole {
		r.Problem(key, "with 100%% a single satoshi would pay any invoice")
	}
}

func (r *Reader) zeroConf(m *merchant.Merchant, key, text string) {
	var ok bool
	if m.Settings.ZeroConf, ok = merchant.ParseZeroConf(text); !ok {
		r.Problem(key, "%q is not limited, always or never", text)
	}
}

func (r *Reader) maxOpen(m *merchant.Merchant, key, text string) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		r.Problem(key, "must be a number, at least 1")
		return
	}
	m.Settings.MaxOpen = int(n)
}

// longestName bounds a merchant's name, in characters: payers read it beside the amount.
const longestName = 100

// ShopName reads a merchant's name.
func (r *Reader) ShopName(m *merchant.Merchant, key, text string) {
	switch {
	case strings.TrimSpace(text) == "":
		r.Problem(key, "is empty; payers see it")
	case utf8.RuneCountInString(text) > longestName:
		r.Problem(key, "is longer than %d characters", longestName)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		r.Problem(key, "has characters that cannot be shown")
	}
	m.Name = text
}

func (r *Reader) notificationURL(m *merchant.Merchant, key, text string) {
	if text != "" {
		r.url(key, text)
	}
	m.Settings.NotificationURL = text
}

func (r *Reader) full(m *merchant.Merchant, key, text string) {
	full, err := strconv.ParseBool(text)
	if err != nil {
		r.Problem(key, "%q is not true or false", text)
	}
	m.Settings.FullNotifications = full
}

func (r *Reader) currency(m *merchant.Merchant, key, text string) {
	c, ok := money.Lookup(text)
	if !ok {
		r.Problem(key, "%q is not a currency such as EUR (ISO 4217), or BTC", text)
	}
	m.Settings.Currency = c.Code
}
