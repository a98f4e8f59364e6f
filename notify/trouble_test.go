package notify

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"satchel/fault"
)

func TestShutdownLetsAttemptsEndAndRecordsOnlyThose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		quick := m.add(1, "https://quick.example/", time.Now())
		stuck := m.add(2, "https://stuck.example/", time.Now())
		later := m.add(3, "https://later.example/", time.Now().Add(3*time.Second))
		n := newTest(t, Config{Store: m}, func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "stuck.example" {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			time.Sleep(4 * time.Second)
			return answer(200), nil
		})
		stop := running(t, n)
		time.Sleep(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took != grace {
			t.Errorf("stopped after %v", took)
		}
		if d := m.row(quick); d.State != Delivered {
			t.Errorf("an attempt that ended in time is lost: %v", d.State)
		}
		for _, id := range []uint64{stuck, later} {
			if d := m.row(id); d.State != Pending || d.Progress.Attempts != 0 || len(m.tries(id)) != 0 {
				t.Errorf("%s was recorded: %+v", d.Endpoint, d.Progress)
			}
		}
	})
}

func TestStoreThatFailsIsAskedAgainAndNothingIsSentTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, began, sent := newMemory(), time.Now(), atomic.Int32{}
		broken := func() error {
			if time.Since(began) < time.Minute {
				return fault.New(fault.Unavailable, "disk full")
			}
			return nil
		}
		m.failRecord = func(Delivery) error { return broken() }
		for i := range uint64(5) {
			m.add(i, hook, time.Now())
		}
		var logs bytes.Buffer
		n := newTest(t, Config{Store: m, Log: slog.New(slog.NewTextHandler(&logs, nil))},
			func(*http.Request) (*http.Response, error) { sent.Add(1); return answer(200), nil })
		stop := running(t, n)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if sent.Load() != 5 || len(m.order) != 5 {
			t.Errorf("sent %d, recorded %d", sent.Load(), len(m.order))
		}
		began = time.Now()
		m.mu.Lock()
		m.failRecord, m.failDue = nil, broken
		m.mu.Unlock()
		last, looks := m.add(9, hook, time.Now()), m.looks
		for range 1000 { // a store that fails is not asked at every wake-up
			n.Wake()
			synctest.Wait()
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if d := m.row(last); d.State != Delivered || m.looks-looks > 130 {
			t.Errorf("after the store came back: %v; asked %d times", d.State, m.looks-looks)
		}
		stop()
		for _, want := range []string{"cannot record an attempt", "cannot read due deliveries", "disk full"} {
			if !strings.Contains(logs.String(), want) {
				t.Errorf("the log does not say %q", want)
			}
		}
	})
}

// An answer makes room for the next attempt, however long its record takes.
func TestASlowStoreHoldsUpNoAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sent, store := newMemory(), atomic.Int32{}, make(chan struct{})
		m.failRecord = func(Delivery) error {
			select {
			case <-store:
				return nil
			default:
				return fault.New(fault.Unavailable, "disk full")
			}
		}
		const most = DefaultWorkers * (1 + recordsPerWorker)
		for i := range uint64(most + 50) {
			m.add(i, hook, time.Now())
		}
		n := newTest(t, Config{Store: m}, func(*http.Request) (*http.Response, error) { sent.Add(1); return answer(200), nil })
		running(t, n)
		synctest.Wait()
		if sent.Load() != most {
			t.Errorf("%d were sent while nothing could be recorded, want %d", sent.Load(), most)
		}
		close(store)
		time.Sleep(time.Minute)
		synctest.Wait()
		if sent.Load() != most+50 || len(m.order) != most+50 {
			t.Errorf("%d sent and %d recorded in the end", sent.Load(), len(m.order))
		}
	})
}

// A store that says that it has ended is not asked again: the daemon is on its way out, and must not be held up.
func TestStoreThatEndedIsNotAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		asked := 0
		m.failRecord = func(Delivery) error { asked++; return fmt.Errorf("commit: %w", ErrEnded) }
		m.add(1, hook, time.Now())
		n := newTest(t, Config{Store: m}, func(*http.Request) (*http.Response, error) { return answer(200), nil })
		stop := running(t, n)
		synctest.Wait()
		began := time.Now()
		stop()
		if took := time.Since(began); took > 0 || asked != 1 {
			t.Errorf("asked %d times, stopped after %v", asked, took)
		}
	})
}

func TestStoreThatFailsDoesNotHoldTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.failRecord = func(Delivery) error { return errors.New("closed") }
		id := m.add(1, hook, time.Now())
		n := newTest(t, Config{Store: m}, func(*http.Request) (*http.Response, error) { return answer(200), nil })
		stop := running(t, n)
		time.Sleep(time.Hour)
		began := time.Now()
		stop()
		if took := time.Since(began); took > grace+recordGrace {
			t.Errorf("stopped after %v", took)
		}
		if m.row(id).State != Pending {
			t.Error("recorded though the store refused")
		}
	})
}

func TestDeletedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		id := m.add(1, hook, time.Now())
		n := newTest(t, Config{Store: m}, func(*http.Request) (*http.Response, error) {
			m.change(func(rows map[uint64]Delivery) { delete(rows, id) })
			return answer(200), nil
		})
		running(t, n)
		time.Sleep(time.Second)
		synctest.Wait()
		if n.shares.underway()(id) {
			t.Error("still tried")
		}
	})
}

// A look reads the store while an answer comes: what its view still shows as due was sent, and is not sent again.
func TestNothingIsSentTwiceByAnOldView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, reply := newMemory(), make(chan struct{})
		id := m.add(1, hook, time.Now())
		sent := 0
		n := newTest(t, Config{Store: m}, func(*http.Request) (*http.Response, error) {
			sent++
			<-reply
			return answer(200), nil
		})
		running(t, n)
		synctest.Wait() // it is sent, and waits for its answer
		m.change(func(map[uint64]Delivery) {
			m.viewed = sync.OnceFunc(func() {
				close(reply)
				time.Sleep(time.Second) // the answer is recorded while this look goes through its view
			})
		})
		n.Wake()
		time.Sleep(time.Minute)
		synctest.Wait()
		if d := m.row(id); sent != 1 || d.State != Delivered || d.Progress.Attempts != 1 {
			t.Errorf("sent %d times: %+v", sent, d)
		}
	})
}

// TestMovedClock moves the injected clock as "satchel clock advance" does, with and without a wake-up.
func TestMovedClock(t *testing.T) {
	for _, wake := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			m, ahead := newMemory(), atomic.Int64{}
			now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			id := m.add(1, hook, now().Add(5*time.Hour))
			n := newTest(t, Config{Store: m, Now: now}, func(*http.Request) (*http.Response, error) { return answer(200), nil })
			running(t, n)
			time.Sleep(time.Minute)
			ahead.Store(int64(5 * time.Hour))
			if wake {
				n.Wake()
			} else {
				time.Sleep(tick)
			}
			synctest.Wait()
			if d := m.row(id); d.State != Delivered {
				t.Errorf("woken %v: %v", wake, d.State)
			}
		})
	}
}

func TestLostWakeIsMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		n := newTest(t, Config{Store: m}, func(*http.Request) (*http.Response, error) { return answer(200), nil })
		running(t, n)
		synctest.Wait()
		id := m.add(1, hook, time.Now())
		time.Sleep(reread)
		synctest.Wait()
		if m.row(id).State != Delivered {
			t.Error("nobody looked")
		}
	})
}
