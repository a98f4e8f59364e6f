package notify

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"satchel/invoice"
	"satchel/merchant"
)

// queue is a Store that commits as a real one does: whoever records at the same time shares one write and one sync.
type queue struct {
	secrets merchant.Secrets
	file    *os.File
	records chan chan error
	ended   sync.WaitGroup
	left    atomic.Int64
	done    chan struct{}

	mu    sync.Mutex
	keys  []string
	lists map[string][]Delivery // by endpoint key
	ok    map[uint64]bool
}

func newQueue(b *testing.B) *queue {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "records"))
	if err != nil {
		b.Fatal(err)
	}
	q := &queue{secrets: merchant.Secrets{Webhook: NewSecret()}, file: f, records: make(chan chan error, 1024)}
	q.ended.Go(q.commit)
	b.Cleanup(func() { close(q.records); q.ended.Wait(); _ = f.Close() })
	return q
}

func (q *queue) commit() {
	row := make([]byte, 4096)
	for first := range q.records {
		waiting := []chan error{first}
		for more := true; more; {
			select {
			case r, ok := <-q.records:
				if more = ok; ok {
					waiting = append(waiting, r)
				}
			default:
				more = false
			}
		}
		_, err := q.file.WriteAt(row, 0)
		if err == nil {
			err = q.file.Sync()
		}
		for _, r := range waiting {
			r <- err
		}
	}
}

// fill queues deliveries to endpoints in turn.
func (q *queue) fill(count int, endpoints []string, body []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.keys, q.lists, q.ok, q.done = nil, map[string][]Delivery{}, map[uint64]bool{}, make(chan struct{})
	q.left.Store(int64(count))
	for i := range count {
		id, to := uint64(i+1), endpoints[i%len(endpoints)]
		key := EndpointKey(to)
		if q.lists[key] == nil {
			q.keys = append(q.keys, key)
		}
		q.lists[key] = append(q.lists[key], Delivery{
			ID: id, Event: id, EventID: "evt-" + strconv.Itoa(i), Ref: invoice.Ref{Merchant: shop, Seq: id}, State: Pending,
			Outgoing: Outgoing{Channel: IPN, Endpoint: to, Body: body},
		})
	}
}

func (q *queue) DueDeliveries(_ context.Context, d Due) (due []Delivery, next time.Time, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, key := range q.keys {
		list := q.lists[key]
		for len(list) > 0 && q.ok[list[0].ID] {
			list = list[1:]
		}
		q.lists[key] = list
		if len(list) == 0 {
			continue
		}
		room := d.Room(key)
		for i := 0; i < len(list) && room > 0 && len(due) < d.Limit; i++ {
			if !q.ok[list[i].ID] && !d.Busy(list[i].ID) {
				due = append(due, list[i])
				room--
			}
		}
	}
	return due, next, nil
}

func (q *queue) RecordAttempt(_ context.Context, d Delivery, _ Attempt) error {
	r := make(chan error, 1)
	q.records <- r
	err := <-r
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ok[d.ID] = d.State == Delivered
	if q.ok[d.ID] && q.left.Add(-1) == 0 {
		close(q.done)
	}
	return err
}

func (q *queue) Secrets(context.Context, merchant.ID) (merchant.Secrets, error) {
	return q.secrets, nil
}

// sinks are receivers that read and answer 200; hit, where there is one, is called first.
func sinks(b *testing.B, count int, hit func()) []string {
	b.Helper()
	var urls []string
	for range count {
		s := newSink(b, hit)
		urls = append(urls, s+"/ipn")
	}
	return urls
}

func newSink(b *testing.B, hit func()) string {
	b.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if hit != nil {
			hit()
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	b.Cleanup(s.Close)
	return s.URL
}

func benchBody() []byte { return []byte(`{"data":"` + strings.Repeat("x", 1900) + `"}`) }

// BenchmarkBare is the floor: the same requests from as many goroutines as the notifier may use, nothing recorded.
func BenchmarkBare(b *testing.B) {
	for _, count := range []int{1, 100} {
		b.Run(fmt.Sprintf("receivers=%d", count), func(b *testing.B) {
			urls, body := sinks(b, count, nil), benchBody()
			tr := newTransport(clientConfig{allowPrivate: true, perEndpoint: DefaultPerEndpoint})
			b.Cleanup(tr.CloseIdleConnections)
			var next atomic.Int64
			var all sync.WaitGroup
			b.ResetTimer()
			for range min(DefaultWorkers, count*DefaultPerEndpoint) {
				all.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						bare(b, tr, urls[int(i)%count], body)
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

func bare(b *testing.B, tr *http.Transport, url string, body []byte) {
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := tr.RoundTrip(req)
	if err != nil {
		b.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

// BenchmarkNotifier delivers, signs and records durably; compare with BenchmarkBare of the same run.
func BenchmarkNotifier(b *testing.B) {
	for _, count := range []int{1, 100} {
		b.Run(fmt.Sprintf("receivers=%d", count), func(b *testing.B) {
			q := newQueue(b)
			n, err := New(Config{Store: q, AllowPrivate: true})
			if err != nil {
				b.Fatal(err)
			}
			urls := sinks(b, count, nil)
			q.fill(b.N, urls, benchBody())
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			b.ResetTimer()
			go func() { ended <- n.Run(ctx) }()
			<-q.done
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
			cancel()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
	}
}

// BenchmarkWakeToReceiver is how long one delivery takes from the wake-up to the receiver's first line of code.
func BenchmarkWakeToReceiver(b *testing.B) {
	arrived := make(chan struct{}, 1)
	urls, body := sinks(b, 1, func() { arrived <- struct{}{} }), benchBody()
	b.Run("bare", func(b *testing.B) {
		tr := newTransport(clientConfig{allowPrivate: true, perEndpoint: DefaultPerEndpoint})
		b.Cleanup(tr.CloseIdleConnections)
		for b.Loop() {
			var all sync.WaitGroup
			all.Go(func() { bare(b, tr, urls[0], body) })
			<-arrived
			b.StopTimer()
			all.Wait()
			b.StartTimer()
		}
	})
	b.Run("notifier", func(b *testing.B) {
		q := newQueue(b)
		n, err := New(Config{Store: q, AllowPrivate: true})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		go func() { ended <- n.Run(ctx) }()
		for b.Loop() {
			b.StopTimer()
			q.fill(1, urls, body)
			b.StartTimer()
			n.Wake()
			<-arrived
			b.StopTimer()
			<-q.done
			b.StartTimer()
		}
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
}
