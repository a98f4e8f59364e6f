package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// backupEvery is far more often than anybody makes backups.
const backupEvery = 100 * time.Millisecond

// whileBackedUp measures payments while ten backups a second are made, beside the same without.
func (b *bench) whileBackedUp(ctx context.Context, d *daemon, alone float64, pay func() ([]time.Duration, error)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended, made := make(chan error, 1), 0
	go func() {
		for ctx.Err() == nil {
			if _, err := d.run(ctx, "backup", filepath.Join(d.dir, fmt.Sprintf("backup-%d.db", made))); err != nil {
				ended <- err
				return
			}
			made++
			select {
			case <-ctx.Done():
			case <-time.After(backupEvery):
			}
		}
		ended <- nil
	}()
	list, err := pay()
	stop()
	if failed := <-ended; failed != nil && !errors.Is(ctx.Err(), context.Canceled) {
		err = errors.Join(err, failed)
	}
	if err == nil && made == 0 {
		err = errors.New("no backup was made meanwhile")
	}
	if err != nil {
		return err
	}
	b.atMost(figure{
		Name: "broadcast to callback during backups, p99", Value: quantile(list, 0.99), Unit: "ms", Beside: "without, ms", Limit: alone,
	}, 3)
	return nil
}
