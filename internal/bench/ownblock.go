package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"satchel/regtest"
)

const own = 2_000

// ownBlock measures a block that holds 2,000 payments to us: from the call that makes it to the last callback, beside
// the same call for as many foreign payments, 2,000 bare POSTs and a commit; and beside what the node's own wallet needs
// to run a command for each.
func (b *bench) ownBlock(ctx context.Context) error {
	node, err := regtest.Start(ctx, regtest.Config{Dir: b.dir})
	if err != nil {
		return err
	}
	defer node.Stop()
	coins, err := node.Coins(ctx, 2*own, price)
	if err != nil {
		return err
	}
	r := newTally()
	defer r.Close()
	d, err := b.newDaemon(ctx, node, r.URL)
	if err != nil {
		return err
	}
	defer d.stop()
	ours, foreign, err := d.payments(coins)
	if err != nil {
		return err
	}
	bare, err := timed(func() error { _, err := node.MineRaw(ctx, foreign...); return err })
	if err != nil {
		return err
	}
	whole, err := r.until(ctx, own, func() error { _, err := node.MineRaw(ctx, ours...); return err })
	if err != nil {
		return err
	}
	posts, err := r.until(ctx, own, func() error { return barePosts(ctx, r.URL) })
	if err != nil {
		return err
	}
	commit, err := b.commits(ctx)
	if err != nil {
		return err
	}
	d.stop()
	wallet, err := b.walletBlock(ctx)
	if err != nil {
		return err
	}
	// Bare posts write nothing; for each payment we write an invoice, a receipt, three events and a delivery, and then what
	// became of it.
	b.atMost(figure{
		Name: "block with 2,000 own payments, to the last callback", Value: ms(whole), Unit: "ms",
		Beside: "the same block, none ours + 2,000 bare POSTs + commit, ms", Limit: ms(bare+posts) + quantile(commit, 0.5),
	}, 8)
	b.atLeast(figure{Name: "  the node's wallet with walletnotify", Value: ms(wallet), Unit: "ms", Beside: "ours, ms", Limit: ms(whole)}, 10)
	return nil
}

func timed(fn func() error) (time.Duration, error) {
	start := time.Now()
	err := fn()
	return time.Since(start), err
}

// payments makes an invoice for each of half the coins, and signs a payment of it; the other half pays nobody.
func (d *daemon) payments(coins []regtest.Coin) (ours, foreign [][]byte, err error) {
	ours = make([][]byte, len(coins)/2)
	errs := make([]error, 16)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: len(errs)}}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for i := w; i < len(ours) && errs[w] == nil; i += len(errs) {
				var inv order
				if inv, errs[w] = d.postWith(client, "25", `,"fullNotifications":false`); errs[w] == nil {
					ours[i], errs[w] = payment(coins[i], inv)
				}
			}
		})
	}
	wg.Wait()
	for i, c := range coins[len(ours):] {
		raw, _, err := c.Spend(regtest.Output{Script: foreignScript(i), Sats: 50_000})
		if err != nil {
			return nil, nil, err
		}
		foreign = append(foreign, raw)
	}
	return ours, foreign, errors.Join(errs...)
}

// foreignScript pays nobody that we know.
func foreignScript(i int) []byte {
	return append([]byte{0x00, 20, byte(i), byte(i >> 8), byte(i >> 16)}, make([]byte, 17)...)
}

// tally is an endpoint that counts.
type tally struct {
	*httptest.Server
	count atomic.Int64
	last  atomic.Int64 // in nanoseconds since 1970
}

func newTally() *tally {
	t := &tally{}
	t.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		t.last.Store(time.Now().UnixNano())
		t.count.Add(1)
	}))
	return t
}

// until gives how long it takes from the beginning of a deed until so many calls have come.
func (t *tally) until(ctx context.Context, want int64, deed func() error) (time.Duration, error) {
	had := t.count.Load()
	start := time.Now()
	if err := deed(); err != nil {
		return 0, err
	}
	for end := start.Add(2 * time.Minute); t.count.Load() < had+want; time.Sleep(time.Millisecond) {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if time.Now().After(end) {
			return 0, fmt.Errorf("only %d of %d calls came", t.count.Load()-had, want)
		}
	}
	return time.Unix(0, t.last.Load()).Sub(start), nil
}

// barePosts sends as many posts as there are payments, by eight clients that record nothing.
func barePosts(ctx context.Context, url string) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	body := bytes.Repeat([]byte("x"), 900)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for i := w; i < own && ctx.Err() == nil; i += len(errs) {
				res, err := client.Post(url, "application/json", bytes.NewReader(body))
				if err != nil {
					errs[w] = err
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// walletBlock measures what people do without a payment server: bitcoind's wallet runs a command for each transaction.
func (b *bench) walletBlock(ctx context.Context) (time.Duration, error) {
	r := newTally()
	defer r.Close()
	curl, err := exec.LookPath("curl")
	if err != nil {
		return 0, errors.New("curl is needed for the comparison with walletnotify")
	}
	node, err := regtest.Start(ctx, regtest.Config{Dir: b.dir, Args: []string{"-walletnotify=" + curl + " -s -d %s " + r.URL}})
	if err != nil {
		return 0, err
	}
	defer node.Stop()
	coins, err := node.Coins(ctx, own, price)
	if err != nil {
		return 0, err
	}
	address, err := node.NewAddress(ctx)
	if err != nil {
		return 0, err
	}
	script, err := scriptOf(address)
	if err != nil {
		return 0, err
	}
	raws := make([][]byte, own)
	for i, c := range coins {
		if raws[i], _, err = c.Spend(regtest.Output{Script: script, Sats: 50_000}); err != nil {
			return 0, err
		}
	}
	return r.until(ctx, own, func() error { _, err := node.MineRaw(ctx, raws...); return err })
}

// postWith is post with more members of the body.
func (d *daemon) postWith(client *http.Client, price, more string) (order, error) {
	body := `{"token":"` + d.token + `","price":` + price + `,"currency":"USD","orderId":"bench","itemDesc":"a thing of the bench","posData":"{\"cart\":12345}"` + more + `}`
	res, err := client.Post("http://"+d.api+"/invoices", "application/json", strings.NewReader(body))
	if err != nil {
		return order{}, err
	}
	return readOrder(res)
}
