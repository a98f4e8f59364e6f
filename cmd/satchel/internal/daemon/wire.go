// Package daemon wires the rooms together and runs them: it opens the store, takes the addresses to listen at, starts every loop,
// and ends all of them when one fails. It decides nothing that a room can decide.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"satchel/admin"
	"satchel/api"
	"satchel/auth"
	"satchel/bitpay"
	"satchel/chain"
	"satchel/cmd/satchel/internal/config"
	"satchel/cmd/satchel/internal/keys"
	"satchel/fault"
	"satchel/invoice"
	"satchel/live"
	"satchel/merchant"
	"satchel/notify"
	"satchel/paypro"
	"satchel/rate"
	"satchel/store"
	"satchel/tracker"
	"satchel/wallet"
	"satchel/web"
	"satchel/web/desk"
)

// parts are the rooms, wired. Nothing runs yet.
type parts struct {
	set      config.Settings
	log      *slog.Logger
	version  string
	clock    *clock
	db       *store.DB
	merchant merchant.ID
	scripts  *chain.Scripts
	node     *chain.Node
	watcher  *chain.Watcher
	tracker  *tracker.Tracker
	keys     *keys.Derivers
	rates    *rate.Service
	notifier *notify.Notifier
	own      *ownPorts
	hub      *live.Hub
	metrics  *api.Metrics
	api      *api.API
	pages    *web.Web
	desk     *desk.Desk
	admin    *admin.Server
	broken   chan error  // the store failed
	verified atomic.Bool // the node derives the same addresses
	weak     atomic.Pointer[[]chain.Weakness]
}

// wire opens the store and makes every part. Each stanza is one room.
func wire(o Options) (*parts, error) {
	clk, err := newClock(o.Settings)
	if err != nil {
		return nil, err
	}
	d := &parts{
		set: o.Settings, log: o.Log, version: o.Version, clock: clk, scripts: chain.NewScripts(0), keys: keys.New(), hub: live.New(pages),
		broken: make(chan error, 1),
	}
	if err := d.openStore(); err != nil {
		return nil, err
	}
	if err := d.wireChain(); err != nil {
		return nil, errors.Join(err, d.db.Close())
	}
	if err := d.wireMoney(); err != nil {
		return nil, errors.Join(err, d.db.Close())
	}
	if err := d.wireDoors(); err != nil {
		return nil, errors.Join(err, d.db.Close())
	}
	return d, nil
}

// pages bounds how many open pages and long polls are served at once.
const pages = 10_000

func (d *parts) part(name string) *slog.Logger { return d.log.With("part", name) }

func (d *parts) openStore() error {
	base := d.set.PublicURLs[0]
	db, err := store.Open(store.Config{
		Path: d.set.Database(), Log: d.part("store"), Now: d.clock.Now, Watch: d.scripts, Derivers: d.keys,
		Render: func(ev invoice.Event, m merchant.Merchant) ([]byte, []notify.Outgoing, error) {
			return render(ev, bitpay.Shop{Name: m.Name, Base: base}, d.set.Mail != nil)
		},
		AfterCommit: d.committed,
		Fatal: func(err error) {
			select {
			case d.broken <- err:
			default:
			}
		},
	})
	if err != nil {
		return err
	}
	d.db = db
	if db.Network() != string(d.set.Network) {
		return errors.Join(fmt.Errorf("the database %s is of %s, the configuration says %s", d.set.Database(), db.Network(), d.set.Network), db.Close())
	}
	if err := d.loadKeys(); err != nil {
		return errors.Join(err, db.Close())
	}
	if _, err := db.LoadScripts(d.scripts.Add); err != nil {
		return errors.Join(err, db.Close())
	}
	return nil
}

// loadKeys takes every merchant's watch key.
func (d *parts) loadKeys() error {
	merchants, err := d.db.Merchants(context.Background())
	if err != nil {
		return err
	}
	d.merchant, err = d.keys.Load(d.set, merchants)
	return err
}

// committed wakes whoever shows or sends what changed; they read the store again.
func (d *parts) committed(t store.Touched) {
	topics := make([]string, 0, len(t.Invoices)+len(t.Shops)+1)
	for _, id := range t.Invoices {
		topics = append(topics, string(id))
	}
	for _, m := range t.Shops {
		topics = append(topics, string(m))
	}
	if t.Events {
		topics = append(topics, "*")
	}
	d.hub.Wake(topics...)
	if t.Deliveries && d.notifier != nil {
		d.notifier.Wake()
	}
}

func (d *parts) wireChain() error {
	filter := &chain.Filter{Scripts: d.scripts, Spends: chain.NewOutpoints()}
	cfg := d.set.Node
	cfg.Filter, cfg.Log = filter, d.part("node")
	node, err := chain.NewNode(cfg)
	if err != nil {
		return err
	}
	d.node, d.clock.node = node, node
	d.watcher = chain.NewWatcher(chain.WatcherConfig{
		Endpoints: d.endpoints, Filter: filter, Now: d.clock.Now, Log: d.part("zmq"),
	})
	d.rates, err = d.newRates()
	if err != nil {
		return err
	}
	d.tracker = tracker.New(tracker.Config{
		Store: d.db, Source: node, Hints: hints{d.watcher}, Rates: d.rates, Priced: d.rates.Settled(), Spends: filter.Spends, Birthday: d.set.Birthday,
		Exposure: d.set.Merchant.ZeroConfExposure, Now: d.clock.Now, Log: d.part("tracker"),
		Detected: func(took time.Duration) { d.metrics.Detected(took) },
	})
	d.clock.look, d.clock.moved = d.look, func() { d.notifier.Wake() }
	return nil
}

// hints adds to the watcher whether its links are up.
type hints struct{ *chain.Watcher }

// Live tells that transactions are announced to us as they come.
func (h hints) Live() bool {
	for _, t := range h.Health() {
		if t.Topic == "rawtx" && !t.Connected {
			return false
		}
	}
	return true
}

// endpoints are the ZMQ addresses: the configured ones serve every topic, else the node is asked.
func (d *parts) endpoints(ctx context.Context) (map[string]string, error) {
	if len(d.set.ZMQ) == 0 {
		return d.node.Endpoints(ctx)
	}
	known, err := d.node.Endpoints(ctx)
	if err != nil {
		known = nil
	}
	list := map[string]string{}
	for _, topic := range []string{"rawtx", "sequence", "hashblock"} {
		list[topic] = d.set.ZMQ[0]
		for _, e := range d.set.ZMQ {
			if known[topic] == e {
				list[topic] = e
			}
		}
	}
	return list, nil
}

func (d *parts) newRates() (*rate.Service, error) {
	cfg := d.set.Rates.Config()
	cfg.Now, cfg.Log = d.clock.Now, d.part("rates")
	return rate.New(cfg)
}

func (d *parts) wireMoney() error {
	mailer, err := newMailer(d.set.Mail)
	if err != nil {
		return err
	}
	d.own = newOwnPorts(d.set, d.node)
	d.notifier, err = notify.New(notify.Config{
		Store: d.db, Mailer: mailer, Log: d.part("notify"), Now: d.clock.Now, Version: d.version, Timeout: d.set.Timeout, RetryFor: d.set.RetryFor,
		AllowPrivate: d.set.AllowPrivate, Own: d.own.At, Token: d.madeWith, Observe: func(a notify.Attempt) { d.metrics.Delivered(a.Status, a.Took) },
	})
	return err
}

// gate is open when the node derives our addresses, is watched, and the store can be written.
type gate struct{ d *parts }

// Ready implements invoice.Gate.
func (g gate) Ready() error {
	if err := g.d.tracker.Ready(); err != nil {
		return err
	}
	if !g.d.verified.Load() {
		return errNotVerified
	}
	return g.d.db.Writable()
}

func (d *parts) wireDoors() (err error) {
	invoices := invoice.NewService(invoice.Config{
		Store: d.db, Rates: d.rates, Gate: gate{d}, Now: d.clock.Now, NewID: invoice.NewID,
	})
	access, err := auth.NewAuthority(auth.Config{Store: d.db, Secret: d.db.ServerSecret(), Now: d.clock.Now})
	if err != nil {
		return err
	}
	if d.pages, err = d.newPages(invoices, access); err != nil {
		return err
	}
	staff, err := auth.NewStaff(auth.StaffConfig{Store: d.db, Secret: d.db.ServerSecret(), Now: d.clock.Now})
	if err != nil {
		return err
	}
	shops := d.shops()
	if d.desk, err = d.newDesk(invoices, access, staff, shops); err != nil {
		return err
	}
	d.metrics = api.NewMetrics(d.gauges)
	doors := api.Config{
		Invoices: invoices, Store: d.db, Rates: d.rates, Auth: access, Secret: d.db.ServerSecret(),
		Tip: d.tip, Ready: d.readiness, Help: func() string { return d.tracker.Health().Help }, PublicURLs: d.set.PublicURLs, AllowPrivate: d.set.AllowPrivate, Now: d.clock.Now,
		Limits: api.Limits{Connections: connections(d.log)}, Log: d.part("api"), Metrics: d.metrics, Web: d.pages.Handler(), Desk: d.desk.Handler(), Hub: d.hub,
	}
	if f := newFaucet(d.node, d.set.Node, d.set.Network); f != nil {
		doors.Payer = f
	}
	if doors.PayPro, err = d.payPro(); err != nil {
		return err
	}
	if d.api, err = api.New(doors); err != nil {
		return err
	}
	d.admin = admin.NewServer(d.set.Socket(), d.part("admin"))
	admin.NewOperator(admin.Config{
		Store: d.db, Invoices: invoices, Pairings: access, Merchant: d.merchant, Shops: shops, Staff: staff, Secret: d.db.ServerSecret(), Clock: d.clock, Base: d.set.PublicURLs[0],
		Tip: d.tip, Status: d.status, Sample: d.notifier.Sample, Mails: d.set.Mail != nil,
		CheckURL: func(url string) error { return notify.CheckURL(url, d.set.AllowPrivate) },
		Changes:  d.changes, Reconcile: d.reconcile, Beyond: d.beyond, Known: d.known,
		Script: func(address string) ([]byte, error) { return wallet.ScriptFor(address, d.set.Network) },
	}).Register(d.admin)
	admin.HandleDownload(d.admin, "backup", d.db.Backup)
	return nil
}

func (d *parts) payPro() (*api.PayPro, error) {
	network := paypro.NetworkOf(string(d.set.Network))
	key, err := paypro.NewKey(d.db.PaymentKey(), network)
	if err != nil {
		return nil, err
	}
	node := &payments{node: d.node, announce: d.watcher.Announce, now: d.clock.Now, log: d.part("payments")}
	return &api.PayPro{Node: node, Key: key, Network: network, Owner: d.set.MerchantName}, nil
}

func (d *parts) shops() *shops {
	return &shops{
		set: d.set, first: d.merchant, store: d.db, node: keys.ByNode(d.node), keys: d.keys, now: d.clock.Now, log: d.part("merchants"),
	}
}

// tip is the height that confirmations are counted to. It is read from the store, after the invoice was: what the
// tracker reports lags behind its commits, and an invoice that is complete never shows fewer confirmations than that takes.
func (d *parts) tip() int32 {
	height := d.tracker.Health().Tip.Height
	err := d.db.ViewChain(context.Background(), func(tx tracker.Reader) error {
		height = tx.Tip().Height
		return nil
	})
	if err != nil {
		d.log.Warn("the tip cannot be read", "err", err)
	}
	return height
}

// listen takes the addresses before anything runs, so that a port in use is an error at once, and who sees the API answer can
// give commands.
func (d *parts) listen(ctx context.Context) ([]bound, error) {
	servers := []*http.Server{d.api.Server(d.set.Listen)}
	servers[0].RegisterOnShutdown(d.pages.Stop) // open pages would hold a stop up
	servers[0].RegisterOnShutdown(d.desk.Stop)
	servers[0].RegisterOnShutdown(d.api.Stop)
	if d.set.Metrics != "" {
		servers = append(servers, d.api.MetricsServer(d.set.Metrics))
	}
	var list []bound
	for i, srv := range servers {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", srv.Addr)
		if err != nil {
			for _, b := range list {
				_ = b.listener.Close()
			}
			return nil, fmt.Errorf("%s: %w; change it in %s", []string{"api.listen", "metrics.listen"}[i], NotListening(srv.Addr, err), d.set.Path)
		}
		list = append(list, bound{server: srv, listener: l})
		d.own.listening([]string{"this daemon's API", "this daemon's metrics"}[i], l.Addr())
	}
	return list, d.admin.Listen(ctx)
}

// run starts every room's loop. The first that fails ends all.
func (d *parts) run(ctx context.Context, g *errgroup.Group) {
	// The store outlives the others: what they write last must be written.
	stored, stop := context.WithCancel(context.WithoutCancel(ctx))
	others, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return d.db.Run(stored) })
	for _, loop := range []func(context.Context) error{
		d.tracker.Run, d.watcher.Run, d.notifier.Run, d.rates.Run, d.admin.Run, d.clock.Run, d.prepare, d.watchStore,
	} {
		others.Go(func() error { return unlessStopped(ctx, loop(inner)) })
	}
	g.Go(func() error {
		defer stop()
		return others.Wait()
	})
}

// unlessStopped leaves out an error that only says that ctx ended: whoever stops the daemon, also in the midst of its start,
// has stopped it cleanly.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// watchStore ends the daemon when a commit failed: it may be on the disk or not, and only reading the file again tells.
func (d *parts) watchStore(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.broken:
		return fmt.Errorf("the store failed, and what is on the disk must be read again; start satchel anew: %w", err)
	}
}

// prepare takes the configuration's word for the first merchant and its key, and asks the node whether it agrees.
func (d *parts) prepare(ctx context.Context) error {
	_, err := d.db.UpdateMerchant(ctx, d.merchant, func(m *merchant.Merchant) error {
		m.Name, m.Settings = d.set.MerchantName, d.set.Merchant
		return nil
	})
	if err != nil {
		return err
	}
	if err := d.db.RegisterKey(ctx, FirstKey(d.set, d.merchant)); err != nil {
		return fault.Named("wallet.key", err)
	}
	if err := d.verify(ctx); err != nil {
		return err
	}
	return d.keys.LookAhead(ctx, d.db, keys.ByNode(d.node), d.part("wallet"))
}

func (d *parts) alive(ctx context.Context) bool {
	_, err := d.db.Merchant(ctx, d.merchant)
	return err == nil
}

func (d *parts) close() {
	d.node.Close()
	if err := d.db.Close(); err != nil {
		d.log.Error("close the store", "err", err)
	}
}
