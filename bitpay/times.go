package bitpay

import (
	"strconv"
	"strings"
	"time"

	"satchel/fault"
)

// What a time may look like. Clients send dates, ISO 8601 with and without milliseconds, seconds or milliseconds since
// 1970, the American order, and one a zone that is none ("+0Z").
const (
	maxTime   = 40              // characters
	lastMilli = 253402300799999 // the end of the year 9999
	american  = "01/02/2006"
	secondsTo = 100_000_000_000 // smaller numbers are seconds: as milliseconds they would be before 1973-03-04
)

// ParseTime reads a point in time as BitPay's clients write it. A date is its first moment, in UTC.
func ParseTime(s string) (time.Time, error) {
	t, _, err := parseSpan(s)
	return t, err
}

// day is what a date names; everything else names a moment, which ends with its millisecond or its second.
const day = 24 * time.Hour

// parseSpan reads a time, and how long what it names lasts.
func parseSpan(s string) (time.Time, time.Duration, error) {
	s = strings.TrimSpace(s)
	if len(s) > maxTime {
		return time.Time{}, 0, notTime(s)
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		switch {
		case n < 0 || n > lastMilli:
			return time.Time{}, 0, notTime(s)
		case n < secondsTo:
			return time.Unix(n, 0).UTC(), time.Second, nil
		}
		return time.UnixMilli(n).UTC(), time.Millisecond, nil
	}
	if cut, ok := strings.CutSuffix(s, "+0Z"); ok {
		s = cut + "Z"
	}
	for _, layout := range [...]string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z0700", time.DateTime,
		time.DateOnly, american,
	} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1970 && t.Year() <= 9999 {
			return t.UTC(), spanOf(layout, t), nil
		}
	}
	return time.Time{}, 0, notTime(s)
}

// spanOf is how long what a layout names lasts.
func spanOf(layout string, t time.Time) time.Duration {
	switch {
	case layout == time.DateOnly || layout == american:
		return day
	case t.Nanosecond() == 0:
		return time.Second
	}
	return time.Millisecond
}

func notTime(s string) error {
	return fault.New(fault.Invalid, "%q is not a time: use 2030-05-31, ISO 8601, or milliseconds since 1970", clip(s, maxTime))
}
