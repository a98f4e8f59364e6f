package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"satchel/admin"
	"satchel/invoice"
	"satchel/regtest"
)

type options struct {
	kills    int
	invoices int
	seed     uint64
	binary   string
	dir      string // "": a temporary one
	say      func(format string, args ...any)
}

// world is what a run consists of.
type world struct {
	seed   uint64
	pace   time.Duration // the mean time between two orders
	node   *regtest.Node
	d      *daemon
	r      *receiver
	say    func(format string, args ...any)
	orders chan order
	mu     sync.Mutex
	issued map[string]string // address → invoice
	stats  stats
	base   residue // of the daemon, before anything happened
}

// stats count what was done, so that a run in which nothing happened is no success.
type stats struct {
	payments, replaced, stolen, blocks, reorgs, kills, cut, replayed, manual, moved atomic.Int64
}

// result is what a run came to.
type result struct {
	verdict
	seed                              uint64
	kills, invoices, events, arrivals int
	failures                          int
	manual                            int
	stats                             *stats
	took                              time.Duration
}

func (r *result) sound() bool {
	return r.lost+r.double+r.undelivered+r.gaps+r.disorder+r.manual == 0 && len(r.problems) == 0
}

func (r *result) summary() string {
	s := r.stats
	return strings.Join(append(r.problems, ""), "\n") + fmt.Sprintf("chaos seed=%d kills=%d invoices=%d payments=%d replaced=%d stolen=%d blocks=%d reorgs=%d cut=%d replayed=%d "+
		"events=%d arrivals=%d faults=%d took=%s gaps=%d disorder=%d lost=%d double=%d undelivered=%d manual=%d",
		r.seed, r.kills, r.invoices, s.payments.Load(), s.replaced.Load(), s.stolen.Load(), s.blocks.Load(), s.reorgs.Load(), s.cut.Load(),
		s.replayed.Load(), r.events, r.arrivals, r.failures, r.took.Round(time.Second), r.gaps, r.disorder, r.lost, r.double, r.undelivered, r.manual)
}

// run makes a world, lets it go on without kills and then with them, lets everything come to its end, and judges.
func run(ctx context.Context, o options) (r result, err error) {
	began := time.Now()
	dir, err := os.MkdirTemp(o.dir, "chaos-")
	if err != nil {
		return r, err
	}
	w, end, err := newWorld(ctx, o, dir)
	if err != nil {
		return r, errors.Join(err, os.RemoveAll(dir))
	}
	defer func() {
		end()
		if err == nil && r.sound() {
			err = os.RemoveAll(dir)
		} else {
			o.say("everything is kept in %s", dir)
		}
	}()
	quiet := max(o.invoices/5, 1)
	o.say("seed %d: %d invoices without kills", o.seed, quiet)
	if err := w.act(ctx, 0, quiet, 0); err != nil {
		return r, err
	}
	if err := w.stage(ctx); err != nil {
		return r, err
	}
	o.say("%d invoices with %d kills", o.invoices-quiet, o.kills)
	if err := w.act(ctx, quiet, o.invoices, o.kills); err != nil {
		return r, err
	}
	o.say("the faults stop; waiting for everything to come to its end")
	if err := w.settle(ctx); err != nil {
		return r, err
	}
	r, err = w.judge(ctx, o)
	r.took = time.Since(began)
	return r, err
}

// The customers' wallet has many coins, so that payments do not hang on each other's change: a deep reorg drops what
// hangs on more than 25 others.
const (
	coins     = 3000
	coinsInTx = 1000
	coinValue = 1_000_000 // sat
	burial    = 20        // blocks on top of them: no reorg may make the coins of the first blocks immature again
)

func newWorld(ctx context.Context, o options, dir string) (w *world, end func(), err error) {
	node, err := regtest.Start(ctx, regtest.Config{Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	r, stop := newReceiver(o.seed)
	w = &world{seed: o.seed, node: node, r: r, say: o.say, issued: map[string]string{}, pace: 40 * time.Millisecond}
	end = func() {
		if w.d != nil {
			w.d.kill()
		}
		stop()
		_ = node.Stop()
	}
	if err := w.fund(ctx); err != nil {
		end()
		return nil, nil, err
	}
	if w.d, err = newDaemon(ctx, o.binary, dir, node, r); err == nil {
		w.base, err = w.d.measure()
	}
	if err != nil {
		end()
		return nil, nil, err
	}
	return w, end, nil
}

func (w *world) fund(ctx context.Context) error {
	if err := w.node.Fund(ctx); err != nil {
		return err
	}
	for range coins / coinsInTx {
		outputs := map[string]int64{}
		for range coinsInTx {
			address, err := w.node.NewAddress(ctx)
			if err != nil {
				return err
			}
			outputs[address] = coinValue
		}
		if _, err := w.node.PayMany(ctx, outputs); err != nil {
			return err
		}
	}
	_, err := w.node.Mine(ctx, burial, "")
	return err
}

// act makes and pays the invoices of a range, with everything else going on, until they are made and the kills done.
func (w *world) act(ctx context.Context, from, to, kills int) error {
	chance := func(actor uint64) *rand.Rand {
		return rand.New(rand.NewPCG(w.seed, actor+100*uint64(from)))
	}
	w.orders = make(chan order, to-from)
	if kills > 0 {
		w.pace = max(time.Duration(kills)*700*time.Millisecond/time.Duration(to-from), time.Millisecond)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	world, inner := errgroup.WithContext(ctx)
	until, stop := context.WithCancel(inner)
	world.Go(func() error { return w.miners(until, chance(1)) })
	world.Go(func() error { return w.time(until, chance(2)) })
	world.Go(func() error { return w.progress(until) })
	world.Go(func() error {
		defer stop()
		work, inner := errgroup.WithContext(inner)
		work.Go(func() error {
			defer close(w.orders)
			return w.create(inner, from, to, chance(3))
		})
		for i := range uint64(3) {
			work.Go(func() error { return w.customers(inner, chance(10+i)) })
		}
		work.Go(func() error { return w.killer(inner, kills, chance(4)) })
		return work.Wait()
	})
	return world.Wait()
}

func (w *world) progress(ctx context.Context) error {
	for pause(ctx, 5*time.Second) == nil {
		w.mu.Lock()
		made := len(w.issued)
		w.mu.Unlock()
		w.say("%d invoices, %d payments, %d kills, %d reorgs, %d callbacks", made, w.stats.payments.Load(), w.stats.kills.Load(), w.stats.reorgs.Load(), w.r.count())
	}
	return nil
}

// settleRounds bounds how long the end is waited for.
const settleRounds = 600

// settle mines what is waiting, lets the open quotes run out, and waits until every callback was taken.
func (w *world) settle(ctx context.Context) error {
	w.r.heal()
	if err := w.d.ready(ctx); err != nil {
		return err
	}
	if _, err := w.node.Mine(ctx, 8, ""); err != nil {
		return err
	}
	w.advance(ctx, 20*time.Minute)
	quiet, before := 0, admin.Status{}
	for range settleRounds {
		var s admin.Status
		if err := w.d.socket.Call(ctx, "status", admin.Nothing{}, &s); err != nil {
			return err
		}
		if s.Undelivered > 0 {
			w.advance(ctx, 2*time.Minute) // to the next try
		}
		if s.Undelivered == 0 && s.Tip.Lag == 0 && s.Events == before.Events && s.Ready {
			quiet++
		} else {
			quiet = 0
		}
		if quiet == 10 {
			return nil
		}
		before = s
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	w.say("not everything came to its end: %d callbacks wait", before.Undelivered)
	return nil
}

// judge gathers the evidence.
func (w *world) judge(ctx context.Context, o options) (r result, err error) {
	e := evidence{issued: w.issued}
	if e.chain, err = w.blocks(ctx); err != nil {
		return r, err
	}
	if e.credits, err = w.credits(ctx); err != nil {
		return r, err
	}
	if e.events, err = w.events(ctx); err != nil {
		return r, err
	}
	w.r.mu.Lock()
	e.arrivals = w.r.arrivals
	r = result{verdict: judge(e), seed: o.seed, kills: o.kills, invoices: len(w.issued), events: len(e.events), arrivals: len(e.arrivals), failures: w.r.failures, manual: int(w.stats.manual.Load()), stats: &w.stats}
	if w.r.forged > 0 || w.r.err != nil {
		r.problems = append(r.problems, fmt.Sprintf("%d callbacks were not signed as they must be; %v", w.r.forged, w.r.err))
	}
	w.r.mu.Unlock()
	w.fired(&r)
	is, err := w.d.measure()
	if err != nil {
		return r, err
	}
	w.say("open files: %d at first, %d in the end; memory: %d and %d MB", w.base.files, is.files, w.base.memory>>20, is.memory>>20)
	r.problems = append(r.problems, is.left(w.base)...)
	var b admin.Balance
	if err := w.d.run(ctx, &b, "reconcile"); err != nil {
		r.problems = append(r.problems, "satchel reconcile: "+err.Error())
	}
	w.d.kill()
	if err := w.d.run(ctx, nil, "check"); err != nil {
		r.problems = append(r.problems, "satchel check: "+err.Error())
	}
	told, err := w.kept()
	r.problems = append(r.problems, told...)
	return r, err
}

// fired tells of faults that were asked for and never came: such a run proves nothing.
func (w *world) fired(r *result) {
	s := &w.stats
	for what, n := range map[string]int64{
		"payment": s.payments.Load(), "replacement": s.replaced.Load(), "theft": s.stolen.Load(), "reorg": s.reorgs.Load(), "fault of the receiver": int64(r.failures),
	} {
		if n == 0 {
			r.problems = append(r.problems, "not one "+what+" came about")
		}
	}
	if int(s.kills.Load()) != r.kills {
		r.problems = append(r.problems, fmt.Sprintf("%d kills of %d came about", s.kills.Load(), r.kills))
	}
	if r.kills >= 50 && s.cut.Load() == 0 {
		r.problems = append(r.problems, "no kill hit a request")
	}
}

// blocks reads every output of the node's best chain.
func (w *world) blocks(ctx context.Context) (map[string]output, error) {
	info, err := w.node.Chain().Info(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]output{}
	for height := int32(1); height <= info.Best.Height; height++ {
		hash, _, err := w.node.Chain().HashAt(ctx, height)
		if err != nil {
			return nil, err
		}
		raw, err := w.node.Call(ctx, "getblock", hash.String(), 2)
		if err != nil {
			return nil, err
		}
		if err := outputs(raw, all); err != nil {
			return nil, fmt.Errorf("block %d: %w", height, err)
		}
	}
	return all, nil
}

func outputs(raw json.RawMessage, all map[string]output) error {
	var block struct {
		Tx []struct {
			ID   string `json:"txid"`
			Vout []struct {
				N      int         `json:"n"`
				Value  json.Number `json:"value"`
				Script struct {
					Address string `json:"address"`
				} `json:"scriptPubKey"`
			} `json:"vout"`
		} `json:"tx"`
	}
	if err := json.Unmarshal(raw, &block); err != nil {
		return err
	}
	for _, tx := range block.Tx {
		for _, out := range tx.Vout {
			sats, err := satoshis(out.Value)
			if err != nil {
				return err
			}
			all[fmt.Sprintf("%s:%d", tx.ID, out.N)] = output{out.Script.Address, sats}
		}
	}
	return nil
}

// credits asks for every invoice's payments that are not gone.
func (w *world) credits(ctx context.Context) (list []credit, err error) {
	for address, id := range w.issued {
		var doc admin.Invoice
		if err := w.d.socket.Call(ctx, "invoice-show", admin.ByID{ID: id}, &doc); err != nil {
			return nil, err
		}
		for _, p := range doc.Payments {
			if p.Where != invoice.Gone.String() {
				list = append(list, credit{p.Outpoint, address, p.Sats})
			}
		}
	}
	return list, nil
}

// events reads the log; that an invoice was made is told to nobody.
func (w *world) events(ctx context.Context) (list []told, err error) {
	err = w.d.socket.Stream(ctx, "events", admin.EventsRequest{}, func(document json.RawMessage) error {
		var e admin.Event
		if err := json.Unmarshal(document, &e); err != nil {
			return err
		}
		list = append(list, told{e.ID, e.Invoice, e.Revision, e.Seq, e.Code == int(invoice.Created)})
		return nil
	})
	return list, err
}
