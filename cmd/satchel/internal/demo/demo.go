// Package demo tells the main story with real regtest coins: a shop makes an invoice, a customer pays it, miners confirm it, and
// the shop's receiver hears of each step. Everything is private to it, and gone when it ends.
package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sync/errgroup"

	"satchel/admin"
	"satchel/cmd/satchel/internal/config"
	"satchel/cmd/satchel/internal/daemon"
	"satchel/cmd/satchel/internal/sink"
	"satchel/merchant"
	"satchel/money"
	"satchel/notify"
	"satchel/regtest"
)

// demoPatience is how long any single step of the story may take.
const demoPatience = 30 * time.Second

// demo is one telling of the story.
type demo struct {
	out    io.Writer
	began  time.Time
	dir    string
	node   *regtest.Node
	sink   *sink.Sink
	set    config.Settings
	secret merchant.Secret
	token  string
	orders int // that were made
}

// say tells one line of the story.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, "%6.2f s  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

// Options are how the story is told.
type Options struct {
	Out     io.Writer
	Listen  string // host:port of the API and the checkout page; port 0: any
	Once    bool   // end when the invoice is complete and every callback has arrived
	Version string
}

// Run tells the story: it starts a node, a daemon and a shop, and takes them down in the end.
func Run(ctx context.Context, o Options) error {
	listen, err := freeAddress(ctx, o.Listen) // before anything is started for nothing
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "satchel-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	d := &demo{out: o.Out, began: time.Now(), dir: dir}
	d.say("starting a private bitcoind on regtest")
	d.node, err = regtest.Start(ctx, regtest.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer d.node.Stop() //nolint:errcheck // the end of a demo
	if err := d.node.Fund(ctx); err != nil {
		return err
	}
	d.say("the customer's wallet holds freshly mined coins")
	if err := d.configure(ctx, listen); err != nil {
		return err
	}
	inner, stop := context.WithCancel(ctx)
	g, inner := errgroup.WithContext(inner)
	ready := make(chan string, 1)
	started := time.Now()
	logFile, err := os.Create(filepath.Join(dir, "satchel.log")) //nolint:gosec // our own temporary folder
	if err != nil {
		stop()
		return err
	}
	defer logFile.Close() //nolint:errcheck // a log
	g.Go(func() error {
		return daemon.Serve(inner, daemon.Options{
			Settings: d.set, Log: slog.New(slog.NewTextHandler(logFile, nil)), Version: o.Version, Ready: func(addr string) { ready <- addr },
		})
	})
	g.Go(func() error { return d.sink.Run(inner) })
	g.Go(func() error {
		defer stop()
		select {
		case <-ready:
			d.say("satchel is ready after %d ms at %s", time.Since(started).Milliseconds(), d.set.PublicURLs[0])
		case <-inner.Done():
			return inner.Err() // the story was not told
		}
		return d.tell(inner, o.Once)
	})
	return g.Wait()
}

// configure does what `satchel init` does, and opens the webhook sink.
func (d *demo) configure(ctx context.Context, listen string) (err error) {
	d.secret = notify.NewSecret()
	d.sink, err = sink.New(ctx, sink.Config{
		Listen: "127.0.0.1:0", Secret: d.secret, Now: func() time.Time { return daemon.Time(d.set)() }, Heard: d.heard,
	})
	if err != nil {
		return err
	}
	text := config.Fresh{Network: "regtest", Key: regtest.WatchKey, DataDir: d.dir, NodeURL: d.node.URL(), Cookie: d.node.CookieFile()}.Text()
	for _, kv := range [][2]string{
		{"public_url", "http://" + listen}, {"notification_url", d.sink.URL}, {"name", "The Demo Shop"},
	} {
		text = config.SetKey(text, kv[0], `"`+kv[1]+`"`)
	}
	text = strings.Replace(text, `listen = "127.0.0.1:8350"`, `listen = "`+listen+`"`, 1)
	text = strings.Replace(text, `listen = "127.0.0.1:8351"`, `listen = ""`, 1)
	s, problems := config.Parse(text, d.dir)
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "; "))
	}
	d.set = s
	m := merchant.Merchant{
		ID: merchant.NewID(), Name: s.MerchantName, Created: time.Now().UTC(), Settings: s.Merchant,
		Secrets: merchant.Secrets{Webhook: d.secret},
	}
	return daemon.Create(s, filepath.Join(d.dir, "satchel.toml"), text, m)
}

// heard tells what the shop's receiver got.
func (d *demo) heard(c sink.Heard) {
	if c.Err != nil {
		d.say("  a callback was refused: %s", c.Err)
		return
	}
	d.say("  callback: status %q, event #%s, signature verified", c.Status, c.Sequence)
}

// freeAddress settles port 0 before anybody must know the address.
func freeAddress(ctx context.Context, listen string) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return "", fmt.Errorf("%w; choose another with --listen", daemon.NotListening(listen, err))
	}
	addr := l.Addr().String()
	return addr, l.Close()
}

// tell runs the story: a shop makes an invoice, a customer pays it, miners confirm it.
func (d *demo) tell(ctx context.Context, once bool) error {
	if err := d.pair(ctx); err != nil {
		return err
	}
	inv, err := d.order(ctx, "25.00")
	if err != nil {
		return err
	}
	d.say("the shop asks for 25.00 USD: POST /invoices made %s", inv.ID)
	d.say("  due %s BTC at %s", inv.Due, inv.Address)
	d.say("  checkout page %s", inv.URL)
	paid := time.Now()
	txid, err := d.node.Pay(ctx, inv.Address, int64(inv.sats()))
	if err != nil {
		return err
	}
	d.say("the customer pays: transaction %s", txid)
	if err := d.expect(ctx, inv, "paid"); err != nil {
		return err
	}
	d.say("  %d ms from the wallet's send to the shop's callback", d.sink.At("paid").Sub(paid).Milliseconds())
	for _, step := range []struct {
		blocks int
		status string
	}{{1, "confirmed"}, {5, "complete"}} {
		if _, err := d.node.Mine(ctx, step.blocks, ""); err != nil {
			return err
		}
		d.say("%d block(s) mined", step.blocks)
		if err := d.expect(ctx, inv, step.status); err != nil {
			return err
		}
	}
	d.say("new -> paid -> confirmed -> complete, each with its callback, none lost")
	if once {
		return nil
	}
	return d.stay(ctx)
}

// stay leaves everything running for the visitor, with commands that work as they are printed, in any folder.
func (d *demo) stay(ctx context.Context) error {
	inv, err := d.order(ctx, "9.99")
	if err != nil {
		return err
	}
	us, err := os.Executable()
	if err != nil {
		return err
	}
	payer := line(append(d.node.CLI(), "-rpcwallet=payer")...)
	satchel := line(us, "--config", filepath.Join(d.dir, "satchel.toml"))
	fmt.Fprintf(d.out, `
Everything stays up until you press Ctrl-C. Another invoice waits to be paid:

  page   %s

  pay    %s sendtoaddress %s %s
  mine   %s -generate 1
  look   %s invoice show %s
  expire %s clock advance 16m
  again  %s invoice create --currency USD --price 9.99

`, inv.URL, payer, inv.Address, inv.Due, payer, satchel, inv.ID, satchel, satchel)
	<-ctx.Done()
	return nil
}

// line writes a command as a shell reads it.
func line(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if strings.ContainsFunc(w, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_=./:,@+%", r)
		}) {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}

// pair makes the shop's token, as an operator does.
func (d *demo) pair(ctx context.Context) error {
	client := admin.NewClient(d.set.Socket())
	var t admin.Token
	err := retry(ctx, func() error {
		return client.Call(ctx, "token-create", admin.TokenRequest{Facade: "pos", Label: "demo shop", Bearer: true}, &t)
	})
	d.token = t.Token
	return err
}

// order is an invoice as the BitPay API gave it.
type order struct {
	ID      string `json:"id"`
	URL     string `json:"url"`
	Status  string `json:"status"`
	Due     string `json:"btcDue"`
	Address string `json:"bitcoinAddress"`
}

func (o order) sats() money.Sats {
	s, _ := money.ParseBTC(o.Due)
	return s
}

// order posts an invoice as any BitPay client does. Right after the start the node may not be watched yet, which is a
// 503 that says when to come again.
func (d *demo) order(ctx context.Context, price string) (order, error) {
	d.orders++
	body, err := json.Marshal(map[string]any{
		"token": d.token, "price": json.Number(price), "currency": "USD", "orderId": fmt.Sprintf("demo-%d", d.orders), "itemDesc": "A cup of coffee and a newspaper",
		"fullNotifications": true, "transactionSpeed": "medium",
	})
	if err != nil {
		return order{}, err
	}
	var inv order
	err = retry(ctx, func() error {
		return d.call(ctx, http.MethodPost, "/invoices", body, &inv)
	})
	return inv, err
}

// call sends a request to the API and decodes the data of its answer.
func (d *demo) call(ctx context.Context, method, path string, body []byte, data any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+d.set.Listen+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	return json.Unmarshal(answer, &struct{ Data any }{data})
}

// expect waits for the shop's callback of a status, then asks the API whether it says the same.
func (d *demo) expect(ctx context.Context, inv order, status string) error {
	if err := d.sink.Wait(ctx, status, demoPatience); err != nil {
		return err
	}
	var now order
	if err := d.call(ctx, http.MethodGet, "/invoices/"+inv.ID, nil, &now); err != nil {
		return err
	}
	if now.Status != status {
		return fmt.Errorf("the callback said %s, the API says %s", status, now.Status)
	}
	return nil
}

// retry repeats what fails only because the daemon has just started.
func retry(ctx context.Context, fn func() error) error {
	end := time.Now().Add(demoPatience)
	for {
		err := fn()
		if err == nil || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
