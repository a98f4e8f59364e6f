package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"satchel/admin"
	"satchel/cmd/satchel/internal/config"
	"satchel/cmd/satchel/internal/keys"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
	"satchel/store"
	"satchel/wallet"
)

// shopStore keeps merchants and their keys.
type shopStore interface {
	keys.Lookahead
	Merchants(ctx context.Context) ([]merchant.Merchant, error)
	AddMerchant(ctx context.Context, m merchant.Merchant, k store.Key) error
	UpdateMerchant(ctx context.Context, id merchant.ID, fn func(*merchant.Merchant) error) (merchant.Merchant, error)
	OpenInvoices(ctx context.Context, m merchant.ID) (int, error)
	Stats(ctx context.Context) (invoice.Stats, error)
}

// addressSource derives with the node, and knows which addresses hold coins.
type addressSource interface {
	wallet.NodeDeriver
	HighestUsed(ctx context.Context, descriptor string, upTo uint32) (int64, error)
}

// shops adds merchants to the running daemon and changes their settings. One change at a time.
type shops struct {
	mu    sync.Mutex
	set   config.Settings
	first merchant.ID // the configuration's own
	store shopStore
	node  addressSource
	keys  *keys.Derivers
	now   func() time.Time
	log   *slog.Logger
}

// List gives all merchants, in the order in which they were added.
func (s *shops) List(ctx context.Context) ([]admin.Shop, error) {
	merchants, err := s.store.Merchants(ctx)
	if err != nil {
		return nil, err
	}
	stats, err := s.store.Stats(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]admin.Shop, 0, len(merchants))
	for _, m := range merchants {
		doc := s.document(m)
		for _, k := range stats.Keys {
			if k.Key == doc.Fingerprint {
				doc.Next = k.Next
			}
		}
		if doc.Open, err = s.store.OpenInvoices(ctx, m.ID); err != nil {
			return nil, err
		}
		list = append(list, doc)
	}
	return list, nil
}

func (s *shops) document(m merchant.Merchant) admin.Shop {
	doc := admin.Shop{ID: string(m.ID), Name: m.Name, Configured: m.ID == s.first, Settings: map[string]string{}}
	if d, ok := s.keys.Get(m.ID); ok {
		doc.Fingerprint = d.Key()
	}
	for _, k := range config.ShopKeys() {
		if k.Read != nil && (k.Name != config.KeyExposure || doc.Configured) {
			doc.Settings[k.Name] = k.Read(m.Settings)
		}
	}
	return doc
}

// addition is a merchant that passed every check.
type addition struct {
	merchant.Merchant
	key      *wallet.WatchKey
	start    uint32
	birthday int32
	doc      admin.NewMerchant
}

// Check says what Add would do.
func (s *shops) Check(ctx context.Context, r admin.MerchantRequest) (admin.NewMerchant, error) {
	n, err := s.check(ctx, r)
	return n.doc, err
}

// Add adds a merchant. Its key serves invoices as soon as it returns.
func (s *shops) Add(ctx context.Context, r admin.MerchantRequest) (admin.NewMerchant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.check(ctx, r)
	if err != nil {
		return admin.NewMerchant{}, err
	}
	n.ID, n.Created, n.Secrets = merchant.NewID(), s.now(), merchant.Secrets{Webhook: notify.NewSecret()}
	err = s.store.AddMerchant(ctx, n.Merchant, store.Key{
		Fingerprint: n.key.Fingerprint(), Merchant: n.ID, Next: n.start, Birthday: n.birthday,
	})
	if err != nil {
		return admin.NewMerchant{}, err
	}
	s.keys.Put(n.ID, n.key)
	if err := keys.Of(n.key).Fill(ctx, s.store, s.node); err != nil {
		s.log.Warn("a new merchant's addresses are derived in a moment", "merchant", string(n.ID), "err", err)
	}
	s.log.Info("merchant added", "merchant", string(n.ID), "key", n.key.Fingerprint())
	n.doc.ID, n.doc.Secret = string(n.ID), n.Secrets.Webhook.Reveal()
	return n.doc, nil
}

// check reads a request, tells all its problems at once, and then compares the key with the node and the other keys.
func (s *shops) check(ctx context.Context, r admin.MerchantRequest) (n addition, err error) {
	read := &config.Reader{}
	read.ShopName(&n.Merchant, "name", r.Name)
	if r.StartIndex >= 0 {
		n.start = read.Index("start_index", r.StartIndex)
	}
	n.birthday = int32(read.Index("birthday", r.Birthday)) //nolint:gosec // index bounds it
	n.Settings = s.set.Merchant
	n.Settings.NotificationURL, n.Settings.FullNotifications, n.Settings.ZeroConfExposure = "", true, 0
	s.apply(read, &n.Merchant, r.Settings)
	n.key, err = wallet.ParseKey(r.Key, s.set.Network, wallet.AddressType(r.AddressType))
	if err != nil {
		read.Problem("key", "%s", fault.Sentence(err))
	}
	if len(read.Problems) > 0 {
		return addition{}, read.Refusal()
	}
	n.Watch = merchant.Watch{Key: merchant.Secret(strings.TrimSpace(r.Key)), Type: r.AddressType, Fingerprint: n.key.Fingerprint()}
	if err := s.free(ctx, n); err != nil {
		return addition{}, err
	}
	n.doc = admin.NewMerchant{
		Name: n.Name, Network: string(s.set.Network), Type: string(n.key.Type()), Fingerprint: n.key.Fingerprint(),
	}
	if r.StartIndex < 0 {
		n.start, n.doc.Note = s.unused(ctx, n.key)
	}
	n.doc.StartIndex = n.start
	n.doc.Addresses, err = keys.Texts(keys.AddressesFrom(ctx, n.key, s.node, n.start))
	return n, err
}

// apply reads settings into a merchant.
func (s *shops) apply(r *config.Reader, m *merchant.Merchant, values []admin.Setting) {
	keys := config.ShopKeys()
	for i, v := range values {
		at := slices.IndexFunc(keys, func(k config.ShopKey) bool { return k.Name == v.Key })
		switch {
		case slices.ContainsFunc(values[:i], func(o admin.Setting) bool { return o.Key == v.Key }):
			r.Problem(v.Key, "is given twice")
		case config.LongKey(v.Key) == config.KeyExposure:
			r.Problem(v.Key, "bounds all merchants together: it is %s of the configuration; edit it in %s and start the daemon anew", config.KeyExposure, s.set.Path)
		case strings.HasPrefix(v.Key, "wallet."):
			r.Problem(v.Key, "a merchant's key is never exchanged; add another merchant with `satchel merchant add`")
		case at < 0 && config.LongKey(v.Key) != v.Key:
			r.Problem(v.Key, "unknown key; it is called %s", config.LongKey(v.Key))
		case at < 0:
			r.Problem(v.Key, "unknown key; `satchel merchant set --help` lists them")
		default:
			s.write(r, m, keys[at], v.Value)
		}
	}
}

func (s *shops) write(r *config.Reader, m *merchant.Merchant, k config.ShopKey, text string) {
	before := len(r.Problems)
	k.Write(r, m, k.Name, text)
	if k.Name != config.KeyURL || text == "" || len(r.Problems) > before {
		return
	}
	if err := notify.CheckURL(text, s.set.AllowPrivate); err != nil {
		text := err.Error()
		if f, ok := errors.AsType[*fault.Error](err); ok {
			text = f.Message
		}
		r.Problem(k.Name, "%s", text)
	}
}

// free refuses a name or a key that another merchant has. A wallet may be written in many ways: what counts is where
// its money goes.
func (s *shops) free(ctx context.Context, n addition) error {
	if err := s.nameFree(ctx, n.Name, ""); err != nil {
		return err
	}
	stats, err := s.store.Stats(ctx)
	if err != nil {
		return err
	}
	for _, k := range stats.Keys {
		if k.Key == n.key.Fingerprint() {
			return s.taken(k.Merchant)
		}
	}
	if err := wallet.Compare(ctx, n.key, s.node, keys.Compared); err != nil {
		if errors.Is(err, wallet.ErrDisagree) {
			return fault.Field("key", "the node derives other addresses from it: %s", err)
		}
		return fault.Field("key", "the node did not derive its addresses, so it is not taken: %s", err)
	}
	return s.elsewhere(ctx, n.key)
}

// elsewhere looks for the key's first addresses among those of the other keys.
func (s *shops) elsewhere(ctx context.Context, key *wallet.WatchKey) error {
	list, err := keys.AddressesFrom(ctx, key, s.node, 0)
	if err != nil {
		return err
	}
	for m, d := range s.keys.All() {
		others, err := keys.AddressesFrom(ctx, d.Watch, s.node, 0)
		if err != nil {
			return err
		}
		for _, a := range list {
			if slices.ContainsFunc(others, func(o wallet.Address) bool { return o.Text == a.Text }) {
				return s.taken(m)
			}
		}
	}
	return nil
}

func (s *shops) taken(m merchant.ID) error {
	return &fault.Error{
		Kind: fault.Conflict, Field: "key",
		Message: fmt.Sprintf("belongs to merchant %s already; two merchants with one key would share addresses", m),
	}
}

func (s *shops) nameFree(ctx context.Context, name string, but merchant.ID) error {
	list, err := s.store.Merchants(ctx)
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.Name == name && m.ID != but {
			return &fault.Error{Kind: fault.Conflict, Field: "name", Message: fmt.Sprintf("%q is the name of merchant %s already", name, m.ID)}
		}
	}
	return nil
}

// unused gives the index above what the node finds used, with a note of how it was found.
func (s *shops) unused(ctx context.Context, key *wallet.WatchKey) (start uint32, note string) {
	return keys.StartAbove(s.node.HighestUsed(ctx, key.Descriptor(), keys.LookedAt))
}

// Set changes settings of a merchant: all of them, or none.
func (s *shops) Set(ctx context.Context, id merchant.ID, values []admin.Setting) (admin.Shop, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == s.first {
		return admin.Shop{}, s.configured(values)
	}
	read := &config.Reader{}
	if len(values) == 0 {
		return admin.Shop{}, fault.New(fault.Invalid, "say what to set, such as invoice.speed=high")
	}
	var probe merchant.Merchant
	s.apply(read, &probe, values)
	if len(read.Problems) > 0 {
		return admin.Shop{}, read.Refusal()
	}
	if probe.Name != "" {
		if err := s.nameFree(ctx, probe.Name, id); err != nil {
			return admin.Shop{}, fault.Named(config.KeyName, err)
		}
	}
	m, err := s.store.UpdateMerchant(ctx, id, func(m *merchant.Merchant) error {
		s.apply(&config.Reader{}, m, values)
		return nil
	})
	if err != nil {
		return admin.Shop{}, err
	}
	s.log.Info("merchant's settings changed", "merchant", string(id))
	return s.document(m), nil
}

// configured refuses to set what stands in the configuration, which would win at the next start.
func (s *shops) configured(values []admin.Setting) error {
	r := &config.Reader{}
	for _, v := range values {
		section, key, ok := strings.Cut(config.LongKey(v.Key), ".")
		if !ok {
			r.Problem(v.Key, "unknown key; `satchel merchant set --help` lists them")
			continue
		}
		r.Problem(v.Key, "this merchant is the configuration's own; edit %s under [%s] in %s and start the daemon anew", key, section, s.set.Path)
	}
	if len(values) == 0 {
		r.Problem("merchant", "this one is the configuration's own; edit %s and start the daemon anew", s.set.Path)
	}
	return r.Refusal()
}
