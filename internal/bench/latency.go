package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pebbe/zmq4"

	"satchel/merchant"
	"satchel/regtest"
	"satchel/store"
	"satchel/tracker"
)

// payments are broadcast one by one: most alone, the last of them while backups are made.
const payments, duringBackups = 600, 200

// latency measures from a broadcast to the first byte of the callback, beside the node's own announcement of the same
// transactions, a durable commit and a bare POST.
func (b *bench) latency(ctx context.Context) error {
	node, err := regtest.Start(ctx, regtest.Config{Dir: b.dir})
	if err != nil {
		return err
	}
	defer node.Stop()
	if err := node.Fund(ctx); err != nil {
		return err
	}
	r := newReceiver()
	defer r.Close()
	d, err := b.newDaemon(ctx, node, r.URL)
	if err != nil {
		return err
	}
	defer d.stop()
	raws, ids, err := b.sign(ctx, node, d)
	if err != nil {
		return err
	}
	heard, err := listen(ctx, node.ZMQ()["rawtx"], raws)
	if err != nil {
		return err
	}
	p := payer{node: node, receiver: r, heard: heard}
	alone := len(raws) - duringBackups
	callback, zmq, err := p.pay(ctx, raws[:alone], ids[:alone])
	if err != nil {
		return err
	}
	commit, err := b.commits(ctx)
	if err != nil {
		return err
	}
	post, err := r.posts()
	if err != nil {
		return err
	}
	for _, q := range []float64{0.5, 0.99} {
		name := fmt.Sprintf("broadcast to callback, p%d", int(q*100))
		bare := quantile(zmq, q)
		b.atMost(figure{
			Name: name, Value: quantile(callback, q), Unit: "ms", Beside: "bare ZMQ + commit + POST, ms",
			Limit: bare + quantile(commit, q) + quantile(post, q),
		}, 1.5)
		b.figures = append(b.figures, figure{
			Name: "  the same", Value: quantile(callback, q), Unit: "ms", Beside: "bare ZMQ, ms", Limit: bare,
			Ratio: quantile(callback, q) / bare, Target: "-", OK: true,
		})
	}
	return b.whileBackedUp(ctx, d, quantile(callback, 0.99), func() ([]time.Duration, error) {
		list, _, err := p.pay(ctx, raws[alone:], ids[alone:])
		return list, err
	})
}

// payer broadcasts payments and waits for their callbacks.
type payer struct {
	node     *regtest.Node
	receiver *receiver
	heard    <-chan time.Time // when the node announced each
}

// pay tells how long each payment took from its broadcast to the callback, and to the node's announcement.
func (p payer) pay(ctx context.Context, raws [][]byte, ids []string) (callback, zmq []time.Duration, err error) {
	for i, raw := range raws {
		wait := p.receiver.expect(ids[i])
		start := time.Now()
		if _, err := p.node.Send(ctx, raw); err != nil {
			return nil, nil, err
		}
		select {
		case at := <-wait:
			callback = append(callback, at.Sub(start))
		case <-time.After(10 * time.Second):
			return nil, nil, fmt.Errorf("no callback for payment %d", i)
		}
		zmq = append(zmq, (<-p.heard).Sub(start))
		time.Sleep(3 * time.Millisecond)
	}
	return callback, zmq, nil
}

// sign makes an invoice and a signed payment of it for each, and takes the wallet away from the node: a loaded wallet
// delays its announcements.
func (b *bench) sign(ctx context.Context, node *regtest.Node, d *daemon) (raws [][]byte, ids []string, err error) {
	const due, fee = 50_000, 2_000 // 25 USD at 50,000
	coins := map[string]int64{}
	for range payments {
		address, err := node.NewAddress(ctx)
		if err != nil {
			return nil, nil, err
		}
		coins[address] = due + fee
	}
	if _, err := node.PayMany(ctx, coins); err != nil {
		return nil, nil, err
	}
	if _, err := node.Mine(ctx, 1, ""); err != nil {
		return nil, nil, err
	}
	list, err := node.WalletCall(ctx, "listunspent", 1, 1)
	if err != nil {
		return nil, nil, err
	}
	var unspent []struct {
		ID     string      `json:"txid"`
		Vout   uint32      `json:"vout"`
		Amount json.Number `json:"amount"`
	}
	if err := json.Unmarshal(list, &unspent); err != nil {
		return nil, nil, err
	}
	for _, u := range unspent {
		if u.Amount != "0.00052000" {
			continue
		}
		inv, err := d.post(http.DefaultClient, "25")
		if err != nil {
			return nil, nil, err
		}
		raw, err := signed(ctx, node, []any{map[string]any{"txid": u.ID, "vout": u.Vout}}, map[string]string{inv.Address: "0.00050000"})
		if err != nil {
			return nil, nil, err
		}
		raws, ids = append(raws, raw), append(ids, inv.ID)
	}
	if len(raws) < payments {
		return nil, nil, fmt.Errorf("only %d coins to pay with", len(raws))
	}
	return raws, ids, node.UnloadWallet(ctx)
}

func signed(ctx context.Context, node *regtest.Node, inputs []any, outputs map[string]string) ([]byte, error) {
	text, err := node.WalletCall(ctx, "createrawtransaction", inputs, outputs)
	if err != nil {
		return nil, err
	}
	var unsigned string
	if err := json.Unmarshal(text, &unsigned); err != nil {
		return nil, err
	}
	if text, err = node.WalletCall(ctx, "signrawtransactionwithwallet", unsigned); err != nil {
		return nil, err
	}
	var doc struct{ Hex string }
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	return hex.DecodeString(doc.Hex)
}

// listen is a bare subscriber: it tells when each of the transactions was announced, in order.
func listen(ctx context.Context, address string, raws [][]byte) (<-chan time.Time, error) {
	zctx, err := zmq4.NewContext()
	if err != nil {
		return nil, err
	}
	sub, err := zctx.NewSocket(zmq4.SUB)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(sub.SetRcvhwm(0), sub.SetRcvtimeo(time.Second), sub.SetSubscribe("rawtx"), sub.Connect(address)); err != nil {
		return nil, err
	}
	heard := make(chan time.Time, len(raws))
	ready := make(chan struct{})
	go func() {
		defer sub.Close()
		time.AfterFunc(300*time.Millisecond, func() { close(ready) }) // a subscription has no acknowledgement
		for next := 0; next < len(raws) && ctx.Err() == nil; {
			frames, err := sub.RecvMessageBytes(0)
			at := time.Now()
			if err == nil && len(frames) == 3 && bytes.Equal(frames[1], raws[next]) {
				heard <- at
				next++
			}
		}
	}()
	<-ready
	return heard, nil
}

// commits measures a lone durable commit of the store.
func (b *bench) commits(ctx context.Context) ([]time.Duration, error) {
	db, stop, err := b.openStore(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer stop()
	var list []time.Duration
	for i := range 500 {
		start := time.Now()
		err := db.UpdateChain(ctx, func(tx tracker.Tx) error { return tx.SetObserved(start.Add(time.Duration(i) * time.Hour)) })
		if err != nil {
			return nil, err
		}
		list = append(list, time.Since(start))
	}
	return list, nil
}

// shop is the merchant of stores that the bench opens itself.
const shop merchant.ID = "bench-merchant-0000001"

// openStore makes a store and runs it until stop.
func (b *bench) openStore(ctx context.Context, edit func(*store.Config)) (*store.DB, func(), error) {
	dir, err := os.MkdirTemp(b.dir, "store-")
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(dir, "satchel.db")
	if err := store.Create(path, "regtest", merchant.Merchant{ID: shop, Name: "bench", Secrets: merchant.Secrets{Webhook: "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}}); err != nil {
		return nil, nil, err
	}
	cfg := store.Config{Path: path}
	if edit != nil {
		edit(&cfg)
	}
	db, err := store.Open(cfg)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = db.Run(ctx)
	}()
	return db, func() {
		cancel()
		<-done
		_ = db.Close()
	}, nil
}

// receiver is a shop's endpoint that tells when the paid callback of an invoice began to arrive.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	want map[string]chan time.Time
}

func newReceiver() *receiver {
	r := &receiver{want: map[string]chan time.Time{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	return r
}

func (r *receiver) serve(_ http.ResponseWriter, req *http.Request) {
	at := time.Now()
	body, _ := io.ReadAll(req.Body)
	var doc struct{ ID, Status string }
	_ = json.Unmarshal(body, &doc)
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.want[doc.ID]; c != nil && doc.Status == "paid" {
		c <- at
		delete(r.want, doc.ID)
	}
}

func (r *receiver) expect(id string) <-chan time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := make(chan time.Time, 1)
	r.want[id] = c
	return c
}

// posts measures bare POSTs of a callback's size, from the send to the first byte at the receiver's handler and back.
func (r *receiver) posts() ([]time.Duration, error) {
	body := bytes.Repeat([]byte("x"), 900)
	var list []time.Duration
	for range 500 {
		start := time.Now()
		res, err := http.Post(r.URL, "application/json", bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		list = append(list, time.Since(start))
	}
	return list, nil
}
