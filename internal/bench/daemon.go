package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"satchel/admin"
	"satchel/regtest"
)

const key = "wpkh(tpubDC8msFGeGuwnKG9Upg7DM2b4DaRqg3CUZa5g8v2SRQ6K4NSkxUgd7HsL2XVWbVm39yBA4LAxysQAm397zwQSQoQgewGiYZqrA9DsP4zbQ1M/0/*)"

// daemon is the binary as users run it, in a process of its own.
type daemon struct {
	binary string
	dir    string
	api    string
	token  string
	cmd    *exec.Cmd
}

// built compiles the daemon, as `make build` does.
func (b *bench) built(ctx context.Context) (string, error) {
	path := filepath.Join(b.dir, "satchel")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "satchel/cmd/satchel").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
}

// newDaemon sets a daemon up for a node and starts it.
func (b *bench) newDaemon(ctx context.Context, node *regtest.Node, notify string) (*daemon, error) {
	binary, err := b.built(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "daemon-")
	if err != nil {
		return nil, err
	}
	d := &daemon{binary: binary, dir: dir}
	ports, err := regtest.FreePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	d.api = ports[0]
	if _, err := d.run(ctx, "init", "--network", "regtest", "--key", key, "--data-dir", dir, "--node-url", node.URL(), "--cookie-file", node.CookieFile(), "--start-index", "0", "--yes"); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(d.config())
	if err != nil {
		return nil, err
	}
	edited := strings.NewReplacer(
		`listen = "127.0.0.1:8350"`, `listen = "`+d.api+`"`, `listen = "127.0.0.1:8351"`, `listen = ""`,
		"max_open           = 1000 ", "max_open           = 10000000 ", `notification_url   = ""`, `notification_url   = "`+notify+`"`,
	).Replace(string(text))
	if err := os.WriteFile(d.config(), []byte(edited), 0o600); err != nil {
		return nil, err
	}
	if _, err := d.start(ctx); err != nil {
		return nil, err
	}
	answer, err := d.run(ctx, "token", "create", "--facade", "pos", "--bearer")
	if err != nil {
		return nil, err
	}
	var t admin.Token
	err = json.Unmarshal(answer, &t)
	d.token = t.Token
	return d, err
}

// young starts a node with a few blocks and a daemon beside it; end stops both.
func (b *bench) young(ctx context.Context) (node *regtest.Node, d *daemon, end func(), err error) {
	if node, err = regtest.Start(ctx, regtest.Config{Dir: b.dir}); err != nil {
		return nil, nil, nil, err
	}
	if _, err = node.Mine(ctx, 10, ""); err == nil {
		d, err = b.newDaemon(ctx, node, "")
	}
	if err != nil {
		return nil, nil, nil, errors.Join(err, node.Stop())
	}
	return node, d, func() {
		d.stop()
		_ = node.Stop()
	}, nil
}

func (d *daemon) config() string { return filepath.Join(d.dir, "satchel.toml") }

func (d *daemon) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, d.binary, append([]string{"--config", d.config(), "--json"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("satchel %s: %w: %s", args[0], err, errs.String())
	}
	return out.Bytes(), nil
}

// start starts the process and gives how long it took until the API answered.
func (d *daemon) start(ctx context.Context) (time.Duration, error) {
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	d.cmd = exec.Command(d.binary, "--config", d.config(), "serve")
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := d.cmd.Start(); err != nil {
		return 0, err
	}
	if err := d.until(ctx, "/healthz"); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, d.until(ctx, "/readyz")
}

// until polls a health path until it answers 200.
func (d *daemon) until(ctx context.Context, path string) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Microsecond) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		res, err := http.Get("http://" + d.api + path)
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return nil
		}
	}
	text, _ := os.ReadFile(filepath.Join(d.dir, "log"))
	return fmt.Errorf("the daemon does not answer %s:\n%s", path, text)
}

func (d *daemon) stop() {
	if d.cmd != nil {
		_ = d.cmd.Process.Signal(os.Interrupt)
		_ = d.cmd.Wait()
		d.cmd = nil
	}
}

// memory reads a field of the process's status in bytes.
func (d *daemon) memory(field string) (float64, error) {
	return statusField(strconv.Itoa(d.cmd.Process.Pid), field)
}

func statusField(pid, field string) (float64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kb * 1024, err
		}
	}
	return 0, errors.New("no " + field)
}

// order is what the bench needs of an invoice.
type order struct {
	ID      string `json:"id"`
	Address string `json:"bitcoinAddress"`
}

// post makes an invoice over HTTP.
func (d *daemon) post(client *http.Client, price string) (order, error) {
	return d.postWith(client, price, "")
}

func readOrder(res *http.Response) (order, error) {
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return order{}, err
	}
	var doc struct{ Data order }
	if res.StatusCode != http.StatusOK {
		return order{}, fmt.Errorf("%s: %s", res.Status, answer)
	}
	err = json.Unmarshal(answer, &doc)
	return doc.Data, err
}
