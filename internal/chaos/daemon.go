package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"satchel/admin"
	"satchel/merchant"
	"satchel/regtest"
)

// key is a public one that everybody knows (BIP39's "abandon … about", m/84h/1h/0h): the coins are regtest's.
const key = "wpkh([73c5da0a/84h/1h/0h]tpubDC8msFGeGuwnKG9Upg7DM2b4DaRqg3CUZa5g8v2SRQ6K4NSkxUgd7HsL2XVWbVm39yBA4LAxysQAm397zwQSQoQgewGiYZqrA9DsP4zbQ1M/0/*)"

// daemon is the binary as users run it.
type daemon struct {
	binary string
	dir    string
	api    string
	token  string
	socket *admin.Client

	mu  sync.Mutex
	cmd *exec.Cmd
}

// restartPatience is how long a start may take before it counts as one that needs a hand.
const restartPatience = 30 * time.Second

// newDaemon sets the daemon up as its users do, and starts it.
func newDaemon(ctx context.Context, binary, dir string, node *regtest.Node, r *receiver) (*daemon, error) {
	d := &daemon{binary: binary, dir: filepath.Join(dir, "data")}
	ports, err := regtest.FreePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	d.api = ports[0]
	var made struct {
		Secret string `json:"webhookSecret"`
	}
	if err := d.run(ctx, &made, "init", "--network", "regtest", "--key", key, "--data-dir", d.dir, "--node-url", node.URL(),
		"--cookie-file", node.CookieFile(), "--start-index", "0", "--yes"); err != nil {
		return nil, err
	}
	secret := merchant.Secret(made.Secret)
	r.secret.Store(&secret)
	text, err := os.ReadFile(d.config())
	if err != nil {
		return nil, err
	}
	edited := strings.NewReplacer(
		`listen = "127.0.0.1:8350"`, `listen = "`+d.api+`"`, `listen = "127.0.0.1:8351"`, `listen = ""`,
		"max_open           = 1000 ", "max_open           = 10000000 ", `notification_url   = ""`, `notification_url   = "`+r.url+`"`,
	).Replace(string(text))
	if err := os.WriteFile(d.config(), []byte(edited), 0o600); err != nil {
		return nil, err
	}
	if err := d.start(ctx); err != nil {
		return nil, err
	}
	var t admin.Token
	err = d.run(ctx, &t, "token", "create", "--facade", "pos", "--bearer")
	d.token, d.socket = t.Token, admin.NewClient(filepath.Join(d.dir, "admin.sock"))
	return d, err
}

func (d *daemon) config() string { return filepath.Join(d.dir, "satchel.toml") }

func (d *daemon) run(ctx context.Context, doc any, args ...string) error {
	cmd := exec.CommandContext(ctx, d.binary, append([]string{"--config", d.config(), "--json"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("satchel %s: %w: %s%s", args[0], err, out.String(), errs.String())
	}
	if doc == nil {
		return nil
	}
	return json.Unmarshal(out.Bytes(), doc)
}

// start runs the daemon until it is ready. A start that does not come to that by itself is an error: it needs a hand.
func (d *daemon) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(d.binary, "--config", d.config(), "serve")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	d.mu.Lock()
	d.cmd = cmd
	d.mu.Unlock()
	return d.ready(ctx)
}

func (d *daemon) ready(ctx context.Context) error {
	for end := time.Now().Add(restartPatience); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(2 * time.Millisecond) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.api+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	text, err := os.ReadFile(filepath.Join(d.dir, "log"))
	return errors.Join(fmt.Errorf("the daemon is not ready after %s; its log ends with\n%s", restartPatience, text[max(0, len(text)-4000):]), err)
}

// kill ends the daemon as a power cut ends a process.
func (d *daemon) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
	d.cmd = nil
}
