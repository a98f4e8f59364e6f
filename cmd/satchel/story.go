package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"satchel/admin"
	"satchel/cmd/satchel/internal/config"
)

func (a *app) whyCommand() *cobra.Command {
	var list bool
	var of admin.Of
	c := &cobra.Command{
		Use: "why INVOICE|TXID|ADDRESS", Short: "Tell why something is as it is", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, subject []string) error {
			switch {
			case list && len(subject) == 0:
				return ask(a, cmd, "why-list", admin.Nothing{}, showReasons)
			case list || len(subject) != 1:
				return usagef(cmd, "why takes an invoice's id, a txid or an address; or --list alone")
			}
			return ask(a, cmd, "why", admin.WhyRequest{Of: of, Subject: subject[0]}, showWhy)
		},
	}
	c.Flags().BoolVar(&list, "list", false, "list every reason code")
	about(c, &of)
	return c
}

func (a *app) eventsCommand() *cobra.Command {
	var r admin.EventsRequest
	c := &cobra.Command{Use: "events", Short: "Print the ordered event log", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return a.events(cmd.Context(), r)
	}}
	c.Flags().Uint64Var(&r.After, "after", 0, "only what comes after this sequence number")
	c.Flags().BoolVar(&r.Follow, "follow", false, "go on with what comes; with --json one document a line")
	about(c, &r.Of)
	return c
}

// events prints the log. With --json it is one array, or one document a line where it never ends.
func (a *app) events(ctx context.Context, r admin.EventsRequest) error {
	list := []admin.Event{}
	none := true
	err := a.stream(ctx, "events", r, func(document json.RawMessage) error {
		var e admin.Event
		if err := json.Unmarshal(document, &e); err != nil {
			return err
		}
		none = false
		switch {
		case !a.json:
			showEvent(a.out, e)
		case r.Follow:
			fmt.Fprintf(a.out, "%s\n", document)
		default:
			list = append(list, e)
		}
		return nil
	})
	switch {
	case r.Follow && errors.Is(err, context.Canceled):
		return nil // whoever followed has heard enough
	case err != nil || r.Follow:
		return err
	case a.json:
		return a.print(list, nil)
	case none:
		fmt.Fprintln(a.out, "no events")
	}
	return nil
}

func (a *app) reconcileCommand() *cobra.Command {
	var r admin.ReconcileRequest
	c := &cobra.Command{
		Use: "reconcile", Short: "Derive every credit from the chain again, and compare", Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.reconcile(cmd, r) },
	}
	c.Flags().Int32Var(&r.From, "from", 0, "the first block that is read (default: where watching began)")
	return c
}

func (a *app) reconcile(cmd *cobra.Command, r admin.ReconcileRequest) error {
	var found *admin.Balance
	err := a.stream(cmd.Context(), "reconcile", r, func(document json.RawMessage) error {
		var step admin.Reconciled
		if err := json.Unmarshal(document, &step); err != nil {
			return err
		}
		if step.Balance != nil {
			found = step.Balance
		} else {
			fmt.Fprintf(cmd.ErrOrStderr(), "block %d of %d\n", step.Done, step.Of)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if found == nil {
		return fmt.Errorf("the daemon ended the comparison without a result")
	}
	if err := a.print(found, func(w io.Writer) { showBalance(w, *found) }); err != nil {
		return err
	}
	if len(found.Missing)+len(found.Extra) > 0 {
		return fmt.Errorf("the records and the chain disagree: %d missing, %d extra; `satchel why TXID` tells what is known of each", len(found.Missing), len(found.Extra))
	}
	return nil
}

// stream runs a command that answers bit by bit.
func (a *app) stream(ctx context.Context, name string, req any, fn func(json.RawMessage) error) error {
	s, err := config.Load(a.config)
	if err != nil {
		return err
	}
	return a.client(s).Stream(ctx, name, req, fn)
}

func showReasons(w io.Writer, list []admin.ReasonDoc) {
	rows := [][]string{}
	for _, r := range list {
		rows = append(rows, []string{r.Code, r.Sentence})
	}
	table(w, rows...)
}

func showWhy(w io.Writer, y admin.Why) {
	fmt.Fprintf(w, "%s  %s\n%s\n", y.Code, y.Subject, y.Sentence)
	for _, d := range y.Details {
		fmt.Fprintln(w, " ", d)
	}
	for i, m := range y.Story {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s  %s", stamp(m.At), m.What)
		if m.Code != "" {
			fmt.Fprintf(w, " [%s]", m.Code)
		}
		fmt.Fprintf(w, "  %s\n", strings.TrimSpace(m.Why))
	}
	for i, n := range y.Next {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, "next:", n)
	}
}

func showEvent(w io.Writer, e admin.Event) {
	status := e.Status
	if e.Exception != "" {
		status += "/" + e.Exception
	}
	fmt.Fprintf(w, "%d  %s  %s  %s -> %s  %s [%s]\n", e.Seq, stamp(e.At), e.Invoice, e.Name, status, e.Detail, e.Reason)
}

// whose names the invoice of a difference, and held what holds the output.
func whose(d admin.Difference) string {
	if d.Invoice == "" {
		return "no invoice"
	}
	return "invoice " + d.Invoice
}

func held(d admin.Difference) string {
	switch {
	case d.Height > 0:
		return fmt.Sprintf("block %d", d.Height)
	case d.Mempool:
		return "mempool"
	}
	return "nowhere"
}

func showBalance(w io.Writer, b admin.Balance) {
	fmt.Fprintf(w, "blocks %d to %d and the mempool: %d outputs of ours, %d sat\nmissing=%d extra=%d\n",
		b.From, b.To, b.Found, b.Sats, len(b.Missing), len(b.Extra))
	show := func(what string, list []admin.Difference) {
		for _, d := range list {
			fmt.Fprintf(w, "%s  %s  %d sat  %s  %s: %s\n", what, d.Outpoint, d.Sats, whose(d), held(d), d.Why)
		}
	}
	show("missing", b.Missing)
	show("extra", b.Extra)
	for _, d := range b.Beyond {
		what := "beyond"
		if d.Invoice != "" { // one was made for it
			what = "lost"
		}
		show(what, []admin.Difference{d})
	}
}
