// Command satchel is the daemon and the operator's commands to it, in one binary. It reads flags and the configuration,
// wires the rooms together, and decides nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"satchel/fault"
)

// Exit statuses that scripts rely on.
const (
	exitDone    = 0
	exitRefused = 1
	exitUsage   = 2
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup asks for that
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	root := rootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(os.Stderr, "satchel:", sentence(err))
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(os.Stderr, "`%s --help` tells more\n", cmd.CommandPath())
		return exitUsage
	}
	return exitRefused
}

// sentence is what the operator reads of why a command failed.
func sentence(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted before it was done"
	}
	return fault.Sentence(err)
}
