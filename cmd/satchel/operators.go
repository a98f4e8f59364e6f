package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"satchel/admin"
)

func (a *app) operatorCommand() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List who may sign in at the desk", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		return ask(a, cmd, "operator-list", admin.Nothing{}, showOperators)
	}}
	remove := &cobra.Command{Use: "remove NAME", Short: "Take an operator away and sign him out everywhere", Args: args(1), RunE: func(cmd *cobra.Command, args []string) error {
		return ask(a, cmd, "operator-remove", admin.OperatorByName{Name: args[0]}, func(w io.Writer, _ admin.Nothing) { fmt.Fprintln(w, "removed") })
	}}
	return group("operator", "People who sign in at the merchant's desk, /dashboard", a.addOperatorCommand(), list, a.operatorPasswordCommand(), remove)
}

func (a *app) addOperatorCommand() *cobra.Command {
	var r admin.OperatorRequest
	var stdin bool
	c := &cobra.Command{Use: "add NAME", Short: "Let somebody sign in; prints a link that sets the password once", Args: args(1)}
	c.Flags().StringVar(&r.Role, "role", "owner", "owner, or viewer, who changes nothing")
	c.Flags().BoolVar(&r.All, "all", false, "every merchant, also those added later")
	c.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from the standard input instead")
	about(c, &r.Of)
	c.RunE = func(cmd *cobra.Command, args []string) (err error) {
		r.Name = args[0]
		if r.Password, err = password(cmd, stdin); err != nil {
			return err
		}
		return ask(a, cmd, "operator-add", r, showOperator)
	}
	return c
}

func (a *app) operatorPasswordCommand() *cobra.Command {
	var stdin bool
	c := &cobra.Command{Use: "password NAME", Short: "Print a link that sets a new password once", Args: args(1)}
	c.Flags().BoolVar(&stdin, "password-stdin", false, "read the new password from the standard input instead, and sign him out everywhere now")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := password(cmd, stdin)
		if err != nil {
			return err
		}
		return ask(a, cmd, "operator-password", admin.OperatorByName{Name: args[0], Password: text}, showOperator)
	}
	return c
}

// password reads the first line of the standard input: a password on the command line would be in the shell's history.
func password(cmd *cobra.Command, stdin bool) (string, error) {
	if !stdin {
		return "", nil
	}
	return stdinLine(cmd, "password")
}

func showOperator(w io.Writer, o admin.OperatorDoc) {
	fmt.Fprintf(w, "%s, %s of %s\n", o.Name, o.Role, scope(o))
	if o.Link != "" {
		fmt.Fprintf(w, "\n%s\n\nSets the password, once, until %s. Whoever has it can sign in.\n", o.Link, stampPtr(o.Expires))
	}
}

func showOperators(w io.Writer, list []admin.OperatorDoc) {
	if len(list) == 0 {
		fmt.Fprintln(w, "nobody; `satchel operator add NAME` lets somebody sign in")
		return
	}
	rows := [][]string{{"NAME", "ROLE", "MERCHANT", "ADDED", "PASSWORD SET"}}
	for _, o := range list {
		rows = append(rows, []string{o.Name, o.Role, scope(o), stamp(o.Created), stampPtr(o.Changed)})
	}
	table(w, rows...)
}

func scope(o admin.OperatorDoc) string {
	if o.Merchant == "" {
		return "every merchant"
	}
	return shopName(o.Shop, o.Merchant)
}
