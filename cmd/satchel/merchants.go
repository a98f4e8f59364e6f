package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"satchel/admin"
	"satchel/cmd/satchel/internal/config"
)

// about adds the flag that says whose records a command is about.
func about(cmd *cobra.Command, of *admin.Of) {
	cmd.Flags().StringVar(&of.Merchant, "merchant", "", "`ID or NAME` of the merchant (default: the configuration's own)")
}

func (a *app) merchantCommand() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List the merchants of this daemon", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return ask(a, cmd, "merchant-list", admin.Nothing{}, showShops)
	}}
	set := &cobra.Command{
		Use: "set ID|NAME KEY=VALUE...", Short: "Change a merchant's settings, by the configuration's names (invoice.speed=high)", Args: cobra.ArbitraryArgs,
		Long: settingsHelp(),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := setRequest(cmd, args)
			if err != nil {
				return err
			}
			return ask(a, cmd, "merchant-set", r, showShop)
		},
	}
	return group("merchant", "Several merchants on one daemon, each with its own key, tokens and callbacks", a.addMerchantCommand(), list, set)
}

// settingsHelp lists what `satchel merchant set` takes.
func settingsHelp() string {
	var b strings.Builder
	b.WriteString("Change a merchant's settings: all that are named, or none. The configuration's own merchant is changed in the configuration.\n\n")
	rows := [][]string{}
	for _, k := range config.ShopKeys() {
		switch {
		case k.Name == config.KeyName:
			rows = append(rows, []string{"  " + k.Name, "payers see it"})
		case k.What != "":
			rows = append(rows, []string{"  " + k.Name, k.What})
		}
	}
	table(&b, rows...)
	return b.String()
}

func setRequest(cmd *cobra.Command, args []string) (admin.SetRequest, error) {
	if len(args) < 2 {
		return admin.SetRequest{}, usagef(cmd, "a merchant and at least one setting are needed")
	}
	r := admin.SetRequest{Of: admin.Of{Merchant: args[0]}}
	for _, text := range args[1:] {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return r, usagef(cmd, "%q is not KEY=VALUE, such as invoice.speed=high", text)
		}
		r.Settings = append(r.Settings, admin.Setting{Key: strings.TrimSpace(key), Value: value})
	}
	return r, nil
}

func (a *app) addMerchantCommand() *cobra.Command {
	r := admin.MerchantRequest{}
	var yes bool
	c := &cobra.Command{Use: "add --name N --key KEY", Short: "Add a merchant with its own watch key to the running daemon", Args: args(0)}
	f := c.Flags()
	f.StringVar(&r.Name, "name", "", "payers see it")
	f.StringVar(&r.Key, "key", "", "xpub, ypub, zpub, tpub, upub, vpub or a public descriptor; no other merchant may have it")
	f.StringVar(&r.AddressType, "address-type", "", "p2wpkh, p2tr, p2sh-p2wpkh or p2pkh, for a bare key")
	f.Int64Var(&r.StartIndex, "start-index", -1, "first address index to use (default: above what the node finds used)")
	f.Int64Var(&r.Birthday, "birthday", 0, "height from which old receipts are looked for")
	f.BoolVar(&yes, "yes", false, "do not ask")
	settings := settingFlags(c)
	_ = c.MarkFlagRequired("name")
	_ = c.MarkFlagRequired("key")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().Changed("start-index") && r.StartIndex < 0 {
			return usagef(cmd, "--start-index is a number from 0 on")
		}
		r.Settings = settings()
		return a.addMerchant(cmd, r, yes)
	}
	return c
}

// settingFlags adds a flag for each setting of a merchant: --speed for invoice.speed. It gives those that were set.
func settingFlags(c *cobra.Command) func() []admin.Setting {
	type flag struct{ key, name string }
	var flags []flag
	for _, k := range config.ShopKeys() {
		if k.What == "" {
			continue
		}
		_, name, _ := strings.Cut(k.Name, ".")
		name = strings.ReplaceAll(name, "_", "-")
		c.Flags().String(name, "", k.What)
		flags = append(flags, flag{k.Name, name})
	}
	c.Flags().Lookup("full-notifications").NoOptDefVal = "true"
	return func() (list []admin.Setting) {
		for _, f := range flags {
			if given := c.Flags().Lookup(f.name); given.Changed {
				list = append(list, admin.Setting{Key: f.key, Value: given.Value.String()})
			}
		}
		return list
	}
}

// addMerchant shows what invoices would be paid to before it asks the daemon to add the merchant.
func (a *app) addMerchant(cmd *cobra.Command, r admin.MerchantRequest, yes bool) error {
	s, err := config.Load(a.config)
	if err != nil {
		return err
	}
	client := a.client(s)
	var doc admin.NewMerchant
	if err := client.Call(cmd.Context(), "merchant-check", r, &doc); err != nil {
		return err
	}
	if doc.Note != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "satchel:", doc.Note)
	}
	if !yes {
		if err := confirm(cmd, offered{doc.Network, doc.Type, doc.StartIndex, doc.Addresses}); err != nil {
			return fmt.Errorf("nothing was added: %w", err)
		}
	}
	r.StartIndex = int64(doc.StartIndex)
	if err := client.Call(cmd.Context(), "merchant-add", r, &doc); err != nil {
		return err
	}
	return a.print(doc, func(w io.Writer) { showNewMerchant(w, doc) })
}

func showNewMerchant(w io.Writer, m admin.NewMerchant) {
	fmt.Fprintf(w, "merchant  %s\nname      %s\nkey       %s, first address %s\n", m.ID, m.Name, m.Fingerprint, m.Addresses[0])
	fmt.Fprintf(w, "\nThe secret that signs its callbacks (Standard Webhooks), shown once:\n  %s\n", m.Secret)
	fmt.Fprintf(w, "\nNext: satchel token create --merchant %s --facade pos --bearer\n", m.ID)
}

// shopName is what people call a merchant; its id where the name is not known.
func shopName(name, id string) string {
	if name == "" {
		return id
	}
	return printable(name)
}

func showShops(w io.Writer, list []admin.Shop) {
	rows := [][]string{{"ID", "NAME", "KEY", "NEXT", "OPEN"}}
	for _, m := range list {
		rows = append(rows, []string{m.ID, m.Name, m.Fingerprint[:min(16, len(m.Fingerprint))], fmt.Sprint(m.Next), fmt.Sprint(m.Open)})
	}
	table(w, rows...)
}

func showShop(w io.Writer, m admin.Shop) {
	rows := [][]string{{"merchant", m.ID}, {config.KeyName, m.Name}}
	for _, k := range config.ShopKeys() {
		if value, ok := m.Settings[k.Name]; ok {
			rows = append(rows, []string{k.Name, value})
		}
	}
	table(w, rows...)
}
