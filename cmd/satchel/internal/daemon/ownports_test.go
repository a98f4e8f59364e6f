package daemon

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"satchel/chain"
)

// TestOwnPorts: our listeners count on this machine only; the node's wherever it may be met.
func TestOwnPorts(t *testing.T) {
	const api, rpc, zmq = "this daemon's API", "the node's RPC", "the node's ZMQ"
	var asked int
	var away error
	ask := func(context.Context) ([]chain.Notification, error) {
		asked++
		return []chain.Notification{{Address: "tcp://*:28332"}, {Address: "ipc:///run/zmq"}, {Address: "tcp://[::1]:28333"}}, away
	}
	local := &ownPorts{ask: ask, rpc: portAt(rpc, "http://127.0.0.1:8332"), zmq: []portOf{portAt(zmq, "tcp://127.0.0.1:28334")}}
	local.listening(api, &net.TCPAddr{IP: net.IPv4zero, Port: 8350})
	remote := &ownPorts{ask: ask, rpc: portAt(rpc, "https://9.8.7.6")}
	named := &ownPorts{ask: ask, rpc: portAt(rpc, "http://node.invalid:8332")}
	for _, c := range []struct {
		of       *ownPorts
		to, want string
	}{
		{local, "127.0.0.1:8350", api},
		{local, "[::1]:8350", api},
		{local, "0.0.0.0:8350", api},
		{local, "[::ffff:127.0.0.1]:8350", api},
		{local, "192.0.2.7:8350", ""},
		{local, "9.8.7.6:8350", ""},
		{local, "127.0.0.1:8351", ""},
		{local, "127.0.0.1:0", ""},
		{local, "127.0.0.1:8332", rpc},
		{local, "[::]:8332", rpc},
		{local, "172.17.0.1:8332", rpc},
		{local, "9.8.7.6:8332", ""},
		{local, "127.0.0.1:28332", zmq},
		{local, "[::1]:28333", zmq},
		{local, "10.1.1.1:28334", zmq},
		{local, "9.8.7.6:28332", ""},
		{remote, "9.8.7.6:443", rpc},
		{remote, "[::ffff:9.8.7.6]:443", rpc},
		{remote, "9.8.7.7:443", ""},
		{named, "9.8.7.6:8332", rpc}, // whether it is the node cannot be told
		{named, "9.8.7.6:443", ""},
	} {
		if got := c.of.At(t.Context(), netip.MustParseAddrPort(c.to)); got != c.want {
			t.Errorf("%s: %q, want %q", c.to, got, c.want)
		}
	}
	if asked != 3 {
		t.Errorf("the nodes were asked %d times", asked)
	}
	away = errors.New("away")
	silent := &ownPorts{ask: ask}
	for range 3 {
		if got := silent.At(t.Context(), netip.MustParseAddrPort("127.0.0.1:28332")); got != "" {
			t.Errorf("of a node that is away: %q", got)
		}
	}
	if asked != 4 {
		t.Errorf("a node that is away was asked %d times", asked-3)
	}
}
