package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"satchel/regtest"
)

const (
	floods       = 6     // blocks
	floodTxs     = 5_000 // transactions of each, of nobody
	floodedAtOne = 10    // payments while one is announced
)

// blockFlood measures the way from a broadcast to the callback while the node announces a full block, with ZMQ queues as
// short as bitcoind has them by itself: messages are lost.
func (b *bench) blockFlood(ctx context.Context) error {
	node, err := regtest.Start(ctx, regtest.Config{Dir: b.dir, Args: []string{"-zmqpubrawtxhwm=1000", "-zmqpubsequencehwm=1000"}})
	if err != nil {
		return err
	}
	s := &siege{bench: b, node: node, r: newReceiver(), client: newClient()}
	defer s.end()
	if s.coins, err = node.Coins(ctx, floods*(floodTxs+floodedAtOne)+2*floodedAtOne, price); err != nil {
		return err
	}
	if s.d, err = b.newDaemon(ctx, node, s.r.URL); err != nil {
		return err
	}
	idle, err := s.pays(ctx, 2*floodedAtOne)
	if err != nil {
		return err
	}
	var flooded []time.Duration
	for range floods {
		list, err := s.flooded(ctx)
		if err != nil {
			return err
		}
		flooded = append(flooded, list...)
	}
	for _, q := range []float64{0.5, 0.99} {
		b.atMost(figure{
			Name: fmt.Sprintf("broadcast to callback while a full block is announced, p%d", int(q*100)), Value: quantile(flooded, q), Unit: "ms",
			Beside: "the same when idle (at least 10), ms", Limit: max(quantile(idle, q), 10),
		}, 200)
	}
	b.under("  the slowest of them", quantile(flooded, 1)/1000, 2, "s")
	return nil
}

// flooded fills a block, and lets customers pay while the node connects and announces it.
func (s *siege) flooded(ctx context.Context) ([]time.Duration, error) {
	raws := make([][]byte, floodTxs)
	for i := range raws {
		var err error
		if raws[i], _, err = s.take().Spend(regtest.Output{Script: foreignScript(i), Sats: 50_000}); err != nil {
			return nil, err
		}
	}
	if err := s.node.SendAll(ctx, raws); err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	var mined error
	wg.Go(func() { _, mined = s.node.Mine(ctx, 1, "") })
	list, err := s.pays(ctx, floodedAtOne)
	wg.Wait()
	if err != nil {
		return nil, err
	}
	return list, mined
}

// pays lets customers pay, and gives how long each waited from the broadcast on.
func (s *siege) pays(ctx context.Context, count int) ([]time.Duration, error) {
	list := make([]time.Duration, count)
	waits := make([]<-chan time.Time, count)
	raws := make([][]byte, count)
	for i := range list {
		inv, wait, err := s.ask()
		if err != nil {
			return nil, err
		}
		if raws[i], err = payment(s.take(), inv); err != nil {
			return nil, err
		}
		waits[i] = wait
	}
	for i := range list {
		began := time.Now()
		if _, err := s.node.Send(ctx, raws[i]); err != nil {
			return nil, err
		}
		var err error
		if list[i], err = s.told(ctx, waits[i], began); err != nil {
			return nil, err
		}
	}
	return list, nil
}
