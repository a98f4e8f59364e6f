package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"satchel/chain"
	"satchel/cmd/satchel/internal/config"
	"satchel/notify"
)

// ownPorts knows where this daemon and its node listen. No callback goes there: whoever names a callback's URL could
// speak to them in our name, also where callbacks may go to private addresses.
type ownPorts struct {
	listeners []portOf // of this daemon
	rpc       portOf
	zmq       []portOf // as configured
	ask       func(ctx context.Context) ([]chain.Notification, error)

	mu   sync.Mutex
	told []portOf  // by the node
	next time.Time // when it is asked again
}

// portOf is a listener: what it is, in words, and where.
type portOf struct {
	what string
	host string // a name or an address; of a listener of ours it does not matter
	port uint16
}

const (
	askZMQ      = time.Minute // how long what the node said counts
	askZMQAgain = 10 * time.Second
	askZMQWait  = 2 * time.Second
)

func newOwnPorts(s config.Settings, node *chain.Node) *ownPorts {
	o := &ownPorts{ask: node.Notifications, rpc: portAt("the node's RPC", s.Node.URL)}
	for _, e := range s.ZMQ {
		o.zmq = append(o.zmq, portAt("the node's ZMQ", e))
	}
	return o
}

// portAt reads a URL or a ZMQ endpoint; its port is 0 where it has none, as a Unix socket's.
func portAt(what, address string) portOf {
	u, err := url.Parse(strings.Replace(address, "//*:", "//0.0.0.0:", 1))
	if err != nil {
		return portOf{}
	}
	port := u.Port()
	switch {
	case port == "" && u.Scheme == "http":
		port = "80"
	case port == "" && u.Scheme == "https":
		port = "443"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return portOf{}
	}
	return portOf{what: what, host: u.Hostname(), port: uint16(n)}
}

// listening adds a listener of this daemon, before anything runs.
func (o *ownPorts) listening(what string, l net.Addr) {
	if tcp, ok := l.(*net.TCPAddr); ok {
		o.listeners = append(o.listeners, portOf{what: what, port: tcp.AddrPort().Port()})
	}
}

// NotListening says why an address cannot be had.
func NotListening(address string, err error) error {
	why := err.Error()
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		why = "another program listens there, perhaps another satchel"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		why = "this machine has no such address"
	case errors.Is(err, syscall.EACCES):
		why = "ports below 1024 are root's"
	}
	return fmt.Errorf("cannot listen at %s: %s", address, why)
}

// At names what of ours a dial would reach; "": nothing.
func (o *ownPorts) At(ctx context.Context, to netip.AddrPort) string {
	ip := to.Addr().Unmap().WithZone("")
	for _, l := range o.listeners {
		if l.port == to.Port() && here(ip) {
			return l.what
		}
	}
	for _, l := range slices.Concat([]portOf{o.rpc}, o.zmq, o.published(ctx)) {
		if l.port == to.Port() && l.port != 0 && l.nodeAt(ctx, ip) {
			return l.what
		}
	}
	return ""
}

// nodeAt tells that the node answers at an address. On private ones its ports are taken to be the node's everywhere:
// containers, bridges and forwarded ports give one listener many addresses.
func (l portOf) nodeAt(ctx context.Context, ip netip.Addr) bool {
	if here(ip) || !notify.Public(ip) {
		return true
	}
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", l.host) // an address is its own answer
	return err != nil || slices.ContainsFunc(list, func(a netip.Addr) bool { return a.Unmap().WithZone("") == ip })
}

// published asks the node what it publishes, every topic at every address, and remembers that.
func (o *ownPorts) published(ctx context.Context) []portOf {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Now().Before(o.next) {
		return o.told
	}
	ctx, cancel := context.WithTimeout(ctx, askZMQWait)
	defer cancel()
	list, err := o.ask(ctx)
	if err != nil { // a node that is away listens nowhere; one that hangs must not hold up callbacks
		o.next = time.Now().Add(askZMQAgain)
		return o.told
	}
	o.told, o.next = nil, time.Now().Add(askZMQ)
	for _, n := range list {
		o.told = append(o.told, portAt("the node's ZMQ", n.Address))
	}
	return o.told
}

// here tells that an address is this machine's.
func here(ip netip.Addr) bool {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	list, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(list, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().WithZone("") == ip
	})
}
