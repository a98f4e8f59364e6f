package chain

import (
	"context"
	"encoding/binary"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
	"go.uber.org/goleak"
)

// patience bounds every wait of these tests; none comes near it.
const patience = 20 * time.Second

// publisher is bitcoind's side of a ZMQ address. Only the goroutine that made it may use it. It is an XPUB socket, which
// is a PUB socket that shows who subscribes, so that a test need not guess when its messages will be delivered.
type publisher struct {
	t       *testing.T
	zctx    *zmq.Context
	socket  *zmq.Socket
	address string
}

func publish(t *testing.T, address string) *publisher {
	t.Helper()
	zctx, err := zmq.NewContext()
	must(t, err)
	socket, err := zctx.NewSocket(zmq.XPUB)
	must(t, err)
	must(t, socket.SetLinger(0))
	must(t, socket.SetSndhwm(0))
	must(t, socket.SetXpubVerbose(1))
	must(t, socket.SetRcvtimeo(patience))
	must(t, socket.Bind(address))
	address, err = socket.GetLastEndpoint()
	must(t, err)
	p := &publisher{t: t, zctx: zctx, socket: socket, address: address}
	t.Cleanup(p.close)
	return p
}

func (p *publisher) close() {
	_ = p.socket.Close()
	_ = p.zctx.Term()
}

// subscribed waits for as many subscriptions.
func (p *publisher) subscribed(n int) {
	p.t.Helper()
	for n > 0 {
		frame, err := p.socket.RecvBytes(0)
		must(p.t, err)
		if len(frame) > 0 && frame[0] == 1 {
			n--
		}
	}
}

func (p *publisher) send(topic string, body []byte, counter uint32) {
	p.t.Helper()
	p.frames([]byte(topic), body, binary.LittleEndian.AppendUint32(nil, counter))
}

func (p *publisher) frames(frames ...[]byte) {
	p.t.Helper()
	for i, frame := range frames {
		flag := zmq.SNDMORE
		if i == len(frames)-1 {
			flag = 0
		}
		_, err := p.socket.SendBytes(frame, flag)
		must(p.t, err)
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// running is a Watcher that runs until the test ends, and what it has said so far.
type running struct {
	*Watcher
	t    *testing.T
	seen Hint
	join int // hints that a link is surely subscribed
	stop func()
	asks atomic.Int64 // how often Endpoints was asked
}

// watchAddresses runs a Watcher with short waits. At the end it must stop cleanly and leave no goroutine behind.
func watchAddresses(t *testing.T, cfg WatcherConfig, endpoints func() (map[string]string, error)) *running {
	t.Helper()
	pace := watcherPace{retry: 5 * time.Millisecond, check: 20 * time.Millisecond, ask: time.Second, join: time.Hour}
	return watchAtPace(t, cfg, pace, endpoints)
}

func watchAtPace(t *testing.T, cfg WatcherConfig, pace watcherPace, endpoints func() (map[string]string, error)) *running {
	t.Helper()
	before := goleak.IgnoreCurrent()
	r := &running{t: t}
	cfg.Endpoints = func(context.Context) (map[string]string, error) {
		r.asks.Add(1)
		return endpoints()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	r.Watcher = NewWatcher(cfg)
	r.pace = pace
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = func() {
		t.Helper()
		cancel()
		select {
		case err, open := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
			if open {
				close(ended)
			}
		case <-time.After(patience):
			t.Fatal("Run does not stop")
		}
		goleak.VerifyNone(t, before)
	}
	t.Cleanup(r.stop)
	return r
}

// fixed gives the same address for some topics.
func fixed(address string, topics ...string) func() (map[string]string, error) {
	m := map[string]string{}
	for _, topic := range topics {
		m[topic] = address
	}
	return func() (map[string]string, error) { return m, nil }
}

// until takes hints, and adds them to seen, until enough says so.
func (r *running) until(what string, enough func(Hint) bool) {
	r.t.Helper()
	deadline := time.After(patience)
	for !enough(r.seen) {
		select {
		case <-r.Wake():
			h := r.Take()
			r.seen.Blocks = r.seen.Blocks || h.Blocks
			r.seen.Resync = r.seen.Resync || h.Resync
			if h.Joined {
				r.join++
			}
			r.seen.Txs = append(r.seen.Txs, h.Txs...)
			r.seen.Removed = append(r.seen.Removed, h.Removed...)
		case <-deadline:
			r.t.Fatalf("never: %s; seen %+v, health %+v", what, r.seen, r.Health())
		}
	}
}

// connected waits until the publisher has the subscriptions and the watcher knows of its link; then it forgets the hints.
func (r *running) connected(p *publisher, topics int) {
	r.t.Helper()
	p.subscribed(topics)
	r.until("the link is up", func(h Hint) bool { return h.Resync })
	r.seen = Hint{}
}

func (r *running) topic(name string) TopicHealth {
	r.t.Helper()
	for _, h := range r.Health() {
		if h.Topic == name {
			return h
		}
	}
	r.t.Fatalf("no health of %s", name)
	return TopicHealth{}
}
