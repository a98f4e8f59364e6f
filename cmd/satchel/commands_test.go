package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"satchel/admin"
	"satchel/cmd/satchel/internal/keys/keystest"
	"satchel/regtest"
)

// spoken runs a command in a folder and home of its own, and gives its exit status and what it says.
func spoken(t *testing.T, typed string, args ...string) (code int, text string) {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Environ(), "HOME="+cmd.Dir, "SATCHEL_CONFIG=")
	cmd.Stdin = strings.NewReader(typed)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String()
}

// A command line that is not understood ends with status 2, whatever is wrong with it, and the words name what is.
func TestUsage(t *testing.T) {
	t.Parallel()
	for line, words := range map[string]string{
		"init":                          "--key and --network are needed; usage: satchel init --network NET --key KEY",
		"init --network regtest":        "--key is needed",
		"merchant add --key x":          "--name is needed",
		"invoice create":                "--currency is needed",
		"invoice mark X invalid":        "--reason is needed",
		"invoice return X":              "--txid is needed",
		"token create":                  "--sin SIN for one client, whose signature it needs, or --bearer",
		"token create --sin X --bearer": "--sin SIN for one client, whose signature it needs, or --bearer",
		"invoice show":                  "accepts 1 arg(s), received 0; usage: satchel invoice show ID",
		"merchant set X":                "at least one setting",
		"merchant set X speed":          "is not KEY=VALUE",
		"status --fast":                 "unknown flag: --fast",
		"statsu":                        "there is no command `satchel statsu`; did you mean `satchel status`",
		"invoce create --currency USD":  "there is no command `satchel invoce`; did you mean `satchel invoice`",
		"invoice shwo X --merchant Y":   "did you mean `satchel invoice show`",
		"invoice lst --status new":      "did you mean `satchel invoice list`",
		"frobnicate":                    "there is no command `satchel frobnicate`\n",
		"events --after x":              "satchel: --after: \"x\" is not a whole number from 0 on\n",
		"events --after=-1":             "--after: \"-1\" is not a whole number from 0 on\n",
		"invoice list --limit ten":      "--limit: \"ten\" is not a whole number\n",
		"invoice list --json=perhaps":   "--json: \"perhaps\" is not true or false\n",
		"why":                           "an invoice's id",
		"why X Y":                       "an invoice's id",
		"merchant add --name a --key b --start-index=-4":        "from 0 on",
		"init --network regtest --key x --start-index=-4 --yes": "from 0 on",
	} {
		code, text := spoken(t, "", strings.Fields(line)...)
		if code != exitUsage || !strings.Contains(text, words) || !strings.Contains(text, "--help` tells more") {
			t.Errorf("satchel %s: status %d, want 2 and %q:\n%s", line, code, words, text)
		}
	}
	for _, line := range []string{"", "help", "invoice", "token create --help"} {
		if code, text := spoken(t, "", strings.Fields(line)...); code != exitDone || !strings.Contains(text, "Usage:") || strings.Contains(text, "payout") {
			t.Errorf("satchel %s: status %d\n%s", line, code, text)
		}
	}
}

// Whoever is asked and cannot answer, as in a script, learns how not to be asked. What cannot be is refused before.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	args := []string{"init", "--network", "regtest", "--key", regtest.WatchKey, "--start-index", "0", "--node-url", "http://127.0.0.1:1"}
	for typed, words := range map[string]string{"": "run it again with --yes", "n\n": "nothing was written: the answer was not yes", "\n": "the answer was not yes"} {
		if code, text := spoken(t, typed, args...); code != exitRefused || !strings.Contains(text, words) {
			t.Errorf("to %q: status %d, want 1 and %q:\n%s", typed, code, words, text)
		}
	}
	far := append(slices.Clone(args), "--start-index", "4294967296", "--yes")
	if code, text := spoken(t, "", far...); code != exitRefused || !strings.Contains(text, "wallet.start_index: must be between 0 and 2147483647") {
		t.Errorf("an index that is too high: status %d, %s", code, text)
	}
	if code, text := spoken(t, "Yes", args...); code != exitDone {
		t.Errorf("status %d: %s", code, text)
	}
}

// A key that does not say its addresses is refused with the flag that does, since there is no file to edit yet.
func TestABareKeyNamesTheFlag(t *testing.T) {
	t.Parallel()
	bare := regexp.MustCompile(`tpub\w+`).FindString(regtest.WatchKey)
	code, text := spoken(t, "", "init", "--network", "regtest", "--key", bare, "--node-url", "http://127.0.0.1:1", "--yes")
	if code != exitRefused || !strings.Contains(text, "set address_type (--address-type where there are flags) to p2wpkh") {
		t.Errorf("status %d, %s", code, text)
	}
}

// A list of nothing says so to people, and is an empty array for programs.
func TestListsOfNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	_, vpub := keystest.Account(t, 3)
	s.run(nil, "merchant", "add", "--name", "Bookshop", "--key", vpub, "--yes")
	for line, words := range map[string]string{
		"events":                         "no events\n",
		"delivery list":                  "no callbacks or mails\n",
		"operator list":                  "nobody; `satchel operator add NAME`",
		"invoice list":                   "no invoices\n",
		"attention":                      "nothing needs a hand\n",
		"pairing list":                   "nobody waits\n",
		"pos link list":                  "no links\n",
		"token list --merchant Bookshop": "no tokens\n",
	} {
		args := strings.Fields(line)
		if out, code := s.answer("", args...); code != exitDone || !strings.HasPrefix(out, words) {
			t.Errorf("satchel %s: status %d, want %q:\n%s", line, code, words, out)
		}
		if out, code := s.answer("", append(args, "--json")...); code != exitDone || strings.TrimSpace(out) != "[]" {
			t.Errorf("satchel %s --json: status %d:\n%s", line, code, out)
		}
	}
}

// Merchants are called by their names where people read.
func TestListsNameMerchants(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	_, vpub := keystest.Account(t, 4)
	s.run(nil, "merchant", "add", "--name", "Book shop", "--key", vpub, "--yes")
	for _, name := range []string{"Book shop", "My shop"} {
		if out, code := s.answer("", "operator", "add", strings.ToLower(name[:2]), "--merchant", name); code != exitDone || !strings.Contains(out, "owner of "+name) {
			t.Errorf("operator add: status %d\n%s", code, out)
		}
		s.run(nil, "pairing", "create", "--facade", "pos", "--merchant", name)
		for _, list := range []string{"operator", "pairing"} {
			if out, code := s.answer("", list, "list"); code != exitDone || !strings.Contains(out, name) {
				t.Errorf("%s list: status %d\n%s", list, code, out)
			}
		}
	}
	var who []admin.OperatorDoc
	s.run(&who, "operator", "list")
	if len(who) != 2 || who[0].Shop != "Book shop" || who[0].Merchant != s.merchants()[1].ID {
		t.Errorf("for programs: %+v", who)
	}
}

// A setting that cannot be set says where it is set, also by its short name.
func TestSettingsAreFound(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	_, vpub := keystest.Account(t, 5)
	s.run(nil, "merchant", "add", "--name", "Bookshop", "--key", vpub, "--yes")
	for line, words := range map[string]string{
		"Bookshop invoice.zero_conf_exposure=1": "it is invoice.zero_conf_exposure of the configuration; edit it in " + s.config,
		"Bookshop zero_conf_exposure=1":         "it is invoice.zero_conf_exposure of the configuration; edit it in " + s.config,
		"Bookshop speed=high":                   "speed: unknown key; it is called invoice.speed",
		"Bookshop colour=blue":                  "colour: unknown key; `satchel merchant set --help` lists them",
		s.merchants()[0].ID + " speed=high":     "edit speed under [invoice] in " + s.config,
		s.merchants()[0].ID + " colour=blue":    "colour: unknown key",
	} {
		if text := s.refused(exitRefused, append([]string{"merchant", "set"}, strings.Fields(line)...)...); !strings.Contains(text, words) {
			t.Errorf("merchant set %s: want %q:\n%s", line, words, text)
		}
	}
	_, help := spoken(t, "", "merchant", "set", "--help")
	for key := range s.merchants()[1].Settings {
		if !strings.Contains(help, key) {
			t.Errorf("the help does not name %s", key)
		}
	}
}

func TestNoConfigurationAtAPath(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"status", "serve", "check", "config check"} {
		code, text := spoken(t, "", append([]string{"--config", "/nowhere.toml"}, strings.Fields(name)...)...)
		if code != exitRefused || !strings.Contains(text, "there is no configuration at /nowhere.toml; make one with `satchel --config /nowhere.toml init`") {
			t.Errorf("%s: status %d:\n%s", name, code, text)
		}
	}
}

// `satchel config check` tells everything that is wrong, in the file's order where the keys are wrong by themselves, to
// people and to programs.
func TestConfigCheckTellsAllAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "satchel.toml")
	text := "network = \"regtest\"\n[rates]\nspread = 1\nmin_sources = \"3\"\nsources = [\"krakn\", \"mtgox\"]\n[api]\nlisten = 8350\n[invoices]\nspeed = \"high\"\n" +
		"[invoice]\nwindow = \"1s\"\n[wallet]\nkey = \"" + regtest.WatchKey + "\"\nstart_index = true\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"rates.spread", "rates.min_sources", "api.listen", "invoices", "wallet.start_index", "invoice.window", "rates.sources", "rates.sources"}
	code, out := spoken(t, "", "--config", path, "config", "check")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitRefused || len(lines) != 1+len(want) {
		t.Fatalf("status %d\n%s", code, out)
	}
	for i, key := range want {
		if !strings.HasPrefix(lines[1+i], "  "+key+": ") {
			t.Errorf("line %d is %q, want %s", i, lines[1+i], key)
		}
	}
	var doc struct{ Problems []string }
	code, out = spoken(t, "", "--config", path, "config", "check", "--json")
	err := json.NewDecoder(strings.NewReader(out)).Decode(&doc)
	if code != exitRefused || err != nil || len(doc.Problems) != len(want) {
		t.Errorf("for programs: status %d, %v\n%s", code, err, out)
	}
	if err := os.WriteFile(path, []byte("[wallet]\nkey = \""+regtest.WatchKey+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := spoken(t, "", "--config", path, "config", "check"); code != exitDone || !strings.Contains(out, "no problems") {
		t.Errorf("of a good one: status %d\n%s", code, out)
	}
}

// What a full disk does not take is no success, whoever prints it.
func TestNobodyTakesTheOutput(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	for _, line := range []string{"version", "version --json"} {
		cmd := exec.Command(binary(t), strings.Fields(line)...)
		var errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &errs
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != exitRefused || !strings.Contains(errs.String(), "no space left on device") {
			t.Errorf("satchel %s: status %d, %s", line, code, errs.String())
		}
	}
}

// Whoever is asked can go away: a question holds no signal up.
func TestAQuestionIsInterrupted(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), binary(t), "init", "--network", "regtest", "--key", regtest.WatchKey, "--node-url", "http://127.0.0.1:1", "--data-dir", filepath.Join(dir, "data"))
		cmd.WaitDelay = time.Second
		typed, err := cmd.StdinPipe() // stays open: nobody types
		if err != nil {
			t.Fatal(err)
		}
		said, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		var text strings.Builder
		for b := make([]byte, 1); !strings.HasSuffix(text.String(), "[y/N] "); {
			n, err := said.Read(b)
			if err != nil {
				t.Fatalf("%v after %s", err, text.String())
			}
			text.Write(b[:n])
		}
		_ = cmd.Process.Signal(sig)
		rest, err := io.ReadAll(said)
		_ = cmd.Wait()
		late.Stop()
		_ = typed.Close()
		if code := cmd.ProcessState.ExitCode(); err != nil || code != exitRefused || string(rest) != "\nsatchel: interrupted before it was done\n" {
			t.Errorf("%s: status %d, %q, %v", sig, code, rest, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "data")); !os.IsNotExist(err) {
			t.Errorf("%s: something was written: %v", sig, err)
		}
	}
}
