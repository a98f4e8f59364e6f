package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// proof is where a scenario is proved: by which parts of which tests here, and by which tests of other packages (as
// "package.Test"). A scenario without either says why.
type proof struct {
	here      []string
	elsewhere []string
	why       string // also: what of the scenario is decided otherwise, or is proved elsewhere
}

// scenarios lists the scenarios that concern invoices, by their numbers.
func scenarios() map[int]proof {
	here := func(names ...string) proof { return proof{here: names} }
	return map[int]proof{
		1:  here("01 exact payment"),
		2:  here("02 two parts"),
		3:  here("03 over by one bitcoin"),
		4:  {here: []string{"04 paid twice"}, why: "paying the surplus back comes with money out; here it is listed for a hand, with its value"},
		5:  here("05 tolerance in percent"),
		6:  here("06 tolerance in satoshis"),
		7:  here("07 tolerance of all and of nothing"),
		8:  {here: []string{"08 more decimals than there are"}, why: "the API refuses what it would have to round; taxIncluded changes nothing of what is due"},
		9:  here("09 the due sum is rounded up"),
		10: here("10 negative and endless prices"),
		11: here("11 dust uses no address"),
		12: {here: []string{"12 an open price"}, why: "only an operator may leave the price open"},
		13: here("13 a price of zero"),
		14: here("14 two outputs to one invoice"),
		15: here("15 one transaction for two invoices"),
		16: here("16 paid from the merchant's own wallet"),
		17: here("17 texts come back as they went in"),
		18: {here: []string{"18 nothing on top of the price"}, why: "there is one mode: the payer bears the network's fee, and nothing is put on top"},
		19: here("19 unpaid until the end"),
		20: {here: []string{"20 half paid at the end"}, why: "one event says both: expiredPartial"},
		21: here("21 all of it after the end"),
		22: here("22 a part before and the rest after"),
		23: here("23 seen before the end and processed after"),
		24: here("24 never in a block until it was given up"),
		25: {here: []string{"25 ends that are too near and too far"}, why: "an end that is too far is cut, for plugins ask for it by habit"},
		26: {here: []string{"26 a clock that steps"}, why: "a step forward is time that has passed: what is unpaid then expires, once"},
		27: here("27 paid after it was cancelled"),
		28: here("28 paid thirty days later"),
		29: here("29 a fee bump pays the same", "29 a fee bump that is met in a block"),
		30: here("30 a replacement lowers an overpayment"),
		31: here("31 a double spend is mined"),
		32: here("32 a double spend is seen in the mempool"),
		33: {
			here: []string{"33 high speed and a transaction that does not signal"}, elsewhere: []string{"tracker.TestZeroConfReasons", "tracker.TestScenario33ZeroConfTakenAway"},
			why: "a node without peers never says that a transaction was asked for, so the yes of the policy is proved on the fake chain",
		},
		34: here("34 a reorg of one block", "34 a reorg while nobody watched"),
		35: here("35 a reorg brings a conflict"),
		36: here("36 the node's chain gets shorter and longer again"),
		37: here("37 reorgs of six and of a hundred blocks"),
		38: here("38 dropped from the mempool and sent again", "38 forgotten for good"),
		39: here("39 the parent is replaced"),
		40: here("40 a coinbase pays"),
		41: {
			here: []string{"41 killed after every step"}, elsewhere: []string{"store.TestPowerCuts", "chaos.TestShortChaos"},
			why: "kills between the steps of one commit are the store's, kills at random times those of the chaos test",
		},
		42: here("42 paid while the daemon was down"),
		43: here("43 in time, and found after the end"),
		44: here("44 late, and spent already"),
		45: {
			here: []string{
				"45 the node restarts", "45 the node starts and is not ready", "45 the node still reads its mempool", "45 the node hangs",
				"45 the node refuses our password", "45 another network answers",
			},
			elsewhere: []string{"chain.TestWarmUpIsNotReady", "chain.TestFullWorkQueueIsNotReady"},
		},
		46: {here: []string{"46 messages are lost"}, elsewhere: []string{"chain.TestWatcherSurvivesAHugeFrame"}},
		47: here("47 blocks were thrown away"),
		48: here("48 the node has to catch up"),
		49: {
			elsewhere: []string{"satchel.TestFailingDiskEndsTheDaemonAndLosesNothing", "satchel.TestFullDisk", "satchel.TestReadOnlyDisk", "store.TestPowerCuts"},
			why:       "disks that are full or fail have tests of their own",
		},
		50: {here: []string{"50 odd transactions in the block of a payment"}, elsewhere: []string{"chain.TestScanBlockReadsOddButValidBlocks"}},
		51: here("51 the signature is over the exact bytes", "51 a token that was revoked signs nothing"),
		52: here("52 order and content"),
		53: here("53 endpoints that fail", "53 endpoints that ask to be left alone", "53 an endpoint that is gone", "53 endpoints that talk for ever"),
		54: {here: []string{"54 an endpoint that is dead for a day"}, elsewhere: []string{"notify.TestOutageOfThreeDaysIsDelivered", "notify.TestShares"}},
		55: here("55 the same event again"),
		56: {
			here: []string{"56 who asked for less gets less"},
			why:  "there are no subscriptions to delete: an invoice has one endpoint and one format, and nothing is pruned",
		},
		57: {
			here:      []string{"57 redirects are not followed", "57 private addresses", "57 the node's and the daemon's own ports"},
			elsewhere: []string{"notify.TestNothingPrivateIsEverDialled", "notify.TestRebinding", "notify.TestRedirectToPrivate"},
			why:       "a name that resolves to a private address takes a name server of one's own",
		},
	}
}

// Every scenario is in the table, and what the table names is there.
func TestEveryScenarioIsPlayed(t *testing.T) {
	played := map[string]bool{}
	for _, call := range regexp.MustCompile(`c\.scenario\("([^"]+)"`).FindAllStringSubmatch(source(t, "scenario_*_test.go"), -1) {
		if played[call[1]] {
			t.Errorf("%q is played twice", call[1])
		}
		played[call[1]] = true
	}
	table := scenarios()
	for n := 1; n <= 57; n++ {
		p, ok := table[n]
		if !ok || len(p.here)+len(p.elsewhere) == 0 && p.why == "" {
			t.Errorf("scenario %d is not in the table", n)
		}
		for _, name := range p.here {
			if !played[name] || !strings.HasPrefix(name, fmt.Sprintf("%02d ", n)) {
				t.Errorf("scenario %d: nothing plays %q", n, name)
			}
			delete(played, name)
		}
		for _, name := range p.elsewhere {
			room, test, _ := strings.Cut(name, ".")
			if !strings.Contains(source(t, folder(room)+"/*_test.go"), "func "+test+"(t *testing.T)") {
				t.Errorf("scenario %d: there is no %s", n, name)
			}
		}
	}
	if len(table) != 57 {
		t.Errorf("%d scenarios", len(table))
	}
	for name := range played {
		t.Errorf("%q is not in the table", name)
	}
}

func folder(room string) string {
	switch room {
	case "chaos":
		return "../../internal/chaos"
	case "satchel":
		return "."
	}
	return "../../" + room
}

// source reads files through the system, so that the result of the test is not kept when they change.
func source(t *testing.T, pattern string) string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	slices.Sort(paths)
	var text strings.Builder
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	return text.String()
}
