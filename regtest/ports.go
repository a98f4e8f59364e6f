package regtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Where ports are looked for: below those that the system gives to outgoing connections, of which one could take the
// port while who listens there starts again; and away from bitcoind's own defaults.
const (
	lowestPort  = 20_000
	highestPort = 27_999
	portTries   = 1_000
)

// FreePorts finds that many addresses on loopback ("127.0.0.1:20815") on which nobody listens.
func FreePorts(ctx context.Context, count int) ([]string, error) {
	var found []string
	var err error
	for range portTries {
		if len(found) == count {
			return found, nil
		}
		var l net.Listener
		port := lowestPort + rand.IntN(highestPort-lowestPort+1) //nolint:gosec // no secret
		l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		defer l.Close() //nolint:errcheck // held until all are found, so that they differ
		found = append(found, l.Addr().String())
	}
	return nil, fmt.Errorf("find a free port: %w", err)
}
