package rate

import (
	"log/slog"
	"time"

	"satchel/money"
)

// Status is how the rates are, for people and for metrics.
type Status struct {
	Enough  bool           // every wanted currency has a rate; without wanted ones: any has
	Code    string         // the first wanted currency, or USD, or the first with a rate where that has none
	Rate    money.Rate     // its rate, as a quote would use it; zero: none now
	Last    time.Time      // when that currency last had a rate; zero: never
	Age     time.Duration  // how long that is ago; 0 with Rate: now
	Sources []SourceStatus // in the order of the configuration
}

// SourceStatus is how one source is.
type SourceStatus struct {
	Name       string
	Success    time.Time     // when it was last asked with success; zero: never
	Age        time.Duration // how long that is ago; 0: never
	Failures   int           // in a row
	Error      string        // what went wrong at the last poll, short; also when only part of it did
	Refused    int           // prices of the last answer that were none
	Currencies int           // prices it has given that are not too old
}

// health is what is kept of a source's polls.
type health struct {
	success  time.Time
	failures int
	err      string
	refused  int
}

const maxErrorText = 160

// after gives the health after another poll.
func (h health) after(a answer, err error, asked time.Time) health {
	n := health{success: h.success, refused: a.refused}
	if err == nil {
		err = a.first
	}
	if err != nil {
		n.err = clip(err.Error(), maxErrorText)
	}
	if len(a.prices) == 0 {
		n.failures = h.failures + 1
		return n
	}
	n.success = asked
	return n
}

// Status tells how the rates are now.
func (s *Service) Status() Status {
	now := s.now()
	list := s.All()
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := Status{Enough: s.enough(list), Sources: make([]SourceStatus, len(s.sources))}
	for i, src := range s.sources {
		st.Sources[i] = s.sourceStatus(i, src.name, now)
	}
	shown := s.shown(list)
	st.Code, st.Rate = shown.Currency.Code, shown.Rate
	switch last, ok := s.last[st.Code]; {
	case !st.Rate.IsZero():
		st.Last = now.Round(0)
		if ok {
			st.Last, st.Age = last.at.Round(0), now.Sub(last.at)
		}
	case ok:
		st.Last, st.Age = last.at.Round(0), now.Sub(last.at)
	}
	return st
}

func (s *Service) enough(list []Listed) bool {
	if len(s.wanted) == 0 {
		return len(list) > 1
	}
	for _, code := range s.wanted {
		if !listed(list, code).ok() {
			return false
		}
	}
	return true
}

// shown picks the currency that stands for all.
func (s *Service) shown(list []Listed) Listed {
	code := "USD"
	if len(s.wanted) > 0 {
		code = s.wanted[0]
	}
	l := listed(list, code)
	if !l.ok() && len(s.wanted) == 0 && len(list) > 1 {
		return list[1]
	}
	l.Currency.Code = code
	return l
}

func listed(list []Listed, code string) Listed {
	for _, l := range list {
		if l.Currency.Code == code {
			return l
		}
	}
	return Listed{}
}

func (l Listed) ok() bool { return !l.Rate.IsZero() }

func (s *Service) sourceStatus(i int, name string, now time.Time) SourceStatus {
	h := s.said[i].health
	st := SourceStatus{Name: name, Success: h.success.Round(0), Failures: h.failures, Error: h.err, Refused: h.refused}
	if !h.success.IsZero() {
		st.Age = now.Sub(h.success)
	}
	for _, t := range s.said[i].ticks {
		if t.age(now) <= s.judge.maxAge {
			st.Currencies++
		}
	}
	return st
}

func sourceAttrs(name string, err error) []slog.Attr {
	attrs := []slog.Attr{slog.String("source", name)}
	if err != nil {
		attrs = append(attrs, slog.String("error", clip(err.Error(), maxErrorText)))
	}
	return attrs
}
