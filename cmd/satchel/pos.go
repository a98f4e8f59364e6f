package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"satchel/admin"
)

func (a *app) posCommand() *cobra.Command {
	var r admin.LinkRequest
	create := &cobra.Command{
		Use: "create [--currency C] [--amount A] [--label L]", Short: "Make a page on which anybody pays you; without an amount as much as he likes", Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return ask(a, cmd, "pos-link-create", r, showPayLink) },
	}
	create.Flags().StringVar(&r.Currency, "currency", "", "ISO 4217 code or BTC (default: the merchant's)")
	create.Flags().StringVar(&r.Amount, "amount", "", "a decimal; without it whoever pays says how much")
	create.Flags().StringVar(&r.Label, "label", "", "what it is for; payers see it")
	about(create, &r.Of)
	var listed, by admin.Of
	list := &cobra.Command{Use: "list", Short: "List the links", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return ask(a, cmd, "pos-link-list", listed, showPayLinks)
	}}
	revoke := &cobra.Command{Use: "revoke ID|URL", Short: "Make a link worthless; its invoices stay", Args: args(1), RunE: func(cmd *cobra.Command, args []string) error {
		return ask(a, cmd, "pos-link-revoke", admin.ByID{Of: by, ID: args[0]}, func(w io.Writer, _ admin.Nothing) { fmt.Fprintln(w, "revoked") })
	}}
	about(list, &listed)
	about(revoke, &by)
	return group("pos", "The point of sale: a keypad on a phone, and links that anybody pays on",
		group("link", "Pages on which whoever has the address makes an invoice", create, list, revoke))
}

func showPayLink(w io.Writer, l admin.PayLink) {
	fmt.Fprintf(w, "%s\n\nWhoever has the address can make invoices: %s. `satchel pos link revoke %s` ends it.\n", l.URL, asks(l), l.ID)
}

func showPayLinks(w io.Writer, list []admin.PayLink) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no links")
		return
	}
	rows := [][]string{{"ID", "ASKS FOR", "LABEL", "CREATED", "STATE", "URL"}}
	for _, l := range list {
		state := "works"
		if l.Revoked != nil {
			state = "revoked"
		}
		rows = append(rows, []string{l.ID, asks(l), dash(printable(l.Label)), stamp(l.Created), state, l.URL})
	}
	table(w, rows...)
}

// asks says what a link asks for.
func asks(l admin.PayLink) string {
	if l.Amount == "" {
		return l.Currency
	}
	return l.Amount + " " + l.Currency
}
