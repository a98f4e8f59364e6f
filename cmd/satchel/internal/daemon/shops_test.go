package daemon

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/admin"
	"satchel/cmd/satchel/internal/config"
	"satchel/cmd/satchel/internal/keys"
	"satchel/cmd/satchel/internal/keys/keystest"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/regtest"
	"satchel/store"
	"satchel/wallet"
)

// street is shops on a real store, with the configuration's merchant in it.
type street struct {
	*shops
	t    *testing.T
	db   *store.DB
	path string
}

func newStreet(t *testing.T, node agreeing) *street {
	t.Helper()
	set, problems := config.Parse("network = \"regtest\"\n[wallet]\nkey = \""+regtest.WatchKey+"\"\n[invoice]\nspeed = \"high\"\n[merchant]\nname = \"First\"\nnotification_url = \"https://first.example/ipn\"\nfull_notifications = false\n", t.TempDir())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	set.Path = "/etc/satchel.toml"
	path := filepath.Join(t.TempDir(), "satchel.db")
	first := merchant.Merchant{ID: "first", Name: set.MerchantName, Settings: set.Merchant}
	if err := store.Create(path, "regtest", first); err != nil {
		t.Fatal(err)
	}
	keys := keys.New()
	keys.Put(first.ID, set.Key)
	db, err := store.Open(store.Config{Path: path, Derivers: keys})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	t.Cleanup(func() {
		problems, err := db.Check(context.Background())
		cancel()
		if err := errors.Join(err, <-done, db.Close()); err != nil || len(problems) > 0 {
			t.Errorf("check: %v %v", problems, err)
		}
	})
	if err := db.RegisterKey(ctx, store.Key{Fingerprint: set.Key.Fingerprint(), Merchant: first.ID}); err != nil {
		t.Fatal(err)
	}
	return &street{t: t, db: db, path: path, shops: &shops{
		set: set, first: first.ID, store: db, node: node, keys: keys, now: time.Now, log: slog.New(slog.DiscardHandler),
	}}
}

func (s *street) add(r admin.MerchantRequest) admin.NewMerchant {
	s.t.Helper()
	m, err := s.Add(s.t.Context(), r)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// second is a wish that nothing speaks against.
func second(t *testing.T) admin.MerchantRequest {
	t.Helper()
	_, vpub := keystest.Account(t, 2)
	return admin.MerchantRequest{Name: "Second", Key: vpub, StartIndex: -1}
}

func (s *street) merchant(id string) merchant.Merchant {
	s.t.Helper()
	m, err := s.db.Merchant(s.t.Context(), merchant.ID(id))
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// invoices counts how many invoices a merchant can be given, which is what an added key is for.
func (s *street) invoice(m string) (invoice.Invoice, error) {
	id := invoice.NewID()
	return s.db.Create(s.t.Context(), invoice.Creation{Merchant: merchant.ID(m)}, func(slot invoice.Slot) (invoice.Invoice, []invoice.Event, error) {
		return invoice.Invoice{Ref: slot.Ref, ID: id, Address: slot.Address, State: invoice.State{Status: invoice.New}}, nil, nil
	})
}

func TestAddedMerchantsKeyIsLiveAtOnce(t *testing.T) {
	s := newStreet(t, agreeing{})
	r := second(t)
	r.Settings = []admin.Setting{{Key: "invoice.speed", Value: "low"}, {Key: "merchant.notification_url", Value: "http://127.0.0.1:1/ipn"}}
	m := s.add(r)
	if m.ID == "" || m.StartIndex != 0 || m.Type != "p2wpkh" || m.Network != "regtest" || !strings.HasPrefix(m.Secret, "whsec_") {
		t.Errorf("added %+v", m)
	}
	for i, address := range m.Addresses {
		if inv, err := s.invoice(m.ID); err != nil || inv.Address.Text != address || inv.Address.Index != uint32(i) {
			t.Errorf("invoice %d is at %+v, %s was shown (%v)", i, inv.Address, address, err)
		}
	}
	got := s.merchant(m.ID)
	want := s.set.Merchant // the configuration's [invoice], and nothing of its [merchant]
	want.Speed, want.NotificationURL, want.FullNotifications, want.ZeroConfExposure = merchant.Low, "http://127.0.0.1:1/ipn", true, 0
	if d := cmp.Diff(want, got.Settings); d != "" {
		t.Errorf("its settings:\n%s", d)
	}
	if got.Watch.Key.Reveal() != r.Key || got.Watch.Fingerprint != m.Fingerprint || got.Secrets.Webhook.Reveal() != m.Secret || got.Created.IsZero() {
		t.Errorf("kept: %+v", got)
	}
	list, err := s.List(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v %v", list, err)
	}
	if l := list[0]; l.ID != "first" || !l.Configured || l.Name != "First" || l.Next != 0 || l.Open != 0 || l.Settings[config.KeyExposure] == "" {
		t.Errorf("the first: %+v", l)
	}
	if l := list[1]; l.ID != m.ID || l.Configured || l.Next != 3 || l.Open != 3 || l.Fingerprint != m.Fingerprint || l.Settings["invoice.speed"] != "low" {
		t.Errorf("the second: %+v", l)
	}
	if _, ok := list[1].Settings[config.KeyExposure]; ok {
		t.Error("a bound over all merchants is shown as one's own")
	}
}

// Check does nothing, and says what Add will do.
func TestCheckAddsNothing(t *testing.T) {
	s := newStreet(t, agreeing{highest: func() (int64, error) { return 41, nil }})
	doc, err := s.Check(t.Context(), second(t))
	if err != nil || doc.ID != "" || doc.Secret != "" || doc.StartIndex != 42 || !strings.Contains(doc.Note, "address 41") {
		t.Fatalf("%+v %v", doc, err)
	}
	if list, err := s.List(t.Context()); err != nil || len(list) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	added := s.add(second(t))
	if d := cmp.Diff(doc.Addresses, added.Addresses); d != "" {
		t.Errorf("shown and issued addresses differ:\n%s", d)
	}
	s.node = agreeing{highest: func() (int64, error) { return 0, errors.New("a scan runs already") }}
	r := second(t)
	r.Name = "Third"
	_, r.Key = keystest.Account(t, 3)
	if doc, err := s.Check(t.Context(), r); err != nil || doc.StartIndex != 0 || !strings.Contains(doc.Note, "--start-index") {
		t.Errorf("%+v %v", doc, err)
	}
	r.StartIndex = 7
	if doc, err := s.Check(t.Context(), r); err != nil || doc.StartIndex != 7 || doc.Note != "" {
		t.Errorf("%+v %v", doc, err)
	}
}

// Every problem of a request is told at once, each under its name, and none shows the key.
func TestProblemsOfANewMerchant(t *testing.T) {
	s := newStreet(t, agreeing{})
	_, err := s.Add(t.Context(), admin.MerchantRequest{
		Name: " ", Key: keystest.Private(t, 4), StartIndex: 1 << 31, Birthday: -1,
		Settings: []admin.Setting{
			{Key: "invoice.speed", Value: "fast"},
			{Key: "invoice.window", Value: "1s"},
			{Key: "invoice.window", Value: "1m"},
			{Key: "invoice.tolerance", Value: "100%"},
			{Key: "invoice.max_open", Value: "0"},
			{Key: "invoice.zero_conf", Value: "sometimes"},
			{Key: "invoice.zero_conf_exposure", Value: "1 BTC"},
			{Key: "merchant.notification_url", Value: "ftp://shop.example"},
			{Key: "merchant.full_notifications", Value: "perhaps"},
			{Key: "merchant.currency", Value: "XXX"},
			{Key: "merchant.colour", Value: "red"},
			{Key: "wallet.key", Value: "tpub"},
		},
	})
	if !fault.Is(err, fault.Invalid) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		"name: is empty", "key: this is a private key", "start_index: must be", "birthday: must be", "invoice.speed: \"fast\"",
		"invoice.window: must be between", "invoice.window: is given twice", "invoice.tolerance: with 100%", "invoice.max_open: must be",
		"invoice.zero_conf: \"sometimes\"", "invoice.zero_conf_exposure: bounds all merchants", "merchant.notification_url: \"ftp",
		"merchant.full_notifications: \"perhaps\"", "merchant.currency: \"XXX\"", "merchant.colour: unknown key", "wallet.key: a merchant's key is never exchanged",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told in:\n%s", want, err)
		}
	}
	if strings.Contains(err.Error(), keystest.Private(t, 4)) {
		t.Error("the refusal repeats the private key")
	}
	if list, err := s.List(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
}

// One wallet serves one merchant, however it is written; and what the node does not derive alike is not taken.
func TestKeysThatAreNotTaken(t *testing.T) {
	s := newStreet(t, agreeing{})
	m := s.add(second(t))
	tpub, vpub := keystest.Account(t, 2)
	const mainnet = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
	for name, c := range map[string]struct{ key, kind, want string }{
		"the same text":       {vpub, "", "merchant " + m.ID},
		"as tpub":             {tpub, "p2wpkh", "merchant " + m.ID},
		"as descriptor":       {"wpkh(" + tpub + "/0/*)", "", "merchant " + m.ID},
		"with branches":       {"wpkh([01234567/84h/1h/0h]" + tpub + "/<0;1>/*)", "", "merchant " + m.ID},
		"the configuration's": {regtest.WatchKey, "", "merchant first"},
		"another network":     {mainnet, "", "the network is regtest"},
		"no type":             {tpub, "", "address_type"},
		"nonsense":            {"hello", "", "neither an extended public key"},
		"none":                {"", "", "the key is empty"},
	} {
		_, err := s.Add(t.Context(), admin.MerchantRequest{Name: "Third", Key: c.key, AddressType: c.kind})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), tpub) {
			t.Errorf("%s: the refusal shows the key: %v", name, err)
		}
	}
	if _, err := s.Add(t.Context(), admin.MerchantRequest{Name: "Third", Key: "wpkh(" + tpub + "/1/*)"}); err != nil {
		t.Errorf("another branch of the key has other addresses: %v", err)
	}
	r := second(t)
	if _, r.Key = keystest.Account(t, 5); r.Key == "" {
		t.Fatal("no key")
	}
	if _, err := s.Add(t.Context(), r); err == nil || !strings.Contains(err.Error(), "name of merchant "+m.ID) {
		t.Errorf("a name twice: %v", err)
	}
	r.Name = "Fourth"
	for name, node := range map[string]agreeing{
		"disagrees": {derive: func(_ string, from, to uint32) ([]wallet.Address, error) {
			return agreeing{}.DeriveScripts(t.Context(), s.set.Key.Descriptor(), from, to)
		}},
		"is away": {derive: func(string, uint32, uint32) ([]wallet.Address, error) { return nil, errors.New("connection refused") }},
	} {
		s.node = node
		if _, err := s.Add(t.Context(), r); err == nil || !strings.HasPrefix(err.Error(), "key: the node ") {
			t.Errorf("the node %s: %v", name, err)
		}
	}
}

// Two texts that are one wallet, but not to us: what counts is where the money goes.
func TestTheSameAddressesUnderTwoNames(t *testing.T) {
	a, _ := keystest.Account(t, 6)
	b, _ := keystest.Account(t, 7)
	one, _, err := keyOf("wsh(sortedmulti(1," + a + "/0/*," + b + "/0/*))")
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := keyOf("wsh(sortedmulti(1," + b + "/0/*," + a + "/0/*))")
	if err != nil || one.Fingerprint() == two.Fingerprint() {
		t.Fatalf("the test needs two fingerprints: %v", err)
	}
	same := func(_ string, from, to uint32) (list []wallet.Address, err error) {
		for i := from; i < to; i++ {
			script := append([]byte{0, 32}, make([]byte, 32)...)
			script[33] = byte(i)
			text, _ := wallet.AddressFor(script, wallet.Regtest)
			list = append(list, wallet.Address{Text: text, Script: script, Index: i})
		}
		return list, nil
	}
	s := newStreet(t, agreeing{derive: func(descriptor string, from, to uint32) ([]wallet.Address, error) {
		if strings.HasPrefix(descriptor, "wsh(") {
			return same(descriptor, from, to)
		}
		return agreeing{}.DeriveScripts(t.Context(), descriptor, from, to)
	}})
	m := s.add(admin.MerchantRequest{Name: "Second", Key: one.Descriptor()})
	if _, err := s.invoice(m.ID); err != nil {
		t.Errorf("addresses that only the node derives are not ready: %v", err)
	}
	_, err = s.Add(t.Context(), admin.MerchantRequest{Name: "Third", Key: two.Descriptor()})
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), m.ID) {
		t.Errorf("got %v", err)
	}
	s.keys.Put("third", two) // as a configuration could say it
	if err := s.keys.Agree(t.Context(), s.node); !errors.Is(err, keys.ErrShared) {
		t.Errorf("at the next start: %v", err)
	}
}

func keyOf(text string) (*wallet.WatchKey, string, error) {
	key, err := wallet.ParseKey(text, wallet.Regtest, "")
	return key, text, err
}

// Many add the same key at once: one gets it, and the others are told.
func TestOneOfManyIsAdded(t *testing.T) {
	s := newStreet(t, agreeing{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	added := 0
	for range 10 {
		wg.Go(func() {
			_, err := s.Add(t.Context(), second(t))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				added++
			} else if !fault.Is(err, fault.Conflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if list, err := s.List(t.Context()); added != 1 || err != nil || len(list) != 2 {
		t.Errorf("%d were added, %d are there (%v)", added, len(list), err)
	}
}

func TestSettingsChangeTogetherOrNotAtAll(t *testing.T) {
	s := newStreet(t, agreeing{})
	m := s.add(second(t))
	id := merchant.ID(m.ID)
	before := s.merchant(m.ID)
	_, err := s.Set(t.Context(), id, []admin.Setting{{Key: "invoice.speed", Value: "low"}, {Key: "invoice.window", Value: "never"}, {Key: "invoice.tolerance", Value: "x"}})
	if err == nil || !strings.Contains(err.Error(), "invoice.window: ") || !strings.Contains(err.Error(), "invoice.tolerance: ") {
		t.Errorf("got %v", err)
	}
	if after := s.merchant(m.ID); after.Settings != before.Settings {
		t.Errorf("a refusal changed %+v", after.Settings)
	}
	values := map[string]string{
		"invoice.window": "20m0s", "invoice.speed": "low", "invoice.tolerance": "0.5%", "invoice.invalid_after": "2h0m0s",
		"invoice.late_accept": "5m0s", "invoice.late_max_move": "1%", "invoice.zero_conf": "never", "invoice.zero_conf_dwell": "3s",
		"invoice.zero_conf_max": "0.00500000 BTC", "invoice.max_open": "5", "merchant.notification_url": "https://second.example/ipn",
		"merchant.full_notifications": "false", "merchant.currency": "EUR",
	}
	var list []admin.Setting
	for key, value := range values {
		list = append(list, admin.Setting{Key: key, Value: value})
	}
	list = append(list, admin.Setting{Key: config.KeyName, Value: "Zweiter Laden"})
	doc, err := s.Set(t.Context(), id, list)
	if err != nil || doc.Name != "Zweiter Laden" {
		t.Fatalf("%+v %v", doc, err)
	}
	if d := cmp.Diff(values, doc.Settings); d != "" {
		t.Errorf("what was set and what is read differ:\n%s", d)
	}
	if len(values)+2 != len(config.ShopKeys()) {
		t.Errorf("%d of %d keys are tried", len(values)+2, len(config.ShopKeys()))
	}
	after := s.merchant(m.ID)
	if after.Watch != before.Watch || after.Secrets.Webhook != before.Secrets.Webhook || after.Settings.MaxOpen != 5 {
		t.Errorf("kept: %+v", after)
	}
	for name, c := range map[string]struct {
		m      merchant.ID
		values []admin.Setting
		want   string
	}{
		"taken name":    {id, []admin.Setting{{Key: config.KeyName, Value: "First"}}, "merchant.name: "},
		"nothing":       {id, nil, "say what to set"},
		"nobody":        {"nobody", []admin.Setting{{Key: "invoice.speed", Value: "low"}}, "No such merchant"},
		"configured":    {"first", []admin.Setting{{Key: "invoice.speed", Value: "low"}, {Key: config.KeyURL, Value: ""}}, "edit speed under [invoice] in /etc/satchel.toml"},
		"configured, 2": {"first", []admin.Setting{{Key: "invoice.speed", Value: "low"}, {Key: config.KeyURL, Value: ""}}, "edit notification_url under [merchant]"},
		"key":           {id, []admin.Setting{{Key: "wallet.key", Value: "tpub"}}, "never exchanged"},
	} {
		if _, err := s.Set(t.Context(), c.m, c.values); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if doc, err := s.Set(t.Context(), id, []admin.Setting{{Key: config.KeyName, Value: "Zweiter Laden"}, {Key: config.KeyURL, Value: ""}}); err != nil || doc.Settings[config.KeyURL] != "" {
		t.Errorf("its own name again, and no URL: %+v %v", doc, err)
	}
}

// Where callbacks may go is decided as for invoices: not into the operator's own network, unless it is allowed.
func TestSettingsRefuseAPrivateEndpoint(t *testing.T) {
	s := newStreet(t, agreeing{})
	s.set.AllowPrivate = false
	m := s.add(second(t))
	_, err := s.Set(t.Context(), merchant.ID(m.ID), []admin.Setting{{Key: config.KeyURL, Value: "http://127.0.0.1:8080/ipn"}})
	if err == nil || !strings.HasPrefix(err.Error(), config.KeyURL+": must not lead to") {
		t.Errorf("got %v", err)
	}
}

// The daemon does not start on a record whose key it cannot take as it was.
func TestKeysAreLoadedAsTheyWere(t *testing.T) {
	s := newStreet(t, agreeing{})
	m := s.add(second(t))
	d := &parts{set: s.set, db: s.db, keys: keys.New()}
	if err := d.loadKeys(); err != nil || d.merchant != "first" || len(d.keys.All()) != 2 || d.keys.WatchKey(m.Fingerprint) == nil {
		t.Fatalf("%v %+v", err, d.keys.All())
	}
	other, _ := keystest.Account(t, 8)
	for text, want := range map[string]string{"gone": "the key of merchant " + m.ID, "wpkh(" + other + "/0/*)": "another one than it was"} {
		s.must(s.db.UpdateMerchant(t.Context(), merchant.ID(m.ID), func(m *merchant.Merchant) error {
			m.Watch.Key = merchant.Secret(text)
			return nil
		}))
		err := (&parts{set: s.set, db: s.db, keys: keys.New()}).loadKeys()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), other) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func (s *street) must(_ merchant.Merchant, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
