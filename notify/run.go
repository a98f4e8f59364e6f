package notify

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

// Defaults of Config.
const (
	DefaultTimeout     = 30 * time.Second
	DefaultWorkers     = 64
	DefaultPerEndpoint = 8
)

const (
	tick        = time.Second      // how long the clock is trusted to run as the timers do: on regtest it can be moved
	reread      = 30 * time.Second // when the store is asked although nobody woke us
	storePause  = time.Second      // after the store failed
	grace       = 5 * time.Second  // for attempts under way when we stop
	recordGrace = time.Second      // and then for what they came to
)

// Mailer sends a delivery's mail (a Letter) to its e-mail address. What the server said comes as a *MailError; no error
// contains credentials.
type Mailer interface {
	Send(ctx context.Context, d Delivery) error
}

// Config is what a Notifier needs. Store is required; a zero in the rest stands for the default.
type Config struct {
	Store   Store
	Mailer  Mailer           // nil: mails stay pending and say why
	Log     *slog.Logger     // nil: silent
	Now     func() time.Time // nil: the system's clock
	Observe func(Attempt)    // metrics, called after each attempt was recorded

	// Token gives the token that made a delivery's invoice; "" where none did. nil: callbacks are not signed with it.
	Token func(ctx context.Context, d Delivery) (string, error)

	Version      string        // of this program, for User-Agent
	Timeout      time.Duration // of one attempt in all, from the dial to the answer's status
	RetryFor     time.Duration // see Policy
	Workers      int           // attempts at a time
	PerEndpoint  int           // of those, to one EndpointKey
	AllowPrivate bool          // callbacks may go to loopback, private and reserved addresses
	Own          Own           // nil: nothing
}

// Own names what of this daemon or its node listens at an address, "" where nothing does. It is asked for every dial, of
// private and of public addresses, and no callback goes where it names something.
type Own func(ctx context.Context, to netip.AddrPort) string

// Notifier delivers what is due. New makes it, Run runs it.
type Notifier struct {
	store   Store
	mailer  Mailer
	log     *slog.Logger
	now     func() time.Time
	observe func(Attempt)
	token   func(context.Context, Delivery) (string, error)
	client  client
	policy  Policy
	shares  *shares
	wake    chan struct{}
	ending  chan struct{} // closed when Run takes nothing new
	flights sync.WaitGroup
}

// New makes a Notifier; nothing starts before Run.
func New(c Config) (*Notifier, error) {
	c = c.withDefaults()
	return newNotifier(c, newTransport(clientConfig{
		allowPrivate: c.AllowPrivate, own: c.Own, perEndpoint: c.PerEndpoint,
	}))
}

func newNotifier(c Config, rt http.RoundTripper) (*Notifier, error) {
	c = c.withDefaults()
	if c.Store == nil {
		return nil, errors.New("notify: no store")
	}
	if c.Workers < 1 || c.PerEndpoint < 1 || c.Timeout < 0 || c.RetryFor < 0 {
		return nil, errors.New("notify: workers, connections and times must be positive")
	}
	return &Notifier{
		store: c.Store, mailer: c.Mailer, log: c.Log, now: c.Now, observe: c.Observe, token: c.Token,
		client: client{transport: rt, timeout: c.Timeout, agent: "satchel/" + c.Version},
		policy: Policy{RetryFor: c.RetryFor},
		shares: newShares(c.Workers, c.PerEndpoint),
		wake:   make(chan struct{}, 1),
		ending: make(chan struct{}),
	}, nil
}

func (c Config) withDefaults() Config {
	c.Version = cmp.Or(c.Version, "dev")
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.RetryFor = cmp.Or(c.RetryFor, DefaultRetryFor)
	c.Workers = cmp.Or(c.Workers, DefaultWorkers)
	c.PerEndpoint = cmp.Or(c.PerEndpoint, DefaultPerEndpoint)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // the one place where the system clock is the default
	}
	if c.Observe == nil {
		c.Observe = func(Attempt) {}
	}
	return c
}

// Wake makes Run look at once: after a commit that queued something, and after the clock was moved. It never blocks.
func (n *Notifier) Wake() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends; then it takes nothing new, gives what is under way a few seconds, and returns nil. An
// attempt that our own end cut short is not recorded: it is made again after the next start. A store that fails is asked
// again; Run never ends because of it.
func (n *Notifier) Run(ctx context.Context) error {
	send, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSending()
	record, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRecording()
	for ctx.Err() == nil {
		next, err := n.look(ctx, send, record)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			n.log.LogAttrs(ctx, slog.LevelError, "cannot read due deliveries", slog.Any("error", err))
			pause(ctx, storePause)
		default:
			n.rest(ctx, next)
		}
	}
	close(n.ending)
	n.drain(stopSending, stopRecording)
	return nil
}

// look starts whatever may start now, and says when the next delivery is due; zero: nobody knows of one.
func (n *Notifier) look(ctx, send, record context.Context) (time.Time, error) {
	for {
		limit := n.shares.limit()
		if limit <= 0 {
			return time.Time{}, nil // whoever ends next wakes us
		}
		now := n.now()
		due, next, err := n.store.DueDeliveries(ctx, Due{
			Now: now, Limit: limit, Room: n.shares.room,
			Busy: n.shares.underway(), // before the store's view: what is recorded after it was opened still looks due there
		})
		if err != nil {
			return time.Time{}, err
		}
		started := n.start(send, record, due)
		switch {
		case n.shares.hidden() || started > 0 && (len(due) == limit || started < len(due)):
			// The list was full, somebody in it had to give way, or there is room again: another one may be behind it.
		case next.IsZero() || next.After(now):
			return next, nil
		default: // a store that names what is due already; never spin on it
			return now.Add(tick), nil
		}
	}
}

func (n *Notifier) start(send, record context.Context, due []Delivery) (started int) {
	for i := range due {
		sh, ok := n.shares.take(due[i].ID, EndpointKey(due[i].Endpoint))
		if !ok {
			continue
		}
		started++
		n.flights.Go(func() { n.deliver(send, record, due[i], sh) })
	}
	return started
}

// rest waits until next is due by the injected clock, somebody wakes us, or it is time to look anyway.
func (n *Notifier) rest(ctx context.Context, next time.Time) {
	for waited := time.Duration(0); waited < reread; {
		wait := reread
		if !next.IsZero() {
			left := next.Sub(n.now())
			if left <= 0 {
				return
			}
			wait = min(left, tick)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-n.wake:
			timer.Stop()
			runtime.Gosched() // one look for all who are just done
			return
		case <-timer.C:
			waited += wait
		}
	}
}

// drain waits for what is under way: first for answers, then for their records.
func (n *Notifier) drain(stopSending, stopRecording context.CancelFunc) {
	first := time.AfterFunc(grace, stopSending)
	defer first.Stop()
	last := time.AfterFunc(grace+recordGrace, stopRecording)
	defer last.Stop()
	n.flights.Wait()
	if t, ok := n.client.transport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// pause waits, and does not listen to wake-ups.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
