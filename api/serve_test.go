package api

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/invoice"
)

func TestBodiesThatAreNotRead(t *testing.T) {
	w := start(t, nil)
	good := `{"price":1,"currency":"USD","token":"` + w.pos + `"}`
	for _, ct := range []string{"application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8"} {
		if r := w.post(good, "Content-Type", ct); r.status != 200 {
			t.Errorf("%s: %d %s", ct, r.status, r.body)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/invoices", strings.NewReader(good))
	if r := w.do(req); r.status != 200 { // no type at all
		t.Errorf("without a type: %d %s", r.status, r.body)
	}
	made := w.created()
	for _, ct := range []string{
		"application/x-www-form-urlencoded", "text/plain", "text/json", "multipart/form-data; boundary=x", "application/xml",
		"application/json; charset=utf-16", "application/json; charset=latin1", "json", ";", "application/json, text/plain",
	} {
		w.post(good, "Content-Type", ct).refused(t, http.StatusUnsupportedMediaType)
	}
	var zipped strings.Builder
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(good))
	_ = z.Close()
	for _, enc := range []string{"gzip", "br", "deflate", "gzip, identity"} {
		w.post(zipped.String(), "Content-Encoding", enc).refused(t, http.StatusUnsupportedMediaType)
	}
	if r := w.post(good, "Content-Encoding", "identity"); r.status != 200 {
		t.Errorf("identity: %d %s", r.status, r.body)
	}
	if w.created() != made+1 {
		t.Error("a refused body made an invoice")
	}
}

func TestLargeBodies(t *testing.T) {
	w := start(t, nil)
	large := `{"price":1,"currency":"USD","token":"` + w.pos + `","x":"` + strings.Repeat("x", maxBody) + `"}`
	w.post(large).refused(t, http.StatusRequestEntityTooLarge)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/invoices", io.MultiReader(strings.NewReader(large)))
	req.Header.Set("Content-Type", "application/json") // chunked: the size is not said
	w.do(req).refused(t, http.StatusRequestEntityTooLarge)
	// The largest honest wish fits: posData with every character escaped.
	honest := `{"price":1,"currency":"USD","token":"` + w.pos + `","posData":"` + strings.Repeat(`\u0041`, 10_240) + `"}`
	if r := w.post(honest); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if w.created() != 1 {
		t.Error("a large body made an invoice")
	}
}

// slow starts the API's server with its read timeout cut short.
func (w *world) slow(timeout time.Duration) net.Addr {
	w.t.Helper()
	srv := w.api.Server("")
	srv.ReadTimeout, srv.ReadHeaderTimeout = timeout, timeout
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	w.t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return l.Addr()
}

func TestSlowClientsAreLetGo(t *testing.T) {
	w := start(t, nil)
	addr := w.slow(50 * time.Millisecond)
	body, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	fmt.Fprint(body, "POST /invoices HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	res, err := http.ReadResponse(bufio.NewReader(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	reply{res.StatusCode, res.Header, string(text)}.refused(t, http.StatusRequestTimeout)
	if _, err := body.Read(make([]byte, 1)); err == nil {
		t.Error("the connection of a slow body stays open")
	}

	head, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer head.Close()
	fmt.Fprint(head, "GET /rates HTTP/1.1\r\nHost:")
	rest, _ := io.ReadAll(head) // ends only when the server closes it
	if strings.Contains(string(rest), "200 OK") {
		t.Errorf("half a request was answered with %q", rest)
	}
	if w.created() != 0 {
		t.Error("half a body made an invoice")
	}
}

func TestServerLimits(t *testing.T) {
	w := start(t, nil)
	srv := w.api.Server("127.0.0.1:8350")
	if srv.Addr != "127.0.0.1:8350" || srv.ReadHeaderTimeout != 5*time.Second || srv.ReadTimeout != 15*time.Second ||
		srv.IdleTimeout != 60*time.Second || srv.MaxHeaderBytes != 32<<10 || srv.WriteTimeout != 0 {
		t.Errorf("%+v", srv)
	}
	long := w.send(http.MethodGet, "/rates", "", "X-Long", strings.Repeat("x", 64<<10))
	if long.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a large header: %d", long.status)
	}
}

// TestConnectionsAreCapped: what is too many is closed before a byte of it is read, and a place that was given back is
// given again.
func TestConnectionsAreCapped(t *testing.T) {
	w := start(t, func(c *Config) { c.Limits.Connections = 2 })
	addr := w.slow(time.Minute)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	works := func(c net.Conn) bool {
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
	a, b := dial(), dial()
	defer b.Close()
	if !works(a) || !works(b) {
		t.Fatal("two connections do not work")
	}
	c := dial()
	if works(c) {
		t.Error("a third one works")
	}
	_ = c.Close()
	_ = a.Close()
	for i := 0; ; i++ { // the server notices the end of the first one soon
		d := dial()
		ok := works(d)
		_ = d.Close()
		if ok {
			return
		}
		if i == 1000 {
			t.Fatal("the place was not given back")
		}
	}
}

func TestRequestID(t *testing.T) {
	w := start(t, nil)
	for _, id := range []string{"abc-DEF_1.2:3", strings.Repeat("x", 64)} {
		if got := w.send(http.MethodGet, "/rates", "", "X-Request-Id", id).header.Get("X-Request-Id"); got != id {
			t.Errorf("%q came back as %q", id, got)
		}
	}
	seen := map[string]bool{}
	for _, id := range []string{"", strings.Repeat("x", 65), "a b", "<script>", "a;b", "ä", "a\tb"} {
		for _, path := range []string{"/rates", "/nothing", "/healthz", "/invoices/x"} {
			got := w.send(http.MethodGet, path, "", "X-Request-Id", id).header.Get("X-Request-Id")
			if got == "" || got == id || seen[got] {
				t.Errorf("%q on %s became %q", id, path, got)
			}
			seen[got] = true
		}
	}
}

func TestLogHoldsNoSecrets(t *testing.T) {
	w := start(t, nil)
	w.post(`{"price":1,"currency":"USD","token":"`+w.pos+`"}`, "X-Request-Id", "known-id")
	w.send(http.MethodGet, "/invoices/Hq7mZk3VtWc9sXyB2nLdRe?token="+w.pos, "", "Authorization", "Bearer "+w.pos)
	w.post(`{"price":1,"currency":"USD","orderId":"private-order"}`, "Authorization", "Bearer bad-token-value")
	w.send(http.MethodGet, "/bad-path-value?query-value", "")
	logs := w.logs.String()
	for _, s := range []string{w.pos, "bad-token-value", "private-order", "bad-path-value", "query-value"} {
		if strings.Contains(logs, s) {
			t.Errorf("the log holds %q", s)
		}
	}
	for _, s := range []string{"request_id=known-id", "route=/invoices", "status=200", "status=401", "route=none", "method=POST"} {
		if !strings.Contains(logs, s) {
			t.Errorf("the log does not hold %q:\n%s", s, logs)
		}
	}
}

func TestPanicIsAnAnswer(t *testing.T) {
	w := start(t, nil)
	w.byGUID = func(invoice.Creation) (invoice.Invoice, bool, error) { panic("secret of the panic") }
	r := w.post(`{"price":1,"currency":"USD","guid":"g","token":"` + w.pos + `"}`)
	if text := r.refused(t, 500); !strings.HasPrefix(text, "Internal error") || strings.Contains(r.body, "secret") {
		t.Errorf("got %s", r.body)
	}
	if logs := w.logs.String(); !strings.Contains(logs, "secret of the panic") || !strings.Contains(logs, "invoices.go") {
		t.Error("the log does not tell where it happened")
	}
	if r := w.send(http.MethodGet, "/rates", ""); r.status != 200 {
		t.Errorf("and then: %d", r.status)
	}
}

func TestAbortedHandlerClosesTheConnection(t *testing.T) {
	w := start(t, func(c *Config) {
		c.Web = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	})
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/invoice?id=x", http.NoBody)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err == nil {
		_ = res.Body.Close()
		t.Fatalf("status %d", res.StatusCode)
	}
}

// TestPagesAreServedBeside: the pages get the request as it came, may stream, and may stay longer than an answer.
func TestPagesAreServedBeside(t *testing.T) {
	release := make(chan struct{})
	w := start(t, func(c *Config) {
		c.Web = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			ctl := http.NewResponseController(rw)
			if err := ctl.SetWriteDeadline(time.Time{}); err != nil {
				t.Error(err)
			}
			fmt.Fprintf(rw, "%s %s\n", r.Method, r.URL.RequestURI())
			if err := ctl.Flush(); err != nil {
				t.Error(err)
			}
			if r.URL.Path == "/invoice/stream" {
				<-release
			}
		})
	})
	for _, path := range []string{"/invoice?id=x&view=modal", "/assets/style.abc.css", "/Invoice/view?id=x"} {
		r := w.send(http.MethodGet, path, "")
		if r.status != 200 || r.body != "GET "+path+"\n" || r.header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %d %q", path, r.status, r.body)
		}
	}
	for _, path := range []string{"/assets", "/assets/", "/assets//x", "/invoice//view", "/invoice/../rates"} {
		if r := w.send(http.MethodGet, path, ""); r.status != 404 {
			t.Errorf("%s: %d %q", path, r.status, r.body)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/invoice/stream?id=x", http.NoBody)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if line, err := bufio.NewReader(res.Body).ReadString('\n'); err != nil || line != "GET /invoice/stream?id=x\n" {
		t.Errorf("the stream begins with %q (%v)", line, err)
	}
	close(release)
}

func TestManyAtOnce(t *testing.T) {
	w := start(t, nil)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 20 {
				w.post(`{"price":1,"currency":"USD","token":"` + w.pos + `"}`)
				w.send(http.MethodGet, "/invoices/Hq7mZk3VtWc9sXyB2nLdRe", "")
			}
		})
	}
	wg.Wait()
	if w.created() != 320 {
		t.Errorf("%d were created", w.created())
	}
}

func TestConfigIsChecked(t *testing.T) {
	_, err := New(Config{})
	for _, want := range []string{"invoice service", "store", "rates", "authority", "server secret", "tip", "readiness", "public URL", "clock", "logger"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name the %s", err, want)
		}
	}
	for _, u := range []string{"pay.example", "ftp://pay.example", "https://", "javascript:alert(1)", "http://%zz"} {
		w := start(t, nil)
		cfg := w.api.cfg
		cfg.PublicURLs = []string{u}
		if _, err := New(cfg); err == nil {
			t.Errorf("%s is taken for a public URL", u)
		}
	}
}

func BenchmarkShowInvoice(b *testing.B) {
	f := newFake()
	f.made["Hq7mZk3VtWc9sXyB2nLdRe"] = invoice.Invoice{ID: "Hq7mZk3VtWc9sXyB2nLdRe", Created: f.now, Expires: f.now}
	a := benchAPI(b, f)
	req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/invoices/Hq7mZk3VtWc9sXyB2nLdRe", http.NoBody)
	req.RemoteAddr = "127.0.0.1:1"
	b.ReportAllocs()
	for b.Loop() {
		rec := httptest.NewRecorder()
		a.Handler().ServeHTTP(rec, req)
		if rec.Code != 200 {
			b.Fatal(rec.Body)
		}
	}
}
