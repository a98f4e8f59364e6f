package api

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"satchel/fault"
)

// maxCallers is how many addresses have a rate of their own; the one that was quiet for longest is forgotten first.
const maxCallers = 8192

// pace is how often an address may do a thing.
type pace struct {
	rate     rate.Limit // negative: any
	burst    int        // so many at once
	loopback bool       // counts on loopback, too
}

// Paces of pairing. Codes are guessed at the price of twenty tries and then one in ten seconds, also on loopback: a
// proxy that names nobody stands there, and a code is worth more than a busy script. Open pairings fill the store.
const (
	pairingEvery = 10 * time.Second
	pairingBurst = 20
)

// Pace of opening sessions: what one address can hold open is a small part of all that there may be, since a session lives
// for a quarter of an hour after its last request.
const (
	sessionEvery = time.Second
	sessionBurst = 50
)

// limiter keeps the rate of each address.
type limiter struct {
	pace
	now func() time.Time

	mu    sync.Mutex
	order *list.List // of *bucket, the latest first
	of    map[netip.Addr]*list.Element
}

type bucket struct {
	addr netip.Addr
	rate *rate.Limiter
}

func newLimiter(p pace, now func() time.Time) *limiter {
	return &limiter{pace: p, now: now, order: list.New(), of: make(map[netip.Addr]*list.Element)}
}

// pace is the rate of what proves nothing.
func (l Limits) pace() pace { return pace{rate: rate.Limit(l.PerSecond), burst: l.Burst} }

func (l *limiter) free(c caller) bool { return l.rate < 0 || c.exempt() && !l.loopback }

// take counts a call; fault.TooMany when the address has had its share.
func (l *limiter) take(c caller) error {
	if l.free(c) || l.bucket(c.addr).AllowN(l.now(), 1) {
		return nil
	}
	return l.refusal()
}

// reserve counts a try before it is known whether it fails; the function gives back what it took. So many tries at once
// cannot be more than there are.
func (l *limiter) reserve(c caller) (giveBack func(), err error) {
	if l.free(c) {
		return func() {}, nil
	}
	now := l.now()
	taken := l.bucket(c.addr).ReserveN(now, 1)
	if !taken.OK() || taken.DelayFrom(now) > 0 {
		taken.CancelAt(now)
		return nil, l.refusal()
	}
	return func() { taken.CancelAt(now) }, nil
}

// refusal says when there is something to take again, in whole seconds.
func (l *limiter) refusal() error {
	wait := time.Second
	if l.rate > 0 && l.rate < 1 {
		wait = time.Duration(float64(time.Second) / float64(l.rate))
	}
	return fault.New(fault.TooMany, "Too many requests").After(wait)
}

// payersShare is how many times as much an address may look at the checkout as it may guess elsewhere: an invoice's id
// cannot be guessed, many customers may come through one address, and a page whose stream was refused looks by itself.
const payersShare = 5

// times is a pace so many times as fast.
func (p pace) times(n int) pace {
	p.rate *= rate.Limit(n)
	p.burst *= n
	return p
}

// limited serves pages on which somebody could guess: every call counts, like one without a token.
func (a *API) limited(pages http.Handler) http.Handler { return a.limiter.limited(pages) }

func (l *limiter) limited(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := l.take(callerOf(req)); err != nil {
			tooMany(w, err)
			return
		}
		pages.ServeHTTP(w, req)
	})
}

func (l *limiter) bucket(a netip.Addr) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.of[a]; ok {
		l.order.MoveToFront(e)
		return e.Value.(*bucket).rate //nolint:forcetypeassert // we put it there
	}
	if l.order.Len() >= maxCallers {
		oldest := l.order.Back()
		delete(l.of, l.order.Remove(oldest).(*bucket).addr) //nolint:forcetypeassert // as above
	}
	b := &bucket{a, rate.NewLimiter(l.rate, l.burst)}
	l.of[a] = l.order.PushFront(b)
	return b.rate
}

// connections counts what is open, in all and by address, and closes what is too many before a byte of it is read.
type connections struct {
	max, perAddress int

	mu   sync.Mutex
	open map[net.Conn]caller
	per  map[caller]int
}

func newConnections(l Limits) *connections {
	return &connections{
		max: l.Connections, perAddress: l.PerAddress,
		open: make(map[net.Conn]caller), per: make(map[caller]int),
	}
}

// state follows http.Server's connections.
func (c *connections) state(conn net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		if !c.add(conn) {
			_ = conn.Close()
		}
	case http.StateClosed, http.StateHijacked:
		c.remove(conn)
	case http.StateActive, http.StateIdle:
	}
}

func (c *connections) add(conn net.Conn) bool {
	who := callerAt(conn.RemoteAddr().String())
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= c.max {
		return false
	}
	if !who.exempt() && c.perAddress >= 0 && c.per[who] >= c.perAddress {
		return false
	}
	c.open[conn] = who
	c.per[who]++
	return true
}

func (c *connections) remove(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	who, ok := c.open[conn]
	if !ok { // it was too many
		return
	}
	delete(c.open, conn)
	if c.per[who]--; c.per[who] == 0 {
		delete(c.per, who)
	}
}
