// Package live wakes those who wait for a change: open checkout pages, followers of the event bus, long polls.
//
// A wake carries no data. It says "look again", and the reader reads the store, which is the truth. So a wake may be
// merged with another one, and nothing is lost by it: between two looks a reader needs only to know that there was one.
// A reader subscribes first and reads then; a change after the read wakes it.
//
// The hub starts no goroutine, keeps nothing for a subscriber but one bit, never blocks the one who wakes, and holds at
// most as many subscribers as it was made for.
package live

import (
	"sync"
	"time"

	"satchel/fault"
)

// All is the topic of those who want to be woken by every wake. Waking it wakes only them.
const All = "*"

// retryAfter is when a refused subscriber may try again: pages close all the time.
const retryAfter = 10 * time.Second

// Hub holds who waits for what. It is safe for any number of goroutines.
type Hub struct {
	limit int

	mu     sync.Mutex
	count  int
	topics map[string]*waiter // the first of a ring of those who wait for the topic
}

// waiter is one subscriber, in the ring of its topic.
type waiter struct {
	topic      string
	wake       chan struct{}
	prev, next *waiter // nil: cancelled
}

// New makes a hub for at most limit subscribers at a time.
func New(limit int) *Hub {
	return &Hub{limit: limit, topics: map[string]*waiter{}}
}

// Subscribe waits for a topic: an invoice's id, a merchant's id, or All. The channel holds one wake; a wake that finds it
// full is merged with the one inside. It is never closed: a reader also waits for its own end. cancel gives the place
// back and may be called more than once; a wake that was under way may still arrive after it. Over the limit the error
// is fault.TooMany, with the time after which a retry makes sense.
func (h *Hub) Subscribe(topic string) (wake <-chan struct{}, cancel func(), err error) {
	w := &waiter{topic: topic, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count >= h.limit {
		return nil, nil, fault.New(fault.TooMany, "too many are waiting for changes").After(retryAfter)
	}
	h.count++
	if first := h.topics[topic]; first == nil {
		w.prev, w.next = w, w
		h.topics[topic] = w
	} else {
		w.prev, w.next = first.prev, first
		w.prev.next, w.next.prev = w, w
	}
	return w.wake, func() { h.cancel(w) }, nil
}

// Wake tells those who wait for one of the topics, and those who wait for All, to look again. It does not block.
func (h *Hub) Wake(topics ...string) {
	if len(topics) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ring(All)
	for _, t := range topics {
		if t != All {
			h.ring(t)
		}
	}
}

// Len tells how many subscribers there are, for the metrics.
func (h *Hub) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

func (h *Hub) ring(topic string) {
	first := h.topics[topic]
	if first == nil {
		return
	}
	for w := first; ; w = w.next {
		select {
		case w.wake <- struct{}{}:
		default: // it has not looked yet since the last wake
		}
		if w.next == first {
			return
		}
	}
}

func (h *Hub) cancel(w *waiter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w.next == nil {
		return
	}
	h.count--
	switch {
	case w.next == w:
		delete(h.topics, w.topic)
	case h.topics[w.topic] == w:
		h.topics[w.topic] = w.next
		fallthrough
	default:
		w.prev.next, w.next.prev = w.next, w.prev
	}
	w.prev, w.next = nil, nil
}
