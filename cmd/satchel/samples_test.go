package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"satchel/merchant"
	"satchel/notify"
)

// callback is one as it came.
type callback struct {
	header map[string]string
	body   []byte
}

// with gives the callback with other headers.
func (c callback) with(pairs ...string) callback {
	h := maps.Clone(c.header)
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = pairs[i+1]
	}
	return callback{h, c.body}
}

// signed gives the callback as somebody with a secret sends it at a time.
func (c callback) signed(t *testing.T, secret string, at time.Time) callback {
	t.Helper()
	signature, err := notify.Sign(merchant.Secrets{Webhook: merchant.Secret(secret)}, c.header["webhook-id"], at, c.body)
	if err != nil {
		t.Fatal(err)
	}
	return c.with("webhook-timestamp", strconv.FormatInt(at.Unix(), 10), "webhook-signature", signature)
}

// sampled is a receiver of the documentation that runs, with a secret; it gives the status of its answer.
type sampled func(t *testing.T, c callback) int

// sampleDir is where the documentation has its programs from.
const sampleDir = "../../web/docs/samples/"

// program starts a receiver that serves HTTP, and ends it with the test.
func program(name string, args ...string) func(t *testing.T, secret string) sampled {
	return func(t *testing.T, secret string) sampled {
		t.Helper()
		addr := freePort(t)
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		list := append([]string{}, args...)
		for i, a := range list {
			list[i] = strings.ReplaceAll(a, "ADDR", addr)
		}
		var log bytes.Buffer
		cmd := exec.Command(name, list...)
		cmd.Env = append(os.Environ(), "SATCHEL_WEBHOOK_SECRET="+secret, "PORT="+port)
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if t.Failed() {
				t.Logf("%s said:\n%s", name, log.String())
			}
		})
		eventually(t, name+" listens", func() bool {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		})
		return func(t *testing.T, c callback) int { return deliver(t, "http://"+addr+"/", c) }
	}
}

func deliver(t *testing.T, to string, c callback) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, bytes.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range c.header {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// rack hands a call to the Rack application as a server of Rack does.
const rack = `r = JSON.parse($stdin.read)
env = r["headers"].to_h { |name, value| ["HTTP_" + name.upcase.tr("-", "_"), value] }
env["rack.input"] = StringIO.new(r["body"].unpack1("m"))
print "\n", Receiver.call(env).first`

func rackApplication(t *testing.T, secret string) sampled {
	t.Helper()
	return func(t *testing.T, c callback) int {
		t.Helper()
		h := map[string]string{}
		for name, value := range c.header {
			if value != "" {
				h[name] = value
			}
		}
		in, err := json.Marshal(map[string]any{"headers": h, "body": base64.StdEncoding.EncodeToString(c.body)})
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("ruby", "-W", "-rjson", "-rstringio", "-r./"+sampleDir+"receiver.rb", "-e", rack)
		cmd.Env = append(os.Environ(), "SATCHEL_WEBHOOK_SECRET="+secret)
		cmd.Stdin = bytes.NewReader(in)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("ruby: %s\n%s", err, out)
		}
		status, err := strconv.Atoi(string(out[bytes.LastIndexByte(out, '\n')+1:]))
		if err != nil {
			t.Fatalf("ruby said %q", out)
		}
		return status
	}
}

// The programs of the documentation, in five languages, take a real callback of the daemon and refuse every other.
func TestTheSamplesVerifyCallbacks(t *testing.T) {
	for _, name := range []string{"receiver.go", "receiver.js", "receiver.php", "receiver.py", "receiver.rb"} {
		if _, err := os.ReadFile(sampleDir + name); err != nil { // go test's own cache notices what is read here
			t.Fatal(err)
		}
	}
	s := newShop(t)
	came := make(chan callback, 1)
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		h := map[string]string{}
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature", "content-type"} {
			h[name] = r.Header.Get(name)
		}
		came <- callback{h, body}
	}))
	defer sink.Close()
	var real []callback
	for _, extended := range []bool{false, true} { // an invoice of nothing is complete at once
		status, doc := s.post("/invoices", map[string]any{
			"token": s.token, "price": 0, "currency": "USD", "notificationURL": sink.URL, "extendedNotifications": extended, "orderId": "ä-1",
		})
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, doc)
		}
		c := <-came
		for !bytes.Contains(c.body, []byte(`"complete"`)) { // the extended ones begin with the creation
			c = <-came
		}
		real = append(real, c)
	}
	binary := filepath.Join(t.TempDir(), "receiver")
	if out, err := exec.Command("go", "build", "-o", binary, "./"+sampleDir).CombinedOutput(); err != nil {
		t.Fatalf("%s\n%s", err, out)
	}
	for language, c := range map[string]struct {
		needs string
		run   func(t *testing.T, secret string) sampled
	}{
		"Go":     {binary, program(binary)},
		"Node":   {"node", program("node", sampleDir+"receiver.js")},
		"PHP":    {"php", program("php", "-S", "ADDR", sampleDir+"receiver.php")},
		"Python": {"python3", program("python3", sampleDir+"receiver.py")},
		"Ruby":   {"ruby", rackApplication},
	} {
		t.Run(language, func(t *testing.T) {
			if _, err := exec.LookPath(c.needs); err != nil {
				t.Logf("there is no %s here: run scripts/deps.sh test-tools", c.needs)
				return
			}
			read := c.run(t, s.secret)
			for _, call := range real {
				if status := read(t, call); status != http.StatusNoContent {
					t.Errorf("a callback of the daemon: %d\n%s", status, call.body)
				}
			}
			refusesOthers(t, read, real[0], s.secret)
			nobody := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 16)) // what an absent secret must not be taken for
			if status := c.run(t, "")(t, real[0].signed(t, nobody, time.Now())); status != http.StatusUnauthorized {
				t.Errorf("without a secret: %d", status)
			}
		})
	}
}

// refusesOthers holds a receiver against what is not the daemon's, and against what is so in an unusual way.
func refusesOthers(t *testing.T, read sampled, real callback, secret string) {
	t.Helper()
	now := time.Now()
	other := notify.NewSecret().Reveal()
	wrong := real.signed(t, other, now).header["webhook-signature"]
	changed := bytes.Replace(real.body, []byte(`"complete"`), []byte(`"complex!"`), 1)
	stamp, err := strconv.ParseInt(real.header["webhook-timestamp"], 10, 64)
	if err != nil || bytes.Equal(changed, real.body) {
		t.Fatal(err, "nothing was changed")
	}
	right := real.header["webhook-signature"]
	for name, c := range map[string]struct {
		callback
		status int
	}{
		"another body":             {callback{real.header, changed}, 401},
		"more of a body":           {callback{real.header, append(bytes.Clone(real.body), ' ')}, 401},
		"another event":            {real.with("webhook-id", "other"), 401},
		"no event":                 {real.with("webhook-id", ""), 401},
		"another time":             {real.with("webhook-timestamp", strconv.FormatInt(stamp+1, 10)), 401},
		"no time":                  {real.with("webhook-timestamp", ""), 401},
		"a time that is none":      {real.with("webhook-timestamp", "soon"), 401},
		"another secret":           {real.with("webhook-signature", wrong), 401},
		"no signature":             {real.with("webhook-signature", ""), 401},
		"a signature that is none": {real.with("webhook-signature", "v1,%%% v1, ä"), 401},
		"another version":          {real.with("webhook-signature", strings.Replace(right, "v1,", "v2,", 1)), 401},
		"too old":                  {real.signed(t, secret, now.Add(-6*time.Minute)), 401},
		"from the future":          {real.signed(t, secret, now.Add(6*time.Minute)), 401},
		"a minute ago":             {real.signed(t, secret, now.Add(-time.Minute)), 204},
		"while secrets change":     {real.with("webhook-signature", wrong+" "+right), 204},
		"twice":                    {real, 204},
	} {
		if status := read(t, c.callback); status != c.status {
			t.Errorf("%s: %d, want %d", name, status, c.status)
		}
	}
}
