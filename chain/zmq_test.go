package chain

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	btcwire "github.com/btcsuite/btcd/wire"
	"github.com/google/go-cmp/cmp"
)

const anyPort = "tcp://127.0.0.1:*"

// ourTx makes a transaction that pays a script, and a filter that watches it.
func ourTx(t *testing.T) (*Filter, []byte, Tx) {
	t.Helper()
	r := scanRand(8)
	script := wpkhScript(r)
	f := &Filter{Scripts: NewScripts(1)}
	f.Scripts.Add(script)
	m := btcwire.NewMsgTx(2)
	m.AddTxIn(btcwire.NewTxIn(&btcwire.OutPoint{Index: 4}, nil, btcwire.TxWitness{{1}}))
	m.AddTxOut(btcwire.NewTxOut(700, script))
	raw := txBytes(t, m)
	tx, ours, err := f.ScanTx(raw)
	if err != nil || !ours {
		t.Fatal(ours, err)
	}
	return f, raw, tx
}

func blocksSeen(h Hint) bool { return h.Blocks }

func TestWatcherTurnsMessagesIntoHints(t *testing.T) {
	f, raw, ours := ourTx(t)
	foreign := txBytes(t, fullBlock(t, 1).Transactions[3])
	tracked, other := TxID{1, 2, 3}, TxID{9}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := publish(t, anyPort)
	w := watchAddresses(t, WatcherConfig{
		Filter:  f,
		Tracked: func(id TxID) bool { return id == tracked },
		Now:     func() time.Time { return at },
	}, fixed(p.address, "rawtx", "sequence", "hashblock"))
	w.connected(p, 3)

	display := func(id TxID) []byte {
		slices.Reverse(id[:])
		return id[:]
	}
	mempool := func(id TxID, label byte) []byte { return append(append(display(id), label), make([]byte, 8)...) }
	p.send("rawtx", foreign, 7)
	p.send("rawtx", raw, 8)
	p.send("sequence", mempool(tracked, 'A'), 0)
	p.send("sequence", mempool(other, 'R'), 1)
	p.send("sequence", mempool(tracked, 'R'), 2)
	w.until("our removal", func(h Hint) bool { return len(h.Removed) > 0 })
	if diff := cmp.Diff(Hint{Txs: []Tx{ours}, Removed: []TxID{tracked}}, w.seen); diff != "" {
		t.Fatal(diff)
	}
	for i, send := range []func(){
		func() { p.send("sequence", append(make([]byte, 32), 'C'), 3) },
		func() { p.send("sequence", append(make([]byte, 32), 'D'), 4) },
		func() { p.send("hashblock", make([]byte, 32), 0) },
	} {
		w.seen = Hint{}
		send()
		w.until("a block came or went", blocksSeen)
		if w.seen.Resync {
			t.Errorf("message %d was taken for a gap", i)
		}
	}
	want := []TopicHealth{
		{Topic: "rawtx", Address: p.address, Connected: true, Messages: 2, Last: at},
		{Topic: "sequence", Address: p.address, Connected: true, Messages: 5, Last: at},
		{Topic: "hashblock", Address: p.address, Connected: true, Messages: 1, Last: at},
	}
	if diff := cmp.Diff(want, w.Health()); diff != "" {
		t.Error(diff)
	}
}

func TestWatcherReportsEveryRemovalWithoutTracked(t *testing.T) {
	p := publish(t, anyPort)
	w := watchAddresses(t, WatcherConfig{}, fixed(p.address, "sequence"))
	w.connected(p, 1)
	p.send("sequence", append(append(make([]byte, 32), 'R'), make([]byte, 8)...), 0)
	w.until("a removal", func(h Hint) bool { return len(h.Removed) == 1 })
}

func TestWatcherNoticesGaps(t *testing.T) {
	hash := make([]byte, 32)
	for name, c := range map[string]struct {
		counters []uint32
		gaps     uint64
	}{
		"in order":       {[]uint32{5, 6, 7}, 0},
		"one lost":       {[]uint32{5, 7, 8}, 1},
		"start again":    {[]uint32{5, 0, 1}, 1},
		"repeated":       {[]uint32{5, 5, 6}, 1},
		"backwards":      {[]uint32{5, 4, 5}, 1},
		"two holes":      {[]uint32{5, 7, 9}, 2},
		"wrapped":        {[]uint32{1<<32 - 2, 1<<32 - 1, 0, 1}, 0},
		"lost over wrap": {[]uint32{1<<32 - 2, 0, 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := publish(t, anyPort)
			w := watchAddresses(t, WatcherConfig{}, fixed(p.address, "hashblock", "sequence"))
			w.connected(p, 2)
			for i, n := range c.counters {
				p.send("hashblock", hash, n)
				p.send("sequence", append(hash, 'C'), uint32(100+i)) // counters are per topic
			}
			want := uint64(len(c.counters))
			w.until("all messages, and the hint of a gap", func(h Hint) bool { // the counters move before the hint is taken
				return w.topic("hashblock").Messages == want && w.topic("sequence").Messages == want && h.Resync == (c.gaps > 0)
			})
			if got := w.topic("hashblock").Gaps; got != c.gaps {
				t.Errorf("%d gaps, want %d", got, c.gaps)
			}
			if got := w.topic("sequence").Gaps; got != 0 {
				t.Errorf("%d gaps in the other topic", got)
			}
			if w.seen.Resync && c.gaps == 0 {
				t.Error("Resync without a gap")
			}
		})
	}
}

func TestWatcherIgnoresJunk(t *testing.T) {
	f, raw, _ := ourTx(t)
	p := publish(t, anyPort)
	w := watchAddresses(t, WatcherConfig{Filter: f}, fixed(p.address, "rawtx", "sequence", "hashblock"))
	w.connected(p, 3)
	number := make([]byte, 4)
	junk := [][][]byte{
		{[]byte("rawtx")},
		{[]byte("rawtx"), raw},
		{[]byte("rawtx"), raw, nil},
		{[]byte("rawtx"), raw, make([]byte, 5)},
		{[]byte("rawtx"), raw, number, number},
		{[]byte("rawtx2"), raw, number},
		append([][]byte{[]byte("rawtx")}, make([][]byte, 5000)...),
	}
	for _, frames := range junk {
		p.frames(frames...)
	}
	for i, body := range [][]byte{nil, {1}, raw[:len(raw)-1], append(bytes.Clone(raw), 0), bytes.Repeat([]byte{0xff}, 4_000_000)} {
		p.send("rawtx", body, uint32(i))
	}
	long := make([]byte, 41)
	for i, body := range [][]byte{nil, long[:32], long[:33], long, append(long[:32:32], 'C', 0), append(long[:32:32], 'A'), append(long[:32:32], 'R', 1, 2, 3)} {
		p.send("sequence", body, uint32(i))
	}
	p.send("hashblock", long[:31], 0)
	p.send("hashblock", long[:33], 1)
	if w.seen.Blocks {
		t.Fatal("a block was seen too early")
	}
	p.send("hashblock", long[:32], 2)
	w.until("an honest block hash", blocksSeen)
	if diff := cmp.Diff(Hint{Blocks: true}, w.seen); diff != "" {
		t.Error(diff)
	}
	got := map[string]uint64{}
	for _, h := range w.Health() {
		got[h.Topic] = h.Junk
		if h.Gaps != 0 {
			t.Errorf("%s has %d gaps", h.Topic, h.Gaps)
		}
	}
	if diff := cmp.Diff(map[string]uint64{"rawtx": 12, "sequence": 7, "hashblock": 2}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWatcherSurvivesAHugeFrame(t *testing.T) {
	p := publish(t, anyPort)
	w := watchAddresses(t, WatcherConfig{}, fixed(p.address, "hashblock"))
	w.connected(p, 1)
	p.send("hashblock", make([]byte, 100_000_000), 0)
	w.connected(p, 1) // the link was dropped, and came back
	p.send("hashblock", make([]byte, 32), 1)
	w.until("a block", blocksSeen)
	if h := w.topic("hashblock"); h.Messages != 1 {
		t.Errorf("%+v", h)
	}
}

// TestWatcherOutlivesStrangers: whoever sits at the node's address while it is away may hang up, reset the connection,
// talk something else, or ask for a password, after which libzmq alone never connects again.
func TestWatcherOutlivesStrangers(t *testing.T) {
	var lc net.ListenConfig
	for name, talk := range map[string]func(c *net.TCPConn) error{
		"hangs up": func(*net.TCPConn) error { return nil },
		"resets":   func(c *net.TCPConn) error { return c.SetLinger(0) },
		"talks HTTP": func(c *net.TCPConn) error {
			_, err := c.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" + strings.Repeat("x", 100)))
			return err
		},
		"wants a password": func(c *net.TCPConn) error {
			greeting := append([]byte{0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0}, "PLAIN"...)
			_, err := c.Write(append(greeting, make([]byte, 64-len(greeting))...))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
			must(t, err)
			address := "tcp://" + listener.Addr().String()
			must(t, listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience)))
			w := watchAddresses(t, WatcherConfig{}, fixed(address, "hashblock"))
			for range 2 {
				c, err := listener.Accept()
				must(t, err)
				must(t, talk(c.(*net.TCPConn)))
				must(t, c.Close())
			}
			must(t, listener.Close())
			p := publish(t, address)
			w.connected(p, 1)
		})
	}
}

// TestWatcherHandlesWhatCameBeforeTheEnd: a link that is lost has delivered more than is handled at that moment.
func TestWatcherHandlesWhatCameBeforeTheEnd(t *testing.T) {
	const n = 50_000
	p := publish(t, anyPort)
	w := watchAddresses(t, WatcherConfig{}, fixed(p.address, "sequence"))
	w.connected(p, 1)
	body := append(append(make([]byte, 32), 'A'), make([]byte, 8)...)
	for i := range uint32(n) {
		p.send("sequence", body, i)
	}
	must(t, p.socket.SetLinger(-1)) // send it all, then go
	p.close()
	w.until("the link is down", func(Hint) bool { return !w.topic("sequence").Connected })
	if h := w.topic("sequence"); h.Messages != n || h.Gaps != 0 || h.Junk != 0 {
		t.Errorf("%+v", h)
	}
}

func TestWatcherComparesEverythingWhenALinkComesBack(t *testing.T) {
	p := publish(t, anyPort)
	address := p.address
	w := watchAddresses(t, WatcherConfig{}, fixed(address, "sequence"))
	w.connected(p, 1)
	body := append(make([]byte, 32), 'C')
	p.send("sequence", body, 4)
	w.until("a block", blocksSeen)

	p.close()
	w.until("the link is down", func(Hint) bool { return !w.topic("sequence").Connected })
	if w.seen.Resync {
		t.Error("asked to compare while the link is down")
	}
	again := publish(t, address)
	again.subscribed(1)
	// The counter goes on as if nothing had been lost, as it may after a restart of the node.
	w.until("everything is compared", func(h Hint) bool { return h.Resync })
	w.seen = Hint{}
	again.send("sequence", body, 5)
	w.until("a block after the restart", blocksSeen)
	if h := w.topic("sequence"); !h.Connected || h.Gaps != 0 || w.seen.Resync {
		t.Errorf("%+v, %+v", h, w.seen)
	}
}

// A publisher drops what it says before it knows of our subscription, and tells nobody when it does.
func TestWatcherComparesOnceMoreWhenItIsSurelySubscribed(t *testing.T) {
	body := append(make([]byte, 32), 'C')
	t.Run("by each topic's first message", func(t *testing.T) {
		p := publish(t, anyPort)
		w := watchAddresses(t, WatcherConfig{}, fixed(p.address, "sequence", "hashblock"))
		w.connected(p, 2)
		for i := range uint32(3) {
			p.send("sequence", body, i)
			w.until("a block", blocksSeen)
			w.seen = Hint{}
		}
		if w.join != 1 {
			t.Fatalf("%d comparisons after three messages of a topic", w.join)
		}
		p.send("hashblock", make([]byte, 32), 9)
		w.until("a comparison for the other topic", func(Hint) bool { return w.join == 2 })
		address := p.address
		p.close()
		w.until("the link is down", func(Hint) bool { return !w.topic("sequence").Connected })
		w.seen = Hint{}
		again := publish(t, address)
		w.connected(again, 2)
		again.send("sequence", body, 3)
		w.until("a comparison on the new link", func(Hint) bool { return w.join == 3 })
		if w.seen.Resync {
			t.Error("taken for a gap")
		}
	})
	t.Run("by time, when nothing is said", func(t *testing.T) {
		p := publish(t, anyPort)
		pace := watcherPace{retry: 5 * time.Millisecond, check: 20 * time.Millisecond, ask: time.Second, join: 20 * time.Millisecond}
		w := watchAtPace(t, WatcherConfig{}, pace, fixed(p.address, "sequence"))
		w.connected(p, 1)
		w.until("a comparison", func(Hint) bool { return w.join == 1 })
	})
}

func TestWatcherUsesOneSocketForEachAddress(t *testing.T) {
	one, two := publish(t, anyPort), publish(t, anyPort)
	endpoints := map[string]string{"rawtx": one.address, "hashblock": one.address, "sequence": two.address, "rawblock": two.address, "hashtx": ""}
	w := watchAddresses(t, WatcherConfig{}, func() (map[string]string, error) { return endpoints, nil })
	one.subscribed(2)
	two.subscribed(1)
	w.until("both links are up", func(Hint) bool { return !w.anyDead() && w.shakes.Load() == 2 })
	one.send("hashblock", make([]byte, 32), 0)
	two.send("sequence", append(make([]byte, 32), 'D'), 0)
	w.until("both messages", func(Hint) bool { return w.topic("hashblock").Messages+w.topic("sequence").Messages == 2 })
	must(t, two.socket.SetRcvtimeo(0))
	if frame, err := two.socket.RecvBytes(0); err == nil {
		t.Errorf("the second address has another subscription: %q", frame)
	}
}

func TestWatcherFollowsTheNodeToOtherAddresses(t *testing.T) {
	p := publish(t, anyPort)
	var address atomic.Value
	address.Store(p.address)
	w := watchAddresses(t, WatcherConfig{}, func() (map[string]string, error) {
		return map[string]string{"hashblock": address.Load().(string)}, nil
	})
	w.connected(p, 1)
	moved := publish(t, anyPort)
	address.Store(moved.address)
	p.close()
	w.connected(moved, 1)
	moved.send("hashblock", make([]byte, 32), 77)
	w.until("a block from the new address", blocksSeen)
	if h := w.topic("hashblock"); h.Address != moved.address || h.Gaps != 0 || w.seen.Resync {
		t.Errorf("%+v, %+v", h, w.seen)
	}
}

func TestWatcherKeepsTryingAndSaysSoOnce(t *testing.T) {
	var log lockedBuffer
	p := publish(t, anyPort)
	tries := 0
	w := watchAddresses(t, WatcherConfig{Log: slog.New(slog.NewTextHandler(&log, nil))}, func() (map[string]string, error) {
		switch tries++; {
		case tries < 5:
			return nil, errors.New("the node is away")
		case tries < 10:
			return map[string]string{"rawblock": p.address}, nil
		}
		return map[string]string{"hashblock": p.address}, nil
	})
	w.connected(p, 1)
	if got := strings.Count(log.String(), "level=WARN"); got != 1 || !strings.Contains(log.String(), "the node is away") {
		t.Errorf("%d warnings:\n%s", got, log.String())
	}
}

func TestWatcherSurvivesAnAddressThatIsNone(t *testing.T) {
	var log lockedBuffer
	p := publish(t, anyPort)
	var bad atomic.Bool
	bad.Store(true)
	w := watchAddresses(t, WatcherConfig{Log: slog.New(slog.NewTextHandler(&log, nil))}, func() (map[string]string, error) {
		m := map[string]string{"hashblock": p.address, "rawtx": p.address}
		if bad.Load() {
			m["rawtx"] = "tcp://*:1"
		}
		return m, nil
	})
	w.connected(p, 1) // the good one works beside the bad one
	for w.asks.Load() < 4 {
		p.send("hashblock", make([]byte, 32), 0)
		w.until("a block", blocksSeen)
		w.seen = Hint{}
	}
	bad.Store(false)
	w.seen = Hint{}
	w.connected(p, 2)
	if got := strings.Count(log.String(), "a ZMQ socket fails"); got != 1 {
		t.Errorf("%d warnings:\n%s", got, log.String())
	}
}

func TestWatcherStopsWithNobodyThere(t *testing.T) {
	w := watchAddresses(t, WatcherConfig{}, fixed("tcp://127.0.0.1:1", "rawtx", "sequence"))
	deadline := time.Now().Add(patience)
	for w.asks.Load() < 3 { // asked again because the links stay dead
		if time.Now().After(deadline) {
			t.Fatal("the endpoints are not asked again")
		}
	}
	w.stop()
	want := []TopicHealth{{Topic: "rawtx"}, {Topic: "sequence"}, {Topic: "hashblock"}}
	if diff := cmp.Diff(want, w.Health()); diff != "" {
		t.Error(diff)
	}
}

func TestWatcherTakesABurst(t *testing.T) {
	const n = 50_000
	f, raw, ours := ourTx(t)
	foreign := txBytes(t, fullBlock(t, 1).Transactions[3])
	p := publish(t, anyPort)
	w := watchAddresses(t, WatcherConfig{Filter: f}, fixed(p.address, "rawtx"))
	w.connected(p, 1)
	for i := range uint32(n) {
		body := foreign
		if i%1000 == 999 {
			body = raw
		}
		p.send("rawtx", body, i)
	}
	w.until("all of ours", func(h Hint) bool { return len(h.Txs) == n/1000 })
	if h := w.topic("rawtx"); h.Messages != n || h.Gaps != 0 || w.seen.Resync {
		t.Errorf("%+v", h)
	}
	if diff := cmp.Diff(ours, w.seen.Txs[0]); diff != "" {
		t.Error(diff)
	}
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
