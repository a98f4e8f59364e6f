package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/store/storetest"
)

// third is a merchant with a watch key of its own.
func third() (merchant.Merchant, Key) {
	m := shop("shop-000000000000000003")
	m.Name = "Third"
	m.Watch = merchant.Watch{Key: "tpubthird", Type: "p2wpkh", Fingerprint: "third-key"}
	m.Settings = merchant.Settings{Speed: merchant.High, ZeroConf: merchant.Never, MaxOpen: 7, NotificationURL: "https://third.example/ipn"}
	return m, Key{Fingerprint: "third-key", Merchant: m.ID, Next: 5, Birthday: 100}
}

func TestAMerchantComesWithItsKey(t *testing.T) {
	path := create(t)
	m, key := third()
	t.Run("added", func(t *testing.T) {
		db := open(t, config(path))
		if err := db.AddMerchant(t.Context(), m, key); err != nil {
			t.Fatal(err)
		}
	})
	db := open(t, config(path))
	back, err := db.Merchant(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, back, cmp.Comparer(func(a, b merchant.Secret) bool { return a == b })); d != "" {
		t.Errorf("what was added and what is read differ:\n%s", d)
	}
	stats, err := db.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := invoice.KeyStats{Merchant: m.ID, Key: "third-key", Next: 5}
	if len(stats.Keys) != 3 || stats.Keys[2] != want {
		t.Errorf("the keys are %+v, want %+v among them", stats.Keys, want)
	}
}

// Whatever is refused leaves nothing: no merchant without a key, no key without a merchant.
func TestAddMerchantRefusesWhatIsInUse(t *testing.T) {
	db := open(t, config(create(t)))
	m, key := third()
	if err := db.AddMerchant(t.Context(), m, key); err != nil {
		t.Fatal(err)
	}
	other, free := m, Key{Fingerprint: "fourth-key", Next: 0}
	other.ID, other.Name, other.Watch.Fingerprint = "shop-000000000000000004", "Fourth", "fourth-key"
	for name, c := range map[string]struct {
		change func(*merchant.Merchant, *Key)
		field  string
	}{
		"key":           {func(m *merchant.Merchant, k *Key) { m.Watch.Fingerprint, k.Fingerprint = "third-key", "third-key" }, "key"},
		"first's key":   {func(m *merchant.Merchant, k *Key) { m.Watch.Fingerprint, k.Fingerprint = "test-key", "test-key" }, "key"},
		"name":          {func(m *merchant.Merchant, _ *Key) { m.Name = "Third" }, "name"},
		"id":            {func(m *merchant.Merchant, _ *Key) { m.ID = storetest.Shop }, ""},
		"no id":         {func(m *merchant.Merchant, _ *Key) { m.ID = "" }, ""},
		"another print": {func(_ *merchant.Merchant, k *Key) { k.Fingerprint = "fifth-key" }, ""},
		"start":         {func(_ *merchant.Merchant, k *Key) { k.Next = maxIndex + 1 }, ""},
	} {
		m, k := other, free
		c.change(&m, &k)
		k.Merchant = m.ID
		err := db.AddMerchant(t.Context(), m, k)
		f, _ := errors.AsType[*fault.Error](err)
		if err == nil || c.field != "" && (f == nil || f.Field != c.field || f.Kind != fault.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	list, err := db.Merchants(t.Context())
	keys, err2 := db.Keys(t.Context())
	if err != nil || err2 != nil || len(list) != 3 || len(keys) != 3 {
		t.Errorf("refused merchants left %d merchants and %d keys (%v, %v)", len(list), len(keys), err, err2)
	}
}

// Many try at once, with one key: one gets it.
func TestOneOfManyGetsTheKey(t *testing.T) {
	db := open(t, config(create(t)))
	var wg sync.WaitGroup
	var mu sync.Mutex
	added := 0
	for i := range 20 {
		wg.Go(func() {
			m, key := third()
			m.ID, m.Name = merchant.ID(fmt.Sprintf("shop-%017d", 100+i)), fmt.Sprint(i)
			key.Merchant = m.ID
			err := db.AddMerchant(t.Context(), m, key)
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
	if list, err := db.Merchants(t.Context()); added != 1 || err != nil || len(list) != 3 {
		t.Fatalf("%d merchants have one key; %d are there (%v)", added, len(list), err)
	}
}

func TestUpdateMerchantChangesWhatItIsGiven(t *testing.T) {
	db := open(t, config(create(t)))
	m, key := third()
	if err := db.AddMerchant(t.Context(), m, key); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, err := db.UpdateMerchant(t.Context(), m.ID, func(m *merchant.Merchant) error {
				m.Settings.MaxOpen++
				m.ID = "another"
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	boom := errors.New("boom")
	_, err := db.UpdateMerchant(t.Context(), m.ID, func(m *merchant.Merchant) error {
		m.Settings.MaxOpen = 0
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	back, err := db.Merchant(t.Context(), m.ID)
	if err != nil || back.Settings.MaxOpen != 57 || back.Watch != m.Watch {
		t.Errorf("after 50 changes at once: %+v (%v)", back, err)
	}
	if _, err := db.UpdateMerchant(t.Context(), "nobody", func(*merchant.Merchant) error { return nil }); !fault.Is(err, fault.NotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func TestOpenInvoicesAreTheMerchantsOwn(t *testing.T) {
	db := open(t, config(create(t)))
	for i := range 3 {
		newInvoice(t, db, fmt.Sprintf("invoice-%d", i))
	}
	for m, want := range map[merchant.ID]int{storetest.Shop: 3, storetest.Other: 0} {
		if n, err := db.OpenInvoices(t.Context(), m); err != nil || n != want {
			t.Errorf("%s has %d open invoices, want %d (%v)", m, n, want, err)
		}
	}
	if _, err := db.OpenInvoices(t.Context(), "nobody"); !fault.Is(err, fault.NotFound) {
		t.Errorf("nobody: %v", err)
	}
}

// A backup carries every merchant with its key and its counter.
func TestBackupCarriesEveryMerchant(t *testing.T) {
	db := open(t, config(create(t)))
	m, key := third()
	if err := db.AddMerchant(t.Context(), m, key); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "backup.db")
	backup(t, db, path)
	if problems, err := CheckFile(t.Context(), path); err != nil || len(problems) > 0 {
		t.Fatalf("%v %v", problems, err)
	}
	restored := open(t, config(path))
	back, err := restored.Merchant(t.Context(), m.ID)
	if err != nil || back.Watch.Key.Reveal() != "tpubthird" || back.Secrets.Webhook.Reveal() != m.Secrets.Webhook.Reveal() {
		t.Errorf("restored: %+v (%v)", back, err)
	}
	keys, err := restored.Keys(t.Context())
	if err != nil || len(keys) != 3 || keys[2].Next != 5 || keys[2].Merchant != m.ID {
		t.Errorf("restored keys: %+v (%v)", keys, err)
	}
}

// Check finds a merchant whose key is lost or somebody else's, and an invoice on another merchant's key.
func TestCheckHoldsMerchantsToTheirKeys(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *txn) error
		want  string
	}{
		"lost": {func(t *txn) error { return t.remove(bKeys, []byte("third-key")) }, "its watch key is missing"},
		"stolen": {func(t *txn) error {
			rec, _, err := t.watchKey("third-key")
			rec.No = 1
			return errors.Join(err, t.save(bKeys, []byte("third-key"), rec))
		}, "its watch key is another merchant's"},
		"textless": {func(t *txn) error {
			no, err := t.merchantNo("shop-000000000000000003")
			if err != nil {
				return err
			}
			m, err := t.shop(no)
			m.Watch.Key = ""
			return errors.Join(err, t.putMerchant(&m))
		}, "its watch key is missing"},
		"an invoice's": {func(t *txn) error {
			rec, _, err := t.watchKey("test-key")
			rec.No = 2
			return errors.Join(err, t.save(bKeys, []byte("test-key"), rec))
		}, "its watch key is another merchant's"},
	} {
		t.Run(name, func(t *testing.T) {
			path := create(t)
			t.Run("sound", func(t *testing.T) {
				db := open(t, config(path))
				m, key := third()
				if err := db.AddMerchant(t.Context(), m, key); err != nil {
					t.Fatal(err)
				}
				newInvoice(t, db, "invoice-1")
			})
			spoil(t, path, c.spoil)
			problems, err := CheckFile(t.Context(), path)
			if err != nil || len(problems) != 1 || problems[0].What != c.want {
				t.Errorf("found %v (%v)", problems, err)
			}
		})
	}
}

// spoil changes a closed file behind the store's back.
func spoil(t *testing.T, path string, fn func(t *txn) error) {
	t.Helper()
	file, err := openBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Update(func(tx *bolt.Tx) error { return fn(newTxn(nil, tx)) }), file.Close()); err != nil {
		t.Fatal(err)
	}
}
