package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"satchel/admin"
)

// paste runs a command line as an operator's shell does, with the node's own bitcoin-cli.
func (s *shop) paste(line string) string {
	s.t.Helper()
	bin := s.t.TempDir()
	cli := "#!/bin/sh\nexec '" + strings.Join(s.node.CLI(), "' '") + "' \"$@\"\n"
	s.must(os.WriteFile(filepath.Join(bin, "bitcoin-cli"), []byte(cli), 0o700))
	cmd := exec.Command("sh", "-c", line)
	cmd.Env = append(cmd.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %s\n%s", line, err, out)
	}
	return string(out)
}

// When so many addresses in a row are unpaid that another wallet would stop looking, the commands that status prints make
// it look.
func TestStatusMakesAnotherWalletLook(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var last order
	for range 16 {
		last = s.invoice("10", "USD", "medium", nil)
	}
	s.pay(last.Address, sats(t, last.Due))
	s.mine(1)
	for range 16 {
		s.invoice("10", "USD", "medium", nil)
	}
	var status admin.Status
	if s.run(&status, "status"); len(status.Keys) != 1 || status.Keys[0].Refill == "" {
		t.Fatalf("%+v", status.Keys)
	}
	k, text := status.Keys[0], s.says("status")
	for _, line := range []string{k.Create, k.Import, k.Refill} {
		if !strings.Contains(text, "\n    "+line+"\n") {
			t.Errorf("status does not print %q:\n%s", line, text)
		}
	}
	s.paste(k.Create)
	for range 2 { // also when it is pasted again
		if out := s.paste(k.Import); !strings.Contains(out, `"success": true`) {
			t.Errorf("%s: %s", k.Import, out)
		}
	}
	if out := s.paste("bitcoin-cli -rpcwallet=satchel-watch listtransactions"); !strings.Contains(out, last.Address) {
		t.Errorf("the other wallet does not see the payment: %s", out)
	}
	s.paste(strings.ReplaceAll(k.Refill, "NAME", "payer"))
}
