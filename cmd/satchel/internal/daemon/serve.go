package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"

	"satchel/cmd/satchel/internal/config"
)

// Options are what a run of the daemon is made of.
type Options struct {
	Settings config.Settings
	Log      *slog.Logger
	Version  string
	Ready    func(apiAddr string) // called when the API answers; nil: nobody
}

// Serve runs the daemon until ctx ends or a part of it fails.
func Serve(ctx context.Context, o Options) error {
	d, err := wire(o)
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
	d.log.Info("ready", "api", addr, "network", string(d.set.Network), "version", d.version)
	_, _ = systemd.SdNotify(false, systemd.SdNotifyReady)
	g.Go(func() error { // after READY, whatever happens
		<-ctx.Done()
		_, _ = systemd.SdNotify(false, systemd.SdNotifyStopping)
		return nil
	})
	if o.Ready != nil {
		o.Ready(addr)
	}
	err = g.Wait()
	d.log.Info("stopped")
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
func watchdog(ctx context.Context, d *parts) error {
	every, err := systemd.SdWatchdogEnabled(false)
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
				_, _ = systemd.SdNotify(false, systemd.SdNotifyWatchdog)
			}
		}
	}
}
