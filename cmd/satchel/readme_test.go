package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// section gives a section of the README.
func section(t *testing.T, title string) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n## "+title+"\n")
	if !ok {
		t.Fatalf("the README has no section %q", title)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}

var fenced = regexp.MustCompile("(?ms)^```\n(.*?)^```$")

// loopback brings up the one interface that a network of its own has.
const loopback = `python3 -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 1))'
`

// arrives waits until what the steps began has happened.
const arrives = `
until satchel invoice show "$ID" | grep -q '^status *complete'; do :; done
until satchel invoice list --status expired | grep -q '5 USD'; do :; done
until [ "$(satchel delivery list --failed)" = 'no callbacks or mails' ]; do :; done
kill $(jobs -p)
bitcoin-cli -regtest stop
wait
`

// The README's steps on regtest do what it says, pasted as they are into a shell whose user has nothing yet. They run in a
// network of their own, since they name the usual ports.
func TestREADMEOnRegtest(t *testing.T) {
	t.Parallel()
	steps := ""
	for _, m := range fenced.FindAllStringSubmatch(section(t, "On regtest, step by step"), -1) {
		steps += m[1]
	}
	const build = "make build deps-node\n"
	if !strings.HasPrefix(steps, build) {
		t.Fatalf("the steps begin with\n%s", steps)
	}
	make := exec.Command("make", "-n", "build", "deps-node")
	make.Dir = "../.."
	if out, err := make.CombinedOutput(); err != nil || !strings.Contains(string(out), "-o bin/satchel") {
		t.Errorf("%v\n%s", err, out)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for to, from := range map[string]string{"scripts": filepath.Join(here, "scripts"), "bin/satchel": binary(t)} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	args := []string{"--net", "--pid", "--fork", "--kill-child", "bash", "-e", "-o", "pipefail", "-c", loopback + strings.TrimPrefix(steps, build) + arrives}
	if os.Geteuid() != 0 {
		args = append([]string{"--map-root-user"}, args...)
	}
	cmd := exec.CommandContext(ctx, "unshare", args...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH=/usr/local/bin:/usr/bin:/bin", "XDG_CACHE_HOME=" + cache, "GORACE=atexit_sleep_ms=0"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"signature verified", "is paid, event #", "is confirmed, event #", "is complete, event #", `"ready":true`, "moved by 16m0s"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("nobody says %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}

// leaves lists the commands that do something, without the program's name.
func leaves(c *cobra.Command) (list []*cobra.Command) {
	for _, child := range c.Commands() {
		list = append(list, leaves(child)...)
	}
	if len(list) == 0 {
		list = append(list, c)
	}
	return list
}

// Exactly the commands that the README names take --merchant.
func TestREADMEOnMerchants(t *testing.T) {
	t.Parallel()
	_, text, _ := strings.Cut(section(t, "Several merchants"), "takes `--merchant ID|NAME`: ")
	text, _, ok := strings.Cut(text, ". Without it")
	if !ok {
		t.Fatal("the README does not name the commands")
	}
	var names []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		group, children, _ := strings.Cut(m[1], " ")
		for child := range strings.SplitSeq(children, "|") {
			names = append(names, strings.TrimSpace("satchel "+group+" "+child))
		}
	}
	root := rootCommand()
	for _, c := range leaves(root) {
		path := c.CommandPath()
		named := slices.ContainsFunc(names, func(n string) bool { return path == n || strings.HasPrefix(path, n+" ") })
		if takes := c.Flags().Lookup("merchant") != nil; takes != named {
			t.Errorf("%s takes --merchant: %v; the README names it: %v", path, takes, named)
		}
	}
	for _, n := range names {
		if c, _, err := root.Find(strings.Fields(n)[1:]); err != nil || c.CommandPath() != n {
			t.Errorf("the README names `%s`", n)
		}
	}
}

// mention finds what words such as `invoice list|show` name below a command.
func mention(c *cobra.Command, words []string) (paths []string, err error) {
	if len(words) == 0 || !c.HasSubCommands() {
		return []string{c.CommandPath()}, nil
	}
	for name := range strings.SplitSeq(words[0], "|") {
		at := slices.IndexFunc(c.Commands(), func(child *cobra.Command) bool { return child.Name() == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no `%s %s`", c.CommandPath(), name)
		}
		below, err := mention(c.Commands()[at], words[1:])
		if err != nil {
			return nil, err
		}
		paths = append(paths, below...)
	}
	return paths, nil
}

// Every command that the README names is there, and every command that is there is named.
func TestREADMEOnCommands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	plain := strings.NewReplacer(`\|`, "|", " | ", "|").Replace(string(text))
	for _, m := range regexp.MustCompile(`satchel ([a-z]+(?: [a-z|]+)*)`).FindAllStringSubmatch(plain, -1) {
		paths, err := mention(rootCommand(), strings.Fields(m[1]))
		if err != nil {
			t.Errorf("%s: %v", m[0], err)
		}
		for _, path := range paths {
			named[path] = true
		}
	}
	for _, c := range leaves(rootCommand()) {
		if path := c.CommandPath(); !named[path] && path != "satchel version" {
			t.Errorf("the README does not name `%s`", path)
		}
	}
}

// The README's service is one that systemd loads without a word.
func TestREADMEService(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip(err)
	}
	unit := fenced.FindStringSubmatch(section(t, "On mainnet, next to your node"))
	if unit == nil || !strings.HasPrefix(unit[1], "[Unit]\n") {
		t.Fatalf("the README has no service: %q", unit)
	}
	file := filepath.Join(t.TempDir(), "satchel.service")
	text := strings.NewReplacer("/usr/local/bin/satchel", binary(t), "User=bitcoin", "User=root").Replace(unit[1])
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", file).CombinedOutput(); err != nil || strings.Contains(string(out), "satchel.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
