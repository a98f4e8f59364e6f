package daemon

import (
	"os"
	"path/filepath"

	"satchel/cmd/satchel/internal/config"
	"satchel/merchant"
	"satchel/store"
)

// Create makes the database first: a configuration without one is of no use.
func Create(s config.Settings, path, text string, m merchant.Merchant) error {
	if err := os.MkdirAll(s.DataDir, 0o700); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := store.Create(s.Database(), string(s.Network), m); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// FirstKey is the configuration's watch key as the store keeps it for the first merchant.
func FirstKey(s config.Settings, first merchant.ID) store.Key {
	return store.Key{Fingerprint: s.Key.Fingerprint(), Merchant: first, Next: s.StartIndex, Birthday: s.Birthday}
}
