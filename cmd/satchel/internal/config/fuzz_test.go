package config

import (
	"strings"
	"testing"

	satchel "satchel"
	"satchel/regtest"
)

// A password is told by no problem, wherever it stands.
func TestConfigProblemsTellNoPassword(t *testing.T) {
	for _, text := range []string{
		"[node]\nurl = \"http://user:hunter2secret@127.0.0.1:1\"\npasswort = 1\n", "[node]\npassword = \"hunter2secret\nuser = ",
		"public_url = \"ftp://user:hunter2secret@shop.example\"\n", "[mail]\nsmtp = \"x\"\npassword = \"hunter2secret\"\n",
	} {
		_, problems := Parse(text, t.TempDir())
		if all := strings.Join(problems, "\n"); len(problems) == 0 || strings.Contains(all, "hunter2secret") {
			t.Errorf("of\n%s\nit says\n%s", text, all)
		}
	}
}

// FuzzConfig: whatever a configuration says, it is read, or every problem is named on a line of its own; never a panic.
func FuzzConfig(f *testing.F) {
	f.Add(satchel.ConfigExample)
	f.Add("network = \"regtest\"\n[wallet]\nkey = \"" + regtest.WatchKey + "\"\n")
	f.Add("network = \"mainnet\"\n[rates]\nfixed = {USD = \"50000\"}\n[invoice]\nwindow = \"-1m\"\ntolerance = \"200%\"\n")
	f.Add("[node]\nurl = \"http://user:hunter2secret@127.0.0.1:1\"\npassword = \"hunter2secret\"\npasswort = 1\n")
	f.Add("[node]\npassword = \"hunter2secret\nuser = ")
	f.Add("public_url = [1, 2]\ndata_dir = \"\\u0000\"\n")
	f.Add("[api]\nlisten = \"[::1\"\n[metrics]\nlisten = \":99999999\"\n[notify]\ntimeout = \"1e9h\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, problems := Parse(text, t.TempDir())
		for _, p := range problems {
			if strings.TrimSpace(p) == "" || strings.ContainsRune(p, '\n') {
				t.Fatalf("a problem that is no line: %q", p)
			}
		}
	})
}
