package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"satchel/merchant"
	"satchel/regtest"
)

// walletKey is a public key that everybody knows (the account m/84h/1h/0h of BIP39's "abandon … about").
const walletKey = "wpkh([73c5da0a/84h/1h/0h]tpubDC8msFGeGuwnKG9Upg7DM2b4DaRqg3CUZa5g8v2SRQ6K4NSkxUgd7HsL2XVWbVm39yBA4LAxysQAm397zwQSQoQgewGiYZqrA9DsP4zbQ1M/0/*)"

// world is everything around a client: the node with a customer's coins, the daemon, and the shop's callbacks.
type world struct {
	binary string
	dir    string
	config string
	api    string // host:port
	front  *front // the same behind TLS
	node   *regtest.Node
	sink   *sink
	daemon *exec.Cmd
	done   chan error
}

// newWorld starts everything and waits until the daemon takes invoices. It must be closed.
func newWorld(ctx context.Context, binary, dir string) (w *world, err error) {
	w = &world{binary: binary, dir: dir, config: filepath.Join(dir, "satchel.toml")}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	if w.node, err = regtest.Start(ctx, regtest.Config{Dir: dir}); err != nil {
		return w, err
	}
	if err = w.node.Fund(ctx); err != nil {
		return w, err
	}
	if w.sink, err = newSink(ctx); err != nil {
		return w, err
	}
	ports, err := regtest.FreePorts(ctx, 1)
	if err != nil {
		return w, err
	}
	w.api = ports[0]
	if w.front, err = newFront(ctx, w.api, dir); err != nil {
		return w, err
	}
	if err = w.initialise(ctx); err != nil {
		return w, err
	}
	return w, w.serve(ctx)
}

// initialise makes the database as an operator does, and a configuration with what differs from the defaults.
func (w *world) initialise(ctx context.Context) error {
	data := filepath.Join(w.dir, "data")
	var doc struct {
		Secret string `json:"webhookSecret"`
	}
	err := w.satchel(ctx, &doc, "init", "--network", "regtest", "--key", walletKey, "--data-dir", data,
		"--node-url", w.node.URL(), "--cookie-file", w.node.CookieFile(), "--start-index", "0", "--yes")
	if err != nil {
		return err
	}
	w.sink.secret = merchant.Secret(doc.Secret)
	text := fmt.Sprintf(`network = "regtest"
data_dir = %q
public_url = ["http://%s", %q]
[api]
listen = %q
[metrics]
listen = ""
[node]
url = %q
cookie_file = %q
[wallet]
key = %q
[rates]
sources = []
fixed = {USD = "50000", EUR = "45000"}
[notify]
allow_private = true
[merchant]
name = "The Compatible Shop"
notification_url = %q
`, data, w.api, w.front.url, w.api, w.node.URL(), w.node.CookieFile(), walletKey, w.sink.url)
	return os.WriteFile(w.config, []byte(text), 0o600)
}

// serve starts the daemon.
func (w *world) serve(ctx context.Context) error {
	log, err := os.Create(w.log())
	if err != nil {
		return err
	}
	defer log.Close()                                                //nolint:errcheck // the daemon has its own handle
	w.daemon = exec.Command(w.binary, "--config", w.config, "serve") //nolint:gosec,noctx // our own binary; Close ends it
	w.daemon.Stdout, w.daemon.Stderr = log, log
	w.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := w.daemon.Start(); err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	w.done = make(chan error, 1)
	go func() { w.done <- w.daemon.Wait() }()
	return w.ready(ctx)
}

// ready waits until the daemon takes invoices.
func (w *world) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !w.answers(ctx) {
		select {
		case err := <-w.done:
			w.daemon = nil
			return fmt.Errorf("the daemon has ended: %w\n%s", err, w.logTail())
		case <-ctx.Done():
			return fmt.Errorf("the daemon is not ready:\n%s", w.logTail())
		case <-tick.C:
		}
	}
	return nil
}

func (w *world) answers(ctx context.Context) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.api+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// Close stops everything.
func (w *world) Close() error {
	var errs []error
	if w.daemon != nil {
		errs = append(errs, w.daemon.Process.Signal(syscall.SIGTERM))
		select {
		case err := <-w.done:
			errs = append(errs, err)
		case <-time.After(patience):
			errs = append(errs, errors.New("the daemon did not stop"), w.daemon.Process.Kill())
		}
	}
	if w.front != nil {
		errs = append(errs, w.front.Close())
	}
	if w.sink != nil {
		errs = append(errs, w.sink.Close())
	}
	if w.node != nil {
		errs = append(errs, w.node.Stop())
	}
	return errors.Join(errs...)
}

// satchel runs a command of the operator and decodes its document.
func (w *world) satchel(ctx context.Context, doc any, args ...string) error {
	cmd := exec.CommandContext(ctx, w.binary, append([]string{"--config", w.config, "--json"}, args...)...) //nolint:gosec // our own binary
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("satchel %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	if err := json.Unmarshal(out.Bytes(), doc); err != nil {
		return fmt.Errorf("satchel %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// deeds are what the drivers may ask for.
func (w *world) deeds() map[string]deed {
	return map[string]deed{
		"approve": func(ctx context.Context, a ask) (any, error) { return w.command(ctx, "pairing", "approve", a.Code) },
		"offer": func(ctx context.Context, a ask) (any, error) {
			return w.command(ctx, "pairing", "create", "--facade", a.Facade, "--label", "compat")
		},
		"token": func(ctx context.Context, a ask) (any, error) {
			if a.SIN == "" {
				return w.command(ctx, "token", "create", "--facade", a.Facade, "--bearer")
			}
			return w.command(ctx, "token", "create", "--facade", a.Facade, "--sin", a.SIN)
		},
		"advance": func(ctx context.Context, a ask) (any, error) { return w.command(ctx, "clock", "advance", a.Duration) },
		"pay": func(ctx context.Context, a ask) (any, error) {
			id, err := w.node.Pay(ctx, a.Address, a.Satoshis)
			return map[string]string{"txid": id.String()}, err
		},
		"draft": func(ctx context.Context, a ask) (any, error) { return w.draft(ctx, a) },
		"mine": func(ctx context.Context, a ask) (any, error) {
			hashes, err := w.node.Mine(ctx, a.Blocks, "")
			texts := make([]string, len(hashes))
			for i, hash := range hashes {
				texts[i] = hash.String()
			}
			return texts, err
		},
		"ipn": func(ctx context.Context, a ask) (any, error) { return w.sink.wait(ctx, a) },
	}
}

// draft is a payment of the customer that is not sent, with its size in virtual bytes and the script of the address.
func (w *world) draft(ctx context.Context, a ask) (any, error) {
	d, err := w.node.Draft(ctx, a.Address, a.Satoshis, draftRate)
	if err != nil {
		return nil, err
	}
	var tx struct {
		Size int64 `json:"vsize"`
	}
	var to struct {
		Script string `json:"scriptPubKey"`
	}
	for _, q := range []struct {
		method, param string
		into          any
	}{{"decoderawtransaction", hex.EncodeToString(d.Signed), &tx}, {"validateaddress", a.Address, &to}} {
		raw, err := w.node.WalletCall(ctx, q.method, q.param)
		if err == nil {
			err = json.Unmarshal(raw, q.into)
		}
		if err != nil {
			return nil, err
		}
	}
	return map[string]any{
		"unsigned": hex.EncodeToString(d.Unsigned), "signed": hex.EncodeToString(d.Signed), "size": tx.Size, "script": to.Script,
	}, nil
}

// draftRate is what a draft pays, in satoshis per virtual byte.
const draftRate = 3

func (w *world) command(ctx context.Context, args ...string) (any, error) {
	var doc json.RawMessage
	return doc, w.satchel(ctx, &doc, args...)
}

func (w *world) log() string { return filepath.Join(w.dir, "satchel.log") }

// logTail is the end of the daemon's log.
func (w *world) logTail() string {
	const lines = 40
	text, err := os.ReadFile(w.log())
	if err != nil {
		return err.Error()
	}
	list := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(list[max(0, len(list)-lines):], "\n")
}
