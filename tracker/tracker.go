package tracker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"satchel/chain"
	"satchel/invoice"
	"satchel/money"
)

// Source is the node, as the tracker needs it. Whatever it cannot answer surely is an error.
type Source interface {
	Info(ctx context.Context) (chain.Info, error)
	HashAt(ctx context.Context, height int32) (chain.BlockHash, bool, error)
	Header(ctx context.Context, hash chain.BlockHash) (chain.Header, error)
	Steps(ctx context.Context, ours chain.OurChain, limit int) ([]chain.Step, error)
	Mempool(ctx context.Context) (chain.Mempool, error)
	Loaded(ctx context.Context) (chain.BlockHash, error)
	Entry(ctx context.Context, id chain.TxID) (chain.Entry, bool, error)
	Txs(ctx context.Context, ids []chain.TxID) (ours []chain.Tx, left []chain.TxID, err error)
	Spender(ctx context.Context, spends []chain.Outpoint) (chain.TxID, bool, error)
	FeeFloor(ctx context.Context) (money.SatPerVB, error)
}

// Hints wake the tracker and tell it where to look first. Without them it is slower, and as right.
type Hints interface {
	Wake() <-chan struct{}
	Take() chain.Hint
	Live() bool // the links are up
}

// Rates values payments; an unknown rate is zero.
type Rates interface {
	Rate(code string) (money.Rate, money.Evidence, error)
}

// Config is what a Tracker works with.
type Config struct {
	Store    Store
	Source   Source
	Hints    Hints
	Rates    Rates
	Priced   <-chan struct{}     // closed when Rates is as good as it gets at a start, which a decision waits for; nil: it is
	Spends   *chain.Outpoints    // filled with what unsettled payments spend, so that conflicts in blocks are met
	Birthday int32               // height to start from on an empty store; 0: the node's tip
	Exposure money.Sats          // the most that may be open on invoices confirmed without a block
	Detected func(time.Duration) // told how long a payment took from its hint to its commit; nil: nobody
	Poll     time.Duration       // how often the node is asked when nothing wakes us; default 1 s
	Now      func() time.Time
	Log      *slog.Logger
}

// Tracker follows the chain for the invoices. It is made by New and works in Run.
type Tracker struct {
	cfg    Config
	looks  chan chan<- error
	tip    chain.Header
	seen   map[chain.TxID]struct{}         // the mempool as of the last pass: what need not be fetched again
	spends map[chain.Outpoint][]chain.TxID // by which of our unsettled transactions an output is spent
	watch  map[chain.TxID][]chain.Outpoint // the same, the other way round
	hole   time.Time                       // since when we have not watched; zero: we do
	first  bool                            // the node answered once
	pass   pass
	feed   feed
	woken  time.Time // when the round began
	mu     sync.Mutex
	health Health
	told   bool // the log has the health's reason
}

// pass is when the mempool was compared, and what it cost.
type pass struct {
	wanted bool      // something asks for one now
	began  time.Time // of the last complete one
	cost   time.Duration
}

// feed is how far our observation goes.
type feed struct {
	observed time.Time // as the store was last told
	looked   time.Time // the last whole round
}

// New makes a Tracker; it starts nothing.
func New(cfg Config) *Tracker {
	if cfg.Poll == 0 {
		cfg.Poll = time.Second
	}
	if cfg.Detected == nil {
		cfg.Detected = func(time.Duration) {}
	}
	if cfg.Spends == nil {
		cfg.Spends = chain.NewOutpoints()
	}
	return &Tracker{
		cfg: cfg, looks: make(chan chan<- error), seen: map[chain.TxID]struct{}{},
		spends: map[chain.Outpoint][]chain.TxID{}, watch: map[chain.TxID][]chain.Outpoint{},
		health: Health{Reason: NodeUnreachable, Since: cfg.Now()},
	}
}

// Look makes a whole round happen now, the mempool with it, and returns what it came to. A clock that is moved by hand is
// moved between two: what happened before is dated before, and what the new time brings has happened when it returns.
func (t *Tracker) Look(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case t.looks <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run follows the chain until ctx ends. It returns an error where going on makes no sense: the node is of another
// network at first contact, or the store failed.
func (t *Tracker) Run(ctx context.Context) error {
	if err := t.load(ctx); err != nil {
		return fmt.Errorf("load the tracker's position: %w", err)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var asked chan<- error
		select {
		case <-ctx.Done():
			return nil
		case <-t.cfg.Hints.Wake():
		case asked = <-t.looks:
			t.pass.wanted, t.pass.began = true, time.Time{}
		case <-timer.C:
		}
		err := t.round(ctx)
		if asked != nil {
			asked <- err
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && t.fatal(err) {
			return err
		}
		timer.Reset(t.next(ctx, err))
	}
}

// errUnpriced tells that a decision needs a rate, and that rates may still come.
var errUnpriced = errors.New("the rates after the start are not there yet")

// unpriced tells that a rate which is not known may still come. Afterwards, one that is not known has not moved.
func (t *Tracker) unpriced() bool {
	if t.cfg.Priced == nil {
		return false
	}
	select {
	case <-t.cfg.Priced:
		return false
	default:
		return true
	}
}

// priced looks, and where a decision needs a rate, waits until rates are known and looks again. What may have been sent
// in time while nobody watched, and what late_accept may take, must still be worth what was asked.
func (t *Tracker) priced(ctx context.Context, hint chain.Hint) error {
	err := t.look(ctx, hint)
	if !errors.Is(err, errUnpriced) {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.cfg.Priced:
	}
	return t.look(ctx, hint)
}

// storeError marks a failure of the store, after which nothing is certain until the file was read again.
type storeError struct{ cause error }

func (e storeError) Error() string { return "store: " + e.cause.Error() }
func (e storeError) Unwrap() error { return e.cause }

func (t *Tracker) fatal(err error) bool {
	var broken storeError
	return errors.As(err, &broken) || errors.Is(err, chain.ErrWrongNetwork) && !t.first
}

// load reads where we stopped.
func (t *Tracker) load(ctx context.Context) error {
	return t.cfg.Store.ViewChain(ctx, func(tx Reader) error {
		t.tip = tx.Tip()
		t.hole = tx.Observed()
		if t.hole.IsZero() {
			t.hole = t.cfg.Now()
		}
		t.pass.wanted = true
		unsettled, err := unsettled(tx)
		for id, spends := range unsettled {
			t.watchSpends(id, spends)
		}
		return err
	})
}

// unsettled gives what each payment spends that may still be replaced: those in no block, and those of invoices that a
// new block may change.
func unsettled(tx Reader) (map[invoice.TxID][]invoice.Outpoint, error) {
	receipts, err := tx.Pending()
	if err != nil {
		return nil, err
	}
	following, err := tx.Following()
	if err != nil {
		return nil, err
	}
	for _, ref := range following {
		own, err := tx.Receipts(ref)
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, own...)
	}
	list := make(map[invoice.TxID][]invoice.Outpoint, len(receipts))
	for _, r := range receipts {
		if list[r.Outpoint.TxID], err = tx.Spends(r.Outpoint.TxID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// watchSpends makes the outputs that an unsettled payment spends known to the block scan.
func (t *Tracker) watchSpends(id invoice.TxID, spends []invoice.Outpoint) {
	txid := chain.TxID(id)
	if _, ok := t.watch[txid]; ok {
		return
	}
	for _, s := range spends {
		o := chain.Outpoint{TxID: chain.TxID(s.TxID), Vout: s.Vout}
		t.watch[txid] = append(t.watch[txid], o)
		t.spends[o] = append(t.spends[o], txid)
		t.cfg.Spends.Add(o)
	}
}

// unwatch forgets what settled payments spend, once they are the larger part of what is watched.
func (t *Tracker) unwatch(keep map[invoice.TxID][]invoice.Outpoint) {
	const slack = 1000
	if len(t.watch) <= 2*len(keep)+slack {
		return
	}
	for id, outs := range t.watch {
		if _, ok := keep[invoice.TxID(id)]; ok {
			continue
		}
		for _, o := range outs {
			t.cfg.Spends.Remove(o)
			if t.spends[o] = slices.DeleteFunc(t.spends[o], func(x chain.TxID) bool { return x == id }); len(t.spends[o]) == 0 {
				delete(t.spends, o)
			}
		}
		delete(t.watch, id)
	}
}

// next is how long to wait when nothing wakes us.
func (t *Tracker) next(ctx context.Context, failed error) time.Duration {
	wait := t.cfg.Poll
	if failed != nil {
		return wait
	}
	_ = t.cfg.Store.ViewChain(ctx, func(tx Reader) error {
		if at, ok := tx.NextTick(); ok {
			if until := at.Sub(t.cfg.Now()); until > 0 && until < wait {
				wait = until
			}
		}
		return nil
	})
	return max(wait, time.Millisecond)
}

// round does everything that is due, once.
func (t *Tracker) round(ctx context.Context) error {
	t.woken = time.Now() //nolint:forbidigo // a latency is measured in real time
	hint := t.cfg.Hints.Take()
	if hint.Resync {
		t.interrupted()
	}
	t.pass.wanted = t.pass.wanted || hint.Joined || slices.ContainsFunc(hint.Removed, t.follows)
	err := t.priced(ctx, hint)
	t.report(err)
	return err
}

// follows tells that a transaction is an unsettled payment of ours. Others leave the mempool all the time, and each
// comparison costs the node.
func (t *Tracker) follows(id chain.TxID) bool {
	_, ok := t.watch[id]
	return ok
}

// interrupted opens a hole in our observation: from the last complete look on we may have missed something. Where the
// clock was set back, what the store was told is yet to come.
func (t *Tracker) interrupted() {
	t.pass.wanted = true
	if !t.hole.IsZero() {
		return
	}
	if t.hole = t.feed.observed; !t.feed.looked.IsZero() {
		t.hole = earlier(t.hole, t.feed.looked)
	}
}

func (t *Tracker) look(ctx context.Context, hint chain.Hint) error {
	// A payment alone needs no look at the chain: it is the one thing that somebody waits for.
	if len(hint.Txs) > 0 && !hint.Blocks && t.hole.IsZero() {
		err := t.sight(ctx, hint.Txs)
		switch {
		case err == nil:
			hint.Txs = nil
			// The rest of a round waits for the next poll: the callback that somebody waits for needs the processor now.
			if since := t.cfg.Now().Sub(t.feed.looked); since >= 0 && since < t.cfg.Poll && !t.pass.wanted {
				return nil
			}
		case !errors.Is(err, chain.ErrMoved): // else the chain comes first
			t.interrupted()
			return err
		}
	}
	began := t.cfg.Now()
	if err := t.catchUp(ctx, hint.Txs); err != nil {
		t.interrupted()
		return err
	}
	if err := t.settle(ctx); err != nil {
		return err
	}
	t.feed.looked = began
	return t.observe(ctx, began)
}

// catchUp brings us to the node's chain and mempool. A block that comes in between is followed at once: that is no reason
// to refuse a shop.
func (t *Tracker) catchUp(ctx context.Context, hinted []chain.Tx) error {
	for moved := 0; ; moved++ {
		if err := t.follow(ctx); err != nil {
			return err
		}
		err := t.sight(ctx, hinted)
		if err == nil {
			hinted = nil
			err = t.compare(ctx)
		}
		if !errors.Is(err, chain.ErrMoved) || moved == movedTries {
			return err
		}
	}
}

// observe tells the store now and then that we watch, so that a crash leaves a small hole; at once where the clock was
// set back.
func (t *Tracker) observe(ctx context.Context, at time.Time) error {
	const every = 30 * time.Second
	if since := at.Sub(t.feed.observed); !t.hole.IsZero() || since >= 0 && since < every {
		return nil
	}
	if err := t.commit(ctx, func(tx Tx) error { return tx.SetObserved(at) }); err != nil {
		return err
	}
	t.feed.observed = at
	return nil
}

func (t *Tracker) commit(ctx context.Context, fn func(Tx) error) error {
	if err := t.cfg.Store.UpdateChain(ctx, fn); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errUnpriced) {
			return err
		}
		return storeError{err}
	}
	return nil
}
