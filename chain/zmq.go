package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	zmq "github.com/pebbe/zmq4"
)

// WatcherConfig is what a Watcher needs. Filter, Tracked and Log may be nil.
type WatcherConfig struct {
	// Endpoints gives the node's address for each topic: "rawtx", "sequence" and "hashblock", as bitcoin.conf names them
	// without "zmqpub". Others are ignored. It is asked at the start, and again while a link is dead or when one came back,
	// since the node may have been restarted with others.
	Endpoints func(ctx context.Context) (map[string]string, error)
	Filter    *Filter         // which raw transactions become hints
	Tracked   func(TxID) bool // whose removal from the mempool becomes a hint; nil: everybody's
	Now       func() time.Time
	Log       *slog.Logger
}

// TopicHealth is how one topic's messages come in.
type TopicHealth struct {
	Topic     string
	Address   string // empty while unknown
	Connected bool
	Messages  uint64    // well-formed ones
	Gaps      uint64    // steps of the node's counter by anything but one
	Junk      uint64    // messages that made no sense; they are ignored
	Last      time.Time // when the last well-formed one came in; zero: never
}

// Watcher listens to the node's ZMQ messages (bitcoin's doc/zmq.md) and turns them into hints. The messages may be lost,
// repeated, reordered or forged, and the Watcher says when some were lost: nothing may depend on more than that.
type Watcher struct {
	cfg    WatcherConfig
	hints  *hints
	topics [topicCount]*topic
	shakes atomic.Uint64 // links that came up, ever
	pace   watcherPace
}

// watcherPace is how long the Watcher waits; tests make it short.
type watcherPace struct {
	retry time.Duration // before asking again for endpoints that were not to be had, and before opening a socket again
	check time.Duration // between looks at the links
	ask   time.Duration // how long Endpoints may take
	join  time.Duration // after a link came up, until the node surely knows what we subscribe to
}

// NewWatcher makes a Watcher. It starts and connects nothing.
func NewWatcher(cfg WatcherConfig) *Watcher {
	if cfg.Filter == nil {
		cfg.Filter = &Filter{}
	}
	if cfg.Tracked == nil {
		cfg.Tracked = func(TxID) bool { return true }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{
		cfg:   cfg,
		hints: newHints(),
		pace:  watcherPace{retry: 2 * time.Second, check: 5 * time.Second, ask: 10 * time.Second, join: time.Second},
	}
	for i := range w.topics {
		w.topics[i] = &topic{name: topicNames[i]}
	}
	return w
}

// Wake has something to receive when Take is worth calling. Several reasons make one wake-up.
func (w *Watcher) Wake() <-chan struct{} { return w.hints.wake }

// Take gives what came in since the last call and forgets it. It keeps at most 10,000 transactions and as many
// removals, and half a million inputs and outputs; beyond that it says Resync instead.
func (w *Watcher) Take() Hint { return w.hints.take() }

// Announce takes a raw transaction that we know of before the node says so, as one that we have just handed to it: a hint
// like those of ZMQ.
func (w *Watcher) Announce(raw []byte) error {
	tx, ours, err := w.cfg.Filter.ScanTx(raw)
	if ours && err == nil {
		w.hints.tx(tx)
	}
	return err
}

// Health gives the state of the three topics, always in the order rawtx, sequence, hashblock.
func (w *Watcher) Health() []TopicHealth {
	all := make([]TopicHealth, len(w.topics))
	for i, t := range w.topics {
		all[i] = t.health()
	}
	return all
}

// Run listens until ctx ends, and returns nil then. A missing node, missing endpoints and broken links are not errors:
// it keeps trying.
func (w *Watcher) Run(ctx context.Context) error {
	said := false
	for {
		err := w.once(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // a clean stop
		case err == nil: // the endpoints changed
			said = false
			continue
		case !said:
			w.cfg.Log.WarnContext(ctx, "cannot listen to the node's ZMQ messages, so payments are found by asking only", "error", err)
			said = true
		}
		pause(ctx, w.pace.retry)
	}
}

// once asks for the endpoints and listens to them until they change.
func (w *Watcher) once(ctx context.Context) error {
	endpoints, err := w.endpoints(ctx)
	if err != nil {
		return err
	}
	return w.listen(ctx, endpoints)
}

var errNoEndpoints = errors.New("the node publishes none of rawtx, sequence and hashblock")

// endpoints asks for the addresses and keeps those of the topics that we know.
func (w *Watcher) endpoints(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, w.pace.ask)
	defer cancel()
	all, err := w.cfg.Endpoints(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for ZMQ endpoints: %w", err)
	}
	known := maps.Clone(all)
	maps.DeleteFunc(known, func(name, address string) bool {
		return address == "" || !slices.Contains(topicNames[:], name)
	})
	if len(known) == 0 {
		return nil, errNoEndpoints
	}
	return known, nil
}

// listen holds one link to each address until ctx ends or the endpoints are others; nil in both cases.
func (w *Watcher) listen(ctx context.Context, endpoints map[string]string) error {
	zctx, err := zmq.NewContext()
	if err != nil {
		return fmt.Errorf("make a ZMQ context: %w", err)
	}
	s := &zmqSession{zctx: zctx, stopped: make(chan struct{})}
	var links sync.WaitGroup
	for _, l := range w.links(endpoints) {
		links.Go(func() { l.run(ctx, s) })
	}
	w.supervise(ctx, endpoints)
	err = s.stop() // wakes the links up and waits until their sockets are closed
	links.Wait()
	for _, t := range w.topics {
		t.assign("")
	}
	if err != nil {
		return fmt.Errorf("end the ZMQ context: %w", err)
	}
	return nil
}

// links makes one link for each address, since topics that share an address share a stream.
func (w *Watcher) links(endpoints map[string]string) []*zmqLink {
	byAddress := map[string]*zmqLink{}
	for _, t := range w.topics {
		address := endpoints[t.name]
		if address == "" {
			continue
		}
		t.assign(address)
		l := byAddress[address]
		if l == nil {
			l = &zmqLink{watcher: w, address: address}
			byAddress[address] = l
		}
		l.topics = append(l.topics, t)
	}
	return slices.Collect(maps.Values(byAddress))
}

// supervise looks at the links now and then, until ctx ends or the endpoints are others.
func (w *Watcher) supervise(ctx context.Context, endpoints map[string]string) {
	var seen uint64
	down := false
	for pause(ctx, w.pace.check) {
		if dead := w.anyDead(); dead != down {
			down = dead
			if down {
				w.cfg.Log.WarnContext(ctx, "a ZMQ link to the node is down; it is tried again and again")
			} else {
				w.cfg.Log.InfoContext(ctx, "all ZMQ links to the node are up again")
			}
		}
		shakes := w.shakes.Load()
		if !down && shakes == seen {
			continue
		}
		seen = shakes
		if now, err := w.endpoints(ctx); err == nil && !maps.Equal(now, endpoints) {
			return
		}
	}
}

func (w *Watcher) anyDead() bool {
	return slices.ContainsFunc(w.Health(), func(h TopicHealth) bool { return h.Address != "" && !h.Connected })
}

// pause waits and tells whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
