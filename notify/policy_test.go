package notify

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func start() time.Time { return time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC) }

func pending(id uint64) Delivery {
	return Delivery{ID: id, State: Pending, Outgoing: Outgoing{Channel: IPN}, Progress: Progress{Next: start()}}
}

func TestLadderRisesAndIsNotShared(t *testing.T) {
	l := Ladder()
	for i := 1; i < len(l); i++ {
		if l[i] <= l[i-1] {
			t.Errorf("rung %d is %v after %v", i, l[i], l[i-1])
		}
	}
	if l[0] != 5*time.Second || l[len(l)-1] != 6*time.Hour {
		t.Errorf("from %v to %v", l[0], l[len(l)-1])
	}
	l[0] = 0
	if Ladder()[0] == 0 {
		t.Error("a caller can change the ladder")
	}
}

func TestAfter(t *testing.T) {
	at := start()
	last := pending(1)
	last.Progress = Progress{Attempts: 20, First: at.Add(-DefaultRetryFor)}
	mail := pending(1)
	mail.Channel = Mail
	for _, c := range []struct {
		name  string
		d     Delivery
		a     Attempt
		state State
		last  string
	}{
		{"200", pending(1), Attempt{Status: 200}, Delivered, "status 200"},
		{"204", pending(1), Attempt{Status: 204}, Delivered, "status 204"},
		{"299", pending(1), Attempt{Status: 299}, Delivered, "status 299"},
		{"2xx after the end", last, Attempt{Status: 200}, Delivered, "status 200"},
		{"199", pending(1), Attempt{Status: 199}, Pending, "status 199"},
		{"300", pending(1), Attempt{Status: 300}, Pending, "status 300"},
		{"redirect", pending(1), Attempt{Status: 302, Error: "status 302: redirect not followed"}, Pending, "status 302: redirect not followed"},
		{"400", pending(1), Attempt{Status: 400}, Pending, "status 400"},
		{"404", pending(1), Attempt{Status: 404}, Pending, "status 404"},
		{"500", pending(1), Attempt{Status: 500}, Pending, "status 500"},
		{"nothing at all", pending(1), Attempt{}, Pending, "status 0"},
		{"no answer", pending(1), Attempt{Error: "connection refused"}, Pending, "connection refused"},
		{"2xx with an error", pending(1), Attempt{Status: 200, Error: "odd"}, Pending, "odd"},
		{"gone", pending(1), Attempt{Status: 410, Error: "status 410"}, Parked, "endpoint says gone (status 410)"},
		{"the last", last, Attempt{Error: "connection refused"}, Parked, "given up after 21 attempts: connection refused"},
		{"mail", mail, Attempt{Status: 250}, Delivered, "status 250"},
		{"mail refused for good", mail, Attempt{Status: 550, Final: true, Error: "mail: no such mailbox"}, Parked, "mail: no such mailbox"},
		{"mail refused for now", mail, Attempt{Status: 451, Error: "mail: later"}, Pending, "mail: later"},
		{"mail without a server", mail, Attempt{Error: noMailServer}, Pending, noMailServer},
	} {
		c.a.At = at
		got := Policy{}.After(c.d, c.a)
		if got.State != c.state || got.Progress.Last != c.last {
			t.Errorf("%s: %v, %q", c.name, got.State, got.Progress.Last)
		}
		if (got.State == Pending) == got.Progress.Next.IsZero() {
			t.Errorf("%s: %v and next %v", c.name, got.State, got.Progress.Next)
		}
		if got.Progress.Attempts > 0 && got.Progress.First.IsZero() {
			t.Errorf("%s: the first attempt's time is lost", c.name)
		}
	}
}

func TestMailWithoutServerIsNoAttemptAndHoldsNothing(t *testing.T) {
	d := pending(1)
	d.Channel = Mail
	if d.Blocks() {
		t.Error("a mail holds a callback back")
	}
	for range 100 {
		d = Policy{}.After(d, Attempt{At: start().Add(1000 * time.Hour), Error: noMailServer})
	}
	if d.State != Pending || d.Progress.Attempts != 0 || !d.Progress.First.IsZero() {
		t.Errorf("%+v", d)
	}
}

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		status  int
		asked   time.Duration
		atLeast time.Duration
		below   time.Duration
	}{
		{429, 2 * time.Minute, 2 * time.Minute, 133 * time.Second},
		{503, 2 * time.Minute, 2 * time.Minute, 133 * time.Second},
		{503, time.Second, 4500 * time.Millisecond, 5501 * time.Millisecond}, // the ladder is longer
		{503, 0, 4500 * time.Millisecond, 5501 * time.Millisecond},
		{503, 1000 * time.Hour, 6 * time.Hour, 6*time.Hour + 37*time.Minute},
		{429, math.MaxInt64, 6 * time.Hour, 6*time.Hour + 37*time.Minute},
		{500, time.Hour, 4500 * time.Millisecond, 5501 * time.Millisecond}, // only where it means that
		{200, time.Hour, 0, 0},
	} {
		for id := range uint64(200) {
			d := Policy{}.After(pending(id), Attempt{At: start(), Status: c.status, RetryAfter: c.asked})
			if c.status == 200 {
				continue
			}
			if w := d.Progress.Next.Sub(start()); w < c.atLeast || w >= c.below {
				t.Errorf("status %d, asked for %v: waits %v", c.status, c.asked, w)
			}
		}
	}
}

// outage runs an endpoint that fails until up; it gives the delivery at the end and the waits.
func outage(p Policy, d Delivery, up time.Time) (Delivery, []time.Duration) {
	var waits []time.Duration
	for now := start(); d.State == Pending; now = d.Progress.Next {
		a := Attempt{At: now, Error: "connection refused"}
		if !now.Before(up) {
			a = Attempt{At: now, Status: http.StatusOK}
		}
		d = p.After(d, a)
		if d.State == Pending {
			waits = append(waits, d.Progress.Next.Sub(now))
		}
	}
	return d, waits
}

func TestOutageOfThreeDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Uint64().Draw(t, "id")
		d, waits := outage(Policy{}, pending(id), start().Add(72*time.Hour))
		if d.State != Delivered || d.Progress.Attempts < 10 || d.Progress.Attempts > 30 {
			t.Fatalf("after 72 h: %v in %d attempts", d.State, d.Progress.Attempts)
		}
		ladder := Ladder()
		for i, w := range waits[:len(waits)-1] { // the last one is cut at the end
			rung := ladder[min(i, len(ladder)-1)]
			if w < rung-rung/10 || w > rung+rung/10 {
				t.Fatalf("wait %d is %v, not %v and a tenth", i, w, rung)
			}
		}
		again, same := outage(Policy{}, pending(id), start().Add(72*time.Hour))
		if again.Progress != d.Progress || len(same) != len(waits) {
			t.Fatal("the same history gave another schedule")
		}
	})
}

func TestGivenUpExactlyAtTheEnd(t *testing.T) {
	for _, keep := range []time.Duration{0, time.Second, time.Hour, 10 * time.Hour} {
		d, waits := outage(Policy{RetryFor: keep}, pending(7), start().Add(10_000*time.Hour))
		var sum time.Duration
		for _, w := range waits {
			sum += w
		}
		want := keep
		if keep == 0 {
			want = DefaultRetryFor
		}
		if d.State != Parked || sum != want || !strings.HasPrefix(d.Progress.Last, "given up after ") {
			t.Errorf("%v: %v after %v, %q", want, d.State, sum, d.Progress.Last)
		}
	}
}

func TestJitterSpreads(t *testing.T) {
	lo, hi, sum := time.Hour, time.Duration(0), time.Duration(0)
	for id := range uint64(10_000) {
		d := Policy{}.After(pending(id), Attempt{At: start(), Status: 500})
		w := d.Progress.Next.Sub(start())
		lo, hi, sum = min(lo, w), max(hi, w), sum+w
	}
	if lo > 4510*time.Millisecond || hi < 5490*time.Millisecond {
		t.Errorf("from %v to %v", lo, hi)
	}
	if mean := sum / 10_000; mean < 4980*time.Millisecond || mean > 5020*time.Millisecond {
		t.Errorf("mean %v", mean)
	}
}

func TestBlocks(t *testing.T) {
	d := pending(1)
	for i := range OrderedTries {
		if !d.Blocks() {
			t.Errorf("lets others pass after %d failures", i)
		}
		d = Policy{}.After(d, Attempt{At: start(), Status: 500})
	}
	if d.Blocks() {
		t.Error("still blocks after three failures")
	}
	if d = (Policy{}).After(pending(1), Attempt{At: start(), Status: 200}); d.Blocks() {
		t.Error("blocks though it is delivered")
	}
}

func TestEndpointKey(t *testing.T) {
	for text, want := range map[string]string{
		"https://Shop.example/a?x=1":       "https://shop.example",
		"https://shop.example:443/b":       "https://shop.example",
		"http://shop.example:80":           "http://shop.example",
		"http://shop.example:443/":         "http://shop.example:443",
		"HTTP://u:p@shop.example:8080/":    "http://shop.example:8080",
		"http://[2001:DB8::80]/":           "http://[2001:db8::80]",
		"till@Mail.example":                "mail",
		`"a@b"@mail.example`:               "mail",
		"no address at all":                "mail",
		"https://shop.example/x@y.example": "https://shop.example",
	} {
		if got := EndpointKey(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// FuzzRetryAfter: whatever a receiver answers, the wait it asks for is read or passed over, and is none of the past.
func FuzzRetryAfter(f *testing.F) {
	f.Add("120", "")
	f.Add("Fri, 01 May 2026 12:00:00 GMT", "Fri, 01 May 2026 11:00:00 GMT")
	f.Add("Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT")
	f.Add("-1", "x")
	f.Add("99999999999999999999", "")
	f.Fuzz(func(t *testing.T, after, date string) {
		if wait := retryAfter(http.Header{"Retry-After": {after}, "Date": {date}}); wait < 0 {
			t.Fatalf("%q at %q is a wait of %s", after, date, wait)
		}
	})
}
