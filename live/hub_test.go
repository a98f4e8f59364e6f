package live

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"satchel/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func woken(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func subscribe(t testing.TB, h *Hub, topic string) (<-chan struct{}, func()) {
	t.Helper()
	c, cancel, err := h.Subscribe(topic)
	if err != nil {
		t.Fatalf("subscribe %q: %v", topic, err)
	}
	return c, cancel
}

func TestWakeReachesItsTopicAndNoOther(t *testing.T) {
	h := New(10)
	a, _ := subscribe(t, h, "a")
	a2, _ := subscribe(t, h, "a")
	b, _ := subscribe(t, h, "b")
	all, _ := subscribe(t, h, All)
	for _, c := range []struct {
		topics           []string
		a, a2, b, theAll bool
	}{
		{nil, false, false, false, false},
		{[]string{"a"}, true, true, false, true},
		{[]string{"b"}, false, false, true, true},
		{[]string{"a", "b", "a"}, true, true, true, true},
		{[]string{"nobody"}, false, false, false, true},
		{[]string{All}, false, false, false, true},
		{[]string{All, "b"}, false, false, true, true},
		{[]string{""}, false, false, false, true},
	} {
		h.Wake(c.topics...)
		if woken(a) != c.a || woken(a2) != c.a2 || woken(b) != c.b || woken(all) != c.theAll {
			t.Errorf("Wake(%q) woke the wrong ones", c.topics)
		}
	}
}

func TestWakesMergeAndNeverBlock(t *testing.T) {
	h := New(1)
	c, cancel := subscribe(t, h, "a")
	for range 1000 {
		h.Wake("a")
	}
	if !woken(c) || woken(c) {
		t.Fatal("a thousand wakes must be one")
	}
	h.Wake("a")
	cancel()
	if !woken(c) {
		t.Fatal("the wake before the end is lost")
	}
	h.Wake("a")
	if woken(c) {
		t.Fatal("woken after the end")
	}
}

func TestLimit(t *testing.T) {
	h := New(2)
	_, first := subscribe(t, h, "a")
	subscribe(t, h, "b")
	_, _, err := h.Subscribe("c")
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.TooMany || f.Retry <= 0 {
		t.Fatalf("over the limit: %v", err)
	}
	first()
	first() // a second call must not free a second place
	subscribe(t, h, "c")
	if _, _, err := h.Subscribe("d"); !fault.Is(err, fault.TooMany) {
		t.Fatalf("a place was freed twice: %v", err)
	}
	if h.Len() != 2 {
		t.Fatalf("%d subscribers", h.Len())
	}
	if _, _, err := New(0).Subscribe("a"); err == nil {
		t.Fatal("a hub for nobody took somebody")
	}
}

// TestLikeAList compares the rings with a plain list, over random subscriptions, cancels and wakes.
func TestLikeAList(t *testing.T) {
	type sub struct {
		topic  string
		c      <-chan struct{}
		cancel func()
		due    bool
	}
	rapid.Check(t, func(t *rapid.T) {
		h, list := New(12), []*sub{}
		topic := rapid.SampledFrom([]string{"a", "b", "c", All})
		t.Repeat(map[string]func(*rapid.T){
			"subscribe": func(t *rapid.T) {
				s := &sub{topic: topic.Draw(t, "topic")}
				var err error
				if s.c, s.cancel, err = h.Subscribe(s.topic); (err != nil) != (len(list) == 12) {
					t.Fatalf("with %d subscribers: %v", len(list), err)
				}
				if err == nil {
					list = append(list, s)
				}
			},
			"cancel": func(t *rapid.T) {
				if len(list) == 0 {
					return
				}
				i := rapid.IntRange(0, len(list)-1).Draw(t, "which")
				list[i].cancel()
				list[i].cancel()
				list = append(list[:i:i], list[i+1:]...)
			},
			"wake": func(t *rapid.T) {
				topics := rapid.SliceOfN(topic, 1, 3).Draw(t, "topics")
				h.Wake(topics...)
				for _, s := range list {
					for _, x := range topics {
						s.due = s.due || s.topic == x || s.topic == All
					}
				}
			},
			"look": func(t *rapid.T) {
				for _, s := range list {
					if woken(s.c) != s.due {
						t.Fatalf("a subscriber of %q: woken is not %v", s.topic, s.due)
					}
					s.due = false
				}
			},
			"": func(t *rapid.T) {
				if h.Len() != len(list) {
					t.Fatalf("%d subscribers, want %d", h.Len(), len(list))
				}
				for k, w := range h.topics {
					if w.topic != k || w.prev.next != w || w.next.prev != w {
						t.Fatalf("the ring of %q is broken", k)
					}
				}
			},
		})
		for _, s := range list {
			s.cancel()
		}
		if h.Len() != 0 || len(h.topics) != 0 {
			t.Fatalf("%d subscribers and %d topics are left", h.Len(), len(h.topics))
		}
	})
}

// TestSubscribeThenReadMissesNothing runs writers against readers: each reader stops when it has seen the last value.
func TestSubscribeThenReadMissesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const readers, writes = 50, 200
		h := New(readers)
		var mu sync.Mutex
		value := 0
		read := func() int {
			mu.Lock()
			defer mu.Unlock()
			return value
		}
		var all sync.WaitGroup
		for i := range readers {
			topic := []string{"a", "b", All}[i%3]
			all.Go(func() {
				c, cancel, err := h.Subscribe(topic)
				if err != nil {
					t.Error(err)
					return
				}
				defer cancel()
				for read() < writes {
					<-c // synctest fails with a deadlock when a wake is lost
				}
			})
		}
		for range writes {
			all.Go(func() {
				mu.Lock()
				value++
				mu.Unlock()
				h.Wake("a", "b")
			})
		}
		all.Wait()
		if h.Len() != 0 {
			t.Fatalf("%d are left", h.Len())
		}
	})
}

// BenchmarkSubscribers tells the memory that a subscriber takes, each with a topic of its own as pages have.
func BenchmarkSubscribers(b *testing.B) {
	const n = 10_000
	topics := make([]string, n)
	for i := range topics {
		topics[i] = fmt.Sprintf("%022d", i)
	}
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		h := New(n)
		for _, x := range topics {
			subscribe(b, h, x)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/subscriber")
		runtime.KeepAlive(h)
	}
}

// BenchmarkWake tells what a wake costs among ten thousand other pages.
func BenchmarkWake(b *testing.B) {
	h := New(10_001)
	for i := range 10_000 {
		subscribe(b, h, fmt.Sprintf("%022d", i))
	}
	c, _ := subscribe(b, h, "mine")
	b.ReportAllocs()
	for b.Loop() {
		h.Wake("mine", "merchant")
		<-c
	}
}
