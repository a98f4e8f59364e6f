// Command satchel is the daemon and the operator's commands to it, in one binary. It reads flags and the configuration,
// wires the rooms together, and decides nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage), strings.HasPrefix(err.Error(), "unknown command"):
		fmt.Fprintln(os.Stderr, "satchel:", err)
		fmt.Fprintln(os.Stderr, "run `satchel help` for the commands")
		return exitUsage
	}
	fmt.Fprintln(os.Stderr, "satchel:", sentence(err))
	return exitRefused
}

// usageError is a command line that was not understood.
type usageError struct{ error }

// sentence is what an operator reads of an error: with the member at fault, if one is.
func sentence(err error) string {
	var f *fault.Error
	if errors.As(err, &f) && f.Field != "" {
		return f.Field + ": " + f.Message
	}
	return err.Error()
}
