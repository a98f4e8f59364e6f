package wallet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// bitcoind is a private node of the regression test network, stopped with the test.
type bitcoind struct {
	t      testing.TB
	binary string
	dir    string
	port   int
	cookie string
	client *http.Client
}

func startBitcoind(t testing.TB) *bitcoind {
	t.Helper()
	n := &bitcoind{t: t, binary: findBitcoind(t), dir: t.TempDir(), port: freePort(t), client: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(n.client.CloseIdleConnections)

	cmd := exec.Command(n.binary, "-regtest", "-server", "-listen=0", "-dnsseed=0", "-printtoconsole", "-nodebuglogfile",
		"-datadir="+n.dir, "-rpcport="+strconv.Itoa(n.port))
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, ended, last := make(chan struct{}), make(chan struct{}), ""
	go func() {
		defer close(ended)
		last = watch(output, ready)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended
		_ = cmd.Wait()
	})
	select {
	case <-ready:
	case <-ended:
		t.Fatalf("bitcoind ended before it was ready: %s", last)
	}

	cookie, err := os.ReadFile(filepath.Join(n.dir, "regtest", ".cookie"))
	if err != nil {
		t.Fatal(err)
	}
	n.cookie = string(cookie)
	return n
}

// watch reads the log to its end, tells when the node is up, and gives the last line.
func watch(output io.Reader, ready chan<- struct{}) (last string) {
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if last = lines.Text(); strings.HasSuffix(last, "init message: Done loading") {
			close(ready)
		}
	}
	return last
}

func findBitcoind(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("BITCOIND"); path != "" {
		return path
	}
	if path, err := exec.LookPath("bitcoind"); err == nil {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cache, "satchel", "bitcoind", "bin", "bitcoind")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("these tests need a bitcoind in $BITCOIND, in $PATH or at %s", path)
	}
	return path
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// call makes one RPC call. An error of the node is an error.
func (n *bitcoind) call(ctx context.Context, into any, method string, params ...any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": append([]any{}, params...)})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/", n.port), bytes.NewReader(body))
	if err != nil {
		return err
	}
	user, password, _ := strings.Cut(n.cookie, ":")
	request.SetBasicAuth(user, password)
	response, err := n.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Result json.RawMessage
		Error  *struct{ Message string }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return fmt.Errorf("%s: %s", method, answer.Error.Message)
	}
	return json.Unmarshal(answer.Result, into)
}

func (n *bitcoind) mustCall(into any, method string, params ...any) {
	n.t.Helper()
	if err := n.call(n.t.Context(), into, method, params...); err != nil {
		n.t.Fatal(err)
	}
}

// DeriveScripts asks the node for addresses, and for the script of each.
func (n *bitcoind) DeriveScripts(ctx context.Context, descriptor string, from, to uint32) ([]Address, error) {
	var texts []string
	if err := n.call(ctx, &texts, "deriveaddresses", descriptor, []uint32{from, to - 1}); err != nil {
		return nil, err
	}
	out := make([]Address, len(texts))
	for i, text := range texts {
		var about struct{ ScriptPubKey string }
		if err := n.call(ctx, &about, "validateaddress", text); err != nil {
			return nil, err
		}
		script, err := hex.DecodeString(about.ScriptPubKey)
		if err != nil {
			return nil, err
		}
		out[i] = Address{Text: text, Script: script, Index: from + uint32(i)}
	}
	return out, nil
}

// shell runs a command line that calls bitcoin-cli, as an operator would paste it.
func (n *bitcoind) shell(line string) ([]byte, error) {
	bin := n.t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' '-datadir=%s' -rpcport=%d \"$@\"\n",
		filepath.Join(filepath.Dir(n.binary), "bitcoin-cli"), n.dir, n.port)
	if err := os.WriteFile(filepath.Join(bin, "bitcoin-cli"), []byte(script), 0o700); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(n.t.Context(), "sh", "-c", line)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	return cmd.Output()
}
