package main

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A short run of what `make chaos` does at length. The seed is printed, and repeats the choices.
func TestShortChaos(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "satchel")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "satchel/cmd/satchel").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r, err := run(t.Context(), options{
		kills: 8, invoices: 80, seed: seed, binary: binary, dir: t.TempDir(), say: func(format string, args ...any) { t.Logf(format, args...) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r.summary())
	if !r.sound() {
		t.Fail()
	}
}

// sound is evidence in which nothing is wrong.
func sound() evidence {
	return evidence{
		chain:   map[string]output{"a:0": {"addr1", 100}, "b:1": {"addr2", 50}, "c:0": {"elsewhere", 7}},
		issued:  map[string]string{"addr1": "one", "addr2": "two"},
		credits: []credit{{"a:0", "addr1", 100}, {"b:1", "addr2", 50}},
		events: []told{
			{"c1", "one", 1, 1, true},
			{"c2", "two", 1, 2, true},
			{"e1", "one", 2, 3, false},
			{"e2", "one", 3, 4, false},
			{"e3", "two", 2, 5, false},
		},
		arrivals: []arrival{
			{"e1", "one", 2, 0, "x"}, {"e3", "two", 2, 1, "z"}, {"e2", "one", 3, 2, "y"}, {"e1", "one", 2, 3, "x"},
		},
	}
}

// The judge sees each thing that can be wrong: a run that ends well is worth something.
func TestJudgeSeesWhatIsWrong(t *testing.T) {
	if v := judge(sound()); v.lost+v.double+v.undelivered+v.gaps+v.disorder != 0 || len(v.problems) > 0 {
		t.Fatalf("sound evidence: %+v", v)
	}
	for name, c := range map[string]struct {
		plant                               func(*evidence)
		lost, double, undelivered, disorder int
	}{
		"a payment is lost":          {func(e *evidence) { e.credits = e.credits[1:] }, 1, 0, 0, 0},
		"a payment counts twice":     {func(e *evidence) { e.credits = append(e.credits, e.credits[0]) }, 0, 1, 0, 0},
		"a payment that nobody made": {func(e *evidence) { e.credits = append(e.credits, credit{"x:0", "addr1", 1}) }, 0, 1, 0, 0},
		"another amount":             {func(e *evidence) { e.credits[0].sats++ }, 0, 1, 0, 0},
		"another invoice":            {func(e *evidence) { e.credits[0].address = "addr2" }, 0, 1, 0, 0},
		"an event never came":        {func(e *evidence) { e.arrivals = slices.Delete(e.arrivals, 1, 2) }, 0, 0, 1, 0},
		"events in the wrong order": {func(e *evidence) {
			e.arrivals[0].first, e.arrivals[2].first = 2, 0
		}, 0, 0, 0, 1},
		"another body under the same id": {func(e *evidence) { e.arrivals[3].body = "other" }, 0, 0, 0, 1},
		"another revision":               {func(e *evidence) { e.arrivals[1].revision = 9 }, 0, 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := sound()
			e.chain = maps.Clone(e.chain)
			c.plant(&e)
			v := judge(e)
			if v.lost != c.lost || v.double != c.double || v.undelivered != c.undelivered || v.disorder != c.disorder || len(v.problems) == 0 {
				t.Errorf("%+v", v)
			}
		})
	}
}

// A gap in the log is seen wherever it is, and so is a log that is cut short.
func TestJudgeSeesGaps(t *testing.T) {
	for name, plant := range map[string]func(*evidence){
		"the first":         func(e *evidence) { e.events = e.events[1:] },
		"one in the middle": func(e *evidence) { e.events = slices.Delete(e.events, 3, 4) },
		"one revision":      func(e *evidence) { e.events[3].revision = 4 },
		"one twice":         func(e *evidence) { e.events = slices.Insert(e.events, 3, e.events[3]) },
		"one invoice's":     func(e *evidence) { e.issued["addr3"] = "three" },
		"another order":     func(e *evidence) { e.events[2].revision, e.events[3].revision = 3, 2 },
	} {
		e := sound()
		plant(&e)
		if v := judge(e); v.gaps == 0 || len(v.problems) == 0 {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if r := (result{verdict: verdict{gaps: 1}, stats: &stats{}}); r.sound() {
		t.Error("a run with a gap is sound")
	}
}

func TestSecretsInALogAreSeen(t *testing.T) {
	secrets := map[string]string{"the token": "0123456789abcdef", "the password": "fedcba9876543210"}
	if got := spilled("msg=ready token=0123456789abcde", secrets); len(got) != 0 {
		t.Errorf("a log without: %q", got)
	}
	if got := spilled("msg=x err=\"GET /?token=0123456789abcdef\"", secrets); len(got) != 1 || !strings.Contains(got[0], "the token") {
		t.Errorf("a log with one: %q", got)
	}
	secrets["the key"] = ""
	if got := spilled("msg=ready", secrets); len(got) != 1 || !strings.Contains(got[0], "the key") {
		t.Errorf("one that is not known: %q", got)
	}
}

func TestWhatIsLeftOpenIsSeen(t *testing.T) {
	base := residue{files: 20, memory: 20 << 20}
	for is, n := range map[residue]int{
		base: 0, {files: 20 + filesLeft, memory: base.memory + memoryLeft}: 0,
		{files: 21 + filesLeft, memory: 1}: 1, {files: 1, memory: base.memory + memoryLeft + 1}: 1, {files: 100, memory: 1 << 30}: 2,
	} {
		if got := is.left(base); len(got) != n {
			t.Errorf("%+v: %q", is, got)
		}
	}
}

func TestSummaryTellsTheSeed(t *testing.T) {
	r := result{seed: 42, verdict: verdict{lost: 1, problems: []string{"in a block, and not credited: a:0"}}, stats: &stats{}}
	if text := r.summary(); r.sound() || !strings.Contains(text, "seed=42") || !strings.Contains(text, "lost=1") || !strings.Contains(text, "a:0") {
		t.Fatalf("%q", text)
	}
}

func TestSatoshisAreExact(t *testing.T) {
	for text, want := range map[string]int64{"0.00000001": 1, "21000000": 2_100_000_000_000_000, "0.1": 10_000_000, "12.34567890": 1_234_567_890} {
		if got, err := satoshis(json.Number(text)); err != nil || got != want {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
}
