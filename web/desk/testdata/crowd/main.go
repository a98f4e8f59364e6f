// Command crowd makes a database with very many complete invoices, for a test. It is a program of its own because the
// tests run under the race detector, with which this takes several times as long.
//
// usage: crowd FILE COUNT WANTED: the invoice numbered WANTED sells something that no other sells
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/store"
	"satchel/store/storetest"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path, count, wanted string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	which, err := strconv.Atoi(wanted)
	if err != nil {
		return err
	}
	if err := store.Create(path, "regtest", merchant.Merchant{ID: storetest.Shop, Name: "A crowded shop", Settings: merchant.Settings{Window: 15 * time.Minute}}); err != nil {
		return err
	}
	db, err := store.Open(store.Config{Path: path, Derivers: storetest.Derivers{}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	err = db.RegisterKey(ctx, store.Key{Fingerprint: storetest.Deriver{}.Key(), Merchant: storetest.Shop})
	if err == nil {
		err = fill(ctx, db, n, which)
	}
	cancel()
	return errors.Join(err, <-done, db.Close())
}

// fill makes the invoices in their order, one a second; as many share a commit as may.
func fill(ctx context.Context, db *store.DB, n, wanted int) error {
	const atOnce = 512
	group, ctx := errgroup.WithContext(ctx)
	for first := range atOnce {
		group.Go(func() error {
			for i := first; i < n; i += atOnce {
				item := "Darjeeling, 200 g"
				if i == wanted {
					item = "A rare oolong from Alishan"
				}
				if err := sell(ctx, db, i, item); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func sell(ctx context.Context, db *store.DB, i int, item string) error {
	at := storetest.Noon().Add(time.Duration(i) * time.Second)
	_, err := db.Create(ctx, invoice.Creation{Merchant: storetest.Shop}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
		return invoice.Invoice{
			Ref: slot.Ref, ID: invoice.NewID(), Address: slot.Address, Created: at, Expires: at.Add(15 * time.Minute),
			Quote: money.Quote{Price: money.Fiat{Minor: 2500, Code: "USD"}, Due: 50_000},
			Order: invoice.Order{OrderID: fmt.Sprintf("crowd-%06d", i), ItemDesc: item}, State: invoice.State{Status: invoice.Complete, Since: at},
		}, nil, nil
	})
	return err
}
