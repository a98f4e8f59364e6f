package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"satchel/admin"
)

func (a *app) pairingCommand() *cobra.Command {
	var r admin.PairingRequest
	create := &cobra.Command{Use: "create --facade F [--label L]", Short: "Make a code that a client can claim", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return ask(a, cmd, "pairing-create", r, showOffer)
	}}
	create.Flags().StringVar(&r.Facade, "facade", "pos", "what the client may do: pos or merchant")
	create.Flags().StringVar(&r.Label, "label", "", "a name for it")
	about(create, &r.Of)
	var facade string
	var of admin.Of
	approve := &cobra.Command{Use: "approve CODE [--facade F]", Short: "Give a client what it asked for", Args: args(1), RunE: func(cmd *cobra.Command, args []string) error {
		return ask(a, cmd, "pairing-approve", admin.PairingByCode{Of: of, Code: args[0], Facade: facade}, showApproved)
	}}
	approve.Flags().StringVar(&facade, "facade", "", "what the client may do, where it asked for nothing: pos or merchant")
	about(approve, &of)
	var by, listed, linked admin.Of
	refuse := &cobra.Command{Use: "refuse CODE", Short: "End a request or an offer", Args: args(1), RunE: func(cmd *cobra.Command, args []string) error {
		return ask(a, cmd, "pairing-refuse", admin.PairingByCode{Of: by, Code: args[0]}, func(w io.Writer, _ admin.Pairing) { fmt.Fprintln(w, "refused") })
	}}
	list := &cobra.Command{Use: "list", Short: "List the codes that wait", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return ask(a, cmd, "pairing-list", listed, showPairings)
	}}
	link := &cobra.Command{Use: "link CODE", Short: "Print a link to a page that approves it, for one decision", Args: args(1), RunE: func(cmd *cobra.Command, args []string) error {
		return ask(a, cmd, "pairing-link", admin.PairingByCode{Of: linked, Code: args[0]}, showLink)
	}}
	refuse.Flags().StringVar(&by.Merchant, "merchant", "", "an offer only if it is this merchant's (`ID or NAME`)")
	list.Flags().StringVar(&listed.Merchant, "merchant", "", "offers only of this merchant (`ID or NAME`)")
	link.Flags().StringVar(&linked.Merchant, "merchant", "", "the merchant that the page picks first (`ID or NAME`)")
	return group("pairing", "Give clients access", create, approve, refuse, list, link)
}

func showOffer(w io.Writer, o admin.Offer) {
	fmt.Fprintf(w, "%s\n\nFor one client, facade %s, until %s.\n", o.Code, o.Facade, stamp(o.Expires))
}

func showApproved(w io.Writer, p admin.Pairing) {
	fmt.Fprintf(w, "approved: client %s may use facade %s of merchant %s\n", p.SIN, p.Facade, shopName(p.Name, p.Merchant))
	fmt.Fprintf(w, "`satchel token revoke %s` takes it back\n", p.Token)
}

func showLink(w io.Writer, l admin.PairingLink) {
	fmt.Fprintf(w, "%s\n\nFor one decision, until %s. Whoever has it can decide.\n", l.URL, stamp(l.Expires))
}

func showPairings(w io.Writer, list []admin.Pairing) {
	if len(list) == 0 {
		fmt.Fprintln(w, "nobody waits")
		return
	}
	rows := [][]string{{"CODE", "STATE", "FACADE", "AGE", "CLIENT", "MERCHANT", "LABEL"}}
	for _, p := range list {
		state := "waits for approval"
		if p.State != "inactive" {
			state = p.State
		}
		age := time.Duration(p.Age * float64(time.Second)).Truncate(time.Second).String()
		rows = append(rows, []string{p.Code, state, dash(p.Facade), age, dash(p.SIN), dash(shopName(p.Name, p.Merchant)), printable(p.Label)})
	}
	table(w, rows...)
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// printable drops what a terminal would obey instead of show: a client chose the text.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}
