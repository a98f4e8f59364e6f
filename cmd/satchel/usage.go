package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is a command line that was not understood.
type usageError struct{ error }

// usagef is a usageError that ends with how the command is written.
func usagef(cmd *cobra.Command, format string, args ...any) error {
	return usageError{fmt.Errorf("%s; usage: %s", fmt.Sprintf(format, args...), cmd.UseLine())}
}

// complete wants the flags that a command cannot do without. Cobra would look for them later, and its error would have no kind.
func complete(cmd *cobra.Command) error {
	var missing []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, required := f.Annotations[cobra.BashCompOneRequiredFlag]; required && !f.Changed {
			missing = append(missing, "--"+f.Name)
		}
	})
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return usagef(cmd, "%s is needed", missing[0])
	}
	return usagef(cmd, "%s are needed", strings.Join(missing, " and "))
}

// args turns a wrong number of arguments into a usage error.
func args(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(cmd, args); err != nil {
			return usagef(cmd, "%s", err)
		}
		return nil
	}
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: childless, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.SuggestionsMinimumDistance = 2
	c.AddCommand(children...)
	return c
}

// childless refuses the name of a command that is not there, and offers those that are written much like it.
func childless(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text, like := fmt.Sprintf("there is no command `%s %s`", cmd.CommandPath(), args[0]), cmd.SuggestionsFor(args[0])
	for i, name := range like {
		like[i] = "`" + cmd.CommandPath() + " " + name + "`"
	}
	if len(like) > 0 {
		text += "; did you mean " + strings.Join(like, " or ")
	}
	return usageError{errors.New(text)}
}

// valued says of a flag's value what it should be, where pflag quotes the Go function that did not like it.
func valued(err error) error {
	bad, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	want := "true or false"
	switch bad.GetFlag().Value.Type() {
	case "bool":
	case "int", "int64":
		want = "a whole number"
	case "uint", "uint64":
		want = "a whole number from 0 on"
	default:
		return err
	}
	return fmt.Errorf("--%s: %q is not %s", bad.GetFlag().Name, bad.GetValue(), want)
}
