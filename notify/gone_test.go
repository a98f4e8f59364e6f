package notify

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestGoneURLGetsNothingMore: after one 410 nothing is posted to that URL, also after a restart, and it is not counted as
// tried. Another URL of the same shop goes on, and what is sent by hand and taken ends it.
func TestGoneURLGetsNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, posts, back := newMemory(), atomic.Int32{}, atomic.Bool{}
		var observed atomic.Int32
		c := Config{Store: m, Observe: func(Attempt) { observed.Add(1) }}
		send := func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/gone" {
				return answer(200), nil
			}
			posts.Add(1)
			if back.Load() {
				return answer(204), nil
			}
			return answer(410), nil
		}
		stop := running(t, newTest(t, c, send))
		first := m.add(1, "https://shop.example/gone", time.Now())
		synctest.Wait()
		time.Sleep(time.Minute)
		var later []uint64
		for inv := range uint64(100) {
			later = append(later, m.add(2+inv, "https://shop.example/gone", time.Now()))
		}
		held := m.add(2, "https://shop.example/gone", time.Now()) // behind another one of its invoice
		other := m.add(200, "https://shop.example/here", time.Now())
		stop()
		again := newTest(t, c, send)
		running(t, again)
		time.Sleep(time.Minute)
		synctest.Wait()
		if d := m.row(first); d.State != Parked || d.Progress.Attempts != 1 {
			t.Errorf("the first: %v after %d", d.State, d.Progress.Attempts)
		}
		for _, id := range append(later, held) {
			if d := m.row(id); d.State != Parked || d.Progress.Attempts != 0 || len(m.tries(id)) != 0 || !strings.Contains(d.Progress.Last, "gone (status 410)") {
				t.Fatalf("a later one: %+v", d)
			}
		}
		if d := m.row(other); d.State != Delivered || posts.Load() != 1 || observed.Load() != 2 {
			t.Errorf("another URL: %v; %d posts, %d seen", d.State, posts.Load(), observed.Load())
		}
		back.Store(true)
		byHand := m.add(1, "https://shop.example/gone", time.Now())
		m.change(func(rows map[uint64]Delivery) {
			d := rows[byHand]
			d.Resend = true
			rows[byHand] = d
		})
		again.Wake()
		time.Sleep(time.Minute)
		next := m.add(1, "https://shop.example/gone", time.Now())
		again.Wake()
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, id := range []uint64{byHand, next} {
			if d := m.row(id); d.State != Delivered || posts.Load() != 3 {
				t.Errorf("once it is back: %+v, %d posts", d, posts.Load())
			}
		}
	})
}

// TestStop: a delivery that is stopped keeps what was tried, and waits for nobody's time.
func TestStop(t *testing.T) {
	d := Policy{}.After(pending(1), Attempt{At: start(), Status: 500})
	d.Gone = true
	is := Policy{}.Stop(d)
	if !d.Stopped() || is.State != Parked || is.Progress.Attempts != 1 || !is.Progress.First.Equal(start()) || !is.Progress.Next.IsZero() || is.Blocks() {
		t.Errorf("%+v", is)
	}
	d.Resend = true
	if d.Stopped() {
		t.Error("what is sent by hand is stopped")
	}
}
