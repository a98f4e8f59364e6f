package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"satchel/regtest"
)

// What a start beside a crowded mempool may cost. bitcoind's own default of 300 MB holds fewer transactions than that.
const (
	crowdSize    = 300_000
	crowdPayers  = 100
	crowdSeconds = 20  // until the last payment is found
	crowdMemory  = 250 // MB
	crowdMempool = "-maxmempool=1000"
)

// crowded measures the start of a daemon whose node's mempool is full, with payments in it that came while it was down.
func (b *bench) crowded(ctx context.Context) error { return b.crowdedWith(ctx, crowdSize) }

func (b *bench) crowdedWith(ctx context.Context, foreign int) error {
	s, err := b.newSiege(ctx, foreign+crowdPayers, crowdMempool)
	if err != nil {
		return err
	}
	defer s.end()
	waits, raws, err := s.payers()
	if err != nil {
		return err
	}
	s.d.stop()
	if err := s.fill(ctx, foreign, raws); err != nil {
		return err
	}
	b.say("%d transactions are in the mempool, %d of them payments", foreign+crowdPayers, crowdPayers)
	plain, err := timed(func() error { return readMempool(ctx, s.node) })
	if err != nil {
		return err
	}
	began := time.Now()
	first, err := s.d.start(ctx)
	if err != nil {
		return err
	}
	var last time.Duration
	for _, wait := range waits {
		took, err := s.told(ctx, wait, began)
		if err != nil {
			return err
		}
		last = max(last, took)
	}
	peak, err := s.d.memory("VmHWM")
	if err != nil {
		return err
	}
	b.under(fmt.Sprintf("start to the first answer, %d transactions in the mempool", foreign), ms(first), 1000, "ms")
	b.under(fmt.Sprintf("  to the last of %d payments among them, told", crowdPayers), last.Seconds(), crowdSeconds, "s")
	b.atMost(figure{
		Name: "  the same", Value: last.Seconds(), Unit: "s", Beside: "reading the mempool once (at least 1), s", Limit: max(plain.Seconds(), 1),
	}, 3)
	b.under("  resident memory, peak", peak/1e6, crowdMemory, "MB")
	return nil
}

// payers makes invoices, and the payments of each, which are not sent yet.
func (s *siege) payers() (waits []<-chan time.Time, raws [][]byte, err error) {
	for range crowdPayers {
		inv, wait, err := s.ask()
		if err != nil {
			return nil, nil, err
		}
		raw, err := payment(s.take(), inv)
		if err != nil {
			return nil, nil, err
		}
		waits, raws = append(waits, wait), append(raws, raw)
	}
	return waits, raws, nil
}

// fill puts the payments into the mempool, in the middle of a foreign crowd.
func (s *siege) fill(ctx context.Context, foreign int, payments [][]byte) error {
	raws := make([][]byte, foreign, foreign+len(payments))
	for i := range raws {
		var err error
		if raws[i], _, err = s.take().Spend(regtest.Output{Script: foreignScript(i), Sats: 50_000}); err != nil {
			return err
		}
	}
	return s.node.SendAll(ctx, slices.Insert(raws, foreign/2, payments...))
}

// readMempool reads every transaction of the mempool, as fast as the node gives them away.
func readMempool(ctx context.Context, node *regtest.Node) error {
	var list bytes.Buffer
	if _, err := ask(ctx, node, map[string]any{"method": "getrawmempool", "params": []any{}}, &list); err != nil {
		return err
	}
	var doc struct{ Result []string }
	if err := json.Unmarshal(list.Bytes(), &doc); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for some := range slices.Chunk(doc.Result, 500) {
		group.Go(func() error {
			calls := make([]map[string]any, len(some))
			for i, id := range some {
				calls[i] = map[string]any{"id": i, "method": "getrawtransaction", "params": []string{id}}
			}
			n, err := ask(ctx, node, calls, io.Discard)
			if err == nil && n < int64(len(some))*100 {
				err = fmt.Errorf("the node gave %d bytes for %d transactions", n, len(some))
			}
			return err
		})
	}
	return group.Wait()
}

// ask makes a call, or a batch of them, past the bounds and the decoding of the daemon's own client.
func ask(ctx context.Context, node *regtest.Node, call any, into io.Writer) (int64, error) {
	body, err := json.Marshal(call)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, node.URL(), bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	cookie, err := os.ReadFile(node.CookieFile())
	if err != nil {
		return 0, err
	}
	user, password, _ := strings.Cut(strings.TrimSpace(string(cookie)), ":")
	req.SetBasicAuth(user, password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the node answered %s", res.Status)
	}
	return io.Copy(into, res.Body)
}
