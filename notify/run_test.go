package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const hook = "https://shop.example/ipn?key=hush"

// newTest makes a Notifier over a transport without sockets.
func newTest(t *testing.T, c Config, rt trip) *Notifier {
	t.Helper()
	n, err := newNotifier(c, rt)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []Config{
		{},
		{Store: newMemory(), Workers: -1},
		{Store: newMemory(), PerEndpoint: -1},
		{Store: newMemory(), Timeout: -1},
		{Store: newMemory(), RetryFor: -1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
	if n, err := New(Config{Store: newMemory()}); err != nil || n.client.timeout != DefaultTimeout || n.client.agent != "satchel/dev" {
		t.Errorf("defaults: %+v, %v", n, err)
	}
}

func TestOutageOfThreeDaysIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, began := newMemory(), time.Now()
		id := m.add(1, hook, began)
		n := newTest(t, Config{Store: m}, func(*http.Request) (*http.Response, error) {
			if time.Since(began) < 72*time.Hour {
				return nil, errors.New("down")
			}
			return answer(200), nil
		})
		running(t, n)
		time.Sleep(73 * time.Hour)
		synctest.Wait()
		d, tries := m.row(id), m.tries(id)
		if d.State != Delivered || len(tries) < 10 || len(tries) > 30 || d.Progress.Attempts != len(tries) {
			t.Fatalf("%v after %d attempts: %s", d.State, len(tries), d.Progress.Last)
		}
		if !d.Progress.First.Equal(began) || !tries[0].At.Equal(began) {
			t.Errorf("the first attempt was at %v", d.Progress.First)
		}
		if last := tries[len(tries)-1]; last.At.Sub(began) != 72*time.Hour {
			t.Errorf("the last attempt was made after %v", last.At.Sub(began))
		}
	})
}

func TestGivenUpIsParkedAndResendGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, up := newMemory(), atomic.Bool{}
		id := m.add(1, hook, time.Now())
		n := newTest(t, Config{Store: m, RetryFor: 10 * time.Hour}, func(*http.Request) (*http.Response, error) {
			if up.Load() {
				return answer(200), nil
			}
			return answer(500), nil
		})
		running(t, n)
		time.Sleep(100 * time.Hour)
		synctest.Wait()
		if d := m.row(id); d.State != Parked || !strings.HasPrefix(d.Progress.Last, "given up after ") {
			t.Fatalf("%v: %s", d.State, d.Progress.Last)
		}
		before := len(m.tries(id))
		up.Store(true)
		again := m.add(1, hook, time.Now())
		m.change(func(rows map[uint64]Delivery) {
			d := rows[again]
			d.EventID, d.Resend = rows[id].EventID, true
			rows[again] = d
		})
		n.Wake()
		synctest.Wait()
		if d := m.row(again); d.State != Delivered || len(m.tries(id)) != before {
			t.Errorf("resent: %v; the parked one was tried %d times more", d.State, len(m.tries(id))-before)
		}
		if a := m.tries(again); len(a) != 1 || !a[0].Redelivery {
			t.Errorf("%+v", a)
		}
	})
}

func TestGoneAndRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, began := newMemory(), time.Now()
		gone := m.add(1, "https://gone.example/", began)
		busy := m.add(2, "https://busy.example/", began)
		dated := m.add(3, "https://dated.example/", began)
		n := newTest(t, Config{Store: m}, func(r *http.Request) (*http.Response, error) {
			switch {
			case r.URL.Host == "gone.example":
				return answer(410), nil
			case time.Since(began) > time.Minute:
				return answer(200), nil
			case r.URL.Host == "busy.example":
				return answer(429, "Retry-After", "3600"), nil
			}
			return answer(503, "Date", "Sat, 02 Jan 2027 03:04:05 GMT", "Retry-After", "Sat, 02 Jan 2027 04:04:05 GMT"), nil
		})
		running(t, n)
		time.Sleep(time.Hour - time.Second)
		synctest.Wait()
		if d := m.row(gone); d.State != Parked || d.Progress.Attempts != 1 {
			t.Errorf("gone: %v after %d", d.State, d.Progress.Attempts)
		}
		for _, id := range []uint64{busy, dated} {
			if d := m.row(id); d.State != Pending || d.Progress.Attempts != 1 {
				t.Errorf("%s before its time: %v after %d", d.Endpoint, d.State, d.Progress.Attempts)
			}
		}
		time.Sleep(6*time.Minute + 2*time.Second)
		synctest.Wait()
		for _, id := range []uint64{busy, dated} {
			if d := m.row(id); d.State != Delivered || d.Progress.Attempts != 2 {
				t.Errorf("%s after its time: %v after %d", d.Endpoint, d.State, d.Progress.Attempts)
			}
		}
	})
}

// TestTheTokenSigns: newer plug-ins take only what is signed with the token of the shop. An invoice that none made, or of
// which it cannot be told, has its callback all the same.
func TestTheTokenSigns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		for inv := range uint64(3) {
			m.add(inv+1, hook, time.Now())
		}
		var mu sync.Mutex
		seen := map[string][]string{}
		n := newTest(t, Config{Store: m, Token: func(_ context.Context, d Delivery) (string, error) {
			switch d.Invoice {
			case "inv-1":
				return "9XeTheShopsToken", nil
			case "inv-2":
				return "", nil
			}
			return "", errors.New("the disk is away")
		}}, func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			seen[r.Header.Get("Webhook-Id")] = r.Header.Values("X-Signature")
			return answer(200), nil
		})
		running(t, n)
		time.Sleep(time.Second)
		synctest.Wait()
		// base64_encode(hash_hmac('sha256', $body, $token, true)) of PHP
		want := map[string][]string{"evt-1": {"lRvaFYJvyIVIJ9v+O0QsKL6N9ZLNOWEqTAOWLa45j8o="}, "evt-2": nil, "evt-3": nil}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Error(diff)
		}
		if _, err := n.Sample(t.Context(), hook, m.secrets); err != nil || seen["evt-1"] == nil {
			t.Errorf("a sample, which is no invoice's: %v", err)
		}
	})
}

func TestOrderHoldsUntilThreeFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		bad := m.add(1, hook, time.Now())
		second := m.add(1, hook, time.Now())
		third := m.add(1, hook, time.Now())
		other := m.add(2, hook, time.Now())
		var mu sync.Mutex
		var seen []string
		n := newTest(t, Config{Store: m}, func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, r.Header.Get("Webhook-Id")+"/"+r.Header.Get("Satchel-Revision"))
			if r.Header.Get("Webhook-Id") == "evt-1" {
				return answer(500), nil
			}
			return answer(200), nil
		})
		running(t, n)
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if m.row(bad).Progress.Attempts != 2 || m.row(second).Progress.Attempts != 0 || m.row(other).State != Delivered {
			t.Fatalf("after two failures: %v, other %v", seen, m.row(other).State)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if m.row(second).State != Delivered || m.row(third).State != Delivered || m.row(bad).State != Pending {
			t.Fatalf("after three failures: %v", seen)
		}
		slices.Sort(seen[:2]) // the two invoices start together
		if got := strings.Join(seen, " "); got != "evt-1/1 evt-4/1 evt-1/1 evt-1/1 evt-2/2 evt-3/3" {
			t.Errorf("order: %s", got)
		}
	})
}

// TestShares holds slow endpoints against the rules, by counting attempts that do not return.
func TestShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		for range 20 {
			for host := range 10 { // ten tarpits with long queues that are older than everything else
				m.add(uint64(len(m.rows)), fmt.Sprintf("https://tarpit%d.example/", host), time.Now().Add(-time.Hour))
			}
		}
		var good []uint64
		for host := range 50 {
			for range 10 {
				good = append(good, m.add(uint64(len(m.rows)), fmt.Sprintf("https://shop%d.example/", host), time.Now()))
			}
		}
		var mu sync.Mutex
		stuck, most, all := map[string]int{}, 0, 0
		n := newTest(t, Config{Store: m}, func(r *http.Request) (*http.Response, error) {
			if !strings.HasPrefix(r.URL.Host, "tarpit") {
				return answer(200), nil
			}
			mu.Lock()
			stuck[r.URL.Host]++
			all++
			most = max(most, stuck[r.URL.Host])
			mu.Unlock()
			<-r.Context().Done()
			mu.Lock()
			stuck[r.URL.Host]--
			all--
			mu.Unlock()
			return nil, r.Context().Err()
		})
		stop := running(t, n)
		synctest.Wait() // no time passes: nothing of the tarpits has ended
		for _, id := range good {
			if d := m.row(id); d.State != Delivered || d.Progress.Attempts != 1 {
				t.Fatalf("%s waits behind the tarpits", d.Endpoint)
			}
		}
		mu.Lock()
		if most > DefaultPerEndpoint || all > DefaultWorkers/2 || all < DefaultPerEndpoint {
			t.Errorf("%d of one tarpit, %d of all", most, all)
		}
		mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		m.mu.Lock()
		for id, tries := range m.attempts {
			for _, a := range tries {
				if strings.HasPrefix(m.rows[id].Endpoint, "https://tarpit") && (a.Error != "timeout after 30 s" || a.Took != DefaultTimeout) {
					t.Errorf("tarpit: %+v", a)
				}
			}
		}
		m.mu.Unlock()
		stop()
		if n.shares.sending != 0 || n.shares.unproven != 0 || len(n.shares.at) != 0 || len(n.shares.busy) != 0 {
			t.Errorf("shares are not given back: %+v", n.shares)
		}
	})
}

func TestProvenEndpointMayFillItsShareAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, now, most := newMemory(), atomic.Int32{}, atomic.Int32{}
		for i := range uint64(200) {
			m.add(i, hook, time.Now())
		}
		n := newTest(t, Config{Store: m}, func(*http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(100 * time.Millisecond)
			now.Add(-1)
			return answer(200), nil
		})
		running(t, n)
		time.Sleep(25*100*time.Millisecond + time.Millisecond)
		synctest.Wait()
		if len(m.order) != 200 || most.Load() != DefaultPerEndpoint {
			t.Errorf("%d delivered in 2.5 s, %d at a time", len(m.order), most.Load())
		}
	})
}

func TestWorkersBoundAll(t *testing.T) {
	for _, workers := range []int{1, 2, 5, 64} {
		synctest.Test(t, func(t *testing.T) {
			m, now, most := newMemory(), atomic.Int32{}, atomic.Int32{}
			for i := range uint64(300) {
				m.add(i, fmt.Sprintf("https://shop%d.example/", i%100), time.Now())
			}
			n := newTest(t, Config{Store: m, Workers: workers}, func(*http.Request) (*http.Response, error) {
				most.Store(max(most.Load(), now.Add(1)))
				time.Sleep(time.Millisecond)
				now.Add(-1)
				return answer(200), nil
			})
			running(t, n)
			time.Sleep(time.Second)
			synctest.Wait()
			if len(m.order) != 300 || most.Load() != int32(workers) {
				t.Errorf("%d workers: %d delivered, %d at a time", workers, len(m.order), most.Load())
			}
		})
	}
}

func TestIdleRestsAndNeverSpins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		n := newTest(t, Config{Store: m}, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		for i := range uint64(400) { // more than may start
			m.add(i, hook, time.Now())
		}
		running(t, n)
		time.Sleep(time.Hour)
		synctest.Wait()
		if limit := 3*len(m.order) + 120; m.looks > limit {
			t.Errorf("asked %d times in an hour, for %d attempts", m.looks, len(m.order))
		}
	})
}

func TestMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		mail := func(to string) uint64 {
			id := m.add(uint64(len(m.rows)), to, time.Now())
			m.change(func(rows map[uint64]Delivery) {
				d := rows[id]
				d.Channel = Mail
				rows[id] = d
			})
			return id
		}
		none := mail("till@shop.example")
		post := func(*http.Request) (*http.Response, error) { t.Error("a mail was posted"); return answer(200), nil }
		stop := running(t, newTest(t, Config{Store: m}, post))
		time.Sleep(100 * time.Hour)
		stop()
		if d := m.row(none); d.State != Pending || d.Progress.Last != "no mail server is configured" || d.Progress.Attempts != 0 {
			t.Fatalf("without a server: %v, %+v", d.State, d.Progress)
		}
		bad, slow := mail("bad@shop.example"), mail("slow@other.example")
		running(t, newTest(t, Config{Store: m, Mailer: mailer(func(ctx context.Context, to string) error {
			switch to {
			case "bad@shop.example":
				return errors.New("550 no such\nmailbox")
			case "slow@other.example":
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})}, post))
		time.Sleep(time.Minute)
		synctest.Wait()
		time.Sleep(7 * time.Hour)
		synctest.Wait()
		if d := m.row(none); d.State != Delivered {
			t.Errorf("with a server: %v", d.State)
		}
		if d := m.row(bad); d.State != Pending || d.Progress.Last != "mail: 550 no such mailbox" {
			t.Errorf("refused: %v, %q", d.State, d.Progress.Last)
		}
		if d := m.row(slow); d.State != Pending || d.Progress.Last != "mail: timeout after 30 s" {
			t.Errorf("slow: %v, %q", d.State, d.Progress.Last)
		}
	})
}

type mailer func(ctx context.Context, to string) error

func (f mailer) Send(ctx context.Context, d Delivery) error { return f(ctx, d.Endpoint) }

func TestWithoutSecretNothingIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, observed := newMemory(), atomic.Int32{}
		m.failSecret = errors.New("unreadable")
		id := m.add(1, hook, time.Now())
		n := newTest(t, Config{Store: m, Observe: func(Attempt) { observed.Add(1) }}, func(*http.Request) (*http.Response, error) {
			t.Error("sent without a signature")
			return answer(200), nil
		})
		running(t, n)
		synctest.Wait()
		if d := m.row(id); d.State != Pending || d.Progress.Last != "not sent: the signing secret cannot be read" {
			t.Errorf("%v, %q", d.State, d.Progress.Last)
		}
		m.mu.Lock()
		m.failSecret, m.secrets.Webhook = nil, ""
		m.mu.Unlock()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if d := m.row(id); d.Progress.Last != "not sent: no usable signing secret" || observed.Load() != 2 {
			t.Errorf("%q; %d observed", d.Progress.Last, observed.Load())
		}
	})
}

func TestLogsHoldNoSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		for i, host := range []string{"ok", "bad", "gone"} {
			m.add(uint64(i), "https://"+host+".example/path-hush?key=hush", time.Now())
		}
		var logs bytes.Buffer
		n := newTest(t, Config{Store: m, Log: slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))},
			func(r *http.Request) (*http.Response, error) {
				return answer(map[string]int{"ok.example": 200, "bad.example": 500, "gone.example": 410}[r.URL.Host]), nil
			})
		stop := running(t, n)
		synctest.Wait()
		stop()
		text := logs.String()
		for _, want := range []string{"state=delivered", "state=pending", "state=parked", "https://bad.example"} {
			if !strings.Contains(text, want) {
				t.Errorf("the log does not say %q", want)
			}
		}
		if strings.Contains(text, "hush") || strings.Contains(text, "whsec_") || strings.Contains(text, m.secrets.Webhook.Reveal()) {
			t.Errorf("the log tells too much:\n%s", text)
		}
	})
}
