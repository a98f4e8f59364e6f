package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"satchel/cmd/satchel/internal/config"
	"satchel/cmd/satchel/internal/daemon"
	"satchel/cmd/satchel/internal/demo"
)

func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{Use: "serve", Short: "Run the daemon", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		s, err := config.Load(a.config)
		if err != nil {
			return err
		}
		log := slog.New(slog.NewTextHandler(os.Stderr, nil))
		return daemon.Serve(cmd.Context(), daemon.Options{Settings: s, Log: log, Version: version})
	}}
}

func (a *app) demoCommand() *cobra.Command {
	var once bool
	var listen string
	c := &cobra.Command{Use: "demo", Short: "See an invoice paid with real regtest coins", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		if listen == "" {
			listen = "127.0.0.1:8350"
			if once {
				listen = "127.0.0.1:0"
			}
		}
		return demo.Run(cmd.Context(), demo.Options{Out: a.out, Listen: listen, Once: once, Version: version})
	}}
	c.Flags().BoolVar(&once, "once", false, "end when the invoice is complete and every callback has arrived")
	c.Flags().StringVar(&listen, "listen", "", "address of API and checkout page (default 127.0.0.1:8350)")
	return c
}
