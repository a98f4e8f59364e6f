package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"satchel/chain"
	"satchel/cmd/satchel/internal/config"
	"satchel/cmd/satchel/internal/keys"
	"satchel/fault"
	"satchel/merchant"
	"satchel/notify"
	"satchel/store"
	"satchel/wallet"
)

// initAgain makes an empty database beside a configuration whose own is gone, and leaves the configuration as it is. It
// is what a restore is for an empty backup: addresses that the lost database may have shown are passed over and watched.
func (a *app) initAgain(cmd *cobra.Command, path string, f initFlags) error {
	s, err := config.Load(path)
	if err != nil {
		return err
	}
	switch _, err := os.Stat(s.Database()); {
	case err == nil:
		return fmt.Errorf("%s exists already, and so does its database; --force overwrites the configuration, and nothing a database", path)
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := agrees(s, f); err != nil {
		return fmt.Errorf("%s exists already and is kept as it is (--force overwrites it): %w", path, err)
	}
	start, err := a.untouched(cmd.Context(), s, f)
	if err != nil {
		return err
	}
	doc := initDocument{Config: path, Database: s.Database(), StartIndex: start}
	if doc.Addresses, err = firstAddresses(cmd.Context(), s, start); err != nil {
		return err
	}
	tellAgain(cmd.ErrOrStderr(), path, s.StartIndex, start, f)
	m, err := doc.agreed(cmd, s, f)
	if err != nil {
		return err
	}
	if err := replaceLost(cmd.Context(), s, start, m); err != nil {
		return err
	}
	return a.print(doc, func(w io.Writer) { showInit(w, doc) })
}

// tellAgain says what is lost and what is new, before anybody is asked.
func tellAgain(w io.Writer, path string, from, start uint32, f initFlags) {
	fmt.Fprintf(w, "%s is kept, and gets an empty database. What the one that is gone knew is lost: invoices, tokens, operators, other merchants.\n", path)
	if !f.secretStdin {
		fmt.Fprintln(w, "A new secret will sign callbacks, and shops must be told; --secret-stdin takes the one that they know.")
	}
	if start > from {
		fmt.Fprintf(w, "Addresses %d to %d of the key may have been shown: they are passed over, and watched. With more invoices than that, say --start-index N.\n", from, start-1)
	}
}

// agrees tells whether the flags mean what the configuration says.
func agrees(s config.Settings, f initFlags) error {
	if f.network != "" && f.network != string(s.Network) {
		return fmt.Errorf("its network is %s", s.Network)
	}
	if f.key == "" {
		return nil
	}
	key, err := wallet.ParseKey(f.key, s.Network, wallet.AddressType(f.addressType))
	if err != nil {
		return fmt.Errorf("--key: %s", fault.Sentence(err))
	}
	if key.Fingerprint() != s.Key.Fingerprint() {
		return errors.New("its wallet.key is another one")
	}
	return nil
}

// lookedAtAgain is how many addresses are looked at for coins where nobody knows any more how many were shown.
const lookedAtAgain = 10 * keys.LookedAt

// untouched is the first index of the configured key that was never shown: as told, or as far above what the node finds
// used as a restore passes over.
func (a *app) untouched(ctx context.Context, s config.Settings, f initFlags) (uint32, error) {
	if f.startIndex >= 0 {
		if f.startIndex < int64(s.StartIndex) || f.startIndex > int64(s.StartIndex)+maxSkip {
			return 0, fault.Field("start-index", "must be between %d and %d", s.StartIndex, s.StartIndex+maxSkip)
		}
		return uint32(f.startIndex), nil //nolint:gosec // bounded above
	}
	n, err := chain.NewNode(s.Node)
	if err != nil {
		return 0, err
	}
	defer n.Close()
	highest, err := n.HighestUsed(ctx, s.Key.Descriptor(), min(s.StartIndex+lookedAtAgain, 1<<31-1))
	if err != nil {
		return 0, fmt.Errorf("the node must tell which addresses hold coins; start it, or name an index that no invoice had with --start-index: %w", err)
	}
	return max(s.StartIndex, uint32(highest+1)) + keys.Beyond, nil //nolint:gosec // -1 to what was looked at
}

// firstMerchant is the configuration's own, with a secret that is new or as told.
func firstMerchant(cmd *cobra.Command, s config.Settings, f initFlags) (merchant.Merchant, error) {
	m := merchant.Merchant{
		ID: merchant.NewID(), Name: s.MerchantName, Created: time.Now().UTC(), Settings: s.Merchant,
		Secrets: merchant.Secrets{Webhook: notify.NewSecret()},
	}
	if !f.secretStdin {
		return m, nil
	}
	text, err := stdinLine(cmd, "callbacks' secret")
	if err != nil {
		return merchant.Merchant{}, err
	}
	m.Secrets.Webhook = merchant.Secret(text)
	_, err = notify.Sign(m.Secrets, "", m.Created, nil)
	return m, err
}

// replaceLost makes the database, with its key moved ahead to the first index that was never shown.
func replaceLost(ctx context.Context, s config.Settings, start uint32, m merchant.Merchant) error {
	if err := os.MkdirAll(s.DataDir, 0o700); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(s.DataDir, ".satchel-init-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	empty := filepath.Join(dir, "db")
	if err := store.Create(empty, string(s.Network), m); err != nil {
		return err
	}
	r := restoring{set: s, skip: start - s.StartIndex}
	return store.Restore(ctx, empty, s.Database(), r.prepare)
}
