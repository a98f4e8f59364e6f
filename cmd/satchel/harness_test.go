package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"satchel/admin"
	"satchel/cmd/satchel/internal/config"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
	"satchel/regtest"
)

// patience is how long anything may take that should be quick; the machine may be busy.
const patience = 60 * time.Second

// binary is the daemon as users run it, built once with the race detector.
func binary(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "satchel-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "satchel")
	out, err := exec.Command("go", "build", "-race", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	// A program built with the race detector waits for a second when it ends; every command of the operator is one.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	code := m.Run()
	if path, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// order is an invoice as the BitPay API gave it.
type order struct {
	ID      string `json:"id"`
	URL     string `json:"url"`
	Status  string `json:"status"`
	Due     string `json:"btcDue"`
	Address string `json:"bitcoinAddress"`
}

// shop is a merchant's set-up: a node, a daemon, and a receiver of callbacks.
type shop struct {
	t        *testing.T
	node     *regtest.Node
	dir      string
	config   string
	api      string
	metrics  string
	receiver *receiver
	token    string
	secret   string
	daemon   *exec.Cmd
	log      *os.File
	before   string // what a shell does before it becomes the daemon; "": there is none
}

// newShop starts a funded node and runs `satchel init`, `serve` and `token create` as an operator does.
func newShop(t *testing.T, edit ...[2]string) *shop {
	t.Helper()
	return newShopWithKey(t, regtest.WatchKey, edit...)
}

func newShopWithKey(t *testing.T, key string, edit ...[2]string) *shop {
	t.Helper()
	s := unopened(t, key, edit...)
	s.must(s.node.Fund(t.Context()))
	s.start()
	var token admin.Token
	s.run(&token, "token", "create", "--facade", "pos", "--bearer", "--label", "e2e")
	s.token = token.Token
	return s
}

// unopened is a shop whose daemon does not run yet, beside a node without a block.
func unopened(t *testing.T, key string, edit ...[2]string) *shop {
	t.Helper()
	s := &shop{t: t, dir: t.TempDir(), receiver: newReceiver(t)}
	node, err := regtest.Start(t.Context(), regtest.Config{Dir: s.dir})
	s.must(err)
	s.node = node
	t.Cleanup(func() { _ = node.Stop() })
	s.config = filepath.Join(s.dir, "satchel.toml")
	s.api, s.metrics = freePort(t), freePort(t)
	var doc initDocument
	s.run(&doc, "init", "--network", "regtest", "--key", key, "--data-dir", filepath.Join(s.dir, "data"),
		"--node-url", node.URL(), "--cookie-file", node.CookieFile(), "--yes")
	s.secret = doc.Secret
	s.receiver.secret = merchant.Secret(doc.Secret)
	s.edit(append([][2]string{{"public_url", "http://" + s.api}, {"notification_url", s.receiver.url}}, edit...)...)
	text, err := os.ReadFile(s.config)
	s.must(err)
	replaced := strings.NewReplacer("127.0.0.1:8350\"             #", s.api+"\" #", "127.0.0.1:8351", s.metrics).Replace(string(text))
	s.must(os.WriteFile(s.config, []byte(replaced), 0o600))
	t.Cleanup(s.kill)
	return s
}

// edit sets keys of the configuration.
func (s *shop) edit(kvs ...[2]string) {
	s.t.Helper()
	text, err := os.ReadFile(s.config)
	s.must(err)
	for _, kv := range kvs {
		text = []byte(config.SetKey(string(text), kv[0], `"`+kv[1]+`"`))
	}
	s.must(os.WriteFile(s.config, text, 0o600))
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// start runs the daemon and waits until it says that it is ready for invoices.
func (s *shop) start() {
	s.t.Helper()
	s.launch()
	s.eventually("the daemon is ready", func() bool {
		res, err := http.Get("http://" + s.api + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// launch runs the daemon.
func (s *shop) launch() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "satchel.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.must(err)
	s.log = log
	s.daemon = exec.Command(binary(s.t), "--config", s.config, "serve")
	if s.before != "" {
		s.daemon = exec.Command("sh", "-c", s.before+` && exec "$@"`, "sh", binary(s.t), "--config", s.config, "serve")
	}
	s.daemon.Stdout, s.daemon.Stderr = log, log
	s.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.must(s.daemon.Start())
}

// kill ends the daemon as a power cut does.
func (s *shop) kill() {
	if s.daemon == nil {
		return
	}
	_ = s.daemon.Process.Kill()
	_ = s.daemon.Wait()
	s.daemon = nil
	if s.t.Failed() {
		text, _ := os.ReadFile(filepath.Join(s.dir, "satchel.log"))
		s.t.Logf("the daemon's log:\n%s", text)
	}
}

// run runs an operator's command and decodes its document.
func (s *shop) run(doc any, args ...string) {
	s.t.Helper()
	cmd := exec.Command(binary(s.t), append([]string{"--config", s.config, "--json"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("satchel %s: %s\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	if doc != nil {
		if err := json.Unmarshal(out.Bytes(), doc); err != nil {
			s.t.Fatalf("satchel %s: %s\n%s", strings.Join(args, " "), err, out.String())
		}
	}
}

// post sends a body to the API and gives status and answer.
func (s *shop) post(path string, body any) (int, map[string]any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	s.must(err)
	res, err := http.Post("http://"+s.api+path, "application/json", bytes.NewReader(text))
	s.must(err)
	return decodeAnswer(s.t, res)
}

func decodeAnswer(t *testing.T, res *http.Response) (int, map[string]any) {
	t.Helper()
	defer res.Body.Close()
	d := json.NewDecoder(res.Body)
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, doc
}

// invoice makes an invoice over the API, as a shop does.
func (s *shop) invoice(price, currency, speed string, more map[string]any) order {
	s.t.Helper()
	body := map[string]any{"token": s.token, "price": json.Number(price), "currency": currency, "transactionSpeed": speed, "fullNotifications": true}
	maps.Copy(body, more)
	var status int
	var doc map[string]any
	s.eventually("an invoice is made", func() bool { // a 503 says "try again", and a shop does
		status, doc = s.post("/invoices", body)
		return status != http.StatusServiceUnavailable
	})
	if status != http.StatusOK {
		s.t.Fatalf("POST /invoices: %d %v", status, doc)
	}
	return s.get(doc["data"].(map[string]any)["id"].(string))
}

// document reads an invoice over the API.
func (s *shop) document(id string) map[string]any {
	s.t.Helper()
	res, err := http.Get("http://" + s.api + "/invoices/" + id + "?token=" + s.token)
	s.must(err)
	status, doc := decodeAnswer(s.t, res)
	if status != http.StatusOK {
		s.t.Fatalf("GET /invoices/%s: %d %v", id, status, doc)
	}
	return doc["data"].(map[string]any)
}

func (s *shop) get(id string) order {
	s.t.Helper()
	d := s.document(id)
	return order{ID: id, URL: d["url"].(string), Status: d["status"].(string), Due: d["btcDue"].(string), Address: d["bitcoinAddress"].(string)}
}

// pay sends coins of the customer.
func (s *shop) pay(address string, sats int64) string {
	s.t.Helper()
	txid, err := s.node.Pay(s.t.Context(), address, sats)
	s.must(err)
	return txid.String()
}

func (s *shop) mine(blocks int) {
	s.t.Helper()
	_, err := s.node.Mine(s.t.Context(), blocks, "")
	s.must(err)
}

// becomes waits until an invoice has a status and an exception (false for none).
func (s *shop) becomes(id, status string, exception any) map[string]any {
	s.t.Helper()
	var doc map[string]any
	s.eventually(fmt.Sprintf("invoice %s is %s/%v", id, status, exception), func() bool {
		doc = s.document(id)
		return doc["status"] == status && doc["exceptionStatus"] == exception
	})
	if status == "complete" {
		s.isBuried(doc)
	}
	return doc
}

// isBuried wants the confirmations that a complete invoice has, in the very answer that says so first.
func (s *shop) isBuried(doc map[string]any) {
	s.t.Helper()
	for _, tx := range doc["transactions"].([]any) {
		if n, err := tx.(map[string]any)["confirmations"].(json.Number).Int64(); err == nil && n >= invoice.FinalConfirmations {
			return
		}
	}
	s.t.Errorf("a complete invoice shows the payments %v", doc["transactions"])
}

// eventually polls, for what happens in another process.
func (s *shop) eventually(what string, ok func() bool) {
	s.t.Helper()
	eventually(s.t, what, ok)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// freePort finds a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	ports, err := regtest.FreePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}

// receiver is a shop's callback endpoint. It verifies every signature and keeps what came, in order.
type receiver struct {
	t      *testing.T
	url    string
	secret merchant.Secret

	mu     sync.Mutex
	bodies map[string][]map[string]any // by invoice
	ids    map[string]int              // how often an event came
	raw    map[string][]byte           // by event id: the bytes of its first arrival
	broken bool                        // answer 500
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, bodies: map[string][]map[string]any{}, ids: map[string]int{}, raw: map[string][]byte{}}
	srv := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(srv.Close)
	r.url = srv.URL + "/ipn"
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err == nil {
		err = notify.Verify(r.secret, req.Header, body, time.Now())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var doc map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err == nil {
		err = d.Decode(&doc)
	}
	if err != nil && !strings.Contains(err.Error(), "timestamp") { // the clock may have been moved
		r.t.Errorf("callback: %s", err)
	}
	event := req.Header.Get("webhook-id")
	if first, ok := r.raw[event]; ok && !bytes.Equal(first, body) {
		r.t.Errorf("event %s came again with other bytes", event)
	}
	r.raw[event] = body
	if r.broken {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if r.ids[event]++; r.ids[event] > 1 {
		return
	}
	if doc == nil {
		_ = json.Unmarshal(body, &doc)
	}
	id, _ := doc["id"].(string)
	r.bodies[id] = append(r.bodies[id], doc)
}

func (r *receiver) breakDown(broken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = broken
}

// statuses lists what the callbacks of an invoice said, in order of arrival.
func (r *receiver) statuses(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, b := range r.bodies[id] {
		list = append(list, fmt.Sprint(b["status"]))
	}
	return strings.Join(list, " ")
}

func (s *shop) told(id, want string) {
	s.t.Helper()
	s.eventually("callbacks of "+id+" say "+want, func() bool { return s.receiver.statuses(id) == want })
}
