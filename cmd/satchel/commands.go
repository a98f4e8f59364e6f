package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"satchel/admin"
	"satchel/cmd/satchel/internal/config"
)

// app is what every command shares.
type app struct {
	config string
	json   bool
	out    *output
}

// output is where a command prints. It keeps the first error: a list that a full disk cut off must not pass for a whole one.
type output struct {
	io.Writer
	failed error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil && o.failed == nil {
		o.failed = fmt.Errorf("print the answer: %w", err)
	}
	return n, err
}

func rootCommand() *cobra.Command {
	a := &app{}
	root := group("satchel", "Take bitcoin payments next to your own node, over the BitPay API")
	root.SilenceUsage, root.SilenceErrors = true, true
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		a.out = &output{Writer: cmd.OutOrStdout()}
		return complete(cmd)
	}
	root.PersistentPostRunE = func(*cobra.Command, []string) error { return a.out.failed }
	root.PersistentFlags().StringVar(&a.config, "config", "", "configuration `FILE` (default $SATCHEL_CONFIG, ./satchel.toml, ~/.satchel/satchel.toml)")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON for programs")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if cmd.HasSubCommands() {
			if unknown := childless(cmd, cmd.Flags().Args()); unknown != nil {
				return unknown // the flag may well be one of the command that was meant
			}
		}
		return usageError{valued(err)}
	})
	root.AddCommand(a.initCommand(), a.serveCommand(), a.demoCommand(), a.statusCommand(), a.tokenCommand(), a.pairingCommand(), a.posCommand(), a.invoiceCommand(),
		a.merchantCommand(), a.operatorCommand(), a.attentionCommand(), a.deliveryCommand(), a.secretCommand(), a.clockCommand(),
		a.eventsCommand(), a.whyCommand(), a.reconcileCommand(), a.checkCommand(), a.backupCommand(), a.restoreCommand(), a.compactCommand(),
		a.configCommand(), a.versionCommand())
	return root
}

// client speaks to the daemon of a configuration.
func (a *app) client(s config.Settings) *admin.Client {
	c := admin.NewClient(s.Socket())
	if a.config != "" {
		c.Serve = "satchel --config " + a.config + " serve"
	}
	return c
}

// ask sends a command to the daemon and prints its document: as it is with --json, else by show.
func ask[Doc any](a *app, cmd *cobra.Command, name string, req any, show func(io.Writer, Doc)) error {
	_, err := answered(a, cmd, name, req, show)
	return err
}

// answered is ask for a command whose document decides how it ends.
func answered[Doc any](a *app, cmd *cobra.Command, name string, req any, show func(io.Writer, Doc)) (doc Doc, err error) {
	s, err := config.Load(a.config)
	if err != nil {
		return doc, err
	}
	if err := a.client(s).Call(cmd.Context(), name, req, &doc); err != nil {
		return doc, err
	}
	return doc, a.print(doc, func(w io.Writer) { show(w, doc) })
}

// print writes a document for programs or for people.
func (a *app) print(doc any, show func(io.Writer)) error {
	if !a.json {
		show(a.out)
		return nil
	}
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(doc)
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{Use: "status", Short: "Show what the daemon sees", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return ask(a, cmd, "status", admin.Nothing{}, showStatus)
	}}
}

func (a *app) tokenCommand() *cobra.Command {
	var r admin.TokenRequest
	create := &cobra.Command{Use: "create --facade pos --sin SIN|--bearer", Short: "Make a token for a shop", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		if r.Bearer == (r.SIN != "") {
			return usagef(cmd, "say who may use the token: --sin SIN for one client, whose signature it needs, or --bearer for whoever has it")
		}
		return ask(a, cmd, "token-create", r, showToken)
	}}
	create.Flags().StringVar(&r.Facade, "facade", "pos", "what it allows: pos or merchant")
	create.Flags().StringVar(&r.Label, "label", "", "a name for it")
	create.Flags().StringVar(&r.SIN, "sin", "", "the client whose signature it needs")
	create.Flags().BoolVar(&r.Bearer, "bearer", false, "no signature is needed: whoever has the token can use it")
	about(create, &r.Of)
	var of admin.Of
	list := &cobra.Command{Use: "list", Short: "List the tokens", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return ask(a, cmd, "token-list", of, showGrants)
	}}
	revoke := &cobra.Command{Use: "revoke ID", Short: "Make a token worthless", Args: args(1), RunE: func(cmd *cobra.Command, args []string) error {
		return ask(a, cmd, "token-revoke", admin.ByID{Of: of, ID: args[0]}, func(w io.Writer, _ admin.Nothing) { fmt.Fprintln(w, "revoked") })
	}}
	about(list, &of)
	about(revoke, &of)
	return group("token", "Make, list and revoke API tokens", create, list, revoke)
}

func (a *app) invoiceCommand() *cobra.Command {
	var r admin.InvoiceRequest
	create := &cobra.Command{Use: "create --currency C [--price P]", Short: "Make an invoice", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return ask(a, cmd, "invoice-create", r, showInvoice)
	}}
	create.Flags().StringVar(&r.Price, "price", "", "a decimal; without it the first payment fixes the price")
	create.Flags().StringVar(&r.Currency, "currency", "", "ISO 4217 code or BTC")
	create.Flags().StringVar(&r.OrderID, "order-id", "", "the shop's own number")
	create.Flags().StringVar(&r.NotificationURL, "notification-url", "", "where callbacks go")
	create.Flags().StringVar(&r.Speed, "speed", "", "high, medium or low")
	create.Flags().BoolVar(&r.Extended, "extended", false, "callbacks in the extended format, every event")
	_ = create.MarkFlagRequired("currency")
	about(create, &r.Of)

	var l admin.ListRequest
	list := &cobra.Command{Use: "list", Short: "List invoices, newest first", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return ask(a, cmd, "invoice-list", l, showInvoices)
	}}
	list.Flags().StringVar(&l.Status, "status", "", "only those in this state")
	list.Flags().IntVar(&l.Limit, "limit", 100, "at most so many, up to 1000")
	about(list, &l.Of)
	var of admin.Of
	show := &cobra.Command{Use: "show ID", Short: "Tell an invoice's story", Args: args(1), RunE: func(cmd *cobra.Command, args []string) error {
		return ask(a, cmd, "invoice-show", admin.ByID{Of: of, ID: args[0]}, showInvoice)
	}}
	about(show, &of)
	return group("invoice", "Make, look at and settle invoices", create, list, show, a.markCommand(), a.acceptCommand(), a.returnCommand())
}

func (a *app) markCommand() *cobra.Command {
	var reason string
	var of admin.Of
	c := &cobra.Command{Use: "mark ID invalid|complete --reason R", Short: "Set an invoice's status by hand", Args: args(2), RunE: func(cmd *cobra.Command, args []string) error {
		return ask(a, cmd, "invoice-mark", admin.MarkRequest{Of: of, ID: args[0], Status: args[1], Reason: reason}, showInvoice)
	}}
	c.Flags().StringVar(&reason, "reason", "", "why; it is kept with the invoice")
	_ = c.MarkFlagRequired("reason")
	about(c, &of)
	return c
}

func (a *app) acceptCommand() *cobra.Command {
	var of admin.Of
	c := &cobra.Command{Use: "accept OUTPOINT", Short: "Credit a late, stray, over or partial receipt", Args: args(1), RunE: func(cmd *cobra.Command, args []string) error {
		return ask(a, cmd, "invoice-accept", admin.SettleRequest{Of: of, Outpoint: args[0]}, showInvoice)
	}}
	about(c, &of)
	return c
}

func (a *app) returnCommand() *cobra.Command {
	var txid string
	var of admin.Of
	c := &cobra.Command{Use: "return OUTPOINT --txid T", Short: "Record that a receipt was paid back", Args: args(1), RunE: func(cmd *cobra.Command, args []string) error {
		return ask(a, cmd, "invoice-return", admin.SettleRequest{Of: of, Outpoint: args[0], TxID: txid}, showInvoice)
	}}
	c.Flags().StringVar(&txid, "txid", "", "the transaction that paid it back")
	_ = c.MarkFlagRequired("txid")
	about(c, &of)
	return c
}

func (a *app) attentionCommand() *cobra.Command {
	var of admin.Of
	c := &cobra.Command{Use: "attention", Short: "List what needs a hand", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return ask(a, cmd, "attention", of, showNeeds)
	}}
	about(c, &of)
	return c
}

func (a *app) deliveryCommand() *cobra.Command {
	var r admin.DeliveryRequest
	list := &cobra.Command{Use: "list", Short: "List callbacks with every attempt, newest first", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return ask(a, cmd, "delivery-list", r, showDeliveries)
	}}
	list.Flags().BoolVar(&r.Failed, "failed", false, "only those that are not delivered")
	list.Flags().StringVar(&r.Invoice, "invoice", "", "only those of this invoice, oldest first")
	list.Flags().IntVar(&r.Limit, "limit", 100, "at most so many, up to 1000")
	about(list, &r.Of)
	var of admin.Of
	resend := &cobra.Command{Use: "resend ID", Short: "Queue a callback again: the same event, a new delivery", Args: args(1), RunE: func(cmd *cobra.Command, args []string) error {
		return ask(a, cmd, "delivery-resend", admin.ByID{Of: of, ID: args[0]}, func(w io.Writer, d admin.Delivery) { showDeliveries(w, []admin.Delivery{d}) })
	}}
	test := &cobra.Command{Use: "test URL", Short: "Send a signed sample", Args: args(1), RunE: func(cmd *cobra.Command, args []string) error {
		return a.testDelivery(cmd, admin.TestRequest{Of: of, URL: args[0]})
	}}
	about(resend, &of)
	about(test, &of)
	return group("delivery", "Look at callbacks and send them again", list, resend, test, a.listenCommand())
}

// testDelivery tells what came of a signed sample, and fails where the endpoint did not take it.
func (a *app) testDelivery(cmd *cobra.Command, r admin.TestRequest) error {
	sent, err := answered(a, cmd, "delivery-test", r, showAttempt)
	if err == nil && !sent.OK {
		err = fmt.Errorf("%s did not take the sample: %s", r.URL, cameOf(sent))
	}
	return err
}

func (a *app) secretCommand() *cobra.Command {
	var r admin.RotateRequest
	c := &cobra.Command{Use: "rotate", Short: "Make a new signing secret; the old one signs, too, for a while", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return ask(a, cmd, "secret-rotate", r, showSecret)
	}}
	c.Flags().StringVar(&r.Overlap, "overlap", "24h", "for how long both sign")
	about(c, &r.Of)
	return group("secret", "The secret that signs callbacks", c)
}

func (a *app) clockCommand() *cobra.Command {
	advance := &cobra.Command{Use: "advance DURATION", Short: "Move the daemon's and the node's clock (regtest)", Args: args(1), RunE: func(cmd *cobra.Command, args []string) error {
		return ask(a, cmd, "clock", admin.ClockRequest{Advance: args[0]}, showClock)
	}}
	c := &cobra.Command{Use: "clock", Short: "Tell what time it is for the daemon", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return ask(a, cmd, "clock", admin.ClockRequest{}, showClock)
	}}
	c.AddCommand(advance)
	return c
}
