package notify

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// canary listens on every address of this machine and counts whoever connects.
type canary struct {
	port string
	seen atomic.Int32
}

func newCanary(t *testing.T) *canary {
	t.Helper()
	c := &canary{}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	_, c.port, _ = net.SplitHostPort(l.Addr().String())
	s := &http.Server{
		ReadHeaderTimeout: time.Second,
		Handler:           http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				c.seen.Add(1)
			}
		},
	}
	var all sync.WaitGroup
	all.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { _ = s.Close(); all.Wait() })
	return c
}

// names is a name server of one answer per name (RFC 1035): its addresses, of the family that is asked for.
func names(t *testing.T, hosts map[string][]string) *net.Resolver {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		q := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(q)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(resolve(q[:n], hosts), from)
		}
	})
	t.Cleanup(func() { _ = conn.Close(); all.Wait() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp4", conn.LocalAddr().String())
	}}
}

func resolve(q []byte, hosts map[string][]string) []byte {
	end, name := 12, ""
	for q[end] != 0 {
		name += string(q[end+1:end+1+int(q[end])]) + "."
		end += 1 + int(q[end])
	}
	kind := binary.BigEndian.Uint16(q[end+1:])
	end += 5 // the root label, type and class
	var answers []byte
	count := uint16(0)
	for _, text := range hosts[strings.TrimSuffix(strings.ToLower(name), ".")] {
		ip := netip.MustParseAddr(text)
		if ip.Is4() != (kind == 1) || kind != 1 && kind != 28 {
			continue
		}
		raw := ip.AsSlice()
		answers = append(answers, 0xc0, 12, byte(kind>>8), byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(raw)))
		answers = append(answers, raw...)
		count++
	}
	reply := append([]byte{}, q[:end]...)
	reply[2], reply[3] = 0x81, 0x80
	if _, known := hosts[strings.TrimSuffix(strings.ToLower(name), ".")]; !known {
		reply[3] |= 3 // no such name
	}
	binary.BigEndian.PutUint16(reply[6:], count)
	clear(reply[8:12]) // no other sections
	return append(reply, answers...)
}

// insideHosts lead to this machine or a private network in all the ways there are to write that.
func insideHosts() []string {
	return []string{
		// IPv4, each special-purpose block
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
		"127.0.1.1", "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1",
		"172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1",
		"192.168.255.255", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
		"239.255.255.255", "240.0.0.1", "255.255.255.255",
		// IPv6: unspecified, loopback, compatible, mapped, NAT64, 6to4, Teredo, local, site-local, multicast, documentation
		"[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]",
		"[::ffff:169.254.169.254]", "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::169.254.169.254]", "[64:ff9b:1::1]",
		"[2002:7f00:1::]", "[2002:a00:1::1]", "[2001::1]", "[2001:0:7f00:1::]", "[2001:10::1]", "[2001:db8::1]", "[3fff::1]",
		"[100::1]", "[5f00::1]", "[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[2620:4f:8000::1]",
		// other spellings that some resolver or library reads as 127.0.0.1
		"2130706433", "0x7f000001", "0x7f.1", "0x7f.0x0.0x0.0x1", "017700000001", "0177.0.0.1", "127.1", "127.0.1", "0", "0x0",
		"127.0.0.1.", "①②⑦.0.0.1", "１２７.0.0.1", "127。0。0。1", "127%2e0%2e0%2e1", "[::ffff:127.0.0.1%25lo]", "[fe80::1%25eth0]",
		// names that resolve to it
		"localhost", "LOCALHOST", "localhost.", "loop4.example", "loop6.example", "both.example", "private.example",
		"metadata.example", "mapped.example", "many.example",
	}
}

func TestNothingPrivateIsEverDialled(t *testing.T) {
	bird := newCanary(t)
	resolver := names(t, map[string][]string{
		"localhost": {"127.0.0.1", "::1"}, "loop4.example": {"127.0.0.1"}, "loop6.example": {"::1"},
		"both.example": {"127.0.0.1", "::1"}, "private.example": {"10.1.2.3"}, "metadata.example": {"169.254.169.254"},
		"mapped.example": {"::ffff:127.0.0.1"}, "many.example": {"192.168.0.1", "10.0.0.1", "127.0.0.1", "fd00::1"},
	})
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:"+bird.port)
	}
	targets := insideHosts()
	if len(targets) < 60 {
		t.Fatalf("%d targets", len(targets))
	}
	// A short limit: an address that is not refused must not hold the test while it is dialled.
	c := realClient(t, 2*time.Second, clientConfig{resolver: resolver})
	tr := c.transport.(*http.Transport)
	for _, host := range targets {
		url := "http://" + host + ":" + bird.port + "/ipn"
		a := c.post(t.Context(), url, c.header(), []byte(`{}`))
		if a.Status != 0 || !strings.HasPrefix(a.Error, "refused: ") {
			t.Errorf("%s: %+v", host, a)
		}
		// The same without our own reading of the URL: the dial guard alone must hold.
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
		if err != nil {
			continue
		}
		if resp, err := tr.RoundTrip(req); err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s: the guard let it through", host)
		}
	}
	if n := bird.seen.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
	// The canary does see what is allowed.
	open := realClient(t, time.Minute, clientConfig{resolver: resolver, allowPrivate: true})
	for _, host := range []string{"127.0.0.1", "loop4.example", "localhost"} {
		before := bird.seen.Load()
		if a := open.post(t.Context(), "http://"+host+":"+bird.port+"/", open.header(), nil); !a.OK() || bird.seen.Load() == before {
			t.Errorf("%s, allowed: %+v", host, a)
		}
	}
}

// TestRebinding answers a name with another address each time it is asked: only the address that is dialled counts.
func TestRebinding(t *testing.T) {
	bird := newCanary(t)
	hosts := map[string][]string{"turn.example": {"127.0.0.1"}}
	c := realClient(t, time.Second, clientConfig{resolver: names(t, hosts)})
	if err := CheckURL("http://turn.example/", false); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if a := c.post(t.Context(), "http://turn.example:"+bird.port+"/", c.header(), nil); a.Error != "refused: private address 127.0.0.1" {
			t.Errorf("%+v", a)
		}
	}
	if a := c.post(t.Context(), "http://none.example/", c.header(), nil); a.Error != "host not found: none.example" {
		t.Errorf("%+v", a)
	}
	if n := bird.seen.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// TestRedirectToPrivate answers from an allowed place with every redirect there is; the canary must see none of them.
func TestRedirectToPrivate(t *testing.T) {
	bird := newCanary(t)
	for _, status := range []int{300, 301, 302, 303, 305, 307, 308} {
		url := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:"+bird.port+"/")
			w.WriteHeader(status)
		})
		c := realClient(t, time.Minute, clientConfig{allowPrivate: true})
		a := c.post(t.Context(), url, c.header(), []byte(`{}`))
		if a.Status != status || !strings.HasSuffix(a.Error, ": redirect to http://127.0.0.1:"+bird.port+"/ not followed") {
			t.Errorf("%d: %+v", status, a)
		}
	}
	if n := bird.seen.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestGuard(t *testing.T) {
	own := func(_ context.Context, to netip.AddrPort) string {
		if to.Port() == 8332 {
			return "the node"
		}
		return ""
	}
	strict, open := newGuard(false, own), newGuard(true, own)
	for _, to := range []string{
		"1.1.1.1:443", "8.8.8.8:80", "9.255.255.255:1", "11.0.0.1:8443", "100.63.255.255:443", "100.128.0.1:443", "126.255.255.255:443",
		"128.0.0.1:443", "172.15.255.255:443", "172.32.0.1:443", "192.167.255.255:443", "192.169.0.1:443", "223.255.255.255:443",
		"[2606:4700::1111]:443", "[2a00::1]:65535",
	} {
		if err := strict.control(t.Context(), "tcp4", to, nil); err != nil {
			t.Errorf("%s: %v", to, err)
		}
	}
	for _, to := range []string{"8.8.8.8:8332", "127.0.0.1:8332", "[::1]:8332"} {
		for _, g := range []guard{strict, open} {
			if err := g.control(t.Context(), "tcp4", to, nil); err == nil || err.Error() != "refused: "+to+" is the node" {
				t.Errorf("%s: %v", to, err)
			}
		}
	}
	for _, host := range insideHosts() {
		ip, err := netip.ParseAddr(strings.NewReplacer("[", "", "]", "", "%25", "%").Replace(host))
		if err != nil {
			continue
		}
		to := netip.AddrPortFrom(ip, 80).String()
		if err := strict.control(t.Context(), "tcp6", to, nil); err == nil {
			t.Errorf("%s may be dialled", to)
		}
		if err := open.control(t.Context(), "tcp6", to, nil); err != nil {
			t.Errorf("%s, allowed: %v", to, err)
		}
	}
	for _, c := range [][2]string{{"udp4", "8.8.8.8:53"}, {"unix", "/run/x"}, {"tcp", "8.8.8.8:53"}, {"tcp4", "nonsense"}, {"tcp4", ""}} {
		if err := open.control(t.Context(), c[0], c[1], nil); err == nil {
			t.Errorf("%v may be dialled", c)
		}
	}
}
