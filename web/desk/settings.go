package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
	"satchel/notify"
	"satchel/web/text"
)

// Shops tells and changes a merchant's settings.
type Shops interface {
	// Settings lists them by the configuration's names, in its order.
	Settings(ctx context.Context, m merchant.ID) (Settings, error)
	// Set changes settings: all of them, or none.
	Set(ctx context.Context, m merchant.ID, values []Setting) error
}

// Settings of a merchant.
type Settings struct {
	Configured bool // they stand in the configuration file, and are changed there
	List       []Setting
}

// Setting is one, by the name that the configuration has for it.
type Setting struct{ Key, What, Value string }

// settingsPage is how new invoices begin, and what signs callbacks.
type settingsPage struct {
	Settings
	Rows    []settingRow
	Secret  string // shown once; "": not
	Print   string // tells one secret from another
	Retired []time.Time
	Problem string
}

type settingRow struct {
	Setting
	Choices []choice // "": any text
}

func (v *visit) settings() error {
	p, err := v.settingsPage(nil)
	if err != nil {
		return err
	}
	return v.page("settings", p)
}

// settingsPage shows what is set, or what was typed instead.
func (v *visit) settingsPage(typed map[string]string) (p settingsPage, err error) {
	if p.Settings, err = v.d.cfg.Shops.Settings(v.ctx(), v.shop.ID); err != nil {
		return p, err
	}
	for _, s := range p.List {
		if t, ok := typed[s.Key]; ok {
			s.Value = t
		}
		s.Value = text.Clean(plainly(s.Value), maxURL)
		row := settingRow{Setting: s}
		for _, word := range choicesOf(s.Key) {
			row.Choices = append(row.Choices, choice{Value: word, Name: word, Picked: word == s.Value})
		}
		p.Rows = append(p.Rows, row)
	}
	p.Print = fingerprint(v.shop.Secrets.Webhook)
	for _, old := range v.shop.Secrets.Previous {
		if old.Until.After(v.now()) {
			p.Retired = append(p.Retired, old.Until)
		}
	}
	return p, nil
}

// plainly writes a duration without its zeros, and any other text as it is.
func plainly(value string) string {
	if d, err := time.ParseDuration(value); err == nil {
		return spell(d)
	}
	return value
}

func choicesOf(key string) []string {
	switch key {
	case "invoice.speed":
		return []string{"high", "medium", "low"}
	case "invoice.zero_conf":
		return []string{"limited", "always", "never"}
	case "merchant.full_notifications":
		return []string{"true", "false"}
	}
	return nil
}

// set changes the settings that differ from what is set.
func (v *visit) set() error {
	v.back = v.root() + "/settings"
	now, err := v.d.cfg.Shops.Settings(v.ctx(), v.shop.ID)
	if err != nil {
		return err
	}
	typed, values := map[string]string{}, []Setting(nil)
	for _, s := range now.List {
		if t, ok := v.req.PostForm[s.Key]; ok && plainly(strings.TrimSpace(t[0])) != plainly(s.Value) {
			typed[s.Key] = strings.TrimSpace(t[0])
			values = append(values, Setting{Key: s.Key, Value: typed[s.Key]})
		}
	}
	if len(values) == 0 {
		return v.to(v.root() + "/settings")
	}
	err = v.d.cfg.Shops.Set(v.ctx(), v.shop.ID, values)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		p, again := v.settingsPage(typed)
		if again != nil {
			return again
		}
		p.Problem = sentence(err)
		v.show(http.StatusUnprocessableEntity, "settings", p)
		return nil
	}
	if err != nil {
		return err
	}
	return v.did("/settings", "set")
}

// secretOverlap is for how long a secret signs beside the one that took its place.
const secretOverlap = 24 * time.Hour

// fingerprint tells one secret from another without giving it away.
func fingerprint(s merchant.Secret) string {
	sum := sha256.Sum256([]byte("satchel fingerprint\x00" + s.Reveal()))
	return hex.EncodeToString(sum[:6])
}

// secret shows the secret that signs callbacks, or makes a new one and shows that. It is the one form that answers with a
// page: a secret must not be at an address that can be opened again. The form names the secret that it replaces, so that
// a second one does not replace the new one.
func (v *visit) secret() error {
	v.back = v.root() + "/settings"
	rotated := false
	if v.form("do") == "rotate" {
		now := v.now()
		shop, err := v.d.cfg.Store.UpdateMerchant(v.ctx(), v.shop.ID, func(m *merchant.Merchant) error {
			if rotated = fingerprint(m.Secrets.Webhook) == v.form("print"); rotated {
				m.Secrets = notify.Rotate(m.Secrets, now, secretOverlap)
			}
			return nil
		})
		if err != nil {
			return err
		}
		v.shop = shop
	}
	v.d.cfg.Log.InfoContext(v.ctx(), "the signing secret was shown at the desk", "operator", v.who.Name, "merchant", string(v.shop.ID), "new", rotated)
	p, err := v.settingsPage(nil)
	if err != nil {
		return err
	}
	if v.who.May(auth.Owner) {
		p.Secret = v.shop.Secrets.Webhook.Reveal()
	}
	return v.page("settings", p)
}
