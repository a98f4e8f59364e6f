package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/spf13/cobra"

	"satchel"
	"satchel/chain"
	"satchel/merchant"
	"satchel/store"
	"satchel/wallet"
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
	s, problems := readSettings(configText(f, 0), filepath.Dir(path))
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "\n  "))
	}
	if _, err := os.Stat(s.database()); err == nil {
		return fmt.Errorf("%s exists already, and a database is never overwritten; move it away, or use another --data-dir", s.database())
	}
	start, err := a.startIndex(cmd.Context(), s, f)
	if err != nil {
		return err
	}
	doc := initDocument{Config: path, Database: s.database(), StartIndex: start}
	if doc.Addresses, err = firstAddresses(cmd.Context(), s, start); err != nil {
		return err
	}
	m, err := doc.agreed(cmd, s, f)
	if err != nil {
		return err
	}
	if err := writeInit(s, path, configText(f, start), m); err != nil {
		return err
	}
	return a.print(doc, func(w io.Writer) { showInit(w, doc) })
}

// agreed asks whether the first addresses are the right ones, and makes the merchant whose they are.
func (d *initDocument) agreed(cmd *cobra.Command, s settings, f initFlags) (merchant.Merchant, error) {
	if !f.yes {
		if err := confirm(cmd, offered{string(s.network), string(s.key.Type()), d.StartIndex, d.Addresses}); err != nil {
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

// initPath is where the configuration goes: where somebody said that it is, or else beside the database. Without a network
// and a key it is the one that every command finds.
func (a *app) initPath(f initFlags) string {
	if named := cmp.Or(a.config, os.Getenv(configVariable)); named != "" {
		return named
	}
	if f.network == "" && f.key == "" {
		if found, err := findConfig(""); err == nil {
			return found
		}
	}
	return filepath.Join(expand(f.dataDir), "satchel.toml")
}

// writeInit makes the database first: a configuration without one is of no use.
func writeInit(s settings, path, text string, m merchant.Merchant) error {
	if err := os.MkdirAll(s.dataDir, 0o700); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := store.Create(s.database(), string(s.network), m); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// startIndex is the first index to use: as told, or above what the node finds used.
func (a *app) startIndex(ctx context.Context, s settings, f initFlags) (uint32, error) {
	if f.startIndex >= 0 {
		return uint32(f.startIndex), nil //nolint:gosec // readSettings bounded it
	}
	n, err := chain.NewNode(s.node)
	if err != nil {
		return 0, err
	}
	defer n.Close()
	start, note := startAbove(n.HighestUsed(ctx, s.key.Descriptor(), lookedAt))
	if note != "" {
		fmt.Fprintln(os.Stderr, "satchel:", note)
	}
	return start, nil
}

func firstAddresses(ctx context.Context, s settings, start uint32) ([]string, error) {
	if !s.key.NeedsNode() {
		return texts(addressesFrom(ctx, s.key, nil, start))
	}
	n, err := chain.NewNode(s.node)
	if err != nil {
		return nil, err
	}
	defer n.Close()
	return texts(addressesFrom(ctx, s.key, nodeDeriver{n}, start))
}

func texts(list []wallet.Address, err error) ([]string, error) {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.Text
	}
	return out, err
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
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
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

// configText is the example with the given values in place of the defaults.
func configText(f initFlags, start uint32) string {
	node := usualNode(f.network)
	url := node.url
	if f.nodeURL != "" {
		url = f.nodeURL
	}
	if f.cookie != "" {
		node.cookie = f.cookie
	}
	text := satchel.ConfigExample
	for _, kv := range [][2]string{
		{"network", f.network},
		{"data_dir", f.dataDir},
		{"url", url},
		{"cookie_file", node.cookie},
		{"key", f.key},
		{"address_type", f.addressType},
	} {
		text = setKey(text, kv[0], strconv.Quote(kv[1]))
	}
	text = setKey(text, "birthday", strconv.FormatInt(f.birthday, 10))
	if f.startIndex >= 0 {
		start = uint32(f.startIndex) //nolint:gosec // readSettings bounds what is written
	}
	text = setKey(text, "start_index", strconv.FormatUint(uint64(start), 10))
	if f.network == "regtest" {
		text = setKey(text, "allow_private", "true")
		text = setKey(text, "fixed", `{USD = "50000", EUR = "45000"}`)
		text = setKey(text, "sources", "[]")
	}
	return text
}

// setKey replaces a key's value and keeps its comment; the keys it is used for have distinct names.
func setKey(text, key, value string) string {
	re := regexp.MustCompile(`(?m)^` + key + `( *= )("[^"]*"|[^#\n]*?)( *#.*)?$`)
	return re.ReplaceAllStringFunc(text, func(line string) string {
		m := re.FindStringSubmatch(line)
		return key + m[1] + value + m[3]
	})
}

type usual struct{ url, cookie string }

// usualNode is where Bitcoin Core listens and keeps its cookie, by network.
func usualNode(network string) usual {
	switch network {
	case "mainnet":
		return usual{"http://127.0.0.1:8332", "~/.bitcoin/.cookie"}
	case "testnet4":
		return usual{"http://127.0.0.1:48332", "~/.bitcoin/testnet4/.cookie"}
	case "signet":
		return usual{"http://127.0.0.1:38332", "~/.bitcoin/signet/.cookie"}
	}
	return usual{"http://127.0.0.1:18443", "~/.bitcoin/regtest/.cookie"}
}

// newID makes 16 random bytes in base58, 22 characters always.
func newID() string {
	for {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process first
		if id := base58.Encode(b[:]); len(id) == 22 {
			return id
		}
	}
}
