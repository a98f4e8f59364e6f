package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"satchel/admin"
	"satchel/auth"
	"satchel/invoice"
)

// table writes rows in columns; the first row is the heading.
func table(w io.Writer, rows ...[]string) {
	t := tabwriter.NewWriter(w, 2, 4, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	_ = t.Flush()
}

func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

func stampPtr(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return stamp(*t)
}

func showStatus(w io.Writer, s admin.Status) {
	ready := "yes"
	if !s.Ready {
		ready = "NO: " + s.Reason + " (" + s.Advice + ")"
	}
	states := make([]string, 0, len(s.Invoices))
	for name, n := range s.Invoices {
		if n > 0 {
			states = append(states, fmt.Sprintf("%d %s", n, name))
		}
	}
	slices.Sort(states)
	rate := "none fresh enough"
	if s.Rates.Enough {
		rate = fmt.Sprintf("%s, %.0f s old", s.Rates.Method, s.Rates.Age)
	}
	tip, looked := "none yet", "none yet"
	if s.Tip.Hash != "" {
		tip = fmt.Sprintf("%d %s", s.Tip.Height, s.Tip.Hash)
	}
	if !s.Tip.Synced.IsZero() {
		looked = stamp(s.Tip.Synced)
	}
	oldest := ""
	if s.Oldest != nil {
		oldest = fmt.Sprintf(", the oldest for %s", (time.Duration(s.OldestAge) * time.Second).String())
	}
	table(w, []string{"network", s.Network}, []string{"ready", ready},
		[]string{"tip", tip}, []string{"lag", fmt.Sprintf("%d blocks", s.Tip.Lag)},
		[]string{"last complete look", looked}, []string{"invoices", cmp.Or(strings.Join(states, ", "), "none")},
		[]string{"callbacks", fmt.Sprintf("%d undelivered%s", s.Undelivered, oldest)}, []string{"rates", rate},
		[]string{"scripts watched", fmt.Sprint(s.Scripts)}, []string{"events", fmt.Sprint(s.Events)},
		[]string{"database", fmt.Sprintf("%.1f MB", float64(s.Database)/1e6)}, []string{"clock", stamp(s.Clock)})
	for _, l := range s.Links {
		state := "connected"
		if !l.Connected {
			state = "NOT CONNECTED"
		}
		if l.Address != "" { // none is known before the node told it
			state += " at " + l.Address
		}
		fmt.Fprintf(w, "zmq %-10s %s: %d messages, %d gaps\n", l.Topic, state, l.Messages, l.Gaps)
	}
	for _, k := range s.Keys {
		fmt.Fprintf(w, "key %s: next index %d, %d unpaid since the last paid one\n", k.Fingerprint[:min(16, len(k.Fingerprint))], k.Next, k.Gap)
		if k.Import != "" {
			fmt.Fprintf(w, "  for another wallet to see them all, in bitcoind: a watch-only one (the first command only once)\n    %s\n    %s\n", k.Create, k.Import)
			fmt.Fprintf(w, "  or one that holds the private keys\n    %s\n", k.Refill)
		}
	}
	for _, line := range s.Warnings {
		fmt.Fprintln(w, "warning:", line)
	}
}

func showToken(w io.Writer, t admin.Token) {
	who := "Whoever has it can use it"
	if t.SIN != "" {
		who = "Only " + t.SIN + " can use it, by its signature"
	}
	fmt.Fprintf(w, "%s\n\nFacade %s, id %s. %s. It is not shown again.\n", t.Token, t.Facade, t.ID, who)
}

func showGrants(w io.Writer, list []admin.Grant) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no tokens")
		return
	}
	rows := [][]string{{"ID", "FACADE", "STATE", "LABEL", "CLIENT", "CREATED", "REVOKED"}}
	for _, g := range list {
		who := g.SIN
		if who == "" && g.State == auth.Active.String() {
			who = "any (bearer)"
		}
		rows = append(rows, []string{g.ID, g.Facade, g.State, g.Label, who, stamp(g.Created), stampPtr(g.Revoked)})
	}
	table(w, rows...)
}

func showInvoices(w io.Writer, list []admin.Invoice) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no invoices")
		return
	}
	rows := [][]string{{"ID", "STATUS", "EXCEPTION", "PRICE", "DUE BTC", "PAID SAT", "CREATED", "ORDER"}}
	for _, i := range list {
		rows = append(rows, []string{
			i.ID, i.Status, i.Exception, i.Price + " " + i.Currency, i.DueBTC, fmt.Sprint(i.Paid), stamp(i.Created), i.OrderID,
		})
	}
	table(w, rows...)
}

// whereabouts says where a payment's transaction is.
func whereabouts(p admin.Payment) string {
	switch p.Where {
	case invoice.InBlock.String():
		return fmt.Sprintf("in a block, confirmations: %d", p.Confirmations)
	case invoice.InMempool.String():
		return "in the mempool"
	}
	return p.Where
}

func showInvoice(w io.Writer, i admin.Invoice) {
	status := i.Status
	if i.Exception != "" {
		status += " (" + i.Exception + ")"
	}
	price := i.Price + " " + i.Currency
	switch {
	case i.Lost:
		price += ", as the first payment was: its invoice was lost with a database, and what was asked for is not known"
	case i.RateMethod != "":
		price += fmt.Sprintf(" at %s (%s)", i.Rate, i.RateMethod)
	}
	table(w, []string{"invoice", i.ID}, []string{"status", status}, []string{"why", i.Why + " [" + i.Reason + "]"}, []string{"price", price},
		[]string{"due", i.DueBTC + " BTC"}, []string{"paid", fmt.Sprintf("%d sat in time, %d late, %d stray", i.Paid, i.Late, i.Stray)},
		[]string{"address", i.Address}, []string{"speed", i.Speed}, []string{"created", stamp(i.Created)},
		[]string{"expires", stamp(i.Expires)}, []string{"page", i.URL})
	if i.Email != "" {
		fmt.Fprintf(w, "mail to %s", i.Email)
		if i.NoMail != "" {
			fmt.Fprintf(w, ": %s", i.NoMail)
		}
		fmt.Fprintln(w)
	}
	for _, z := range i.ZeroConf {
		fmt.Fprintln(w, "zero-conf:", z)
	}
	for _, p := range i.Payments {
		fmt.Fprintf(w, "\npayment %s: %d sat, %s, %s\n", p.Outpoint, p.Sats, p.Disposition, whereabouts(p))
		for _, n := range p.History {
			fmt.Fprintf(w, "  %s  %s: %s [%s]\n", stamp(n.At), n.State, n.Why, n.Reason)
		}
	}
	if len(i.History) > 0 {
		fmt.Fprintln(w, "\nhistory")
	}
	for _, c := range i.History {
		fmt.Fprintf(w, "  %s  #%d %s -> %s: %s [%s]\n", stamp(c.At), c.Seq, c.Name, c.Status, c.Detail, c.Reason)
	}
	if len(i.Deliveries) > 0 {
		fmt.Fprintln(w, "\ncallbacks and mails")
		showDeliveries(w, i.Deliveries)
	}
}

func showNeeds(w io.Writer, list []admin.Need) {
	if len(list) == 0 {
		fmt.Fprintln(w, "nothing needs a hand")
		return
	}
	rows := [][]string{{"WHY", "INVOICE", "STATUS", "SAT", "VALUE", "ORDER", "NEXT"}}
	for _, n := range list {
		rows = append(rows, []string{n.Why, n.Invoice, n.Status, fmt.Sprint(n.Sats), n.Value, n.OrderID, n.Next})
	}
	table(w, rows...)
}

func showDeliveries(w io.Writer, list []admin.Delivery) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no callbacks or mails")
		return
	}
	for _, d := range list {
		state := d.State
		if d.Held {
			state += ", waits for an earlier one"
		}
		fmt.Fprintf(w, "%d  %s  %s by %s to %s: %s, %d tries, next %s\n", d.ID, d.Invoice, d.Name, d.Channel, d.Endpoint, state, d.Tries, stampPtr(d.Next))
		for _, a := range d.Attempts {
			showAttempt(w, a)
		}
	}
}

func showAttempt(w io.Writer, a admin.Attempt) {
	fmt.Fprintf(w, "    %s  %.1f ms  %s\n", stamp(a.At), a.Millis, cameOf(a))
}

// cameOf is what came of an attempt: the error, or the answer's status.
func cameOf(a admin.Attempt) string {
	if a.Error != "" {
		return a.Error
	}
	return fmt.Sprintf("status %d", a.Status)
}

func showSecret(w io.Writer, s admin.Secret) {
	fmt.Fprintf(w, "%s\n\nThe previous secret signs, too, until %s.\n", s.Secret, stamp(s.Until))
}

func showClock(w io.Writer, c admin.Clock) {
	fmt.Fprintf(w, "%s (moved by %s)\n", c.Now.UTC().Format(time.RFC3339), c.Offset)
}
