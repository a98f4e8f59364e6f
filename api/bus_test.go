package api

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"satchel/invoice"
)

// bus gives the path of an invoice's stream.
func (s *shop) bus(id, more string) string {
	s.t.Helper()
	d := s.data(http.MethodGet, "/invoices/"+id+"/events", "", "")
	u, err := url.Parse(d["url"].(string))
	if err != nil {
		s.t.Fatal(err)
	}
	return u.Path + "?token=" + d["token"].(string) + more
}

func TestBusDocument(t *testing.T) {
	s := newShop(t, nil)
	id := s.make("")
	path := "/invoices/" + id + "/events"
	token := s.api.cfg.Secret.BusToken(id)
	want := `{"facade":"public/invoice","data":{"url":"https://pay.example/events","token":"` + token +
		`","events":["payment","confirmation"],"actions":["subscribe","unsubscribe"]}}`
	for _, token := range []string{"", s.pos, s.owner} {
		if r := s.call(http.MethodGet, path, token, ""); r.body != want {
			t.Errorf("got %s", r.body)
		}
	}
	s.call(http.MethodGet, path, s.other, "").refused(t, 404)
	s.call(http.MethodGet, "/invoices/nothing/events", "", "").refused(t, 404)
	s.call(http.MethodGet, path, "nonsense", "").refused(t, 401)
}

// block is one event as it came.
type block struct {
	event string
	data  map[string]any
}

// stream is an open stream, read as the one client in the field reads it.
type stream struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

// follow opens a stream over a bare connection, to see the bytes.
func (s *shop) follow(path string) *stream {
	s.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte("GET " + path + " HTTP/1.1\r\nHost: pay.example\r\n\r\n")); err != nil {
		s.t.Fatal(err)
	}
	st := &stream{t: s.t, conn: conn, in: bufio.NewReader(conn)}
	res, err := http.ReadResponse(st.in, nil)
	if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		s.t.Fatalf("%v %v", err, res)
	}
	st.in = bufio.NewReader(res.Body)
	return st
}

// next reads the next event, over signs of life.
func (st *stream) next() (b block, ok bool) {
	st.t.Helper()
	for {
		line, err := st.in.ReadString('\n')
		if err != nil {
			return block{}, false
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "event":
			b.event = value
		case "data":
			if strings.Contains(value, ": ") {
				st.t.Errorf("the client would cut %s", value)
			}
			if err := json.Unmarshal([]byte(value), &b.data); err != nil {
				st.t.Fatal(err)
			}
		case "":
			if b.event != "" {
				return b, true
			}
		case ":":
		default:
			st.t.Fatalf("the client does not know %q", line)
		}
	}
}

func (st *stream) says(event, status string) map[string]any {
	st.t.Helper()
	b, ok := st.next()
	if !ok || b.event != event || b.data["status"] != status {
		st.t.Fatalf("got %v %v %v, want %s %s", ok, b.event, b.data["status"], event, status)
	}
	return b.data
}

func (st *stream) ends() {
	st.t.Helper()
	if b, ok := st.next(); ok {
		st.t.Fatalf("got %v", b)
	}
}

func TestStreamTellsPaymentsAndConfirmations(t *testing.T) {
	s := newShop(t, nil)
	id := s.make(`,"orderId":"a: b","guid":"g","buyer":{"name":"Zoë"},"notificationURL":"https://shop.example/ipn"`)
	st := s.follow(s.bus(id, "&action=subscribe&events%5B0%5D=payment&events%5B1%5D=confirmation"))
	s.pay(id, 40_000)
	d := st.says("payment", "new")
	if d["id"] != id || d["orderId"] != "a: b" || d["exceptionStatus"] != "paidPartial" || d["guid"] != nil || d["notificationURL"] != nil {
		t.Errorf("got %v", d)
	}
	if want := s.data(http.MethodGet, "/invoices/"+id, "", "")["token"]; d["token"] != want {
		t.Errorf("the token is %v, want the public view's %v", d["token"], want)
	}
	s.pay(id, 60_000)
	st.says("payment", "paid")
	s.bury(id, 1)
	st.says("confirmation", "confirmed")
	s.wait(0)
	s.bury(id, 5)
	s.hub.Wake(id) // a block changes the confirmations of an invoice that did not change
	s.step(id, func(*invoice.Book) {})
	for {
		b, ok := st.next()
		if !ok || b.event != "confirmation" {
			t.Fatalf("got %v %v", ok, b)
		}
		if b.data["status"] == "complete" {
			break
		}
	}
	st.ends() // nothing follows
}

func TestStreamTellsOnlyWhatIsWanted(t *testing.T) {
	s := newShop(t, nil)
	id := s.make("")
	for _, query := range []string{"&events=confirmation", "&events[]=confirmation", "&events%5B%5D=confirmation&events[1]=nonsense"} {
		s.follow(s.bus(id, query))
	}
	st := s.follow(s.bus(id, "&events=confirmation"))
	all := s.follow(s.bus(id, "&events=payment,confirmation"))
	s.pay(id, 100_000)
	all.says("payment", "paid")
	s.bury(id, 6)
	all.says("confirmation", "complete")
	st.says("confirmation", "complete")
	late := s.follow(s.bus(id, "")) // who comes late hears what happened
	late.says("payment", "complete")
	late.says("confirmation", "complete")
	late.ends()
}

func TestStreamTellsExpiry(t *testing.T) {
	s := newShop(t, nil)
	id := s.make("")
	st := s.follow(s.bus(id, ""))
	s.expire(id)
	st.says("payment", "expired")
	s.pay(id, 100_000)
	if d := st.says("payment", "expired"); d["exceptionStatus"] != "paidLate" {
		t.Errorf("got %v", d["exceptionStatus"])
	}
	s.api.Stop()
	s.api.Stop()
	st.ends()
}

func TestStreamRefusals(t *testing.T) {
	s := newShop(t, func(_ *shop, c *Config) { c.Limits.Streams = 1 })
	id := s.make("")
	path := s.bus(id, "")
	for name, c := range map[string]struct {
		path   string
		status int
	}{
		"no token":            {"/events", 401},
		"nonsense":            {"/events?token=nonsense", 401},
		"the invoice's token": {"/events?token=" + s.data(http.MethodGet, "/invoices/"+id, "", "")["token"].(string), 401},
		"a till's token":      {"/events?token=" + s.pos, 401},
		"another's bus":       {"/events?token=" + s.api.cfg.Secret.BusToken("Hq7mZk3VtWc9sXyB2nLdRe"), 404},
		"tampered":            {"/events?token=" + tampered(s.api.cfg.Secret.BusToken(id)), 401},
		"long":                {"/events?token=" + strings.Repeat("2", 9000), 401},
		"action":              {path + "&action=shout", 400},
		"events":              {path + "&events=refund", 400},
		"two tokens":          {path + "&token=x", 400},
	} {
		t.Run(name, func(t *testing.T) { s.send(http.MethodGet, c.path, "").refused(t, c.status) })
	}
	if r := s.send(http.MethodGet, path+"&action=unsubscribe", ""); r.body != `{"data":"Success"}` {
		t.Errorf("unsubscribe: %s", r.body)
	}
	if r := s.send(http.MethodHead, path, ""); r.status != 200 || r.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD: %d %v", r.status, r.header)
	}
	st := s.follow(path)
	s.pay(id, 1)
	st.says("payment", "new")
	if r := s.send(http.MethodGet, path, ""); r.refused(t, 429) == "" || r.header.Get("Retry-After") == "" {
		t.Errorf("one stream too many: %v", r)
	}
	s.api.Stop()
	st.ends()
}

// tampered changes one character in the middle of a token.
func tampered(token string) string {
	b := []byte(token)
	if b[20]++; b[20] == 'O' || b[20] == 'I' || b[20] == 'l' || b[20] > 'z' || b[20] > '9' && b[20] < 'A' || b[20] > 'Z' && b[20] < 'a' {
		b[20] = '2'
	}
	return string(b)
}

// TestEachEventArrivesInOnePiece: the one client that reads the stream takes what arrives at once for whole events.
func TestEachEventArrivesInOnePiece(t *testing.T) {
	s := newShop(t, nil)
	id := s.make(`,"posData":"` + strings.Repeat("x", 9000) + `","itemDesc":"` + strings.Repeat("d: ", 1000) + `"`)
	srv := s.api.Server("")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen := &writes{Listener: l}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(seen) }()
	s.url = "http://" + l.Addr().String()
	st := s.follow(s.bus(id, ""))
	for range 30 {
		s.pay(id, 1_000)
	}
	if d := st.says("payment", "new"); d["id"] != id || d["posData"] != nil {
		t.Errorf("got %v", d)
	}
	srv.RegisterOnShutdown(s.api.Stop)
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-done
	if n := seen.torn(); n > 0 {
		t.Errorf("%d events were torn", n)
	}
}

// writes is a listener that looks at what the server writes.
type writes struct {
	net.Listener
	mu   sync.Mutex
	list [][]byte
}

type writeConn struct {
	net.Conn
	of *writes
}

func (w *writes) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	return &writeConn{c, w}, err
}

func (c *writeConn) Write(b []byte) (int, error) {
	c.of.mu.Lock()
	c.of.list = append(c.of.list, append([]byte(nil), b...))
	c.of.mu.Unlock()
	return c.Conn.Write(b)
}

// torn counts the writes that hold an event's beginning and not its end.
func (w *writes) torn() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.list {
		if _, rest, ok := strings.Cut(string(b), "event: "); ok && !strings.Contains(rest, "}\n\n") {
			n++
		}
	}
	return n
}
