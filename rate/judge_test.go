package rate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"satchel/money"
)

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

type fataler interface{ Fatal(args ...any) }

func rateOf(t fataler, text string) money.Rate {
	r, err := money.ParseRate(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// saw makes sightings of exchanges a minute ago; a name that starts with "~" is an aggregate.
func saw(t fataler, rates ...string) []sighting {
	out := make([]sighting, 0, len(rates))
	for i, text := range rates {
		at := noon().Add(-time.Minute)
		s := sighting{source: fmt.Sprintf("source%d", i), tick: tick{at: at, since: at}}
		if text[0] == '~' {
			s.aggregate, text = true, text[1:]
		}
		s.rate = rateOf(t, text)
		out = append(out, s)
	}
	return out
}

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name string
		min  int
		seen []string
		want string // "0": none
	}{
		{"three agree", 3, []string{"50000", "50100", "49900"}, "50000"},
		{"even number: the middle of two", 3, []string{"50000", "50100", "49900", "50200"}, "50050"},
		{"five", 3, []string{"50000", "50100", "49900", "50200", "~50010"}, "50010"},
		{"nobody", 3, nil, "0"},
		{"nobody, and nobody needed", 0, nil, "0"},
		{"two of three", 3, []string{"50000", "50100"}, "0"},
		{"aggregate is the third beside two exchanges", 3, []string{"50000", "50100", "~50050"}, "50050"},
		{"aggregate beside one exchange", 2, []string{"50000", "~50050"}, "0"},
		{"aggregate beside one exchange does not move the rate", 1, []string{"50000", "~50050"}, "50000"},
		{"aggregate alone", 1, []string{"~50050"}, "0"},
		{"one of three times 100", 3, []string{"50000", "5000000", "50100"}, "50050"},
		{"one of three by 100", 3, []string{"50000", "500", "50100"}, "50050"},
		{"one of three a little off", 3, []string{"50000", "54000", "50100"}, "50050"},
		{"one of three within 5 %", 3, []string{"50000", "52000", "50100"}, "50100"},
		{"two of five hostile", 3, []string{"50000", "500", "50100", "500", "50200"}, "50100"},
		{"three of five hostile are the majority", 3, []string{"60000", "60000", "50100", "60000", "50200"}, "60000"},
		{"all three differ", 3, []string{"50000", "60000", "70000"}, "0"},
		{"two camps of two", 2, []string{"50000", "50010", "60000", "60010"}, "0"},
		{"two disagree by more than 5 %", 2, []string{"50000", "52600"}, "0"},
		{"two disagree by 5 %", 2, []string{"50000", "52500"}, "51250"},
		{"two disagree, and one would do", 1, []string{"50000", "52600"}, "0"},
		{"one, where one will do", 1, []string{"50000"}, "50000"},
	} {
		v := judge{min: c.min, maxAge: 5 * time.Minute}.decide(saw(t, c.seen...), accepted{}, noon())
		if v.rate.String() != c.want || (c.want == "0") != (v.why != "") || len(v.observed) != len(c.seen) {
			t.Errorf("%s: %s (%s), %+v; want %s", c.name, v.rate, v.why, v.observed, c.want)
		}
	}
}

func notes(v verdict) string {
	out := ""
	for _, o := range v.observed {
		switch {
		case o.Used:
			out += "used "
		default:
			out += o.Note + " "
		}
	}
	return out
}

func TestDecideSaysWhatBecameOfEach(t *testing.T) {
	seen := saw(t, "50000", "50100", "80000", "50050", "~50060")
	seen[3].at = noon().Add(-5*time.Minute - time.Nanosecond)
	v := judge{min: 3, maxAge: 5 * time.Minute}.decide(seen, accepted{}, noon())
	if got := notes(v); got != "used used outlier stale used " || v.rate.String() != "50060" {
		t.Errorf("%s, %s", got, v.rate)
	}
	seen[3].at = noon().Add(-5 * time.Minute) // exactly max_age is fresh
	v = judge{min: 3, maxAge: 5 * time.Minute}.decide(seen, accepted{}, noon())
	if got := notes(v); got != "used used outlier used used " {
		t.Error(got)
	}
}

func TestAggregateLosesItsVoteWithTheSecondExchange(t *testing.T) {
	seen := saw(t, "50000", "50100", "~50050")
	seen[1].at = noon().Add(-time.Hour)
	v := judge{min: 1, maxAge: 5 * time.Minute}.decide(seen, accepted{}, noon())
	if got := notes(v); got != "used stale aggregate " || v.rate.String() != "50000" {
		t.Errorf("%s, %s", got, v.rate)
	}
}

func TestJump(t *testing.T) {
	last := func(rate string, ago time.Duration) accepted {
		return accepted{rate: rateOf(t, rate), at: noon().Add(-ago)}
	}
	for _, c := range []struct {
		name string
		last accepted
		seen []string
		want string
	}{
		{"20 % is no jump", last("50000", time.Minute), []string{"60000"}, "60000"},
		{"one source alone does not carry a jump", last("50000", time.Minute), []string{"60001"}, "0"},
		{"nor down", last("50000", time.Minute), []string{"39999"}, "0"},
		{"until the old rate is forgotten", last("50000", time.Hour+1), []string{"60001"}, "60001"},
		{"two that agree do", last("50000", time.Minute), []string{"70000", "70100"}, "70050"},
		{"two of three do", last("50000", time.Minute), []string{"70000", "70100", "50000"}, "70050"},
		{"three of five don't", last("50000", time.Minute), []string{"70000", "70100", "50000", "70050", "~50000"}, "0"},
		{"four of five do", last("50000", time.Minute), []string{"70000", "70100", "70050", "70060", "~50000"}, "70055"},
		{"three of five will do without a jump", last("69000", time.Minute), []string{"70000", "70100", "50000", "70050", "~50000"}, "70050"},
	} {
		v := judge{min: 1, maxAge: 5 * time.Minute}.decide(saw(t, c.seen...), c.last, noon())
		if v.rate.String() != c.want {
			t.Errorf("%s: %s (%s), want %s", c.name, v.rate, v.why, c.want)
		}
	}
}

// history feeds a source's answers 30 s apart, the last one at noon.
func history(t fataler, prices ...string) tick {
	var k tick
	for i, text := range prices {
		asked := noon().Add(time.Duration(i-len(prices)+1) * 30 * time.Second)
		k = k.next(price{code: "USD", rate: rateOf(t, text)}, asked)
	}
	return k
}

func steady(n int, text string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = text
	}
	return out
}

func moving(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(50000 + i)
	}
	return out
}

func TestFrozen(t *testing.T) {
	still, alive := history(t, steady(frozenPolls+1, "50000")...), history(t, moving(frozenPolls+1)...)
	almost := history(t, steady(frozenPolls, "50000")...)
	short := history(t, "50001")
	for _, c := range []struct {
		name  string
		ticks []tick
		want  string
	}{
		{"one of three stands still", []tick{still, alive, alive}, "frozen used used "},
		{"not yet long enough", []tick{almost, alive, alive}, "used used used "},
		{"all stand still: a calm market", []tick{still, still, still}, "used used used "},
		{"one that moves does not silence two", []tick{still, still, alive}, "used used used "},
		{"two of five that move don't either", []tick{still, still, still, alive, alive}, "used used used used used "},
		{"three of four others do", []tick{still, still, alive, alive, alive}, "frozen frozen used used used "},
		{"newcomers have not moved", []tick{still, short, short}, "used used used "},
		{"one of two", []tick{still, alive}, "frozen used "},
		{"alone", []tick{still}, "used "},
	} {
		seen := make([]sighting, len(c.ticks))
		for i, k := range c.ticks {
			seen[i] = sighting{source: fmt.Sprint(i), tick: k}
		}
		v := judge{min: 1, maxAge: 5 * time.Minute}.decide(seen, accepted{}, noon())
		if got := notes(v); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestOldSourcesDoNotCallOthersFrozen(t *testing.T) {
	seen := []sighting{{tick: history(t, steady(frozenPolls+1, "50000")...)}, {tick: history(t, moving(20)...)}, {tick: history(t, moving(20)...)}}
	seen[1].at, seen[2].at = noon().Add(-time.Hour), noon().Add(-time.Hour)
	if got := notes(judge{min: 1, maxAge: 5 * time.Minute}.decide(seen, accepted{}, noon())); got != "used stale stale " {
		t.Error(got)
	}
}

func TestTimeOfTheExchange(t *testing.T) {
	p := func(text string, stamp time.Time) price { return price{rate: rateOf(t, text), stamp: stamp} }
	ago := func(d time.Duration) time.Time { return noon().Add(-d) }

	k := tick{}.next(p("50000", ago(time.Minute)), noon())
	if !k.at.Equal(ago(time.Minute)) {
		t.Errorf("an older time of the exchange counts, got %s", k.at)
	}
	k = tick{}.next(p("50000", noon().Add(time.Hour)), noon())
	if !k.at.Equal(noon()) {
		t.Errorf("a time to come makes nothing younger, got %s", k.at)
	}
	// The exchange's clock is ahead and stands still, and its prices move: it ages all the same.
	later := noon().Add(10 * time.Minute)
	k = k.next(p("50001", noon().Add(time.Hour)), later)
	if !k.at.Equal(noon()) || k.age(later) != 10*time.Minute {
		t.Errorf("a frozen time ages, got %s", k.at)
	}
	k = k.next(p("50002", noon().Add(61*time.Minute)), later)
	if !k.at.Equal(later) {
		t.Errorf("a time that advances is fresh again, got %s", k.at)
	}
	k = k.next(p("50003", ago(20*time.Minute)), later)
	if !k.at.Equal(ago(20 * time.Minute)) {
		t.Errorf("a time that goes back is believed, got %s", k.at)
	}
}

func TestAge(t *testing.T) {
	start := time.Now() // for its monotonic reading
	k := tick{}.next(price{rate: rateOf(t, "50000")}, start)
	if got := k.age(start.Add(time.Minute)); got != time.Minute {
		t.Errorf("both clocks: %s", got)
	}
	if got := k.age(start.Round(0).Add(time.Hour)); got != time.Hour {
		t.Errorf("the wall clock alone: %s", got)
	}
	stamped := tick{}.next(price{rate: rateOf(t, "50000"), stamp: start.Add(-time.Minute).Round(0)}, start)
	if got := stamped.age(start.Add(time.Minute)); got != 2*time.Minute {
		t.Errorf("with the exchange's time: %s", got)
	}
	if !strings.Contains(stamped.at.String(), " m=") {
		t.Error("without a monotonic reading a clock that is set back makes an old price young")
	}
}

// TestMinorityNeverMovesAQuoteFar is the promise of the package: with honest sources within 1 % of each other and fewer
// liars than honest ones, a rate is inside the honest prices, or there is none.
func TestMinorityNeverMovesAQuoteFar(t *testing.T) {
	given := 0
	rapid.Check(t, func(t *rapid.T) {
		honest := rapid.IntRange(1, 4).Draw(t, "honest")
		liars := rapid.IntRange(0, honest-1).Draw(t, "liars")
		base := rapid.Int64Range(100, 90_000_000).Draw(t, "base")
		low, high := base*100_000, base*100_000
		var seen []sighting
		add := func(micro int64) {
			text := fmt.Sprintf("%d.%05d", micro/100_000, micro%100_000)
			s := sighting{source: fmt.Sprint(len(seen)), tick: tick{rate: rateOf(t, text), at: noon().Add(-time.Minute)}}
			seen = append(seen, s)
		}
		for range honest {
			micro := base*100_000 + base*rapid.Int64Range(-500, 500).Draw(t, "noise")
			low, high = min(low, micro), max(high, micro)
			add(micro)
		}
		for range liars {
			near := base*100_000 + base*rapid.Int64Range(-20_000, 20_000).Draw(t, "near")
			add(rapid.OneOf(rapid.Just(near), rapid.Int64Range(1, 1<<60), rapid.Just(base*10_000_000), rapid.Just(base*1000)).Draw(t, "lie"))
		}
		seen = rapid.Permutation(seen).Draw(t, "order")
		for i := range seen { // a liar may be the aggregate
			seen[i].aggregate = rapid.Bool().Draw(t, "aggregate") && len(seen) > 3 && i == 0
		}
		v := judge{min: rapid.IntRange(1, 4).Draw(t, "min"), maxAge: time.Hour}.decide(seen, accepted{}, noon())
		if v.rate.IsZero() {
			return
		}
		given++
		lowest, highest := rateOf(t, fmt.Sprintf("%d.%05d", low/100_000, low%100_000)), rateOf(t, fmt.Sprintf("%d.%05d", high/100_000, high%100_000))
		if v.rate.Cmp(lowest) < 0 || v.rate.Cmp(highest) > 0 {
			t.Fatalf("%s is outside %s to %s: %+v", v.rate, lowest, highest, v.observed)
		}
	})
	if given == 0 {
		t.Fatal("no rate was ever given: the property says nothing")
	}
}

// TestALiarCannotStopAMajorityOfTwo holds availability: one bad source of three costs no quote.
func TestALiarCannotStopAMajorityOfTwo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lie := rapid.Int64Range(1, 1<<50).Draw(t, "lie")
		v := judge{min: 3, maxAge: time.Hour}.decide(saw(t, "50000", fmt.Sprint(lie), "50100"), accepted{}, noon())
		if v.rate.IsZero() {
			t.Fatalf("%d stopped it: %s", lie, v.why)
		}
	})
}
