// Package merchant is who gets paid: a permanent id, a watch key, settings for new invoices, and secrets. It imports no other room
// of the domain, so that authentication may know merchants without knowing invoices.
package merchant

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/btcsuite/btcd/btcutil/base58"

	"satchel/money"
)

// ID is permanent, made once when the merchant is created: 22 characters of base58.
type ID string

// NewID makes the id of a new merchant: 16 random bytes, of which those are taken that base58 writes with 22 characters.
func NewID() ID {
	for {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process first
		if id := base58.Encode(b[:]); len(id) == 22 {
			return ID(id)
		}
	}
}

// Merchant is one shop.
type Merchant struct {
	ID       ID
	Name     string
	Created  time.Time
	Watch    Watch
	Settings Settings
	Secrets  Secrets
}

// Watch is the public key that a merchant's addresses come from. It is zero for the merchant of the configuration, whose
// key stands there.
type Watch struct {
	Key         Secret // an extended public key or a public descriptor: who has it sees every payment
	Type        string // of the addresses ("p2wpkh"…), where the key does not say; "": it does
	Fingerprint string // names the key with its branch, however it is written
}

// Speed is how many confirmations make an invoice confirmed (BitPay transactionSpeed).
type Speed uint8

// High accepts without a block where the risk policy agrees, Medium at one confirmation, Low at six.
const (
	High Speed = iota + 1
	Medium
	Low
)

// String gives the word of the wire and the configuration.
func (s Speed) String() string {
	switch s {
	case High:
		return "high"
	case Medium:
		return "medium"
	case Low:
		return "low"
	}
	return "unknown"
}

// ParseSpeed reads "high", "medium" or "low".
func ParseSpeed(text string) (Speed, bool) {
	for _, s := range []Speed{High, Medium, Low} {
		if text == s.String() {
			return s, true
		}
	}
	return 0, false
}

// ZeroConf is what speed High accepts without a block.
type ZeroConf uint8

// Limited asks the risk policy, Always takes any transaction in the mempool, Never waits for a block.
const (
	Limited ZeroConf = iota + 1
	Always
	Never
)

// String gives the word of the configuration.
func (z ZeroConf) String() string {
	switch z {
	case Limited:
		return "limited"
	case Always:
		return "always"
	case Never:
		return "never"
	}
	return "unknown"
}

// ParseZeroConf reads "limited", "always" or "never".
func ParseZeroConf(text string) (ZeroConf, bool) {
	for _, z := range []ZeroConf{Limited, Always, Never} {
		if text == z.String() {
			return z, true
		}
	}
	return 0, false
}

// Settings are what a merchant's new invoices start from. An invoice keeps the ones it was made with.
type Settings struct {
	Window            time.Duration   // how long a quote holds
	Speed             Speed           // where the invoice does not say
	Tolerance         money.Tolerance // under and over
	InvalidAfter      time.Duration   // paid, but in no block for so long and three blocks
	LateAccept        time.Duration   // a payment this late is still credited, if the rate did not move; 0: never
	LateMaxMove       money.Percent   // by how much the rate may have moved against the merchant
	ZeroConf          ZeroConf
	ZeroConfDwell     time.Duration // no conflict was seen for so long
	ZeroConfMax       money.Sats    // per invoice
	ZeroConfExposure  money.Sats    // all open ones of all merchants together: only the configuration's counts
	MaxOpen           int           // open unpaid invoices per bearer token
	NotificationURL   string        // where callbacks go when the invoice does not say
	FullNotifications bool
	Currency          string // of prices at the point of sale where nothing else says: ISO 4217 or BTC; "": DefaultCurrency
}

// DefaultCurrency is the point of sale's where nothing says another.
const DefaultCurrency = "USD"

// PriceCurrency is what the point of sale is priced in.
func (s Settings) PriceCurrency() money.Currency {
	c, ok := money.Lookup(s.Currency)
	if !ok {
		c, _ = money.Lookup(DefaultCurrency)
	}
	return c
}

// Secrets of a merchant. They format as "[secret]" wherever they are printed or logged.
type Secrets struct {
	Webhook  Secret    // signs callbacks (Standard Webhooks, "whsec_…")
	Previous []Retired // earlier ones that still sign, too
}

// Retired is a webhook secret that signs beside the current one until its end.
type Retired struct {
	Secret Secret
	Until  time.Time
}

// Secret is a text that must not be seen.
type Secret string

const hidden = "[secret]"

// String hides the secret.
func (Secret) String() string { return hidden }

// Format hides the secret from every verb of fmt.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText hides the secret from encoders; whoever stores it takes it from Reveal.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the secret from log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// Reveal gives the secret itself, for signing and for the operator's own terminal.
func (s Secret) Reveal() string { return string(s) }
