package notify

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/merchant"
)

// realClient posts over real sockets; loopback is allowed.
func realClient(t *testing.T, timeout time.Duration, c clientConfig) *client {
	t.Helper()
	c.perEndpoint = DefaultPerEndpoint
	tr := newTransport(c)
	t.Cleanup(tr.CloseIdleConnections)
	return &client{transport: tr, timeout: timeout, agent: "satchel/test"}
}

func receiver(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func tlsReceiver(t *testing.T, c *tls.Config) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.TLS, s.Config.ErrorLog = c, log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// rawReceiver answers each connection with bytes of its own, after it has read the beginning of the request.
func rawReceiver(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				if _, err := conn.Read(make([]byte, 4096)); err == nil {
					serve(conn)
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return "http://" + l.Addr().String() + "/"
}

func TestPostSaysWhatCameOfIt(t *testing.T) {
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			w.Header().Set("Location", "/ok?key=hush")
			w.WriteHeader(http.StatusTemporaryRedirect)
		case "/away":
			w.Header().Set("Location", "https://user:hush@other.example/x?key=hush#hush")
			w.WriteHeader(http.StatusFound)
		case "/odd":
			w.Header()["Location"] = []string{"http://[::hush"}
			w.WriteHeader(http.StatusSeeOther)
		case "/nowhere":
			w.WriteHeader(http.StatusNotModified)
		case "/busy":
			w.Header().Set("Retry-After", "120")
			http.Error(w, "come\tback \x1b[31mlater", http.StatusServiceUnavailable)
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/ok":
			_, _ = io.WriteString(w, "thanks")
		default:
			http.Error(w, "no such page", http.StatusNotFound)
		}
	})
	c := realClient(t, time.Minute, clientConfig{allowPrivate: true})
	for path, want := range map[string]Attempt{
		"/ok":       {Status: 200, Answer: "thanks"},
		"/empty":    {Status: 204},
		"/none":     {Status: 404, Error: "status 404", Answer: "no such page"},
		"/busy":     {Status: 503, Error: "status 503", Answer: "come back [31mlater", RetryAfter: 2 * time.Minute},
		"/redirect": {Status: 307, Error: "status 307: redirect to " + url + "/ok not followed"},
		"/away":     {Status: 302, Error: "status 302: redirect to https://other.example/x not followed"},
		"/odd":      {Status: 303, Error: "status 303: redirect not followed"},
		"/nowhere":  {Status: 304, Error: "status 304"},
	} {
		got := c.post(t.Context(), url+path+"?key=hush", c.header(), []byte(`{}`))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestPostSaysWhyThereIsNoAnswer(t *testing.T) {
	closed := receiver(t, nil)
	closed = closed[:strings.LastIndex(closed, ":")] + ":1"
	secure := tlsReceiver(t, nil)
	plain := receiver(t, func(http.ResponseWriter, *http.Request) {})
	stop := make(chan struct{})
	stuck := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	})
	t.Cleanup(func() { close(stop) })
	reset := rawReceiver(t, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) })
	eof := rawReceiver(t, func(net.Conn) {})
	odd := rawReceiver(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-odd\r\n") })
	own := func(_ context.Context, to netip.AddrPort) string {
		return map[uint16]string{4242: "the node's RPC"}[to.Port()]
	}
	c := realClient(t, time.Minute, clientConfig{allowPrivate: true, own: own})
	hasty := realClient(t, 300*time.Millisecond, clientConfig{allowPrivate: true})
	if got := hasty.post(t.Context(), stuck, c.header(), []byte(`{}`)); got.Error != "timeout after 300ms" || got.Status != 0 {
		t.Errorf("no answer in time: status %d, %q", got.Status, got.Error)
	}
	for url, want := range map[string]string{
		closed:                          "connection refused",
		secure.URL:                      "TLS: certificate signed by an unknown authority",
		"https" + plain[len("http"):]:   "TLS: the endpoint does not speak TLS",
		reset:                           "connection reset",
		eof:                             "connection closed without an answer",
		odd:                             `no valid answer: net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0-odd"`,
		"http://127.0.0.1:4242/":        "refused: 127.0.0.1:4242 is the node's RPC",
		"http://u:hush@127.0.0.1:4242/": "refused: notificationURL: must not contain a user name or password",
	} {
		got := c.post(t.Context(), url, c.header(), []byte(`{}`))
		if got.Error != want || got.Status != 0 {
			t.Errorf("%s: status %d, %q, want %q", url, got.Status, got.Error, want)
		}
	}
}

func TestTLSIsVerifiedAlways(t *testing.T) {
	s := tlsReceiver(t, nil)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := realClient(t, time.Minute, clientConfig{allowPrivate: true, roots: roots})
	if a := c.post(t.Context(), s.URL, c.header(), nil); !a.OK() {
		t.Errorf("with its authority known: %+v", a)
	}
	other := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	if a := c.post(t.Context(), other, c.header(), nil); !strings.HasPrefix(a.Error, "TLS: x509: certificate is valid for") {
		t.Errorf("under another name: %+v", a)
	}
	old := tlsReceiver(t, &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	if a := c.post(t.Context(), old.URL, c.header(), nil); a.Error != "TLS: protocol version not supported" {
		t.Errorf("TLS 1.1: %+v", a)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	zeros := bytes.Repeat([]byte("z"), 64<<10)
	var wrote atomic.Int64
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(bytes.Repeat(zeros, 100))
	_ = z.Close()
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/endless":
			for {
				n, err := w.Write(zeros)
				wrote.Add(int64(n))
				if err != nil {
					return
				}
			}
		case "/gzip":
			if r.Header.Get("Accept-Encoding") != "" {
				t.Errorf("asks for compression: %q", r.Header.Get("Accept-Encoding"))
			}
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed.Bytes())
		case "/header":
			w.Header().Set("X-Long", strings.Repeat("h", 12<<20))
		case "/drip":
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "d")
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(10 * time.Millisecond):
				}
			}
		}
	})
	c := realClient(t, time.Second, clientConfig{allowPrivate: true})
	post := func(path string) Attempt { return c.post(t.Context(), url+path, c.header(), []byte(`{}`)) }
	if a := post("/endless"); !a.OK() || a.Answer != string(zeros[:keptAnswer]) {
		t.Errorf("endless: status %d, %q, %d bytes kept", a.Status, a.Error, len(a.Answer))
	}
	if a := post("/gzip"); !a.OK() || strings.Contains(a.Answer, "zzz") {
		t.Errorf("gzip: %+v", a)
	}
	if a := post("/header"); a.OK() || a.Status != 0 || !strings.HasPrefix(a.Error, "no valid answer: ") {
		t.Errorf("header: %+v", a)
	}
	if a := post("/drip"); !a.OK() || strings.Trim(a.Answer, "d") != "" || a.Answer == "" {
		t.Errorf("drip: the status was there, but: %+v", a)
	}
	// What the kernel buffered was written, too; an endpoint that could write on would be far beyond that.
	if n := wrote.Load(); n > 64<<20 {
		t.Errorf("endless: the endpoint wrote %d bytes", n)
	}
	headerDrip := rawReceiver(t, func(c net.Conn) {
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Drip: ")
		for err == nil {
			time.Sleep(10 * time.Millisecond) // the drip itself
			_, err = io.WriteString(c, "d")
		}
	})
	if a := c.post(t.Context(), headerDrip, c.header(), nil); a.Error != "timeout after 1 s" {
		t.Errorf("header drip: %+v", a)
	}
}

// counting is a reader that never ends, or that never gives anything.
type counting struct {
	read  int
	stuck chan struct{}
}

func (c *counting) Read(p []byte) (int, error) {
	if c.stuck != nil {
		<-c.stuck
		return 0, errors.New("stopped")
	}
	c.read += len(p)
	return len(p), nil
}

func TestAnswerIsReadToItsLimitAndNotForever(t *testing.T) {
	body := &counting{}
	if got := readAnswer(body, func() {}); got != "" || body.read > 2*maxAnswer {
		t.Errorf("read %d bytes, kept %q", body.read, got)
	}
	synctest.Test(t, func(t *testing.T) {
		slow, began := &counting{stuck: make(chan struct{})}, time.Now()
		readAnswer(slow, func() { close(slow.stuck) })
		if took := time.Since(began); took != bodyWait {
			t.Errorf("stopped after %v", took)
		}
	})
}

func TestRetryAfterForms(t *testing.T) {
	date := "Sat, 02 Jan 2027 03:04:05 GMT"
	for _, c := range []struct {
		text, date string
		want       time.Duration
	}{
		{"", date, 0},
		{"0", "", 0},
		{"17", "", 17 * time.Second},
		{" 17 ", "", 17 * time.Second},
		{"-1", "", 0},
		{"1.5", "", 0},
		{"4294967295", "", 4294967295 * time.Second},
		{"99999999999999999999", "", 0},
		{"soon", date, 0},
		{"Sat, 02 Jan 2027 04:04:05 GMT", date, time.Hour},
		{"Sat, 02 Jan 2027 02:04:05 GMT", date, 0},
		{"Sat, 02 Jan 2027 04:04:05 GMT", "", 0},
	} {
		h := http.Header{}
		h.Set("Retry-After", c.text)
		h.Set("Date", c.date)
		if got := retryAfter(h); got != c.want {
			t.Errorf("%q at %q: %v, want %v", c.text, c.date, got, c.want)
		}
	}
}

// hit is a request as a receiver saw it.
type hit struct {
	header http.Header
	body   string
	at     time.Time
}

func TestEveryAttemptSendsTheSameBytesSigned(t *testing.T) {
	hits := make(chan hit, 10)
	var fails atomic.Int32
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hits <- hit{header: r.Header, body: string(body), at: time.Now()}
		if fails.Add(1) <= 2 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	m := newMemory()
	old := m.secrets.Webhook
	n, err := New(Config{Store: m, Now: now, AllowPrivate: true, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	id := m.add(7, url+"/ipn?key=1", now())
	running(t, n)
	var seen []hit
	for i := range 3 {
		h := <-hits
		seen = append(seen, h)
		for _, s := range append([]merchant.Secret{m.secrets.Webhook}, old) {
			if err := Verify(s, h.header, []byte(h.body), now()); err != nil {
				t.Errorf("attempt %d: %v", i, err)
			}
		}
		waitFor(t, func() bool { return m.row(id).Progress.Attempts == i+1 })
		if i == 0 {
			m.mu.Lock()
			m.secrets = Rotate(m.secrets, now(), 24*time.Hour)
			m.mu.Unlock()
		}
		ahead.Add(int64(time.Minute))
		n.Wake()
	}
	want := map[string]string{
		"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "satchel/1.2.3",
		"Webhook-Id": "evt-1", "Satchel-Sequence": "1001", "Satchel-Revision": "1", "Idempotency-Key": "", "Accept-Encoding": "",
	}
	for i, h := range seen {
		if h.body != seen[0].body || h.body != `{"id":"inv-7","event":1}` {
			t.Errorf("attempt %d: body %s", i, h.body)
		}
		for name, value := range want {
			if got := h.header.Get(name); got != value {
				t.Errorf("attempt %d: %s is %q", i, name, got)
			}
		}
		if i > 0 && h.header.Get("Webhook-Timestamp") <= seen[i-1].header.Get("Webhook-Timestamp") {
			t.Error("the timestamp is not the attempt's")
		}
	}
	if d := m.row(id); d.State != Delivered || d.Progress.Attempts != 3 {
		t.Errorf("%v after %d", d.State, d.Progress.Attempts)
	}
}

// waitFor yields until something holds; the test's own time limit is the end.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	for !holds() {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Microsecond)
	}
}
