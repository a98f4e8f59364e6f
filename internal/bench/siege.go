package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/btcutil/bech32"

	"satchel/regtest"
)

// What a siege is made of, and what it may cost. The memory bound is what the daemon's own limits add up to: 4,096
// connections of 32 kB, a block of 4 MB as it came and as text, 10,000 hints of a kilobyte and the ids of the mempool are
// 160 MB, above which the collector lets no garbage stand; the program itself and libzmq's queues are the rest.
const (
	price       = 52_000 // satoshis of each coin; an invoice of 25 USD asks 50,000
	slowClients = 2_000
	openStreams = 1_000
	listenedTo  = 20 // invoices: one has a hundred streams at most
	bodyClients = 4
	siegeMemory = 256              // MB
	calm        = 60               // customers before the siege, and at least so many during it
	siegeTime   = 12 * time.Second // at least: each slow client is cut twice
)

// siege is a daemon among enemies, with customers who want to pay.
type siege struct {
	*bench
	node   *regtest.Node
	d      *daemon
	r      *receiver
	coins  []regtest.Coin
	client *http.Client

	peak     atomic.Int64 // bytes, resident
	evil     evil
	attacks  sync.WaitGroup
	firstBad atomic.Pointer[error]
}

// evil counts what the enemies did, so that a siege which did not happen is noticed.
type evil struct {
	cut, refused, streams atomic.Int64
	longest               atomic.Int64 // how long a slow client was borne
}

// besieged measures a customer's time from the wish for an invoice to the callback, idle and under siege, in one run.
func (b *bench) besieged(ctx context.Context) error { return b.siegeOf(ctx, 50_000, 100) }

// siegeOf lets so many foreign transactions, slow clients, open streams and bad bodies come at once. A customer may wait
// at most a multiple of what he waits when nothing else happens.
func (b *bench) siegeOf(ctx context.Context, foreign int, multiple float64) error {
	s, err := b.newSiege(ctx, foreign+calm*40)
	if err != nil {
		return err
	}
	defer s.end()
	idle, err := s.customers(ctx, closed())
	if err != nil {
		return err
	}
	under, err := s.customersUnderSiege(ctx, foreign)
	if err != nil {
		return err
	}
	if err := s.blocks(ctx); err != nil {
		return err
	}
	b.say("%d connections cut, %d bodies refused, %d streams; the slowest client was borne %s; %d customers",
		s.evil.cut.Load(), s.evil.refused.Load(), s.evil.streams.Load(), time.Duration(s.evil.longest.Load()).Round(time.Second), len(under))
	for _, q := range []float64{0.5, 0.99} {
		b.atMost(figure{
			Name: fmt.Sprintf("invoice to callback under siege, p%d", int(q*100)), Value: quantile(under, q), Unit: "ms",
			Beside: "the same when idle (at least 10), ms", Limit: max(quantile(idle, q), 10),
		}, multiple)
	}
	b.under("resident memory under siege, peak", float64(s.peak.Load())/1e6, siegeMemory, "MB")
	b.under("a slow client is borne for", time.Duration(s.evil.longest.Load()).Seconds(), 20, "s")
	return s.happened()
}

// happened tells whether the siege was one.
func (s *siege) happened() error {
	if err := s.firstBad.Load(); err != nil {
		return *err
	}
	if s.evil.cut.Load() < slowClients || s.evil.refused.Load() < 100 || s.evil.streams.Load() < openStreams {
		return fmt.Errorf("the siege did not happen: %d cut, %d refused, %d streams", s.evil.cut.Load(), s.evil.refused.Load(), s.evil.streams.Load())
	}
	return nil
}

func (b *bench) newSiege(ctx context.Context, coins int, args ...string) (*siege, error) {
	node, err := regtest.Start(ctx, regtest.Config{Dir: b.dir, Args: args})
	if err != nil {
		return nil, err
	}
	s := &siege{bench: b, node: node, r: newReceiver(), client: newClient()}
	if s.coins, err = node.Coins(ctx, coins, price); err == nil {
		s.d, err = b.newDaemon(ctx, node, s.r.URL)
	}
	if err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
}

func (s *siege) end() {
	if s.d != nil {
		s.d.stop()
	}
	s.client.CloseIdleConnections()
	s.r.Close()
	_ = s.node.Stop()
}

// take gives a coin that nobody has spent.
func (s *siege) take() regtest.Coin {
	c := s.coins[0]
	s.coins = s.coins[1:]
	return c
}

// customer makes an invoice, pays it, and waits for the shop to be told.
func (s *siege) customer(ctx context.Context) (time.Duration, error) {
	coin := s.take()
	began := time.Now()
	inv, wait, err := s.ask()
	if err != nil {
		return 0, err
	}
	raw, err := payment(coin, inv)
	if err != nil {
		return 0, err
	}
	if _, err := s.node.Send(ctx, raw); err != nil {
		return 0, err
	}
	return s.told(ctx, wait, began)
}

func (s *siege) ask() (order, <-chan time.Time, error) {
	inv, err := s.d.post(s.client, "25")
	return inv, s.r.expect(inv.ID), err
}

func (s *siege) told(ctx context.Context, wait <-chan time.Time, since time.Time) (time.Duration, error) {
	select {
	case at := <-wait:
		return at.Sub(since), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(60 * time.Second):
		return 0, errors.New("a customer paid and the shop was not told within a minute")
	}
}

// payment spends a coin on an invoice.
func payment(c regtest.Coin, inv order) ([]byte, error) {
	script, err := scriptOf(inv.Address)
	if err != nil {
		return nil, err
	}
	raw, _, err := c.Spend(regtest.Output{Script: script, Sats: 50_000})
	return raw, err
}

// scriptOf decodes an address of version 0 (BIP173).
func scriptOf(address string) ([]byte, error) {
	_, words, err := bech32.Decode(address)
	if err != nil {
		return nil, err
	}
	program, err := bech32.ConvertBits(words[1:], 5, 8, false)
	return append([]byte{0x00, byte(len(program))}, program...), err
}

// customers pay one after the other, at least some, until the end.
func (s *siege) customers(ctx context.Context, end <-chan struct{}) ([]time.Duration, error) {
	var list []time.Duration
	for {
		took, err := s.customer(ctx)
		if err != nil {
			return list, fmt.Errorf("customer %d: %w", len(list)+1, err)
		}
		list = append(list, took)
		if len(list) < calm {
			continue
		}
		select {
		case <-end:
			return list, nil
		default:
		}
		if len(list) == calm*30 {
			return list, nil
		}
	}
}

func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// customersUnderSiege lets customers pay for as long as the siege lasts.
func (s *siege) customersUnderSiege(ctx context.Context, foreign int) ([]time.Duration, error) {
	crowd := s.coins[:foreign]
	s.coins = s.coins[foreign:]
	inner, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		s.attacks.Wait()
	}()
	if err := s.attack(inner); err != nil {
		return nil, err
	}
	sent := make(chan struct{})
	s.attacks.Go(func() {
		defer close(sent)
		least := time.After(siegeTime)
		if err := s.crowd(inner, crowd); err != nil {
			s.fail(fmt.Errorf("the crowd: %w", err))
		}
		select {
		case <-least:
		case <-inner.Done():
		}
	})
	return s.customers(ctx, sent)
}

func (s *siege) fail(err error) {
	if err != nil {
		s.firstBad.CompareAndSwap(nil, &err)
	}
}

// crowd fills the mempool with transactions that are none of ours, and lets a block take them.
func (s *siege) crowd(ctx context.Context, coins []regtest.Coin) error {
	raws := make([][]byte, len(coins))
	for i, c := range coins {
		var err error
		if raws[i], _, err = c.Spend(regtest.Output{Script: foreignScript(i), Sats: 50_000}); err != nil {
			return err
		}
	}
	if err := s.node.SendAll(ctx, raws); err != nil {
		return err
	}
	_, err := s.node.Mine(ctx, 2, "")
	return err
}

// watch follows the daemon's memory.
func (s *siege) watch(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if rss, err := s.d.memory("VmRSS"); err == nil && int64(rss) > s.peak.Load() {
			s.peak.Store(int64(rss))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// busToken asks for the stream of an invoice that stays open.
func (s *siege) busToken() (string, error) {
	inv, err := s.d.post(s.client, "25")
	if err != nil {
		return "", err
	}
	res, err := s.client.Get("http://" + s.d.api + "/invoices/" + inv.ID + "/events?token=" + s.d.token)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var doc struct{ Data struct{ Token string } }
	err = json.NewDecoder(res.Body).Decode(&doc)
	return doc.Data.Token, err
}
