package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{Use: "serve", Short: "Run the daemon", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		s, err := loadConfig(a.config)
		if err != nil {
			return err
		}
		log := slog.New(slog.NewTextHandler(os.Stderr, nil))
		return serve(cmd.Context(), s, log, nil)
	}}
}

// serve runs the daemon until ctx ends or a part of it fails. ready, if given, is called when the API answers.
func serve(ctx context.Context, s settings, log *slog.Logger, ready func(apiAddr string)) error {
	d, err := wire(s, log)
	if err != nil {
		return err
	}
	defer d.close()
	listeners, err := d.listen(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	d.run(ctx, g)
	for _, l := range listeners {
		g.Go(func() error { return serveHTTP(ctx, l.server, l.listener) })
	}
	g.Go(func() error { return watchdog(ctx, d) })
	addr := listeners[0].listener.Addr().String()
	log.Info("ready", "api", addr, "network", string(s.network), "version", version)
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
	g.Go(func() error { // after READY, whatever happens
		<-ctx.Done()
		_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
		return nil
	})
	if ready != nil {
		ready(addr)
	}
	err = g.Wait()
	log.Info("stopped")
	return err
}

// bound is a server with the listener it was given.
type bound struct {
	server   *http.Server
	listener net.Listener
}

// serveHTTP serves until ctx ends, then lets requests that are under way finish.
func serveHTTP(ctx context.Context, srv *http.Server, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		_ = srv.Close() // open event streams do not end by themselves
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// watchdog tells systemd that we are alive, as long as the store answers.
func watchdog(ctx context.Context, d *daemonParts) error {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		<-ctx.Done()
		return nil
	}
	t := time.NewTicker(every / 2)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if d.alive(ctx) {
				_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
			}
		}
	}
}
