package notify

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const shop merchant.ID = "1111111111111111111111"

// memory is a Store without a disk: what is due in order of its time, held behind earlier deliveries of its invoice.
type memory struct {
	mu       sync.Mutex
	rows     map[uint64]Delivery
	attempts map[uint64][]Attempt
	order    []uint64        // deliveries in the order of their records
	gone     map[string]bool // URLs that said so
	secrets  merchant.Secrets
	looks    int

	failRecord func(Delivery) error // nil: never
	viewed     func()               // called when a look has its view and has not gone through it; nil: nothing happens then
	failDue    func() error
	failSecret error
}

func newMemory() *memory {
	return &memory{
		rows: map[uint64]Delivery{}, gone: map[string]bool{}, attempts: map[uint64][]Attempt{}, secrets: merchant.Secrets{Webhook: NewSecret()},
	}
}

// add queues a delivery of an invoice's next revision, due at a time.
func (m *memory) add(inv uint64, endpoint string, due time.Time) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := uint64(len(m.rows) + 1)
	d := Delivery{
		ID: id, Event: 1000 + id, EventID: fmt.Sprintf("evt-%d", id), Revision: 1, Code: invoice.ConfirmedEvent,
		Ref: invoice.Ref{Merchant: shop, Seq: inv}, Invoice: invoice.ID(fmt.Sprintf("inv-%d", inv)),
		Outgoing: Outgoing{Channel: IPN, Endpoint: endpoint, Body: fmt.Appendf(nil, `{"id":"inv-%d","event":%d}`, inv, id)},
		Created:  due, State: Pending, Progress: Progress{Next: due},
	}
	for _, o := range m.rows {
		if o.Ref == d.Ref {
			d.Revision = max(d.Revision, o.Revision+1)
			d.Held = d.Held || o.Blocks()
		}
	}
	m.rows[id] = d
	return id
}

func (m *memory) DueDeliveries(ctx context.Context, q Due) ([]Delivery, time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looks++
	if m.failDue != nil {
		if err := m.failDue(); err != nil {
			return nil, time.Time{}, err
		}
	}
	rows := slices.SortedFunc(maps.Values(m.rows), func(a, b Delivery) int {
		return cmp.Or(a.Progress.Next.Compare(b.Progress.Next), cmp.Compare(a.ID, b.ID))
	})
	if m.viewed != nil {
		m.mu.Unlock()
		m.viewed()
		m.mu.Lock()
	}
	var due []Delivery
	var next time.Time
	room := map[string]int{}
	for _, d := range rows {
		if d.State != Pending || d.Held || q.Busy(d.ID) {
			continue
		}
		if d.Progress.Next.After(q.Now) {
			next = d.Progress.Next
			break
		}
		key := EndpointKey(d.Endpoint)
		if _, asked := room[key]; !asked {
			room[key] = q.Room(key)
		}
		if len(due) == q.Limit || room[key] == 0 {
			continue
		}
		room[key]--
		d.Gone = m.gone[d.Endpoint]
		due = append(due, d)
	}
	return due, next, ctx.Err()
}

func (m *memory) RecordAttempt(ctx context.Context, d Delivery, a Attempt) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.failRecord != nil {
		if err := m.failRecord(d); err != nil {
			return err
		}
	}
	if _, ok := m.rows[d.ID]; !ok {
		return fault.New(fault.NotFound, "no such delivery")
	}
	made := d.Progress.Attempts - m.rows[d.ID].Progress.Attempts
	if m.rows[d.ID].State != Pending || made != 0 && made != 1 {
		return fault.New(fault.Conflict, "another attempt was recorded")
	}
	m.rows[d.ID] = d
	if made == 1 {
		m.gone[d.Endpoint] = a.Status == 410 || m.gone[d.Endpoint] && !a.OK()
		m.attempts[d.ID] = append(m.attempts[d.ID], a)
	}
	m.order = append(m.order, d.ID)
	for id, o := range m.rows { // release what no earlier delivery of its invoice blocks
		if !o.Held {
			continue
		}
		o.Held = false
		for _, e := range m.rows {
			o.Held = o.Held || e.Ref == o.Ref && e.ID < o.ID && e.Blocks()
		}
		m.rows[id] = o
	}
	return nil
}

func (m *memory) Secrets(context.Context, merchant.ID) (merchant.Secrets, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.secrets, m.failSecret
}

func (m *memory) row(id uint64) Delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows[id]
}

func (m *memory) tries(id uint64) []Attempt {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.attempts[id])
}

func (m *memory) change(f func(rows map[uint64]Delivery)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m.rows)
}

// trip is a transport without sockets.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer makes a transport's answer.
func answer(status int, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: http.NoBody}
}

// running starts Run and stops it at the end of the test, which fails when Run does not end cleanly.
func running(t *testing.T, n *Notifier) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}
