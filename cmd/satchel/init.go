package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"satchel/chain"
	"satchel/cmd/satchel/internal/config"
	"satchel/cmd/satchel/internal/daemon"
	"satchel/cmd/satchel/internal/keys"
	"satchel/merchant"
)

// initFlags are the flags of `satchel init`.
type initFlags struct {
	network, key, addressType, dataDir, nodeURL, cookie string
	startIndex, birthday                                int64
	yes, force, secretStdin                             bool
}

func (a *app) initCommand() *cobra.Command {
	var f initFlags
	c := &cobra.Command{Use: "init --network NET --key KEY", Short: "Write a configuration and an empty database", Args: args(0)}
	c.Long = c.Short + ".\n\nWhere the configuration exists and its database is gone, it is kept and gets an empty database; no flag is needed for that."
	c.RunE = func(cmd *cobra.Command, _ []string) error { return a.init(cmd, f) }
	c.Flags().StringVar(&f.network, "network", "", "mainnet, testnet4, signet or regtest")
	c.Flags().StringVar(&f.key, "key", "", "xpub, ypub, zpub, tpub, upub, vpub or a public descriptor")
	c.Flags().StringVar(&f.addressType, "address-type", "", "p2wpkh, p2tr, p2sh-p2wpkh or p2pkh, for a bare key")
	c.Flags().StringVar(&f.dataDir, "data-dir", "~/.satchel", "where database and configuration go")
	c.Flags().StringVar(&f.nodeURL, "node-url", "", "the node's RPC address (default: the network's usual port on this machine)")
	c.Flags().StringVar(&f.cookie, "cookie-file", "", "the node's cookie (default: the network's usual place)")
	c.Flags().Int64Var(&f.startIndex, "start-index", -1, "first address index to use (default: above what the node finds used)")
	c.Flags().Int64Var(&f.birthday, "birthday", 0, "height from which old receipts are looked for")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&f.force, "force", false, "overwrite an existing configuration (never a database)")
	c.Flags().BoolVar(&f.secretStdin, "secret-stdin", false, "read the secret that signs callbacks from the standard input, where shops know one already (with --yes)")
	return c
}

// initDocument is what `satchel init --json` prints.
type initDocument struct {
	Config     string   `json:"config"`
	Database   string   `json:"database"`
	Merchant   string   `json:"merchant"`
	Addresses  []string `json:"addresses"`
	StartIndex uint32   `json:"startIndex"`
	Secret     string   `json:"webhookSecret"`
}

func (a *app) init(cmd *cobra.Command, f initFlags) error {
	if err := f.understood(cmd); err != nil {
		return err
	}
	path := a.initPath(f)
	if _, err := os.Stat(path); err == nil && !f.force {
		return a.initAgain(cmd, path, f)
	}
	_ = errors.Join(cmd.MarkFlagRequired("network"), cmd.MarkFlagRequired("key"))
	if err := complete(cmd); err != nil {
		return err
	}
	s, problems := config.Parse(f.text(max(f.startIndex, 0)), filepath.Dir(path))
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "\n  "))
	}
	if _, err := os.Stat(s.Database()); err == nil {
		return fmt.Errorf("%s exists already, and a database is never overwritten; move it away, or use another --data-dir", s.Database())
	}
	start, err := a.startIndex(cmd.Context(), s, f)
	if err != nil {
		return err
	}
	doc := initDocument{Config: path, Database: s.Database(), StartIndex: start}
	if doc.Addresses, err = firstAddresses(cmd.Context(), s, start); err != nil {
		return err
	}
	m, err := doc.agreed(cmd, s, f)
	if err != nil {
		return err
	}
	if err := daemon.Create(s, path, f.text(int64(start)), m); err != nil {
		return err
	}
	return a.print(doc, func(w io.Writer) { showInit(w, doc) })
}

// agreed asks whether the first addresses are the right ones, and makes the merchant whose they are.
func (d *initDocument) agreed(cmd *cobra.Command, s config.Settings, f initFlags) (merchant.Merchant, error) {
	if !f.yes {
		if err := confirm(cmd, offered{string(s.Network), string(s.Key.Type()), d.StartIndex, d.Addresses}); err != nil {
			return merchant.Merchant{}, fmt.Errorf("nothing was written: %w", err)
		}
	}
	m, err := firstMerchant(cmd, s, f)
	d.Merchant, d.Secret = string(m.ID), m.Secrets.Webhook.Reveal()
	return m, err
}

// understood refuses flags that mean nothing together, or by themselves.
func (f initFlags) understood(cmd *cobra.Command) error {
	switch {
	case f.secretStdin && !f.yes:
		return usagef(cmd, "--secret-stdin goes with --yes: the standard input answers no question then")
	case cmd.Flags().Changed("start-index") && f.startIndex < 0:
		return usagef(cmd, "--start-index is a number from 0 on")
	}
	return nil
}

// text is the configuration that the flags ask for, with the first address index to use.
func (f initFlags) text(start int64) string {
	return config.Fresh{
		Network: f.network, Key: f.key, AddressType: f.addressType, DataDir: f.dataDir, NodeURL: f.nodeURL, Cookie: f.cookie,
		StartIndex: start, Birthday: f.birthday,
	}.Text()
}

// initPath is where the configuration goes: where somebody said that it is, or else beside the database. Without a network
// and a key it is the one that every command finds.
func (a *app) initPath(f initFlags) string {
	if named := cmp.Or(a.config, os.Getenv(config.Variable)); named != "" {
		return named
	}
	if f.network == "" && f.key == "" {
		if found, err := config.Find(""); err == nil {
			return found
		}
	}
	return filepath.Join(config.Expand(f.dataDir), "satchel.toml")
}

// startIndex is the first index to use: as told, or above what the node finds used.
func (a *app) startIndex(ctx context.Context, s config.Settings, f initFlags) (uint32, error) {
	if f.startIndex >= 0 {
		return uint32(f.startIndex), nil //nolint:gosec // config.Parse bounded it
	}
	n, err := chain.NewNode(s.Node)
	if err != nil {
		return 0, err
	}
	defer n.Close()
	start, note := keys.StartAbove(n.HighestUsed(ctx, s.Key.Descriptor(), keys.LookedAt))
	if note != "" {
		fmt.Fprintln(os.Stderr, "satchel:", note)
	}
	return start, nil
}

func firstAddresses(ctx context.Context, s config.Settings, start uint32) ([]string, error) {
	if !s.Key.NeedsNode() {
		return keys.Texts(keys.AddressesFrom(ctx, s.Key, nil, start))
	}
	n, err := chain.NewNode(s.Node)
	if err != nil {
		return nil, err
	}
	defer n.Close()
	return keys.Texts(keys.AddressesFrom(ctx, s.Key, keys.ByNode(n), start))
}

// offered is what an operator must compare with their wallet before it is too late.
type offered struct {
	network, kind string
	start         uint32
	addresses     []string
}

// confirm shows what invoices will be paid to, which is the one mistake that cannot be undone, and wants a yes.
func confirm(cmd *cobra.Command, o offered) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s, %s addresses. The first invoices will be paid to\n", o.network, o.kind)
	for i, addr := range o.addresses {
		fmt.Fprintf(cmd.ErrOrStderr(), "  %d  %s\n", o.start+uint32(i), addr)
	}
	fmt.Fprint(cmd.ErrOrStderr(), "Does your wallet show the same? [y/N] ")
	line, err := firstLine(cmd)
	if cmd.Context().Err() != nil {
		fmt.Fprintln(cmd.ErrOrStderr())
		return err
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	case "":
		if err != nil { // no terminal, as in a script
			fmt.Fprintln(cmd.ErrOrStderr())
			return errors.New("nobody answered; compare the addresses with your wallet's, and run it again with --yes")
		}
	}
	return errors.New("the answer was not yes")
}

func showInit(w io.Writer, d initDocument) {
	fmt.Fprintf(w, "configuration  %s\ndatabase       %s\n\nThe secret that signs your callbacks (Standard Webhooks):\n  %s\n", d.Config, d.Database, d.Secret)
	fmt.Fprintf(w, "\nNext: satchel --config %s serve\n", d.Config)
}
