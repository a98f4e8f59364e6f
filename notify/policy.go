package notify

import (
	"fmt"
	"net/http"
	"time"
)

// Policy decides what becomes of a delivery after an attempt. It is pure: the time is the attempt's, and the jitter
// comes from the delivery's number, so the same history always gives the same schedule.
//
// After a failure the next attempt waits 5 s, 15 s, 1 min, 2 min, 5 min, 10 min, 20 min, 40 min, 1 h, 2 h, 4 h, and from
// then on 6 h, each up to a tenth more or less. The last attempt is made RetryFor (72 h) after the first one; when it
// fails too, the delivery is parked and waits for a resend by hand.
//
//   - Any 2xx status is a success; everything else is a failure, and no answer at all is one too.
//   - 410 (Gone) parks at once, and with it everything later for the same URL: the endpoint asked for it (Standard
//     Webhooks). What is sent again by hand is tried, and when it is taken, the URL is back.
//   - 429 and 503 with Retry-After are not tried again before that time, which counts up to 6 h.
//   - A mail that the server refuses for good (5yz, RFC 5321) is parked at once; whatever else it says is tried again.
//   - A mail that was queued, and finds no mail server configured any more, stays pending with that reason.
type Policy struct {
	RetryFor time.Duration // from the first attempt to the last one; 0: DefaultRetryFor
}

// DefaultRetryFor is how long a delivery is tried: the days of a long weekend.
const DefaultRetryFor = 72 * time.Hour

const (
	everyLater    = 6 * time.Hour // between attempts after the ladder's end
	maxRetryAfter = 6 * time.Hour // what an endpoint may ask for at most
	noMailPause   = 6 * time.Hour
)

// noMailServer is the reason of a mail that waits for a configuration.
const noMailServer = "no mail server is configured"

// Ladder lists the waits after the first, second… failure; the last one repeats until the retry time is over.
func Ladder() []time.Duration {
	return []time.Duration{
		5 * time.Second, 15 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
		20 * time.Minute, 40 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, everyLater,
	}
}

// OK tells that the endpoint took the delivery: a 2xx status and no error.
func (a Attempt) OK() bool { return a.Error == "" && a.Status >= 200 && a.Status <= 299 }

// After gives the delivery as it is after an attempt.
func (p Policy) After(d Delivery, a Attempt) Delivery {
	if d.Channel == Mail && a.Error == noMailServer {
		d.State, d.Progress.Last, d.Progress.Next = Pending, noMailServer, a.At.Add(noMailPause)
		return d
	}
	d.Progress.Attempts++
	if d.Progress.First.IsZero() {
		d.Progress.First = a.At
	}
	d.Progress.Next = time.Time{}
	end := d.Progress.First.Add(p.retryFor())
	switch {
	case a.OK():
		d.State, d.Progress.Last = Delivered, fmt.Sprintf("status %d", a.Status)
	case a.Status == http.StatusGone && d.Channel != Mail:
		d.State, d.Progress.Last = Parked, "endpoint says gone (status 410)"
	case a.Final:
		d.State, d.Progress.Last = Parked, a.why()
	case !a.At.Before(end):
		d.State = Parked
		d.Progress.Last = fmt.Sprintf("given up after %d attempts: %s", d.Progress.Attempts, a.why())
	default:
		d.State, d.Progress.Last = Pending, a.why()
		d.Progress.Next = a.At.Add(wait(d, a))
		if d.Progress.Next.After(end) {
			d.Progress.Next = end
		}
	}
	return d
}

// Stop gives the delivery as it is when its URL was gone before it: parked, and not tried.
func (Policy) Stop(d Delivery) Delivery {
	d.State, d.Progress.Next = Parked, time.Time{}
	d.Progress.Last = "not sent: the endpoint said gone (status 410) before; resend it when the endpoint is back"
	return d
}

func (p Policy) retryFor() time.Duration {
	if p.RetryFor <= 0 {
		return DefaultRetryFor
	}
	return p.RetryFor
}

// why says what a failed attempt came to.
func (a Attempt) why() string {
	if a.Error == "" {
		return fmt.Sprintf("status %d", a.Status)
	}
	return a.Error
}

// wait is how long to wait after d's latest failure, which is counted already.
func wait(d Delivery, a Attempt) time.Duration {
	ladder := Ladder()
	rung := ladder[min(d.Progress.Attempts, len(ladder))-1]
	w := rung + jitter(d, rung)
	if a.Status != http.StatusTooManyRequests && a.Status != http.StatusServiceUnavailable {
		return w
	}
	asked := min(a.RetryAfter, maxRetryAfter)
	return max(w, asked+jitter(d, asked/2)+asked/20) // spread over a tenth, and never early
}

// jitter is up to a tenth of w, either way, always the same for a delivery's nth failure.
func jitter(d Delivery, w time.Duration) time.Duration {
	x := d.ID + uint64(d.Progress.Attempts)*0x9e3779b97f4a7c15 //nolint:gosec // a count of attempts
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9                       // splitmix64
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return w*time.Duration(x%2001)/10_000 - w/10
}
