package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := compat(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(1)
	}
}

// compat runs the clients, writes the table if all of them ran, and fails if any cell has.
func compat(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("compat", flag.ContinueOnError)
	binary := flags.String("binary", "bin/satchel", "the daemon")
	dir := flags.String("clients", "compat/clients", "the folder of the drivers")
	result := flags.String("result", "compat/RESULT.md", "where the table goes")
	only := flags.String("only", "", "run only clients whose name contains this, and write no table")
	if err := flags.Parse(args); err != nil {
		return err
	}
	path, err := filepath.Abs(*binary)
	if err != nil {
		return err
	}
	drivers, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	r, err := runAll(ctx, path, drivers, *only)
	fmt.Print("\n" + table(r.shops) + "\n" + table(r.payers))
	if len(r.shops) == len(clients(drivers)) && len(r.payers) == len(wallets(drivers)) {
		err = errors.Join(err, os.WriteFile(*result, []byte(page(r)), 0o644)) //nolint:gosec // a document for everybody
	}
	return err
}

// result is what came of all clients: the shops', and the payers'.
type result struct{ shops, payers []column }

// page is RESULT.md.
func page(r result) string {
	return "# What real BitPay clients can do\n\n`make compat` writes this file: each client, as its makers published it, against the built daemon on a regtest node.\n" +
		"A dash: the client has no such call.\n\n" + table(r.shops) +
		"\n## Wallets that pay by the payment protocols\n\n" + table(r.payers)
}

// runAll runs every client against one daemon, one after the other.
func runAll(ctx context.Context, binary, drivers, only string) (r result, err error) {
	dir, err := os.MkdirTemp("", "satchel-compat-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	w, err := newWorld(ctx, binary, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	c, err := newControl(ctx, w)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	all := runner{drivers: drivers, only: only, env: []string{
		"COMPAT_API=http://" + w.api, "COMPAT_CONTROL=" + c.url, "COMPAT_SINK=" + w.sink.url,
		"COMPAT_FRONT=" + w.front.url, "NODE_EXTRA_CA_CERTS=" + w.front.certificate,
	}}
	r.payers = all.run(ctx, wallets(drivers)) // first: shops' clients move the clock in the end
	r.shops = all.run(ctx, clients(drivers))
	if all.failed > 0 {
		fmt.Printf("\nThe daemon's log ends with\n%s\n", w.logTail())
		return r, fmt.Errorf("%d client(s) failed", all.failed)
	}
	return r, ctx.Err()
}

// runner runs lists of clients.
type runner struct {
	drivers string
	only    string
	env     []string
	failed  int
}

func (r *runner) run(ctx context.Context, list []client) (columns []column) {
	for _, cl := range list {
		if !strings.Contains(cl.title(), r.only) {
			continue
		}
		began := time.Now()
		col, output, err := run(ctx, cl, r.drivers, r.env)
		columns = append(columns, col)
		bad, count := col.failures()
		fmt.Printf("%-38s %2d ok, %d failed, %.1f s\n", cl.title(), len(cl.rows)-len(cl.lacks)-count, count, time.Since(began).Seconds())
		if count == 0 && err == nil {
			continue
		}
		r.failed++
		tell(cl, bad, output, err)
	}
	return columns
}

// tell shows what is needed to mend a failure.
func tell(c client, bad []string, output string, err error) {
	for _, line := range bad {
		fmt.Printf("  FAIL %s\n", line)
	}
	if err != nil {
		fmt.Printf("  the driver of %s: %s\n", c.name, err)
	}
	if output != "" {
		fmt.Printf("  it said\n    %s\n", strings.ReplaceAll(strings.TrimSpace(output), "\n", "\n    "))
	}
}
