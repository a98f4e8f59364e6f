package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"satchel/cmd/satchel/internal/config"
	"satchel/cmd/satchel/internal/daemon"
	"satchel/cmd/satchel/internal/sink"
	"satchel/merchant"
)

// secretVariable holds the secret that callbacks are verified with, as in the documentation's samples.
const secretVariable = "SATCHEL_WEBHOOK_SECRET" //nolint:gosec // the name of a variable

// listenCommand is a receiver of callbacks to try things with: a shop that is not written yet.
func (a *app) listenCommand() *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use: "listen", Short: "Receive callbacks here and print them, to try things", Args: args(0),
		Long: "Receives callbacks and prints what each says, until it is stopped. With $" + secretVariable +
			" each signature is verified,\nby the daemon's clock where that was moved; a callback that fails is refused, and comes again later.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := config.Load(a.config)
			if err != nil {
				return err
			}
			secret := merchant.Secret(os.Getenv(secretVariable))
			receiver, err := sink.New(cmd.Context(), sink.Config{Listen: listen, Secret: secret, Now: daemon.Time(s), Heard: a.showHeard(secret != "")})
			if err != nil {
				return fmt.Errorf("%w; choose another address with --listen", err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "callbacks to %s are printed here\n", receiver.URL)
			if secret == "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "their signatures are not verified: %s is empty\n", secretVariable)
			}
			return receiver.Run(cmd.Context())
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:9000", "the address that callbacks come to")
	return c
}

// showHeard prints a callback: a line for people, its body on one line for programs.
func (a *app) showHeard(verified bool) func(sink.Heard) {
	signature := "signature not verified"
	if verified {
		signature = "signature verified"
	}
	return func(c sink.Heard) {
		body := &bytes.Buffer{}
		switch {
		case c.Err != nil:
			fmt.Fprintf(os.Stderr, "%s  refused: %s\n", stamp(time.Now()), c.Err)
		case !a.json:
			fmt.Fprintf(a.out, "%s  invoice %s is %s, event #%s, %s\n", stamp(time.Now()), printable(c.Invoice), printable(c.Status), printable(c.Sequence), signature)
		case json.Compact(body, c.Body) == nil:
			fmt.Fprintf(a.out, "%s\n", body)
		}
	}
}
