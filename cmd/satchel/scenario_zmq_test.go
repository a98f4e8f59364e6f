package main

import (
	bin "encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// zmqProxy stands between a publisher and its subscribers (ZMTP 3). It hands on what it is told to of the publisher's
// messages.
type zmqProxy struct {
	t        *testing.T
	upstream string
	listener net.Listener

	mu      sync.Mutex
	edit    func(topic string, counter uint32) (uint32, int) // the counter to say, and how often the message is sent
	cut     bool
	conns   map[net.Conn]bool
	touched int // messages that edit changed
}

func newZMQProxy(t *testing.T, upstream string) *zmqProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &zmqProxy{t: t, upstream: upstream, listener: l, conns: map[net.Conn]bool{}}
	go p.serve()
	t.Cleanup(func() { _ = l.Close(); p.drop(true) })
	return p
}

func (p *zmqProxy) address() string { return "tcp://" + p.listener.Addr().String() }

func (p *zmqProxy) serve() {
	for {
		down, err := p.listener.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", p.upstream)
		if err != nil || !p.keep(down, up) {
			_ = down.Close()
			continue
		}
		go func() { _, _ = io.Copy(up, down); p.end(down, up) }()
		go func() { _ = p.relay(down, up); p.end(down, up) }()
	}
}

// keep notes the connections of a link; false while links are cut.
func (p *zmqProxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		for _, c := range conns {
			_ = c.Close()
		}
		return false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

func (p *zmqProxy) end(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}

// drop cuts every link, and makes no new ones until it is told otherwise.
func (p *zmqProxy) drop(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	for c := range p.conns {
		_ = c.Close()
	}
}

// rewrite changes messages from now on; nil: none.
func (p *zmqProxy) rewrite(edit func(topic string, counter uint32) (uint32, int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.edit, p.touched = edit, 0
}

func (p *zmqProxy) changed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.touched
}

// frame is one frame as it is on the wire.
type frame struct {
	raw  []byte
	body []byte
}

const (
	zmtpGreeting = 64
	zmtpMore     = 1
	zmtpLong     = 2
	zmtpCommand  = 4
)

func readFrame(r io.Reader) (f frame, err error) {
	head := make([]byte, 2, 9)
	if _, err := io.ReadFull(r, head); err != nil {
		return f, err
	}
	size := uint64(head[1])
	if head[0]&zmtpLong != 0 {
		head = head[:9]
		if _, err := io.ReadFull(r, head[2:]); err != nil {
			return f, err
		}
		size = bin.BigEndian.Uint64(head[1:])
	}
	if size > 64<<20 {
		return f, errors.New("a frame that is too large")
	}
	f.raw = append(f.raw, head...)
	f.raw = append(f.raw, make([]byte, size)...)
	f.body = f.raw[len(head):]
	_, err = io.ReadFull(r, f.body)
	return f, err
}

// relay hands on what the publisher says: its greeting and commands as they are, its messages as edit wants them.
func (p *zmqProxy) relay(down io.Writer, up io.Reader) error {
	if _, err := io.CopyN(down, up, zmtpGreeting); err != nil {
		return err
	}
	var message []frame
	for {
		f, err := readFrame(up)
		if err != nil {
			return err
		}
		if f.raw[0]&zmtpCommand != 0 {
			if _, err := down.Write(f.raw); err != nil {
				return err
			}
			continue
		}
		message = append(message, f)
		if f.raw[0]&zmtpMore != 0 {
			continue
		}
		if err := p.send(down, message); err != nil {
			return err
		}
		message = nil
	}
}

func (p *zmqProxy) send(down io.Writer, message []frame) error {
	copies := 1
	if last := message[len(message)-1].body; len(message) == 3 && len(last) == 4 {
		was := bin.LittleEndian.Uint32(last)
		p.mu.Lock()
		if p.edit != nil {
			var says uint32
			if says, copies = p.edit(string(message[0].body), was); says != was || copies != 1 {
				p.touched++
			}
			bin.LittleEndian.PutUint32(last, says)
		}
		p.mu.Unlock()
	}
	for range copies {
		for _, f := range message {
			if _, err := down.Write(f.raw); err != nil {
				return err
			}
		}
	}
	return nil
}
