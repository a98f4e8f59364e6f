package main

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"satchel/merchant"
	"satchel/money"
)

// shopKey is a setting of a merchant: a key of the configuration's [invoice] and [merchant], and of `satchel merchant set`.
type shopKey struct {
	name  string
	what  string // for the flag of `satchel merchant add`
	write func(r *reader, m *merchant.Merchant, key, text string)
	read  func(s merchant.Settings) string
}

// Keys that are not every merchant's own.
const (
	keyName     = "merchant.name"
	keyExposure = "invoice.zero_conf_exposure"
	keyURL      = "merchant.notification_url"
)

// shopKeys lists them in the order of the configuration. Each says how a text is read into a merchant.
func shopKeys() []shopKey {
	of := func(name, what string, at func(*merchant.Settings) *time.Duration) shopKey {
		return shopKey{
			name, what, func(r *reader, m *merchant.Merchant, key, text string) { *at(&m.Settings) = r.duration(key, text) },
			func(s merchant.Settings) string { return at(&s).String() },
		}
	}
	sats := func(name, what string, at func(*merchant.Settings) *money.Sats) shopKey {
		return shopKey{
			name, what, func(r *reader, m *merchant.Merchant, key, text string) { *at(&m.Settings) = r.sats(key, text) },
			func(s merchant.Settings) string { return at(&s).BTC() + " BTC" },
		}
	}
	return []shopKey{
		{"invoice.window", "how long a quote holds", (*reader).window, func(s merchant.Settings) string { return s.Window.String() }},
		{"invoice.speed", "high, medium or low", (*reader).speed, func(s merchant.Settings) string { return s.Speed.String() }},
		{"invoice.tolerance", "such as \"100 sat\" or 0.5%; under and over", (*reader).tolerance, func(s merchant.Settings) string { return s.Tolerance.String() }},
		of("invoice.invalid_after", "paid, no confirmation, and three blocks since", func(s *merchant.Settings) *time.Duration { return &s.InvalidAfter }),
		of("invoice.late_accept", "a payment this late is still credited", func(s *merchant.Settings) *time.Duration { return &s.LateAccept }),
		{
			"invoice.late_max_move", "unless the rate moved against the merchant by more",
			func(r *reader, m *merchant.Merchant, key, text string) { m.Settings.LateMaxMove = r.percent(key, text) },
			func(s merchant.Settings) string { return s.LateMaxMove.String() },
		},
		{"invoice.zero_conf", "limited, always or never: what speed high accepts without a block", (*reader).zeroConf, func(s merchant.Settings) string { return s.ZeroConf.String() }},
		of("invoice.zero_conf_dwell", "no conflict seen for so long", func(s *merchant.Settings) *time.Duration { return &s.ZeroConfDwell }),
		sats("invoice.zero_conf_max", "accepted without a block, per invoice", func(s *merchant.Settings) *money.Sats { return &s.ZeroConfMax }),
		sats(keyExposure, "", func(s *merchant.Settings) *money.Sats { return &s.ZeroConfExposure }),
		{"invoice.max_open", "open unpaid invoices per bearer token", (*reader).maxOpen, func(s merchant.Settings) string { return strconv.Itoa(s.MaxOpen) }},
		{keyName, "", (*reader).shopName, nil},
		{keyURL, "for invoices that name none", (*reader).notificationURL, func(s merchant.Settings) string { return s.NotificationURL }},
		{"merchant.full_notifications", "false: one callback an invoice", (*reader).full, func(s merchant.Settings) string { return strconv.FormatBool(s.FullNotifications) }},
		{"merchant.currency", "of prices at the point of sale", (*reader).currency, func(s merchant.Settings) string { return s.PriceCurrency().Code }},
	}
}

// longKey is a key's whole name where its section was left out: invoice.speed for speed.
func longKey(key string) string {
	for _, k := range shopKeys() {
		if _, short, _ := strings.Cut(k.name, "."); short == key {
			return k.name
		}
	}
	return key
}

// shopTexts gives what the configuration says for each of the keys.
func (c *config) shopTexts() map[string]string {
	i := c.Invoice
	return map[string]string{
		"invoice.window": i.Window, "invoice.speed": i.Speed, "invoice.tolerance": i.Tolerance, "invoice.invalid_after": i.InvalidAfter,
		"invoice.late_accept": i.LateAccept, "invoice.late_max_move": i.LateMaxMove, "invoice.zero_conf": i.ZeroConf,
		"invoice.zero_conf_dwell": i.ZeroConfDwell, "invoice.zero_conf_max": i.ZeroConfMax, keyExposure: i.ZeroConfExposure,
		"invoice.max_open": strconv.FormatInt(i.MaxOpen, 10), keyName: c.Merchant.Name, keyURL: c.Merchant.NotificationURL,
		"merchant.full_notifications": strconv.FormatBool(c.Merchant.FullNotifications), "merchant.currency": c.Merchant.Currency,
	}
}

// shop reads the configuration's own merchant.
func (r *reader) shop(c config) (m merchant.Merchant) {
	texts := c.shopTexts()
	for _, k := range shopKeys() {
		k.write(r, &m, k.name, texts[k.name])
	}
	return m
}

func (r *reader) window(m *merchant.Merchant, key, text string) {
	before := len(r.problems)
	m.Settings.Window = r.duration(key, text)
	if len(r.problems) > before {
		return
	}
	if m.Settings.Window < time.Minute || m.Settings.Window > 24*time.Hour {
		r.problem(key, "must be between 1m and 24h")
	}
}

func (r *reader) speed(m *merchant.Merchant, key, text string) {
	var ok bool
	if m.Settings.Speed, ok = merchant.ParseSpeed(text); !ok {
		r.problem(key, "%q is not high, medium or low", text)
	}
}

func (r *reader) tolerance(m *merchant.Merchant, key, text string) {
	const whole = 1_000_000 // 100 %, in the millionths that a share is counted in
	var err error
	if m.Settings.Tolerance, err = money.ParseTolerance(text); err != nil {
		r.problem(key, "%s", sentence(err))
	}
	if m.Settings.Tolerance.Share >= whole {
		r.problem(key, "with 100%% a single satoshi would pay any invoice")
	}
}

func (r *reader) zeroConf(m *merchant.Merchant, key, text string) {
	var ok bool
	if m.Settings.ZeroConf, ok = merchant.ParseZeroConf(text); !ok {
		r.problem(key, "%q is not limited, always or never", text)
	}
}

func (r *reader) maxOpen(m *merchant.Merchant, key, text string) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		r.problem(key, "must be a number, at least 1")
		return
	}
	m.Settings.MaxOpen = int(n)
}

// longestName bounds a merchant's name, in characters: payers read it beside the amount.
const longestName = 100

func (r *reader) shopName(m *merchant.Merchant, key, text string) {
	switch {
	case strings.TrimSpace(text) == "":
		r.problem(key, "is empty; payers see it")
	case utf8.RuneCountInString(text) > longestName:
		r.problem(key, "is longer than %d characters", longestName)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		r.problem(key, "has characters that cannot be shown")
	}
	m.Name = text
}

func (r *reader) notificationURL(m *merchant.Merchant, key, text string) {
	if text != "" {
		r.url(key, text)
	}
	m.Settings.NotificationURL = text
}

func (r *reader) full(m *merchant.Merchant, key, text string) {
	full, err := strconv.ParseBool(text)
	if err != nil {
		r.problem(key, "%q is not true or false", text)
	}
	m.Settings.FullNotifications = full
}

func (r *reader) currency(m *merchant.Merchant, key, text string) {
	c, ok := money.Lookup(text)
	if !ok {
		r.problem(key, "%q is not a currency such as EUR (ISO 4217), or BTC", text)
	}
	m.Settings.Currency = c.Code
}
