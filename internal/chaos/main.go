// Command chaos pulls the plug on Satchel again and again, and counts what is left. It is `make chaos`.
//
// A real daemon works for a real node and a real receiver of callbacks, while invoices are made, paid, paid again,
// replaced and stolen, blocks come and go, and the receiver fails. The daemon is killed with SIGKILL at random moments
// and started again, by nobody's hand. At the end the faults stop, and what the node's own blocks hold is counted apart
// from everything that Satchel recorded: each payment must be credited once, and each event must have arrived, in order,
// under one id. The log of events must have no gap, the daemon's own log none of its secrets, and the process must hold
// about as little as at first.
//
// A first part goes on without kills: a restart looks at everything anew, and would hide what was missed before it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	var o options
	flag.IntVar(&o.kills, "kills", 200, "how often the daemon is killed")
	flag.IntVar(&o.invoices, "invoices", 2000, "how many invoices are made")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "repeats the choices of an earlier run")
	flag.StringVar(&o.binary, "binary", "bin/satchel", "the daemon")
	flag.Parse()
	o.say = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		fmt.Fprintf(os.Stderr, "the seed was %d\n", o.seed)
		os.Exit(1) //nolint:gocritic // nothing is left to be done
	}
	fmt.Println(r.summary())
	if !r.sound() {
		os.Exit(1)
	}
}
