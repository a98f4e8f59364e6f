// Command bench measures Satchel on the machine at hand, each figure beside its limit measured in the same run: a ratio
// says more than a number of milliseconds on somebody's machine. It is `make bench`.
//
// Three things falsify such a benchmark on regtest: bitcoind's -checkmempool and -checkblockindex, which are on there and
// off on mainnet; a loaded wallet, which delays the node's messages; and the price of a flush, which differs a
// hundredfold between disks. The node is started without the first two, and the third is measured beside.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// figure is one row of the table.
type figure struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Beside string  `json:"beside"` // what the limit is
	Limit  float64 `json:"limit"`
	Ratio  float64 `json:"ratio"`
	Target string  `json:"target"`
	OK     bool    `json:"ok"`
}

// bench collects the figures of one run.
type bench struct {
	dir     string
	began   time.Time
	figures []figure
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1f s  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// atMost adds a figure whose ratio to its limit must not be above the target.
func (b *bench) atMost(f figure, target float64) {
	f.Ratio, f.Target = f.Value/f.Limit, fmt.Sprintf("<= %.3gx", target)
	f.OK = f.Ratio <= target
	b.figures = append(b.figures, f)
}

// atLeast adds a figure whose ratio to its limit must not be below the target.
func (b *bench) atLeast(f figure, target float64) {
	f.Ratio, f.Target = f.Value/f.Limit, fmt.Sprintf(">= %.3gx", target)
	f.OK = f.Ratio >= target
	b.figures = append(b.figures, f)
}

// under adds a figure that has an absolute bound.
func (b *bench) under(name string, value, bound float64, unit string) {
	b.figures = append(b.figures, figure{
		Name: name, Value: value, Unit: unit, Beside: "bound", Limit: bound, Ratio: value / bound, Target: "<= 1x", OK: value <= bound,
	})
}

func main() {
	asJSON := flag.Bool("json", false, "print JSON")
	only := flag.String("only", "", "only the parts whose name holds this text")
	helper := flag.Bool("scripts", false, "used by itself: measure the memory of a million scripts")
	flag.Parse()
	if *helper {
		scriptMemory()
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *asJSON, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, asJSON bool, only string) (err error) {
	dir, err := os.MkdirTemp("", "satchel-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{dir: dir, began: time.Now()}
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"scan", b.scan},
		{"memory", b.memory},
		{"latency", b.latency},
		{"create", b.create},
		{"catchup", b.catchUp},
		{"callbacks", b.callbacks},
		{"pages", b.pages},
		{"desk", b.desk},
		{"ownblock", b.ownBlock},
		{"blockflood", b.blockFlood},
		{"signed", b.signedCalls},
		{"guesses", b.guesses},
		{"restart", b.restart},
		{"crowded", b.crowded},
		{"longreader", b.longReader},
		{"reconcile", b.reconcileBlocks},
		{"siege", b.besieged},
	} {
		if !strings.Contains(part.name, only) {
			continue
		}
		b.say("measuring %s", part.name)
		if failed := part.run(ctx); failed != nil { // the others are worth seeing all the same
			err = errors.Join(err, fmt.Errorf("%s: %w", part.name, failed))
		}
	}
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return errors.Join(err, e.Encode(b.figures))
	}
	b.table()
	return err
}

func (b *bench) table() {
	w := tabwriter.NewWriter(os.Stdout, 2, 4, 2, ' ', 0)
	fmt.Fprintf(w, "FIGURE\tMEASURED\tBESIDE\tLIMIT\tRATIO\tTARGET\t\n")
	missed := 0
	for _, f := range b.figures {
		mark := "ok"
		if !f.OK {
			mark = "MISSED"
			missed++
		}
		fmt.Fprintf(w, "%s\t%s %s\t%s\t%s\t%.2f\t%s\t%s\n", f.Name, number(f.Value), f.Unit, f.Beside, number(f.Limit), f.Ratio, f.Target, mark)
	}
	_ = w.Flush()
	fmt.Printf("\n%d figures, %d missed; %d processors, %s, %s. Everything shares these processors: node, daemon, clients and receivers.\n",
		len(b.figures), missed, runtime.NumCPU(), runtime.Version(), time.Since(b.began).Round(time.Second))
}

func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// quantile of durations in milliseconds; q is between 0 and 1.
func quantile(list []time.Duration, q float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(q*float64(len(sorted)-1))].Microseconds()) / 1000
}

// median of runs of fn, in milliseconds.
func median(runs int, fn func() error) (float64, error) {
	list := make([]time.Duration, 0, runs)
	for range runs {
		start := time.Now()
		if err := fn(); err != nil {
			return 0, err
		}
		list = append(list, time.Since(start))
	}
	return quantile(list, 0.5), nil
}
