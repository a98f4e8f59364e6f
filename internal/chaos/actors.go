package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"satchel/admin"
	"satchel/chain"
)

// order is an invoice as the shop knows it.
type order struct {
	ID      string
	Address string
	Due     int64 // sat
}

// create makes invoices, as a shop does that repeats a request until it is answered. One guid must give one invoice.
func (w *world) create(ctx context.Context, from, to int, chance *rand.Rand) error {
	for i := from; i < to; i++ {
		guid := fmt.Sprintf("chaos-%d-%d", w.seed, i)
		price := 5 + chance.IntN(40)
		speed := []string{"high", "medium", "low"}[chance.IntN(3)]
		made, err := w.order(ctx, guid, price, speed)
		if err != nil {
			return err
		}
		if other, ok := w.issued[made.Address]; ok {
			return fmt.Errorf("address %s was given to %s and to %s", made.Address, other, made.ID)
		}
		if chance.IntN(10) == 0 { // the answer was lost, and the shop asks again
			again, err := w.order(ctx, guid, price, speed)
			if err != nil {
				return err
			}
			if again != made {
				return fmt.Errorf("guid %s gave %s and %s", guid, made.ID, again.ID)
			}
			w.stats.replayed.Add(1)
		}
		w.mu.Lock()
		w.issued[made.Address] = made.ID
		w.mu.Unlock()
		w.orders <- made
		if err := pause(ctx, time.Duration(chance.Int64N(int64(2*w.pace)+1))); err != nil {
			return err
		}
	}
	return nil
}

// order asks until there is an answer.
func (w *world) order(ctx context.Context, guid string, price int, speed string) (order, error) {
	body, err := json.Marshal(map[string]any{
		"token": w.d.token, "guid": guid, "price": price, "currency": "USD", "transactionSpeed": speed, "extendedNotifications": true,
	})
	if err != nil {
		return order{}, err
	}
	for {
		made, status, err := w.post(ctx, body)
		switch {
		case err == nil && status == http.StatusOK:
			return made, nil
		case err == nil && status != http.StatusServiceUnavailable:
			return order{}, fmt.Errorf("POST /invoices: status %d", status)
		case err != nil:
			w.stats.cut.Add(1)
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return order{}, err
		}
	}
}

func (w *world) post(ctx context.Context, body []byte) (made order, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.d.api+"/invoices", bytes.NewReader(body))
	if err != nil {
		return made, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return made, 0, err
	}
	defer res.Body.Close()
	var doc struct {
		Data struct {
			ID      string           `json:"id"`
			Address string           `json:"bitcoinAddress"`
			Totals  map[string]int64 `json:"paymentTotals"`
		} `json:"data"`
	}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		return made, 0, err
	}
	return order{doc.Data.ID, doc.Data.Address, doc.Data.Totals["BTC"]}, res.StatusCode, nil
}

// customers pay, each in his own way.
func (w *world) customers(ctx context.Context, chance *rand.Rand) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case o, ok := <-w.orders:
			if !ok {
				return nil
			}
			if err := w.customer(ctx, o, chance); err != nil && ctx.Err() == nil {
				return fmt.Errorf("pay %s: %w", o.ID, err)
			}
		}
	}
}

func (w *world) customer(ctx context.Context, o order, chance *rand.Rand) error {
	dice := chance.IntN(100)
	switch {
	case dice < 45:
		return w.pay(ctx, o, o.Due)
	case dice < 55:
		return errors.Join(w.pay(ctx, o, o.Due/2), w.pay(ctx, o, o.Due-o.Due/2))
	case dice < 62:
		return w.pay(ctx, o, o.Due+1+int64(chance.IntN(5000)))
	case dice < 70:
		return w.pay(ctx, o, o.Due*int64(10+chance.IntN(80))/100)
	case dice < 78:
		return errors.Join(w.pay(ctx, o, o.Due), w.pay(ctx, o, o.Due))
	case dice < 83:
		return w.regret(ctx, o, w.bump)
	case dice < 88:
		return w.regret(ctx, o, w.steal)
	}
	return nil
}

// payTries bounds how often the wallet is asked: its coins may all wait for a block.
const payTries = 200

func (w *world) pay(ctx context.Context, o order, sats int64) error {
	_, err := w.send(ctx, o, sats)
	return err
}

func (w *world) send(ctx context.Context, o order, sats int64) (id chain.TxID, err error) {
	for range payTries {
		if id, err = w.node.Pay(ctx, o.Address, sats); err == nil {
			w.stats.payments.Add(1)
			return id, nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return id, err
		}
	}
	return id, w.broke(ctx, err)
}

// broke adds to a wallet's refusal what it and the node's mempool hold.
func (w *world) broke(ctx context.Context, err error) error {
	balances, _ := w.node.WalletCall(ctx, "getbalances")
	mempool, _ := w.node.Call(ctx, "getmempoolinfo")
	return fmt.Errorf("%w; %s %s", err, balances, mempool)
}

// regret pays, and then pays a higher fee, or takes the money back. Either may come too late.
func (w *world) regret(ctx context.Context, o order, act func(context.Context, chain.TxID) error) error {
	id, err := w.send(ctx, o, o.Due)
	if err == nil {
		_ = act(ctx, id) // it may be in a block by now
	}
	return err
}

// bump pays a higher fee.
func (w *world) bump(ctx context.Context, id chain.TxID) error {
	_, err := w.node.BumpFee(ctx, id)
	if err == nil {
		w.stats.replaced.Add(1)
	}
	return err
}

// steal takes the money back.
func (w *world) steal(ctx context.Context, id chain.TxID) error {
	back, err := w.node.NewAddress(ctx)
	if err != nil {
		return err
	}
	raw, err := w.node.DoubleSpend(ctx, id, back)
	if err != nil {
		return err
	}
	if _, err = w.node.Send(ctx, raw); err == nil {
		w.stats.stolen.Add(1)
	}
	return err
}

// miners make blocks, and now and then take some back. What is begun is finished: half a reorg would leave a node with
// less work than the daemon has seen, for good.
func (w *world) miners(ctx context.Context, chance *rand.Rand) error {
	for pause(ctx, time.Duration(80+chance.IntN(400))*time.Millisecond) == nil {
		var err error
		begun := context.WithoutCancel(ctx)
		switch dice := chance.IntN(100); {
		case dice < 80:
			_, err = w.node.Mine(begun, 1, "")
		case dice < 86:
			_, err = w.node.MineOnly(begun)
		case dice < 98:
			err = w.reorg(begun, 1+chance.IntN(3))
		default:
			err = w.reorg(begun, 6+chance.IntN(3))
		}
		w.stats.blocks.Add(1)
		if err != nil {
			return fmt.Errorf("mine: %w", err)
		}
	}
	return nil
}

func (w *world) reorg(ctx context.Context, depth int) error {
	w.stats.reorgs.Add(1)
	return w.node.Reorg(ctx, depth)
}

// time passes faster than it does, so that quotes expire.
func (w *world) time(ctx context.Context, chance *rand.Rand) error {
	for pause(ctx, time.Duration(1+chance.IntN(3))*time.Second) == nil {
		w.advance(ctx, time.Duration(20+chance.IntN(100))*time.Second)
	}
	return nil
}

// advance moves the clock, if the daemon is up.
func (w *world) advance(ctx context.Context, d time.Duration) {
	if err := w.d.socket.Call(ctx, "clock", admin.ClockRequest{Advance: d.String()}, nil); err == nil {
		w.stats.moved.Add(int64(d))
	}
}

// killer pulls the plug at any moment: right after the start, too. What is then on the disk must be sound as it is.
func (w *world) killer(ctx context.Context, kills int, chance *rand.Rand) error {
	for i := 0; i < kills && pause(ctx, time.Duration(chance.IntN(700))*time.Millisecond) == nil; i++ {
		w.d.kill()
		w.stats.kills.Add(1)
		if err := w.d.run(ctx, nil, "check"); err != nil && ctx.Err() == nil {
			return fmt.Errorf("after kill %d: %w", i+1, err)
		}
		if chance.IntN(3) == 0 {
			_ = pause(ctx, time.Duration(chance.IntN(400))*time.Millisecond)
		}
		if err := w.d.start(ctx); err != nil {
			if ctx.Err() == nil {
				w.stats.manual.Add(1)
			}
			return fmt.Errorf("after kill %d: %w", i+1, err)
		}
	}
	return nil
}

// pause waits; the error is the context's.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// invoiceOf reads the invoice's id from an extended callback.
func invoiceOf(body []byte) string {
	var doc struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	_ = json.Unmarshal(body, &doc) // no id: the judge misses it
	return doc.Data.ID
}

// satoshis reads bitcoind's decimals.
func satoshis(n json.Number) (int64, error) {
	whole, part, _ := bytes.Cut([]byte(n), []byte("."))
	part = append(part, "00000000"[:max(0, 8-len(part))]...)
	return strconv.ParseInt(string(whole)+string(part), 10, 64)
}
