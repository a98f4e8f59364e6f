package chain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	zmq "github.com/pebbe/zmq4"
)

// The options of a subscription. A half-open link is noticed after heartbeatTimeout. A raw transaction has 4 MB at most,
// so a larger frame is hostile: libzmq drops the link.
const (
	heartbeatEvery   = 5 * time.Second
	heartbeatTimeout = 10 * time.Second
	reconnectFirst   = 100 * time.Millisecond
	reconnectMax     = 2 * time.Second
	connectTimeout   = 5 * time.Second
	steady           = 10 * time.Second // a link that held so long is not taken for a flapping one
	maxFrame         = 8 << 20
	burst            = 1024 // messages received before the socket monitor is looked at again
)

// zmqSession is one ZMQ context and the links in it.
type zmqSession struct {
	zctx    *zmq.Context
	stopped chan struct{}
	opening sync.RWMutex // a link opens sockets under the read lock, since no socket may be opened in an ended context
	names   atomic.Uint64
}

// stop ends the context: every call on a socket returns ETERM, and the links close their sockets. It waits for that.
func (s *zmqSession) stop() error {
	s.opening.Lock()
	close(s.stopped)
	s.opening.Unlock()
	return s.zctx.Term()
}

// zmqLink is one subscription: an address and the topics that are published there. Its goroutine alone opens, uses and
// closes its sockets.
type zmqLink struct {
	watcher *Watcher
	address string
	topics  []*topic

	sub     *zmq.Socket
	monitor *zmq.Socket // tells when the link comes up and goes down
	joined  time.Time   // when a link that came up is surely subscribed; zero: that is done, or there is none
}

// Reasons why serve or open ends.
var (
	errStopped = errors.New("stopped")
	errLost    = errors.New("the link was lost")
)

// run serves the link until the session stops. A lost link gets a new socket, since libzmq does not connect again after
// everything: not after a frame that was too large, nor after a stranger at the address asked for a password.
func (l *zmqLink) run(ctx context.Context, s *zmqSession) {
	said := false
	wait := reconnectFirst
	for {
		began := time.Now() //nolint:forbidigo // how long a link lived is measured in real time
		err := l.open(s)
		if err == nil {
			err = l.serve()
		}
		l.close()
		if errors.Is(err, errStopped) || errors.Is(err, zmq.ETERM) {
			return
		}
		if !said && !errors.Is(err, errLost) {
			said = true
			l.watcher.cfg.Log.WarnContext(ctx, "a ZMQ socket fails; it is opened again and again", "address", l.address, "error", err)
		}
		if time.Since(began) > steady {
			wait = reconnectFirst
		}
		timer := time.NewTimer(wait)
		select {
		case <-s.stopped:
			timer.Stop()
			return
		case <-timer.C:
			wait = min(2*wait, reconnectMax)
		}
	}
}

func (l *zmqLink) open(s *zmqSession) (err error) {
	s.opening.RLock()
	defer s.opening.RUnlock()
	select {
	case <-s.stopped:
		return errStopped
	default:
	}
	if l.sub, err = s.zctx.NewSocket(zmq.SUB); err != nil {
		return fmt.Errorf("open a ZMQ socket: %w", err)
	}
	if err := l.configure(); err != nil {
		return fmt.Errorf("configure a ZMQ socket: %w", err)
	}
	name := fmt.Sprintf("inproc://monitor-%d", s.names.Add(1))
	if err := l.sub.Monitor(name, zmq.EVENT_HANDSHAKE_SUCCEEDED|zmq.EVENT_DISCONNECTED); err != nil {
		return fmt.Errorf("monitor a ZMQ socket: %w", err)
	}
	if l.monitor, err = s.zctx.NewSocket(zmq.PAIR); err != nil {
		return fmt.Errorf("open a ZMQ monitor: %w", err)
	}
	if err := errors.Join(l.monitor.SetLinger(0), l.monitor.Connect(name)); err != nil {
		return fmt.Errorf("connect a ZMQ monitor: %w", err)
	}
	if err := l.sub.Connect(l.address); err != nil {
		return fmt.Errorf("connect to %s: %w", l.address, err)
	}
	return nil
}

// configure sets the options, which count for connections made afterwards only.
func (l *zmqLink) configure() error {
	errs := []error{
		l.sub.SetLinger(0),
		l.sub.SetRcvhwm(0), // hints are the bounded queue; a high-water mark here would drop what they could still match
		l.sub.SetMaxmsgsize(maxFrame),
		l.sub.SetHeartbeatIvl(heartbeatEvery),
		l.sub.SetHeartbeatTimeout(heartbeatTimeout),
		l.sub.SetHandshakeIvl(heartbeatTimeout),
		l.sub.SetConnectTimeout(connectTimeout),
		l.sub.SetReconnectIvl(reconnectFirst),
		l.sub.SetReconnectIvlMax(reconnectMax),
		l.sub.SetIpv6(strings.Contains(l.address, "[")),
	}
	for _, t := range l.topics {
		errs = append(errs, l.sub.SetSubscribe(t.name))
	}
	return errors.Join(errs...)
}

func (l *zmqLink) close() {
	for _, socket := range []*zmq.Socket{l.sub, l.monitor} {
		if socket != nil {
			_ = socket.Close()
		}
	}
	l.sub, l.monitor, l.joined = nil, nil, time.Time{}
	l.connected(false)
}

func (l *zmqLink) connected(up bool) {
	for _, t := range l.topics {
		t.connected(up)
	}
}

// serve receives until the link is lost or a socket fails; at the latest when the context ends.
func (l *zmqLink) serve() error {
	poller := zmq.NewPoller()
	poller.Add(l.sub, zmq.POLLIN)
	poller.Add(l.monitor, zmq.POLLIN)
	for {
		ready, err := poller.Poll(l.join())
		if err != nil {
			return fmt.Errorf("wait for ZMQ messages: %w", err)
		}
		for _, r := range ready {
			if r.Socket == l.monitor {
				err = l.drainMonitor()
			} else {
				_, err = l.drain()
			}
			if err != nil {
				return err
			}
		}
	}
}

// join asks for one more comparison when a link that came up is surely subscribed, and says how long that takes yet; -1:
// nothing is waited for. A publisher does not say when it has our subscription, and until then it drops what it has to
// say. What was compared as the link came up may be too old; the first message of a topic is a proof, and time is nearly one.
func (l *zmqLink) join() time.Duration {
	if l.joined.IsZero() {
		return -1
	}
	left := time.Until(l.joined)
	if left > 0 {
		return left
	}
	l.joined = time.Time{}
	l.watcher.hints.joined()
	return -1
}

// drain handles what has come in, but not for ever: a flood must not hide what the monitor has to say. It tells whether
// there may be more.
func (l *zmqLink) drain() (more bool, err error) {
	for range burst {
		m, err := receive(l.sub)
		if errors.Is(err, errEmpty) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("receive a ZMQ message: %w", err)
		}
		l.watcher.handle(l, m)
	}
	return true, nil
}

// drainMonitor handles the link's own changes. Messages were lost while it was down, and some may have been lost
// although the counters fit: a restarted node counts from 0 again. So whenever it comes up, everything is compared.
func (l *zmqLink) drainMonitor() error {
	for {
		event, _, _, err := l.monitor.RecvEvent(zmq.DONTWAIT)
		if errors.Is(err, errEmpty) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive a ZMQ event: %w", err)
		}
		if event&zmq.EVENT_HANDSHAKE_SUCCEEDED != 0 {
			l.connected(true)
			l.watcher.shakes.Add(1)
			l.watcher.hints.resync()
			l.joined = time.Now().Add(l.watcher.pace.join) //nolint:forbidigo // the publisher's delay is real
		} else {
			return l.lost()
		}
	}
}

// lost handles what had come in before the link was lost.
func (l *zmqLink) lost() error {
	for more := true; more; {
		var err error
		if more, err = l.drain(); err != nil {
			return err
		}
	}
	l.connected(false)
	l.watcher.hints.signal()
	return errLost
}

// errEmpty is what a socket says that has nothing to receive.
const errEmpty = zmq.Errno(syscall.EAGAIN)

// receive takes one message from the socket without waiting. Of a message with too many frames the rest is dropped.
func receive(socket *zmq.Socket) (message, error) {
	var m message
	for more := true; more; m.count++ {
		frame, err := socket.RecvBytes(zmq.DONTWAIT)
		if err != nil {
			return m, err
		}
		if m.count < len(m.frames) {
			m.frames[m.count] = frame
		}
		if more, err = socket.GetRcvmore(); err != nil {
			return m, err
		}
	}
	return m, nil
}
