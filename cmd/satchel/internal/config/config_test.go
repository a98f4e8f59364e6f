package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel"
	"satchel/merchant"
	"satchel/money"
	"satchel/regtest"
)

const testKey = `key = "` + regtest.WatchKey + `"`

// minimal is the least that a configuration must say.
const minimal = "[wallet]\n" + testKey + "\n"

// The example shows every key with its default: reading nothing but the key gives the same as reading all of it.
func TestExampleConfigurationIsTheDefaults(t *testing.T) {
	full := strings.Replace(satchel.ConfigExample, `key           = ""`, testKey, 1)
	if full == satchel.ConfigExample {
		t.Fatal("the example's wallet.key has moved")
	}
	fromExample, problems := Parse(full, "/somewhere")
	if len(problems) > 0 {
		t.Fatalf("the example has problems: %v", problems)
	}
	fromNothing, problems := Parse(minimal, "/somewhere")
	if len(problems) > 0 {
		t.Fatalf("the defaults have problems: %v", problems)
	}
	fromExample.Key, fromNothing.Key = nil, nil
	// The one default that depends on the network; the example says so.
	if !fromNothing.AllowPrivate || fromExample.AllowPrivate {
		t.Errorf("allow_private: %v by default on regtest, %v in the example", fromNothing.AllowPrivate, fromExample.AllowPrivate)
	}
	fromExample.AllowPrivate = fromNothing.AllowPrivate
	if !reflect.DeepEqual(fromExample, fromNothing) {
		t.Errorf("example %+v\ndefaults %+v", fromExample, fromNothing)
	}
	want := merchant.Settings{
		Window: 15 * time.Minute, Speed: merchant.Medium, InvalidAfter: time.Hour, LateMaxMove: 20_000, ZeroConf: merchant.Limited,
		ZeroConfDwell: 2 * time.Second, ZeroConfMax: money.Bitcoin / 100, ZeroConfExposure: money.Bitcoin / 10, MaxOpen: 1000,
		FullNotifications: true, Currency: "USD",
	}
	if fromNothing.Merchant != want {
		t.Errorf("settings %+v, want %+v", fromNothing.Merchant, want)
	}
}

func TestEveryProblemIsToldAtOnceWithItsKey(t *testing.T) {
	_, problems := Parse(`
network = "moonnet"
public_url = ["https://pay.example", "ftp://x"]
colour = "blue"
[api]
listen = "nowhere"
[wallet]
key = "`+regtest.WatchKey+`"
start_index = -1
[invoice]
window = "15 minutes"
speed = "fast"
tolerance = "lots"
zero_conf_max = "1 dollar"
max_open = 0
[rates]
min_sources = 9
fixed = {}
spread = "101 %"
[notify]
timeout = "1h"
tries = 3
[merchant]
name = " "
notification_url = "javascript:alert(1)"
`, "/")
	text := "\n" + strings.Join(problems, "\n")
	for _, key := range []string{
		"network", "public_url", "colour", "api.listen", "wallet.start_index", "invoice.window", "invoice.speed", "invoice.tolerance",
		"invoice.zero_conf_max", "invoice.max_open", "rates.min_sources", "rates.spread", "notify.timeout", "notify.tries", "merchant.name",
		"merchant.notification_url",
	} {
		if !strings.Contains(text, "\n"+key+":") {
			t.Errorf("no problem names %s", key)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestMainnetRefusesFixedRatesAndFewSources(t *testing.T) {
	_, problems := Parse(`
network = "mainnet"
[wallet]
key = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
[rates]
min_sources = 1
fixed = {USD = "50000"}
`, "/")
	text := strings.Join(problems, "\n")
	if !strings.Contains(text, "rates.fixed") || !strings.Contains(text, "rates.min_sources") || len(problems) != 2 {
		t.Errorf("problems: %s", text)
	}
}

// A syntax error names its line and does not quote it: the line may hold a password.
func TestSyntaxErrorsDoNotQuote(t *testing.T) {
	_, problems := Parse("[node]\npassword = \"hunter2\n", "/")
	if len(problems) != 1 || strings.Contains(problems[0], "hunter2") || !strings.Contains(problems[0], "line 2") {
		t.Errorf("problems: %v", problems)
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rpc.secret"), []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, problems := Parse(minimal+"[node]\nuser = \"satchel\"\npassword = \"file:rpc.secret\"\n", dir)
	if len(problems) > 0 || s.Node.Password != "hunter2" {
		t.Errorf("%v %q", problems, s.Node.Password)
	}
	if _, problems = Parse(minimal+"[node]\npassword = \"file:missing\"\n", dir); len(problems) != 1 {
		t.Errorf("a missing file: %v", problems)
	}
}

func TestInitWritesAConfigurationThatReads(t *testing.T) {
	for _, network := range []string{"regtest", "signet", "testnet4"} {
		f := Fresh{Network: network, Key: regtest.WatchKey, DataDir: "/data", StartIndex: 7, Birthday: 5}
		s, problems := Parse(f.Text(), "/")
		if len(problems) > 0 {
			t.Fatalf("%s: %v", network, problems)
		}
		if string(s.Network) != network || s.DataDir != "/data" || s.StartIndex != 7 || s.Birthday != 5 {
			t.Errorf("%s: %+v", network, s)
		}
	}
}

func TestConfigurationIsFoundInOrder(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("SATCHEL_CONFIG", "")
	if _, err := Find(""); err == nil || !strings.Contains(err.Error(), "satchel init") {
		t.Errorf("nothing: %v", err)
	}
	if err := os.WriteFile("satchel.toml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if path, err := Find(""); err != nil || path != "satchel.toml" {
		t.Errorf("here: %s %v", path, err)
	}
	t.Setenv("SATCHEL_CONFIG", "/env.toml")
	if path, _ := Find(""); path != "/env.toml" {
		t.Errorf("environment: %s", path)
	}
	if path, _ := Find("/flag.toml"); path != "/flag.toml" {
		t.Errorf("flag: %s", path)
	}
}

// A part that is given no time at all would take its default for it, which is the opposite of what was written.
func TestNoTimeAtAllIsNoDefault(t *testing.T) {
	text := `
network = "regtest"
[wallet]
key = "` + regtest.WatchKey + `"
[rates]
max_age = "%s"
[notify]
timeout = "%s"
retry_for = "%s"
[invoice]
window = "%s"
`
	for _, c := range []struct {
		values []any
		want   string
	}{
		{[]any{"0s", "0s", "0s", "0s"}, "invoice.window: must be between 1m and 24h, notify.retry_for: must be at least 1s, notify.timeout: must be between 1s and 5m, rates.max_age: must be at least 1s"},
		{[]any{"1s", "5m", "1s", "24h"}, ""},
		{[]any{"1s", "301s", "999ms", "86401s"}, "invoice.window: must be between 1m and 24h, notify.retry_for: must be at least 1s, notify.timeout: must be between 1s and 5m"},
		{[]any{"1s", "soon", "1s", "1m"}, `notify.timeout: "soon" is not a duration such as 15m`},
	} {
		_, problems := Parse(fmt.Sprintf(text, c.values...), "/")
		slices.Sort(problems)
		if got := strings.Join(problems, ", "); got != c.want {
			t.Errorf("%v: %s", c.values, got)
		}
	}
}
