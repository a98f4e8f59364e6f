package rate

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// When a source is asked again.
const (
	usual    = 30 * time.Second // after a success
	soonest  = 5 * time.Second  // after the first failure, doubling
	longest  = 5 * time.Minute
	jitterBy = 10 // a tenth, either way, so that the sources are not asked in step
)

// Run asks each source in its own goroutine until ctx ends, and then returns nil. A source that hangs, fails or
// misbehaves delays nothing but itself.
func (s *Service) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for i := range s.sources {
		wg.Go(func() { s.follow(ctx, i) })
	}
	<-ctx.Done()
	wg.Wait()
	s.client.CloseIdleConnections()
	return nil
}

// follow asks one source again and again.
func (s *Service) follow(ctx context.Context, i int) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		failures, retry := s.poll(ctx, i)
		timer.Reset(jitter(delay(pollEvery(s.judge.maxAge), s.sources[i].slow, failures, retry), rand.Int64N))
	}
}

// pollEvery gives how often a source is asked, so that a price is renewed several times within its life.
func pollEvery(maxAge time.Duration) time.Duration {
	return min(usual, max(soonest, maxAge/4))
}

// delay gives the pause after a poll: the interval after a success, a doubling one after failures in a row, and what
// the server asked for where that is longer.
func delay(interval time.Duration, slow, failures int, retry time.Duration) time.Duration {
	if failures == 0 {
		return interval * time.Duration(slow)
	}
	d := longest
	if failures <= 6 {
		d = min(soonest<<(failures-1), longest)
	}
	return max(d, min(retry, longest))
}

// jitter moves a pause by up to a tenth; random gives a number from 0 to under n.
func jitter(d time.Duration, random func(n int64) int64) time.Duration {
	span := int64(d) / jitterBy
	if span <= 0 {
		return d
	}
	return d - time.Duration(span) + time.Duration(random(2*span))
}

// poll asks a source once and keeps what it said. It gives the failures in a row and the pause the server asked for.
func (s *Service) poll(ctx context.Context, i int) (failures int, retry time.Duration) {
	asked := s.now()
	a, err := s.sources[i].ask(ctx, s.client)
	if ctx.Err() != nil {
		return 0, 0 // we are stopping: the failure is ours
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		retry = r.retry
	}
	was, is := s.keep(i, a, err, asked)
	switch {
	case is.failures > 0 && was.failures == 0:
		s.log.LogAttrs(ctx, slog.LevelWarn, "price source fails", sourceAttrs(s.sources[i].name, err)...)
	case is.failures == 0 && was.failures > 0:
		s.log.LogAttrs(ctx, slog.LevelInfo, "price source is back", sourceAttrs(s.sources[i].name, nil)...)
	}
	return is.failures, retry
}

// keep stores the prices of an answer, settles what they change, and counts. A poll has failed when it gave no price.
func (s *Service) keep(i int, a answer, err error, asked time.Time) (was, is health) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was = s.said[i].health
	if was == (health{}) {
		s.waiting--
	}
	is = was.after(a, err, asked)
	s.said[i].health = is
	ticks, now := s.said[i].ticks, s.now()
	for _, p := range a.prices {
		ticks[p.code] = ticks[p.code].next(p, asked)
	}
	for _, p := range a.prices {
		if v, method := s.verdict(p.code, now); method != Fixed && !v.rate.IsZero() {
			s.last[p.code] = accepted{rate: v.rate, at: now}
		}
	}
	s.settle(now)
	return was, is
}
