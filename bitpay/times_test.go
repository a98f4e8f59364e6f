package bitpay

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseTimeTakesTheSpellingsOfTheField(t *testing.T) {
	for s, want := range map[string]string{
		"2030-05-31":                    "2030-05-31T00:00:00Z",
		"05/31/2030":                    "2030-05-31T00:00:00Z",
		"2014-11-13T04:30:07.905Z":      "2014-11-13T04:30:07.905Z",
		"2014-11-13T04:30:07Z":          "2014-11-13T04:30:07Z",
		"2014-11-13T04:30:07":           "2014-11-13T04:30:07Z",
		"2014-11-13 04:30:07":           "2014-11-13T04:30:07Z",
		"2014-11-13T05:30:07.905+01:00": "2014-11-13T04:30:07.905Z",
		"2014-11-13T05:30:07+0100":      "2014-11-13T04:30:07Z",
		"2026-11-22T14:14:37.999000+0Z": "2026-11-22T14:14:37.999Z",
		"1546300800000":                 "2019-01-01T00:00:00Z",
		"1546300800":                    "2019-01-01T00:00:00Z",
		" 1546300800123 ":               "2019-01-01T00:00:00.123Z",
		"0":                             "1970-01-01T00:00:00Z",
		"253402300799999":               "9999-12-31T23:59:59.999Z",
		"2024-02-29":                    "2024-02-29T00:00:00Z",
	} {
		got, err := ParseTime(s)
		if err != nil || !got.Equal(at(want)) {
			t.Errorf("%q: %v (%v), want %s", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", "tomorrow", "2023-02-29", "31/05/2030", "-1", "253402300800000", "1e12", "1546300800.5", "2014-11-13T25:00:00Z",
		"1969-12-31", "9223372036854775808", "2014-11-13T04:30:07.905Z2014-11-13T04:30:07.905Z",
	} {
		if got, err := ParseTime(s); err == nil {
			t.Errorf("%q is %v", s, got)
		} else {
			faultOf(t, err)
		}
	}
}

func TestParseTimeReadsWhatWeWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.UnixMilli(rapid.Int64Range(secondsTo, lastMilli).Draw(t, "ms")).UTC()
		e := newEncoder(64)
		e.iso("t", want)
		b, err := ParseBody([]byte("{" + string(e.b) + "}"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseTime(b.find("t").src); err != nil || !got.Equal(want) {
			t.Fatalf("%v became %v (%v)", want, got, err)
		}
	})
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2030-05-31", "1546300800000", "2026-11-22T14:14:37.999000+0Z", "+0Z", "9", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseTime(s)
		if err == nil && (got.Year() < 1969 || got.Year() > 10000 || got.Location() != time.UTC) {
			t.Fatalf("%q is %v", s, got)
		}
	})
}
