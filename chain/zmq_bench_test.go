package chain

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
)

// benchWatcher runs a watcher that is connected to a publisher in this process.
func benchWatcher(b *testing.B, f *Filter) (*Watcher, *zmq.Socket) {
	b.Helper()
	zctx, err := zmq.NewContext()
	must(b, err)
	socket, err := zctx.NewSocket(zmq.XPUB)
	must(b, err)
	must(b, socket.SetLinger(0))
	must(b, socket.SetSndhwm(0))
	must(b, socket.Bind(anyPort))
	address, err := socket.GetLastEndpoint()
	must(b, err)
	w := NewWatcher(WatcherConfig{
		Filter: f,
		Now:    time.Now,
		Endpoints: func(context.Context) (map[string]string, error) {
			return map[string]string{"rawtx": address}, nil
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		_ = socket.Close()
		_ = zctx.Term()
	})
	_, err = socket.RecvBytes(0) // the subscription
	must(b, err)
	<-w.Wake()
	w.Take()
	return w, socket
}

func benchSend(b *testing.B, socket *zmq.Socket, raw []byte, counter uint32) {
	b.Helper()
	_, err := socket.SendBytes([]byte("rawtx"), zmq.SNDMORE)
	must(b, err)
	_, err = socket.SendBytes(raw, zmq.SNDMORE)
	must(b, err)
	_, err = socket.SendBytes(binary.LittleEndian.AppendUint32(nil, counter), 0)
	must(b, err)
}

// BenchmarkWatcherReceive receives small foreign transactions; the time is that of sending and receiving. Target: at
// least 200,000 a second.
func BenchmarkWatcherReceive(b *testing.B) {
	foreign := txBytes(b, fullBlock(b, 1).Transactions[3])
	script := wpkhScript(scanRand(8))
	f := &Filter{Scripts: manyScripts(1_000_000)}
	f.Scripts.Add(script)
	last := fullBlock(b, 1).Transactions[3]
	last.TxOut[0].PkScript = script
	w, socket := benchWatcher(b, f)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		benchSend(b, socket, foreign, uint32(i))
	}
	benchSend(b, socket, txBytes(b, last), uint32(b.N))
	<-w.Wake()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	if h := w.Health()[0]; h.Messages != uint64(b.N)+1 || h.Gaps != 0 {
		b.Fatalf("%+v", h)
	}
}

// BenchmarkWatcherHandle is the time from a received payment to the wake-up: our own part of BenchmarkWatcherWake.
func BenchmarkWatcherHandle(b *testing.B) {
	script := wpkhScript(scanRand(8))
	f := &Filter{Scripts: manyScripts(1_000_000)}
	f.Scripts.Add(script)
	tx := fullBlock(b, 1).Transactions[3]
	tx.TxOut[0].PkScript = script
	w := NewWatcher(WatcherConfig{Filter: f, Now: time.Now})
	l := &zmqLink{watcher: w, topics: []*topic{w.topics[rawTx]}}
	m := message{frames: [3][]byte{[]byte("rawtx"), txBytes(b, tx), make([]byte, 4)}, count: 3}
	for i := uint32(0); b.Loop(); i++ {
		binary.LittleEndian.PutUint32(m.frames[2], i)
		w.handle(l, m)
		<-w.Wake()
		w.Take()
	}
}

// BenchmarkWatcherWake is the time from sending a payment's message to the wake-up, one at a time.
func BenchmarkWatcherWake(b *testing.B) {
	script := wpkhScript(scanRand(8))
	f := &Filter{Scripts: manyScripts(1_000_000)}
	f.Scripts.Add(script)
	tx := fullBlock(b, 1).Transactions[3]
	tx.TxOut[0].PkScript = script
	raw := txBytes(b, tx)
	w, socket := benchWatcher(b, f)
	b.ResetTimer()
	for i := range b.N {
		benchSend(b, socket, raw, uint32(i))
		<-w.Wake()
		if h := w.Take(); len(h.Txs) != 1 || h.Resync {
			b.Fatalf("%+v", h)
		}
	}
}
